"""Targets whose clocks buildx has shifted apart, as it does on a busy machine."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from gobake.trace.clocks import on_one_clock
from gobake.trace.events import Episode, EventLog, Vertex
from gobake.trace.names import parse_name, targets_in
from gobake.trace.steps import steps
from tests.unit.recorded import read, recording


def shifted(name: str, seconds: float) -> EventLog:
    """A recorded run in which every target's clock is ``seconds`` ahead of the one before it."""
    targets = sorted(targets_in(v.name for v in read(name).vertices.values()))
    lines = []
    for line in recording(name).decode().splitlines():
        event = json.loads(line) if line.startswith("{") else None
        for vertex in (event or {}).get("vertexes") or []:
            target = parse_name(vertex["name"], frozenset(targets)).target
            late = timedelta(seconds=seconds * targets.index(target)) if target else timedelta()
            for key in ("started", "completed"):
                if vertex.get(key):
                    moment = datetime.fromisoformat(vertex[key][:26].rstrip("Z") + "+00:00")
                    vertex[key] = (moment + late).isoformat()
        lines.append(json.dumps(event) if event else line)
    return EventLog.read([("\n".join(lines) + "\n").encode()])


@pytest.mark.parametrize("seconds", [-3.0, 2.0, 40.0])
@pytest.mark.parametrize("name", ["cold", "edit", "failed", "canceled"])
def test_clocks_that_are_apart_change_no_outcome(name: str, seconds: float) -> None:
    expected = {s.key: s.outcome for s in steps(read(name)).steps}
    assert {s.key: s.outcome for s in steps(shifted(name, seconds)).steps} == expected


def vertex(target: str, digest: str, started: float, completed: float | None, *, cached: bool = False) -> Vertex:
    episode = Episode(started=started, completed=completed, cached=cached, inputs=True)
    return Vertex(digest=digest, name=f"[{target} build 1/1] RUN {digest}", episodes={started: episode})


def internal(target: str) -> Vertex:
    return Vertex(digest=f"of {target}", name=f"[{target} internal] load build context")


def begun(vertices: list[Vertex]) -> dict[str, list[float]]:
    named = [internal(t) for t in ("a", "b", "c")]
    return {v.name[1]: [round(s, 6) for s in v.episodes] for v in on_one_clock([*named, *vertices]) if v.episodes}


def test_shared_work_tells_how_far_clocks_are_apart() -> None:
    found = begun([vertex("a", "x", 10.0, 14.0), vertex("b", "x", 12.5, 16.5)])
    assert found == {"a": [10.0], "b": [10.0]}


def test_clocks_are_compared_over_a_third() -> None:
    found = [vertex("b", "x", 12.0, 13.0), vertex("a", "x", 10.0, 11.0), vertex("b", "y", 14.0, 16.0)]
    found += [vertex("c", "y", 20.0, 22.0)]
    apart = {
        (v.name[1], v.digest): round(next(iter(v.episodes)), 6)
        for v in on_one_clock([internal(t) for t in "abc"] + found)
        if v.episodes
    }
    assert apart == {("a", "x"): 10.0, ("b", "x"): 10.0, ("b", "y"): 12.0, ("c", "y"): 12.0}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(vertex("b", "x", 12.0, 17.0), id="another run of the step, which took longer"),
        pytest.param(vertex("b", "y", 12.0, 14.0), id="other work that took equally long"),
        pytest.param(vertex("b", "x", 12.0, None), id="work that is not over"),
        pytest.param(vertex("b", "x", 12.0, 14.0, cached=True), id="a hit"),
    ],
)
def test_what_is_not_the_same_work_tells_nothing(other: Vertex) -> None:
    assert begun([vertex("a", "x", 10.0, 12.0), other]) == {"a": [10.0], "b": [12.0]}
