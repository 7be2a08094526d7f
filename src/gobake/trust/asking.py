"""A person at a terminal is asked once; a script is told what to say."""

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
    """Whether somebody is there to answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(root: Path, tree: Config | None, gifts: Sequence[str] = ()) -> bool:
    """Say what the project wants and what its build would be given of this machine; a yes is remembered."""
    show(describe(root, wants(tree), gifts), err=True)
    yes = click.confirm("Trust it, until what it wants is another?", default=False, err=True)
    if yes:
        remembered.trust(root, tree)
    return bool(yes)


def describe(root: Path, wanted: Sequence[Want], gifts: Sequence[str] = ()) -> str:
    from gobake.text.printable import flat  # with all of `trace`: most runs ask nothing

    lines = []
    if wanted:
        lines.append(f"The gobake.yaml of {root} does more than describe images:")
        width = max(len(want.key) for want in wanted)
        lines += [f"  {want.key:<{width}}  {want.text}  ({want.kind}; line {want.where.line})" for want in wanted]
    if gifts:
        lines.append(f"{'It' if wanted else f'The build of {root}'} is given of this machine:")
        lines += [f"  {gift}" for gift in gifts]
    return "\n".join(map(flat, lines))


def refused(root: Path, wanted: Sequence[Want]) -> NotTrusted:
    """For a run that has nobody to ask."""
    shown = ", ".join(want.key for want in wanted)
    talks = any(want.kind is KeyClass.TALKS for want in wanted)
    what = "chooses who is talked to" if talks else "decides who may write"
    return NotTrusted(
        f"{wanted[0].where.file} {what} ({shown}), and nobody has said that {root} is trusted",
        remedy="read it, then run `gobake trust` once, or give --trust (GOBAKE_TRUST=1)",
    )
