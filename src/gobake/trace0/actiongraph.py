"""Go's `-debug-actiongraph`: for every package whether it was compiled or came from the cache, and what it cost.

An action with Mode `build` or `link` and a `Cmd` ran; without one its result was in the cache. `CmdReal` is in
nanoseconds. Source: cmd/go/internal/work/action.go (actionJSON). `-v` names are no evidence of links, this is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PackageWork:
    """One package that was compiled, or one command that was linked."""

    import_path: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class GoWork:
    """What the go commands of one platform did."""

    total: int = 0  # packages that the commands consist of, the standard library's too
    compiled: tuple[PackageWork, ...] = ()
    linked: tuple[PackageWork, ...] = ()

    @property
    def cached(self) -> int:
        return self.total - len(self.compiled)


def parse(texts: Iterable[str]) -> GoWork:
    """Merge the graphs of several go commands: a package is compiled where any of them compiled it."""
    total: set[str] = set()
    compiled: dict[str, float] = {}
    linked: dict[str, float] = {}
    for text in texts:
        for action in _actions(text):
            package, mode = str(action.get("Package", "")), action.get("Mode")
            if not package or mode not in ("build", "link"):
                continue
            cost = action.get("CmdReal")
            ran = bool(action.get("Cmd"))
            spent = (cost if isinstance(cost, int) else 0) / 1e9
            if mode == "link":
                if ran:
                    linked[package] = linked.get(package, 0.0) + spent
                continue
            total.add(package)
            if ran:
                compiled[package] = max(compiled.get(package, 0.0), spent)
    return GoWork(total=len(total), compiled=_works(compiled), linked=_works(linked))


def _works(found: dict[str, float]) -> tuple[PackageWork, ...]:
    return tuple(PackageWork(import_path=path, seconds=found[path]) for path in sorted(found))


def _actions(text: str) -> list[dict[str, object]]:
    try:
        listed = json.loads(text)
    except ValueError:
        return []
    return [a for a in listed if isinstance(a, dict)] if isinstance(listed, list) else []
