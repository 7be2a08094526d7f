"""The program that seeds carry along, run on folders instead of mounts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

SOURCES = REPOSITORY / "cache" / "seed"


@dataclass(frozen=True, kw_only=True)
class Program:
    file: Path
    mounts: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(self.file), *words], capture_output=True, text=True, check=False)

    def clear(self) -> None:
        for folder in self.mounts.rglob("*"):
            if folder.is_dir():
                folder.chmod(0o755)  # module folders are read-only, which shutil heeds where it is not root
        shutil.rmtree(self.mounts, ignore_errors=True)
        self.mounts.mkdir()

    def content(self) -> dict[str, str]:
        """By path, without the one file whose text is a moment."""
        files = [f for f in self.mounts.rglob("*") if f.is_file() and f.name != "trim.txt"]
        return {str(f.relative_to(self.mounts)): f.read_text() for f in files}

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
    made = Program(file=file, mounts=mounts)
    made.clear()
    return made


def listed(tmp_path: Path, *units: str) -> str:
    file = tmp_path / "units"
    file.write_text("".join(f"{unit}\n" for unit in units))
    return str(file)


def names(archive: Path) -> list[str]:
    with tarfile.open(archive) as opened:
        return opened.getnames()


def test_what_another_build_removed_meanwhile_is_left_out(program: Program, tmp_path: Path) -> None:
    program.write("gobuild/ab/ab01-d")
    units = listed(tmp_path, "gobuild/ab/ab01-d", "gobuild/ab/ab02-d")
    assert program.run("pack", units, str(tmp_path / "units.tar")).returncode == 0
    assert names(tmp_path / "units.tar") == ["gobuild/ab/ab01-d"]


def test_a_mount_that_is_empty_all_at_once_is_no_seed(program: Program, tmp_path: Path) -> None:
    """BuildKit gives a step an empty mount while it measures the right one: a seed of that would say that it holds all."""
    program.write("gomod/cache/download/a/@v/v1.mod")
    (program.mounts / "gobuild").mkdir()
    units = listed(tmp_path, "gobuild/ab/ab01-d", "gomod/cache/download/a/@v/v1.mod")
    done = program.run("pack", units, str(tmp_path / "units.tar"))
    assert done.returncode != 0
    assert "gobuild holds nothing of what it held" in done.stderr


@pytest.fixture
def seed(program: Program, tmp_path: Path) -> Path:
    """A seed of two layers; the later one has another text of one program. The mounts are empty again."""
    folder = tmp_path / "seed"
    folder.mkdir()
    program.write("gobuild/ab/ab01-d", "an object")
    program.write("gobuild/ab/ab02-d", "x" * 3_000_000)
    program.write("golink/ab01", "a program")
    program.write("gomod/cache/download/m/@v/v1.ziphash")
    folders = "/".join(["a-long-name-of-a-folder"] * 12)  # longer than what the first tar formats have room for
    module = program.write(f"gomod/example.org/m@v1/{folders}/file.go", "package file").parent
    module.chmod(0o555)
    (program.mounts / "gomod/example.org/m@v1").chmod(0o555)
    units = listed(
        tmp_path,
        *("gobuild/ab/ab01-d", "gobuild/ab/ab02-d", "golink/ab01"),
        *("gomod/cache/download/m/@v/v1.ziphash", "gomod/example.org/m@v1"),
    )
    assert program.run("pack", units, str(folder / "units-0001.tar")).returncode == 0
    program.write("golink/ab01", "A PROGRAM")
    program.write("gobuild/ab/ab03-d", "newer")
    units = listed(tmp_path, "gobuild/ab/ab03-d", "golink/ab01")
    assert program.run("pack", units, str(folder / "units-0002.tar")).returncode == 0
    program.clear()
    return folder


def test_bare_mounts_get_all_of_a_seed(program: Program, seed: Path) -> None:
    for mount in ("gobuild", "golink", "gomod"):
        (program.mounts / mount).mkdir()
    done = program.run("restore", str(seed))
    assert done.returncode == 0, done.stderr
    assert program.content() == {
        "gobuild/ab/ab01-d": "an object",
        "gobuild/ab/ab02-d": "x" * 3_000_000,
        "gobuild/ab/ab03-d": "newer",
        "golink/ab01": "A PROGRAM",
        "gomod/cache/download/m/@v/v1.ziphash": "text",
        "gomod/example.org/m@v1/" + "a-long-name-of-a-folder/" * 12 + "file.go": "package file",
    }
    module = program.mounts / "gomod/example.org/m@v1"
    assert module.stat().st_mode & 0o777 == 0o555
    report = [line.split()[:3] for line in (seed / "restored").read_text().splitlines()]
    assert report == [["gobuild", "3", "3000014"], ["golink", "1", "9"], ["gomod", "2", "16"]]


def test_a_mount_keeps_what_it_has_and_gets_what_it_lacks(program: Program, seed: Path) -> None:
    program.write("gobuild/ab/ab01-d", "AN OBJECT")
    program.write("gobuild/ab/ab02-d", "half")
    program.write("gomod/example.org/m@v1/own.go", "package m")
    part = program.write("gomod/example.org/m@v1.part/left.go", "of a restore that was interrupted")
    done = program.run("restore", str(seed))
    assert done.returncode == 0, done.stderr
    assert (program.mounts / "gobuild/ab/ab01-d").read_text() == "AN OBJECT"
    assert (program.mounts / "gobuild/ab/ab02-d").stat().st_size == 3_000_000
    assert [f.name for f in (program.mounts / "gomod/example.org/m@v1").iterdir()] == ["own.go"]
    assert part.exists()  # of a module that is whole: nothing looks there
    assert not (program.mounts / "golink").exists()  # such a mount was not asked for


def test_a_module_that_was_half_restored_is_restored_whole(program: Program, seed: Path) -> None:
    left = program.write("gomod/example.org/m@v1.part/left.go", "of a restore that was interrupted")
    assert program.run("restore", str(seed)).returncode == 0
    assert (program.mounts / "gomod/example.org/m@v1").is_dir()
    assert not left.exists()


def test_an_archive_cannot_write_outside_of_the_mounts(program: Program, seed: Path) -> None:
    with tarfile.open(seed / "units-0003.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("gobuild/../../outside"))
    (program.mounts / "gobuild").mkdir()
    done = program.run("restore", str(seed))
    assert done.returncode != 0
    assert "outside of the mounts" in done.stderr
    assert not list((program.mounts / "gobuild").iterdir())


def test_an_archive_that_ends_too_soon_is_an_error(program: Program, seed: Path) -> None:
    archive = seed / "units-0001.tar"
    os.truncate(archive, 2_000_000)
    (program.mounts / "gobuild").mkdir()
    done = program.run("restore", str(seed))
    assert done.returncode != 0
    assert "EOF" in done.stderr


@pytest.mark.parametrize("last", ["", "1000000000"], ids=["a bare mount", "a mount of last week"])
def test_go_does_not_trim_at_once_what_was_restored(program: Program, seed: Path, last: str) -> None:
    (program.mounts / "gobuild").mkdir()
    if last:
        program.write("gobuild/trim.txt", last)
    done = program.run("restore", str(seed))
    assert done.returncode == 0, done.stderr
    assert time.time() - int((program.mounts / "gobuild/trim.txt").read_text()) < 600


def test_archives_of_the_same_units_are_the_same_bytes(program: Program, tmp_path: Path) -> None:
    program.write("gobuild/ab/ab01-d")
    program.write("gomod/m@v1/pkg/file.go")
    units = listed(tmp_path, "gobuild/ab/ab01-d", "gomod/m@v1")
    archives = [tmp_path / "one.tar", tmp_path / "two.tar"]
    for archive in archives:
        assert program.run("pack", units, str(archive)).returncode == 0
        os.utime(program.mounts / "gobuild/ab/ab01-d")
        assert archive.stat().st_mtime == 0.0
    assert archives[0].read_bytes() == archives[1].read_bytes()
