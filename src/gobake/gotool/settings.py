"""The one description of how Go is run: which settings decide what it finds and what it compiles.

`go list`, the compile stages and the compile on this machine all take them from here, so that they see one build. What
is only of this machine (`go env -w`, GOFLAGS or GOAMD64 of a shell, the shell's PWD) is no part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from gobake.model import Platform

Variables = tuple[tuple[str, str], ...]

_GOS = re.compile(r"(?:GO[A-Z0-9]*|C?GO_\w+)$")  # and not GOOGLE_APPLICATION_CREDENTIALS
_LEVELS = {"amd64": "GOAMD64", "arm": "GOARM"}  # what a platform's variant is to Go
# Where things lie on a machine. They decide nothing of a program, and the host's own Go needs its own.
_PLACES = frozenset(("GOROOT", "GOPATH", "GOMODCACHE", "GOCACHE", "GOCACHEPROG", "GOTMPDIR", "GOTELEMETRYDIR"))
# Set for every question, or of where modules come from
_FIXED = frozenset(
    (
        *("GOOS", "GOARCH", "GOENV", "GOBIN", "GOTOOLCHAIN", "GO111MODULE", "GOWORK"),
        *("GOPROXY", "GOPRIVATE", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOVCS", "GOAUTH"),
    )
)
_FLAG = re.compile(r"""(?:^|\s)(['"]?)--?(mod|modfile|pgo)=((?:(?!\1$|\1\s).)*)\1(?=\s|$)""")


def deciding(given: Mapping[str, str]) -> Variables:
    """Those of a service's `build_env` on which it depends what Go finds: GOFLAGS, GOEXPERIMENT, CGO_ENABLED ..."""
    names = (name for name in given if _GOS.match(name) and name not in _PLACES | _FIXED)
    return tuple((name, given[name]) for name in sorted(names))


def of_options(given: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The environment of a build on any platform: `build_env`, over what Go takes for granted here."""
    return {"GOFLAGS": "", "CGO_ENABLED": "0", **dict(given)}


def of_platform(platform: Platform) -> dict[str, str]:
    """The platform's own part. It comes last: a level that the platform names is the image's, whatever else is set."""
    level = {_LEVELS[platform.arch]: platform.variant} if platform.variant and platform.arch in _LEVELS else {}
    if platform.arch == "arm":
        level = {name: value.removeprefix("v") for name, value in level.items()}
    return {"GOOS": platform.os, "GOARCH": platform.arch, **level}


def of_build(platform: Platform, given: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {**of_options(given), **of_platform(platform)}


def of_host(environment: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """This machine's environment without any setting of Go's but ``own``: where its Go keeps files and gets modules."""
    foreign = (name for name in environment if _GOS.match(name) and name not in _PLACES)
    dropped = {*foreign, "PWD", "OLDPWD"}
    kept = {name: value for name, value in environment.items() if name not in dropped}
    return {**kept, **own, "GOENV": "off", "GO111MODULE": "on", "GOTOOLCHAIN": "local"}


def mod_of(goflags: str) -> str:
    """What GOFLAGS says for -mod: mod, readonly, vendor, or "" for Go's own choice. The last word counts."""
    return _flag(goflags, "mod")


def modfile_of(goflags: str) -> str:
    return _flag(goflags, "modfile")


def pgo_of(goflags: str) -> str:
    return _flag(goflags, "pgo")


def _flag(goflags: str, name: str) -> str:
    said = [match[3] for match in _FLAG.finditer(goflags) if match[2] == name]
    return said[-1] if said else ""


def without_mod(goflags: str) -> str:
    """GOFLAGS less what is said of the module that is built, for a question to another one."""
    return " ".join(_FLAG.sub(lambda m: " " if m[2] != "pgo" else m[0], goflags).split())
