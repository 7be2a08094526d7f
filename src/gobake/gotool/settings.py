"""The settings under which Go runs.

`go list`, the compile stages and the compile on this machine all take them from here, so that they see the same build.
This machine's own settings (`go env -w`, GOFLAGS or GOAMD64 of a shell, the shell's PWD) are excluded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from gobake.model import Platform

Variables = tuple[tuple[str, str], ...]

_GOS = re.compile(r"(?:GO[A-Z0-9]*|C?GO_\w+)$")  # not GOOGLE_APPLICATION_CREDENTIALS
_LEVELS = {"amd64": "GOAMD64", "arm": "GOARM"}  # Go's variable for a platform's variant
# Folders of a machine. They do not influence a program, and the host's Go needs its own.
_PLACES = frozenset(("GOROOT", "GOPATH", "GOMODCACHE", "GOCACHE", "GOCACHEPROG", "GOTMPDIR", "GOTELEMETRYDIR"))
# Set for every question, or about where modules come from
_FIXED = frozenset(
    (
        *("GOOS", "GOARCH", "GOENV", "GOBIN", "GOTOOLCHAIN", "GO111MODULE", "GOWORK"),
        *("GOPROXY", "GOPRIVATE", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOVCS", "GOAUTH"),
    )
)
_FLAG = re.compile(r"""(?:^|\s)(['"]?)--?(mod|modfile|pgo)=((?:(?!\1$|\1\s).)*)\1(?=\s|$)""")


def deciding(given: Mapping[str, str]) -> Variables:
    """Return the variables of a service's `build_env` that influence what Go finds: GOFLAGS, GOEXPERIMENT ..."""
    names = (name for name in given if _GOS.match(name) and name not in _PLACES | _FIXED)
    return tuple((name, given[name]) for name in sorted(names))


def of_options(given: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the environment of a build on any platform: gobake's defaults, overridden by `build_env`."""
    return {"GOFLAGS": "", "CGO_ENABLED": "0", **dict(given)}


def of_platform(platform: Platform) -> dict[str, str]:
    """Return the platform's part of the environment. It comes last: its variant overrides GOAMD64 or GOARM."""
    level = {_LEVELS[platform.arch]: platform.variant} if platform.variant and platform.arch in _LEVELS else {}
    if platform.arch == "arm":
        level = {name: value.removeprefix("v") for name, value in level.items()}
    return {"GOOS": platform.os, "GOARCH": platform.arch, **level}


def of_build(platform: Platform, given: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the environment of a build for a platform."""
    return {**of_options(given), **of_platform(platform)}


def of_host(environment: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return this machine's environment without Go's settings, except ``own``: Go's folders and module settings."""
    foreign = (name for name in environment if _GOS.match(name) and name not in _PLACES)
    dropped = {*foreign, "PWD", "OLDPWD"}
    kept = {name: value for name, value in environment.items() if name not in dropped}
    return {**kept, **own, "GOENV": "off", "GO111MODULE": "on", "GOTOOLCHAIN": "local"}


def mod_of(goflags: str) -> str:
    """Return the last -mod in GOFLAGS: mod, readonly or vendor; "" for Go's default."""
    return _flag(goflags, "mod")


def modfile_of(goflags: str) -> str:
    """Return the last -modfile in GOFLAGS; "" for none."""
    return _flag(goflags, "modfile")


def pgo_of(goflags: str) -> str:
    """Return the last -pgo in GOFLAGS; "" for none."""
    return _flag(goflags, "pgo")


def _flag(goflags: str, name: str) -> str:
    values = [match[3] for match in _FLAG.finditer(goflags) if match[2] == name]
    return values[-1] if values else ""


def without_mod(goflags: str) -> str:
    """Return GOFLAGS without -mod and -modfile, which do not apply to another module than the built one."""
    return " ".join(_FLAG.sub(lambda m: " " if m[2] != "pgo" else m[0], goflags).split())
