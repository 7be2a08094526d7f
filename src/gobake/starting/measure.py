"""Measures an image by starting it again and again: time, memory, and the rights that it needs.

One container at a time but for the memory of several, so that nothing else of gobake disturbs the times.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from msgspec import Struct
from msgspec.structs import replace

from gobake.engine import containers
from gobake.engine.containers import Wish
from gobake.starting.asking import free_port
from gobake.starting.probes import Way
from gobake.starting.start import Image, Start, started, try_out

STARTS = 5
INSTANCES = 5
OTHER_USER = "12345:12345"
_SETTLE_SECONDS = 0.3  # between the answer and the reading of the memory


class Trial(Struct, frozen=True, kw_only=True):
    """A start with fewer rights."""

    works: bool
    why: str = ""  # why not
    said: tuple[str, ...] = ()  # the last lines of its log


class Measured(Struct, frozen=True, kw_only=True):
    """What the starts of an image showed. None: not measured."""

    asked: str  # what it had to do
    emulated: bool
    starts: tuple[float, ...] = ()  # seconds to the answer, or to the exit; () if nothing is asked
    memory: int | None = None  # bytes of one instance that it shares with no other; the median
    memory_of_five: int | None = None  # of INSTANCES together
    read_only: Trial | None = None
    no_capabilities: Trial | None = None
    other_user: Trial | None = None
    failure: str = ""  # why it does not start at all; the rest is then unknown
    said: tuple[str, ...] = ()

    @property
    def median(self) -> float | None:
        return statistics.median(self.starts) if self.starts else None


def measure(image: Image, is_stopped: Callable[[], bool]) -> Measured:
    """Raises Stopped and NoEngine."""
    found = Measured(asked=str(image.probe), emulated=image.emulated)
    times, memories = list[float](), list[int]()
    for _ in range(STARTS):
        with started(image, _with_known_ports(image.wish()), is_stopped) as (container, start):
            if not start.passed:
                return replace(found, failure=start.verdict.text, said=start.said)
            if start.seconds is not None:
                times.append(start.seconds)
            memories += _memory(image, container)
    wish = image.wish()
    return replace(
        found,
        starts=tuple(times),
        memory=int(statistics.median(memories)) if memories else None,
        memory_of_five=_memory_of_several(image, is_stopped) if memories else None,
        read_only=_trial(image, replace(wish, read_only=True), is_stopped),
        no_capabilities=_trial(image, replace(wish, capabilities=False), is_stopped),
        other_user=_trial(image, replace(wish, user=OTHER_USER), is_stopped),
    )


def _with_known_ports(wish: Wish) -> Wish:
    """Return the wish with ports that can be asked as soon as the program listens."""
    return replace(wish, ports={port: free_port() for port in wish.ports})


def _memory(image: Image, container: str) -> Iterator[int]:
    """Yield the memory of a container that still runs."""
    if image.probe.way is Way.COMMAND:
        return
    time.sleep(_SETTLE_SECONDS)
    found = containers.memory(container)
    if found:  # a container that has ended has none
        yield found


def _memory_of_several(image: Image, is_stopped: Callable[[], bool]) -> int | None:
    with ExitStack() as ends:
        instances = [ends.enter_context(started(image, image.wish(), is_stopped)) for _ in range(INSTANCES)]
        if not all(start.passed for _, start in instances):
            return None
        time.sleep(_SETTLE_SECONDS)
        found = [containers.memory(container) for container, _ in instances]
    known = [one for one in found if one]
    return sum(known) if len(known) == INSTANCES else None


def _trial(image: Image, wish: Wish, is_stopped: Callable[[], bool]) -> Trial:
    start: Start = try_out(image, wish, is_stopped)
    return Trial(works=start.passed, why="" if start.passed else start.verdict.text, said=start.said)


def measure_all(
    images: Sequence[Image], tell: Callable[[str], None], is_stopped: Callable[[], bool]
) -> tuple[Measured, ...]:
    """Measure the images one after the other. No container is left, whatever happens. Raises Stopped and NoEngine."""
    found = list[Measured]()
    with containers.nothing_left():
        for at, image in enumerate(images, 1):
            tell(f"measuring {at} of {len(images)}: {image.name} for {image.platform}")
            found.append(measure(image, is_stopped))
    return tuple(found)
