"""Words that all formats of `gobake deps` use."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from gobake.deps.account import Account, Module, Replace, asked_version
from gobake.deps.costs import Cost
from gobake.deps.graph import Path
from gobake.deps.licences import Licences
from gobake.deps.purposes import Needed, Shared
from gobake.report.quantities import UNKNOWN, count_text, size_text

_DAY = 86_400.0
_MOST_NEEDING = 3  # services and modules that are named


def cost_text(cost: Cost) -> str:
    """Seconds; with a plus if not all packages are on record."""
    if cost.seconds is None:
        return UNKNOWN if cost.packages else "0.0 s"
    return f"{cost.seconds:.1f} s{'' if cost.whole else '+'}"


def licence_text(found: Licences) -> str:
    parts = [*found.names, *([f"unknown ({', '.join(found.unknown)})"] if found.unknown else [])]
    return ", ".join(parts) or "none found"


def without_text(module: Module) -> str:
    """What goes with a module, or what holds it."""
    if module.without is None:
        return f"needed by {module.needed_by}"
    gone = module.without
    parts = [count_text(gone.packages, "package")]
    parts += [] if gone.cost.seconds is None else [cost_text(gone.cost)]
    parts += [] if gone.bytes is None else [f"{size_text(gone.bytes)}{' or more' if gone.more else ''}"]
    return ", ".join(f"-{part}" for part in parts)


def way_text(path: Path) -> str:
    return " → ".join(path)


def age_text(moment: str, now: float) -> str:
    """How long ago a moment in RFC 3339 was, in one unit; "unknown" for anything else."""
    try:
        days = (now - datetime.fromisoformat(moment).timestamp()) / _DAY
    except (ValueError, OverflowError):
        return UNKNOWN
    if days < 60:
        return count_text(max(int(days), 0), "day")
    return count_text(int(days / 30.44), "month") if days < 730 else count_text(int(days / 365.25), "year")


def version_texts(module: Module, moment: float) -> tuple[str, str]:
    """The age of the version in use, and the newer one; a folder has neither."""
    if not asked_version(module)[1]:
        return "-", "-"
    return age_text(module.time, moment), (module.upgrade.newer or "-") if module.upgrade else UNKNOWN


def services_text(module: Module, services: Sequence[str]) -> str:
    """The services that carry a module; a number if they are many."""
    if len(module.services) == len(services) and len(services) > 1:
        return f"all {len(services)}"
    return ", ".join(module.services) if len(module.services) <= 3 else f"{len(module.services)} of {len(services)}"


def heading(found: Account) -> str:
    packages = {path for built in found.builds for path in built.graph.packages}
    return (
        f"{found.project}: {count_text(len(found.services), 'service')} on {', '.join(found.platforms)} "
        f"link{'s' if len(found.services) == 1 else ''} {count_text(len(packages), 'package')} of "
        f"{count_text(len(found.modules), 'module')}, of {count_text(len(found.own), 'own module')} and of the "
        "standard library"
    )


def remarks(found: Account) -> list[str]:
    """What else a reader should know, one sentence each."""
    held = [module for module in found.modules if module.direct and module.held]
    lines = [f"{one.path} stays without imports of your own: {way_text(one.held)}" for one in held]
    return lines + findings(found)


def findings(found: Account) -> list[str]:
    """The remarks that are about more than one module's place in the graph, or about what others say of it."""
    lines = [f"{m.path} {m.version} is replaced by {m.by}".replace("  ", " ") for m in found.modules if m.by]
    lines += _ignored(found.known.ignored)
    lines += [f"{' and '.join(group)} are {_both(group)} linked" for group in found.duplicates]
    lines += [line for one in found.shared for line in _shared(one)]
    for module in found.modules:
        if module.upgrade:
            lines += [f"{module.path} {module.version} is retracted: {why}" for why in module.upgrade.retracted]
            if module.upgrade.deprecated:
                lines.append(f"{module.path} is deprecated: {module.upgrade.deprecated}")
    for one in found.known.unneeded:
        names = ", ".join(f"{path} {version}" for path, version in one.requirements)
        if names:
            lines.append(f"{one.module} requires what no package of it needs on any platform: {names}; `go mod tidy`")
        elif one.error:
            lines.append(f"whether {one.module} needs all that it requires is unknown: {one.error}")
    if found.known.upgrades and found.known.upgrades.error:
        lines.append(f"what is newer is not known of all modules: {found.known.upgrades.error}")
    return lines


def _both(group: Sequence[object]) -> str:
    return "both" if len(group) == 2 else "all"


def _shared(one: Shared) -> list[str]:
    """That modules of one purpose are linked, with who needs each; and what they say of themselves."""
    needed = [f"{module.module} ({_needs(module)})" for module in one.modules]
    lines = [f"{' and '.join(needed)} are {_both(needed)} linked for {one.purpose}"]
    lines += [
        f"{module.module} says of itself: {module.notice.text} ({module.notice.source})"
        for module in one.modules
        if module.notice
    ]
    return lines


def _needs(module: Needed) -> str:
    """Who needs a module: services first, then modules; of many, some."""
    who = [*module.services, *module.modules]
    more = f" and {len(who) - _MOST_NEEDING} more" if len(who) > _MOST_NEEDING else ""
    return f"for {', '.join(who[:_MOST_NEEDING])}{more}"


def _ignored(replaces: Sequence[Replace]) -> list[str]:
    """Those that name a folder are counted: repositories of several modules are full of them."""
    folders = [one for one in replaces if one.by.startswith((".", "/"))]
    lines = [
        f"the go.mod of {one.of} replaces {' '.join(filter(None, (one.module, one.version)))} by {one.by}; "
        "Go ignores that outside of that module"
        for one in replaces
        if one not in folders
    ]
    if folders:
        lines.append(
            f"Go ignores {count_text(len(folders), 'replace line')} by a folder in the go.mod of dependencies "
            "(--format json lists them)"
        )
    return lines


def source_of_costs(found: Account) -> str:
    """Where the seconds come from."""
    runs = found.known.costs.runs
    if not runs:
        return "no run on record compiled these packages, so what they take is unknown; `gobake build` records it"
    others = f" and {count_text(len(runs) - 1, 'earlier run')}" if len(runs) > 1 else ""
    return f"seconds of the processor, from run {runs[0]}{others}"


def now() -> float:
    return time.time()
