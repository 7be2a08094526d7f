"""When the Go mounts are saved, and that Ctrl-C lets nothing begin any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gobake.credentials import EventRedactor, Redactor
from gobake.engine import Bake, BakeCall
from gobake.engine import bake as baking
from gobake.model import Strategy
from gobake.outcome import read
from gobake.run import save
from gobake.run.save import Saving
from gobake.trace.events import EventLog, VertexEvent
from tests.unit.outcome.test_read import matrix

TOLD = VertexEvent(digest="sha256:9", name="[trace] exporting to client directory", started=1.0, completed=2.0)


class SeedSession:
    """Remembers what it was asked to save."""

    def __init__(self, *, due: bool = True) -> None:
        self.due = due
        self.saved: list[Sequence[str]] = []
        self.place = "registry.test/cache"
        self.plan: Any = type("Plan", (), {"project": type("P", (), {"bases": type("B", (), {"go": "golang"})})})

    def is_due(self, *, compiled: bool) -> bool:
        return self.due and compiled

    def save(self, bases: Sequence[str]) -> None:
        self.saved.append(bases)


def saving(care: SeedSession, folder: Path, said: list[str], strategy: Strategy = Strategy.SCRATCH) -> Saving:
    given: Any = care
    return Saving(care=given, matrix=matrix(strategies=(strategy,)), trace_folder=folder, started=0.0, say=said.append)


def test_it_begins_when_the_compile_has_told_what_it_did_and_not_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "compiled", lambda _: True)
    care, said = SeedSession(), list[str]()
    one = saving(care, tmp_path, said)
    one.watch(EventLog(), [VertexEvent(digest="sha256:1", name="[trace] exporting to client directory", started=1.0)])
    one.watch(EventLog(), [VertexEvent(digest="sha256:2", name="[api] exporting to image", completed=1.0)])
    assert said == []
    one.watch(EventLog(), [TOLD])
    one.watch(EventLog(), [TOLD])
    one.begin(EventLog(), compiled=True)  # when the build has ended
    assert one.end(interrupted=False) is False
    assert (len(care.saved), said) == (1, ["saving the Go caches in registry.test/cache"])


def test_where_other_steps_still_want_the_mounts_it_begins_after_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "compiled", lambda _: True)
    care = SeedSession()
    one = saving(care, tmp_path, [], Strategy.SINGLE_STAGE)
    one.watch(EventLog(), [TOLD])
    assert care.saved == []
    one.begin(EventLog(), compiled=True)
    one.end(interrupted=False)
    assert len(care.saved) == 1


def test_what_is_not_due_is_not_saved(tmp_path: Path) -> None:
    care, said = SeedSession(), list[str]()
    one = saving(care, tmp_path, said)
    one.watch(EventLog(), [TOLD])  # nothing was compiled
    one.begin(EventLog(), compiled=False)
    assert one.end(interrupted=False) is False
    assert (care.saved, said) == ([], [])


def test_after_an_interrupt_no_build_begins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(baking, "_NO_MORE", type(baking._NO_MORE)())
    baking.stop_all()
    bake = Bake(BakeCall(files=(tmp_path / "none.json",), targets=("t",), plugin="/bin/false"))
    bake.begin()
    assert list(bake) == []
    assert bake.failed


class Silent:
    """A bake that says one thing, and nothing more until it is stopped."""

    failed, refused, exit_code = True, None, 1

    def __init__(self, _call: BakeCall) -> None:
        self._stopped = threading.Event()

    def begin(self) -> None:
        pass

    def __iter__(self) -> Iterator[str]:
        yield '{"vertexes": [{"digest": "sha256:1", "name": "exporting cache to registry"}]}'
        assert self._stopped.wait(60)

    def stop(self) -> None:
        self._stopped.set()


def test_an_export_of_which_nothing_moves_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(save, "Bake", Silent)
    monkeypatch.setattr(save, "_TICK_SECONDS", 0.05)
    said: list[str] = []
    call = BakeCall(files=(tmp_path / "bake.json",), targets=("one-export", "two-export"))
    assert save.export(call, EventRedactor(Redactor(())), said.append, 1.0) == ((), False)
    assert said == [
        "exporting the layers of 2 targets",
        "warning: not all layers were exported: nothing has moved for 1 s (--stall-timeout)",
    ]
