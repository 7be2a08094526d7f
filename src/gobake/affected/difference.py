"""Compares the inputs of two trees: which services differ, and by what. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

from gobake.affected.inputs import Inputs, Part

_LONGEST = 60  # characters of a value that is shown


class Kind(StrEnum):
    """What differs."""

    SERVICE = "service"  # it is new, or nothing is there to compare with
    SETTING = "setting"  # of gobake.yaml, go.mod or go.work
    BASE = "base image"
    MODULE = "module"
    FILE = "file"


class Reason(Struct, frozen=True, kw_only=True):
    """One difference."""

    kind: Kind
    text: str
    path: str = ""  # of a file, relative to the context
    part: str = ""  # what the file is for the service


def differences(before: Inputs | None, now: Inputs) -> Iterator[Reason]:
    """Yield all that differs, settings first. ``before``: None for a service that was not there."""
    if before is None:
        yield Reason(kind=Kind.SERVICE, text="the service is new")
        return
    yield from _settings(before, now)
    for path in sorted(before.files.keys() | now.files.keys()):
        old, new = before.files.get(path), now.files.get(path)
        if old and new and old.digest == new.digest:
            continue
        one = new or old
        assert one
        how = "added" if old is None else "removed" if new is None else "changed"
        shown = path if one.part is Part.SOURCE else f"{path} ({one.part})"
        yield Reason(kind=Kind.FILE, text=f"{shown} {how}", path=path, part=one.part)


def _settings(before: Inputs, now: Inputs) -> Iterator[Reason]:
    for name in sorted(before.settings.keys() | now.settings.keys()):
        old, new = before.settings.get(name), now.settings.get(name)
        if old == new:
            continue
        kind = Kind.BASE if name.startswith(("base of", "Go image", "image with")) else Kind.SETTING
        yield Reason(kind=kind, text=_change(name, old, new))


def of_modules(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Reason]:
    """Yield the modules from elsewhere that differ. Values: version, and what replaces it."""
    for path in sorted(before.keys() | now.keys()):
        old, new = before.get(path), now.get(path)
        if old == new:
            continue
        if old is None:
            text = f"{path} {new} is linked now".replace("  ", " ")
        elif new is None:
            text = f"{path} is no longer linked"
        else:
            text = f"{path} {new}, was {old}"
        yield Reason(kind=Kind.MODULE, text=text)


def _change(name: str, old: str | None, new: str | None) -> str:
    if not old or not new or len(old) > _LONGEST or len(new) > _LONGEST:
        word = "set" if not old and new else "removed" if old and not new else "changed"
        shown = f": {new}" if word == "set" and new and len(new) <= _LONGEST else ""
        return f"{name} {word}{shown}"
    return f"{name}: {new}, was {old}"
