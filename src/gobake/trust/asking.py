"""Asks a person at a terminal once for trust; tells a script which option to set."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from gobake.config.values import Config
from gobake.errors import NotTrusted
from gobake.text.say import show
from gobake.trust import remembered
from gobake.trust.keys import KeyClass, Want, wants


def asks() -> bool:
    """Whether a person at a terminal can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(root: Path, tree: Config | None, gifts: Sequence[str] = ()) -> bool:
    """Show the settings that need trust and what the build would get from this machine, and ask. Remember a yes."""
    show(describe(root, wants(tree), gifts), err=True)
    yes = click.confirm("Trust it until these settings change?", default=False, err=True)
    if yes:
        remembered.trust(root, tree)
    return bool(yes)


def describe(root: Path, wanted: Sequence[Want], gifts: Sequence[str] = ()) -> str:
    """Return a text that lists the settings that need trust, and ``gifts``: what the build gets from this machine."""
    from gobake.text.printable import flat  # most runs do not ask

    lines = []
    if wanted:
        lines.append(f"The gobake.yaml of {root} does more than describe images:")
        width = max(len(want.key) for want in wanted)
        lines += [f"  {want.key:<{width}}  {want.text}  ({want.kind}; line {want.where.line})" for want in wanted]
    if gifts:
        lines.append(f"{'Its build' if wanted else f'The build of {root}'} gets from this machine:")
        lines += [f"  {gift}" for gift in gifts]
    return "\n".join(map(flat, lines))


def refused(root: Path, wanted: Sequence[Want]) -> NotTrusted:
    """Return the error for a run that cannot ask anybody."""
    shown = ", ".join(want.key for want in wanted)
    talks = any(want.kind is KeyClass.TALKS for want in wanted)
    what = KeyClass.TALKS if talks else KeyClass.WRITES
    return NotTrusted(
        f"{wanted[0].where.file} {what} ({shown}), and nobody has trusted {root} yet",
        remedy="read it, then run `gobake trust` once, or give --trust (GOBAKE_TRUST=1)",
    )
