"""Go's `-debug-actiongraph`: for every package whether it was compiled or came from the cache, and what it cost.

Source: actionJSON in cmd/go/internal/work/action.go. An action of mode `build` or `link` with a `Cmd` ran its tool;
without one its result was there already. `CmdReal` is in nanoseconds. `go list -export` writes `link` actions as well
and never links, and a build that fails leaves links undone: so a link without `Cmd` proves nothing, and only links
that ran are reported. The file is written when the go command ends, also when it fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PackageWork:
    """One package that was compiled, or one command that was linked."""

    import_path: str
    seconds: float  # of the tools' own time; several run at once


@dataclass(frozen=True, kw_only=True)
class GoWork:
    """What one or more go commands did, packages of the standard library included."""

    packages_total: int = 0  # packages that the commands consist of
    compiled: tuple[PackageWork, ...] = ()  # by import path
    linked: tuple[PackageWork, ...] = ()

    @property
    def cached(self) -> int:
        """Packages that came from Go's cache."""
        return self.packages_total - len(self.compiled)

    @property
    def seconds(self) -> float:
        """Compiling and linking, summed over what ran at the same time."""
        return sum(work.seconds for work in (*self.compiled, *self.linked))


def parse(texts: Iterable[str]) -> GoWork:
    """The graphs of the go commands of one platform, merged: a package is compiled where any of them compiled it.

    What is no action graph adds nothing: the evidence is missing then, and the build is not concerned.
    """
    packages: set[str] = set()
    compiled: dict[str, float] = {}
    linked: dict[str, float] = {}
    for text in texts:
        for action in _actions(text):
            path, mode = action.get("Package"), action.get("Mode")
            if not isinstance(path, str) or not path:
                continue
            if mode == "build":
                packages.add(path)
            if action.get("Cmd") and mode in ("build", "link"):
                done = compiled if mode == "build" else linked
                done[path] = done.get(path, 0.0) + _seconds(action.get("CmdReal"))
    return GoWork(packages_total=len(packages), compiled=_works(compiled), linked=_works(linked))


def _works(found: dict[str, float]) -> tuple[PackageWork, ...]:
    return tuple(PackageWork(import_path=path, seconds=found[path]) for path in sorted(found))


def _seconds(nanoseconds: object) -> float:
    return nanoseconds / 1e9 if isinstance(nanoseconds, int) else 0.0


def _actions(text: str) -> list[dict[str, object]]:
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [action for action in listed if isinstance(action, dict)] if isinstance(listed, list) else []
