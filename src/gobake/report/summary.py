"""Prints the end of a build: the table of images, or the failure."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from gobake.insight.work import hit_rate, host_seconds, pieces
from gobake.outcome.keep_going import NotBuilt
from gobake.report.console import console_for
from gobake.report.quantities import share_text, size_text
from gobake.runs.outcomes import Outcome
from gobake.runs.record import RunRecord, SizeRecord, TargetRecord
from gobake.text.printable import one_line, printable
from gobake.text.say import say
from gobake.trace.failure import Failure

_WORDS = 20  # messages shown


def print_summary(record: RunRecord, left_out: Sequence[str], *, color: str, notes: Sequence[str] = ()) -> None:
    """Print one row per image: name, platforms, sizes, time, steps."""
    console = console_for(sys.stdout, color)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("IMAGE", overflow="fold")
    table.add_column("PLATFORM", no_wrap=True)
    for title in ("SIZE", "UNPACKED", "TIME", "REUSED"):  # SIZE is compressed, as a registry counts it
        table.add_column(title, justify="right", no_wrap=True)
    for target in (target for target in record.targets if not target.failure):
        for first, row in enumerate(_rows(record, target)):
            table.add_row(*row, style="dim" if first else "")
    console.print(table)
    console.print(_totals(record))
    for note in (*(f"left out: {text}" for text in left_out), *notes):
        console.print(Text(one_line(note), style="yellow"), soft_wrap=True)


def _rows(record: RunRecord, target: TargetRecord) -> list[tuple[str, ...]]:
    counts = Counter(s.outcome for s in record.steps if s.target == target.name)
    counted = sum(
        counts[o] for o in (Outcome.REUSED, Outcome.IMPORTED, Outcome.EXECUTED, Outcome.SHARED, Outcome.UNKNOWN)
    )
    reused = counts[Outcome.REUSED] + counts[Outcome.IMPORTED]
    steps = f"{reused} of {counted}"
    time = "unknown" if target.seconds is None else f"{target.seconds:.1f} s"
    sizes = {s.platform: s for s in target.sizes}
    rows: list[tuple[str, ...]] = []
    for number, platform in enumerate(target.platforms):
        size = sizes.get(platform, SizeRecord(platform=platform))
        last = (time, steps) if number == 0 else ("", "")
        rows.append(
            (
                target.images[0] if number == 0 else "",
                platform,
                size_text(size.compressed),
                size_text(size.uncompressed),
                *last,
            )
        )
    return rows


def _totals(record: RunRecord) -> Text:
    found = pieces(record)
    counts = Counter(piece.outcome for piece in found)
    built = sum(not target.failure for target in record.targets)
    of_all = f" of {len(record.targets)}" if built < len(record.targets) else ""
    parts = [
        f"{built}{of_all} target{'s' if len(record.targets) != 1 else ''} in {record.seconds:.1f} s",
        f"steps: {counts[Outcome.EXECUTED]} executed, {counts[Outcome.REUSED]} reused",
    ]
    if counts[Outcome.IMPORTED] or counts[Outcome.UNKNOWN]:
        parts[-1] += f", {counts[Outcome.IMPORTED]} imported, {counts[Outcome.UNKNOWN]} unknown"
    if (rate := hit_rate(found)) is not None:
        parts[-1] += f" (hit rate {share_text(rate)})"
    if record.go:
        packages, compiled, linked = (
            sum(g.packages for g in record.go),
            sum(len(g.compiled) for g in record.go),
            sum(len(g.linked) for g in record.go),
        )
        parts.append(f"Go: {compiled} of {packages} packages compiled, {linked} linked")
    if record.host:
        compiled, packages = sum(len(one.compiled) for one in record.host), sum(one.packages for one in record.host)
        took = host_seconds(record)
        parts.append(f"Go on this machine: {compiled} of {packages} packages compiled for prebuilt in {took:.1f} s")
    parts.append(f"run {record.id}")
    return Text("; ".join(parts), style="bold")


def print_not_built(faults: Sequence[NotBuilt], *, as_json: bool, color: str) -> None:
    """Print the targets that were not built, with Go's messages, grouped by reason."""
    by_reason: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for fault in faults:
        by_reason.setdefault((fault.reason, fault.words), []).append(fault.name)
    console = console_for(sys.stderr, color)
    for (reason, words), names in by_reason.items():
        if as_json:
            event = {"schema": 1, "event": "not-built", "names": names, "reason": reason, "words": list(words)}
            say(json.dumps(event))
            continue
        console.print(Text("not built: ", style="bold red") + Text(f"{', '.join(names)}: {reason}"), soft_wrap=True)
        for word in words[:_WORDS] if len(words) > 1 else ():
            console.print(Text(f"  {word}", style="red"), soft_wrap=True)


def print_failure(failure: Failure, *, color: str) -> None:
    """Print the failing step's last lines, Go's messages with paths in the user's tree, and the one-line error."""
    console = console_for(sys.stderr, color)
    if failure.step and failure.tail and not failure.go_errors:
        console.print(Text(f"the end of {failure.step.name.stage} {failure.step.name.platform}:", style="bold"))
        for line in failure.tail:
            console.print(Text("  " + line), soft_wrap=True)
    for error in failure.go_errors[:20]:
        console.print(Text(one_line(str(error)), style="red"), soft_wrap=True)
        for line in error.detail[:_WORDS]:
            console.print(Text(f"    {one_line(line)}", style="red"), soft_wrap=True)
    console.print(Text("error: ", style="bold red") + Text(one_line(str(failure.error)), style=""), soft_wrap=True)
    for line in failure.error.words.splitlines()[:_WORDS]:
        console.print(Text(f"  {printable(line)}", style="red"), soft_wrap=True)
