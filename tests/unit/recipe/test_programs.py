"""The shell that takes programs out of the kept folder, run by the shells of Debian's and of Alpine's images."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gobake.model import Strategy
from tests.unit.recipe.test_dockerfile import dockerfile, service

SHELLS = [name for name in ("dash", "bash", "busybox") if shutil.which(name)]


@dataclass(frozen=True, kw_only=True)
class Step:
    """A compile step: its shell with the folders of the container moved below ``root``."""

    root: Path
    shell: str

    def __call__(self, build: str, *taken: str) -> subprocess.CompletedProcess[str]:
        """A step whose go build is the shell text ``build``."""
        kept = self.root / "cache/golink/compile"
        kept.parent.mkdir(parents=True, exist_ok=True)
        for folder in ("out", "trace"):  # each step has layers of its own
            shutil.rmtree(self.root / folder, ignore_errors=True)
            (self.root / folder).mkdir()
        takes = " && ".join(f"take {kept}/{name} {name}" for name in taken)
        text = f". {self.programs()} && begin && before {kept} && {{ cd {kept} && {build}; }} && after {kept} && {takes} && end"
        words = ["busybox", "sh", "-c"] if self.shell == "busybox" else [self.shell, "-c"]
        return subprocess.run([*words, text], capture_output=True, text=True, check=False)

    def programs(self) -> Path:
        file = self.root / "programs"
        text = dockerfile(service(), strategy=Strategy.SCRATCH)
        found = re.search(r"COPY <<'EOF' /programs\n(.*?)\nEOF\n", text, re.DOTALL)
        assert found
        self.root.mkdir(exist_ok=True)
        moved = found[1]
        for folder in ("/cache/golink", "/out", "/trace"):
            moved = moved.replace(folder, f"{self.root}{folder}")
        file.write_text(moved)
        return file

    def kept(self, name: str) -> Path:
        return self.root / "cache/golink/compile" / name

    def image(self, name: str) -> Path:
        return self.root / f"out/any/{name}/usr/local/bin/{name}"


@pytest.fixture(params=SHELLS)
def step(request: pytest.FixtureRequest, tmp_path: Path) -> Step:
    return Step(root=tmp_path, shell=request.param)


# Go moves what it links to its place, and dates anew what it finds linked already.
LINK = "echo {0} >$GOTMPDIR/x && mv $GOTMPDIR/x {1}"
CONFIRM = "touch {0}"


def test_a_program_that_was_linked_is_taken_with_the_date_0(step: Step) -> None:
    done = step(LINK.format("one", "api"), "api")
    assert (done.returncode, done.stderr) == (0, "")
    assert step.image("api").read_text() == "one\n"
    assert step.image("api").stat().st_mtime == 0


def test_a_program_that_was_confirmed_is_taken_as_it_is(step: Step) -> None:
    step(LINK.format("one", "api"), "api")
    at = step.kept("api").stat().st_ino
    done = step(CONFIRM.format("api"), "api")
    assert done.returncode == 0, done.stderr
    assert step.kept("api").stat().st_ino == at


def test_a_program_of_an_earlier_build_is_never_taken(step: Step) -> None:
    step(LINK.format("old", "api"), "api")
    done = step(LINK.format("new", "v1"), "v1", "api")
    assert done.returncode != 0
    assert f"gobake: api: go build has neither written nor confirmed {step.kept('api')} in this run" in done.stderr
    assert not step.image("api").exists()


def test_nor_one_with_a_date_of_the_future(step: Step) -> None:
    step(LINK.format("old", "api"), "api")
    os.utime(step.kept("api"), (4_000_000_000, 4_000_000_000))
    assert step("true", "api").returncode != 0


def test_nor_one_that_does_not_exist(step: Step) -> None:
    assert "neither written nor confirmed" in step("true", "api").stderr


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_text(file.read_text().swapcase()),
        lambda file: os.truncate(file, 2),
        lambda file: file.with_name("stranger").write_text("never linked here\n"),
    ],
    ids=["another byte", "cut off", "unknown"],
)
def test_a_program_that_is_not_as_it_was_left_is_gone_before_go_sees_it(
    step: Step, damage: Callable[[Path], object]
) -> None:
    step(f"{LINK.format('one', 'api')} && {LINK.format('two', 'worker')}", "api", "worker")
    damage(step.kept("api"))
    done = step(f"ls >{step.root}/seen; {LINK.format('one', 'api')}; {CONFIRM.format('worker')}", "api", "worker")
    assert done.returncode == 0, done.stderr
    assert "worker" in (step.root / "seen").read_text().split()
    assert {"api", "stranger"} - set((step.root / "seen").read_text().split()) >= {"stranger"}
    assert step.image("api").read_text() == "one\n"


def test_programs_without_sums_are_linked_again(step: Step) -> None:
    step(LINK.format("one", "api"), "api")
    (step.root / "cache/golink/compile.sums").unlink()
    assert step(CONFIRM.format("api"), "api").returncode == 0
    assert step.kept("api").read_text() == ""  # go build found nothing there


def test_what_a_killed_build_left_on_its_way_is_removed(step: Step) -> None:
    (step.root / "cache/golink/tmp/go-build1/b001/exe").mkdir(parents=True)
    assert step(LINK.format("one", "api"), "api").returncode == 0
    assert not (step.root / "cache/golink/tmp").exists()


def test_a_program_that_no_build_names_stays_for_a_week_and_no_longer(step: Step) -> None:
    step(f"{LINK.format('one', 'api')} && {LINK.format('two', 'worker')}", "api", "worker")
    step(CONFIRM.format("api"), "api")
    assert step.kept("worker").exists()  # builds of one service and of all of them in turn link nothing again
    os.utime(step.kept("worker"), (1_000_000_000, 1_000_000_000))
    done = step(CONFIRM.format("api"), "api")
    assert done.returncode == 0, done.stderr
    assert step.kept("api").exists()
    assert not step.kept("worker").exists()
