"""Inputs that are far larger than any that is meant: work is counted, not time."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from gobake.gotool import modfile
from gobake.text import printable
from tests.conftest import Tree
from tests.security.faults import HELLO, here, small_disk, works

LINES = 300_000


def test_a_go_mod_of_many_lines_is_read_once(tree: Tree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Lines that white space alone parts are not taken apart by a pattern."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    lines = "".join(f"\texample.com/m/a{at:06} v1.{at % 90}.0\n" for at in range(LINES))
    root = tree({**HELLO, "go.mod": f"module example.com/hello\n\ngo 1.26\n\nrequire (\n{lines})\n"})
    read, taken_apart = [0], [0]
    statements, token = modfile._statements, modfile.TOKEN

    def counted(text: str) -> Iterator[tuple[int, str, list[str]]]:
        for statement in statements(text):
            read[0] += 1
            yield statement

    class Token:
        def findall(self, line: str) -> list[str]:
            taken_apart[0] += 1
            found: list[str] = token.findall(line)
            return found

    monkeypatch.setattr(modfile, "_statements", counted)
    monkeypatch.setattr(modfile, "TOKEN", Token())
    assert "hello-scratch" in works(here("plan", "-C", str(root)))
    assert LINES <= read[0] < LINES + 100
    assert taken_apart[0] < 100


UNREAD = ("web/node_modules", ".cache", "_old", "testdata")  # Go enters none of them
_EACH = 1_000


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Path]:
    """A module with a hundred thousand files in folders that Go never enters, and as many beside its packages."""
    with small_disk(tmp_path / "module", 1 << 20) as root:
        for name, text in HELLO.items():
            (root / name).write_text(text)
        for place, count in (*((unread, 25) for unread in UNREAD), ("data", 100)):
            for at in range(count):
                folder = root / place / f"f{at}"
                folder.mkdir(parents=True)
                for number in range(_EACH):
                    os.close(os.open(f"{folder}/{number}.json", os.O_CREAT))
        yield root


def test_a_plan_lists_no_folder_that_go_does_not_enter(
    crowded: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And every other one a few times, however many files lie in it; no file of no use is opened."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    listed: Counter[str] = Counter()
    looked_at: Counter[str] = Counter()

    def seen(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event in ("os.scandir", "os.listdir", "open"):
            at = os.path.relpath(crowded / str(arguments[0] or "."), crowded)
            (looked_at if event == "open" else listed)[at] += 1

    watching = True
    sys.addaudithook(seen)  # for as long as this process lives
    try:
        assert "hello-scratch" in works(here("plan", "-C", str(crowded)))
    finally:
        watching = False
    assert "data/f0" in listed
    # a Dockerfile may lie in any folder of the root, which is why its own folders are listed, and nothing below them
    assert not [at for at in listed if any(at.startswith(f"{unread}/") for unread in UNREAD)]
    assert max(count for at, count in listed.items() if at != ".") <= 4
    assert not [at for at in looked_at if at.endswith(".json") and not at.startswith("..")]


def test_a_long_line_is_looked_into_once() -> None:
    """A program may print all of its data without a newline; its end is what tells."""
    text = f"begins {'x' * 3_000_000} ends\nshort\n"
    found = printable.printable(printable.bounded(text))
    assert found.startswith("begins x")
    assert found.endswith("x ends\nshort\n")
    assert len(found) < 10_000
    assert printable.printable(f"{'x' * 3_000_000}\rlast") == "last"
