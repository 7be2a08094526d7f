"""The program that seeds carry along, run on folders instead of mounts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "cache" / "seed"


@dataclass(frozen=True, kw_only=True)
class Program:
    file: Path
    mounts: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(self.file), *words], capture_output=True, text=True, check=False)

    def write(self, path: str, text: str = "text") -> Path:
        place = self.mounts / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The program, with the mounts in a folder of the test's."""
    go = shutil.which("go")
    if not go:
        pytest.skip("needs Go")
    folder = tmp_path_factory.mktemp("program")
    mounts = folder / "mounts"
    for file in SOURCES.glob("*.*o*"):
        if file.suffix in (".go", ".mod"):
            text = re.sub(r'const mounts = "/mounts"', f'const mounts = "{mounts}"', file.read_text())
            (folder / file.name).write_text(text)
    done = subprocess.run(
        [go, "build", "-o", str(folder / "seed"), "."],
        cwd=folder,
        env={**os.environ, "GOFLAGS": "", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOWORK": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "seed", mounts


@pytest.fixture
def program(compiled: tuple[Path, Path]) -> Program:
    file, mounts = compiled
    shutil.rmtree(mounts, ignore_errors=True)
    mounts.mkdir()
    return Program(file=file, mounts=mounts)


def listed(tmp_path: Path, *units: str) -> str:
    file = tmp_path / "units"
    file.write_text("".join(f"{unit}\n" for unit in units))
    return str(file)


def test_what_another_build_removed_meanwhile_is_left_out(program: Program, tmp_path: Path) -> None:
    program.write("gobuild/ab/ab01-d")
    units = listed(tmp_path, "gobuild/ab/ab01-d", "gobuild/ab/ab02-d")
    assert program.run("copy", units, str(tmp_path / "into")).returncode == 0
    assert [f.name for f in (tmp_path / "into").rglob("ab*-d")] == ["ab01-d"]


def test_a_mount_that_is_empty_all_at_once_is_no_seed(program: Program, tmp_path: Path) -> None:
    """BuildKit gives a step an empty mount while it measures the right one: a seed of that would say that it holds all."""
    program.write("gomod/cache/download/a/@v/v1.mod")
    (program.mounts / "gobuild").mkdir()
    units = listed(tmp_path, "gobuild/ab/ab01-d", "gomod/cache/download/a/@v/v1.mod")
    done = program.run("copy", units, str(tmp_path / "into"))
    assert done.returncode != 0
    assert "gobuild holds nothing of what it held" in done.stderr


@pytest.mark.parametrize("last", ["", "1000000000"], ids=["a bare mount", "a mount of last week"])
def test_go_does_not_trim_at_once_what_was_restored(program: Program, tmp_path: Path, last: str) -> None:
    (program.mounts / "gobuild").mkdir()
    if last:
        program.write("gobuild/trim.txt", last)
    source = tmp_path / "seed" / "gobuild" / "ab" / "ab01-d"
    source.parent.mkdir(parents=True)
    source.write_text("an object")
    done = program.run("restore", str(tmp_path / "seed"))
    assert done.returncode == 0, done.stderr
    assert (program.mounts / "gobuild/ab/ab01-d").read_text() == "an object"
    assert time.time() - int((program.mounts / "gobuild/trim.txt").read_text()) < 600


def test_copies_of_the_same_units_are_the_same_to_the_second(program: Program, tmp_path: Path) -> None:
    program.write("gobuild/ab/ab01-d")
    program.write("gomod/m@v1/pkg/file.go")
    units = listed(tmp_path, "gobuild/ab/ab01-d", "gomod/m@v1")
    for name in ("one", "two"):
        assert program.run("copy", units, str(tmp_path / name)).returncode == 0
        os.utime(program.mounts / "gobuild/ab/ab01-d")
        dated = {path.stat().st_mtime for path in (tmp_path / name).rglob("*")}
        assert dated == {0.0}
