"""What becomes of a container, from what engines said of such."""

from __future__ import annotations

import pytest

from gobake.engine.containers import State
from gobake.starting.probes import Limits, Probe, Way
from gobake.starting.verdict import Outcome, Verdict, explained, failed, judged, passed

LIMITS = Limits(seconds=10.0, settled=2.0)
HTTP = Probe(way=Way.HTTP, path="/healthz", ports=(8080,))
RUNS, HEALTH = Probe(way=Way.RUNS), Probe(way=Way.HEALTHCHECK)
COMMAND = Probe(way=Way.COMMAND, command=("/bin/api", "--version"))
ALIVE = State(running=True)


def ended(code: int = 0, **more: object) -> State:
    return State(running=False, code=code, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("probe", "state", "waited", "expected"),
    [
        (RUNS, ALIVE, 1.9, None),
        (RUNS, ALIVE, 2.0, passed("it runs after 2 s")),
        (RUNS, ended(), 0.1, passed("it exited 0")),
        (RUNS, ended(2), 0.1, failed("it ended with exit code 2")),
        (COMMAND, ended(), 0.1, passed("it exited 0")),
        (COMMAND, ALIVE, 9.9, None),
        (COMMAND, ALIVE, 10.0, failed("/bin/api --version has not ended within 10 s")),
        (HTTP, ALIVE, 9.9, None),
        (HTTP, ALIVE, 10.0, failed("GET /healthz on port 8080 did not succeed within 10 s")),
        (HTTP, ended(), 0.1, failed("it exited 0 before GET /healthz on port 8080 succeeded")),
        (HEALTH, State(running=True, health="starting"), 1.0, None),
        (HEALTH, State(running=True, health="unhealthy"), 1.0, None),  # it may still become well
        (HEALTH, State(running=True, health="healthy"), 1.0, passed("its HEALTHCHECK passes")),
        (RUNS, ended(137, out_of_memory=True), 0.1, failed("it was killed: it needs more than 1 GiB of memory")),
        (RUNS, ended(127, error="no such file"), 0.1, failed("it cannot be started: no such file")),
    ],
)
def test_a_container_is_judged_by_what_it_does(
    probe: Probe, state: State, waited: float, expected: Verdict | None
) -> None:
    assert judged(probe, state, waited, LIMITS) == expected


def test_the_last_status_is_told() -> None:
    found = judged(HTTP, ALIVE, 10.0, LIMITS, status=503)
    assert found
    assert found.text.endswith("within 10 s, its last answer was status 503")


LOADER = "exec /usr/local/bin/api: no such file or directory"
FOREIGN = "exec /usr/local/bin/api: exec format error"


def test_a_missing_loader_is_named() -> None:
    found = explained(failed("it ended with exit code 255"), [LOADER], emulated=False, emulator=True)
    assert found.text.endswith("/usr/local/bin/api or the loader that it names is not in the image")


@pytest.mark.parametrize(
    ("emulated", "emulator", "outcome"),
    [(False, True, Outcome.FAILED), (True, True, Outcome.FAILED), (True, False, Outcome.SKIPPED)],
)
def test_only_a_platform_without_an_emulator_is_skipped(*, emulated: bool, emulator: bool, outcome: Outcome) -> None:
    found = explained(failed("it ended with exit code 255"), [FOREIGN], emulated=emulated, emulator=emulator)
    assert found.outcome is outcome


def test_what_a_program_prints_changes_no_success() -> None:
    assert explained(passed("it exited 0"), [FOREIGN], emulated=True, emulator=False) == passed("it exited 0")
