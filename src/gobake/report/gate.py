"""Prints a gate's verdict to a terminal or a CI's log: one line per finding, and the first causes if it fell short."""

from __future__ import annotations

import sys

from rich.text import Text

from gobake.insight.causes import Explanation, PackageCause
from gobake.insight.verdict import Finding, State, Verdict
from gobake.report.console import console_for, print_text
from gobake.report.quantities import count_text
from gobake.text.printable import one_line

CAUSES = 3  # of steps, and as many of Go packages
_WIDTH = 300
_STYLES = {State.MET: "green", State.SHORT: "bold red", State.EXEMPT: "yellow", State.UNTOLD: "yellow"}
_WORDS = {State.MET: "reached", State.SHORT: "fell short", State.EXEMPT: "exempt", State.UNTOLD: "not known"}


def print_verdict(verdict: Verdict, explanation: Explanation | None, *, color: str, quiet: bool = False) -> None:
    """Print a verdict to stderr. ``quiet``: only what fell short. ``explanation``: of a run that fell short."""
    console = console_for(sys.stderr, color)
    for finding in verdict.short if quiet else verdict.findings:
        head = Text(f"gate: {_WORDS[finding.state]}: ", style=_STYLES[finding.state])
        print_text(console, _line(finding), head=head)
    for line in causes(explanation) if explanation and verdict.short else ():
        print_text(console, line, head="  because ", indent=6)


def _line(finding: Finding) -> str:
    why = f" ({finding.why})" if finding.why else ""
    return one_line(f"{finding.check}: {finding.says}{why}", _WIDTH)


def causes(explanation: Explanation) -> list[str]:
    """The most costly causes, one line each, those of steps before those of packages."""
    misses = sorted(explanation.misses, key=lambda miss: -miss.seconds)
    steps = dict.fromkeys(f"{miss.label}: {miss.says}" for miss in misses)
    packages = dict.fromkeys(map(_package_line, sorted(explanation.packages, key=lambda cause: -cause.seconds)))
    return [one_line(line, _WIDTH) for line in [*list(steps)[:CAUSES], *list(packages)[:CAUSES]]]


def _package_line(cause: PackageCause) -> str:
    return f"Go {cause.platform}: {cause.says} ({count_text(len(cause.packages), 'package')})"
