"""Applies the gate to a recorded run, for `gobake report`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gobake.cli.options import gate_wish
from gobake.config.gates import GateConfig
from gobake.config.values import Config
from gobake.insight.card import RunSummary, Scorecard
from gobake.insight.causes import Explanation
from gobake.insight.gate import gate_of
from gobake.run.gate import judge_or_fail


def judge_if_asked(
    given: dict[str, Any],
    config: Config | None,
    card: Scorecard,
    earlier: Sequence[RunSummary],
    explanation: Explanation | Callable[[], Explanation | None] | None,
) -> None:
    """Judge if an option asks for it; gobake.yaml has the defaults of the other options. Raises GateFailed."""
    wish = gate_wish(given)
    if wish == GateConfig():
        return
    branch = card.run.branch or next(iter(card.run.fallbacks), "")
    gate = gate_of(config.gate if config else GateConfig(), wish, branch)
    if gate.asks:
        judge_or_fail(gate, card, earlier, explanation, color=given["color"], quiet=given["quiet"])
