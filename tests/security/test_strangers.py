"""A foreign repository on a terminal and on a CI: what it says, what it is given, who is asked. Real programs, no
engine."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Gobake, Tree

MOD = "module example.com/x\n\ngo 1.26\n"
GREEDY = "registry: evil.example/acme\ncache: {store: evil.example/cache, policy: release}\nname: shop\n"
FILES = {"go.mod": MOD, "main.go": "package main\n\nfunc main() {}\n"}


@pytest.fixture
def stranger(gobake: Gobake) -> Gobake:
    """Nobody vouches for what is built."""
    return Gobake(env={name: value for name, value in gobake.env.items() if name != "GOBAKE_TRUST"})


def git(root: Path, *words: str) -> str:
    settings = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(root), *settings, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def committed(root: Path) -> str:
    if not (root / ".git").exists():
        git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x")
    return git(root, "rev-parse", "HEAD")


def on_github(tmp_path: Path, event: str, commit: str, pull_request: Mapping[str, Any] | None = None) -> dict[str, str]:
    payload = tmp_path / "event.json"
    payload.write_text(json.dumps({"pull_request": pull_request} if pull_request else {}))
    return {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": event,
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_SHA": commit,
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_EVENT_PATH": str(payload),
        **({"GITHUB_HEAD_REF": "topic", "GITHUB_BASE_REF": "main"} if pull_request else {}),
    }


def pull_request(source: str, base: str) -> dict[str, Any]:
    return {"head": {"repo": {"full_name": source}, "ref": "topic", "sha": ""}, "base": {"ref": "main", "sha": base}}


def plan(gobake: Gobake, root: Path, *words: str, env: Mapping[str, str] | None = None) -> Any:
    return gobake.good("plan", "--format", "json", *words, cwd=root, env=env).json


# ---- a terminal


def test_a_clone_that_only_describes_images_is_built_at_once(stranger: Gobake, tree: Tree) -> None:
    root = tree({**FILES, "gobake.yaml": "name: shop\nservices: {x: {package: ., ports: [8080]}}\n"})
    stranger.good("render", cwd=root)


def test_a_clone_that_wants_more_is_shown_and_not_obeyed(stranger: Gobake, tree: Tree) -> None:
    root = tree({**FILES, "gobake.yaml": GREEDY})
    told = plan(stranger, root)
    assert told["trust"]["left_out"] == ["cache.policy", "cache.store", "registry"]
    assert told["caches"]["store"] is None
    assert told["targets"][0]["images"] == ["x:latest"]
    assert not told["trust"]["credentials"]


@pytest.mark.parametrize("words", [("render",), ("cache", "ls"), ("runs", "ls")])
def test_a_script_in_a_clone_that_wants_more_ends_with_one_line(
    stranger: Gobake, tree: Tree, words: tuple[str, ...]
) -> None:
    root = tree({**FILES, "gobake.yaml": GREEDY})
    ended = stranger(*words, cwd=root)
    assert ended.code == 2
    (line,) = ended.err.splitlines()
    assert "(cache.policy, cache.store, registry)" in line
    assert "`gobake trust`" in line
    assert not (root / "docker-bake.json").exists()


def test_a_yes_holds_until_what_the_clone_wants_is_another(stranger: Gobake, tree: Tree) -> None:
    root = tree({**FILES, "gobake.yaml": GREEDY})
    said = stranger.good("trust", cwd=root)
    assert "evil.example/cache" in said.out
    stranger.good("render", "--force", cwd=root)
    (root / "gobake.yaml").write_text(f"# moved\n{GREEDY}include: [a.txt]\n")
    stranger.good("render", "--force", cwd=root)  # it still wants the same
    for another in ("evil.example/cache2", "evil.example/cach"):
        (root / "gobake.yaml").write_text(GREEDY.replace("evil.example/cache", another))
        assert stranger("render", "--force", cwd=root).code == 2
    (root / "gobake.yaml").write_text(GREEDY)
    stranger.good("render", "--force", cwd=root)
    assert "no longer trusted" in stranger.good("trust", "--revoke", cwd=root).out
    assert stranger("render", "--force", cwd=root).code == 2


def test_a_yes_is_of_one_folder(stranger: Gobake, tree: Tree) -> None:
    files = {**FILES, "gobake.yaml": GREEDY}
    mine, theirs = tree(files, "mine"), tree(files, "theirs")
    stranger.good("trust", cwd=mine)
    assert stranger("render", cwd=theirs).code == 2


def test_attributes_of_a_backend_are_a_part_of_what_was_said_yes_to(stranger: Gobake, tree: Tree) -> None:
    text = "cache: {layers: {backends: [{type: s3, bucket: BUCKET, region: eu-west-1}]}}\n"
    root = tree({**FILES, "gobake.yaml": text.replace("BUCKET", "mine")})
    stranger.good("trust", cwd=root)
    stranger.good("render", "--force", cwd=root)
    (root / "gobake.yaml").write_text(text.replace("BUCKET", "evil"))
    assert stranger("render", "--force", cwd=root).code == 2


def test_what_was_said_is_for_its_owner_alone_and_damage_is_a_no(stranger: Gobake, tree: Tree) -> None:
    root = tree({**FILES, "gobake.yaml": GREEDY})
    stranger.good("trust", cwd=root)
    (file,) = Path(stranger.env["XDG_DATA_HOME"]).rglob("trust.json")
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("[" * 100_000)
    assert stranger("render", cwd=root).code == 2


def at_a_terminal(gobake: Gobake, root: Path, answer: str, *words: str) -> tuple[int, str]:
    """Exit code and all that a person sees who gives this answer."""
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "gobake", *words],
        cwd=root,
        env=dict(gobake.env),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen, answered, until = b"", False, time.monotonic() + 60
    while time.monotonic() < until:
        if select.select([mine], [], [], 0.2)[0]:
            try:
                more = os.read(mine, 4096)
            except OSError:  # its end of the terminal is closed
                break
            if not more:
                break
            seen += more
        if b"[y/N]" in seen and not answered:
            os.write(mine, f"{answer}\n".encode())
            answered = True
    os.close(mine)
    return process.wait(30), seen.decode(errors="replace")


def test_a_person_is_asked_once(stranger: Gobake, tree: Tree) -> None:
    root = tree({**FILES, "gobake.yaml": GREEDY})
    code, seen = at_a_terminal(stranger, root, "n", "render")
    assert code == 2
    assert "evil.example/acme" in seen
    assert not (root / "docker-bake.json").exists()
    code, seen = at_a_terminal(stranger, root, "y", "render")
    assert code == 0, seen
    code, seen = at_a_terminal(stranger, root, "", "render", "--force")
    assert (code, "[y/N]" in seen) == (0, False)


# ---- a CI


def test_a_forks_pull_request_says_nothing_but_its_images(stranger: Gobake, tree: Tree, tmp_path: Path) -> None:
    root = tree(
        {
            **FILES,
            "gobake.yaml": GREEDY
            + "bases: {go: 'evil.example/golang:1'}\nprivate: {tokens: {evil.example: CI_TOKEN}}\n"
            + "history: {folder: /shared}\ngate: {min_hit_rate: none}\n",
        }
    )
    head = committed(root)
    env = on_github(tmp_path, "pull_request", head, pull_request("evil/shop", "0" * 40))
    told = plan(stranger, root, env=env)
    assert "evil" not in json.dumps({**told, "project": {}, "trust": {}})
    assert told["caches"]["policy"] == "ci-pull-request"
    assert not told["trust"]["host_code"]


def test_what_a_pull_request_may_not_say_comes_from_the_commit_that_it_is_for(
    stranger: Gobake, tree: Tree, tmp_path: Path
) -> None:
    root = tree({**FILES, "gobake.yaml": "registry: ghcr.io/acme\ncache: {store: ghcr.io/acme/cache}\n"})
    base = committed(root)
    (root / "gobake.yaml").write_text(GREEDY)
    head = committed(root)
    env = on_github(tmp_path, "pull_request", head, pull_request("evil/shop", base))
    told = plan(stranger, root, env=env)
    assert told["caches"]["store"] == "ghcr.io/acme/cache"
    assert told["targets"][0]["images"][0].startswith("ghcr.io/acme/")
    assert told["trust"]["source"] == "the target branch"
    own = plan(stranger, root, env=on_github(tmp_path, "pull_request", head, pull_request("acme/shop", base)))
    assert own["caches"]["store"] == "evil.example/cache"  # who may push to the repository may say whom to talk to
    assert own["caches"]["policy"] == "ci-pull-request"  # and not who writes
    assert own["trust"]["left_out"] == ["cache.policy"]


def test_a_base_that_is_no_commit_is_not_asked_for(stranger: Gobake, tree: Tree, tmp_path: Path) -> None:
    root = tree({**FILES, "gobake.yaml": GREEDY})
    head = committed(root)
    for base in ("HEAD", "--help", f"{head}~0", head[:12], ""):
        env = on_github(tmp_path, "pull_request", head, pull_request("evil/shop", base))
        assert plan(stranger, root, env=env)["caches"]["store"] is None


@pytest.mark.parametrize("event", ["push", "workflow_dispatch", "repository_dispatch", "issue_comment", "check_suite"])
def test_a_commit_that_the_ci_does_not_name_is_a_strangers(
    stranger: Gobake, tree: Tree, tmp_path: Path, event: str
) -> None:
    root = tree({**FILES, "gobake.yaml": GREEDY})
    committed(root)
    told = plan(stranger, root, env=on_github(tmp_path, event, "f" * 40))
    assert told["caches"]["store"] is None
    assert told["caches"]["written"] is None
    assert not told["trust"]["credentials"]


def test_a_push_of_the_commit_that_the_ci_names_is_obeyed(stranger: Gobake, tree: Tree, tmp_path: Path) -> None:
    root = tree({**FILES, "gobake.yaml": GREEDY})
    told = plan(stranger, root, env=on_github(tmp_path, "push", committed(root)))
    assert told["caches"]["store"] == "evil.example/cache"
    assert told["caches"]["policy"] == "release"
    assert told["trust"]["credentials"]
    assert told["trust"]["left_out"] == []


def test_a_repository_that_git_refuses_is_a_strangers(stranger: Gobake, tree: Tree, tmp_path: Path) -> None:
    root = tree({**FILES, "gobake.yaml": GREEDY})
    head = committed(root)
    for path in (root, root / ".git"):
        os.chown(path, 12345, 12345)
    told = plan(stranger, root, env=on_github(tmp_path, "push", head))
    assert told["caches"]["store"] is None
    assert "dubious" in told["trust"]["why"]


def test_a_locked_file_wins_over_everybody(stranger: Gobake, tree: Tree, tmp_path: Path) -> None:
    root = tree({**FILES, "gobake.yaml": f"{GREEDY}gate: {{min_hit_rate: none}}\n"})
    locked = tmp_path / "ci" / "locked.yaml"
    locked.parent.mkdir()
    locked.write_text("registry: ghcr.io/acme\ncache: {store: ./kept}\ngate: {min_hit_rate: 80%}\n")
    env = on_github(tmp_path, "push", committed(root))
    told = plan(stranger, root, "--locked", str(locked), env=env)
    assert told["caches"]["store"] == str(tmp_path / "ci/kept")
    assert told["caches"]["policy"] == "ci-branch"
    assert set(told["trust"]["left_out"]) == {"cache.policy", "cache.store", "gate.min_hit_rate", "registry"}
    inside = root / "locked.yaml"
    inside.write_text(locked.read_text())
    refused = stranger("plan", "--locked", "locked.yaml", cwd=root, env=env)
    assert refused.code == 2
    assert "lies in the tree" in refused.err


# ---- programs of the tree on this machine


def test_git_starts_nothing_that_a_repository_within_the_tree_names(stranger: Gobake, tree: Tree) -> None:
    root = tree({**FILES, "ran": ""})
    (root / "ran").unlink()
    committed(root)
    evil = root / "inner.git"
    git(root, "init", "-q", "--bare", str(evil))
    hook = root / "evil.sh"
    hook.write_text(f"#!/bin/sh\ntouch {root}/ran\n")
    hook.chmod(0o755)
    git(evil, "config", "core.fsmonitor", str(hook))
    git(evil, "config", "core.bare", "false")
    git(evil, "config", "core.worktree", str(root))
    (evil / "go.mod").write_text(MOD)
    (evil / "main.go").write_text(FILES["main.go"])
    stranger.good("plan", cwd=evil)
    assert not (root / "ran").exists()
