"""What --against means for a service: a run, or a commit that a run built; and which line brought what grew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from gobake.cli.size_against import Shipped, recorded, with_sources
from gobake.errors import UsageError
from gobake.insight.growth import Grown, Growth
from gobake.model import Platform
from gobake.plan.discover import history_folder, open_project
from gobake.plan.request import ProjectRequest
from gobake.report import size as shown
from gobake.report.schemas import schema
from gobake.runs.record import ContentsRecord, ModuleRecord, SizeRecord
from gobake.runs.store import RunStore
from gobake.size.growth import document, grown, side_of
from tests.conftest import Tree, commit
from tests.unit import scoring
from tests.unit.checkout.test_git import git
from tests.unit.report.test_schemas import strict
from tests.unit.size.test_growth import STD, module, program, report

GO_MOD = "module example.com/api\n\ngo 1.26\n"
CONTENTS = ContentsRecord(program=2600, modules=(ModuleRecord(module="std", version="go1.26.1", bytes=2000),))


@pytest.fixture
def shipped(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shipped:
    monkeypatch.setenv("GOWORK", "off")
    root = tree({"go.mod": GO_MOD, "main.go": "package main\n\nfunc main() {}\n"}, "api")
    commit(root, "Begin")
    commit(root, "Second")
    asked = ProjectRequest(directory=root, history=tmp_path / "history", trust=True)
    opened = open_project(asked)
    (service,) = opened.project.services
    return Shipped(
        asked=asked,
        opened=opened,
        service=service,
        strategy=service.strategy,
        platform=Platform.parse("linux/amd64"),
        branch="main",
    )


def keep(shipped: Shipped, at: int, size: int = 1000, service: str = "api", **more: Any) -> str:
    sizes = (SizeRecord(platform="linux/amd64", compressed=size, contents=CONTENTS),)
    record = scoring.run(at=at, **{"targets": (scoring.target(service, digest="sha256:1", sizes=sizes),), **more})
    with RunStore(history_folder(shipped.opened, shipped.asked)) as store:
        store.add(record, [])
    return record.id


def commits(shipped: Shipped) -> list[str]:
    return git(shipped.opened.project.root, "log", "--format=%H").split()


def test_a_run_is_named_as_for_other_commands(shipped: Shipped) -> None:
    first, second = keep(shipped, 1, 700), keep(shipped, 2, 900)
    for name, run_id, size in (("last", second, 900), ("last~1", first, 700), (first, first, 700)):
        found = recorded(name, shipped)
        assert found
        assert (found.name, found.image, found.contents, found.functions) == (f"run {run_id}", size, CONTENTS, True)
    with pytest.raises(UsageError, match="2 runs begin with '2026'"):
        recorded("2026", shipped)


def test_a_commit_is_the_last_run_that_built_it_as_it_is_committed(shipped: Shipped) -> None:
    second, first = commits(shipped)
    keep(shipped, 1, 600, revision=first)
    wanted = keep(shipped, 2, 700, revision=first)
    keep(shipped, 3, 800, revision=first, dirty=True)
    keep(shipped, 4, 850, revision=first, outcome="failed")
    keep(shipped, 5, 860, revision=first, service="worker")
    keep(shipped, 6, 900, revision=second)
    git(shipped.opened.project.root, "tag", "v1.0.0", first)
    for name in (first, first[:9], "HEAD~1", "v1.0.0"):
        found = recorded(name, shipped)
        assert found
        assert (found.name, found.image) == (f"run {wanted}", 700)
    newest = recorded("main", shipped)
    assert newest
    assert newest.image == 900


def test_a_commit_that_no_run_built_is_not_built_for_it(shipped: Shipped) -> None:
    with pytest.raises(UsageError, match="no run on record built api scratch linux/amd64 of HEAD ") as raised:
        recorded("HEAD", shipped)
    assert raised.value.remedy == (
        "check it out and build it: gobake build api; or import the record of a run that did: gobake runs import"
    )
    dirty = keep(shipped, 1, revision=commits(shipped)[0], dirty=True)
    with pytest.raises(UsageError, match="as it is committed") as raised:
        recorded("HEAD", shipped)
    assert raised.value.remedy == f"with changes that are not, it is: --against {dirty}"


def test_a_run_without_the_image_says_what_it_built(shipped: Shipped) -> None:
    run_id = keep(shipped, 1, service="worker")
    with pytest.raises(UsageError, match=f"run {run_id} has no size of api scratch linux/amd64") as raised:
        recorded("last", shipped)
    assert raised.value.remedy == "it built worker scratch"
    with pytest.raises(UsageError, match="there is no run last~5"):
        recorded("last~5", shipped)


@pytest.mark.parametrize("name", ["api:v1", "ghcr.io/acme/api:v1", "alpine", "--upload-pack=x", "no such\nbranch"])
def test_other_names_are_of_images(shipped: Shipped, name: str) -> None:
    assert recorded(name, shipped) is None


def test_an_old_record_tells_sizes_and_no_modules(shipped: Shipped) -> None:
    sizes = (SizeRecord(platform="linux/amd64", compressed=900),)
    keep(shipped, 1, targets=(scoring.target(digest="sha256:1", sizes=sizes),))
    found = recorded("last", shipped)
    assert found
    change = grown(found, side_of(report(STD, compressed=1000)))
    assert (change.bytes, change.modules) == (100, ())


# ---- what brought it


def test_the_line_of_go_mod_and_its_commit_are_told(shipped: Shipped) -> None:
    root = shipped.opened.project.root
    (root / "go.mod").write_text(f"{GO_MOD}\nrequire go.uber.org/zap v1.28.0\n")
    commit(root, "Log better | `x`")
    change = Grown(
        name="run 1",
        bytes=10,
        before_bytes=100,
        modules=(
            Growth(module="go.uber.org/zap", version="v1.28.0", before="v1.27.0", bytes=900),
            Growth(module="example.com/api", version="(devel)", before="(devel)", bytes=20),
            Growth(module="example.com/gone", version="", before="v1.0.0", bytes=-5),
        ),
    )
    found = with_sources(change, shipped)
    source = found.modules[0].source
    assert source
    assert (source.file, source.line, source.subject) == ("go.mod", 5, "Log better | `x`")
    assert [one.source for one in found.modules[1:]] == [None, None]
    now = replace(report(STD), program=program(STD, module("go.uber.org/zap", "v1.28.0", core=900)))
    assert f"- go.uber.org/zap v1.28.0: go.mod:5, {source.commit} {source.date} Log better &#124; &#96;x&#96;" in (
        shown.as_markdown(now, found, 10)
    )
    told = json.loads(json.dumps(msgspec.to_builtins(document(now, found))))
    strict("size")(told)
    assert told["against"]["modules"][0]["source"]["line"] == 5
    assert "against" in schema("size")["properties"]
