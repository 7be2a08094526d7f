"""Starts every image of a run once: whether each answers, ends well or keeps running. A few at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait

from msgspec import Struct

from gobake.engine import containers
from gobake.errors import EmulationMissing, GobakeError, SmokeFailed
from gobake.model import Platform, Target
from gobake.proc import futures
from gobake.starting.probes import is_emulated, limits, probe_of, unasked
from gobake.starting.start import Engine, Image, Start, Stopped, try_out
from gobake.starting.verdict import Outcome

_AT_ONCE = 4
_MOST_LOGS, _FEW_LINES = 5, 5  # shown of several images that failed
_TICK_SECONDS = 0.1  # in which Ctrl-C is noticed
_BINFMT = "run `docker run --privileged --rm tonistiigi/binfmt --install all`, or start them on such a machine"
_REMEDY = "`docker run` it to see more, or set `smoke` of the service in gobake.yaml: args, env, path, command"


class Smoked(Struct, frozen=True, kw_only=True):
    """An image of a target that was started."""

    target: str
    image: Image
    start: Start

    @property
    def outcome(self) -> Outcome:
        return self.start.verdict.outcome

    @property
    def label(self) -> str:
        return f"{self.image.name} for {self.image.platform}{', emulated' if self.image.emulated else ''}"


def images(targets: Sequence[Target], prefix: str, tag: str, engine: Engine, wished: float) -> list[tuple[str, Image]]:
    """Return what is to be started, with the names of the targets. ``wished``: time limit in seconds, 0 for default."""
    return [
        (target.name, image(target, platform, target.image(prefix, tag), engine, wished))
        for target in targets
        for platform in target.platforms
    ]


def image(target: Target, platform: Platform, name: str, engine: Engine, wished: float) -> Image:
    emulated, probe = is_emulated(platform, engine.architecture), probe_of(target.service)
    return Image(
        name=name,
        platform=platform,
        probe=unasked(probe) if engine.elsewhere else probe,
        limits=limits(probe, wished, emulated=emulated),
        emulated=emulated,
        emulator=platform in engine.platforms,
    )


def start_all(
    wanted: Sequence[tuple[str, Image]], tell: Callable[[str], None], is_stopped: Callable[[], bool]
) -> tuple[Smoked, ...]:
    """Start all images and return what became of each, in the same order. Raises Stopped and NoEngine.

    No container is left, whatever happens.
    """
    stopping = threading.Event()
    waiting = list(reversed(list(enumerate(wanted))))
    done: dict[int, Smoked] = {}

    def work() -> None:
        while waiting and not stopping.is_set():
            try:
                at, (target, image) = waiting.pop()
            except IndexError:
                return  # another worker took the last one
            smoked = Smoked(target=target, image=image, start=try_out(image, image.wish(), stopping.is_set))
            done[at] = smoked
            tell(line(smoked))

    with containers.nothing_left():
        workers = [futures.start(work) for _ in range(min(_AT_ONCE, len(wanted)))]
        try:
            while running := wait(workers, _TICK_SECONDS).not_done:
                if is_stopped() or any(worker.exception() for worker in workers if worker not in running):
                    stopping.set()
        finally:
            stopping.set()
            wait(workers)
    for worker in workers:
        worker.result()
    if len(done) < len(wanted):
        raise Stopped
    return tuple(done[at] for at in range(len(wanted)))


def line(smoked: Smoked) -> str:
    """`smoke: api:latest for linux/amd64: GET /healthz on port 8080 succeeded after 0.1 s`."""
    start = smoked.start
    after = f" after {start.seconds:.1f} s" if start.passed and start.seconds is not None else ""
    word = "" if start.passed else f"{smoked.outcome}: "
    return f"smoke: {smoked.label}: {word}{start.verdict.text}{after}"


def error_of(smoked: Sequence[Smoked]) -> GobakeError | None:
    """Return the error for images that failed, or if none could be started at all."""
    failed = [one for one in smoked if one.outcome is Outcome.FAILED]
    if failed:
        first = failed[0]
        why = f"{first.label}: {first.start.verdict.text}"
        many = len(failed) > 1
        what = f"{len(failed)} of {len(smoked)} images do not start; the first: {why}" if many else f"smoke: {why}"
        return SmokeFailed(what, remedy=_REMEDY, words="\n".join(_logs(failed)))
    if smoked and all(one.outcome is Outcome.SKIPPED for one in smoked):
        platforms = ", ".join(sorted({str(one.image.platform) for one in smoked}))
        return EmulationMissing(f"--smoke could start no image: the engine cannot run {platforms}", remedy=_BINFMT)
    return None


def _logs(failed: Sequence[Smoked]) -> Iterator[str]:
    """Yield the last lines of those that failed, below their names if there are several."""
    if len(failed) == 1:
        yield from failed[0].start.said
        return
    for one in failed[:_MOST_LOGS]:
        yield f"{one.label}: {one.start.verdict.text}"
        yield from (f"  {text}" for text in one.start.said[-_FEW_LINES:])


def total(smoked: Sequence[Smoked]) -> str:
    """`smoke: 28 images started, 2 of them emulated, 4 skipped`."""
    ran = [one for one in smoked if one.outcome is Outcome.PASSED]
    emulated = sum(one.image.emulated for one in ran)
    skipped = sum(one.outcome is Outcome.SKIPPED for one in smoked)
    images = f"{len(ran)} image{'' if len(ran) == 1 else 's'}"
    more = (f"{emulated} of them emulated" if emulated else "", f"{skipped} skipped" if skipped else "")
    return ", ".join((f"smoke: {images} started", *filter(None, more)))
