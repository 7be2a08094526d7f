"""The plan: images, compile stages, mounts and reasons, as text and as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from gobake.caching.policy.options import CacheOptions
from gobake.errors import ConfigError
from gobake.model import Platform, Strategy
from gobake.plan.build_plan import BuildPlan, make_plan
from gobake.plan.builder import assumed
from gobake.plan.discover import open_project
from gobake.plan.request import BuildRequest, ProjectRequest
from gobake.report.plan import as_json, as_text
from gobake.targets.matrix import Selection
from tests.conftest import Tree

AMD64, ARM64 = Platform(os="linux", arch="amd64"), Platform(os="linux", arch="arm64")
MAIN = "package main\n\nfunc main() {}\n"
FILES = {
    "go.mod": "module example.com/shop\n\ngo 1.21\n",
    "cmd/api/main.go": 'package main\n\nimport _ "example.com/shop/internal/store"\n\nvar v string\n\nfunc main() {}\n',
    "cmd/worker/main.go": MAIN,
    "internal/store/store.go": "package store\n",
}
CHOSEN = "services:\n  api: {strategies: [alpine, scratch], tags: [stable], version_stamp: main.v}\n  worker: {}\n"


def planned(
    root: Path,
    selection: Selection | None = None,
    registry: str = "",
    wish: CacheOptions | None = None,
    platforms: tuple[Platform, ...] = (AMD64, ARM64),
) -> BuildPlan:
    """As if this machine compiled what is compiled outside."""
    request = BuildRequest(
        project=ProjectRequest(directory=root, platforms=(AMD64, ARM64), trust=True, registry=registry),
        selection=replace(selection or Selection(every_strategy=True), platforms=platforms),
        caches=wish or CacheOptions(),
        tag="v1",
    )
    opened = replace(open_project(request.project), host_go="/usr/bin/go")
    return make_plan(request, opened, assumed(), os.environ)


def test_a_chosen_strategy_has_the_plain_tag_and_the_configured_ones(tree: Tree) -> None:
    plan = planned(tree({**FILES, "gobake.yaml": CHOSEN}), registry="ghcr.io/acme")
    names = {t.name: t.images(plan.project.prefix, "v1") for t in plan.matrix.targets}
    assert names["api-alpine"] == ("ghcr.io/acme/api:v1-alpine",)
    assert names["api-scratch"] == ("ghcr.io/acme/api:v1-scratch", "ghcr.io/acme/api:v1", "ghcr.io/acme/api:stable")
    assert names["worker-upx"] == ("ghcr.io/acme/worker:v1-upx",)


def test_a_build_of_the_chosen_strategies_adds_no_tag_that_nobody_asked_for(tree: Tree) -> None:
    plan = planned(tree({**FILES, "gobake.yaml": CHOSEN}), Selection(), registry="ghcr.io/acme")
    names = {t.name: t.images(plan.project.prefix, "v1") for t in plan.matrix.targets}
    assert names == {
        "api-scratch": ("ghcr.io/acme/api:v1", "ghcr.io/acme/api:stable"),
        "worker-scratch": ("ghcr.io/acme/worker:v1",),
    }
    assert [target["image"] for target in as_json(plan)["targets"]] == ["ghcr.io/acme/api:v1", "ghcr.io/acme/worker:v1"]
    beside = planned(tree({**FILES, "gobake.yaml": CHOSEN}), Selection(strategies=(Strategy.ALPINE,)))
    assert [t.images("", "v1") for t in beside.matrix.targets] == [("api:v1-alpine",), ("worker:v1-alpine",)]


def test_the_json_tells_every_target_with_its_compile_and_its_reason(tree: Tree) -> None:
    binaries = {f"dist/worker-linux-{arch}": "x" for arch in ("amd64", "arm64")}
    found = as_json(planned(tree({**FILES, **binaries, "gobake.yaml": CHOSEN})))
    assert json.loads(json.dumps(found)) == found
    assert found["schema"] == 1
    assert found["counts"] == {"targets": 10, "services": 2, "strategies": 8, "platforms": 2}
    targets = {t["name"]: t for t in found["targets"]}
    assert [targets[n]["why"] for n in ("api-scratch", "api-alpine", "worker-alpine")] == [
        "chosen",
        "listed",
        "all strategies",
    ]
    assert [targets[n]["from"] for n in ("api-scratch", "worker-scratch")] == ["stamp", "compile"]
    assert targets["worker-prebuilt"]["from"] == "binary from dist/worker-OS-ARCH"
    assert targets["api-alpine"]["platforms"] == ["linux/amd64", "linux/arm64"]
    assert found["compile"] == [
        {
            "stage": "compile",
            "build_root": ".",
            "services": ["api", "worker"],
            "stamped": ["api"],
            "platforms": ["linux/amd64", "linux/arm64"],
        }
    ]


def test_without_a_configuration_scratch_is_the_default(tree: Tree) -> None:
    plan = planned(tree(FILES), Selection())
    found = as_json(plan)
    assert [(t["name"], t["why"]) for t in found["targets"]] == [
        ("api-scratch", "the default"),
        ("worker-scratch", "the default"),
    ]
    assert found["project"]["config"] is None
    assert "none: the repository tells which commands are services" in as_text(plan)
    assert not [line for line in as_text(plan).splitlines() if line.startswith("trust") and "gobake.yaml" in line]


def test_mounts_are_named_after_the_project_and_one_a_platform_for_links(tree: Tree) -> None:
    assert planned(tree(FILES)).mounts == (
        "example-com-shop-gomod",
        "example-com-shop-gobuild",
        "example-com-shop-golink-compile-linux-amd64",
        "example-com-shop-golink-compile-linux-arm64",
    )


def test_only_prebuilt_targets_need_neither_compile_nor_mounts(tree: Tree) -> None:
    plan = planned(tree(FILES), Selection(strategies=(Strategy.PREBUILT,)))
    assert (plan.stages, plan.mounts) == ((), ())


def test_only_packages_of_the_selected_services_are_counted(tree: Tree) -> None:
    root = tree(FILES)
    assert planned(root).packages == 3
    assert planned(root, Selection(services=("worker",))).packages == 1


def test_the_text_tells_the_same_as_the_json(tree: Tree) -> None:
    plan = planned(tree({**FILES, "gobake.yaml": CHOSEN}))
    text = as_text(plan)
    for target in as_json(plan)["targets"]:
        (line,) = [line for line in text.splitlines() if line.startswith(f"{target['name']} ")]
        assert target["why"] in line
        assert any(line.endswith(image) for image in target["images"])
    assert "stamp: links api with VERSION" in text
    assert "9 targets for linux/amd64, linux/arm64: 2 services in 7 strategies" in text
    assert all(f"mount     {mount}" in text for mount in plan.mounts)


def test_what_is_left_out_is_told_with_its_reason(tree: Tree) -> None:
    text = as_text(planned(tree(FILES), platforms=(Platform(os="linux", arch="s390x"),)))
    assert "left out  api in upx: UPX cannot pack s390x" in text


# ---- caches


def with_caches(root: Path, wish: CacheOptions, monkeypatch: pytest.MonkeyPatch, **env: str) -> BuildPlan:
    for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return planned(root, Selection(), "ghcr.io/acme", wish)


def test_the_plan_tells_policy_store_and_what_each_target_reads_and_writes(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = {
        "GITLAB_CI": "true",
        "CI_COMMIT_BRANCH": "next",
        "CI_DEFAULT_BRANCH": "main",
        "CI_DISPOSABLE_ENVIRONMENT": "true",
    }
    plan = with_caches(tree(FILES), CacheOptions(), monkeypatch, **env)
    lines = as_text(plan).splitlines()
    assert "policy    ci-branch: gitlab, next" in lines
    assert "store     ghcr.io/acme/shop-cache: beside the images" in lines
    assert (
        "import    api-scratch: layers-example-com-shop.api-scratch.all.next, layers-example-com-shop.api-scratch.all.main"
        in lines
    )
    assert "export    api-scratch: layers-example-com-shop.api-scratch.all.next" in lines
    found = as_json(plan)["caches"]
    assert json.loads(json.dumps(found)) == found
    assert (found["policy"], found["store"], found["read"], found["written"]) == (
        "ci-branch",
        "ghcr.io/acme/shop-cache",
        ["next", "main"],
        "next",
    )
    assert found["layers"]["api-scratch"]["import"][0] == (
        "type=registry,ref=ghcr.io/acme/shop-cache:layers-example-com-shop.api-scratch.all.next"
    )
    assert set(found["layers"]) == {"api-scratch", "worker-scratch"}
    assert found["layers"]["api-scratch"]["export"][0].endswith(
        ",mode=min,compression=zstd,oci-mediatypes=true,image-manifest=true,ignore-error=true"
    )


def test_a_terminal_reads_and_writes_no_layers_without_a_store(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    text = as_text(with_caches(tree(FILES), CacheOptions(), monkeypatch))
    assert "policy    dev: a terminal\nstore     none is configured\n" in text
    assert "import " not in text


def test_a_policy_of_the_configuration_that_does_not_exist_is_an_error(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({**FILES, "gobake.yaml": "cache: {policy: ./ci/none.yaml}\n"})
    with pytest.raises(ConfigError, match=r"ci/none\.yaml: there is no such file"):
        with_caches(root, CacheOptions(), monkeypatch)
