"""Whole runs with a cache store: main saves, bare builders are warm, pull requests write nothing, faults cost no build."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gobake.engine import cache_mounts
from tests.conftest import Gobake, commit
from tests.engine.caches import SESSIONS_LAST, edit, forget_mounts, make_bare, mark_of, requests, small_project
from tests.engine.test_cache_verify import in_mount

BOTH = "linux/amd64,linux/arm64"
MAIN = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_REF_NAME": "main",
    "GITHUB_REPOSITORY": "acme/small",
    "GITHUB_EVENT_PATH": "",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One project for all tests here, in the order in which they stand: the first one compiles it."""
    made = small_project(tmp_path_factory.mktemp("runs"))
    yield made
    forget_mounts(made.name)
    forget_mounts(f"untrusted-{made.name}")


@pytest.fixture(scope="module")
def store(registry: str, root: Path) -> str:
    return f"{registry}/acme/{root.name}-cache"


@pytest.fixture(scope="module")
def gobake(world: Gobake) -> Gobake:
    return world


@pytest.fixture
def fork(tmp_path: Path) -> dict[str, str]:
    """The environment of a pull request from a fork, on a runner that is kept."""
    payload = {
        "repository": {"default_branch": "main", "full_name": "acme/small"},
        "pull_request": {"head": {"ref": "main", "repo": {"full_name": "mallory/small"}}, "base": {"ref": "main"}},
    }
    event = tmp_path / "event.json"
    event.write_text(json.dumps(payload))
    return MAIN | {
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_REF_NAME": "7/merge",
        "GITHUB_HEAD_REF": "main",
        "GITHUB_BASE_REF": "main",
        "GITHUB_EVENT_PATH": str(event),
    }


def build(gobake: Gobake, root: Path, store: str, env: dict[str, str], *words: str) -> dict[str, Any]:
    gobake.good("build", "--platform", BOTH, "--cache-store", store, *words, cwd=root, env=env)
    return gobake.last_run(root)


def executed(record: dict[str, Any]) -> list[str]:
    return sorted({s["name"] for s in record["steps"] if s["outcome"] == "executed"})


def compiled(record: dict[str, Any]) -> list[str]:
    return sorted({path for work in record["go"] for path, _ in work["compiled"]})


def actions(record: dict[str, Any]) -> list[str]:
    return [seed["action"] for seed in record["seeds"]]


@pytest.mark.smoke
def test_main_saves_and_a_bare_builder_is_warm(gobake: Gobake, root: Path, store: str) -> None:
    cold = build(gobake, root, store, MAIN)
    assert actions(cold) == ["saved whole"]
    assert cold["cache_policy"] == "ci-branch"

    make_bare()
    (root / "README.md").write_text("a commit that touches no source\n")
    commit(root)
    readme = build(gobake, root, store, MAIN)
    assert compiled(readme) == []
    assert actions(readme) == (["restored"] if SESSIONS_LAST else [])  # and nothing to save

    make_bare()
    edit(root)
    commit(root)
    edited = build(gobake, root, store, MAIN)
    assert actions(edited) == ["restored", "saved grown"]
    assert compiled(edited) == ["example.com/small/cmd/one"]
    assert edited["modules"] == []


def test_where_layer_caches_hold_the_compile_too_no_seed_is_pulled_for_a_readme(
    gobake: Gobake, registry: str, tmp_path: Path
) -> None:
    own = small_project(tmp_path)
    store = f"{registry}/acme/{own.name}-cache"
    with (own / "gobake.yaml").open("a") as config:
        config.write("cache: {layers: {mode: max}}\n")
    assert actions(build(gobake, own, store, MAIN)) == ["saved whole"]
    make_bare()
    (own / "README.md").write_text("a commit that touches no source\n")
    commit(own)
    readme = build(gobake, own, store, MAIN)
    forget_mounts(own.name)
    assert [name for name in executed(readme) if " RUN " in name] == []  # BuildKit may copy a file again
    assert compiled(readme) == []
    assert actions(readme) == []  # all came out of the layer caches: no seed was worth its pull


def test_a_warm_builder_pulls_no_seed_although_a_newer_one_is_there(gobake: Gobake, root: Path, store: str) -> None:
    edit(root)
    gobake.good("build", "--platform", BOTH, cwd=root)
    gobake.good("cache", "save", "--to", store, "--branch", "main", cwd=root)
    edit(root, "two")
    commit(root)
    repository = store.partition("/")[2]
    with requests() as seen:
        record = build(gobake, root, store, {}, "--cache-policy", "dev")
    assert compiled(record) == ["example.com/small/cmd/two"]
    assert actions(record) == []
    assert [r for r in seen.of(repository) if "/manifests/seed-" in r] == []
    assert [r for r in seen.of(repository) if "/manifests/layers-" in r]  # its layer caches were looked for


def test_an_edit_on_a_warm_builder_asks_for_no_layers_that_nobody_can_have(
    gobake: Gobake, root: Path, store: str
) -> None:
    edit(root, "two")
    with requests() as seen:
        record = build(gobake, root, store, {}, "--cache-policy", "dev")
    assert compiled(record) == ["example.com/small/cmd/two"]
    asked = seen.of(store.partition("/")[2])
    assert [r for r in asked if "/manifests/layers-" in r or "/manifests/seed-" in r] == []
    assert asked  # the log is the right one: what other runs told was looked for


def test_a_pull_request_from_a_fork_reads_and_never_writes(
    gobake: Gobake, root: Path, store: str, fork: dict[str, str]
) -> None:
    build(gobake, root, store, MAIN)
    forget_mounts(root.name)
    for words in ((), ("--cache-policy", "release")):
        edit(root)
        with requests() as seen:
            record = build(gobake, root, store, fork, *words)
        assert "example.com/small/cmd/one" in compiled(record)
        assert "example.com/small/shared" not in compiled(record)  # main's seed was read
        assert seen.writes("acme/") == []
    assert "restored" in {a for run in _runs(gobake, root) for a in actions(run)}
    ids = {mount.id for mount in cache_mounts() or ()}
    assert f"untrusted-{root.name}-gobuild" in ids
    assert f"{root.name}-gobuild" not in ids


def _runs(gobake: Gobake, root: Path) -> list[dict[str, Any]]:
    listed = gobake.good("runs", "ls", "--format", "json", cwd=root).json["runs"]
    return [gobake.good("runs", "show", run["id"], "--format", "json", cwd=root).json for run in listed]


def said(image: str) -> str:
    done = subprocess.run(["docker", "run", "--rm", image], capture_output=True, text=True, check=True)
    return done.stderr


def test_what_a_pull_request_poisons_main_never_reads(
    gobake: Gobake, root: Path, store: str, fork: dict[str, str]
) -> None:
    mark = mark_of(root)
    build(gobake, root, store, fork)
    assert mark in said("one:latest")
    changed = in_mount(
        f"untrusted-{root.name}-gobuild",
        f"sh -c \"grep -rlF '{mark}' /cache | grep -e '-d$' | xargs -r sed -i 's/{mark}/{mark.upper()}/g'; "
        f"grep -rlF '{mark.upper()}' /cache\"",
    )
    assert "-d" in changed
    edit(root)
    build(gobake, root, store, fork)
    assert mark.upper() in said("one:latest")  # the poison is one
    record = build(gobake, root, store, MAIN)
    assert mark in said("one:latest")
    assert any("compile" in name for name in executed(record))


def test_a_store_that_is_down_costs_a_line_and_no_build(gobake: Gobake, root: Path) -> None:
    forget_mounts(root.name)
    edit(root)
    ended = gobake.good(
        "build", "--platform", "linux/amd64", "--cache-store", "localhost:1/acme/cache", cwd=root, env=MAIN
    )
    assert "building without a seed" in ended.err
    assert "the Go caches were not saved" in ended.out
    assert "Traceback" not in ended.err


def test_a_terminal_restores_and_writes_nothing(gobake: Gobake, root: Path, store: str) -> None:
    build(gobake, root, store, MAIN)
    forget_mounts(root.name)
    edit(root)
    with requests() as seen:
        record = build(gobake, root, store, {})
    assert (record["cache_policy"], actions(record)) == ("dev", ["restored"])
    assert compiled(record) == ["example.com/small/cmd/one"]
    assert seen.writes("acme/") == []
