"""Which runs are the shards of a plan: all of them, once, of one commit, and pushed. Pure.

The records may come from anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from gobake.errors import UsageError
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import RunRecord, ShardRecord

_TOLD = 5  # shards in a message
_LONGEST = 120  # characters of each


class Wanted(Struct, frozen=True, kw_only=True):
    """What the shards have to be of."""

    project: str
    revision: str
    plan: str = ""  # digest; "": of the newest shard


class Chosen(Struct, frozen=True, kw_only=True):
    """The run of each shard, in order, and notes for the user."""

    runs: tuple[RunRecord, ...]
    shard: ShardRecord  # one of them
    notes: tuple[str, ...] = ()

    @property
    def targets(self) -> dict[str, dict[str, str]]:
        """The digest of each target and platform: {target: {platform: digest}}; see `choose` for what holds for it."""
        found: dict[str, dict[str, str]] = {}
        for run in self.runs:
            for target in run.targets:
                for platform in target.platforms:
                    found.setdefault(target.name, {})[platform] = target.digest
        return found


def choose(records: Iterable[RunRecord], wanted: Wanted, *, strict: bool) -> Chosen:
    """Return the runs of all shards: of a shard that ran again the newest one that succeeded.

    ``strict``: all records are meant, so that one of another project, commit or plan is an error; else it is passed
    over. Raises UsageError, which names every shard that is missing or does not fit.
    """
    runs = sorted((run for run in records if run.shard), key=lambda run: run.id)
    of_this = [run for run in runs if (run.project, run.revision) == (wanted.project, wanted.revision)]
    if strict and len(of_this) < len(runs):
        other = next(run for run in runs if run not in of_this)
        raise UsageError(f"{_named(other)} is of {_foreign(other, wanted)}", remedy="nothing is tagged: leave it out")
    plan = wanted.plan or (_shard(of_this[-1]).plan if of_this else "")
    of_plan = [run for run in of_this if _shard(run).plan == plan]
    if strict and len(of_plan) < len(of_this):
        other = next(run for run in of_this if run not in of_plan)
        raise UsageError(f"{_named(other)} is of another plan of shards", remedy="nothing is tagged: leave it out")
    if not of_plan:
        what = f"no run of a shard of commit {wanted.revision[:12] or 'none'}"
        raise UsageError(f"{what} is on record", remedy="give the archives of `gobake runs export`")
    shard = _shard(of_plan[-1])
    newest, notes = _newest(of_plan, shard)
    _complete(newest, of_plan, shard)
    chosen = Chosen(runs=tuple(newest[at] for at in sorted(newest)), shard=shard, notes=tuple(notes))
    _whole(chosen)
    return chosen


def _shard(run: RunRecord) -> ShardRecord:
    assert run.shard
    return run.shard


def _named(run: RunRecord) -> str:
    shard = _shard(run)
    return f"shard {shard.number}/{shard.of} ({shard.name[:80]}, run {run.id})"


def _foreign(run: RunRecord, wanted: Wanted) -> str:
    if run.project != wanted.project:
        return f"the project {run.project[:80]!r}, and this is {wanted.project!r}"
    return f"commit {run.revision[:12] or 'none'}, and this is {wanted.revision[:12] or 'none'}"


def _newest(runs: Sequence[RunRecord], shard: ShardRecord) -> tuple[dict[int, RunRecord], list[str]]:
    """Return the newest successful run by the number of its shard. ``runs``: oldest first."""
    found: dict[int, RunRecord] = {}
    notes = []
    for run in runs:
        own = _shard(run)
        expected = shard.shards[own.number - 1] if 0 < own.number <= len(shard.shards) else None
        if own.name != expected or (own.of, own.parts) != (shard.of, shard.parts):
            raise UsageError(f"{_named(run)} contradicts the others of its plan", remedy="nothing is tagged")
        if run.outcome is not RunOutcome.DONE:
            continue
        before = found.get(own.number)
        if before and _digests(before) != _digests(run):
            notes.append(f"shard {own.name} ran again with another result: run {run.id} counts, not {before.id}")
        found[own.number] = run
    return found, notes


def _digests(run: RunRecord) -> list[tuple[str, str]]:
    return [(target.name, target.digest) for target in run.targets]


def _complete(newest: Mapping[int, RunRecord], runs: Sequence[RunRecord], shard: ShardRecord) -> None:
    """Raise UsageError if a shard has no successful run."""
    lacking = []
    for number, name in enumerate(shard.shards, 1):
        if number not in newest:
            failed = [run for run in runs if _shard(run).number == number]
            lacking.append(f"{name[:80]} ({failed[-1].outcome} in run {failed[-1].id})" if failed else name[:80])
    if lacking:
        lack = "lacks" if len(lacking) == 1 else "lack"
        raise UsageError(
            f"{len(lacking)} of {len(shard.shards)} shards {lack} a successful run: {_listed(lacking)}",
            remedy="nothing is tagged: run what is missing, then merge again",
        )


def _whole(chosen: Chosen) -> None:
    """Raise UsageError unless each target is there once, by its digest, for each platform that its service has."""
    seen: dict[tuple[str, str], RunRecord] = {}
    services: dict[str, str] = {}
    for run in chosen.runs:
        for target in run.targets:
            if not target.digest or not target.pushed:
                remedy = "nothing is tagged: build the shards with --push"
                raise UsageError(f"{target.name} of {_named(run)} is not pushed", remedy=remedy)
            services[target.name] = target.service
            for platform in target.platforms:
                if (target.name, platform) in seen:
                    both = f"{_named(seen[target.name, platform])} and {_named(run)}"
                    raise UsageError(f"{target.name} for {platform} is in {both}", remedy="nothing is tagged")
                seen[target.name, platform] = run
    platforms, built = dict(chosen.shard.parts), set(services.values())
    lacking = [f"{service} for {p}" for service in platforms if service not in built for p in platforms[service]]
    for name, service in services.items():
        own = {platform for target, platform in seen if target == name}
        lacking += [f"{name} for {platform}" for platform in sorted(set(platforms.get(service, ())) ^ own)]
    if lacking:
        raise UsageError(f"no shard has {_listed(lacking)}", remedy="nothing is tagged")


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - _TOLD} more" if len(words) > _TOLD else ""
    return ", ".join(word[:_LONGEST] for word in words[:_TOLD]) + more
