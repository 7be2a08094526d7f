"""The harness's cache folder, its locks, and stamps that mark complete folders."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

SUITES = ("sid", "trixie")  # engine 28.5 with buildx 0.29, engine 26.1 with buildx 0.13


class HarnessError(Exception):
    """Something that the harness needs is missing; the message says what, and how to fix it."""


def cache_folder() -> Path:
    base = os.environ.get("GOBAKE_HARNESS_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gobake-harness"


def say(text: str) -> None:
    """Print a line of progress to stderr; stdout is for the output of commands."""
    print(f"harness: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold a lock, so that only one process prepares something while the others wait."""
    folder = cache_folder() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another harness that prepares {name}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def fresh_folder(folder: Path, version: str) -> Iterator[Path | None]:
    """Yield an empty folder to fill, or None if ``folder`` is already complete.

    The folder is filled under another name, and gets its stamp and its name at the end. So an interrupted preparation
    is detected (no stamp, or that of another version) and repeated.
    """
    if is_stamped(folder, version):
        yield None
        return
    with lock(folder.name):
        if is_stamped(folder, version):
            yield None
            return
        shutil.rmtree(folder, ignore_errors=True)
        half_made = folder.with_name(folder.name + ".part")
        shutil.rmtree(half_made, ignore_errors=True)
        half_made.mkdir(parents=True)
        started = time.monotonic()
        yield half_made
        (half_made / ".stamp").write_text(version)
        half_made.rename(folder)
        say(f"{folder.name} ready after {time.monotonic() - started:.0f} s")


def is_stamped(folder: Path, version: str) -> bool:
    stamp = folder / ".stamp"
    return stamp.is_file() and stamp.read_text() == version


def run(*command: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a command to its end and return its stdout. Raises HarnessError with the last lines of its output."""
    try:
        done = subprocess.run([str(c) for c in command], env=env, cwd=cwd, text=True, capture_output=True, check=False)
    except FileNotFoundError:
        raise HarnessError(f"{command[0]} is not installed") from None
    if done.returncode:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise HarnessError(f"{command[0]} failed with {done.returncode}:\n{tail}")
    return done.stdout
