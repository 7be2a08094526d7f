"""`gobake deps` as JSON. null means unknown, or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gobake.deps.account import Account, Module, Why
from gobake.deps.costs import Cost


def as_json(found: Account) -> dict[str, Any]:
    known = found.known
    return {
        "schema": 1,
        "project": found.project,
        "services": [{"name": name, "modules": list(found.imports.get(name, ()))} for name in found.services],
        "platforms": list(found.platforms),
        "modules": [_module(module, asked=known.upgrades is not None) for module in found.modules],
        "own": {"modules": list(found.own), "compile": _cost(found.own_cost)},
        "standard_library": {"packages": found.standard_packages, "compile": _cost(found.standard_cost)},
        "runs": list(known.costs.runs),
        "duplicates": [list(group) for group in found.duplicates],
        "one_purpose": [
            {
                "purpose": one.purpose,
                "modules": [
                    {
                        "path": module.module,
                        "services": list(module.services),
                        "imported_by": list(module.modules),
                        "notice": {"text": module.notice.text, "source": module.notice.source}
                        if module.notice
                        else None,
                    }
                    for module in one.modules
                ],
            }
            for one in found.shared
        ],
        "ignored_replaces": [
            {"in": one.of, "module": one.module, "version": one.version or None, "by": one.by} for one in known.ignored
        ],
        "unneeded": [
            {
                "module": one.module,
                "requirements": None
                if one.error
                else [{"module": path, "version": version} for path, version in one.requirements],
                "error": one.error,
            }
            for one in known.unneeded
        ],
        "upgrades": {
            "asked": known.upgrades is not None,
            "error": known.upgrades.error if known.upgrades else "",
        },
    }


def _module(module: Module, *, asked: bool) -> dict[str, Any]:
    upgrade = module.upgrade if asked else None
    return {
        "path": module.path,
        "version": module.version or None,
        "time": module.time or None,
        "direct": module.direct,
        "replaced_by": module.by or None,
        "packages": module.packages,
        "services": list(module.services),
        "compile": _cost(module.cost),
        "bytes": module.bytes,
        "licences": list(module.licences.names),
        "unknown_licence_files": list(module.licences.unknown),
        "imports": list(module.imports),
        "without": _without(module),
        "needed_by": {"module": module.needed_by, "path": list(module.held)} if module.held else None,
        "upgrade": {
            "newer": upgrade.newer or None,
            "newer_time": upgrade.newer_time or None,
            "retracted": list(upgrade.retracted),
            "deprecated": upgrade.deprecated or None,
        }
        if upgrade
        else None,
    }


def _without(module: Module) -> dict[str, Any] | None:
    if module.without is None:
        return None
    return {
        "packages": module.without.packages,
        "standard_packages": module.without.standard,
        "modules": list(module.without.modules),
        "compile": _cost(module.without.cost),
        "bytes": module.without.bytes,
        "maybe_more": module.without.more,
    }


def _cost(cost: Cost) -> dict[str, Any]:
    return {"seconds": cost.seconds, "packages": cost.packages, "packages_on_record": cost.known}


def why_as_json(name: str, answers: Sequence[Why]) -> dict[str, Any]:
    return {
        "schema": 1,
        "of": name,
        "services": [
            {
                "service": one.service,
                "platform": one.platform,
                "paths": [list(path) for path in one.paths.shown],
                "count": one.paths.count,
            }
            for one in answers
        ],
    }
