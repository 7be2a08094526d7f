"""When a build is repeated that a registry has failed, and what is told of it."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from gobake import engine
from gobake.report.progress.lines import Json, Plain, Quiet
from gobake.run import again, bake
from gobake.run.bake import Baked
from gobake.runs.record import InputsRecord, RetryRecord
from gobake.trace.events import EventLog

PUSH = "failed to push localhost:5000/web:v1: unexpected status from PUT request to http://localhost:5000/x: "
PASSES = f"ERROR: failed to solve: {PUSH}503 Service Unavailable"
REFUSED = "ERROR: failed to solve: failed to push localhost:5000/web:v1: denied: requested access is denied"
COMPILE = 'ERROR: failed to solve: process "/bin/sh -c go build" did not complete successfully: exit code: 1'
DONE = ""
SHOWN = "failed to push localhost:5000/web:v1: 503 Service Unavailable"


@dataclass(kw_only=True)
class Run:
    """A session whose builds end as is said, the last one for ever."""

    ends: Sequence[str]
    most: int = 3
    builds: int = 0
    retries: list[RetryRecord] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    lines: io.StringIO = field(default_factory=io.StringIO)

    @property
    def request(self) -> Any:
        return SimpleNamespace(retries=self.most, project=SimpleNamespace(builder=""))

    @property
    def ready(self) -> Any:
        alone = SimpleNamespace(answer=SimpleNamespace(places=()))
        return SimpleNamespace(plan=SimpleNamespace(builder=alone))

    @property
    def begun(self) -> Any:
        return SimpleNamespace(seconds=lambda: 12.5, alive=lambda: None)

    def progress(self, _targets: Sequence[object]) -> Plain:
        return Plain((), self.lines)

    def once(self, _session: object) -> Baked:
        end = self.ends[min(self.builds, len(self.ends) - 1)]
        self.builds += 1
        log = EventLog()
        if end:
            log.feed_line(end)
        log.close()
        return Baked(
            log=log,
            lines=[],
            inputs=InputsRecord(),
            past=None,
            failed=bool(end),
            interrupted=False,
            transfers=(),
            seconds=1.0,
        )


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []

    def rest(seconds: float, _over: object) -> bool:
        found.append(seconds)
        return True

    monkeypatch.setattr(again, "rest", rest)
    return found


def built(monkeypatch: pytest.MonkeyPatch, *ends: str, most: int = 3) -> tuple[Run, Baked]:
    run: Any = Run(ends=ends, most=most)
    monkeypatch.setattr(bake, "_bake_once", run.once)
    return run, bake._bake(run)


def test_a_build_is_repeated_until_its_registry_is_well(monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> None:
    run, baked = built(monkeypatch, PASSES, PASSES, DONE)
    assert (run.builds, baked.failed) == (3, False)
    assert [(one.reason, one.began) for one in run.retries] == [(SHOWN, 12.5)] * 2
    assert [one.waited for one in run.retries] == slept
    assert 1.0 <= slept[0] <= 2.0 <= slept[1] <= 4.0
    first, second = (line.split("  ")[-1] for line in run.lines.getvalue().splitlines())
    assert first.startswith(f"{SHOWN}; building again in ")
    assert first.endswith(" s (1 of 3)")
    assert second.endswith(" s (2 of 3)")


@pytest.mark.parametrize(("most", "builds"), [(0, 1), (1, 2), (3, 4)])
def test_it_is_repeated_as_often_as_is_said(
    monkeypatch: pytest.MonkeyPatch, slept: list[float], most: int, builds: int
) -> None:
    run, baked = built(monkeypatch, PASSES, most=most)
    assert (run.builds, len(run.retries), baked.failed) == (builds, most, True)


@pytest.mark.parametrize("end", [COMPILE, REFUSED], ids=["a compile error", "a refused push"])
def test_what_does_not_pass_is_built_once(monkeypatch: pytest.MonkeyPatch, slept: list[float], end: str) -> None:
    run, baked = built(monkeypatch, end)
    assert (run.builds, run.retries, baked.failed) == (1, [], True)
    run, _ = built(monkeypatch, PASSES, end)
    assert run.builds == 2


@pytest.fixture
def not_ending() -> Iterator[None]:
    """Ctrl-C ends all builds of a process for ever."""
    yield
    engine.bake._NO_MORE.clear()


@pytest.mark.usefixtures("not_ending")
def test_ctrl_c_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(again, "_FIRST_SECONDS", 60.0)
    monkeypatch.setattr(again, "_MOST_SECONDS", 60.0)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    timer.start()
    try:
        run, baked = built(monkeypatch, PASSES, DONE)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
    assert (run.builds, baked.interrupted) == (1, True)


def test_machines_get_an_event() -> None:
    retry, lines, quiet = RetryRecord(reason=SHOWN, began=1.0, waited=2.04), io.StringIO(), Quiet()
    Json((), lines).retry(retry, 1, 3)
    quiet.retry(retry, 1, 3)
    assert json.loads(lines.getvalue()) == {
        "schema": 1,
        "event": "retry",
        "number": 1,
        "most": 3,
        "seconds": 2.0,
        "reason": SHOWN,
    }
