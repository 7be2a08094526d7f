"""Faults for tests to inject, and how a gobake that met one must end."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gobake.cli import main
from tests.conftest import Ended

HELLO = {
    "go.mod": "module example.com/hello\n\ngo 1.26\n",
    "main.go": 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello") }\n',
}


def here(*words: str) -> Ended:
    """gobake in this process, which takes a tenth of the time. What it does not catch is raised."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["gobake", *words])
        with pytest.raises(SystemExit) as stop:
            main()
    return Ended(code=int(stop.value.code or 0), out=out.getvalue(), err=err.getvalue())


def one_line(ended: Ended, *codes: int) -> str:
    """The error: one line, with an exit code that says what kind it is."""
    assert "Traceback" not in ended.err + ended.out
    assert ended.code in codes, f"ended with {ended.code}\n{ended.out}\n{ended.err}"
    errors = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, ended.err
    return errors[0]


def works(ended: Ended) -> str:
    assert "Traceback" not in ended.err + ended.out
    assert ended.code == 0, f"ended with {ended.code}\n{ended.out}\n{ended.err}"
    return ended.out


def works_or_one_line(ended: Ended) -> None:
    if ended.code:
        one_line(ended, 2, 3, 4, 5, 6)
    else:
        works(ended)


# ---- damaged files

PLACES = 20  # in each file
WAYS = ("a bit", "a byte", "cut off", "zeros")


def places(size: int) -> list[int]:
    """Offsets from the first byte to the last."""
    return sorted({at * max(0, size - 1) // (PLACES - 1) for at in range(PLACES)})


def damage(data: bytes, way: str, at: int) -> bytes:
    match way:
        case "a bit":  # mostly a digit becomes another digit, which no parser sees
            return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
        case "a byte":
            return data[:at] + bytes((data[at] ^ 0xFF,)) + data[at + 1 :]
        case "cut off":
            return data[:at]
        case "zeros":
            return data[:at] + bytes(64) + data[at:]
    raise AssertionError(way)


def damaged(file: Path, way: str) -> Iterator[int]:
    """The file, damaged at one place after the other, and mended at the end."""
    whole = file.read_bytes()
    for at in places(len(whole)):
        file.write_bytes(damage(whole, way, at))
        yield at
    file.write_bytes(whole)


# ---- small disks


@contextlib.contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A disk of its own at ``folder``, which is full when so much lies there. Skips where nothing can be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k,mode=0700", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("NOT TESTED: no right to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, *, leave: int = 0) -> Path:
    """A file that takes all of the disk but ``leave`` bytes."""
    filler = folder / "filler"
    room = os.statvfs(folder)
    with filler.open("wb") as out, contextlib.suppress(OSError):
        left = room.f_bavail * room.f_frsize - leave
        out.write(bytes(max(0, left)))
    return filler


def names(folder: Path) -> set[str]:
    """Of the files below it, without what fills its disk."""
    return {f.name for f in folder.rglob("*") if f.is_file() and f.name != "filler"}
