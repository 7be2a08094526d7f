"""The state of one run from beginning to end: the request, the prepared build, and what runs beside buildx."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gobake import __version__
from gobake.engine import EngineInfo
from gobake.model import Target
from gobake.plan.request import BuildRequest
from gobake.run.prepare import PreparedBuild, compile_outside
from gobake.run.save import Saving
from gobake.runs.outcomes import RunOutcome
from gobake.text.say import say

if TYPE_CHECKING:
    from gobake.report.progress import Display
    from gobake.run.usage import MountUsage
    from gobake.runs.begun import BegunRun
    from gobake.runs.record import HostCompileRecord, RetryRecord, ShardRecord
    from gobake.targets.shards import ShardOf


@dataclass(kw_only=True)
class Session:
    """One run. ``ready`` changes if targets are left out."""

    request: BuildRequest
    ready: PreparedBuild
    started: float  # seconds since the epoch
    begun: BegunRun  # records the run even if it never ends
    usage: MountUsage
    saving: Saving
    meanwhile: Callable[[], None]  # called while buildx starts
    host: tuple[HostCompileRecord, ...] = ()  # what this machine's Go compiled before the build
    retries: list[RetryRecord] = field(default_factory=list)  # builds that were repeated because of a registry

    @property
    def say(self) -> Callable[[str], None]:
        return sayer(self.request)

    def progress(self, targets: Sequence[Target]) -> Display:
        """Return a display of ``targets``. Its clock began with the run."""
        from gobake.report.progress import make_progress

        request = self.request
        stream = sys.stdout if request.progress == "json" else sys.stderr
        kind = "quiet" if request.quiet else request.progress
        return make_progress(kind, targets, stream, request.color, began=self.started)

    def compile_outside(self) -> None:
        """Provide the binaries that the images take from outside; what this machine's Go has to compile is shown."""
        if not self.ready.plan.uses_binaries:
            return
        progress = self.progress(())
        with progress:
            done = compile_outside(self.ready, progress.host)
        self.host = tuple(replace(one, started=max(0.0, one.started - self.started)) for one in done)

    def warm(self) -> None:
        """Fill cold mounts, and wait until nothing measures the mounts, before the build begins."""
        if self.ready.care:
            self.ready.care.warm(self.say)
        self.usage.settle()


def begin(request: BuildRequest, ready: PreparedBuild, started: float, meanwhile: Callable[[], None]) -> Session:
    """Return a new session; nothing is built or warmed yet."""
    return Session(
        request=request,
        ready=ready,
        started=started,
        begun=_begun_run(request, ready, started),
        usage=_usage(ready),
        saving=Saving(
            care=ready.care,
            matrix=ready.plan.matrix,
            trace_folder=ready.trace_folder,
            started=started,
            say=sayer(request),
        ),
        meanwhile=meanwhile,
    )


def sayer(request: BuildRequest) -> Callable[[str], None]:
    """Return a function that prints lines beside the progress; with --quiet it prints nothing."""
    return lambda line: None if request.quiet else say(line, err=True)


def _begun_run(request: BuildRequest, ready: PreparedBuild, started: float) -> BegunRun:
    from gobake.outcome import read
    from gobake.runs.begun import BegunRun, next_id
    from gobake.runs.record import RunRecord
    from gobake.trace.steps import Trace

    plan = ready.plan
    record = RunRecord(
        id=next_id(plan.history, started),
        started=started,
        seconds=0.0,
        command=request.command,
        outcome=RunOutcome.KILLED,
        targets=read.results(plan.project, plan.matrix, request.tag, {}, Trace(steps=()), sizes={}),
        gobake=__version__,
        cache_policy=plan.caches.policy.name,
        cache_store=plan.caches.store.shown if plan.caches.store else "",
        trust=plan.opened.trust.shown(),
        **read.facts(plan.opened, plan.caches.surroundings, plan.builder.answer, EngineInfo()),
        no_cache=request.no_cache,
        fallbacks=plan.caches.fallbacks,
        shard=_shard(request.shard) if request.shard else None,
    )
    return BegunRun(plan.history, record)


def _shard(of: ShardOf) -> ShardRecord:
    from gobake.runs.record import ShardRecord

    parts: dict[str, list[str]] = {}
    for shard in of.plan.shards:
        for service, platforms in shard.parts:
            parts.setdefault(service, []).extend(map(str, platforms))
    return ShardRecord(
        plan=of.plan.digest,
        number=of.plan.number(of.shard),
        of=len(of.plan.shards),
        name=of.shard.name,
        shards=tuple(shard.name for shard in of.plan.shards),
        parts=tuple((service, tuple(sorted(platforms))) for service, platforms in sorted(parts.items())),
        every_strategy=of.plan.every_strategy,
    )


def _usage(ready: PreparedBuild) -> MountUsage:
    from gobake.caching.seeds.mounts import mounts_of
    from gobake.recipe.ignore import vendored
    from gobake.run.usage import MountUsage

    plan = ready.plan
    usage = MountUsage(
        builder=plan.builder,
        mounts=mounts_of(plan.project, plan.matrix, vendored=vendored(plan.matrix, plan.opened.tree)),
        before=ready.care.usage if ready.care and ready.care.usage else ready.usage,
    )
    usage.begin()
    return usage
