"""What became of a run: metadata, targets, steps and Go's own work."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

import pytest

from gobake.checkout.ci import CIContext, CIProvider
from gobake.engine import Builder, EngineInfo, ImageSize, Node
from gobake.errors import CompileFailed, Interrupted
from gobake.model import Bases, Platform, Project, Service, Strategy
from gobake.outcome import read
from gobake.plan.discover import Opened, open_project
from gobake.plan.request import ProjectRequest
from gobake.runs.outcomes import Outcome
from gobake.runs.record import SizeRecord
from gobake.targets.matrix import Matrix, Selection, select
from gobake.trace import actiongraph
from gobake.trace.events import EventLog, VertexEvent
from gobake.trace.names import parse_name
from gobake.trace.steps import Step, Trace
from tests.conftest import Tree

AMD64, ARM64 = Platform(os="linux", arch="amd64"), Platform(os="linux", arch="arm64")


def project(registry: str = "") -> Project:
    here = Path("/nowhere/shop")
    api = Service(
        name="api", package="example.com/shop", binary="shop", directory=PurePosixPath("."), build_root=PurePosixPath(".")
    )  # fmt: skip
    return Project(
        name="shop", root=here, context=here, services=(api,), bases=Bases(go="golang:1.26"), go_version="1.26",
        registry=registry,
    )  # fmt: skip


def matrix(*platforms: Platform, strategies: tuple[Strategy, ...] = (Strategy.SCRATCH,)) -> Matrix:
    return select(project(), Selection(strategies=strategies), platforms or (AMD64,))


def step(text: str, did: Outcome = Outcome.EXECUTED, started: float | None = 1.0, ended: float | None = 2.0) -> Step:
    seconds = ended - started if started is not None and ended is not None else 0.0
    return Step(
        name=parse_name(text, frozenset(("api-scratch", "api-alpine"))), key=text, digests=("sha256:1",), outcome=did,
        started=started, completed=ended, seconds=seconds,
    )  # fmt: skip


# ---- buildx's metadata


def test_metadata_tells_the_digest_of_every_target(tmp_path: Path) -> None:
    file = tmp_path / "metadata.json"
    file.write_text('{"api-scratch": {"containerimage.digest": "sha256:abc"}, "trace": null}')
    data = read.read_metadata(file)
    assert read.digest_of(data, "api-scratch") == "sha256:abc"
    assert read.digest_of(data, "trace") == read.digest_of(data, "nowhere") == ""


@pytest.mark.parametrize("text", ["", "[]", "{torn", "null", "\x00"])
def test_metadata_that_is_none_is_empty(tmp_path: Path, text: str) -> None:
    file = tmp_path / "metadata.json"
    for absent in (file, None):
        assert read.read_metadata(absent) == {}
    file.write_text(text)
    assert read.read_metadata(file) == {}


# ---- targets


def test_metadata_of_images_is_what_buildx_says_of_them() -> None:
    own = {"containerimage.digest": "sha256:abc", "image.name": "ghcr.io/acme/api:v1", "buildx.build.ref": "d/d/1"}
    assert read.of_image({**own, "buildx.build.provenance": {}}) == own


def test_a_target_took_from_its_first_step_to_its_last() -> None:
    seen = Trace(
        steps=(
            step("[api-scratch compile 1/2] RUN a", started=10.0, ended=14.0),
            step("[api-scratch stage-1 2/2] COPY b", started=15.0, ended=15.5),
            step("[api-alpine stage-1 2/2] COPY b", started=1.0, ended=99.0),
            step("[api-scratch stage-1 3/3] COPY c", started=None, ended=None),
        )
    )
    sizes = {"api-scratch": (SizeRecord(platform="linux/amd64", compressed=1, uncompressed=2),)}
    metadata = {"api-scratch": {"containerimage.digest": "sha256:abc"}}
    (record,) = read.results(project("ghcr.io/acme"), matrix(), "v1", metadata, seen, sizes=sizes)
    assert record.seconds == 5.5
    assert record.digest == "sha256:abc"
    assert record.images == ("ghcr.io/acme/api:v1",)
    assert record.sizes == sizes["api-scratch"]


def test_a_target_that_was_never_begun_has_unknown_seconds_and_no_digest() -> None:
    (record,) = read.results(project(), matrix(), "latest", {}, Trace(steps=()), sizes={})
    assert (record.seconds, record.digest, record.sizes) == (None, "", ())


def test_arguments_are_kept_as_digests_and_never_as_values() -> None:
    (record,) = read.results(project(), matrix(), "latest", {}, Trace(steps=()), sizes={})
    assert [name for name, _ in record.arguments] == ["ldflags", "package", "tags"]
    assert all(len(digest) == 64 for _, digest in record.arguments)
    assert "-s -w" not in repr(record)


def test_sizes_that_are_unknown_stay_unknown() -> None:
    size = ImageSize(platform=ARM64, compressed=7, uncompressed=None)
    assert read.size_records((size,)) == (SizeRecord(platform="linux/arm64", compressed=7, uncompressed=None),)


# ---- facts and evidence


def test_facts_tell_where_and_from_what_a_run_was_made(tree: Tree) -> None:
    opened = opened_at(tree)
    node = Node(name="farm0", endpoint="", status="running", buildkit="", platforms=(AMD64, ARM64))
    builder = Builder(name="farm", driver="remote", nodes=(node,))
    terminal = CIContext(kind=CIProvider.TERMINAL)
    facts = read.facts(opened, terminal, builder, EngineInfo(engine="28", buildx="v0.24"))
    assert (facts["project"], facts["builder"], facts["driver"]) == ("example-com-shop", "farm", "remote")
    assert facts["nodes"] == (("farm0", "linux/amd64,linux/arm64"),)
    assert (facts["engine"], facts["buildx"], facts["revision"]) == ("28", "v0.24", "")


@pytest.mark.parametrize(("fork", "branch"), [(False, "feature"), (True, "")])
def test_a_ci_that_checks_out_a_commit_knows_the_branch(tree: Tree, fork: bool, branch: str) -> None:
    around = CIContext(kind=CIProvider.GITLAB, branch="feature", pull_request=True, fork=fork)
    facts = read.facts(opened_at(tree), around, Builder(name="farm", driver="remote", nodes=()), EngineInfo())
    assert facts["branch"] == branch


def opened_at(tree: Tree) -> Opened:
    files = {"go.mod": "module example.com/shop\n\ngo 1.21\n", "main.go": "package main\n\nfunc main() {}\n"}
    return open_project(ProjectRequest(directory=tree(files), platforms=(AMD64,)))


def test_steps_are_told_in_seconds_since_the_run_began(tmp_path: Path) -> None:
    steps = (
        step("[compile 1/2] RUN go build", started=105.0, ended=107.5),
        step("[stage-1 2/2] COPY a", Outcome.UNKNOWN, None, None),
    )
    found = read.evidence(Trace(steps=steps), tmp_path, 100.0, matrix())["steps"]
    assert [(s.target, s.stage, s.started, s.seconds, s.outcome) for s in found] == [
        ("api-scratch", "compile", 5.0, 2.5, "executed"),  # of the only target, where none is named
        ("api-scratch", "stage-1", None, None, "unknown"),
    ]
    several = matrix(strategies=(Strategy.SCRATCH, Strategy.ALPINE))
    assert read.evidence(Trace(steps=steps), tmp_path, 100.0, several)["steps"][0].target == ""


def graph(*packages: str, ran: bool = True, mode: str = "build") -> str:
    cmd = {"Cmd": ["compile"], "CmdUser": 2_000_000_000} if ran else {}
    return json.dumps([{"ID": n, "Mode": mode, "Package": p, **cmd} for n, p in enumerate(packages)])


RAN = "[linux/amd64 compile 3/3] RUN go build"


def test_gos_work_is_read_where_the_compile_ran_in_this_very_run(tmp_path: Path) -> None:
    (tmp_path / "compile.json").write_text(graph("fmt", "example.com/shop"))
    (work,) = read.go_work(Trace(steps=(step(RAN),)), tmp_path, matrix())
    assert (work.platform, work.packages) == ("linux/amd64", 2)
    assert work.compiled == (("example.com/shop", 2.0), ("fmt", 2.0))


def test_the_graph_of_an_older_run_tells_how_many_packages_and_that_none_was_compiled(tmp_path: Path) -> None:
    (tmp_path / "compile.json").write_text(graph("fmt", "example.com/shop"))
    (work,) = read.go_work(Trace(steps=(step(RAN, Outcome.REUSED),)), tmp_path, matrix())
    assert (work.packages, work.compiled) == (2, ())


def test_each_platform_has_a_folder_of_its_own_where_there_are_several(tmp_path: Path) -> None:
    for platform, packages in (("linux_amd64", ("a",)), ("linux_arm64", ("a", "b"))):
        (tmp_path / platform).mkdir()
        (tmp_path / platform / "compile.json").write_text(graph(*packages))
    found = read.go_work(Trace(steps=(step(RAN),)), tmp_path, matrix(AMD64, ARM64))
    assert [(w.platform, w.packages, len(w.compiled)) for w in found] == [("linux/amd64", 1, 1), ("linux/arm64", 2, 0)]


def test_further_batches_belong_to_their_stage_and_other_stages_do_not(tmp_path: Path) -> None:
    (tmp_path / "compile.json").write_text(graph("a"))
    (tmp_path / "compile.2.json").write_text(graph("b"))
    (tmp_path / "compile-packages.json").write_text(graph("c"))
    (tmp_path / "compile-2.json").write_text(graph("d"))  # of a stage that this matrix does not have
    (work,) = read.go_work(Trace(steps=(step(RAN),)), tmp_path, matrix())
    assert [path for path, _ in work.compiled] == ["a", "b", "c"]


def test_without_any_graph_nothing_is_told(tmp_path: Path) -> None:
    assert read.go_work(Trace(steps=(step(RAN),)), tmp_path, matrix()) == ()
    (tmp_path / "compile.json").write_text("torn {")
    (work,) = read.go_work(Trace(steps=(step(RAN),)), tmp_path, matrix())
    assert (work.packages, work.compiled) == (0, ())


SENT = VertexEvent(digest="sha256:1", name="[trace] exporting to client directory", started=1.0, completed=2.0)


def test_graphs_are_read_while_buildx_runs_and_then_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "compile.json").write_text(graph("read", "ahead"))
    read.read_ahead([SENT], tmp_path, matrix())
    with monkeypatch.context() as patch:
        patch.setattr(actiongraph, "_actions", None)  # nothing is left to be parsed
        (work,) = read.go_work(Trace(steps=(step(RAN, Outcome.REUSED),)), tmp_path, matrix())
    assert work.packages == 2
    (tmp_path / "compile.json").write_text(graph("changed"))
    (work,) = read.go_work(Trace(steps=(step(RAN),)), tmp_path, matrix())
    assert [path for path, _ in work.compiled] == ["changed"]


def test_what_cannot_be_read_ahead_is_left_for_later(tmp_path: Path) -> None:
    (tmp_path / "compile.json").write_bytes(b"\xff")
    read.read_ahead([SENT], tmp_path, matrix())


# ---- failures


def log_of(*lines: str) -> EventLog:
    return EventLog.read([f"{line}\n".encode() for line in lines])


def test_ctrl_c_explains_whatever_else_was_said(tree: Tree) -> None:
    opened = opened_at(tree)
    failure = read.judge(
        opened, matrix(), Trace(steps=()), log_of("ERROR: context canceled"), read.Left(), interrupted=True
    )
    assert isinstance(failure.error, Interrupted)


def test_what_go_refused_is_told_with_the_path_in_the_users_tree(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = opened_at(tree)
    monkeypatch.chdir(opened.project.root)
    key = "[compile 3/3] RUN go build"
    failed = Step(
        name=parse_name(key), key=key, digests=("sha256:1",), outcome=Outcome.EXECUTED, started=1.0, completed=2.0,
        failed=True, error="process \"/bin/sh -c go build\" did not complete successfully: exit code: 1",
    )  # fmt: skip
    seen = Trace(steps=(failed,), logs={key: "# example.com/shop\n./main.go:3:15: undefined: nothing\n"})
    failure = read.judge(opened, matrix(), seen, log_of("ERROR: failed to solve"), read.Left(), interrupted=False)
    assert isinstance(failure.error, CompileFailed)
    assert "main.go:3:15" in str(failure.error)
    assert "undefined: nothing" in str(failure.error)


def test_a_lost_snapshot_is_known_by_containerds_words() -> None:
    lost = 'ERROR: failed to prepare extraction snapshot "extract-1 sha256:a": parent snapshot sha256:b does not exist: not found'
    assert read.lost_its_own(log_of("something", lost))
    assert not read.lost_its_own(log_of("ERROR: failed to solve: parent snapshot"))


def test_a_step_that_an_older_buildkit_ran_for_a_target_that_had_ended_is_known() -> None:
    error = "failed to load cache key: no active sessions"
    vertex = {"digest": "sha256:c", "name": "[a 1/1] COPY", "started": "2026-01-01T00:00:00Z", "error": error}
    assert read.lost_its_own(log_of(json.dumps({"vertexes": [vertex]})))
    assert not read.lost_its_own(log_of(json.dumps({"vertexes": [{**vertex, "error": "exit code: 1"}]})))
    assert not read.lost_its_own(log_of("a program that prints: no active sessions"))


def test_a_lost_snapshot_of_one_target_is_known_where_buildx_ends_with_the_error_of_another() -> None:
    error = 'failed to prepare extraction snapshot "extract-1 sha256:a": parent snapshot sha256:b does not exist'
    vertex = {"digest": "sha256:c", "name": "[a] exporting to image", "started": "2026-01-01T00:00:00Z", "error": error}
    ended = log_of(json.dumps({"vertexes": [vertex]}), "ERROR: target b: failed to solve: context deadline exceeded")
    assert read.lost_its_own(ended)
