"""What can be chosen about a program, in which builds it is measured, and what the table says of them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from gobake import recipe
from gobake.caching import apart
from gobake.cli.size_against import Shipped
from gobake.cli.size_choices import Choosing
from gobake.errors import BuildFailed, UsageError
from gobake.model import BuildOptions, Platform, Service, Stamp, Strategy
from gobake.plan.discover import Opened, open_project
from gobake.plan.request import ProjectRequest
from gobake.recipe.stages import compile_stages
from gobake.report import savings as shown
from gobake.report import size as report
from gobake.size import choices, tried
from gobake.size.choices import Choice, Compiles
from gobake.size.growth import document
from gobake.size.measure import Measured
from gobake.size.twin import Twinning
from gobake.size.values import ProgramSize, Saving, Savings, SizeReport, decoded
from tests.conftest import Gobake, Tree
from tests.unit.recipe.test_dockerfile import service as plain
from tests.unit.report.test_schemas import strict
from tests.unit.size.test_growth import module, program

AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")


def service(**options: Any) -> Service:
    return replace(plain(), build=BuildOptions(**options))


def changes(of: Service, platform: Platform = AMD64, *tags: str, packed: bool = False) -> dict[str, Choice]:
    return {one.name: one for one in choices.choices(of, platform, tags, packed=packed)}


# ---- what can be chosen


def test_each_choice_changes_one_thing() -> None:
    found = changes(service(), AMD64, "debug")
    plainly = BuildOptions()
    assert {name: one.build for name, one in found.items()} == {
        "strip": replace(plainly, ldflags=""),
        "trimpath": replace(plainly, trimpath=False),
        "netgo": replace(plainly, tags=("netgo",)),
        "osusergo": replace(plainly, tags=("osusergo",)),
        "tags=debug": replace(plainly, tags=("debug",)),
        "upx": plainly,
        **{f"GOAMD64={level}": replace(plainly, env=(("GOAMD64", level),)) for level in ("v2", "v3", "v4")},
    }
    assert [name for name, one in found.items() if one.packed] == ["upx"]
    assert [one.change for one in found.values()][:6] == [
        *("without -s -w", "without -trimpath", "with -tags netgo", "with -tags osusergo", "with -tags debug"),
        "with UPX",
    ]


def test_what_a_service_has_chosen_is_taken_away() -> None:
    of = service(tags=("debug", "netgo"), ldflags="-X main.a=b", trimpath=False)
    found = changes(of, AMD64, "debug", packed=True)
    assert (found["strip"].change, found["strip"].build.ldflags) == ("with -s -w", "-s -w -X main.a=b")
    assert (found["trimpath"].change, found["trimpath"].build.trimpath) == ("with -trimpath", True)
    assert (found["netgo"].change, found["netgo"].build.tags) == ("without -tags netgo", ("debug",))
    assert (found["tags=debug"].change, found["tags=debug"].build.tags) == ("without -tags debug", ("netgo",))
    assert (found["upx"].change, found["upx"].packed) == ("without UPX", False)
    assert all(one.packed for name, one in found.items() if name != "upx")


@pytest.mark.parametrize(
    ("ldflags", "without"),
    [("-s -w", ""), ("-w -s -X main.a=-s", "-X main.a=-s"), ("-X main.a=-w -s -w", "-X main.a=-w")],
)
def test_only_the_flags_that_strip_are_dropped(ldflags: str, without: str) -> None:
    assert changes(service(ldflags=ldflags))["strip"].build.ldflags == without


def test_what_only_lacks_one_flag_gets_the_other_and_compiles_nothing() -> None:
    found = changes(service(ldflags="-w"))["strip"]
    assert (found.change, found.build.ldflags, found.compiles) == ("with -s -w", "-s -w", Compiles.NOTHING)


def test_the_level_that_ships_is_not_measured_again() -> None:
    assert [name for name in changes(service(env=(("GOAMD64", "v3"),))) if "GO" in name] == [
        *("GOAMD64=v1", "GOAMD64=v2", "GOAMD64=v4"),
    ]
    assert [name for name in changes(service(), Platform.parse("linux/amd64/v2")) if "GO" in name] == [
        *("GOAMD64=v1", "GOAMD64=v3", "GOAMD64=v4"),
    ]
    assert [name for name in changes(service(), ARM64) if "GO" in name] == ["GOARM64=v8.1", "GOARM64=v9.0"]


def test_a_variant_is_a_level_that_choices_can_change() -> None:
    of, platform = choices.settled(service(), Platform.parse("linux/amd64/v2"))
    assert (of.build.env, str(platform)) == ((("GOAMD64", "v2"),), "linux/amd64")
    assert choices.settled(service(), ARM64) == (service(), ARM64)


def test_what_upx_cannot_pack_is_not_tried() -> None:
    assert "upx" not in changes(service(), Platform.parse("linux/riscv64"))


def test_choices_are_selected_by_name_or_group_in_their_own_order() -> None:
    found = choices.choices(service(), AMD64, ("a", "b"), packed=False)

    def names(*words: str) -> list[str]:
        return [one.name for one in choices.chosen(words, found)]

    assert names("upx", "strip") == ["strip", "upx"]
    assert names("GOAMD64=v3", "tags") == ["tags=a", "tags=b", "GOAMD64=v3"]
    assert names("GOAMD64") == ["GOAMD64=v2", "GOAMD64=v3", "GOAMD64=v4"]
    assert names("all") == [one.name for one in found]
    with pytest.raises(UsageError, match=r"nothing to choose about 'trimpat'; did you mean trimpath\?"):
        names("trimpat")
    with pytest.raises(UsageError, match="nothing to choose about 'GOARM64'"):
        names("GOARM64")


def test_only_so_many_tags_are_measured_and_the_others_named() -> None:
    known = [f"t{number}" for number in range(12)]
    assert choices.selected(("all",), known) == (tuple(known[:8]), tuple(known[8:]))
    assert choices.selected(("upx",), known) == ((), ())
    assert choices.selected(("tags=t11", "tags"), known)[0] == ("t11", *known[:8])
    with pytest.raises(UsageError, match="invalid build tag 'a b'"):
        choices.selected(("tags=a b",), known)


# ---- build tags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("//go:build sqlite\n\npackage a\n", {"sqlite"}),
        ("// words\n\n//go:build (linux && !nocgo) || (go1.21 && debug.v2)\n\npackage a\n", {"nocgo", "debug.v2"}),
        ("//go:build amd64.v3 && goexperiment.jsonv2 && unix && !race && cgo && windows\n\npackage a\n", set()),
        ("//go:build ignore\n\npackage main\n", set()),
        ("package a\n\n//go:build late\n", set()),
        ("//go:build netgo || purego\npackage a\n", {"netgo", "purego"}),
        ("//go:build " + "x" * 61 + "\npackage a\n", set()),
        ("\x00\xff", set()),
    ],
)
def test_the_tags_of_a_source_are_those_that_a_user_chooses(text: str, tags: set[str]) -> None:
    assert choices.tags_in(text) == tags


FILES = {
    "go.mod": "module example.com/p\n\ngo 1.21\n",
    "main.go": 'package main\n\nimport "example.com/p/lib"\n\nfunc main() { lib.Do() }\n',
    "lib/lib.go": "package lib\n\nfunc Do() {}\n",
    "lib/fast.go": '//go:build fast\n\npackage lib\n\nimport _ "example.com/p/only"\n',
    "lib/slow_test.go": "//go:build slow\n\npackage lib\n",
    "lib/pipe_windows.go": "//go:build pipes\n\npackage lib\n",
    "lib/page_linux_amd64.go": "//go:build pages\n\npackage lib\n",
    "lib/dns.go": "//go:build netgo\n\npackage lib\n",
    "only/only.go": "package only\n",
    "other/other.go": "//go:build elsewhere\n\npackage other\n",
}


def test_tags_are_looked_for_in_the_packages_of_the_service_for_its_platform(tree: Tree) -> None:
    opened = open_project(ProjectRequest(directory=tree(FILES)))
    (one,) = opened.project.services
    assert choices.tags_of(opened.tree, one, AMD64) == ("fast", "pages")
    assert choices.tags_of(opened.tree, one, ARM64) == ("fast",)


# ---- builds


class Builder:
    """Stands for BuildKit: writes a program of as many bytes as the flags are worth."""

    def __init__(self) -> None:
        self.texts: list[recipe.Recipe] = []
        self.sources: list[set[str]] = []
        self.forgotten: list[str] = []
        self.failing = ""

    def build(self, asked: Twinning, texts: Mapping[str, recipe.Recipe], result: str, folder: Path, staged: Any) -> str:
        ((name, text),) = texts.items()
        assert re.fullmatch(r"[a-zA-Z0-9_-]+", name)  # bake's names of targets
        self.texts.append(text)
        self.sources.append({one.path for one in staged.read})
        assert result in text.dockerfile
        if self.failing and self.failing in text.dockerfile:
            return "lib/fast.go:3:1: undefined: Fast"
        (folder / name / "trace").mkdir(parents=True)
        graph = [
            {"ID": 0, "Mode": "build", "Package": "example.com/p", "Cmd": ["compile"], "CmdReal": 5},
            {"ID": 1, "Mode": "build", "Package": "example.com/p/lib"},
        ]
        (folder / name / "trace" / "compile.json").write_text(json.dumps(graph))
        (folder / name / "program").write_bytes(b"x" * (500 if "upx -qq" in text.dockerfile else 1000))
        return ""


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Builder:
    made = Builder()
    monkeypatch.setattr(apart, "build", made.build)
    monkeypatch.setattr(apart, "forget", lambda fresh, _builder: made.forgotten.append(fresh))
    return made


@pytest.fixture
def asked(tree: Tree, tmp_path: Path) -> Twinning:
    opened = open_project(ProjectRequest(directory=tree(FILES)))
    (one,) = opened.project.services
    return Twinning(
        opened=opened,
        service=one,
        platform=AMD64,
        builder="",
        secrets={},
        variables={},
        values={},
        home=tmp_path / "home",
    )


Measure = Callable[..., Savings]


@pytest.fixture
def measure(asked: Twinning, tmp_path: Path) -> Measure:
    def run(*names: str, shipped: bytes = b"x" * 1000) -> Savings:
        file = tmp_path / "shipped"
        file.write_bytes(shipped)
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        tags, _ = choices.selected(names, choices.tags_of(asked.opened.tree, asked.service, asked.platform))
        wanted = choices.chosen(names, choices.choices(asked.service, asked.platform, tags, packed=False))
        found = tried.measured(asked, wanted, tried.Shipped(file=file, packed=False), scratch, lambda _: None)
        assert not list(scratch.iterdir())  # nothing large is left lying
        return found

    return run


def test_every_choice_is_built_once_beside_what_ships(measure: Measure, builder: Builder) -> None:
    found = measure("upx", "tags")
    assert [one.name for one in found.choices] == ["tags=fast", "tags=pages", "upx"]
    assert (found.shipped.bytes, found.shipped.compiled, found.shipped.packages) == (1000, 1, 2)
    assert found.shipped.compressed_bytes == len(gzip.compress(b"x" * 1000, 6))
    assert found.choices[-1].bytes == 500
    assert found.same
    assert len(builder.texts) == 4
    assert len(builder.forgotten) == 1


def test_another_program_than_the_one_in_the_image_is_said(measure: Measure, builder: Builder) -> None:
    assert builder
    found = measure("upx", shipped=b"older")
    assert not found.same
    assert "was built of other sources" in shown.notes(found)[0]


def test_what_does_not_build_says_so_and_the_others_go_on(measure: Measure, builder: Builder) -> None:
    builder.failing = "-tags=fast"
    found = measure("tags", "upx")
    assert [(one.bytes is None, bool(one.error)) for one in found.choices] == [
        (True, True),
        (False, False),
        (False,) * 2,
    ]
    assert shown.notes(found) == ["with -tags fast: lib/fast.go:3:1: undefined: Fast"]
    assert shown.table(found).rows[1][1] == "does not build"
    assert len(builder.forgotten) == 1


def test_a_program_that_does_not_build_as_it_ships_is_an_error(measure: Measure, builder: Builder) -> None:
    builder.failing = "go build"
    with pytest.raises(BuildFailed, match=r"p could not be built again as it ships: lib/fast\.go:3:1"):
        measure("upx")
    assert len(builder.forgotten) == 1


def test_what_only_a_tag_imports_is_among_the_sources(measure: Measure, builder: Builder) -> None:
    measure("tags=fast")
    assert "only/only.go" in builder.sources[0]


def test_no_mount_of_the_project_can_be_written_but_that_of_modules(measure: Measure, builder: Builder) -> None:
    measure("all")
    for text in builder.texts:
        mounts = [
            line.strip().removesuffix(" \\") for line in text.dockerfile.splitlines() if "--mount=type=cache" in line
        ]
        assert mounts
        for mount in mounts:
            if "id=example-com-p-" in mount and "-gomod," not in mount:
                assert mount.endswith("-gobuild,target=/cache/gobuild,readonly"), mount
        assert "ENV GOCACHE=/cache/own/" in text.dockerfile


def test_a_packed_program_is_that_of_the_same_steps(measure: Measure, builder: Builder) -> None:
    """BuildKit runs the compile once for both."""
    measure("upx")
    first, packed = (text.dockerfile.partition("\n# What scratch lacks")[0] for text in builder.texts)
    assert first == packed


def test_versions_that_are_linked_in_are_so_in_every_build(asked: Twinning) -> None:
    """Late stages compile in one step and link in another, with one Go cache."""
    stamped = replace(asked.service, stamps=(Stamp(variable="main.version", text="{version}"),))
    choice = choices.shipping(stamped, packed=False)
    matrix = tried._matrix(stamped, choice, AMD64)
    text = apart.rendered(asked.opened.project, matrix, asked.opened.tree).dockerfile
    (stage,) = compile_stages(matrix)
    found = tried.unwritten(text, stage, "stamp", asked.opened.project.mounts, "size-1")
    assert found.count("cp -as /cache/gobuild") == 1
    assert found.index("cp -as") < found.index(" AS stamp\n") < found.index("end && rm -rf /cache/own/")
    assert found.count("target=/cache/gobuild,readonly") == found.count("id=size-1-gobuild,target=/cache/own") == 2


# ---- what is told


def savings(*changed: Saving, same: bool = True, further: tuple[str, ...] = ()) -> Savings:
    return Savings(shipped=saving("", "as shipped", 10_500_000), same=same, choices=changed, further_tags=further)


def saving(name: str, change: str, size: int | None, **told: Any) -> Saving:
    given = {"compressed_bytes": None if size is None else size // 2, "seconds": 2.04, "packages": 249, "compiled": 0}
    return Saving(**{"name": name, "change": change, "bytes": size, **given, **told})


TOLD = savings(
    saving("strip", "without -s -w", 15_800_000, seconds=61.2, compiled=249),
    saving("tags=fast", "with -tags fast", None, error="lib/fast.go:3:1: undefined: Fast"),
    saving("upx", "with UPX", 4_000_000),
    saving("netgo", "with -tags netgo", 10_500_000),
    further=("other", "purego"),
)


def test_the_table_has_the_difference_to_what_ships() -> None:
    assert shown.table(TOLD).rows == (
        ("as shipped", "10.5 MB", "", "5.25 MB", "", "2.0", "0 of 249"),
        ("without -s -w", "15.8 MB", "+5.3 MB", "7.9 MB", "+2.65 MB", "61.2", "249 of 249"),
        ("with -tags fast", "does not build", "", "", "", "2.0", ""),
        ("with UPX", "4 MB", "-6.5 MB", "2 MB", "-3.25 MB", "2.0", "0 of 249"),
        ("with -tags netgo", "10.5 MB", "0 B", "5.25 MB", "0 B", "2.0", "0 of 249"),
    )
    assert shown.notes(TOLD) == [
        "with -tags fast: lib/fast.go:3:1: undefined: Fast",
        "2 build tags not measured: other, purego; name them: --choices tags=other",
    ]


def test_a_report_with_choices_tells_them_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = SizeReport(name="api scratch", image=None, program=None, choices=TOLD)
    assert [title for title, _ in report.tables(told, None, 10)] == ["choices"]
    told = replace(told, program=program_of_a_module())
    text = report.as_markdown(told, None, 10)
    assert "| without -s -w | 15.8 MB | +5.3 MB |" in text
    assert "### Modules" not in text
    report.print_size(told, None, top=10, color="never")
    assert "with UPX" in capsys.readouterr().out
    data = msgspec.json.encode(document(told, None))
    strict("size")(json.loads(data))
    file = tmp_path / "size.json"
    file.write_bytes(data)
    assert decoded(file) == told


def program_of_a_module() -> ProgramSize:
    return program(module("go.uber.org/zap", "v1.27.0", core=600))


def test_it_is_said_before_what_is_going_to_be_compiled() -> None:
    found = choices.choices(service(), ARM64, ("fast",), packed=False)
    assert shown.announcement(found) == (
        "8 choices to build, beside the program as it ships; all packages are compiled again: without -s -w, "
        "without -trimpath, GOARM64=v8.1, GOARM64=v9.0"
    )
    assert shown.announcement(found[5:6]) == "1 choice to build, beside the program as it ships"
    assert [shown.beginning(found[at], at + 1, 8) for at in (0, 4, 5)] == [
        "1 of 8: without -s -w compiles all packages",
        "5 of 8: with -tags fast compiles the packages that it changes, and those that import them",
        "6 of 8: with UPX compiles nothing",
    ]


def test_the_command_measures_what_was_chosen(
    asked: Twinning, builder: Builder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "program"
    file.write_bytes(b"x" * 1000)
    found = Measured(report=SizeReport(name="p scratch", image=None, program=None), file=file)
    choosing = Choosing(("upx", "tags"), of_service(asked.opened))
    told = choosing.measured(found, asked, tmp_path, quiet=False).report.choices
    assert told
    assert [one.name for one in told.choices] == ["tags=fast", "tags=pages", "upx"]
    assert len(builder.texts) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1] == "3 of 3: with UPX compiles nothing"
    choosing.measured(found, asked, tmp_path, quiet=True)
    assert capsys.readouterr().err == ""


def test_choices_are_of_services_whose_program_is_known(asked: Twinning, tree: Tree, tmp_path: Path) -> None:
    choosing = Choosing(("upx",), of_service(asked.opened))
    unknown = Measured(report=SizeReport(name="p scratch", image=None, program=None, notes=("/p is a script",)))
    with pytest.raises(UsageError, match="--choices: p scratch: /p is a script"):
        choosing.measured(unknown, asked, tmp_path, quiet=True)
    bare = open_project(
        ProjectRequest(directory=tree({k: FILES[k] for k in ("go.mod", "only/only.go")} | MAIN, "bare"))
    )
    with pytest.raises(UsageError, match="the sources of p have no build tags"):
        Choosing(("tags",), of_service(bare))
    with pytest.raises(UsageError, match="a prebuilt program was built elsewhere"):
        Choosing(("upx",), of_service(bare, Strategy.PREBUILT))


def of_service(opened: Opened, strategy: Strategy = Strategy.SCRATCH) -> Shipped:
    return Shipped(
        asked=ProjectRequest(directory=opened.project.root),
        opened=opened,
        service=opened.project.services[0],
        strategy=strategy,
        platform=AMD64,
        branch="",
    )


MAIN = {"main.go": "package main\n\nfunc main() {}\n"}


def test_choices_of_anything_but_a_service_are_one_line(gobake: Gobake, tmp_path: Path) -> None:
    for words in (("./program", "--choices"), ("example.com/image:latest", "--choices", "upx")):
        ended = gobake("size", *words, cwd=tmp_path)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith(f"error: --choices: {words[0]} is not a service of a project")
