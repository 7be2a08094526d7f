"""What a run leaves for the next ones, beside and after its build: the Go mounts as a seed, the images' layers.

The mounts are what the next builds need as soon as the compile is done, so that they are saved beside all that is left
of the build. Nothing here fails a build: all of it comes to a line.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gobake.engine import Bake, BakeCall, ticking
from gobake.engine.interrupt import interruptible
from gobake.model import Strategy
from gobake.proc import futures

if TYPE_CHECKING:
    from collections.abc import Callable

    from gobake.credentials import EventRedactor
    from gobake.run.seeds import SeedSession
    from gobake.targets.matrix import Matrix
    from gobake.trace.caches import CacheTransfer
    from gobake.trace.events import Event, EventLog

# How often layers are exported: a registry on a disk (distribution 2.8) refuses what two targets send it at one moment,
# and when it is asked again it has it.
_EXPORTS = 2
_TICK_SECONDS = 1.0
_PATIENCE = 3.0  # seconds after Ctrl-C for what is being saved to come to its end


@dataclass(kw_only=True)
class Saving:
    """The save of the Go mounts of one run."""

    care: SeedSession | None  # None: nothing is saved
    matrix: Matrix
    trace_folder: Path
    started: float
    say: Callable[[str], None]
    _saved: Future[None] | None = None

    def watch(self, log: EventLog, events: Sequence[Event]) -> None:
        """Begin once the compile has told what it did. Not where other steps still want the mounts: BuildKit gives
        them empty ones while it measures those that are there."""
        if not self.care or self._saved or Strategy.SINGLE_STAGE in self.matrix.strategies:
            return
        from gobake.outcome import read

        if not any(map(read.tells_what_was_compiled, events)):
            return
        from gobake.trace.steps import steps

        evidence = read.evidence(steps(log), self.trace_folder, self.started, self.matrix)
        self.begin(log, compiled=read.compiled(evidence))

    def begin(self, log: EventLog, *, compiled: bool) -> None:
        """Save now, if the policy says so and it has not begun; wait for nothing."""
        if self._saved or not self.care or not self.care.is_due(compiled=compiled):
            return
        from gobake.trace.bases import base_digests

        self.say(f"saving the Go caches in {self.care.place}")
        self._saved = futures.start(partial(self.care.save, base_digests(log, self.care.plan.project.bases.go)))

    def end(self, *, interrupted: bool) -> bool:
        """Wait for it; whether Ctrl-C was pressed."""
        if not self._saved:
            return interrupted
        with interruptible() as pressed:
            answered = bool(wait([self._saved], _PATIENCE if interrupted else None).done)
        if answered:
            self._saved.result()
        return interrupted or pressed()


def export(
    call: BakeCall, redact: EventRedactor, say: Callable[[str], None], limit: float
) -> tuple[tuple[CacheTransfer, ...], bool]:
    """Write the layers of the images to the caches: what was written, and whether Ctrl-C was pressed.

    ``limit``: seconds without a word from BuildKit after which it is given up, 0 for never. A registry that does not
    answer is waited for by BuildKit for ever, and one layer that takes so long is worth no more.
    """
    from gobake.outcome import read
    from gobake.trace.caches import cache_transfers
    from gobake.trace.events import EventLog

    many = len(call.targets)
    say(f"exporting the layers of {many} target{'s' if many > 1 else ''}")
    written: dict[tuple[str, str], CacheTransfer] = {}
    for _ in range(_EXPORTS):
        bake, log, given_up = Bake(call), EventLog(), False
        with interruptible() as pressed:
            bake.begin()
            said = time.monotonic()
            for line in ticking(map(redact.line, bake), _TICK_SECONDS):
                if line is not None:
                    log.feed_line(line)
                    said = time.monotonic()
                elif limit and time.monotonic() - said >= limit and not given_up:
                    given_up = True
                    bake.stop()
        written |= {(t.target, t.place): t for t in cache_transfers(log, call.only) if t.exported}
        refused = tuple(dict.fromkeys(t.target for t in written.values() if t.error))
        if pressed() or bake.failed or not refused or len(refused) == many:
            break
        call = replace(call, targets=refused)
    if bake.failed and not pressed():
        still = f"nothing has moved for {limit:.0f} s (--stall-timeout)"
        say(f"warning: not all layers were exported: {still if given_up else read.last_error(log)}")
    return tuple(written.values()), pressed()


def loader_of(call: BakeCall, folder: Path, service: str, platform: str) -> str | None:
    """The loader that the program of a service names. The compile is done, and is asked for what it wrote down."""
    from gobake.outcome import read
    from gobake.recipe import TRACE

    if (known := read.loader_in(folder, service, platform)) is not None:
        return known
    bake = Bake(replace(call, targets=(TRACE,), no_cache=False, metadata_file=None))
    with interruptible():
        bake.begin()
        for _ in bake:
            pass
    return read.loader_in(folder, service, platform)
