"""What tests of faults on a real engine ask afterwards: is the program right, can the store still be used?"""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.conftest import Ended, Gobake, commit
from tests.engine.caches import forget_mounts, mark_of
from tests.security.faults import works

SECONDS = 120.0  # for whatever is waited for


def tiny_project(folder: Path) -> Path:
    """A command, and a package that it imports; its name, steps and mounts are no other test's."""
    name = f"t{uuid.uuid4().hex[:8]}"
    files = {
        "go.mod": "module example.com/tiny\n\ngo 1.26\n",
        "shared/shared.go": f'package shared\n\nconst Mark = "mark{uuid.uuid4().hex}"\n',
        "cmd/one/main.go": 'package main\n\nimport "example.com/tiny/shared"\n\nfunc main() { println(shared.Mark) }\n',
        "gobake.yaml": f"name: {name}\n",
    }
    for path, text in files.items():
        file = folder / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    commit(folder / name)
    return folder / name


def build(gobake: Gobake, root: Path, *words: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Build one program, which must be the right one; the run's record."""
    works(gobake("build", "one", *words, cwd=root, env=env))
    right_program(root, env)
    record = gobake.good("runs", "show", "last", "--format", "json", cwd=root, env=env).json
    assert isinstance(record, dict)
    return record


def right_program(root: Path, env: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        ["docker", "run", "--rm", "one:latest"], capture_output=True, text=True, env=env and {**env}, check=True
    )
    assert mark_of(root) in done.stderr


def restored_from(gobake: Gobake, root: Path, store: str) -> list[str]:
    """Build on mounts that are empty: what was done with seeds."""
    forget_mounts(root.name)
    return [seed["action"] for seed in build(gobake, root, "--cache-store", store)["seeds"]]


def ended(process: subprocess.Popen[str]) -> Ended:
    out, err = process.communicate(timeout=SECONDS)
    return Ended(code=process.returncode, out=out, err=err)


def at_once(gobake: Gobake, root: Path, *commands: tuple[str, ...]) -> list[Ended]:
    processes = [gobake.start(*words, cwd=root) for words in commands]
    return [ended(process) for process in processes]


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


def comes_to(process: subprocess.Popen[str], *texts: str) -> str:
    """Read what a gobake says until a line has all of these; what it said until then."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if all(text in line for text in texts):
            return "".join(said)
    raise AssertionError(f"{texts} was never said:\n{''.join(said)}")
