"""The data of the HTML report's charts as plain rows: numbers to draw, text to read. charts.py draws them.

Makes every name from a record printable, once, before any other use. A row's `tip` is the tooltip of a mark and the
text for screen readers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import count

from gobake.insight.card import RunSummary, Scorecard
from gobake.insight.identity import in_order
from gobake.insight.labels import labels
from gobake.insight.modules import module_of
from gobake.insight.work import pieces
from gobake.report.figures_words import host_line
from gobake.report.quantities import moment_text, seconds_text, share_text, size_text
from gobake.runs.outcomes import Outcome
from gobake.runs.record import GoRecord, HostCompileRecord, RunRecord, StepRecord
from gobake.text.printable import one_line
from gobake.trace.names import TRACE

Row = dict[str, str | float | bool | None]

STEPS = 45  # the longest steps, in the waterfall
TARGETS = 60  # the longest targets
PACKAGES = 40  # Go packages per platform
BRANCHES = 6  # with their own colour
SERVICES = 12  # with a chart of sizes
FAILED = "failed"  # instead of the outcome of a step that failed
OTHERS = "other branches"
NO_BRANCH = "no branch"
_WIDTH = 120  # characters of a name


def name_of(text: str) -> str:
    return one_line(text, _WIDTH) or "-"


# ---- runs


def branches(runs: Sequence[RunSummary]) -> list[str]:
    """The branches with their own colour: those with the most runs."""
    counts = Counter(name_of(run.branch) if run.branch else NO_BRANCH for run in runs)
    return [branch for branch, _ in counts.most_common(BRANCHES)]


def run_rows(runs: Sequence[RunSummary], shown: str) -> list[Row]:
    """One row per run, oldest first. ``shown``: id of the run that the page is about."""
    own = set(branches(runs))
    rows: list[Row] = []
    for at, run in enumerate(reversed(runs)):
        branch = name_of(run.branch) if run.branch else NO_BRANCH
        lines = (
            f"{moment_text(run.started)}, {branch}: {name_of(run.outcome)}",
            f"{seconds_text(run.seconds)}; steps {share_text(run.hit_rate)}; Go {share_text(run.go_hit_rate)}",
        )
        rows.append(
            {
                "at": at,
                "branch": branch if branch in own else OTHERS,
                "steps": run.hit_rate,
                "go": run.go_hit_rate,
                "seconds": run.seconds,
                "shown": run.id == shown,
                "tip": "\n".join(lines),
            }
        )
    return rows


# ---- the waterfall


def step_rows(card: Scorecard) -> list[Row]:
    """Pieces of work in the order of their begin: the critical path, then the longest, then BuildKit's housekeeping if
    there is room."""
    critical = set(card.critical_path)
    names = labels(card.run)
    done = [(piece.at, piece.step) for piece in pieces(card.run) if piece.step.seconds]
    done.sort(key=lambda one: (one[0] not in critical, one[1].outcome == Outcome.UNCACHEABLE, -(one[1].seconds or 0.0)))
    rows = [_step_row(step, names[at], names[at], critical=at in critical) for at, step in done[:STEPS]]
    rows += [_host_row(one) for one in card.run.host]
    rows.sort(key=lambda row: (_number(row["begin"]), str(row["label"])))
    return _told_apart(rows)


def target_rows(card: Scorecard) -> list[Row]:
    """The steps of the targets, each on its target's line; without steps of less than 0.01 s."""
    critical, names = _shown_with(card), labels(card.run)
    spent: dict[str, float] = defaultdict(float)
    for step in card.run.steps:
        spent[step.target] += step.seconds or 0.0
    chosen = set(sorted(spent, key=lambda name: -spent[name])[:TARGETS])
    rows = [
        _step_row(step, step.target, names[at], critical=at in critical)
        for at, step in enumerate(card.run.steps)
        if step.target in chosen and step.target not in ("", TRACE) and step.seconds and step.seconds >= 0.01
    ]
    first: dict[str, float] = {}
    for row in rows:
        label = str(row["label"])
        first[label] = min(first.get(label, float("inf")), _number(row["begin"]))
    rows.sort(key=lambda row: (first[str(row["label"])], str(row["label"]), _number(row["begin"])))
    return rows


def _shown_with(card: Scorecard) -> set[int]:
    """Positions of all steps that show work on the critical path, as targets may share it."""
    critical = set(card.critical_path)
    return {at for piece in pieces(card.run) if piece.at in critical for at in piece.shown}


def _step_row(step: StepRecord, label: str, name: str, *, critical: bool) -> Row:
    """The bar of a step. ``label``: of its line; ``name``: of the step."""
    begin, seconds = step.started or 0.0, max(step.seconds or 0.0, 0.0)
    mark = "; on the critical path" if critical else ""
    outcome = FAILED if step.error and not step.canceled else name_of(step.outcome)
    tip = f"{name_of(name)}\n{outcome}, {seconds_text(seconds)}, begun at {begin:.1f} s{mark}"
    return {
        "label": name_of(label),
        "begin": round(begin, 3),
        "end": round(begin + seconds, 3),
        "outcome": outcome,
        "critical": critical,
        "tip": tip,
    }


def _host_row(one: HostCompileRecord) -> Row:
    """What this machine's Go did. All steps waited for it."""
    return {
        "label": name_of(one.label),
        "begin": round(one.started, 3),
        "end": round(one.started + one.seconds, 3),
        "outcome": str(Outcome.EXECUTED),
        "critical": True,
        "tip": f"{name_of(host_line(one))}, begun at {one.started:.1f} s; on the critical path",
    }


def _told_apart(rows: list[Row]) -> list[Row]:
    """Make the labels of a chart unique."""
    seen: dict[str, Iterator[int]] = defaultdict(lambda: count(2))
    known: set[str] = set()
    for row in rows:
        label = str(row["label"])
        while str(row["label"]) in known:
            row["label"] = f"{label} ({next(seen[label])})"
        known.add(str(row["label"]))
    return rows


# ---- Go


def package_rows(run: RunRecord) -> list[Row]:
    """Compiled packages, by platform. Go records how long each took but not when, so each begins at the earliest time
    at which all its imports could be ready."""
    rows: list[Row] = []
    for work in run.go:
        begins, chain = earliest(work)
        marked = set(chain)
        order = sorted(range(len(work.compiled)), key=lambda at: (at not in marked, -work.compiled[at][1]))
        chosen = sorted(order[:PACKAGES], key=lambda at: (begins[at], work.compiled[at][0]))
        for at in chosen:
            path, seconds = work.compiled[at]
            mark = "; on the longest chain of imports" if at in marked else ""
            rows.append(
                {
                    "platform": name_of(work.platform),
                    "label": name_of(path),
                    "begin": round(begins[at], 3),
                    "end": round(begins[at] + seconds, 3),
                    "critical": at in marked,
                    "tip": f"{name_of(path)} on {name_of(work.platform)}\n{seconds_text(seconds)}{mark}",
                }
            )
    return rows


def earliest(work: GoRecord) -> tuple[list[float], tuple[int, ...]]:
    """The earliest begin of each compiled package, with unlimited parallelism, and the chain of imports (positions in
    order) that determines the end."""
    packages = range(len(work.compiled))
    needs = [
        {n for n in (work.imports[at] if at < len(work.imports) else ()) if n in packages and n != at}
        for at in packages
    ]
    begins, before = [0.0] * len(work.compiled), [-1] * len(work.compiled)
    for at in in_order(needs):
        for need in sorted(needs[at]):
            ready = begins[need] + work.compiled[need][1]
            if ready > begins[at]:
                begins[at], before[at] = ready, need
    last = max(packages, key=lambda at: begins[at] + work.compiled[at][1], default=-1)
    chain = []
    while last >= 0:
        chain.append(last)
        last = before[last]
    return begins, tuple(reversed(chain))


def treemap_rows(run: RunRecord, costs: Mapping[tuple[str, str], float]) -> list[Row]:
    """Seconds by package within its module, summed over platforms, with the tree's inner rows. ``costs``: seconds of
    the last compile of packages from Go's cache, by (platform, import path)."""
    now, last = package_seconds(run), by_path(costs)
    rows: list[Row] = [{"id": "all", "parent": None, "name": "", "group": "", "now": 0.0, "last": 0.0, "tip": ""}]
    own = _shared_path([path for path, _ in run.inputs.packages])
    groups: dict[str, str] = {}
    leaves: list[Row] = []
    for path in sorted(now.keys() | last.keys()):
        group, module = home_of(path, run)
        groups.setdefault(module, group)
        spent, cost = now.get(path, 0.0), now.get(path, 0.0) + last.get(path, 0.0)
        short = path.removeprefix(own if group == OWN else module).strip("/") or path.rpartition("/")[2] or path
        text = f"compiled in {seconds_text(spent)}" if path in now else "from Go's cache"
        if path in last:
            text += f"; {seconds_text(last[path])} when last compiled"
        leaves.append(
            {
                "id": f"package {len(leaves)}",
                "parent": f"module {list(groups).index(module)}",
                "name": name_of(short),
                "group": group,
                "now": round(spent, 4),
                "last": round(cost, 4),
                "tip": f"{name_of(path)}\n{text}",
            }
        )
    for at, (module, group) in enumerate(groups.items()):
        row: Row = {"id": f"module {at}", "parent": "all", "name": name_of(module), "group": group}
        rows.append(row | {"now": 0.0, "last": 0.0, "tip": ""})
    return rows + leaves


def by_path(costs: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Seconds by import path, summed over platforms."""
    found: dict[str, float] = defaultdict(float)
    for (_, path), seconds in costs.items():
        found[path] += seconds
    return dict(found)


def _shared_path(paths: Sequence[str]) -> str:
    """The longest common path, in whole elements."""
    shared = paths[0].split("/") if paths else []
    for path in paths:
        parts = path.split("/")
        shared = (
            [a for a, b in zip(shared, parts, strict=False) if a == b] if parts[: len(shared)] != shared else shared
        )
    return "/".join(shared)


def package_seconds(run: RunRecord) -> dict[str, float]:
    """Seconds of compiling and linking in this run by import path, summed over platforms."""
    found: dict[str, float] = defaultdict(float)
    for work in run.go:
        for path, seconds in (*work.compiled, *work.linked):
            found[path] += seconds
    return dict(found)


OWN, STANDARD, MODULES = "own code", "standard library", "modules"


def home_of(path: str, run: RunRecord) -> tuple[str, str]:
    """(Group, module) of a package; "own code" for both if the record has the package's folder."""
    if path in dict(run.inputs.packages):
        return OWN, OWN
    module = module_of(path, {name for name, _ in run.inputs.modules})
    if module:
        return MODULES, module
    first = path.partition("/")[0]
    if "." not in first:
        return STANDARD, STANDARD
    return MODULES, "/".join(path.split("/")[:3])


# ---- images


def size_rows(card: Scorecard) -> list[Row]:
    rows: list[Row] = []
    order = {t.strategy: at for at, t in reversed(list(enumerate(card.targets)))}
    for target in sorted(card.targets, key=lambda t: order[t.strategy]):
        for size in target.sizes:
            both = f"{size_text(size.compressed)} / {size_text(size.uncompressed)}"
            rows.append(
                {
                    "service": name_of(target.service),
                    "strategy": name_of(target.strategy),
                    "platform": name_of(size.platform),
                    "compressed": size.compressed,
                    "uncompressed": size.uncompressed,
                    "label": both,
                    "tip": f"{name_of(target.name)} {name_of(size.platform)}\n{size_text(size.compressed)} compressed, "
                    f"{size_text(size.uncompressed)} unpacked",
                }
            )
    return rows


def _number(value: str | float | bool | None) -> float:
    assert isinstance(value, int | float)
    return float(value)
