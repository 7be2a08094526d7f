"""One start of an image, from its container's first moment to its removal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from gobake.engine import containers
from gobake.engine.containers import Refused, State, Wish
from gobake.model import Platform
from gobake.proc import futures
from gobake.starting.asking import Asker
from gobake.starting.probes import Limits, Probe, Way, is_emulated
from gobake.starting.verdict import Outcome, Verdict, explained, failed, judged, passed
from gobake.text.printable import bounded, flat, one_line

_LINES = 20  # of the log of a container that failed
_WIDEST = 500  # characters of such a line
_LOOK_SECONDS = 0.1  # between two questions to the engine
_PAUSES = (0.002, 0.05)  # seconds between two questions to the container: a twentieth of the wait, within these
_ANSWER_SECONDS = 5.0
_HEALTH_SECONDS = 0.5  # between two runs of a HEALTHCHECK
_OTHER_CLOCK = 1.0  # seconds: an engine whose clock differs by more than this is not compared with this machine's


class Stopped(Exception):
    """The user pressed Ctrl-C."""


class Engine(Struct, frozen=True, kw_only=True):
    """What matters of the engine that starts the images."""

    architecture: str  # as Go names it; "" if unknown
    platforms: frozenset[Platform] = frozenset()  # that it is known to run, also with an emulator
    elsewhere: bool = False  # on another machine, so that ports cannot be asked

    def emulates(self, platform: Platform) -> bool:
        return is_emulated(platform, self.architecture)


class Image(Struct, frozen=True, kw_only=True):
    """An image to start."""

    name: str
    platform: Platform
    probe: Probe
    limits: Limits
    emulated: bool = False
    emulator: bool = False  # the engine is known to have one for the platform

    def wish(self) -> Wish:
        probe = self.probe
        return Wish(
            image=self.name,
            platform=self.platform,
            entrypoint=probe.command[:1] or None,
            args=probe.command[1:] if probe.command else probe.args,
            env=probe.env,
            ports=dict.fromkeys(probe.ports, 0),
            probe_seconds=_HEALTH_SECONDS if probe.way is Way.HEALTHCHECK else 0.0,
        )


class Start(Struct, frozen=True, kw_only=True):
    """What became of a start."""

    verdict: Verdict
    seconds: float | None = None  # from the container's start to the answer, or to its end; None: nothing is asked
    said: tuple[str, ...] = ()  # the last lines of a container that failed

    @property
    def passed(self) -> bool:
        return self.verdict.outcome is Outcome.PASSED


def try_out(image: Image, wish: Wish, is_stopped: Callable[[], bool]) -> Start:
    """Start an image once, wait until it answers, and remove it. Raises Stopped and NoEngine."""
    with started(image, wish, is_stopped) as (_, start):
        return start


@contextmanager
def started(image: Image, wish: Wish, is_stopped: Callable[[], bool]) -> Iterator[tuple[str, Start]]:
    """Yield a container that has answered or failed; "" if it could not be made. It is removed at the end."""
    try:
        container = containers.create(wish)
    except Refused as error:
        yield "", Start(verdict=failed(f"it cannot be started: {error}"))
        return
    try:
        yield container, _explained(image, container, _begin(image, container, wish, is_stopped))
    finally:
        containers.remove([container])


def _begin(image: Image, container: str, wish: Wish, is_stopped: Callable[[], bool]) -> Start:
    try:
        answered = _start(image.probe, container, wish)
        begun = time.time()
        if answered:
            since = _since(containers.look(container), begun, answered)
            return Start(verdict=passed(f"{image.probe} succeeded"), seconds=since)
        return _wait(image, container, begun, is_stopped)
    except Refused as error:
        return Start(verdict=failed(f"it cannot be started: {one_line(str(error), _WIDEST)}"))


def _start(probe: Probe, container: str, wish: Wish) -> float:
    """Start a container; return when it answered, as far as that was before the engine said that it runs.

    Where the ports are known, they are asked meanwhile: a program may answer before the engine does.
    """
    if not any(wish.ports.values()):
        containers.start(container)
        return 0.0
    asker, starting = (
        Asker(probe, State(running=True, ports=wish.ports)),
        futures.start(partial(containers.start, container)),
    )
    answered = 0.0
    while not starting.done() and not answered:
        answered = asker.answered if asker.answers(_ANSWER_SECONDS) else 0.0
        time.sleep(_PAUSES[0])
    starting.result()
    return answered


def _wait(image: Image, container: str, begun: float, is_stopped: Callable[[], bool]) -> Start:
    """Ask until there is an answer or the time is over. ``begun``: when it was started, by this machine's clock."""
    probe, since = image.probe, time.monotonic()
    state = containers.look(container)
    looked, asker = time.monotonic(), Asker(probe, state) if probe.asks else None
    while not is_stopped():
        left = max(0.1, image.limits.seconds - (time.monotonic() - since))
        if asker and asker.answers(min(left, _ANSWER_SECONDS)):
            return Start(verdict=passed(f"{probe} succeeded"), seconds=_since(state, begun, asker.answered))
        status = asker.status if asker else 0
        if verdict := judged(probe, state, time.monotonic() - since, image.limits, status=status):
            return Start(verdict=verdict, seconds=_until_end(probe, state, begun))
        time.sleep(min(max((time.monotonic() - since) / 20, _PAUSES[0]), _PAUSES[1]))
        if time.monotonic() - looked >= _LOOK_SECONDS:
            state, looked = containers.look(container), time.monotonic()
    raise Stopped


def _since(state: State, begun: float, now: float) -> float:
    """Seconds since the container's start, by the engine's own time of it if its clock is this machine's."""
    same = abs(state.started - begun) <= _OTHER_CLOCK
    return max(0.0, now - (state.started if same else begun))


def _until_end(probe: Probe, state: State, begun: float) -> float | None:
    if not state.running and state.started and state.finished:
        return max(0.0, state.finished - state.started)
    return _since(state, begun, time.time()) if probe.way is Way.HEALTHCHECK else None


def _explained(image: Image, container: str, start: Start) -> Start:
    """Add the log of a container that failed, and what it tells."""
    if start.passed:
        return start
    said = tuple(flat(bounded(line)).rstrip()[:_WIDEST] for line in containers.log(container, _LINES))
    verdict = explained(start.verdict, said, emulated=image.emulated, emulator=image.emulator)
    return replace(start, verdict=verdict, said=said)
