"""The words for images that are compared: the same in text and Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from gobake.choosing.account import Choice, Comparison, Row
from gobake.choosing.advice import Advice, Reason
from gobake.choosing.facts import Packages
from gobake.choosing.scanners import Scanned, Scanner, Severity
from gobake.model import Strategy
from gobake.report.quantities import UNKNOWN, count_text, seconds_text, size_text
from gobake.text.layout import Table

WEIGHT = ("STRATEGY", "COMPRESSED", "UNPACKED", "LAYERS", "WITH BASE", "WITH OTHERS", "COLD", "WARM", "BASE")
CONTENT = (
    *("STRATEGY", "FILES", "EXECUTABLE", "SETUID", "WRITABLE", "PACKAGES", "SHELL", "USER", "LIBC", "CERTIFICATES"),
    *("ZONEINFO", "PASSWD", "TMP"),
)
VULNERABLE = tuple(str(severity).upper() for severity in Severity)
STARTS = ("STRATEGY", "START", "RANGE", "MEMORY", "OF FIVE", "READ-ONLY", "NO CAPABILITIES", "OTHER USER")
TRIALS = ("with a read-only root", "without capabilities", "as another user")  # the last three of STARTS
WORDS = frozenset(  # no figures
    (
        "PLATFORM",
        "STRATEGY",
        "SCANNER",
        "BASE",
        "SHELL",
        "USER",
        "LIBC",
        "CERTIFICATES",
        "ZONEINFO",
        "PASSWD",
        "TMP",
        *STARTS[-3:],
    )
)
NONE = "-"
_PLACES = 2  # shown of one reason
_IMAGES = 3  # that are named of those on which a scanner failed


def heading(found: Comparison) -> str:
    services = found.services
    images = sum(len(choice.rows) for choice in found.choices)
    of = services[0] if len(services) == 1 else count_text(len(services), "service")
    return f"{found.project}: {count_text(images, 'image')} of {of} for {', '.join(map(str, found.platforms))}"


def title(choice: Choice) -> str:
    return f"{choice.service} for {choice.platform}"


def weights(choice: Choice) -> Table:
    """What each image weighs; columns that tell nothing of any image are left out."""
    rows = [weight_row(row) for row in choice.rows]
    told = [at for at in range(len(WEIGHT)) if any(row[at] != NONE for row in rows)]
    return _table(tuple(WEIGHT[at] for at in told), [tuple(row[at] for at in told) for row in rows])


def contents(choice: Choice) -> Table:
    """What each image holds."""
    return _table(CONTENT, [content_row(row) for row in choice.rows])


def starts(choice: Choice) -> Table:
    """What the starts of each image showed."""
    return _table(STARTS, [start_row(row) for row in choice.rows if row.built.measured])


def sizes(found: Comparison) -> Table:
    """The compressed sizes, service by strategy."""
    return _table(sizes_columns(found), [sizes_row(choice, found) for choice in found.choices])


def tables(choice: Choice) -> list[tuple[str, Table]]:
    """All tables of a service, with their titles."""
    found = [("weight", weights(choice)), ("content", contents(choice))]
    asked = [("starts", starts(choice)), ("known vulnerabilities", vulnerabilities(choice))]
    return [*found, *((title, table) for title, table in asked if table.rows)]


def vulnerabilities(choice: Choice) -> Table:
    """What each scanner found in each image."""
    rows = [
        (str(row.strategy), str(one.scanner), *(_count(one, severity) for severity in Severity))
        for row in choice.rows
        for one in row.built.scans
    ]
    return _table(("STRATEGY", "SCANNER", *VULNERABLE), rows)


def all_vulnerabilities(found: Comparison) -> Table:
    """What each scanner found in the images of all services."""
    several = len(found.platforms) > 1
    rows = [
        (choice.service, *((str(choice.platform),) if several else ()), *row)
        for choice in found.choices
        for row in vulnerabilities(choice).rows
    ]
    return _table(("SERVICE", *(("PLATFORM",) if several else ()), "STRATEGY", "SCANNER", *VULNERABLE), rows)


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    return Table(columns=columns, rows=tuple(rows), words=WORDS, alike=True)


def _count(one: Scanned, severity: Severity) -> str:
    return UNKNOWN if one.counts is None else str(one.counts[severity])


def scan_lines(found: Comparison) -> list[str]:
    """What else is to be said of scanners: those that are absent, those that failed, and what they cannot tell."""
    if found.absent is None:
        return []
    lines, failed, rated = list[str](), dict[tuple[Scanner, str], list[str]](), False
    if found.absent:
        lines.append(f"not scanned with {_listed(list(map(str, found.absent)))}: not on this machine")
    for choice in found.choices:
        for row in choice.rows:
            for one in row.built.scans:
                if one.counts is None:
                    failed.setdefault((one.scanner, one.why), []).append(f"{choice.service} in {row.strategy}")
                elif one.scanner is Scanner.GOVULNCHECK:
                    rated = True
    for (scanner, why), images in failed.items():
        of = _listed(images) if len(images) <= _IMAGES else count_text(len(images), "image")
        lines.append(f"{scanner} failed on {of}: {why.removeprefix(f'{scanner}: ')}")
    if rated:
        lines.append("govulncheck counts what is linked into the program; Go's database rates nothing: all is unknown")
    return lines


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


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


def start_row(row: Row) -> tuple[str, ...]:
    """The cells for the columns of STARTS."""
    measured = row.built.measured
    assert measured
    if measured.failure:
        return (str(row.strategy), "does not start", *[NONE] * 6)
    trials = (measured.read_only, measured.no_capabilities, measured.other_user)
    return (
        str(row.strategy),
        f"{milliseconds_text(measured.median)}{' emulated' if measured.emulated else ''}",
        range_text(measured.starts),
        size_text(measured.memory),
        size_text(measured.memory_of_five),
        *(UNKNOWN if trial is None else _yes(trial.works) for trial in trials),
    )


def milliseconds_text(seconds: float | None) -> str:
    return NONE if seconds is None else f"{seconds * 1000:.0f} ms"


def range_text(seconds: Sequence[float]) -> str:
    return f"{min(seconds) * 1000:.0f}-{max(seconds) * 1000:.0f} ms" if seconds else NONE


def start_lines(choice: Choice) -> list[str]:
    """What the starts asked for, and why something does not work; a thought per line."""
    rows = [(row.strategy, row.built.measured) for row in choice.rows if row.built.measured]
    lines = [f"started until: {asked}" for asked in dict.fromkeys(measured.asked for _, measured in rows)]
    for strategy, measured in rows:
        if measured.failure:
            lines.append(f"{strategy} does not start: {_with_last(measured.failure, measured.said)}")
        trials = zip(TRIALS, (measured.read_only, measured.no_capabilities, measured.other_user), strict=True)
        failed = ((name, trial) for name, trial in trials if trial and not trial.works)
        lines += [f"{strategy} {name}: {_with_last(trial.why, trial.said)}" for name, trial in failed]
    return lines


def _with_last(why: str, said: Sequence[str]) -> str:
    return f"{why}: {said[-1]}" if said else why


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
