"""Go's `-debug-actiongraph`: for every package whether it was compiled or came from the cache, and what it cost.

Source: actionJSON in cmd/go/internal/work/action.go. An action of mode `build` or `link` with a `Cmd` ran its tool;
without one its result was there already. Seconds are those of the processor, `CmdUser` and `CmdSys` in nanoseconds:
`CmdReal` also counts how long a compiler waited while others ran, and would add up to more than the machine had.
`go list -export` writes `link` actions as well and never links, and a build that fails leaves links undone: so a link
without `Cmd` proves nothing, and only links that ran are reported. The file is written when the go command ends, also
when it fails.

`ActionID` is the key under which Go's build cache keeps the result: it changes with the sources, the flags, the
toolchain and the packages that are imported. A `build` needs those of what it imports, a `link` needs all packages of
its command.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

_LONGEST = 1 << 63  # nanoseconds, as Go counts


@dataclass(frozen=True, kw_only=True)
class PackageWork:
    """One package that was compiled, or one command that was linked."""

    import_path: str
    seconds: float  # of the tools' own time; several run at once


@dataclass(frozen=True, kw_only=True)
class GoCommand:
    """One command and the packages that it consists of, its own included."""

    import_path: str
    packages: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class GoWork:
    """What one or more go commands did, packages of the standard library included."""

    packages_total: int = 0  # packages that the commands consist of
    compiled: tuple[PackageWork, ...] = ()  # by import path
    linked: tuple[PackageWork, ...] = ()
    imports: Mapping[str, frozenset[str]] = field(default_factory=dict)  # by import path, what it imports
    actions: Mapping[str, str] = field(default_factory=dict)  # by import path, the key in Go's build cache
    commands: tuple[GoCommand, ...] = ()

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
    return _parsed(tuple(texts))


@lru_cache(maxsize=16)  # the same texts are read ahead while buildx runs
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


def _works(found: dict[str, float]) -> tuple[PackageWork, ...]:
    return tuple(PackageWork(import_path=path, seconds=found[path]) for path in sorted(found))


def _seconds(action: Mapping[str, object]) -> float:
    """Of nanoseconds; by the clock where Go does not tell the processor's time."""
    used = _nanoseconds(action, "CmdUser") + _nanoseconds(action, "CmdSys")
    return (used or _nanoseconds(action, "CmdReal")) / 1e9


def _nanoseconds(action: Mapping[str, object], key: str) -> int:
    """0 for what is none: the file comes out of a container."""
    value = action.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LONGEST else 0


def _actions(text: str) -> list[dict[str, object]]:
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [action for action in listed if isinstance(action, dict)] if isinstance(listed, list) else []
