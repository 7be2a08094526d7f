"""`gobake affected` as text, JSON, and as outputs of a step in GitHub Actions."""

from __future__ import annotations

import json
from typing import Any

from gobake.affected.between import Found
from gobake.affected.since import Base
from gobake.report.quantities import count_text
from gobake.text.layout import Table, arranged, wrapped
from gobake.text.printable import one_line

_INDENT = 2
_SHORT = 12  # digits of a commit


def lines(project: str, base: Base, found: Found, width: int | None) -> list[str]:
    """Return a line for each service that differs. ``width``: of the terminal; None for no limit."""
    affected, every = found.affected, len(found.services)
    against = f"{base.revision[:_SHORT]} ({base.how})" if base.revision else "nothing"
    differ = "differs" if len(affected) == 1 else "differ"
    head = f"{project}: {len(affected)} of {count_text(every, 'service')} {differ} from {against}"
    output = wrapped(one_line(head), width, _INDENT)
    if found.note:
        output += wrapped(one_line(found.note), width, _INDENT)
    if affected:
        rows = tuple((one_line(name), one_line(_why(found, name))) for name in affected)
        table = Table(columns=("SERVICE", "WHY"), rows=rows, words=frozenset(("SERVICE", "WHY")))
        output += ["", *(line.text for line in arranged(table, width))]
    for word, names in (("unchanged", [n for n in found.services if n not in affected]), ("gone", list(found.gone))):
        if names:
            output += ["", *wrapped(one_line(f"{word}: {', '.join(names)}"), width, _INDENT)]
    return output


def _why(found: Found, name: str) -> str:
    reasons = found.services[name]
    more = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return f"{reasons[0].text}{more}"


def as_json(base: Base, found: Found) -> dict[str, Any]:
    return {
        "schema": 1,
        "since": {"revision": base.revision or None, "how": base.how},
        "services": [
            {
                "name": name,
                "affected": bool(reasons),
                "reasons": [
                    {"kind": one.kind, "text": one.text, "path": one.path or None, "part": one.part or None}
                    for one in reasons
                ],
            }
            for name, reasons in found.services.items()
        ],
        "gone": list(found.gone),
        "note": found.note or None,
    }


def as_outputs(found: Found) -> str:
    """Return lines for $GITHUB_OUTPUT: the names as JSON, for a matrix with fromJSON, and whether there are any."""
    names = json.dumps(list(found.affected))
    return f"services={names}\nany={'true' if found.affected else 'false'}"
