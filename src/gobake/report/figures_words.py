"""Figures as lines and tables for the terminal and Markdown. Text from records stays raw here: each printer escapes it
for its own medium.
"""

from __future__ import annotations

from collections.abc import Sequence

from gobake.insight.account import Account
from gobake.insight.card import Part, RunSummary, Scorecard, StepFigures
from gobake.insight.causes import PackageCause
from gobake.insight.compare import Comparison, Row, Unit
from gobake.insight.costs import longest
from gobake.insight.growth import ImageGrowth
from gobake.insight.growth_words import culprit_words, growth_words
from gobake.insight.labels import labels
from gobake.insight.trend import LEAST, Change, Figure, Spread, Trend
from gobake.report.quantities import UNKNOWN, count_text, instead_text, moment_text, seconds_text, share_text, size_text
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import HostCompileRecord, RunRecord, TargetRecord
from gobake.text.layout import Table

NO_COLD_RUN = "no cold run of the same targets on this builder is on record"
_NAMES = {Figure.SECONDS: "wall time", Figure.HIT_RATE: "step hit rate", Figure.GO_HIT_RATE: "Go hit rate"}


# ---- lines


def title(card: Scorecard) -> str:
    """`run 2026...: done in 94.9 s; main 5b9dc368; builder default; policy ci-branch`."""
    run = card.run
    commit = " ".join(filter(None, (run.branch, run.revision[:8] + ("+" if run.dirty else ""))))
    builder = run.builder + (" (bare)" if run.bare else "")
    parts = [f"run {run.id}: {run.outcome} in {seconds_text(run.seconds)}", commit]
    parts += [f"builder {builder}"] if run.builder else []
    parts += [f"policy {run.cache_policy}"] if run.cache_policy else []
    parts += [f"shard {run.shard.number}/{run.shard.of} ({run.shard.name})"] if run.shard else []
    return "; ".join(filter(None, (*parts, "--no-cache" if run.no_cache else "")))


def steps_line(steps: StepFigures) -> str:
    counts = [("reused", steps.reused), ("imported", steps.imported), ("executed", steps.executed)]
    counts += [(name, count) for name, count in (("unknown", steps.unknown), ("shared", steps.shared)) if count]
    text = ", ".join(f"{count} {name}" for name, count in counts)
    return f"{text}; by seconds {share_text(steps.weighted_hit_rate)}"


def go_line(card: Scorecard) -> str:
    go = card.go
    if go is None:
        return "no Go command is on record"
    text = (
        f"{go.compiled} of {count_text(go.total, 'package')} compiled, {go.linked} linked, {seconds_text(go.seconds)}"
    )
    return f"{text}; {modules_line(card)}"


def modules_line(card: Scorecard) -> str:
    total = UNKNOWN if card.modules_total is None else str(card.modules_total)
    got = UNKNOWN if card.modules_downloaded is None else str(card.modules_downloaded)
    if (card.modules_downloaded or 0) > (card.modules_total or 0) > 0:  # modules that are compiled apart differ in them
        return f"modules: {total}, {got} downloaded in one version or another"
    return f"modules: {total}, {got} downloaded"


def saved_line(card: Scorecard) -> str:
    """`26.5 s instead of about 177 s in run 2026...; of work: ...`."""
    if card.saved is None or card.cold is None:
        why = "the run was not completed" if card.run.outcome != RunOutcome.DONE else NO_COLD_RUN
        return f"{UNKNOWN}: {why}"
    if card.cold.run == card.run.id:
        return "nothing, everything was compiled: later runs are compared with this one"
    text = f"{instead_text(card.run.seconds, card.cold.seconds)} in run {card.cold.run}, which was cold"
    if card.work is None:
        return text
    work = card.work
    told = f"steps {work.steps:.1f} s, Go packages {work.packages:.1f} s, less {work.cost:.1f} s that caches cost"
    return f"{text}; of work, summed: {told}"


def time_line(card: Scorecard) -> str:
    """`94.9 s wall, critical path 60.1 s`; of a merge also `4 shards took 310 s, summed, in the longest 94.0 s`."""
    text = f"{seconds_text(card.run.seconds)} wall, critical path {seconds_text(card.critical_seconds)}"
    joined = card.run.joined
    if not joined:
        return text
    shards = f"{count_text(len(joined), 'shard')} took {seconds_text(sum(one.seconds for one in joined))}, summed"
    longest = max(joined, key=lambda one: one.seconds)
    whole = card.run.started - min(one.started for one in joined)
    return (
        f"{text}; {shards}, the longest ({longest.name}) {seconds_text(longest.seconds)}; "
        f"merged {seconds_text(max(0.0, whole))} after the first began"
    )


def host_lines(card: Scorecard) -> list[str]:
    """What this machine's Go compiled before the build, a line per platform."""
    return [host_line(one) for one in card.run.host]


def host_line(one: HostCompileRecord) -> str:
    """`host: go build linux/arm64 (prebuilt): 4 programs, 120 of 265 packages compiled in 65.8 s`."""
    packages = (
        f"{len(one.compiled)} of {count_text(one.packages, 'package')}" if one.packages else f"{UNKNOWN} packages"
    )
    programs = count_text(len(one.services), "program")
    return f"{one.label}: {programs}, {packages} compiled in {seconds_text(one.seconds)}"


def path_lines(card: Scorecard, count: int) -> list[str]:
    """The longest steps of the critical path, in its order, after the go builds on this machine."""
    names = labels(card.run)
    steps = [(card.run.steps[at], names[at]) for at in card.critical_path]
    longest = sorted(steps, key=lambda one: -(one[0].seconds or 0.0))[:count]
    before = [f"{seconds_text(one.seconds)}  {one.label}" for one in card.run.host]
    return [*before, *(f"{seconds_text(one[0].seconds)}  {one[1]}" for one in steps if one in longest)]


def retry_lines(card: Scorecard) -> list[str]:
    """One line for each time that the build was repeated, since a registry was not well."""
    return [f"built again after {seconds_text(one.waited)}: {one.reason}" for one in card.run.retries]


def cache_lines(card: Scorecard) -> list[str]:
    """One line for imports, one for exports, one for each seed, and one for mounts."""
    lines = []
    for direction in ("import", "export"):
        found = [c for c in card.caches if c.direction == direction]
        if not found:
            continue
        text = f"{direction}: {count_text(len(found), 'cache')} in {seconds_text(longest(found, direction))}"
        if direction == "import":
            text += f", {sum(1 for c in found if c.found)} found"
        else:
            sizes = [c.bytes for c in found]
            text += f", {size_text(None if None in sizes else sum(s or 0 for s in sizes))} written"
        failed = sum(1 for c in found if c.error)
        lines.append(text + (f", {failed} failed" if failed else ""))
    for seed in card.seeds:
        size = size_text(seed.size) + (f" ({size_text(seed.packed)} packed)" if seed.packed is not None else "")
        lines.append(f"seed {seed.action}: {size} in {seconds_text(seed.seconds)}  {seed.error or seed.name}")
    if card.mounts:
        lines.append("mounts: " + ", ".join(f"{m.name} {_grown(m.before, m.after)}" for m in card.mounts))
    return lines


def _grown(before: int | None, after: int | None) -> str:
    return size_text(after) if before == after else f"{size_text(before)} → {size_text(after)}"


def trend_lines(trend: Trend) -> list[str]:
    """A line on the branch's usual figures, then one for each figure that stands out; none of too few runs."""
    if not trend.spreads or trend.runs < LEAST:
        return []
    usual = ", ".join(f"{_NAMES[s.figure]} {_figure(s.figure, s.median)} ± {_noise(s)}" for s in trend.spreads)
    return [
        f"{count_text(trend.runs, 'run')} like it on {trend.branch or 'no branch'}: {usual}",
        *map(change_line, trend.changes),
    ]


def change_line(change: Change) -> str:
    word = "worse" if change.worse else "better"
    usual = _figure(change.figure, change.usual.median)
    return f"{word} than usual: {_NAMES[change.figure]} {_figure(change.figure, change.value)}, usually {usual}"


def _figure(figure: Figure, value: float) -> str:
    return seconds_text(value) if figure is Figure.SECONDS else share_text(value)


def _noise(spread: Spread) -> str:
    return f"{spread.deviation:.1f} s" if spread.figure is Figure.SECONDS else f"{spread.deviation * 100:.1f}"


def growth_lines(account: Account, count: int) -> list[str]:
    """A line on each image that grew or shrank, what grew most first, and the number of the rest."""
    found = sorted((one for one in account.growth if one.grown.changed), key=lambda one: -one.grown.bytes)
    lines = [growth_line(one) for one in found]
    return [*lines[:count], f"and {len(lines) - count} more"] if len(lines) > count + 1 else lines


def growth_line(one: ImageGrowth) -> str:
    """`api scratch linux/amd64: 4.9 MB, +412 kB, +9.1 % since run 2026... of main; most of it in ...`."""
    branch = f" of {one.branch}" if one.branch else ""
    line = f"{one.service} {one.strategy} {one.platform}: {size_text(one.bytes)}, {growth_words(one.grown)}"
    culprit = culprit_words(one.grown) if one.grown.bytes > 0 else ""
    return f"{line} since run {one.run}{branch}" + (f"; most of it in {culprit}" if culprit else "")


def package_says(cause: PackageCause) -> str:
    """Why packages were compiled: `catalog/list.go changed; 5 packages import it`."""
    count = len(cause.packages)
    if not cause.root or count == 1:
        return f"{count_text(count, 'Go package')}: {cause.says}"
    return f"{cause.says}; {count_text(count - 1, 'package')} import{'s' if count == 2 else ''} it"


def cause_lines(account: Account, count: int) -> list[str]:
    """The first ``count`` causes, of steps, then of packages, then advice, and the number of the rest."""
    found = account.explanation
    if found is None:
        return []
    lines = [f"{miss.label}: {miss.says}" for miss in found.misses]
    lines += [f"{p.platform}: {package_says(p)}" for p in found.packages]
    lines += [f"advice: {advice.says}" for advice in found.advice]
    more = len(lines) - count
    return [*lines[:count], f"and {more} more: gobake explain"] if more > 1 else lines


# ---- tables


def image_of(target: TargetRecord) -> str:
    """The name to use an image by: without the strategy in its tag, if it has such a name."""
    plain = (name for name in target.images if not name.endswith(f"-{target.strategy}"))
    return next(plain, target.images[0] if target.images else target.name)


def image_table(record: RunRecord) -> Table:
    """The images with the digests of their indexes, those of failed targets left out."""
    rows = [(image_of(t), t.digest) for t in record.targets if t.digest and not t.failure]
    return Table(columns=("IMAGE", "DIGEST"), rows=tuple(rows), left=2)


def part_table(name: str, parts: Sequence[Part], card: Scorecard) -> Table:
    """Services, strategies or platforms; services and platforms with compiled packages."""
    work = _go_by_name(card)
    rows = []
    for part in parts:
        compiled, total = work.get(part.name, (0, 0)) if name != "STRATEGY" else (0, 0)
        steps = part.steps
        hits = f"{steps.reused + steps.imported} of {steps.reused + steps.imported + steps.executed}"
        go = f"{compiled} of {total}" if total else "-"
        rows.append((part.name, share_text(steps.hit_rate), hits, go, seconds_text(part.seconds)))
    return Table(columns=(name, "HIT RATE", "STEPS", "COMPILED", "TIME"), rows=tuple(rows))


def _go_by_name(card: Scorecard) -> dict[str, tuple[int, int]]:
    """Packages (compiled, total) by platform and by service; a package of two services counts for both."""
    found = {work.platform: (len(work.compiled), work.packages) for work in card.run.go}
    for command in card.commands:
        compiled, total = found.get(command.service, (0, 0))
        found[command.service] = (compiled + command.go.compiled, total + command.go.total)
    return found


def size_table(card: Scorecard, columns: int) -> Table:
    """Compressed sizes for each target's first platform: a row per service and a column per strategy, or a row per
    target for more than ``columns`` strategies."""
    services = list(dict.fromkeys(t.service for t in card.targets))
    strategies = list(dict.fromkeys(t.strategy for t in card.targets))
    sizes = {(t.service, t.strategy): t.sizes[0].compressed if t.sizes else None for t in card.targets}
    if len(strategies) <= columns:
        rows = [
            (service, *(size_text(sizes[service, s]) if (service, s) in sizes else "-" for s in strategies))
            for service in services
        ]
        return Table(columns=("SIZE", *strategies), rows=tuple(rows), alike=True)
    return Table(
        columns=("SIZE", "COMPRESSED"), rows=tuple((f"{a} {b}", size_text(size)) for (a, b), size in sizes.items())
    )


def comparison_table(found: Comparison) -> Table:
    """All known figures; images and mounts only if they differ."""
    rows = [r for r in found.rows if r.unit is not Unit.BYTES or r.changed]
    known = [r for r in rows if r.before is not None or r.now is not None]
    return Table(
        columns=("FIGURE", "BEFORE", "NOW", "DIFFERENCE", ""),
        rows=tuple((r.name, _cell(r.unit, r.before), _cell(r.unit, r.now), _difference(r), _judged(r)) for r in known),
    )


def _cell(unit: Unit, value: float | None) -> str:
    if value is None:
        return UNKNOWN
    if unit is Unit.BYTES:
        return size_text(int(value))
    return seconds_text(value) if unit is Unit.SECONDS else share_text(value) if unit is Unit.SHARE else f"{value:.0f}"


def _difference(row: Row) -> str:
    if row.difference is None:
        return UNKNOWN
    if row.unit is Unit.BYTES:
        return ("-" if row.difference < 0 else "+") + size_text(int(abs(row.difference)))
    if row.unit is Unit.SHARE:
        return f"{row.difference * 100:+.1f}"
    return f"{row.difference:+.1f} s" if row.unit is Unit.SECONDS else f"{row.difference:+.0f}"


def _judged(row: Row) -> str:
    return "" if row.better is None else "better" if row.better else "worse"


def runs_table(digests: Sequence[RunSummary]) -> Table:
    rows = [
        (
            d.id,
            moment_text(d.started),
            d.branch or "-",
            d.outcome,
            seconds_text(d.seconds),
            share_text(d.hit_rate),
            share_text(d.go_hit_rate),
            UNKNOWN if d.compiled is None else str(d.compiled),
            seconds_text(d.saved),
        )
        for d in digests
    ]
    columns = ("RUN", "BEGUN", "BRANCH", "OUTCOME", "TIME", "STEPS", "GO", "COMPILED", "SAVED")
    return Table(columns=columns, rows=tuple(rows), left=4)
