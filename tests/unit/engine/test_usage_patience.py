"""How long the question is waited for what a builder keeps, where the engine stands still."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from gobake.engine import api, bake, usage
from gobake.proc.command import Late
from gobake.proc.groups import STOP_SECONDS


@pytest.mark.parametrize(("stopped", "seconds"), [(False, usage.USAGE_SECONDS), (True, STOP_SECONDS)])
def test_all_tries_share_one_patience(monkeypatch: pytest.MonkeyPatch, stopped: bool, seconds: float) -> None:
    """It is short once Ctrl-C was pressed."""
    clock, waited = [1000.0], list[float]()

    def waits(_asked: object, left: float) -> None:
        waited.append(left)
        clock[0] += left / 2

    def times_out(command: Sequence[str], left: float, _builder: str) -> None:
        waited.append(left)
        clock[0] += left
        raise Late(command[0], left)

    over = threading.Event()
    if stopped:
        over.set()
    monkeypatch.setattr(bake, "_NO_MORE", over)
    monkeypatch.setattr(usage, "monotonic", lambda: clock[0])
    monkeypatch.setattr(usage, "_run", times_out)
    monkeypatch.setattr(api, "get", waits)
    engines_own: Any = SimpleNamespace(on_socket=True, places={})
    assert usage.builder_usage(engines_own) is None
    assert waited == [seconds, seconds / 2]
