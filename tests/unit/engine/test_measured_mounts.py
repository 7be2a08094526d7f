"""Mounts that BuildKit measures when it is asked for them. It does so by itself one second after it has started."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from gobake.engine import api, usage
from gobake.errors import NoEngine
from gobake.proc.command import Done

# recorded from buildx 0.29 and Docker 28.5, after the engine was killed and started again
MEASURED = """\
ID:           kvv3mcshdzh9h4g2sw9k5h52x
Created at:   2026-11-30 07:25:20.923691252 +0000 UTC
Mutable:      false
Reclaimable:  false
Shared:       false
Size:         4.243MB
Description:  cached mount /cache/gobuild from exec /bin/sh -c go build with id "/shop-gobuild"
Usage count:  0
Type:         regular

"""
LISTED = """\
ID:           eksv2x1ol4wcof34juf0lbb0y
Created at:   2026-11-30 07:25:05.471144024 +0000 UTC
Mutable:      true
Reclaimable:  true
Shared:       false
Size:         4.243MB
Description:  cached mount /cache/gobuild from exec /bin/sh -c go build with id "/shop-gobuild"
Usage count:  2
Last used:    1 second ago
Type:         exec.cachemount

"""
# an immutable record that was a mount once, and that nothing uses
LEFT = MEASURED.replace("Reclaimable:  false", "Reclaimable:  true")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(usage, "monotonic", lambda: now[0])
    monkeypatch.setattr(usage, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


def answering(monkeypatch: pytest.MonkeyPatch, *answers: str | None) -> list[Sequence[str]]:
    """Answers of `docker buildx du` in their order, the last one for ever; None: it fails. The commands."""
    asked: list[Sequence[str]] = []

    def run(command: Sequence[str], _left: float, _builder: str) -> Done:
        asked.append(command)
        text = answers[min(len(asked), len(answers)) - 1]
        return Done(code=1 if text is None else 0, out=text or "", err="")

    monkeypatch.setattr(usage, "_run", run)
    return asked


def test_a_mount_that_is_being_measured_is_waited_for(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    asked = answering(monkeypatch, MEASURED, MEASURED, LISTED)
    mounts = usage.cache_mounts()
    assert [mount.id for mount in mounts or ()] == ["shop-gobuild"]
    assert len(asked) == 3
    assert clock[0] > 1000


def test_what_is_measured_until_the_end_is_unknown(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    answering(monkeypatch, MEASURED)
    assert usage.cache_mounts() is None
    assert clock[0] == pytest.approx(1000 + usage.USAGE_SECONDS, abs=1)
    with pytest.raises(NoEngine, match="builder farm does not list its cache mounts; try again") as unknown:
        usage.require_mounts("farm")
    assert "docker buildx du --builder farm" in str(unknown.value)


@pytest.mark.usefixtures("clock")
def test_a_builder_without_mounts_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, LEFT)
    assert usage.require_mounts() == ()
    assert len(asked) == 1


@pytest.mark.usefixtures("clock")
def test_older_buildx_is_asked_without_the_filter_that_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, None, LISTED)
    assert [mount.id for mount in usage.require_mounts()] == ["shop-gobuild"]
    assert ["--filter" in command for command in asked] == [True, False]


@pytest.mark.usefixtures("clock")
def test_the_engine_is_asked_again_over_its_socket_too(monkeypatch: pytest.MonkeyPatch) -> None:
    record = {
        "ID": "r",
        "Description": 'cached mount /m from exec x with id "/shop-gobuild"',
        "Size": 7,
        "InUse": False,
    }
    answers = [
        {"BuildCache": [{**record, "Type": "regular", "InUse": True}]},
        {"BuildCache": [{**record, "Type": "exec.cachemount"}]},
    ]
    monkeypatch.setattr(api, "get", lambda *_: answers.pop(0))
    engines_own: Any = SimpleNamespace(on_socket=True, places={})
    found = usage.builder_usage(engines_own)
    assert found is not None
    assert [(mount.id, mount.size) for mount in found.mounts] == [("shop-gobuild", 7)]
