"""Finds the servers of a project's modules: a build gets only the logins for these."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from msgspec import Struct

from gobake.gotool.modules import Layout

_SETTINGS = ("GOPRIVATE", "GONOPROXY", "GONOSUMDB")


class Hosts(Struct, frozen=True, kw_only=True):
    """Names of servers, without ports."""

    modules: frozenset[str] = frozenset()  # servers in the paths of required modules
    settings: tuple[str, ...] = ()  # patterns and names in this machine's Go settings
    over_ssh: bool = False  # a module path contains .git, so git fetches it

    def need(self, host: str) -> bool:
        """Whether the build may need a login for this server.

        That is a module's own server, one of the same organisation (a vanity path may lead from go.corp.example to
        git.corp.example), or one that Go's settings name.
        """
        name = host.partition(":")[0].lower()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.settings):
            return True
        return any(name == own or name.endswith(f".{_organisation(own)}") for own in self.modules)


def _organisation(host: str) -> str:
    """Return the name without its first label if two or more remain, else the whole name."""
    _, _, above = host.partition(".")
    return above if "." in above else host


def of_project(layout: Layout, goenv: str) -> Hosts:
    """Return the servers of a project's modules. ``goenv``: this machine's module settings as a GOENV file."""
    paths = [
        path
        for build in layout.builds
        for module in build.modules
        for path in (*(required for required, _ in module.requires), *module.remotes)
    ]
    return Hosts(
        modules=frozenset(host for path in paths if "." in (host := path.partition("/")[0].lower())),
        settings=tuple(_in_settings(goenv)),
        over_ssh=any(".git/" in f"{path}/" for path in paths),
    )


def _in_settings(goenv: str) -> Iterable[str]:
    for line in goenv.splitlines():
        name, _, value = line.partition("=")
        if name in _SETTINGS:
            yield from (entry.strip().partition("/")[0].lower() for entry in value.split(",") if entry.strip())
        elif name == "GOPROXY":
            for entry in re.split(r"[,|]", value):
                try:
                    host = urlsplit(entry.strip()).hostname
                except ValueError:
                    continue
                if host:
                    yield host
