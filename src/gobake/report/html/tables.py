"""The tables of the HTML report: the data of every chart, and figures without a chart, worded as in other reports."""

from __future__ import annotations

from collections.abc import Mapping

from gobake.insight.account import Account
from gobake.insight.card import Scorecard
from gobake.insight.causes import Advice
from gobake.insight.costs import longest
from gobake.insight.labels import labels
from gobake.insight.work import pieces
from gobake.report import figures_words as words
from gobake.report.html.rows import by_path, home_of, name_of, package_seconds
from gobake.report.quantities import UNKNOWN, count_text, seconds_text, share_text, size_text
from gobake.runs.outcomes import Outcome
from gobake.runs.record import CacheRecord
from gobake.text.layout import Table

MOST = 500  # rows; the page is not an archive


def headline(card: Scorecard) -> list[tuple[str, str, str, float | None]]:
    """(Name, figure, details, share of the bar or None)."""
    go = card.go.hit_rate if card.go else None
    return [
        ("steps", share_text(card.steps.hit_rate), words.steps_line(card.steps), card.steps.hit_rate),
        ("Go", share_text(go), words.go_line(card), go),
        ("time", seconds_text(card.run.seconds), f"critical path {seconds_text(card.critical_seconds)}", None),
        ("saved", seconds_text(card.saved), words.saved_line(card).removeprefix(f"{UNKNOWN}: "), None),
    ]


def steps(card: Scorecard) -> Table:
    """Pieces of work that took time, in the order of their begin."""
    critical, names = set(card.critical_path), labels(card.run)
    found = sorted((p for p in pieces(card.run) if p.step.seconds), key=lambda p: p.step.started or 0.0)
    rows = [
        (
            name_of(names[piece.at]),
            piece.step.outcome,
            f"{piece.step.started or 0.0:.1f} s",
            seconds_text(piece.step.seconds),
            "yes" if piece.at in critical else "",
        )
        for piece in found
    ]
    host = [
        (one.label, str(Outcome.EXECUTED), f"{one.started:.1f} s", seconds_text(one.seconds), "yes")
        for one in card.run.host
    ]
    return Table(columns=("STEP", "OUTCOME", "BEGUN", "TOOK", "CRITICAL PATH"), rows=(*host, *rows[:MOST]))


def targets(card: Scorecard) -> Table:
    rows = [(t.name, t.service, t.strategy, ", ".join(t.platforms), seconds_text(t.seconds)) for t in card.targets]
    return Table(columns=("TARGET", "SERVICE", "STRATEGY", "PLATFORMS", "TIME"), rows=tuple(rows[:MOST]))


def packages(card: Scorecard, costs: Mapping[tuple[str, str], float]) -> Table:
    """Packages compiled and linked, the longest first; then those from the cache with their last seconds."""
    now, last = package_seconds(card.run), by_path(costs)
    order = sorted(now.keys() | last.keys(), key=lambda path: (-now.get(path, 0.0), -last.get(path, 0.0), path))
    rows = [
        (
            path,
            home_of(path, card.run)[1],
            seconds_text(now[path]) if path in now else "-",
            seconds_text(last[path]) if path in last else "-",
        )
        for path in order
    ]
    return Table(columns=("PACKAGE", "MODULE", "COMPILED IN", "FROM CACHE, HAD TAKEN"), rows=tuple(rows[:MOST]))


def sizes(card: Scorecard) -> Table:
    rows = [
        (t.service, t.strategy, s.platform, size_text(s.compressed), size_text(s.uncompressed))
        for t in card.targets
        for s in t.sizes
    ]
    return Table(columns=("SERVICE", "STRATEGY", "PLATFORM", "COMPRESSED", "UNPACKED"), rows=tuple(rows[:MOST]))


def mounts(card: Scorecard) -> Table:
    rows = [(m.name, size_text(m.before), size_text(m.after), _grown(m.before, m.after)) for m in card.mounts]
    return Table(columns=("MOUNT", "BEFORE", "AFTER", "DIFFERENCE"), rows=tuple(rows))


def _grown(before: int | None, after: int | None) -> str:
    if before is None or after is None:
        return UNKNOWN
    return ("+" if after > before else "-" if after < before else "") + size_text(abs(after - before))


def seeds(card: Scorecard) -> Table:
    rows = [
        (s.name, s.action, size_text(s.size), size_text(s.packed), seconds_text(s.seconds), s.error) for s in card.seeds
    ]
    return Table(columns=("SEED", "WHAT WAS DONE", "UNPACKED", "PACKED", "TIME", "ERROR"), rows=tuple(rows))


def layer_caches(card: Scorecard) -> Table:
    """Imports and exports of layer caches, which run concurrently."""
    rows = [
        (c.ref, c.direction, c.target, _came(c), size_text(c.bytes), seconds_text(c.seconds), c.error)
        for c in card.caches
    ]
    columns = ("LAYER CACHE", "DIRECTION", "TARGET", "FOUND", "WRITTEN", "TIME", "ERROR")
    return Table(columns=columns, rows=tuple(rows[:MOST]))


def _came(cache: CacheRecord) -> str:
    if cache.direction != "import":
        return "-"
    return UNKNOWN if cache.found is None else "yes" if cache.found else "no"


def cache_times(card: Scorecard) -> list[str]:
    """Lines on the seconds of all imports and of all exports."""
    return [
        f"{direction}s took {seconds_text(longest(card.caches, direction))}"
        for direction in ("import", "export")
        if any(c.direction == direction for c in card.caches)
    ]


def parts(account: Account) -> list[tuple[str, Table]]:
    card = account.card
    kinds = (("service", card.services), ("platform", card.platforms), ("strategy", card.strategies))
    return [
        (f"by {name}", words.part_table(name.upper(), found, card))
        for name, found in kinds
        if found and (len(found) > 1 or name == "service")
    ]


def gain_text(advice: Advice) -> str:
    seen = f"seen in {count_text(advice.runs, 'run')}"
    return seen if advice.seconds is None else f"{advice.seconds:.1f} s, {seen}"
