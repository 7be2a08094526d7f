"""Saves what later runs need, during and after a build: the Go mounts as a seed, and the images' layers.

Later builds need the mounts as they are after the compile, so they are saved while the rest of the build runs. Nothing
here fails a build: a failure is a line for the user.
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

# How often layers are exported: a registry on a disk (distribution 2.8) rejects what two targets send at the same time,
# but has it on the second attempt.
_EXPORTS = 2
_TICK_SECONDS = 1.0
_PATIENCE = 3.0  # seconds that saves in progress get after Ctrl-C


@dataclass(kw_only=True)
class Saving:
    """Saves the Go mounts of one run."""

    care: SeedSession | None  # None: nothing is saved
    matrix: Matrix
    trace_folder: Path
    started: float
    say: Callable[[str], None]
    _saved: Future[None] | None = None

    def watch(self, log: EventLog, events: Sequence[Event]) -> None:
        """Begin once the events show what was compiled.

        It waits if other steps still need the mounts: while BuildKit measures mounts, it gives steps empty ones.
        """
        if not self.care or self._saved or Strategy.SINGLE_STAGE in self.matrix.strategies:
            return
        from gobake.outcome import read

        if not any(map(read.tells_what_was_compiled, events)):
            return
        from gobake.trace.steps import steps

        evidence = read.evidence(steps(log), self.trace_folder, self.started, self.matrix)
        self.begin(log, compiled=read.compiled(evidence))

    def begin(self, log: EventLog, *, compiled: bool) -> None:
        """Start to save if the policy says so and it has not begun. Returns at once."""
        if self._saved or not self.care or not self.care.is_due(compiled=compiled):
            return
        from gobake.trace.bases import base_digests

        self.say(f"saving the Go caches in {self.care.place}")
        self._saved = futures.start(partial(self.care.save, base_digests(log, self.care.plan.project.bases.go)))

    def end(self, *, interrupted: bool) -> bool:
        """Wait for the save; return whether Ctrl-C was pressed."""
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
    """Export the images' layers to the caches; return (what was written, whether Ctrl-C was pressed).

    ``limit``: seconds without output from BuildKit until the export is abandoned, 0 for never. BuildKit waits forever
    for a registry that does not respond, and a layer that takes so long is not worth it.
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
    """Return the loader that a service's program names, from what the finished compile wrote."""
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
