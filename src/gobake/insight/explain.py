"""Explains the first missed step of each target, by comparison with the last run that had the step.

First compares the step itself: its base, arguments, text and files. If they are equal, the miss follows from a missed
step that it builds on. If there is none, the result is the same as before and no cache had it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from msgspec.structs import replace

from gobake.insight import absent, differences
from gobake.insight.advice import advise
from gobake.insight.causes import Cause, Change, Explanation, Miss
from gobake.insight.differences import Difference
from gobake.insight.files import MODULE_FILES
from gobake.insight.labels import labels
from gobake.insight.packages import package_causes
from gobake.insight.past import MISSED, TRACE, Found, Look, Past
from gobake.runs.outcomes import Outcome
from gobake.runs.record import RunRecord, StepRecord
from gobake.text.printable import one_line
from gobake.trace.intervals import covered
from gobake.trace.labels import is_shared


def explain(record: RunRecord, earlier: Sequence[RunRecord]) -> Explanation:
    """The explanation of a run. ``earlier``: newest first, also runs of other branches, builders and selections."""
    past = Past(record, earlier)
    misses = _Reading(record, past).misses()
    before = [look.run for look in past.looks]
    before.sort(key=lambda run: run.started, reverse=True)
    return Explanation(
        run=record.id,
        misses=misses,
        packages=package_causes(record, before),
        advice=advise([record, *before]),
        host=record.host,
    )


@dataclass(kw_only=True)
class _Root:
    """A step with its own reason for a miss."""

    at: int
    targets: dict[str, None]
    cause: Cause
    says: str
    changes: tuple[Change, ...] = ()
    compared: str = ""
    direct: bool = True  # the step itself differs
    followers: set[int] = field(default_factory=set)  # steps that follow from this one and perhaps from others
    alone: bool = False  # a step follows from this one only


class _Reading:
    """One run's misses."""

    def __init__(self, record: RunRecord, past: Past) -> None:
        self.look = Look(record)
        self.past = past
        self.labels = labels(record)
        self.work = [self._worker(at) for at in range(len(record.steps))]
        self.shares: dict[int, dict[str, None]] = {}  # targets by the step that did the work for them
        for at, worker in enumerate(self.work):
            if worker is not None:
                self.shares.setdefault(worker, {})[self.look.places[at].target] = None
        self.found = {worker: past.last(self.look.places[worker]) for worker in self.shares}
        self.direct = {worker: self._direct(worker) for worker in self.shares}

    def misses(self) -> tuple[Miss, ...]:
        roots = self._roots()
        kept = _folded([root for root in roots.values() if self._matters(root, roots)], self.look)
        steps = self.look.run.steps
        kept.sort(key=lambda root: (not root.direct, steps[root.at].started or 0.0, root.at))
        return tuple(self._miss(root) for root in kept)

    # ---- the work behind the steps

    def _worker(self, at: int) -> int | None:
        """The step that did the work of a missed step: itself, or that of another target; None if it did not miss."""
        step = self.look.run.steps[at]
        if step.outcome not in MISSED or step.started is None:
            return None
        if step.outcome == Outcome.EXECUTED:
            return at
        same = self._executed.get((step.digest,)) if step.digest else None
        if same is None:
            same = self._executed.get((step.platform, step.stage, step.instruction))
        return at if same is None else same

    @cached_property
    def _executed(self) -> dict[tuple[str, ...], int]:
        known: dict[tuple[str, ...], int] = {}
        for at, step in enumerate(self.look.run.steps):
            if step.outcome == Outcome.EXECUTED and step.started is not None:
                known.setdefault((step.digest,), at)
                known.setdefault((step.platform, step.stage, step.instruction), at)
        return known

    def _direct(self, worker: int) -> tuple[Difference, ...]:
        found = self.found[worker]
        if found is None or self.look.run.no_cache:
            return ()
        return differences.of_step(self.look, worker, self.shares[worker], found)

    # ---- what set things off

    def _roots(self) -> dict[int, _Root]:
        """By the step that did the work; what is no root is put down as a follower."""
        roots: dict[int, _Root] = {}
        come_from: dict[int, frozenset[int]] = {}
        for at in self._in_order():
            worker = self.work[at]
            if worker is None:
                continue
            above = self._missed_above(at)
            causes = frozenset().union(*(come_from.get(need, frozenset()) for need in above))
            if causes and not self._sets_off(worker, causes, roots):
                come_from[at] = causes
                for cause in causes:
                    roots[cause].followers.add(at)
                    roots[cause].alone |= len(causes) == 1
                continue
            if worker not in roots:
                roots[worker] = self._root(worker)
            come_from[at] = frozenset({worker})
        return roots

    def _in_order(self) -> list[int]:
        """Positions of all steps, each after those that it needs, otherwise in the record's order."""
        order: dict[int, None] = {}
        for start in range(len(self.look.run.steps)):
            waiting = [start]
            while waiting:
                at = waiting[-1]
                open_needs = [n for n in self.look.needs(at) if n not in order and n not in waiting]
                if open_needs:
                    waiting.append(open_needs[0])
                else:
                    order[waiting.pop()] = None
        return list(order)

    def _missed_above(self, at: int) -> list[int]:
        """The nearest missed steps that this one builds on."""
        found = []
        seen: set[int] = set()
        waiting = list(self.look.needs(at))
        for need in waiting:
            if need in seen or need == at:
                continue
            seen.add(need)
            if self.work[need] is not None:
                found.append(need)
            else:
                waiting.extend(self.look.needs(need))
        return found

    def _sets_off(self, worker: int, causes: Iterable[int], roots: dict[int, _Root]) -> bool:
        """Whether a step that builds on missed ones has its own reason as well."""
        direct = self.direct[worker]
        if not direct:
            return False
        same = {roots[cause].cause for cause in causes}
        if same == {Cause.INSTRUCTION} == {difference.cause for difference in direct}:
            return False  # one change of the recipe changed both
        new_go = any(roots[cause].cause is Cause.GO_VERSION for cause in causes)
        changed = {change.what.rpartition("/")[2] for difference in direct for change in difference.changes}
        only_files = all(difference.cause is Cause.FILES for difference in direct)
        # another Go version changes go.mod too: one reason, not two
        return not (new_go and only_files and changed <= set(MODULE_FILES))

    def _root(self, worker: int) -> _Root:
        record, found = self.look.run, self.found[worker]
        targets = self.shares[worker]
        if record.no_cache:
            return _Root(
                at=worker, targets=targets, cause=Cause.NO_CACHE, says="--no-cache was asked for", direct=False
            )
        if found is None:
            says = "no run on record had this step" if self.past.looks else "no earlier run is on record"
            return _Root(at=worker, targets=targets, cause=Cause.FIRST_RUN, says=says, direct=False)
        told = self.direct[worker] or self._inherited(worker, found)
        if told:
            first = told[0]
            changes = tuple(dict.fromkeys(change for difference in told for change in difference.changes))
            says = "; ".join(dict.fromkeys(difference.says for difference in told))
            return _Root(at=worker, targets=targets, cause=first.cause, says=says, changes=changes, compared=_id(found))
        cause, says = self._beside(worker) or self._absent(worker, found)
        return _Root(at=worker, targets=targets, cause=cause, says=says, compared=_id(found), direct=False)

    def _inherited(self, worker: int, found: Found) -> tuple[Difference, ...]:
        """Differences in steps that this one builds on and that a cache had."""
        upstream: list[Difference] = []
        for need in self.look.ancestors(worker):
            at = found.look.find(self.look.places[need])
            if at is None or self.look.run.steps[need].outcome == Outcome.UNCACHEABLE:
                continue
            told = differences.of_step(self.look, need, self.shares[worker], Found(look=found.look, at=at))
            if told and self.look.places[need].verb == "FROM":
                return told
            upstream += told
        if not upstream:
            return ()
        says = f"a step that it builds on is another: {upstream[0].says}"
        return (replace(upstream[0], cause=Cause.UPSTREAM, says=says),)

    def _beside(self, worker: int) -> tuple[Cause, str] | None:
        if not self.look.run.steps[worker].beside:
            return None
        return Cause.OTHER_BUILD, (
            "nothing changed; another build on this builder was running it or what it builds on, "
            "and until that build ends BuildKit runs it again"
        )

    def _absent(self, worker: int, last: Found) -> tuple[Cause, str]:
        everything = (worker, *self.look.ancestors(worker))
        if differences.lacks_evidence(self.look, worker, last):
            return Cause.UNKNOWN, "the records do not hold what would tell"
        equal = [found for found in self.past.all(self.look.places[worker]) if self._same(everything, found)]
        return absent.why(self.look, self.shares[worker], equal or [last])

    def _same(self, positions: Iterable[int], found: Found) -> bool:
        for at in positions:
            was = found.look.find(self.look.places[at])
            if was is None or self.look.run.steps[at].outcome == Outcome.UNCACHEABLE:
                continue
            earlier = Found(look=found.look, at=was)
            targets = self.shares.get(at) or {self.look.places[at].target: None}
            if differences.of_step(self.look, at, targets, earlier):
                return False
        return True

    # ---- results

    def _matters(self, root: _Root, roots: dict[int, _Root]) -> bool:
        """Whether to report a root. A base image only fetched again for steps with other reasons is not a cause."""
        if root.direct or self.look.places[root.at].verb != "FROM" or root.cause in (Cause.NO_CACHE, Cause.FIRST_RUN):
            return True
        if root.alone:
            return True
        return not any(other is not root and set(other.targets) & set(root.targets) for other in roots.values())

    def _miss(self, root: _Root) -> Miss:
        steps, place = self.look.run.steps, self.look.places[root.at]
        targets = [name for name in root.targets if name and name != TRACE] or list(root.targets)
        target = place.target if place.target in targets else targets[0]
        involved = {root.at, *root.followers}
        platforms = {self.look.places[at].platform: None for at in sorted(involved)}
        return Miss(
            target=target,
            platform=place.platform,
            step=root.at,
            label=self.labels[root.at],
            cause=root.cause,
            says=one_line(root.says),
            changes=root.changes,
            compared_with=root.compared,
            follow=len(root.followers),
            seconds=covered(_spans(steps[at] for at in involved)),
            shared=is_shared(place.stage),
            targets=tuple(targets),
            platforms=tuple(filter(None, platforms)),
        )


def _folded(roots: list[_Root], look: Look) -> list[_Root]:
    """Merge roots with the same cause and line; the others follow the first. If a step itself differs, compiles come
    first."""

    def rank(root: _Root) -> tuple[bool, float, int]:
        return (not look.places[root.at].compiles, look.run.steps[root.at].started or 0.0, root.at)

    found: dict[tuple[Cause, str], _Root] = {}
    for root in sorted(roots, key=rank if any(root.direct for root in roots) else lambda root: rank(root)[1:]):
        first = found.setdefault((root.cause, root.says), root)
        if first is not root:
            first.followers |= {root.at, *root.followers}
            first.targets = {**first.targets, **root.targets}
    for root in found.values():
        root.followers.discard(root.at)
    return list(found.values())


def _spans(steps: Iterable[StepRecord]) -> Iterator[tuple[float, float]]:
    """When the steps did work."""
    for step in steps:
        if step.started is not None and step.seconds:
            yield step.started, step.started + step.seconds


def _id(found: Found) -> str:
    return found.look.run.id
