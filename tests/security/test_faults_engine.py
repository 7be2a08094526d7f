"""A docker that is missing, is none, says nothing, or dies: each has its line and its exit code, and the next run works."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gobake.engine import builder
from gobake.plan import discover
from gobake.plan.request import ProjectRequest
from tests.conftest import Gobake, Tree
from tests.security.faults import HELLO, here, one_line, works
from tests.security.pretended import Pretended


@pytest.fixture
def project(tree: Tree, tmp_path: Path, docker: Pretended, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Opened once: it is not the project that fails."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name, value in docker.env.items():
        monkeypatch.setenv(name, value)
    root = tree(HELLO)
    opened = discover.open_project(ProjectRequest(directory=root))
    monkeypatch.setattr(discover, "open_project", lambda _: opened)
    return root


# ---- a docker that is none

NONE = {
    "missing": None,
    "not executable": ("#!/bin/sh\n", 0o644),
    "no program": ("\x7fELF, but no more", 0o755),
    "no interpreter": ("#!/nowhere/sh\n", 0o755),
    "a folder": ("", 0),
}


@pytest.mark.parametrize("kind", NONE)
def test_a_docker_that_is_none(project: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    made = NONE[kind]
    if made and made[1]:
        (bare / "docker").write_text(made[0])
        (bare / "docker").chmod(made[1])
    elif made:
        (bare / "docker").mkdir()
    rest = [p for p in os.environ["PATH"].split(":") if not (Path(p) / "docker").exists()]
    (bare / "git").symlink_to("/usr/bin/git")
    monkeypatch.setenv("PATH", ":".join((str(bare), *rest)))
    at = ("-C", str(project))
    for words in (("cache", "ls"), ("cache", "prune", "--all", "--yes"), ("cache", "save", "--to", "./store")):
        one_line(here(*words, *at), 3)
    told = here("cache", "ls", "--cache-store", str(tmp_path), *at)
    assert "cache mounts are unknown" in works(told) + told.err
    assert "hello-scratch" in works(here("plan", *at))


# ---- answers

ANSWERS = {
    "nothing": "true",
    "zeros": "head -c 100000 /dev/zero",
    "other bytes": "head -c 5000 /bin/sh",
    "JSON of something else": """echo '[{"Name": {}}, null, 1e999]'""",
    "half": "echo 'Name:   default'; echo 'Driver'; exit 1",
    "an error without words": "exit 1",
    "a signal": "kill -9 $$",
    "no engine": "echo 'ERROR: error during connect: EOF' >&2; exit 1",
}


@pytest.mark.parametrize("question", ["inspect", "du", "info"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_is_none(project: Path, docker: Pretended, question: str, answer: str) -> None:
    docker.says(question, ANSWERS[answer])
    for words in (("cache", "ls"), ("build", "--dry-run"), ("cache", "prune", "--older-than", "1d", "--yes")):
        ended = here(*words, "-C", str(project))
        if ended.code:
            one_line(ended, 3)
        # a builder that does not list its mounts is not one without mounts
        assert ended.code == 0 or question == "inspect" or (question, words[0]) == ("du", "cache")
    docker.usual(question)
    works(here("cache", "ls", "-C", str(project)))


@pytest.mark.parametrize("question", ["inspect", "info"])
def test_no_answer_at_all(project: Path, docker: Pretended, question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up in time, and its process is ended."""
    monkeypatch.setattr(builder, "ASK_SECONDS", 0.5)
    docker.says(question, 'echo $$ > "$PRETENDED/pid"; exec sleep 100')
    ended = here("build", "--dry-run", "-C", str(project))
    if question == "inspect":
        assert "did not answer within" in one_line(ended, 3)
    else:
        works(ended)
    pid = int((docker.folder / "pid").read_text())
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists() or "zombie" in Path(f"/proc/{pid}/status").read_text():
            break
        time.sleep(0.05)
    else:
        raise AssertionError("it still runs")


# ---- a build that ends as it should not

VERTEX = '{"vertexes":[{"digest":"sha256:1","name":"[compile 1/1] RUN go build","started":"2026-01-01T00:00:00Z"}]}'
BUILDS = {
    "killed": "kill -9 $$",
    "killed in the middle": f"echo '{VERTEX}'; kill -9 $$",
    "half an event": f"echo '{VERTEX[:40]}'; exit 1",
    "no events": "head -c 5000 /bin/sh; exit 1",
    "a line without end": "head -c 3000000 /dev/zero | tr '\\0' x; exit 1",
    "the engine is gone": f"echo '{VERTEX}'; echo 'ERROR: error during connect: EOF' >&2; exit 1",
    "events of nothing": """echo '{"vertexes": null}'; echo '[]'; echo 'null'; echo '{"logs": [{}]}'; exit 1""",
}


@pytest.mark.parametrize("build", BUILDS)
def test_a_build_that_ends_as_it_should_not(gobake: Gobake, tree: Tree, docker: Pretended, build: str) -> None:
    root = tree(HELLO)
    docker.says("bake", BUILDS[build])
    ended = gobake("build", cwd=root, env=docker.env)
    one_line(ended, 3 if build == "the engine is gone" else 4)
    assert len(ended.err) < 20_000
    assert gobake.last_run(root)["outcome"] == "failed"
    docker.usual("bake")
    works(gobake("build", cwd=root, env=docker.env))
    assert gobake.last_run(root)["outcome"] == "done"
