"""Prints the end of a build: the table of images, or the failure."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec.structs import replace
from rich.text import Text

from gobake.insight.own_work import OwnWork, go_builds, own_work
from gobake.insight.work import hit_rate, pieces
from gobake.model import Strategy
from gobake.outcome.keep_going import NotBuilt
from gobake.registry import parts
from gobake.report.console import console_for, print_table, print_text
from gobake.report.figures_words import host_line, image_of
from gobake.report.quantities import count_text, instead_text, seconds_text, share_text, size_text
from gobake.runs.outcomes import Outcome, RunOutcome
from gobake.runs.record import RunRecord, TargetRecord
from gobake.text.layout import Table
from gobake.text.printable import flat, one_line, printable
from gobake.text.say import show
from gobake.trace.failure import Failure

_WORDS = 20  # messages shown
_NONE = "-"


def print_summary(record: RunRecord, left_out: Sequence[str], *, color: str, notes: Sequence[str] = ()) -> None:
    """Print the compile, a line per service and platform, and one sentence."""
    console = console_for(sys.stdout, color)
    for line in (*map(host_line, record.host), *_compiles(record)):
        print_text(console, flat(line), "dim")
    built = _built(record)
    several = len(built) > len({target.service for target in built})
    table = _by_strategy(record, built) if several else _by_image(record, built)
    print_table(console, table)
    print_text(console, totals(record), "bold")
    for note in (*(f"left out: {text}" for text in left_out), *notes):
        print_text(console, one_line(note), "yellow")


def print_pushed(record: RunRecord, *, color: str) -> None:
    """Print the images in their registries with their digests: a line for each repository, with its first tag."""
    console = console_for(sys.stdout, color)
    for target in record.targets:
        first: dict[str, str] = {}  # by repository
        for name in (*(name for name in target.pushed if "@" not in name), *target.pushed):
            repository, digest, _ = parts(name)
            first.setdefault(repository, name if digest else f"{name}@{target.digest}")
        for name in first.values():
            print_text(console, one_line(name), head=Text("pushed ", "bold"))


def _built(record: RunRecord) -> list[TargetRecord]:
    """The targets that have an image; a run that stopped made none of them, whatever was to be built."""
    done = record.outcome == RunOutcome.DONE
    return [target for target in record.targets if not target.failure and (done or target.digest)]


def _compiles(record: RunRecord) -> list[str]:
    """`go build linux/arm64  11.8 s  147 of 265 packages compiled, 4 linked`."""
    found = go_builds(record)
    if not found:
        return []
    times = ["cached" if one.seconds is None else seconds_text(one.seconds) for one in found]
    widths = max(len(one.platform) for one in found), max(map(len, times))
    lines = []
    for one, time in zip(found, times, strict=True):
        packages = f"{one.compiled} of {count_text(one.packages or 0, 'package')} compiled, {one.linked} linked"
        told = packages if one.packages and one.seconds is not None else ""
        lines.append(f"go build {one.platform:<{widths[0]}}  {time:>{widths[1]}}  {told}")
    return [line.rstrip() for line in lines]


def _by_image(record: RunRecord, built: Sequence[TargetRecord]) -> Table:
    """A row per image and platform."""
    works = own_work(record)
    rows = [
        (image_of(target), platform, _size(target, platform), *_work(works, target.service, platform))
        for target in built
        for platform in target.platforms
    ]
    return _with_sizes(Table(columns=("IMAGE", "PLATFORM", "SIZE", "TIME", "REUSED"), rows=tuple(rows), left=2))


def _with_sizes(table: Table) -> Table:
    """The table without the column SIZE if no size is known."""
    if any(row[2] != _NONE for row in table.rows):
        return table
    return replace(
        table,
        columns=(*table.columns[:2], *table.columns[3:]),
        rows=tuple((*row[:2], *row[3:]) for row in table.rows),
    )


def _by_strategy(record: RunRecord, built: Sequence[TargetRecord]) -> Table:
    """A row per service and platform, with the sizes of the strategies."""
    works = own_work(record)
    found = dict.fromkeys(target.strategy for target in built)
    strategies = [*(str(s) for s in Strategy if s in found), *(s for s in found if s not in set(Strategy))]
    by_name = {(target.service, target.strategy): target for target in built}
    rows = []
    for service in dict.fromkeys(target.service for target in built):
        own = [by_name[service, s] for s in strategies if (service, s) in by_name]
        for platform in dict.fromkeys(platform for target in own for platform in target.platforms):
            sizes = [_size(by_name.get((service, s)), platform) for s in strategies]
            rows.append((service, platform, *_work(works, service, platform), *sizes))
    columns = ("SERVICE", "PLATFORM", "TIME", "REUSED", *strategies)
    return Table(columns=columns, rows=tuple(rows), left=2, alike=True)


def _work(works: Mapping[tuple[str, str], OwnWork], service: str, platform: str) -> tuple[str, str]:
    work = works.get((service, platform))
    if work is None:
        return _NONE, _NONE
    return seconds_text(work.seconds), f"{work.hits} of {count_text(work.steps, 'step')}" if work.steps else _NONE


def _size(target: TargetRecord | None, platform: str) -> str:
    """The compressed size, as a registry counts it."""
    found = [s.compressed for s in target.sizes if s.platform == platform] if target else []
    return size_text(found[0]) if found and found[0] is not None else _NONE


def totals(record: RunRecord) -> str:
    """`8 targets in 26.5 s instead of about 177 s; 2 of 528 packages compiled; 3 steps executed ...; run 2026...`."""
    found = pieces(record)
    counts = Counter(piece.outcome for piece in found)
    built, every = len(_built(record)), count_text(len(record.targets), "target")
    cold = record.cold if record.cold and record.cold.seconds > record.seconds else None
    took = instead_text(record.seconds, cold.seconds) if cold else seconds_text(record.seconds)
    parts = [f"{f'{built} of ' if built < len(record.targets) else ''}{every} in {took}"]
    if record.outcome != RunOutcome.DONE:
        parts = [f"{record.outcome} after {seconds_text(record.seconds)}", f"{built} of {every} built"]
    if record.go:
        compiled, packages = sum(len(g.compiled) for g in record.go), sum(g.packages for g in record.go)
        parts.append(f"{compiled} of {count_text(packages, 'package')} compiled")
    steps = f"{count_text(counts[Outcome.EXECUTED], 'step')} executed, {counts[Outcome.REUSED]} reused"
    if counts[Outcome.IMPORTED] or counts[Outcome.UNKNOWN]:
        steps += f", {counts[Outcome.IMPORTED]} imported, {counts[Outcome.UNKNOWN]} unknown"
    rate = hit_rate(found)
    parts.append(steps + (f" (hit rate {share_text(rate)})" if rate is not None else ""))
    return "; ".join((*parts, f"run {record.id}"))


def print_not_built(faults: Sequence[NotBuilt], *, as_json: bool, color: str) -> None:
    """Print the targets that were not built, with Go's messages, grouped by reason."""
    by_reason: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for fault in faults:
        by_reason.setdefault((fault.reason, fault.words), []).append(fault.name)
    console = console_for(sys.stderr, color)
    for (reason, words), names in by_reason.items():
        if as_json:
            event = {"schema": 1, "event": "not-built", "names": names, "reason": reason, "words": list(words)}
            show(json.dumps(event))
            continue
        if len(words) > 1:  # the reason has the first of them
            reason = reason.partition(f": {words[0]}")[0] + ":"
        print_text(console, one_line(f"{', '.join(names)}: {reason}"), head=Text("not built: ", "bold red"))
        for word in words[:_WORDS] if len(words) > 1 else ():
            print_text(console, word, "red", head="  ", indent=6)


def print_failure(failure: Failure, *, color: str) -> None:
    """Print the failing step's last lines, Go's messages with paths in the user's tree, and the one-line error."""
    console = console_for(sys.stderr, color)
    if failure.step and failure.tail and not failure.go_errors:
        console.print(Text(f"the end of {failure.step.name.label}:", style="bold"))
        for line in failure.tail:
            console.print(Text("  " + line), soft_wrap=True)
    for error in failure.go_errors[:20]:
        console.print(Text(one_line(str(error)), style="red"), soft_wrap=True)
        for line in error.detail[:_WORDS]:
            console.print(Text(f"    {one_line(line)}", style="red"), soft_wrap=True)
    print_text(console, one_line(str(failure.error)), head=Text("error: ", "bold red"))
    for line in failure.error.words.splitlines()[:_WORDS]:
        console.print(Text(f"  {printable(line)}", style="red"), soft_wrap=True)
