"""The words for images that are compared: the same in text and Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from gobake.choosing.account import Choice, Comparison, Row
from gobake.choosing.advice import Advice, Reason
from gobake.choosing.facts import Packages
from gobake.model import Strategy
from gobake.report.quantities import UNKNOWN, count_text, seconds_text, size_text

WEIGHT = ("STRATEGY", "COMPRESSED", "UNPACKED", "LAYERS", "WITH BASE", "WITH OTHERS", "COLD", "WARM", "BASE")
CONTENT = (
    *("STRATEGY", "FILES", "EXECUTABLE", "SETUID", "WRITABLE", "PACKAGES", "SHELL", "USER", "LIBC", "CERTIFICATES"),
    *("ZONEINFO", "PASSWD", "TMP"),
)
WORDS = frozenset(("BASE", "SHELL", "USER", "LIBC", "CERTIFICATES", "ZONEINFO", "PASSWD", "TMP"))  # no figures
NONE = "-"
Cells = tuple[Sequence[str], Sequence[Sequence[str]]]  # columns and rows of a table
_PLACES = 2  # shown of one reason


def heading(found: Comparison) -> str:
    services = found.services
    images = sum(len(choice.rows) for choice in found.choices)
    of = services[0] if len(services) == 1 else count_text(len(services), "service")
    return f"{found.project}: {count_text(images, 'image')} of {of} for {', '.join(map(str, found.platforms))}"


def title(choice: Choice) -> str:
    return f"{choice.service} for {choice.platform}"


def weights(choice: Choice) -> Cells:
    """What each image weighs; columns that tell nothing of any image are left out."""
    rows = [weight_row(row) for row in choice.rows]
    told = [at for at in range(len(WEIGHT)) if any(row[at] != NONE for row in rows)]
    return tuple(WEIGHT[at] for at in told), [tuple(row[at] for at in told) for row in rows]


def contents(choice: Choice) -> Cells:
    """What each image holds."""
    return CONTENT, [content_row(row) for row in choice.rows]


def sizes(found: Comparison) -> Cells:
    """The compressed sizes, service by strategy."""
    return sizes_columns(found), [sizes_row(choice, found) for choice in found.choices]


def weight_row(row: Row) -> tuple[str, ...]:
    """The cells for the columns of WEIGHT."""
    built = row.built
    return (
        str(row.strategy),
        size_text(built.compressed),
        size_text(built.unpacked),
        str(len(built.seen.layers)),
        size_text(row.beside_base),
        size_text(row.beside_others) if row.beside_others is not None else NONE,
        seconds_text(built.seconds.cold),
        seconds_text(built.seconds.warm),
        base_text(row),
    )


def base_text(row: Row) -> str:
    return f"{row.base.name} ({size_text(row.base.bytes)})" if row.base.name else NONE


def content_row(row: Row) -> tuple[str, ...]:
    """The cells for the columns of CONTENT."""
    facts = row.facts
    return (
        str(row.strategy),
        str(facts.files),
        str(facts.executables),
        str(facts.setid),
        str(facts.world_writable),
        packages_text(facts.packages),
        facts.shell or "no",
        facts.user,
        str(facts.libc),
        *(_yes(fact) for fact in (facts.certificates, facts.zoneinfo, facts.passwd, facts.tmp)),
    )


def packages_text(packages: Packages) -> str:
    return UNKNOWN if packages.count is None else str(packages.count)


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"


def sizes_columns(found: Comparison) -> tuple[str, ...]:
    several = len(found.platforms) > 1
    strategies = [str(strategy) for strategy in strategies_of(found)]
    return ("SERVICE", *(("PLATFORM",) if several else ()), *strategies)


def sizes_row(choice: Choice, found: Comparison) -> tuple[str, ...]:
    """Compressed sizes by strategy."""
    several = len(found.platforms) > 1
    sizes = {row.strategy: size_text(row.built.compressed) for row in choice.rows}
    cells = (sizes.get(strategy, NONE) for strategy in strategies_of(found))
    return (choice.service, *((str(choice.platform),) if several else ()), *cells)


def strategies_of(found: Comparison) -> Sequence[Strategy]:
    present = {row.strategy for choice in found.choices for row in choice.rows}
    return [strategy for strategy in Strategy if strategy in present]


# ---- the recommendation


def advice_lines(advice: Advice) -> list[str]:
    """The recommendation, a thought per line."""
    if advice.strategy is None:
        lines = ["none of these strategies is recommended:"]
    else:
        lines = [f"recommended: {advice.strategy}"]
        lines += [f"  because {reason_text(reason)}" for reason in advice.reasons]
        lines += [f"  set it up: {reason_text(setting)}" for setting in advice.settings]
    for one in advice.instead:
        lines.append(f"  {one.strategy} if {one.purpose}: {difference_text(one.more)}")
    lines += [f"  not {out.strategy}: {reason_text(out.reason)}" for out in advice.ruled_out]
    return lines


def short_advice(choice: Choice) -> str:
    """The recommendation in one line, with what it needs; the reasons are among the details."""
    advice = choice.advice
    if advice is None or advice.strategy is None:
        return f"{title(choice)}: none of these strategies is recommended"
    return "; ".join((f"{title(choice)}: {advice.strategy}", *map(reason_text, advice.settings)))


def reason_text(reason: Reason) -> str:
    more = len(reason.places) - _PLACES
    shown = ", ".join(reason.places[:_PLACES]) + (f" and {more} more" if more > 0 else "")
    return f"{reason.text} ({shown})" if reason.places else reason.text


def difference_text(more: int | None) -> str:
    if more is None:
        return UNKNOWN
    return f"{size_text(abs(more))} {'more' if more >= 0 else 'less'} to download"
