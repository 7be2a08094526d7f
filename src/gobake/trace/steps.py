"""Derives steps from merged events: the outcome of each Dockerfile instruction, target and platform in one run.

The meaning of BuildKit's events (moby/buildkit solver/jobs.go and solver/progress.go, confirmed on recorded runs):
- A digest that several targets share is reported to each of them under that target's name and on its clock (clocks.py
  aligns them). The work was done once: one step is `executed`, its siblings are `shared`.
- Two equal steps with different digests are merged while they run. Then one (target, name) has both digests, and its
  own may be marked cached or even `context canceled` although the step succeeded. So all digests of a step count.
- `cached` with `started` equal to `completed` is BuildKit's conclusion that nothing of the step was needed.
- A vertex that another build on the same engine works on too is reported with that build's name and times, which may be
  before this run. If it ended before, it counts as cached.
- As long as a build that ran a step (with --no-cache, or as the first) has not ended, BuildKit runs what copies from it
  again in other builds too, although the content is equal. No cache of this project failed: such a copy is `shared`.
- A vertex without inputs (FROM) is reported as uncached while it only looks up its cache key. A step from a cache is
  reported as uncached, without inputs, while its layers are downloaded and unpacked. Neither means that it ran.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from gobake.runs.outcomes import Outcome
from gobake.text.printable import bounded
from gobake.trace.clocks import on_one_clock
from gobake.trace.events import Episode, EventLog, Vertex, WarningEvent
from gobake.trace.groups import Group, groups_of
from gobake.trace.intervals import covered
from gobake.trace.names import StepKind, StepName, parse_name

CLOCK_SLACK = 0.25  # seconds by which the clocks of two targets without shared work may differ
SHORTEST_RUN = 0.0005  # seconds; a hit by content takes a hundredth of that, a container twenty times as long


class Step(Struct, frozen=True, kw_only=True):
    """One step of one target and platform in one run."""

    name: StepName
    key: str  # identifies it across runs: the normalised name, with #2 and so on for repeated instructions
    digests: tuple[str, ...]  # they change from run to run
    outcome: Outcome
    started: float | None = None  # seconds since the epoch; None: never reached
    completed: float | None = None  # None: it did not end
    seconds: float = 0.0  # of work; 0 if a sibling's step did the work
    failed: bool = False
    canceled: bool = False  # by Ctrl-C or another step's failure
    error: str = ""
    log_bytes: int = 0
    transferred: int = 0  # bytes downloaded for it, or sent by the client
    inputs: tuple[str, ...] = ()  # digests of other steps
    beside: bool = False  # another build at the same time ran it, or what it builds on, so that BuildKit ran it again

    @property
    def target(self) -> str:
        return self.name.target

    @property
    def reached(self) -> bool:
        return self.started is not None

    @property
    def running(self) -> bool:
        return self.reached and self.completed is None and not self.failed and not self.canceled

    @property
    def counts(self) -> bool:
        """Whether it counts in a hit rate."""
        return self.reached and self.outcome is not Outcome.UNCACHEABLE


class Trace(Struct, frozen=True, kw_only=True):
    """All steps of a run, ordered by target and then by dependencies."""

    steps: tuple[Step, ...]
    warnings: tuple[WarningEvent, ...] = ()
    logs: Mapping[str, str] = {}  # by step key; a shared step has its sibling's log

    @property
    def counted(self) -> tuple[Step, ...]:
        """The steps that count in a hit rate."""
        return tuple(step for step in self.steps if step.counts)

    @property
    def counts(self) -> dict[Outcome, int]:
        """The number of counted steps by outcome, for every outcome but `uncacheable`."""
        numbers = Counter(step.outcome for step in self.counted)
        return {outcome: numbers[outcome] for outcome in Outcome if outcome is not Outcome.UNCACHEABLE}

    @property
    def failed(self) -> tuple[Step, ...]:
        """The steps that failed themselves; those that did the work come first."""
        steps = [step for step in self.steps if step.failed]
        return tuple(sorted(steps, key=lambda s: (s.outcome is Outcome.SHARED, s.completed or 0.0, s.key)))

    def log(self, step: Step) -> str:
        """Return the log of a step with very long lines shortened."""
        return bounded(self.logs.get(step.key, ""))


def steps(log: EventLog, *, bare: bool = False) -> Trace:
    """Return the steps in the log so far.

    ``bare``: the builder is known to have been cold, so everything that it did not execute came through cache-from.
    Otherwise a hit in a run that read a cache is `imported` only if its layers were downloaded, else `unknown`.
    """
    return _Reading(log, bare).trace()


class _Reading:
    """One pass over a log."""

    def __init__(self, log: EventLog, bare: bool) -> None:
        self.log = log
        self.bare = bare
        aligned = on_one_clock(log.vertices.values())
        begin = _begin(aligned)
        self.foreign = {
            v.digest for v in aligned for e in v.episodes.values() if e.started < begin and not _over(e, begin)
        }
        self.others = {v.digest for v in aligned for e in v.episodes.values() if e.started < begin and _ran(e)}
        named = _with_inputs(aligned, [v.digest for v in aligned if v.foreign])
        self.others |= {v.digest for v in aligned if v.digest in named and any(map(_ran, v.episodes.values()))}
        self.foreign |= named & self.others
        vertices = sorted((_since(v, begin) for v in aligned), key=lambda v: (v.name, v.digest))
        self.inputs: dict[str, frozenset[str]] = defaultdict(frozenset)
        for vertex in vertices:
            self.inputs[vertex.digest] |= vertex.inputs
        self.logs: dict[tuple[str, ...], bytes] = {}
        self.moved, self.unpacked = _transfers(log)
        self.groups = groups_of(vertices)
        for group in self.groups:
            self._sort_out(group)
        self.imports = any(g.name.kind is StepKind.IMPORT_CACHE and not g.failed and g.ran for g in self.groups)
        self.owners = _owners(self.groups, lambda g: g.vertices)
        self.workers = _owners(self.groups, self._work)
        self.beside, self.again = set[str](), set[str]()
        if self.others:
            self._look_beside()
        self.done = {g.name.place: g for g in reversed(self.groups) if g.ran and self._works(g)}

    def trace(self) -> Trace:
        depths = _depths(self.inputs)
        pairs = [(group, self._step(group)) for group in self.groups]
        pairs.sort(
            key=lambda pair: (
                pair[1].target,
                not pair[0].name.kind.counts,
                max(depths.get(d, 0) for d in pair[1].digests),
                pair[1].key,
            )
        )
        logs = {step.key: self._log(group).decode("utf-8", "replace") for group, step in pairs if step.log_bytes}
        return Trace(
            steps=tuple(step for _, step in pairs),
            logs=logs,
            warnings=tuple(sorted(self.log.warnings, key=lambda w: (w.file, w.line, w.short))),
        )

    # ---- what one vertex did

    def _sort_out(self, group: Group) -> None:
        linked = [v for v in group.vertices if parse_name(v.name).linked and v.episodes]
        plain = [v for v in group.vertices if v.episodes and v not in linked]
        for vertex in plain or linked:  # in a COPY --link, copying counts and linking does not
            self._place(group, vertex)

    def _place(self, group: Group, vertex: Vertex) -> None:
        episodes = _by_start(vertex)
        source = not self.inputs[vertex.digest]
        hits = [e for e in episodes if e.cached]
        runs = [e for e in episodes if not e.cached and (source or e.inputs)]
        last = runs[-1] if runs else None
        if last and last.error and not _canceled(last.error):
            group.failed.append(vertex)
        elif last and (last.error or last.completed is None) and not hits:
            group.stopped.append(vertex)
        elif group.name.kind is StepKind.BASE and source:
            fetched = vertex.digest in self.moved or vertex.digest in self.unpacked
            (group.ran if fetched else group.hit).append(vertex)
        elif (
            last
            and last.completed is not None
            and not last.error
            and not (source and hits)
            and not _at_once(group, last)
        ):
            group.ran.append(vertex)
        else:  # cached, or only its result was transferred
            group.hit.append(vertex)

    def _work(self, group: Group) -> list[Vertex]:
        """Return the vertices on which this run worked, and not another build at the same time."""
        did = group.did or (group.stopped if not group.hit else [])
        return [vertex for vertex in did if vertex.digest not in self.foreign]

    def _works(self, group: Group) -> bool:
        """Whether this step did the work, and not a sibling."""
        did = group.did or group.stopped
        return any(self.workers.get(v.digest) is group for v in did)

    # ---- other builds at the same time

    def _look_beside(self) -> None:
        """Find what this run worked on because another build at the same time ran it, or what it builds on.

        ``again``: of these, what that alone explains. A command that reads the client's files may have its own reason,
        and with it what builds on it. What builds on no files at all can be the other build's as well, which runs it
        anew for both if it has --no-cache.
        """
        files = {v.digest for g in self.groups if g.name.kind is StepKind.CONTEXT for v in g.vertices}
        kinds = {v.digest: g.name for g in self.groups for v in g.vertices}
        own = {d for d, group in self.workers.items() if d not in self.others and not group.name.internal}
        depths = _depths(self.inputs)
        made_of_files = set(files)
        for digest in sorted(self.inputs, key=lambda d: depths.get(d, 0)):
            needs = self.inputs[digest]
            if needs & made_of_files:
                made_of_files.add(digest)
            if digest not in own:
                continue
            anyones = digest not in made_of_files and kinds[digest].kind is StepKind.INSTRUCTION
            if anyones or any(need in self.others or need in self.beside for need in needs):
                self.beside.add(digest)
                reads = kinds[digest].verb == "RUN" and needs & files
                if not reads and all(need in self.again or need not in own for need in needs):
                    self.again.add(digest)

    # ---- what one step comes to

    def _step(self, group: Group) -> Step:
        own = [v for v in group.vertices if self.owners.get(v.digest) is group]
        episodes = group.episodes
        finished = [e.completed for e in episodes if e.completed is not None]
        unfinished = bool(group.stopped) and not (group.failed or group.ran or group.hit)
        open_end = unfinished and not self.log.closed and not any(_canceled(e.error) for e in episodes)
        error = next((e.error for v in group.failed for e in _by_start(v, reverse=True) if e.error), "")
        return Step(
            name=group.name,
            key=group.key,
            digests=tuple(v.digest for v in group.vertices),
            outcome=self._outcome(group),
            started=episodes[0].started if episodes else None,
            completed=max(finished) if finished and not (unfinished and episodes[-1].completed is None) else None,
            seconds=covered(
                [(e.started, e.completed or self.log.last_moment) for v in own for e in v.episodes.values()]
            ),
            failed=bool(group.failed),
            canceled=unfinished and not open_end,
            error=error,
            log_bytes=len(self._log(group)),
            transferred=sum(self.moved.get(v.digest, 0) for v in own),
            inputs=tuple(sorted(frozenset().union(*(self.inputs[v.digest] for v in group.vertices)))),
            beside=any(v.digest in self.beside or v.digest in self.foreign for v in group.ran),
        )

    def _log(self, group: Group) -> bytes:
        digests = tuple(v.digest for v in group.vertices)
        if digests not in self.logs:  # many targets share one digest
            self.logs[digests] = self.log.log(digests)
        return self.logs[digests]

    def _outcome(self, group: Group) -> Outcome:
        if group.name.internal:
            return Outcome.UNCACHEABLE
        if group.did:
            again = not group.failed and all(v.digest in self.again for v in self._work(group))
            return Outcome.EXECUTED if self._works(group) and not again else Outcome.SHARED
        if group.hit:
            return self._cached(group)
        if group.stopped:
            return Outcome.EXECUTED if self._works(group) else Outcome.SHARED
        return Outcome.UNKNOWN

    def _cached(self, group: Group) -> Outcome:
        if any(v.digest in self.workers for v in group.vertices) or self._built_beside(group):
            return Outcome.SHARED
        if not self.imports:
            return Outcome.REUSED
        fetched = any(v.digest in self.moved or v.digest in self.unpacked for v in group.hit)
        return Outcome.IMPORTED if fetched or self.bare else Outcome.UNKNOWN

    def _built_beside(self, group: Group) -> bool:
        """Whether the same step of another target, with another digest, was executed before this one was a hit."""
        other = self.done.get(group.name.place)
        if other is None or other.name.target == group.name.target:
            return False
        ends = [e.completed for v in other.ran for e in v.episodes.values() if e.completed is not None]
        hits = [e.started for v in group.hit for e in v.episodes.values() if e.cached]
        return bool(ends and hits) and max(ends) <= min(hits) + CLOCK_SLACK


def _begin(vertices: Iterable[Vertex]) -> float:
    """Return when the run began: the first transfer of its client's files, which no other build shares."""
    own = [v for v in vertices if parse_name(v.name).kind is StepKind.CONTEXT]
    times = [e.started for v in own for e in v.episodes.values()]
    return min(times) - CLOCK_SLACK if times else float("-inf")


def _with_inputs(vertices: Iterable[Vertex], digests: list[str]) -> set[str]:
    """Return the digests and all that they build on."""
    inputs: dict[str, set[str]] = defaultdict(set)
    for vertex in vertices:
        inputs[vertex.digest] |= vertex.inputs
    found = set(digests)
    waiting = list(found)
    for digest in waiting:
        new = inputs[digest] - found
        found |= new
        waiting += new
    return found


def _ran(episode: Episode) -> bool:
    return episode.inputs and not episode.cached and not _canceled(episode.error)


def _over(episode: Episode, begin: float) -> bool:
    return episode.completed is not None and episode.completed < begin


def _since(vertex: Vertex, begin: float) -> Vertex:
    """Return the vertex from the run's view: episodes that ended before it count as cached at its begin."""
    episodes = {}
    for episode in _by_start(vertex):
        if _over(episode, begin):
            episode = replace(episode, started=begin, completed=begin, cached=True, error="")
        elif episode.started < begin:
            episode = replace(episode, started=begin)
        episodes[episode.started] = episode
    return Vertex(digest=vertex.digest, name=vertex.name, inputs=vertex.inputs, episodes=episodes)


def _owners(groups: Iterable[Group], of: Callable[[Group], list[Vertex]]) -> dict[str, Group]:
    """Return the group that owns a digest's work: the first by name, so that it is the same in every run."""
    owners: dict[str, Group] = {}
    for group in groups:
        for vertex in of(group):
            if vertex.episodes:
                owners.setdefault(vertex.digest, group)
    return owners


def _transfers(log: EventLog) -> tuple[dict[str, int], set[str]]:
    """Return the transferred bytes by digest, and the digests whose layers were unpacked."""
    moved: dict[str, int] = defaultdict(int)
    unpacked = set()
    for status in log.statuses.values():
        if status.id.startswith(("sha256:", "transferring ")):
            moved[status.vertex] += max(status.current, 0)
        elif status.id.startswith("extracting "):
            unpacked.add(status.vertex)
    return dict(moved), unpacked


def _depths(inputs: Mapping[str, frozenset[str]]) -> dict[str, int]:
    """Return the longest path from each digest to a source; digests on a cycle (there are none) get 0."""
    depths: dict[str, int] = {}
    users: dict[str, list[str]] = defaultdict(list)
    waiting = {digest: len(needs) for digest, needs in inputs.items()}
    for digest, needs in inputs.items():
        for need in needs:
            users[need].append(digest)
    ready = [digest for digest, count in waiting.items() if not count]
    ready += [need for need in users if need not in inputs]
    for digest in ready:
        depths.setdefault(digest, 0)
        for user in users[digest]:
            depths[user] = max(depths.get(user, 0), depths[digest] + 1)
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    return depths


def _at_once(group: Group, episode: Episode) -> bool:
    """Whether a RUN ended faster than any container.

    Its inputs were rebuilt with the same content, so BuildKit found the result under another digest.
    """
    took = (episode.completed or episode.started) - episode.started
    return group.name.verb == "RUN" and took < SHORTEST_RUN


def _by_start(vertex: Vertex, *, reverse: bool = False) -> list[Episode]:
    return sorted(vertex.episodes.values(), key=lambda e: e.started, reverse=reverse)


def _canceled(error: str) -> bool:
    return "context canceled" in error
