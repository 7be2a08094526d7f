"""Which targets of a build that failed are left out, so that the others are built."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from msgspec.structs import replace

from gobake.errors import BuildFailed, CompileFailed, DiskFull, GobakeError, NoEngine
from gobake.gotool.packages import Trouble
from gobake.model import Platform
from gobake.outcome.keep_going import NotBuilt, error, own_faults, unreadable, without
from gobake.plan.discover import Opened, open_project
from gobake.plan.request import ProjectRequest
from gobake.runs.outcomes import Outcome
from gobake.targets.matrix import Matrix, Selection, select
from gobake.trace.names import parse_name
from gobake.trace.steps import Step, Trace, steps
from tests.conftest import Tree
from tests.unit.recorded import read

AMD64 = Platform(os="linux", arch="amd64")
MAIN = 'package main\n\nfunc main() { println("main") }\n'
KEEP = {
    "go.mod": "module example.com/keep\n\ngo 1.26\n",
    "lib/lib.go": 'package lib\n\nvar Name = "lib"\n',
    "bad/bad.go": 'package bad\n\nvar Name int = "x"\n',
    "cmd/good/main.go": 'package main\n\nimport "example.com/keep/lib"\n\nfunc main() { println(lib.Name) }\n',
    "cmd/other/main.go": MAIN,
    "cmd/broken/main.go": 'package main\n\nimport "example.com/keep/bad"\n\nfunc main() { println(bad.Name) }\n',
    "cmd/nomain/main.go": MAIN,
    "cmd/far/main.go": 'package main\n\nimport "example.com/far/away"\n\nfunc main() { away.Go() }\n',
}
FAILED = CompileFailed("Go refused the code")


@pytest.fixture
def opened(tree: Tree) -> Opened:
    return open_project(ProjectRequest(directory=tree(KEEP)))


def matrix(opened: Opened, **selected: object) -> Matrix:
    return select(opened.project, Selection(**selected), (AMD64,))  # type: ignore[arg-type]


def faults(opened: Opened, seen: Trace, why: GobakeError = FAILED, among: Matrix | None = None) -> list[NotBuilt]:
    return list(own_faults(opened.project, opened.tree, among or matrix(opened), seen, why))


def failed(name: str, log: str = "", why: str = "exit code: 1") -> Trace:
    targets = frozenset(("good-scratch", "other-scratch", "broken-scratch", "_own-base"))
    step = Step(
        name=parse_name(name, targets),
        key=name,
        digests=("sha256:1",),
        outcome=Outcome.EXECUTED,
        started=1.0,
        completed=2.0,
        failed=True,
        error=f'process "/bin/sh -c a && b" did not complete successfully: {why}',
    )
    return Trace(steps=(step,), logs={name: log})


def compile_said(*lines: str) -> Trace:
    return failed("[good-scratch compile 2/2] RUN go build", "".join(f"{line}\n" for line in lines))


def names(found: list[NotBuilt]) -> list[str]:
    return [fault.name for fault in found]


def test_what_does_not_compile_and_what_does_not_link_are_left_out_alone(opened: Opened) -> None:
    broken, nomain = faults(opened, steps(read("two-refused")))
    assert (broken.name, nomain.name) == ("broken-scratch", "nomain-scratch")
    assert broken.reason.endswith(
        'bad/bad.go:3:16: cannot use "x" (untyped string constant) as int value in variable declaration'
    )
    assert nomain.reason == (
        "Go refused the code: example.com/keep/cmd/nomain: function main is undeclared in the main package"
    )  # fmt: skip


def test_a_package_that_is_missing_costs_those_that_import_it(opened: Opened) -> None:
    line = "cmd/far/main.go:3:8: no required module provides package example.com/far/away; to add it:"
    (far,) = faults(opened, compile_said(line, "\tgo get example.com/far/away"))
    assert far.name == "far-scratch"
    assert "no required module provides package example.com/far/away" in far.reason


def test_all_strategies_of_a_service_that_does_not_compile_are_left_out(opened: Opened) -> None:
    among = matrix(opened, every_strategy=True)
    found = faults(opened, compile_said("# example.com/keep/bad", "bad/bad.go:3:16: x"), among=among)
    assert {name.partition("-")[0] for name in names(found)} == {"broken"}
    assert (
        len(found) == len([t for t in among.targets if t.service.name == "broken"]) - 1
    )  # prebuilt is compiled outside


@pytest.mark.parametrize(
    "lines",
    [
        ("# example.com/far/away", "/go/pkg/mod/example.com/far@v1.0.0/away/a.go:1:1: undefined: x"),
        ("# example.com/far/deep", "/go/pkg/mod/example.com/far@v1.0.0/deep/d.go:1:1: undefined: x"),
    ],
    ids=["imported", "of a module that is imported"],
)
def test_a_package_of_another_module_costs_those_that_import_the_module(opened: Opened, lines: tuple[str, ...]) -> None:
    assert names(faults(opened, compile_said(*lines))) == ["far-scratch"]


@pytest.mark.parametrize(
    "line", ["go: example.com/far@v1.0.0: reading: 404 Not Found", "# unknown/pkg\nunknown.go:1:1: x"]
)
def test_a_complaint_that_may_be_of_all_costs_all_of_its_stage(opened: Opened, line: str) -> None:
    assert len(faults(opened, compile_said(line))) == len(matrix(opened).targets)


def test_a_failed_image_costs_that_image(opened: Opened) -> None:
    (fault,) = faults(opened, failed("[good-scratch good-scratch 2/3] COPY a b", why="not found"), BuildFailed("x"))
    assert fault == NotBuilt(name="good-scratch", reason="COPY a b: not found")


def test_a_base_image_that_is_missing_costs_those_that_stand_on_it(opened: Opened) -> None:
    among = matrix(opened, every_strategy=True)
    seen = failed("[good-scratch internal] load metadata for docker.io/library/debian:nope")
    project = replace(opened.project, bases=replace(opened.project.bases, debian="debian:nope"))
    found = own_faults(project, opened.tree, among, seen, BuildFailed("x"))
    assert {fault.name for fault in found} == {t.name for t in among.targets if t.strategy == "debian-slim"}
    go = failed(f"[good-scratch internal] load metadata for docker.io/library/{project.bases.go}")
    assert own_faults(project, opened.tree, among, go, BuildFailed("x")) == ()


@pytest.mark.parametrize("why", [DiskFull("the engine's disk is full"), NoEngine("it is gone")])
def test_what_fails_for_all_leaves_nothing_out(opened: Opened, why: GobakeError) -> None:
    assert faults(opened, steps(read("two-refused")), why) == []


@pytest.mark.parametrize("name", ["[certificates 2/2] RUN cp", "[good-scratch go 1/1] FROM golang"])
def test_a_stage_that_all_need_leaves_nothing_out(opened: Opened, name: str) -> None:
    assert faults(opened, failed(name)) == []


def test_the_run_says_how_much_was_not_built(opened: Opened) -> None:
    found = faults(opened, steps(read("two-refused")))
    rest = without(matrix(opened), found)
    assert [t.name for t in rest.targets] == ["far-scratch", "good-scratch", "other-scratch"]
    said = error(found, rest)
    assert said is not None
    assert said.exit_code == 4
    assert str(said).startswith("2 of 5 targets were not built: broken-scratch, nomain-scratch; the first: Go refused")
    assert "gobake build NAME" in said.remedy
    assert error([], rest) is None


def test_modules_and_commands_that_go_cannot_read_are_named_and_a_library_that_nobody_needs_is_not(tree: Tree) -> None:
    never = {"tools/gen/gen.go": "//go:build never\n\npackage main\n", "unused/unused.go": "package unused\n"}
    found = open_project(ProjectRequest(directory=tree({**KEEP, **never})))
    troubles = [
        Trouble(
            directory=PurePosixPath(folder),
            words=f"{folder}/x.go:3:1: expected ')'",
            package=f"example.com/keep/{folder}",
        )
        for folder in ("tools/gen", "unused", "bad")
    ]
    module = Trouble(
        directory=PurePosixPath("side"), words="reading ../gone/go.mod:\n\tno such file", module="example.com/side"
    )
    command, side = unreadable(matrix(found), replace(found.tree, troubles=(*troubles, module)))
    assert (command.name, command.is_target) == ("example.com/keep/tools/gen", False)
    assert command.reason == "Go cannot read it: tools/gen/x.go:3:1: expected ')'"
    assert (side.name, side.words) == ("example.com/side", ("reading ../gone/go.mod:", "no such file"))
    said = error([side], matrix(found))
    assert said is not None
    assert str(said).startswith("Go cannot read example.com/side; the first: Go cannot read it: reading ../gone/go.mod")


def test_nothing_is_unreadable_where_go_reads_all(opened: Opened) -> None:
    assert unreadable(matrix(opened), opened.tree) == ()
