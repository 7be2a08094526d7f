"""The display is told what the last runs know of a compile, and what the host's Go knows of one that is new."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from gobake.insight.expected import Expected
from gobake.model import Platform
from gobake.run import expecting
from gobake.runs.store import RunStore
from tests.unit.scoring import recorded

SHOP = Path("/shop")
AMD64 = Platform.parse("linux/amd64")


def plan(commands: tuple[str, ...], *, stages: int = 1, go: str | None = "go") -> Any:
    options = SimpleNamespace(env=(), tags=())
    stage = SimpleNamespace(
        commands=[SimpleNamespace(package=path) for path in commands], build_root=".", options=options
    )
    layout = SimpleNamespace(builds=[SimpleNamespace(directory=SHOP)], context=SHOP)
    return SimpleNamespace(
        stages=[stage] * stages,
        history=Path("/nowhere"),
        matrix=SimpleNamespace(platforms=(AMD64,)),
        opened=SimpleNamespace(tree=SimpleNamespace(layout=layout), host_go=go),
    )


def told(some_plan: Any, recent: list[Any], monkeypatch: pytest.MonkeyPatch) -> list[Expected]:
    found: list[Expected] = []
    monkeypatch.setattr(expecting, "packages_of", lambda *_: 265)
    monkeypatch.setattr(expecting, "Question", lambda **_: None)
    expecting.begin(some_plan, recent, found.append)
    until = time.monotonic() + 2
    while len(found) < 2 and time.monotonic() < until and some_plan.opened.host_go and len(some_plan.stages) == 1:
        time.sleep(0.01)
    return found


def test_on_the_first_run_go_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = told(plan(("shop/api",)), [], monkeypatch)
    assert first.packages("linux/amd64", {"shop/api"}) == 0
    assert second.packages("linux/amd64", {"shop/api"}) == 265


@pytest.mark.parametrize(("stages", "go"), [(2, "go"), (1, None)])
def test_go_is_not_asked_where_its_answer_would_not_fit_or_it_is_not_there(
    monkeypatch: pytest.MonkeyPatch, stages: int, go: str | None
) -> None:
    assert len(told(plan(("shop/api",), stages=stages, go=go), [], monkeypatch)) == 1


def test_what_the_last_runs_know_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    record = recorded("cold")
    commands = tuple(command.package for command in record.go[0].commands)
    found = told(plan(commands, go=None), [replace(record, go=record.go)], monkeypatch)
    assert found[0].packages(record.go[0].platform, set(commands)) == record.go[0].packages


def test_runs_that_could_not_be_read_at_once_are_read_later(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    record = recorded("cold")
    with RunStore(tmp_path) as store:
        store.add(record, [])
    some = plan(tuple(command.package for command in record.go[0].commands), go=None)
    some.history = tmp_path
    found: list[Expected] = []
    expecting.begin(some, [], found.append)
    until = time.monotonic() + 5
    while len(found) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert found[1].packages("linux/amd64", {c.package for c in record.go[0].commands}) == record.go[0].packages
