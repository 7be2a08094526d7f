"""`gobake ci matrix` as text, and as outputs of a step in GitHub Actions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gobake.report.quantities import count_text
from gobake.targets.shards import ShardPlan
from gobake.text.layout import Table, arranged
from gobake.text.printable import one_line

_WORDS = frozenset(("NAME", "PLATFORMS", "RUNNER", "SERVICES"))


def lines(plan: ShardPlan, matrix: Mapping[str, Any], width: int | None) -> list[str]:
    """Return a line for each shard. ``width``: of the terminal; None for no limit."""
    head = f"{one_line(plan.project)}: {count_text(len(plan.shards), 'shard')}"
    if not plan.shards:
        return [f"{head}: there is nothing to build"]
    rows = tuple(
        tuple(map(one_line, (row["shard"], row["name"], row["platforms"], row["runner"], row["services"])))
        for row in matrix["include"]
    )
    table = Table(columns=("SHARD", "NAME", "PLATFORMS", "RUNNER", "SERVICES"), rows=rows, words=_WORDS)
    return [f"{head}, plan {plan.digest}", "", *(line.text for line in arranged(table, width))]


def as_outputs(matrix: Mapping[str, Any]) -> str:
    """Return lines for $GITHUB_OUTPUT: the matrix for fromJSON, and whether there is anything to build."""
    return f"matrix={json.dumps(matrix)}\nany={'true' if matrix['include'] else 'false'}"
