"""The history of runs with a real registry: a bare runner compares itself with main, writers do not lose each other's
runs, who may not write does not, and a folder does the same as a registry."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from gobake.registry import Repository
from tests.conftest import Gobake
from tests.engine.caches import edit, forget_mounts, make_bare, requests, small_project
from tests.engine.test_cache_runs import MAIN

FEATURE = {
    **MAIN,
    "GITHUB_REF": "refs/heads/feature/x",
    "GITHUB_REF_NAME": "feature/x",
    "RUNNER_ENVIRONMENT": "github-hosted",  # thrown away afterwards: it may use what main left as it is
}
ONE = ("--platform", "linux/amd64")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One project for all tests here. It needs no module from elsewhere."""
    made = small_project(tmp_path_factory.mktemp("history"))
    (made / "go.mod").write_text("module example.com/small\n\ngo 1.26\n")
    (made / "go.sum").unlink()
    for command in ("one", "two"):
        file = made / "cmd" / command / "main.go"
        file.write_text('package main\n\nimport "example.com/small/shared"\n\nfunc main() { println(shared.Mark) }\n')
    # as a CI does: then the branch is what the environment says
    subprocess.run(["git", "-C", str(made), "checkout", "-q", "--detach"], check=True)
    yield made
    forget_mounts(made.name)
    forget_mounts(f"untrusted-{made.name}")


@pytest.fixture
def store(registry: str, request: pytest.FixtureRequest, root: Path) -> str:
    return f"{registry}/kept/{root.name}-{abs(hash(request.node.name))}"


def runner(gobake: Gobake, folder: Path, name: str) -> Gobake:
    """A machine that has never run gobake."""
    home = folder / name
    return replace(
        gobake, env={**gobake.env, "XDG_CACHE_HOME": str(home / "cache"), "XDG_DATA_HOME": str(home / "data")}
    )


def histories(store: str) -> list[str]:
    return sorted(tag for tag in Repository(store).tags() if tag.startswith("history-"))


def runs(gobake: Gobake, root: Path, *words: str) -> list[str]:
    return [run["id"] for run in gobake.good("runs", "ls", "--format", "json", *words, cwd=root).json["runs"]]


@pytest.mark.parametrize("kind", ["registry", "folder"])
def test_a_bare_runner_compares_itself_with_main(
    gobake: Gobake, root: Path, store: str, tmp_path: Path, kind: str
) -> None:
    place = store if kind == "registry" else str(tmp_path / "store")
    words = ("build", *ONE, "--cache-store", place)
    main = runner(gobake, tmp_path, "main")
    main.good(*words, cwd=root, env=MAIN)
    known = runs(main, root)
    assert len(known) == 1
    make_bare()
    forget_mounts(root.name)
    bare = runner(gobake, tmp_path, "bare")
    edit(root)
    ended = bare.good(*words, "--require-cache", cwd=root, env=FEATURE)
    assert "history" not in ended.err + ended.out
    assert runs(bare, root)[1:] == known
    assert runs(bare, root, "--branch", "main") == known
    compared = bare.good("report", "--compare", "main", "--format", "json", cwd=root).json["compare"]
    assert (compared["other"], compared["branch"]) == (known[0], "main")
    because = bare.good("explain", cwd=root).out
    assert "no earlier run is on record" not in because
    assert "cmd/one/main.go changed" in because
    record = bare.good("runs", "show", known[0], "--format", "json", cwd=root).json
    assert (record["root"], record["command"]) == ("", [])


def test_two_runners_that_write_at_once_lose_nothing(gobake: Gobake, root: Path, store: str, tmp_path: Path) -> None:
    words = ("build", *ONE, "--cache-store", store)
    runners = [runner(gobake, tmp_path, name) for name in ("one", "two", "three")]
    processes = [one.start(*words, cwd=root, env=MAIN) for one in runners]
    for process in processes:
        _, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
    written = {tag.split(".")[1] for tag in histories(store)}
    assert written == {runs(one, root)[0] for one in runners}
    assert len(written) == 3
    last = runner(gobake, tmp_path, "last")
    last.good(*words, cwd=root, env=MAIN)
    assert written < set(runs(last, root))


def test_who_may_not_write_reads_and_leaves_nothing(gobake: Gobake, root: Path, store: str, tmp_path: Path) -> None:
    words = ("build", *ONE, "--cache-store", store)
    runner(gobake, tmp_path, "main").good(*words, cwd=root, env=MAIN)
    before = histories(store)
    assert len(before) == 1
    event = tmp_path / "event.json"
    event.write_text('{"pull_request": {"head": {"ref": "main", "repo": {"full_name": "evil/small"}}}}')
    fork = {
        **MAIN,
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_HEAD_REF": "main",
        "GITHUB_BASE_REF": "main",
        "GITHUB_REF": "refs/pull/1/merge",
        "GITHUB_EVENT_PATH": str(event),
    }
    for name, env, more in (
        ("fork", fork, ("--cache-policy", "release")),
        ("pull request", MAIN, ("--cache-policy", "ci-pull-request")),
        ("terminal", {}, ()),
    ):
        here = runner(gobake, tmp_path, name)
        with requests() as seen:
            here.good(*words, *more, cwd=root, env=env)
        assert seen.writes("kept/") == [], name
        assert len(runs(here, root)) == 2, name
    assert histories(store) == before


def test_lists_and_pruning_of_caches_know_a_history_for_what_it_is(
    gobake: Gobake, root: Path, store: str, tmp_path: Path
) -> None:
    here = runner(gobake, tmp_path, "main")
    here.good("build", *ONE, "--cache-store", store, cwd=root, env=MAIN)
    listed = here.good("cache", "ls", "--cache-store", store, cwd=root).out
    assert "1 run of 1 branch" in listed
    found = here.good("cache", "ls", "--cache-store", store, "--format", "json", cwd=root).json["history"]
    assert [entry["branch"] for entry in found] == ["main"]
    here.good("cache", "prune", "--cache-store", store, "--older-than", "1d", "--yes", cwd=root)
    assert len(histories(store)) == 1


def test_what_is_broken_costs_one_line_and_no_build(gobake: Gobake, root: Path, tmp_path: Path) -> None:
    gone = ("--cache-store", "localhost:1/acme/gone", "--cache-policy", "ci-branch")
    ended = runner(gobake, tmp_path, "down").good("build", *ONE, *gone, cwd=root, env=MAIN)
    lines = [line for line in (ended.out + ended.err).splitlines() if "history" in line]
    assert len(lines) == 1, lines
    assert "the history in the cache store is left out: localhost:1 cannot be reached: Connection refused" in lines[0]
    ended = gobake.good("build", *ONE, "--history", "/proc/nosuch", cwd=root)
    lines = [line for line in (ended.out + ended.err).splitlines() if "/proc/nosuch" in line]
    assert len(lines) == 1, lines
    assert "the run's record cannot be kept: /proc/nosuch" in lines[0]


def test_a_full_history_costs_one_line_and_is_still_read(gobake: Gobake, root: Path, tmp_path: Path) -> None:
    """A small file system of its own, so that it is really full."""
    full = tmp_path / "full"
    full.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(full)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        gobake.good("build", *ONE, "--history", str(full), cwd=root)
        with suppress(OSError), (full / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)
        ended = gobake.good("build", *ONE, "--history", str(full), cwd=root)
        lines = [line for line in (ended.out + ended.err).splitlines() if str(full) in line]
        assert len(lines) == 1, lines
        assert len(runs(gobake, root, "--history", str(full))) == 1
        subprocess.run(["mount", "-o", "remount,ro", str(full)], check=True)
        assert len(runs(gobake, root, "--history", str(full))) == 1
        gobake.good("report", "--history", str(full), cwd=root)
        ended = gobake.good("build", *ONE, "--history", str(full), cwd=root)
        assert len([line for line in (ended.out + ended.err).splitlines() if str(full) in line]) == 1
    finally:
        subprocess.run(["umount", "-l", str(full)], check=True)
