"""A builder that many share: what runs that nobody has agreed to leave there is never met by main's."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from msgspec.structs import replace

from gobake import recipe
from gobake.caching.layers.plan import Builders, LayerPlan, layer_caches
from gobake.caching.policy.choice import CacheSettings, choose
from gobake.caching.policy.namespaces import BRANCH, NAMESPACES, UNTRUSTED, namespace
from gobake.caching.policy.options import CacheOptions
from gobake.caching.seeds.mounts import mounts_among, mounts_of
from gobake.checkout.ci import surroundings
from gobake.checkout.git import Checkout
from gobake.config.caches import CacheConfig
from gobake.config.loading import parse_config
from gobake.engine import parse_du
from gobake.errors import ConfigError
from gobake.model import BuildOptions, ExtraFile, OwnBase, Project, Stamp, Strategy
from gobake.recipe import Recipe
from gobake.services.naming import project_name
from gobake.targets.matrix import Matrix, Selection, select
from tests.conftest import Gobake, Tree
from tests.unit.recipe.test_dockerfile import AMD64, ARM64, project, service, tree_of

STEPS = ("RUN", "COPY", "ADD", "WORKDIR")
COMMIT = "c" * 40
GITHUB = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_SHA": COMMIT}
GITLAB = {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_SHA": COMMIT, "CI_DEFAULT_BRANCH": "main"}
FORK = {**GITHUB, "GITHUB_EVENT_NAME": "pull_request", "GITHUB_HEAD_REF": "topic", "GITHUB_BASE_REF": "main"}
TOPIC = {**GITHUB, "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/topic"}
MAIN = {**GITHUB, "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main"}
TAG = {
    **GITHUB,
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REF": "refs/tags/v1",
    "GITHUB_REF_NAME": "v1",
    "GITHUB_REF_TYPE": "tag",
}
THROWN_AWAY = {"RUNNER_ENVIRONMENT": "github-hosted"}


def everything() -> tuple[Project, Matrix]:
    """Every kind of stage: all strategies, files, volumes, time zones, stamps, own bases, a toolchain of the target."""
    first = replace(
        service("api"),
        zoneinfo=True,
        volumes=("/data",),
        files=(ExtraFile(source=PurePosixPath("go.mod"), target=PurePosixPath("/etc/shop/go.mod")),),
        stamps=(Stamp(variable="main.version", text="{version}"),),
        vcs=True,
    )
    native = replace(service("native"), strategy=Strategy.DEBIAN_SLIM, build=BuildOptions(env=(("CGO_ENABLED", "1"),)))
    own = OwnBase(name="own-base", file=PurePosixPath("base.Dockerfile"), runs=True)
    found = project(first, native)
    found = replace(found, bases=replace(found.bases, debian="./base.Dockerfile"), own_bases=(own,))
    return found, select(found, Selection(every_strategy=True), (AMD64, ARM64))


def rendered(space: str) -> Recipe:
    found, matrix = everything()
    return recipe.render(replace(found, namespace=space), matrix, tree_of(found.services, "example.com/other"))


def stages(dockerfile: str) -> dict[str, tuple[str, list[str]]]:
    """By name: what a stage is made from, and its instructions."""
    found: dict[str, tuple[str, list[str]]] = {}
    text = re.sub(r"(?ms)^(COPY <<'EOF' \S+)\n.*?^EOF$", r"\1", dockerfile)
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if start := re.fullmatch(r"FROM (?:--platform=\S+ )?(\S+) AS (\S+)", line):
            found[start[2]] = start[1], []
        elif line and not line.startswith("#"):
            found[list(found)[-1]][1].append(line)
    return found


def met(dockerfile: str, space: str) -> list[str]:
    """Stages with a step that is not apart: it begins neither with a step of the namespace's own nor in a stage that does."""
    known = stages(dockerfile)

    def apart(name: str) -> bool:
        base, instructions = known[name]
        steps = [line for line in instructions if line.startswith(STEPS)]
        if not steps or steps[0] == f"COPY --from=namespace /{space}/ /":
            return True
        return base in known and bool(known[base][1]) and apart(base)

    return [name for name in known if name != "namespace" and not apart(name)]


# ---- steps


@pytest.mark.parametrize("space", NAMESPACES)
def test_no_step_of_any_stage_is_one_of_mains(space: str) -> None:
    text = rendered(space).dockerfile
    assert {str(strategy) for strategy in Strategy} <= {name.partition("-")[2] for name in stages(text)}
    assert met(text, space) == []


def test_the_steps_of_main_would_be_met() -> None:
    """The check itself: without a namespace nothing is apart, and main's recipe says nothing of any."""
    text = rendered("").dockerfile
    assert len(met(text, UNTRUSTED)) > 15
    assert "namespace" not in text


def test_every_target_has_mounts_and_run_steps_apart_whatever_its_dockerfile_says() -> None:
    """A base image's triggers and a Dockerfile of the project name whichever mounts they like."""
    targets: dict[str, dict[str, Any]] = json.loads(rendered(UNTRUSTED).bake)["target"]
    for name, target in targets.items():
        given = dict(target.get("args", {}))
        for parent in target.get("inherits", ()):
            given = {**targets[parent].get("args", {}), **given}
        assert given.get("BUILDKIT_CACHE_MOUNT_NS") == UNTRUSTED, name
        assert given.get("BUILDKIT_SANDBOX_HOSTNAME") == f"{UNTRUSTED}.gobake", name
    assert "_own-base" in targets
    assert "BUILDKIT" not in rendered("").bake


# ---- layers


def chosen(env: Mapping[str, str], payload: Mapping[str, Any] = {}, policy: str = "") -> CacheSettings:
    around = surroundings(env, Checkout(revision=COMMIT), payload)
    wish = CacheOptions(store="ghcr.io/acme/cache", policy=policy)
    return choose(everything()[0], CacheConfig(), around, wish).settled()


def planned(env: Mapping[str, str], driver: str = "docker", layers: str = "") -> LayerPlan:
    found, matrix = everything()
    said = choose(
        found,
        parse_config(f"cache: {{layers: {{{layers}}}}}".encode(), Path("gobake.yaml")).cache,
        surroundings(env, Checkout(revision=COMMIT), {}),
        CacheOptions(store="ghcr.io/acme/cache"),
    ).settled()
    apart = replace(found, namespace=namespace(said, driver, env), registry="ghcr.io/acme")
    return layer_caches(apart, matrix, said, Builders(), "v1")


@pytest.mark.parametrize("backends", ["[store]", "[inline]", "[gha]", "[store, inline, gha]"])
def test_an_untrusted_run_brings_no_layers_into_a_builder_that_others_use(backends: str) -> None:
    plan = planned(FORK, layers=f"backends: {backends}")
    assert plan.targets
    assert all(not cache.imports and not cache.exports for cache in plan.targets.values())


def test_on_a_machine_that_is_thrown_away_it_reads_mains_layers() -> None:
    assert all(cache.imports for cache in planned(FORK | THROWN_AWAY).targets.values())
    assert not any(cache.imports for cache in planned(FORK | THROWN_AWAY, driver="remote").targets.values())


def test_a_branch_reads_the_layers_of_its_own_alone_on_a_shared_builder() -> None:
    refs = {entry.name for cache in planned(TOPIC).targets.values() for entry in cache.imports}
    assert refs
    assert all(ref.endswith(".topic") for ref in refs)


# ---- mounts


@pytest.mark.parametrize(
    ("env", "space"),
    [
        (MAIN, ""),
        (TAG, ""),
        (TOPIC | {"GITHUB_REF_PROTECTED": "true"}, ""),
        (TOPIC, BRANCH),
        (TOPIC | {"GITHUB_REF_PROTECTED": "false"}, BRANCH),
        (TOPIC | THROWN_AWAY, ""),
        (FORK, UNTRUSTED),
        (FORK | {"GITHUB_REF_PROTECTED": "true"}, UNTRUSTED),
        (FORK | THROWN_AWAY, ""),
        (GITLAB | {"CI_COMMIT_BRANCH": "main"}, ""),
        (GITLAB | {"CI_COMMIT_BRANCH": "topic"}, BRANCH),
        (GITLAB | {"CI_COMMIT_BRANCH": "topic", "CI_COMMIT_REF_PROTECTED": "true"}, ""),
        (GITLAB | {"CI_MERGE_REQUEST_IID": "1", "CI_COMMIT_REF_PROTECTED": "true"}, UNTRUSTED),
        ({"CI": "true"}, UNTRUSTED),
        ({}, ""),
    ],
)
def test_main_tags_and_protected_branches_alone_share_mounts(env: Mapping[str, str], space: str) -> None:
    assert namespace(chosen(env), "docker", env) == space


@pytest.mark.parametrize(
    ("env", "driver", "apart"),
    [
        (FORK | THROWN_AWAY, "docker", False),
        (FORK | THROWN_AWAY, "docker-container", False),
        (FORK | THROWN_AWAY, "kubernetes", True),
        (FORK | THROWN_AWAY, "remote", True),
        (FORK | {"RUNNER_ENVIRONMENT": "self-hosted"}, "docker", True),
        (FORK | {"RUNNER_ENVIRONMENT": "of-a-service-that-nobody-knows"}, "docker", True),
        (FORK | {"RUNNER_ENVIRONMENT": ""}, "docker", True),
        (FORK | {"CI_DISPOSABLE_ENVIRONMENT": "true"}, "docker", True),
        (GITLAB | {"CI_MERGE_REQUEST_IID": "1", "CI_DISPOSABLE_ENVIRONMENT": "true"}, "docker", False),
        (GITLAB | {"CI_MERGE_REQUEST_IID": "1", "CI_DISPOSABLE_ENVIRONMENT": "true"}, "remote", True),
        (GITLAB | {"CI_MERGE_REQUEST_IID": "1", "CI_DISPOSABLE_ENVIRONMENT": "false"}, "docker", True),
        (GITLAB | {"CI_MERGE_REQUEST_IID": "1", **THROWN_AWAY}, "docker", True),
    ],
)
def test_only_a_machine_that_its_own_ci_says_is_thrown_away_has_nothing_to_keep_apart(
    env: Mapping[str, str], driver: str, apart: bool
) -> None:
    assert namespace(chosen(env), driver, env) == (UNTRUSTED if apart else "")


def test_what_is_said_of_a_workflows_own_branch_is_not_said_of_the_branch_that_started_it() -> None:
    """A workflow on the protected main branch that builds what a push to a topic branch was."""
    env = {
        **GITHUB,
        "GITHUB_EVENT_NAME": "workflow_run",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_REF_PROTECTED": "true",
    }
    run = {"head_repository": {"full_name": "acme/shop"}, "event": "push", "head_branch": "topic"}
    assert namespace(chosen(env, {"workflow_run": run}), "docker", env) == BRANCH


def test_a_policy_may_say_that_all_branches_share_mains_mounts() -> None:
    assert namespace(chosen(TOPIC, policy="release"), "docker", TOPIC) == ""


def test_the_plan_of_a_fork_shows_the_mounts_that_it_would_use(gobake: Gobake, tree: Tree) -> None:
    root = tree(
        {"go.mod": "module example.com/shop\n\ngo 1.22\n", "main.go": "package main\n\nfunc main() {}\n"}, "shop"
    )
    told = gobake.good("plan", "--format", "json", cwd=root, env=FORK).json
    assert told["mounts"]
    assert all(mount.startswith("untrusted-") for mount in told["mounts"])
    assert not told["caches"]["trusted_mounts"]
    branch = gobake.good("plan", "--format", "json", cwd=root, env=TOPIC).json
    assert all(mount.startswith("branch-") for mount in branch["mounts"])
    assert not branch["caches"]["trusted_mounts"]
    text = gobake.good("plan", cwd=root, env=FORK).out
    assert "note      this builder outlives the run" in text
    thrown = gobake.good("plan", cwd=root, env=FORK | THROWN_AWAY | {"DOCKER_HOST": "unix:///nowhere"}).out
    assert "untrusted-" not in thrown
    assert "outlives" not in thrown


@pytest.mark.parametrize(
    ("env", "words", "says"),
    [
        (FORK | THROWN_AWAY, (), "saves nothing that others read"),
        (FORK, ("--branch", "main"), "saves nothing that others read"),
        ({"CI": "true"}, (), "saves nothing that others read"),
        (TOPIC | THROWN_AWAY, ("--branch", "main"), "saves for no other branch"),
        (GITHUB | {"GITHUB_EVENT_NAME": "push"}, (), "saves for no other branch"),
    ],
)
def test_a_seed_of_main_is_saved_by_main_alone(
    gobake: Gobake, tree: Tree, env: Mapping[str, str], words: tuple[str, ...], says: str
) -> None:
    root = tree({"go.mod": "module example.com/shop\n\ngo 1.22\n", "main.go": "package main\n\nfunc main() {}\n"})
    ended = gobake("cache", "save", "--to", "./store", *words, cwd=root, env={"DOCKER_HOST": "unix:///nowhere", **env})
    assert ended.code == 2
    assert says in ended.err


def test_a_mount_that_a_fork_calls_like_mains_is_not_taken_for_it() -> None:
    """BuildKit lists ids with the namespace of their builds before them."""
    found, matrix = everything()
    listed = parse_du(
        "".join(
            f'ID:\tr{n}\nDescription:\tcached mount /m from exec x with id "{written}"\nType:\texec.cachemount\n\n'
            for n, written in enumerate(
                ["untrusted/shop-gobuild", "untrusted//shop-gobuild", "untrusted/../shop-gobuild"]
            )
        )
    ).mounts
    assert len(listed) == 3
    assert mounts_among(found, listed) == ()
    theirs = replace(found, namespace=UNTRUSTED)
    own = mounts_of(theirs, matrix)[0]
    again = parse_du(
        f'ID:\tr\nDescription:\tcached mount /m from exec x with id "untrusted/{own.id}"\nType:\texec.cachemount\n'
    ).mounts
    assert [mount.id for mount in again] == [own.id]


@pytest.mark.parametrize("space", NAMESPACES)
def test_no_project_is_called_like_the_mounts_of_such_runs(space: str) -> None:
    with pytest.raises(ConfigError, match="name of a project"):
        parse_config(f"name: {space}-shop".encode(), Path("gobake.yaml"))
    assert parse_config(f"name: {space}s-shop".encode(), Path("gobake.yaml")).name == f"{space}s-shop"
    for told in (project_name(f"{space}/shop", [], "", ""), project_name("", [], "", f"{space}-shop")):
        assert told.startswith(f"project-{space}-shop-")
