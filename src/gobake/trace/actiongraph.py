"""Parses Go's `-debug-actiongraph`: whether each package was compiled or came from the cache, and its cost.

Source: actionJSON in cmd/go/internal/work/action.go. An action of mode `build` or `link` with a `Cmd` ran its tool;
without one its result existed already. Seconds are CPU time, `CmdUser` and `CmdSys` in nanoseconds: `CmdReal` includes
the time in which a compiler waited for others, so its sum would exceed the machine's time. `go list -export` writes
`link` actions without linking, and a failed build leaves links undone. So a link without `Cmd` proves nothing, and only
links that ran are reported. Go writes the file when it ends, also when it fails.

`ActionID` is the key of the result in Go's build cache. It changes with the sources, the flags, the toolchain and the
imported packages. A `build` depends on the packages that it imports, a `link` on all packages of its command.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache

from msgspec import Struct

_LONGEST = 1 << 63  # nanoseconds, the range of Go's int64


class PackageWork(Struct, frozen=True, kw_only=True):
    """One compiled package or one linked command."""

    import_path: str
    seconds: float  # CPU time of the tools; several run at the same time


class GoCommand(Struct, frozen=True, kw_only=True):
    """One command and its packages, including its own."""

    import_path: str
    packages: frozenset[str]


class GoWork(Struct, frozen=True, kw_only=True):
    """The work of one or more go commands, including packages of the standard library."""

    packages_total: int = 0  # number of packages of all commands
    compiled: tuple[PackageWork, ...] = ()  # ordered by import path
    linked: tuple[PackageWork, ...] = ()
    imports: Mapping[str, frozenset[str]] = {}  # import path -> imported packages
    actions: Mapping[str, str] = {}  # import path -> key in Go's build cache
    commands: tuple[GoCommand, ...] = ()

    @property
    def cached(self) -> int:
        """The number of packages that came from Go's cache."""
        return self.packages_total - len(self.compiled)

    @property
    def seconds(self) -> float:
        """The sum of CPU seconds for compiling and linking."""
        return sum(work.seconds for work in (*self.compiled, *self.linked))


def parse(texts: Iterable[str]) -> GoWork:
    """Merge the graphs of the go commands of one platform; a package is compiled if any of them compiled it.

    Texts that are not action graphs are ignored: missing evidence does not concern the build.
    """
    return _parsed(tuple(texts))


@lru_cache(maxsize=16)  # the texts are parsed ahead while buildx runs
def _parsed(texts: tuple[str, ...]) -> GoWork:
    compiled: dict[str, float] = {}
    linked: dict[str, float] = {}
    imports: dict[str, frozenset[str]] = {}
    actions: dict[str, str] = {}
    commands: dict[str, frozenset[str]] = {}
    for text in texts:
        listed = [action for action in _actions(text) if isinstance(action.get("Package"), str) and action["Package"]]
        built = {str(action.get("ID")): str(action["Package"]) for action in listed if action.get("Mode") == "build"}
        for action in listed:
            path, mode = str(action["Package"]), action.get("Mode")
            if mode not in ("build", "link"):
                continue
            deps = action.get("Deps")
            needs = frozenset(built[d] for d in map(str, deps if isinstance(deps, list) else ()) if d in built)
            if mode == "build":
                imports[path] = imports.get(path, frozenset()) | needs
                actions[path] = str(action.get("ActionID") or "")
            else:
                commands[path] = commands.get(path, frozenset()) | needs
            if action.get("Cmd"):
                done = compiled if mode == "build" else linked
                done[path] = done.get(path, 0.0) + _seconds(action)
    return GoWork(
        packages_total=len(imports),
        compiled=_works(compiled),
        linked=_works(linked),
        imports=imports,
        actions=actions,
        commands=tuple(GoCommand(import_path=path, packages=commands[path]) for path in sorted(commands)),
    )


def _works(seconds: dict[str, float]) -> tuple[PackageWork, ...]:
    return tuple(PackageWork(import_path=path, seconds=seconds[path]) for path in sorted(seconds))


def _seconds(action: Mapping[str, object]) -> float:
    """Return the CPU seconds, or the elapsed seconds if Go does not report CPU time."""
    used = _nanoseconds(action, "CmdUser") + _nanoseconds(action, "CmdSys")
    return (used or _nanoseconds(action, "CmdReal")) / 1e9


def _nanoseconds(action: Mapping[str, object], key: str) -> int:
    """Return a valid duration in nanoseconds, else 0: the file comes from a container."""
    value = action.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LONGEST else 0


def _actions(text: str) -> list[dict[str, object]]:
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [action for action in listed if isinstance(action, dict)] if isinstance(listed, list) else []
