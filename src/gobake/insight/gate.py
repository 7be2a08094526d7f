"""Judges the caches and images of a run against the gate: figures in, a verdict out. Knows no store and no terminal.

An unknown figure does not fail its limit, and is reported as unknown: limits apply to measurements. require_cache
differs: it demands evidence that a cache was used, and an unknown figure is not evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor
from statistics import median

from msgspec import Struct
from msgspec.structs import replace

from gobake.config.gates import NONE, Exemption, GateConfig, Limit, SizeGate
from gobake.insight import size_gate
from gobake.insight.card import RunSummary, Scorecard, work_of
from gobake.insight.growth import ImageGrowth
from gobake.insight.scorecard import summary_of
from gobake.insight.verdict import Check, Finding, State, Verdict
from gobake.runs import window
from gobake.runs.outcomes import Outcome, RunOutcome, SeedAction

LEAST = 3  # fewer runs do not show how long a run takes
_HITS = (Outcome.REUSED, Outcome.IMPORTED, Outcome.UNKNOWN)  # only the origin of the last is unknown
_FROM = "FROM "  # an existing base image was pulled, and comes from no cache of gobake's
_NOISE = 1e-9  # rounding of decimal fractions as floats


class Gate(Struct, frozen=True, kw_only=True):
    """What a run must reach. Shares are fractions."""

    min_hit_rate: float | None = None
    min_go_hit_rate: float | None = None
    max_seconds_regression: float | None = None
    require_cache: bool = False
    sizes: SizeGate = SizeGate()  # of the images of services that have no limits of their own
    own_sizes: Mapping[str, SizeGate] = {}  # all limits of those that have, by service
    exempt: frozenset[Exemption] = frozenset()

    @property
    def asks(self) -> bool:
        """Whether there is anything to judge."""
        limits = (self.min_hit_rate, self.min_go_hit_rate, self.max_seconds_regression)
        return self.require_cache or self.asks_sizes or any(limit is not None for limit in limits)

    @property
    def asks_sizes(self) -> bool:
        """Whether there is a limit for images."""
        return self.sizes.asks or any(limits.asks for limits in self.own_sizes.values())

    def sizes_of(self, service: str) -> SizeGate:
        """Return the limits for the images of a service."""
        return self.own_sizes.get(service, self.sizes)


def gate_of(config: GateConfig, wish: GateConfig, branch: str) -> Gate:
    """The gate of a run: from the command line, else gobake.yaml's values for the branch, else its general ones."""
    of_branch = config.of(branch)
    wanted = wish.over(of_branch)
    wished = SizeGate(max_size=wish.max_size, max_growth=wish.max_growth)
    return Gate(
        min_hit_rate=_limit(wanted.min_hit_rate),
        min_go_hit_rate=_limit(wanted.min_go_hit_rate),
        max_seconds_regression=_limit(wanted.max_seconds_regression),
        require_cache=bool(wanted.require_cache),
        sizes=SizeGate(max_size=wanted.max_size, max_growth=wanted.max_growth),
        own_sizes={name: wished.over(of_branch.of_service(name)) for name in config.services},
        exempt=wanted.exempt or frozenset(),
    )


def _limit(limit: Limit | None) -> float | None:
    return None if limit is None or limit == NONE else float(limit)


def judge(gate: Gate, card: Scorecard, earlier: Sequence[RunSummary], growth: Sequence[ImageGrowth] = ()) -> Verdict:
    """Judge a run. ``earlier``: summaries of the project's runs, newest first; later ones and the run's are ignored.

    ``growth``: of the run's images.
    """
    before = [
        d for d in earlier if d.outcome == RunOutcome.DONE and d.id != card.run.id and d.started <= card.run.started
    ]
    excuses = _excuses(gate, card, before)
    # no change excuses a broken cache; only the first run may find none
    first = [excuse for excuse in excuses if excuse.name is Exemption.FIRST_RUN]
    figures = [*_rates(gate, card), *_seconds(gate, card, before)]
    broken = list(_broken(card)) if gate.require_cache else []
    unused = list(_unused(card, before)) if gate.require_cache else []
    if gate.require_cache and not broken and not unused:
        figures.append(Finding(check=Check.CACHE, state=State.MET, says="a cache was used, and all could be read"))
    return Verdict(
        findings=(
            *(_excused(finding, excuses) for finding in (*figures, *unused)),
            *(_excused(finding, first) for finding in broken),
            *size_gate.findings(gate.sizes_of, card.run, growth),  # what a run may miss in caches excuses no bytes
        )
    )


# ---- exemptions


class _Excuse(Struct, frozen=True, kw_only=True):
    name: Exemption
    why: str


def _excuses(gate: Gate, card: Scorecard, before: Sequence[RunSummary]) -> list[_Excuse]:
    """The exemptions that apply and that the gate allows."""
    related = _of_lineage(card, [d for d in before if _services(card) & set(d.services)])
    if not related:
        found = [_Excuse(name=Exemption.FIRST_RUN, why="no earlier run of these services is on record")]
    else:
        last, now = related[0], summary_of(card)
        found = []
        if last.go_version and now.go_version and last.go_version != now.go_version:
            why = f"Go {now.go_version}, and run {last.id} had {last.go_version}"
            found.append(_Excuse(name=Exemption.GO_VERSION, why=why))
        if last.modules and now.modules and last.modules != now.modules:
            why = f"other modules are asked for than in run {last.id}"
            found.append(_Excuse(name=Exemption.MODULES, why=why))
    return [excuse for excuse in found if excuse.name in gate.exempt]


def _excused(finding: Finding, excuses: Sequence[_Excuse]) -> Finding:
    if finding.state is not State.SHORT or not excuses:
        return finding
    return replace(finding, state=State.EXEMPT, why=f"{excuses[0].name}: {excuses[0].why}")


# ---- rates


def _rates(gate: Gate, card: Scorecard) -> Iterator[Finding]:
    if gate.min_hit_rate is not None:
        yield _steps(gate.min_hit_rate, card)
    if gate.min_go_hit_rate is not None:
        yield _packages(gate.min_go_hit_rate, card)


def _steps(asked: float, card: Scorecard) -> Finding:
    """The finding on steps. Cached steps of unknown origin are not hits; if they could decide, the result is UNTOLD."""
    figures = card.steps
    if figures.hit_rate is None:
        why = f"{figures.unknown} steps were cached, and from where is not known" if figures.unknown else "no step"
        return _untold(Check.HIT_RATE, asked, f"the hit rate of steps is unknown, {_percent(asked)} is asked", why)
    hits, unknown = figures.reused + figures.imported, figures.unknown
    counted = hits + figures.executed
    says = (
        f"{_percent(figures.hit_rate)} of the steps came from a cache ({hits} of {counted}), {_percent(asked)} is asked"
    )
    finding = _rate(Check.HIT_RATE, figures.hit_rate, asked, says)
    best = (hits + unknown) / (counted + unknown)
    if finding.state is State.SHORT and unknown and best + _NOISE >= asked:
        why = f"from where {unknown} more were cached is not known; with them it would be {_percent(best)}"
        return replace(finding, state=State.UNTOLD, why=why)
    return finding


def _packages(asked: float, card: Scorecard) -> Finding:
    go, rate = card.go, card.go.hit_rate if card.go else None
    if go is None or rate is None:
        says = f"the hit rate of Go packages is unknown, {_percent(asked)} is asked"
        return _untold(Check.GO_HIT_RATE, asked, says, "nothing is known of Go's work in this run")
    says = (
        f"{_percent(rate)} of the Go packages came from a cache ({go.cached} of {go.total}), {_percent(asked)} is asked"
    )
    return _rate(Check.GO_HIT_RATE, rate, asked, says)


def _rate(check: Check, reached: float, asked: float, says: str) -> Finding:
    state = State.MET if reached + _NOISE >= asked else State.SHORT
    return Finding(check=check, state=state, says=says, reached=reached, asked=asked)


def _untold(check: Check, asked: float | None, says: str, why: str) -> Finding:
    return Finding(check=check, state=State.UNTOLD, says=says, asked=asked, why=why)


# ---- seconds


def _seconds(gate: Gate, card: Scorecard, before: Sequence[RunSummary]) -> Iterator[Finding]:
    """The finding on seconds, from the median of the last runs of the first fallback branch with enough runs of the
    same work."""
    more = gate.max_seconds_regression
    if more is None:
        return
    took = card.run.seconds
    same = [d for d in before if _same_work(card, d)]
    alike = (_of_lineage(card, same, least=LEAST) or _of_lineage(card, same))[: window.RECENT]
    if len(alike) < LEAST:
        says = f"it took {took:.1f} s, and how long it usually takes is unknown"
        why = f"earlier runs that built the same targets: {len(alike)}, and {LEAST} are needed"
        yield _untold(Check.SECONDS, None, says, why)
        return
    usual = median(d.seconds for d in alike)
    most = usual * (1 + more)
    branch = f" of {alike[0].branch}" if alike[0].branch else ""
    yield Finding(
        check=Check.SECONDS,
        state=State.MET if took <= most + _NOISE else State.SHORT,
        says=f"it took {took:.1f} s, and the last {len(alike)} runs{branch} took {usual:.1f} s by their median: "
        f"{_difference(took, usual)}, at most +{_percent(more)} is asked",
        reached=took,
        asked=most,
    )


def _difference(took: float, usual: float) -> str:
    if usual <= 0:
        return "longer" if took > usual else "no longer"
    change = took / usual - 1
    return f"{'+' if change >= 0 else '-'}{_percent(abs(change), up=change >= 0)}"


# ---- whether a cache was used


def _broken(card: Scorecard) -> Iterator[Finding]:
    """Findings on caches that could not be read; a missing cache is not among them."""
    failed = [(c.ref, c.error) for c in card.caches if c.direction == "import" and c.error]
    refused = [(s.name, s.error) for s in card.seeds if s.action == SeedAction.REFUSED]
    for what, broken in (("layer cache", failed), ("seed", refused)):
        if broken:
            name, error = broken[0]
            many = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
            yield Finding(
                check=Check.CACHE,
                state=State.SHORT,
                says=f"{what} {name}{many} could not be read: {error or 'refused'}",
            )


def _unused(card: Scorecard, before: Sequence[RunSummary]) -> Iterator[Finding]:
    """A finding if no step and no Go package came from a cache despite earlier runs."""
    if card.run.no_cache:
        yield Finding(check=Check.CACHE, state=State.SHORT, says="no cache was used: --no-cache")
        return
    hit = any(s.outcome in _HITS and not s.instruction.startswith(_FROM) for s in card.run.steps)
    if hit or (card.go and card.go.cached) or not card.steps.executed:
        return
    unknown = "" if card.go else "; what Go's own cache did is unknown"
    says = f"none of {card.steps.executed} steps came from a cache{unknown}"
    related = _of_lineage(card, [d for d in before if _services(card) & set(d.services)])
    if related:
        yield Finding(check=Check.CACHE, state=State.SHORT, says=f"{says}, although run {related[0].id} was there")
    else:
        yield _untold(Check.CACHE, None, says, "no earlier run of these services is on record")


# ---- earlier runs


def _of_lineage(card: Scorecard, runs: Sequence[RunSummary], *, least: int = 1) -> list[RunSummary]:
    """The runs of the first fallback branch (own branch, base, main) with at least ``least``; [] if none has."""
    for branch in dict.fromkeys((*card.run.fallbacks, card.run.branch)):
        found = [d for d in runs if d.branch == branch]
        if len(found) >= least:
            return found
    return []


def _services(card: Scorecard) -> set[str]:
    return {target.service for target in card.targets}


def _same_work(card: Scorecard, other: RunSummary) -> bool:
    """Whether the targets and platforms are the same; for an older digest, the services and the number of targets."""
    if other.work:
        return other.work == work_of(card.run)
    return set(other.services) == _services(card) and other.targets == len(card.targets)


def _percent(share: float, *, up: bool = False) -> str:
    """A percentage, rounded to a tenth, so that a missed limit never looks reached."""
    tenths = share * 1000
    return f"{(ceil(tenths - 1e-6) if up else floor(tenths + 1e-6)) / 10:g} %"
