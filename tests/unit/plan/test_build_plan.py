"""The plan of a build: what follows from the request, the project, the builder and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from gobake.caching.policy.options import CacheOptions
from gobake.engine import Builder, EngineInfo, Node
from gobake.errors import EmulationMissing
from gobake.model import Platform, Strategy
from gobake.plan.build_plan import PUSH, BuildPlan, make_plan, stuck
from gobake.plan.builder import PlannedBuilder, assumed
from gobake.plan.discover import open_project
from gobake.plan.request import BuildRequest, ProjectRequest
from gobake.recipe import Places
from gobake.report.plan import as_json, as_text
from gobake.targets.matrix import Selection
from tests.conftest import Tree

AMD64, ARM64 = Platform(os="linux", arch="amd64"), Platform(os="linux", arch="arm64")
FILES = {"go.mod": "module example.com/shop\n\ngo 1.21\n", "cmd/api/main.go": "package main\n\nfunc main() {}\n"}
PUSHED = {
    "GITLAB_CI": "true",
    "CI_COMMIT_BRANCH": "main",
    "CI_DEFAULT_BRANCH": "main",
    "CI_COMMIT_REF_PROTECTED": "true",
    "CI_DISPOSABLE_ENVIRONMENT": "true",
}


def builder(*platforms: Platform, driver: str = "docker-container", nodes: int = 1, store: str = "") -> PlannedBuilder:
    each = [
        Node(name=f"node{at}", endpoint="", status="running", buildkit="v0.25.0", platforms=platforms)
        for at in range(nodes)
    ]
    info = EngineInfo(engine="28.5.2", store=store)
    return PlannedBuilder(answer=Builder(name="farm", driver=driver, nodes=tuple(each)), name="farm", info=info)


def planned(
    root: Path,
    on: PlannedBuilder,
    environ: Mapping[str, str] | None = None,
    request: BuildRequest | None = None,
    **words: bool,
) -> BuildPlan:
    project = ProjectRequest(directory=root, trust=True, registry="ghcr.io/acme", platforms=(AMD64, ARM64))
    wanted = request or BuildRequest(project=project, selection=Selection())
    wanted = replace(wanted, project=project)
    opened = replace(open_project(project), host_go=None)
    return make_plan(wanted, opened, on, environ or {}, **words)


def wanting(*strategies: Strategy, every: bool = False, push: bool = False, load: bool = False) -> BuildRequest:
    selection = Selection(strategies=strategies, every_strategy=every, platforms=(AMD64, ARM64))
    project = ProjectRequest(directory=Path())
    return BuildRequest(project=project, selection=selection, tag="v1", push=push, load=load)


def test_it_changes_nothing_and_is_the_same_again(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "77")
    root = tree(FILES)
    before, files = dict(os.environ), sorted(root.rglob("*"))
    first, second = (planned(root, builder(AMD64), {"SOURCE_DATE_EPOCH": "77"}) for _ in range(2))
    assert first == second
    assert first.variables["EPOCH"] == "77"
    assert (dict(os.environ), sorted(root.rglob("*"))) == (before, files)
    assert not first.home.exists()


def test_the_environment_is_the_one_that_is_given(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(FILES)
    monkeypatch.setenv("GITLAB_CI", "true")
    assert planned(root, builder(AMD64)).caches.policy.name == "dev"
    assert planned(root, builder(AMD64), PUSHED).caches.policy.name == "ci-branch"


def test_a_builder_decides_on_platforms_and_exports(tree: Tree) -> None:
    root = tree(FILES)
    one, several = (planned(root, builder(ARM64, AMD64, nodes=n), PUSHED, wanting()) for n in (1, 2))
    assert planned(root, builder(ARM64, AMD64)).matrix.platforms == (ARM64,)
    assert [platform for platform, _ in one.layers.targets["api-scratch"].exports] == [None]
    assert [platform for platform, _ in several.layers.targets["api-scratch"].exports] == [AMD64, ARM64]
    classic = planned(root, builder(AMD64, driver="docker"), PUSHED)
    assert "this engine's image store cannot" in " ".join(classic.layers.notes)
    containerd = planned(root, builder(AMD64, driver="docker", store="io.containerd.snapshotter.v1"), PUSHED)
    assert containerd.layers.notes == ()


def test_what_is_started_is_loaded_first_and_pushed_later(tree: Tree) -> None:
    root = tree(FILES)
    docker, apart = builder(AMD64, driver="docker", store="io.containerd.snapshotter.v1"), builder(AMD64)
    outputs = {}
    for push, smoke in ((False, False), (True, False), (False, True), (True, True)):
        request = replace(wanting(push=push), smoke=smoke)
        plans = [planned(root, on, request=request) for on in (docker, apart)]
        outputs[push, smoke] = [plan.output for plan in plans]
        assert [plan.keeps_images for plan in plans] == [True, smoke]
    assert outputs == {
        (False, False): ["type=image", "type=image"],
        (True, False): [PUSH, PUSH],
        (False, True): ["type=image", "type=docker"],
        (True, True): ["type=image", "type=docker"],
    }


def test_what_the_builder_cannot_run_is_left_out_or_an_error(tree: Tree) -> None:
    root = tree(FILES)
    plan = planned(root, builder(AMD64), request=wanting(every=True))
    (note,) = [note for note in plan.matrix.left_out if "cannot run programs of linux/arm64" in note]
    gone = note.partition(":")[0].split(", ")
    assert gone
    assert {target.name for target in plan.matrix.targets}.isdisjoint(gone)
    assert all(builder(AMD64).runs(target) for target in plan.matrix.targets)
    with pytest.raises(EmulationMissing, match="linux/arm64, and builder farm cannot"):
        planned(root, builder(AMD64), request=wanting(Strategy.SINGLE_STAGE))
    asked = replace(wanting(every=True), project=ProjectRequest(directory=root))
    assert [target.name for target in stuck(asked, plan.opened, builder(AMD64))] == gone
    assert stuck(asked, plan.opened, assumed()) == []


@pytest.mark.parametrize(
    ("driver", "words", "output", "kept"),
    [
        ("docker", {}, "type=image", True),
        ("docker", {"load": True}, "type=image", True),
        ("docker-container", {}, "type=image", False),
        ("docker-container", {"load": True}, "type=docker", True),
        ("docker-container", {"push": True}, "type=image,push=true", False),
    ],
)
def test_where_images_go(tree: Tree, driver: str, words: dict[str, bool], output: str, kept: bool) -> None:
    plan = planned(tree(FILES), builder(AMD64, ARM64, driver=driver), request=wanting(**words))
    assert (plan.output, plan.keeps_images, plan.needs_image_store) == (output, kept, kept)


def test_binaries_that_nobody_can_compile_are_left_out_of_a_build_and_not_of_a_recipe(tree: Tree) -> None:
    root = tree(FILES)
    built = planned(root, assumed(), request=wanting(every=True))
    assert not built.uses_binaries
    assert any("no Go on this machine" in note for note in built.matrix.left_out)
    assert planned(root, assumed(), request=wanting(every=True), handed_on=True).uses_binaries
    assert planned(root, assumed(), request=wanting(Strategy.PREBUILT)).uses_binaries


@pytest.mark.parametrize(
    ("config", "files", "built"),
    [
        ("", {}, False),
        ("services: {api: {strategies: [scratch, prebuilt]}}\n", {}, True),
        ("services: {api: {strategy: prebuilt}}\n", {}, True),
        ("", {"dist/api-linux-amd64": "x"}, False),
        ("", {"dist/api-linux-amd64": "x", "dist/api-linux-arm64": "x"}, True),
    ],
)
def test_prebuilt_is_built_where_its_binaries_are_or_it_is_asked_for(
    tree: Tree, config: str, files: dict[str, str], built: bool
) -> None:
    """Else this machine's Go would compile everything once more."""
    root = tree({**FILES, **files, **({"gobake.yaml": config} if config else {})})
    request = replace(wanting(every=True), project=ProjectRequest(directory=root, trust=True))
    opened = replace(open_project(request.project), host_go="/usr/bin/go")
    plan = make_plan(request, opened, assumed(), {})
    assert ("api-prebuilt" in {target.name for target in plan.matrix.targets}) is built
    assert (
        any("api in prebuilt: no dist/{service}-{os}-{arch} and nobody asked" in n for n in plan.matrix.left_out)
        is not built
    )


def test_seeds_are_those_of_the_branch_and_of_main(tree: Tree) -> None:
    root = tree(FILES)
    environ = {**PUSHED, "CI_COMMIT_BRANCH": "next"}
    plan = planned(root, builder(ARM64), environ)
    assert [seed.rpartition("-")[2] for seed in plan.seeds] == ["next", "main"]
    assert all("-arm64-" in seed for seed in plan.seeds)
    assert f"seeds     {', '.join(plan.seeds)}" in as_text(plan).splitlines()
    assert as_json(plan)["caches"]["seeds"] == list(plan.seeds)
    assert planned(root, builder(ARM64)).seeds == ()


def test_it_is_told_whether_the_builder_was_asked(tree: Tree) -> None:
    root = tree(FILES)
    asked, unasked = planned(root, builder(ARM64, AMD64)), planned(root, assumed())
    assert "builder   farm (docker-container) for linux/arm64, linux/amd64" in as_text(asked).splitlines()
    (line,) = [line for line in as_text(unasked).splitlines() if line.startswith("builder ")]
    assert "not asked" in line
    assert as_json(asked)["builder"] == {
        "asked": True,
        "name": "farm",
        "driver": "docker-container",
        "platforms": ["linux/arm64", "linux/amd64"],
        "nodes": [],
    }
    assert not as_json(unasked)["builder"]["asked"]


def test_fewer_targets_are_the_same_plan_of_fewer(tree: Tree) -> None:
    plan = planned(tree(FILES), builder(AMD64, ARM64), PUSHED, wanting(Strategy.SCRATCH, Strategy.ALPINE))
    alpine = [target for target in plan.matrix.targets if target.strategy is Strategy.ALPINE]
    less = plan.narrowed(plan.matrix.without([t for t in plan.matrix.targets if t not in alpine], "it failed"))
    assert less.bake_targets[0] == "api-alpine"
    assert "api-scratch" not in {*less.bake_targets, *less.layers.targets}
    places = Places(context=".", dockerfile="Dockerfile", prebuilt="dist")
    assert "api-scratch" not in less.recipe(places).bake
    assert less.variables == plan.variables


def test_the_namespace_is_not_in_a_recipe_that_is_handed_on(tree: Tree) -> None:
    root = tree(FILES)
    environ = {"GITLAB_CI": "true", "CI_COMMIT_BRANCH": "next", "CI_DEFAULT_BRANCH": "main"}
    request = replace(wanting(), caches=CacheOptions(policy="ci-branch", said_from=root))
    assert planned(root, builder(AMD64), environ, request).project.namespace == "branch"
    assert planned(root, assumed(), environ, request, handed_on=True).project.namespace == ""
