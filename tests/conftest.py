"""What all tests share: gobake as a program, and little Go projects."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from harness.toolchain import host_go

REPOSITORY = Path(__file__).resolve().parent.parent
# A CI that runs the tests is none of theirs.
for name in [n for n in os.environ if n == "CI" or n.startswith(("GITHUB_", "GITLAB_", "CI_"))]:
    del os.environ[name]
# Projects of the tests are those of whoever runs them; what a foreign one may, its own tests say.
os.environ["GOBAKE_TRUST"] = "1"
os.environ["PATH"] = f"{os.environ['PATH']}:{Path(sys.executable).parent}"


def pytest_configure(config: pytest.Config) -> None:
    """A machine's own Go is used where there is one, else that of the stand-ins; workers get the controller's PATH."""
    if not shutil.which("go") and not config.option.collectonly:
        os.environ["PATH"] += f":{host_go()}"


def pytest_sessionstart() -> None:
    """A script's background job starts with SIGINT ignored, and so would all that the tests start and interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A finished gobake."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, kw_only=True)
class Gobake:
    """gobake in a world of its own: cache and data folders that no other test sees."""

    env: Mapping[str, str]

    def start(self, *words: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "gobake", *words],
            cwd=cwd,
            env={**self.env, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __call__(self, *words: str, cwd: Path, env: Mapping[str, str] | None = None) -> Ended:
        process = self.start(*words, cwd=cwd, env=env)
        out, err = process.communicate(timeout=1500)
        return Ended(code=process.returncode, out=out, err=err)

    def good(self, *words: str, cwd: Path, env: Mapping[str, str] | None = None) -> Ended:
        """Must succeed; what it said is shown where it does not."""
        ended = self(*words, cwd=cwd, env=env)
        assert ended.code == 0, f"gobake {' '.join(words)} ended with {ended.code}\n{ended.out}\n{ended.err}"
        return ended

    def last_run(self, cwd: Path) -> dict[str, Any]:
        record = self.good("runs", "show", "last", "--format", "json", cwd=cwd).json
        assert isinstance(record, dict)
        return record


def outside_ci() -> dict[str, str]:
    """The environment without what tells gobake that a CI system runs the tests."""
    return {k: v for k, v in os.environ.items() if k != "CI" and not k.startswith(("GITHUB_", "GITLAB_", "CI_"))}


@pytest.fixture
def gobake(tmp_path: Path) -> Gobake:
    home = tmp_path / "home"
    home.mkdir()
    return Gobake(
        env={
            **outside_ci(),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_DATA_HOME": str(home / "data"),
            "NO_COLOR": "1",
        }
    )


class Tree(Protocol):
    def __call__(self, files: Mapping[str, str], name: str = "project") -> Path: ...


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Write files (path -> text) into a fresh folder and return it."""

    def write(files: Mapping[str, str], name: str = "project") -> Path:
        root = tmp_path / name
        for path, text in files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return root

    return write


def commit(root: Path, message: str = "a commit") -> None:
    """Commit everything in ``root``, which becomes a repository of its own."""
    if not (root / ".git").exists():
        subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(root), "add", "-A"], check=True)
    subprocess.run(["git", "-C", str(root), *identity, "commit", "-q", "--allow-empty", "-m", message], check=True)


def copy_shop(to: Path) -> Path:
    shutil.copytree(
        REPOSITORY / "examples" / "shop",
        to,
        ignore=shutil.ignore_patterns(".gobake", "docker-bake.json", "gobake.Dockerfile*"),
    )
    return to
