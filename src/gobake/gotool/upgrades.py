"""What module proxies know of module versions: newer ones, retracted ones, deprecated modules. Go asks, with the
settings of this machine; nothing of the tree takes part but names and versions.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from gobake import memo
from gobake.errors import Unwritable
from gobake.gotool import host, settings
from gobake.gotool.reading import objects
from gobake.paths import scratch_folder
from gobake.proc import command
from gobake.proc.command import CommandError

Version = tuple[str, str]  # (module path, version)

_KIND = "module-upgrades-1"
_FRESH_SECONDS = 6 * 3600.0
_FAILED_SECONDS = 300.0  # an answer that is not whole
_SECONDS = 20.0
_LONGEST = 300  # characters of an author's words that are kept


class Upgrade(Struct, frozen=True, kw_only=True):
    """What is known of a version in use. Empty fields: there is nothing to say."""

    time: str = ""  # of the version, RFC 3339; "" unknown
    newer: str = ""  # the latest version, if that is another one
    newer_time: str = ""
    retracted: tuple[str, ...] = ()  # reasons of the module's author
    deprecated: str = ""  # the author's message


class Upgrades(Struct, frozen=True, kw_only=True):
    """What was learnt of several versions; a version without an entry is unknown."""

    of: Mapping[Version, Upgrade] = {}
    error: str = ""  # why nothing, or not all, is known; "" if all is


def upgrades(versions: Sequence[Version], go: str) -> Upgrades:
    """Ask for these versions, within a time limit. An answer counts for some hours. Never raises."""
    wanted = tuple(sorted(set(versions)))
    if not wanted:
        return Upgrades()
    key = (wanted, sorted(host.own_settings(go).items()))
    known = _fresh(memo.recall(_KIND, key, ()))
    if known is not None:
        return known
    found = _asked(wanted, go)
    value = [(path, version, msgspec.to_builtins(upgrade)) for (path, version), upgrade in found.of.items()]
    memo.remember(_KIND, key, (), {"time": time.time(), "error": found.error, "found": value})
    return found


def _asked(wanted: Sequence[Version], go: str) -> Upgrades:
    # -versions: without it, a proxy that does not know the module is no error
    words = [go, "list", "-m", "-e", "-u", "-retracted", "-versions", "-json"]
    words += [f"{path}@{version}" for path, version in wanted]
    try:
        with scratch_folder() as folder:  # outside of any module: Go reads no go.mod
            own = settings.of_host(os.environ, host.own_settings(go))
            environment = {**own, "GOWORK": "off", "GOFLAGS": "", "PWD": str(folder)}
            done = command.run(words, env=environment, cwd=folder, seconds=_SECONDS)
        listed = list(objects(done.out))
    except (CommandError, Unwritable, ValueError) as error:
        return Upgrades(error=str(error))
    found: dict[Version, Upgrade] = {}
    errors = []
    for fields in listed:
        refused = fields.get("Error")
        if isinstance(refused, dict):
            errors.append(str(refused.get("Err", "")))
        else:
            found[str(fields.get("Path", "")), str(fields.get("Version", ""))] = upgrade_of(fields)
    if not listed:
        errors.append(done.last or f"exit code {done.code}")
    return Upgrades(of=found, error=" ".join(errors[0].split())[:_LONGEST] if errors else "")


def upgrade_of(fields: Mapping[str, Any]) -> Upgrade:
    """Read one object of `go list -m -u -retracted -json`."""
    newer = fields.get("Update")
    newer = newer if isinstance(newer, dict) else {}
    retracted = fields.get("Retracted")
    return Upgrade(
        time=str(fields.get("Time") or ""),
        newer=str(newer.get("Version") or ""),
        newer_time=str(newer.get("Time") or ""),
        retracted=tuple(str(reason)[:_LONGEST] for reason in retracted) if isinstance(retracted, list) else (),
        deprecated=str(fields.get("Deprecated") or "")[:_LONGEST],
    )


def _fresh(value: Any) -> Upgrades | None:
    try:
        error = str(value["error"])
        if not 0 <= time.time() - value["time"] < (_FAILED_SECONDS if error else _FRESH_SECONDS):
            return None
        found = {(path, version): msgspec.convert(fields, Upgrade) for path, version, fields in value["found"]}
        return Upgrades(of=found, error=error)
    except (TypeError, KeyError, ValueError):
        return None
