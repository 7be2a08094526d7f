"""What registries hold, what a prune would delete, and what it deleted, as tables and JSON."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from gobake.report.caches import age_text
from gobake.report.console import console_for, print_table, print_text
from gobake.report.quantities import count_text, rfc3339, size_text
from gobake.retention.choose import Decision, Going
from gobake.retention.delete import Pruned
from gobake.retention.listing import Listed, Listing
from gobake.text.layout import Table
from gobake.text.printable import one_line

_DIGITS = 12
_MOST_REASONS = 8
_WORDS = frozenset(("TAG", "TAGS", "WHAT", "DIGEST", "AGE", "WHY"))


def short(digest: str) -> str:
    """The first digits of a digest."""
    return digest.removeprefix("sha256:")[:_DIGITS]


# ---- ls


def print_listing(found: Listing, now: float, *, color: str) -> None:
    """Print a repository's tags, and its total."""
    console = console_for(sys.stdout, color)
    print_text(console, f"{found.repository}{'' if found.listed else ': nothing'}", "bold")
    rows = tuple(
        (
            one.tag or "-",
            str(one.kind),
            short(one.digest),
            age_text(None if one.made is None else max(0.0, now - one.made)),
            size_text(one.size),
            size_text(one.own),
        )
        for one in found.listed
    )
    if rows:
        columns = ("TAG", "WHAT", "DIGEST", "AGE", "SIZE", "ONLY ITS OWN")
        print_table(console, Table(columns=columns, rows=rows, words=_WORDS))
        tags = sum(1 for one in found.listed if one.tag)
        print_text(
            console,
            f"{count_text(tags, 'tag')}, {count_text(found.manifests, 'manifest')} that can be found, "
            f"{size_text(found.size)}",
        )
    for unread in found.unread:
        print_text(console, one_line(f"cannot be read: {unread}"), "yellow")
    console.print()


def listing_as_json(found: Sequence[Listing], errors: Sequence[str]) -> dict[str, Any]:
    return {
        "schema": 1,
        "repositories": [
            {
                "name": one.repository,
                "manifests": one.manifests,
                "bytes": one.size,
                "tags": [_listed(tag) for tag in one.listed],
                "unread": list(one.unread),
            }
            for one in found
        ],
        "errors": list(errors),
    }


def _listed(one: Listed) -> dict[str, Any]:
    return {
        "tag": one.tag or None,
        "digest": one.digest,
        "kind": one.kind,
        "made": None if one.made is None else rfc3339(one.made),
        "bytes": one.size,
        "own_bytes": one.own,
    }


# ---- prune


def print_decision(found: Decision, *, color: str) -> None:
    """Print what goes from a repository, and why the rest stays."""
    console = console_for(sys.stdout, color)
    print_text(console, f"{found.repository}{'' if found.going else ': nothing to delete'}", "bold")
    if found.going:
        rows = tuple(
            (", ".join(one.tags) or "-", str(one.kind), short(one.digest), size_text(one.size), _why(one))
            for one in found.going
        )
        print_table(console, Table(columns=("TAGS", "WHAT", "DIGEST", "SIZE", "WHY"), rows=rows, words=_WORDS))
        size = size_text(sum(one.size for one in found.going))
        print_text(console, f"{count_text(len(found.going), 'manifest')}, {size}")
    if found.refused:
        print_text(console, one_line(f"nothing goes: {found.refused}"), "yellow")
    _print_staying(console, found)
    console.print()


def _why(going: Going) -> str:
    """Digests in words are cut: they are in the table."""
    return " ".join(short(word) if word.startswith("sha256:") else word for word in going.why.split(" "))


def _print_staying(console: Console, found: Decision) -> None:
    staying = Counter(_reason(one.why) for one in found.judged if not one.goes)
    for why, count in staying.most_common(_MOST_REASONS):
        print_text(console, one_line(f"{count_text(count, 'tag')} stay{'s' if count == 1 else ''}: {why}"), "dim")
    if len(staying) > _MOST_REASONS:
        print_text(console, "more stay for other reasons: --format json has them all", "dim")


def _reason(why: str) -> str:
    return "of a run of late" if why.startswith("of the run ") else why


def prune_as_json(
    found: Sequence[Decision], done: Mapping[str, Pruned], errors: Sequence[str], *, dry_run: bool
) -> dict[str, Any]:
    """What goes, or what went. ``done``: by repository; empty for a dry run."""
    return {
        "schema": 1,
        "dry_run": dry_run,
        "repositories": [_decided(one, done.get(one.repository), dry_run) for one in found],
        "errors": list(errors),
    }


def _decided(one: Decision, pruned: Pruned | None, dry_run: bool) -> dict[str, Any]:
    deleted = one.going if dry_run else pruned.deleted if pruned else ()
    gone = {tag for going in deleted for tag in going.tags}
    return {
        "name": one.repository,
        "deleted": [
            {
                "digest": going.digest,
                "tags": list(going.tags),
                "kind": going.kind,
                "bytes": going.size,
                "why": going.why,
            }
            for going in deleted
        ],
        "stays": [
            {"tag": judged.tag or None, "digest": judged.digest, "kind": judged.kind, "why": judged.why}
            for judged in one.judged
            if not judged.goes or (judged.tag and judged.tag not in gone)
        ],
        "bytes": sum(going.size for going in deleted),
        "refused": one.refused or None,
        "notes": list(pruned.notes) if pruned else [],
    }
