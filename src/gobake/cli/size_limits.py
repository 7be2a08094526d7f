"""The limits of `gobake size`: of its options, and of gobake.yaml for a service."""

from __future__ import annotations

from gobake.cli.size_against import Shipped
from gobake.config.gates import GrowthLimit, MostGrowth, SizeGate, SizeLimit
from gobake.errors import GateFailed
from gobake.insight.growth import Grown
from gobake.insight.growth_words import culprit_words, module_name
from gobake.report.quantities import size_text
from gobake.size.growth import Side, SizeLimits, excess
from gobake.text.printable import one_line


def limits(max_size: SizeLimit | None, max_growth: GrowthLimit | None, shipped: Shipped | None) -> SizeLimits:
    """The limits of the options, and for a service those of gobake.yaml that they do not set."""
    wanted = SizeGate(max_size=max_size, max_growth=max_growth)
    config = shipped.opened.config if shipped else None
    if shipped and config:
        wanted = wanted.over(config.gate.of(shipped.branch).of_service(shipped.service.name))
    return SizeLimits(
        largest=wanted.max_size if isinstance(wanted.max_size, int) else None,
        growth=wanted.max_growth if isinstance(wanted.max_growth, MostGrowth) else None,
    )


def judge(what: str, limits: SizeLimits, now: Side, change: Grown | None) -> None:
    """Raise GateFailed if a limit is exceeded, naming what grew most."""
    over = excess(limits, now, change)
    if over is None:
        return
    why = f"{what} is too large by {size_text(over)}"
    if change and (culprit := culprit_words(change)):
        raise GateFailed(why, remedy=one_line(f"what grew most is {culprit}"))
    largest = next((one for one in now.contents.modules if one.module), None)
    remedy = f"the largest module is {module_name(largest.module)}, {size_text(largest.bytes)}" if largest else ""
    raise GateFailed(why, remedy=one_line(remedy))
