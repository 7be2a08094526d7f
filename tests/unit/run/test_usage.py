"""The look at a builder's mounts, and what it must not come between."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gobake import engine, run
from gobake.engine import Builder, Usage
from gobake.plan.builder import PlannedBuilder
from gobake.run import session, usage


def planned(name: str, driver: str) -> PlannedBuilder:
    return PlannedBuilder(answer=Builder(name=name, driver=driver, nodes=()))


def look(monkeypatch: pytest.MonkeyPatch, measured: threading.Event) -> usage.MountUsage:
    """At an engine that needs a while to measure its mounts."""

    def slow(*_: object) -> Usage:
        time.sleep(0.2)
        measured.set()
        return Usage(records=0, mounts=())

    monkeypatch.setattr(engine, "builder_usage", slow)
    return usage.MountUsage(builder=planned("default", "docker"), mounts=())


def test_no_step_begins_while_the_engine_measures_its_mounts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """BuildKit gives a step an empty mount while it measures the one that the step wants."""
    measured = threading.Event()
    seen: list[bool] = []

    class Stopped(Exception):
        pass

    def bake(*_: object) -> None:
        seen.append(measured.is_set())
        raise Stopped

    def looking(*_: object) -> usage.MountUsage:
        begun = look(monkeypatch, measured)
        begun.begin()
        return begun

    asked: Any = SimpleNamespace(dry_run=False, verbose=False, quiet=True, progress="quiet", push=False)
    plan = SimpleNamespace(matrix=None, uses_binaries=False, request=asked, builder=SimpleNamespace(notes=()))
    ready = SimpleNamespace(care=None, plan=plan, trace_folder=tmp_path, trust_notes=())
    monkeypatch.setattr(run, "prepare", lambda *_: ready)
    monkeypatch.setattr(run, "bake_what_can_be_built", bake)
    monkeypatch.setattr(session, "_usage", looking)
    monkeypatch.setattr(session, "_begun_run", lambda *_: SimpleNamespace(end=lambda: None))
    questions: Any = SimpleNamespace(begin_info=lambda: None)
    with pytest.raises(Stopped):
        run.run(asked, questions)
    assert seen == [True]


def test_a_builder_that_is_not_asked_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = threading.Event()
    remote = usage.MountUsage(builder=planned("farm", "remote"), mounts=())
    remote.begin()
    remote.settle()
    assert not measured.is_set()
    assert remote.bare is None
