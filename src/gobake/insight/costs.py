"""What steps and Go packages took when they were last done: the worth of not doing them again.

BuildKit merges equal steps of several stages and reports them under the name of any of these, another one in the next
run. So a step is known by what it is: its instruction and those of all that it builds on.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from gobake.runs.record import CacheRecord, RunRecord, StepRecord

LOOK_BACK = 20  # runs
CACHED = ("reused", "imported", "unknown")  # outcomes of a step that need not be done


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Seconds by step and by (platform, import path); what is not there is not on record."""

    keys: Sequence[str]  # of the run's steps, see step_keys
    steps: Mapping[str, float] = field(default_factory=dict)
    packages: Mapping[tuple[str, str], float] = field(default_factory=dict)


def step_keys(record: RunRecord) -> list[str]:
    """A name for every step that is the same whatever target, stage and run show it; "" for one that needs itself."""
    keys = [""] * len(record.steps)
    for at in in_order([step.needs for step in record.steps]):
        step = record.steps[at]
        text = "\n".join(
            (
                step.platform if is_base(step) else "",
                step.instruction,
                *sorted({keys[n] for n in step.needs if n < len(keys)}),
            )
        )
        keys[at] = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()
    return keys


def in_order(needs: Sequence[Collection[int]]) -> list[int]:
    """Numbers after all that they need; what needs itself, as only a damaged record says, is left out."""
    users: dict[int, list[int]] = defaultdict(list)
    waiting = [0] * len(needs)
    for number, wanted in enumerate(needs):
        for need in {n for n in wanted if 0 <= n < len(needs)}:
            users[need].append(number)
            waiting[number] += 1
    ready = [number for number, count in enumerate(waiting) if not count]
    for number in ready:
        for user in users[number]:
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    return ready


def is_base(step: StepRecord) -> bool:
    """Whether it fetches an image. One that another project fetched was never executed here."""
    return step.instruction.startswith("FROM ")


def last_costs(record: RunRecord, earlier: Sequence[RunRecord]) -> Costs:
    """Of what this run did not do itself. ``earlier``: newest first; no more of it is read than needed."""
    keys = step_keys(record)
    cached = [(key, step) for key, step in zip(keys, record.steps, strict=True) if _is_cached(step) and key]
    steps = {key for key, _ in cached}
    bases = {key for key, step in cached if is_base(step)}
    packages = set(cached_packages(record))
    found = Costs(keys=keys)
    for before in islice(earlier, LOOK_BACK):
        if not (steps - bases - found.steps.keys()) and not (packages - found.packages.keys()):
            break
        found = Costs(
            keys=keys,
            steps=_known(steps, before) | dict(found.steps),
            packages={pair: cost for pair, cost in _compiled(before) if pair in packages} | dict(found.packages),
        )
    return found


def cached_packages(record: RunRecord) -> Iterator[tuple[str, str]]:
    """(platform, import path) of what Go took from its cache while it ran."""
    for work in record.go:
        done = {path for path, _ in work.compiled}
        yield from ((work.platform, path) for path, _ in work.actions if path not in done)


def _is_cached(step: StepRecord) -> bool:
    return step.outcome in CACHED and step.started is not None


def _known(wanted: set[str], record: RunRecord) -> dict[str, float]:
    """Of what was executed: the longest, where BuildKit did a piece of it under another name."""
    if not wanted or not any(map(_went_well, record.steps)):
        return {}
    found: dict[str, float] = {}
    for key, step in zip(step_keys(record), record.steps, strict=True):
        if _went_well(step) and step.seconds is not None and key in wanted:
            found[key] = max(found.get(key, 0.0), step.seconds)
    return found


def _went_well(step: StepRecord) -> bool:
    return step.outcome == "executed" and not step.error and not step.canceled


def _compiled(record: RunRecord) -> Iterator[tuple[tuple[str, str], float]]:
    for work in record.go:
        yield from (((work.platform, path), seconds) for path, seconds in work.compiled)


# ---- layer caches


def longest(caches: Sequence[CacheRecord], direction: str) -> float | None:
    """Imports run side by side, and so do exports: all of them cost about what the longest took. None: no time is
    known."""
    return max((c.seconds for c in caches if c.direction == direction and c.seconds is not None), default=None)
