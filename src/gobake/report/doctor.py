"""`gobake doctor` as text and JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from gobake.doctor.findings import Finding, State
from gobake.text.printable import one_line
from gobake.text.say import say

_COLORS = {State.NOTE: "yellow", State.PROBLEM: "red"}
_GAP = 2


def print_findings(findings: Sequence[Finding], done: Sequence[str]) -> None:
    """Print a line for each finding, with its remedy below it, and what --fix has done."""
    states = max(map(len, State)) + _GAP
    topics = max((len(finding.topic) for finding in findings), default=0) + _GAP
    for finding in findings:
        head = f"{finding.state:<{states}}{finding.topic:<{topics}}"
        say(one_line(finding.text), head=head, fg=_COLORS.get(finding.state, ""))
        if finding.remedy:
            say(one_line(finding.remedy), head=" " * (states + topics))
    for one in done:
        say(one_line(one), head=f"{'fixed':<{states}}")
    counts = Counter(finding.state for finding in findings)
    say()
    say(", ".join(f"{counts[state]} {state}" for state in State if counts[state]))


def as_json(findings: Sequence[Finding], done: Sequence[str]) -> dict[str, Any]:
    return {
        "schema": 1,
        "findings": [
            {
                "topic": finding.topic,
                "state": finding.state,
                "text": finding.text,
                "remedy": finding.remedy or None,
                "fix": finding.fix,
            }
            for finding in findings
        ],
        "done": list(done),
        "counts": {state: sum(finding.state is state for finding in findings) for state in State},
    }
