"""An explanation as text, Markdown and JSON, and one-line forms for other reports.

Makes everything from a record printable, as others choose file names and references.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace
from rich.console import Console

from gobake.insight.causes import Change, Explanation, Miss, PackageCause
from gobake.report.console import console_for, print_text
from gobake.report.figures_words import host_line, package_says
from gobake.report.markdown import escaped
from gobake.report.quantities import count_text
from gobake.text.printable import one_line

SCHEMA = 1
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_STYLES = {"added": "green", "removed": "red", "changed": "yellow"}
_SHOWN = 8  # changes of one miss
_PACKAGES = 6  # of one cause


# ---- one line each


def miss_line(miss: Miss) -> str:
    """`go build linux/arm64: worker/main.go changed (files)`."""
    return one_line(f"{where(miss)}: {miss.says} ({miss.cause})")


def package_line(cause: PackageCause) -> str:
    """`linux/amd64: catalog/list.go changed; 5 packages import it (files)`."""
    return one_line(f"{cause.platform}: {package_says(cause)} ({cause.cause})")


def change_line(change: Change) -> str:
    """`~ worker/main.go`, with versions or digests if these help."""
    values = f"{_brief(change.before)} → {_brief(change.after)}" if _tells(change) else ""
    return one_line(" ".join(filter(None, (_SIGNS.get(change.kind, "?"), change.what, values))))


def _tells(change: Change) -> bool:
    """Whether to show before and after: versions and digests of images, but not digests of files."""
    both = change.before and change.after
    return bool(both) and not all(re.fullmatch(r"[0-9a-f]{16}", side) for side in (change.before, change.after))


def _brief(text: str) -> str:
    return text[:19] if text.startswith("sha256:") else text


def where(miss: Miss) -> str:
    """The step, and what else missed for the same reason; a step that all targets share is the same for all."""
    more = 0 if miss.shared else len(miss.targets) - 1
    rest = [f"{more} more {'target' if more == 1 else 'targets'}"] if more > 0 else []
    rest += [platform for platform in miss.platforms if platform != miss.platform]
    return f"{miss.label} (and {', '.join(rest)})" if rest else miss.label


def by_cause(found: Sequence[PackageCause]) -> list[PackageCause]:
    """The causes, merged if they differ by platform only."""
    kept: dict[tuple[object, ...], PackageCause] = {}
    for one in found:
        key = (one.cause, one.root, one.says)
        known = kept.get(key)
        kept[key] = (
            replace(
                known,
                platform=f"{known.platform}, {one.platform}",
                packages=tuple(dict.fromkeys((*known.packages, *one.packages))),
                seconds=known.seconds + one.seconds,
            )
            if known
            else one
        )
    return list(kept.values())


# ---- text


def print_explanation(found: Explanation, *, color: str) -> None:
    console = console_for(sys.stdout, color)
    if not found.misses:
        _say(console, f"run {found.run}: no step missed", "bold")
    for miss in found.misses:
        _print_miss(console, miss)
    for one in found.host:
        _say(console, one_line(host_line(one)), "bold")
    for cause in by_cause(found.packages):
        _say(console, package_line(cause), "bold")
        _say(console, f"    {package_names(cause)}", "dim")
        _print_changes(console, cause.changes)
    for advice in found.advice:
        gain = f" ({advice.seconds:.1f} s in {count_text(advice.runs, 'run')})" if advice.seconds is not None else ""
        _say(console, f"advice: {one_line(advice.says)}{gain}", "cyan")


def _print_miss(console: Console, miss: Miss) -> None:
    _say(console, one_line(where(miss)) + _took(miss.seconds), "bold")
    _say(console, f"    {one_line(miss.says)}  [{miss.cause}]")
    _print_changes(console, miss.changes)
    if miss.compared_with:
        _say(console, f"    {one_line(f'compared with run {miss.compared_with}')}", "dim")


def _print_changes(console: Console, changes: Sequence[Change]) -> None:
    for change in changes[:_SHOWN]:
        _say(console, f"      {change_line(change)}", _STYLES.get(change.kind, ""))
    if len(changes) > _SHOWN:
        _say(console, f"      and {len(changes) - _SHOWN} more", "dim")


def _say(console: Console, line: str, style: str = "") -> None:
    indent = len(line) - len(line.lstrip())
    print_text(console, line.lstrip(), style, head=" " * indent, indent=indent + 4)


def _took(seconds: float) -> str:
    return f"  {seconds:.1f} s" if seconds >= 0.05 else ""


def package_names(cause: PackageCause) -> str:
    """`example.com/shop/catalog, imported by example.com/shop/api`."""
    if cause.root not in cause.packages[:1] or len(cause.packages) == 1:
        return names(cause.packages)
    return one_line(f"{cause.root}, imported by {names(cause.packages[1:])}")


def names(packages: Sequence[str]) -> str:
    more = f" and {len(packages) - _PACKAGES} more" if len(packages) > _PACKAGES else ""
    return one_line(", ".join(packages[:_PACKAGES])) + more


# ---- Markdown


def as_markdown(found: Explanation) -> str:
    """The explanation as Markdown, with longer lists folded."""
    lines = [f"### Why steps missed in run {escaped(found.run)}", ""]
    lines += [] if found.misses else ["No step missed.", ""]
    for miss in found.misses:
        lines.append(f"- **{escaped(where(miss))}**: {escaped(miss.says)} ({miss.cause})")
        lines += [f"  - {escaped(change_line(change))}" for change in miss.changes[:_SHOWN]]
        lines += [f"  - and {len(miss.changes) - _SHOWN} more"] if len(miss.changes) > _SHOWN else []
    lines += [f"- {escaped(host_line(one))}" for one in found.host]
    if found.packages:
        lines += ["", "<details><summary>Go packages that were compiled</summary>", ""]
        lines += [f"- {escaped(package_line(c))}: {escaped(package_names(c))}" for c in by_cause(found.packages)]
        lines += ["", "</details>"]
    lines += ["", *(f"- Advice: {escaped(advice.says)}" for advice in found.advice)] if found.advice else []
    return "\n".join(lines) + "\n"


# ---- JSON


def as_json(found: Explanation) -> dict[str, Any]:
    return {"schema": SCHEMA, **to_builtins(found)}
