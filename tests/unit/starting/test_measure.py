"""What several starts of an image show."""

from __future__ import annotations

from collections.abc import Callable

from gobake.starting.measure import INSTANCES, STARTS, measure, measure_all
from gobake.starting.probes import Probe, Way
from tests.unit.starting.playing import Played, answering, image
from tests.unit.starting.test_smoke import HTTP, engine

__all__ = ["engine"]


def test_time_memory_and_rights_are_measured(engine: Callable[..., Played]) -> None:
    with answering([200]) as port:
        there = engine(port)
        (found,) = measure_all([image("memory", HTTP)], lambda _: None, lambda: False)
    assert (len(found.starts), found.median is not None) == (STARTS, True)
    assert (found.memory, found.memory_of_five) == (2_000_000, 10_000_000)
    assert found.no_capabilities
    assert found.no_capabilities.works
    assert (len(there.made), there.most, there.there) == (STARTS + INSTANCES + 3, INSTANCES, {})


def test_a_right_that_is_missing_is_told_with_the_last_lines(engine: Callable[..., Played]) -> None:
    engine()
    found = measure(image("memory"), lambda: False)
    assert found.starts == ()  # nothing is asked
    for trial in (found.read_only, found.other_user):
        assert trial
        assert (trial.works, trial.why, trial.said) == (False, "it ended with exit code 1", ("one", "last"))


def test_a_command_has_a_time_and_no_memory(engine: Callable[..., Played]) -> None:
    there = engine()
    found = measure(image("exits-0", Probe(way=Way.COMMAND, command=("/bin/a", "-h"))), lambda: False)
    assert (found.median, found.memory, found.memory_of_five) == (0.5, None, None)
    assert there.made[0]["Entrypoint"] == ["/bin/a"]


def test_an_image_that_does_not_start_is_started_once(engine: Callable[..., Played]) -> None:
    there = engine()
    found = measure(image("exits-2"), lambda: False)
    assert (found.failure, found.said, len(there.made)) == ("it ended with exit code 2", ("one", "last"), 1)
