"""`gobake build --shard`: what one of several runners builds, without an engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gobake.cli.shard import ShardGiven, sharded
from gobake.errors import UsageError
from gobake.plan.request import BuildRequest, ProjectRequest
from gobake.targets.matrix import Selection
from tests.unit.checkout.test_snapshot import git
from tests.unit.cli.test_affected import BOTH, edit, pair
from tests.unit.cli.test_commands import error, good

__all__ = ["pair"]  # a fixture


def wanted(root: Path, *services: str, **more: Any) -> BuildRequest:
    return BuildRequest(project=ProjectRequest(directory=root), selection=Selection(services=services), **more)


def given(shard: str | None, plan: object = None) -> ShardGiven:
    return ShardGiven(shard=shard, shards_file=plan if isinstance(plan, str) else json.dumps(plan) if plan else None)


def plan_of(root: Path, *words: str) -> Any:
    return json.loads(good("ci", "matrix", "-C", str(root), "--format", "json", *BOTH, *words))


def built(request: BuildRequest | None) -> list[str] | None:
    if request is None:
        return None
    return [f"{name} {','.join(map(str, platforms))}" for name, platforms in request.selection.parts]


def test_a_shard_is_found_by_number_and_by_name_in_a_text_and_in_a_file(pair: Path, tmp_path: Path) -> None:
    plan = plan_of(pair, "--shards", "3")
    file = tmp_path / "shards.json"
    file.write_text(json.dumps(plan))
    assert built(sharded(wanted(pair), given("1/3", plan))) == ["one linux/amd64"]
    assert built(sharded(wanted(pair), given("linux-arm64", str(file)))) == ["one linux/arm64", "two linux/arm64"]
    assert built(sharded(wanted(pair), given("5/6", str(file)))) is None
    assert built(sharded(wanted(pair), given("3/3", {"include": []}))) is None


def test_without_a_shard_nothing_changes(pair: Path) -> None:
    assert sharded(wanted(pair), given(None, {"x": 1})) == wanted(pair)


def test_a_shard_that_is_pushed_sets_no_tags_and_knows_its_plan(pair: Path) -> None:
    plan = plan_of(pair)
    found = sharded(wanted(pair, push=True), given("2/2", plan))
    assert found
    assert found.untagged
    assert found.shard
    assert found.shard.plan.digest == plan["include"][0]["plan"]
    quiet = sharded(wanted(pair), given("2/2", plan))
    assert quiet
    assert not quiet.untagged


def test_a_plan_by_the_tree_alone_is_whole(pair: Path) -> None:
    both = ProjectRequest(directory=pair)
    request = BuildRequest(project=both, selection=Selection(platforms=wanted(pair).project.platforms))
    found = [built(sharded(request, given(f"{at}/3"))) for at in (1, 2, 3)]
    assert found == [["one linux/amd64"], ["two linux/amd64"], None]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"project": "other"}, "is not as it was made"),
        ({"services": "one"}, "is not as it was made"),
        ({"name": "x;y"}, "invalid name"),
    ],
)
def test_a_plan_that_was_changed_is_refused(pair: Path, changes: dict[str, str], says: str) -> None:
    plan = plan_of(pair)
    plan["include"][0].update(changes)
    with pytest.raises(UsageError, match=says):
        sharded(wanted(pair), given("1/2", plan))


def test_a_plan_of_another_commit_project_or_command_is_refused(pair: Path, tmp_path: Path) -> None:
    plan = plan_of(pair)
    whole = plan_of(pair, "--all")
    with pytest.raises(UsageError, match="one for `gobake all`"):
        sharded(wanted(pair), given("1/2", whole))
    with pytest.raises(UsageError, match="--shard says which services"):
        sharded(wanted(pair, "one"), given("1/2", plan))
    edit(pair, "text/motto.txt", "small", "large")
    git(pair, "commit", "-qam", "more")
    with pytest.raises(UsageError, match=r"of the commit [0-9a-f]{12}, and this is [0-9a-f]{12}; make it anew"):
        sharded(wanted(pair), given("1/2", plan))
    plan = plan_of(pair)
    (pair / "gobake.yaml").write_text("name: other\n" + (pair / "gobake.yaml").read_text())
    with pytest.raises(UsageError, match="of the project 'example-com-pair', and this is 'other'"):
        sharded(wanted(pair), given("1/2", plan))


def test_what_cannot_be_a_plan_is_told(pair: Path, tmp_path: Path) -> None:
    for shard, plan, says in (
        ("linux-amd64", None, "its plan is not known"),
        ("1/0", None, "its plan is not known"),
        ("3/2", None, "the plan has 2 shards"),
        ("1/2", str(tmp_path / "none.json"), "No such file"),
        ("1/2", str(tmp_path), "Is a directory"),
        ("1/2", "{", "is not JSON"),
    ):
        with pytest.raises(UsageError, match=says):
            sharded(wanted(pair), given(shard, plan))


def test_affected_is_said_to_the_matrix(pair: Path) -> None:
    assert "exclude each other" in error("build", "-C", str(pair), "--shard", "1/2", "--affected", "HEAD")
