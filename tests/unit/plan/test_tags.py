"""The tags and registries of a plan, and which builders push without tags."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from gobake.errors import NoBuilder, UsageError
from gobake.plan.build_plan import BuildPlan, make_plan
from gobake.plan.discover import open_project
from gobake.plan.request import ProjectRequest
from tests.conftest import Tree, commit
from tests.unit.plan.test_build_plan import AMD64, ARM64, FILES, builder, planned, wanting

CONFIG = """registry: ghcr.io/acme
push: {registries: [docker.io/acme]}
services:
  api: {package: ./cmd/api, tags: ["{{branch}}", "{{major}}", stable]}
"""


@pytest.fixture
def root(tree: Tree) -> Path:
    made = tree({**FILES, "gobake.yaml": CONFIG})
    commit(made)
    return made


def release(root: Path, name: str) -> None:
    subprocess.run(["git", "-C", str(root), "tag", name], check=True)


def names(plan: BuildPlan) -> list[str]:
    (target,) = plan.matrix.targets
    return [
        name.removeprefix("ghcr.io/acme/api:")
        for name in target.images(plan.project.prefix, plan.request.tag)
        if name.startswith("ghcr.io/")
    ]


def asked(root: Path, *tags: str, push: bool = False, handed_on: bool = False) -> BuildPlan:
    request = replace(wanting(push=push), tag=tags[0])
    request = replace(request, selection=replace(request.selection, further_tags=tags[1:]))
    return planned(root, builder(AMD64), {"SOURCE_DATE_EPOCH": "86400"}, request, handed_on=handed_on)


def test_a_commit_that_is_no_release_leaves_the_tags_of_releases_out(root: Path) -> None:
    plan = asked(root, "{{version}}", "{{sha}}", "{{date}}")
    assert names(plan) == [plan.opened.checkout.revision[:7], "19700102", "main", "stable"]
    assert plan.request.tag == plan.variables["TAG"] == names(plan)[0]


def test_a_release_fills_them_in_and_its_version_stays_what_git_says(root: Path) -> None:
    release(root, "v1.2.3")
    plan = asked(root, "{{version}}", "{{major}}.{{minor}}")
    assert names(plan) == ["1.2.3", "1.2", "main", "1", "stable"]
    assert (plan.variables["VERSION"], plan.versions.source) == ("v1.2.3", "git")


def test_without_a_tag_that_can_be_filled_in_it_says_why(root: Path) -> None:
    with pytest.raises(UsageError, match=r"--tag {{version}}: the commit is no release: git has no version tag for it"):
        asked(root, "{{version}}")
    release(root, "v2.0.0-rc.1")
    with pytest.raises(UsageError, match=r"--tag {{major}}: 2\.0\.0-rc\.1 is a pre-release; add one that"):
        asked(root, "{{major}}")


def test_a_recipe_for_all_commits_has_no_tags_of_one(root: Path) -> None:
    assert names(asked(root, "latest", handed_on=True)) == ["latest", "stable"]


def test_whoever_names_the_branch_of_a_pull_request_names_no_release(root: Path) -> None:
    subprocess.run(["git", "-C", str(root), "checkout", "-q", "-b", "v9.9.9"], check=True)
    environ = {"GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": "1", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "v9.9.9"}
    plan = planned(root, builder(AMD64), environ, replace(wanting(), tag="{{branch}}"))
    assert names(plan)[0] == "pr-v9.9.9"


@pytest.mark.parametrize(
    ("registry", "pushed"),
    [
        (None, ("ghcr.io/acme/api", "docker.io/acme/api")),
        ("r.example/a", ("r.example/a/api",)),  # the command line wins over both keys
        ("r.example/a,s.example", ("r.example/a/api", "s.example/api")),
    ],
)
def test_only_a_push_goes_to_further_registries(root: Path, registry: str | None, pushed: tuple[str, ...]) -> None:
    project = ProjectRequest(directory=root, trust=True, registry=registry)
    for push in (False, True):
        request = replace(wanting(push=push), project=project)
        plan = make_plan(request, open_project(project), builder(AMD64, ARM64), {})
        (target,) = plan.matrix.targets
        assert target.repositories(plan.project.prefix) == (pushed if push else pushed[:1])


@pytest.mark.parametrize(
    ("driver", "nodes", "why"),
    [("docker", 1, "is the engine's own"), ("remote", 2, "has several nodes"), ("remote", 1, "")],
)
def test_one_node_outside_the_engine_pushes_by_digest(tree: Tree, driver: str, nodes: int, why: str) -> None:
    root, on = tree(FILES), builder(AMD64, driver=driver, nodes=nodes, store="io.containerd.snapshotter.v1")
    assert planned(root, on, request=wanting(push=True)).pushes_by_digest is not bool(why)
    assert not planned(root, on, request=wanting()).pushes_by_digest
    untagged = replace(wanting(push=True), untagged=True)
    if not why:
        assert planned(root, on, request=untagged).pushes_by_digest
        return
    with pytest.raises(NoBuilder, match=f"builder farm {why}, and buildx then pushes no images without tags"):
        planned(root, on, request=untagged)
