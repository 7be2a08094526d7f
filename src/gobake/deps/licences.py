"""The licences of a module, from the texts in its folder. A licence is named only where its own words are found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from gobake.files.nofollow import Inside

_NAME = re.compile(r"(?:.*[-_.])?(?:un)?(?:licen[cs]e|copying)(?:[-_.].*)?", re.IGNORECASE)
_CODE = re.compile(r"\.(?:go|py|sh|js|ts|json|ya?ml|toml|tmpl|c|h|svg|png)$", re.IGNORECASE)
_LARGEST = 256 << 10  # bytes of a licence file
_MOST = 12  # files of a module

_GNU = {"general": "GPL", "lesser": "LGPL", "library": "LGPL", "affero": "AGPL"}
# A sentence of each licence, in a text without punctuation
_WORDS = (
    ("Apache-2.0", "apache license version 2 0"),
    ("MPL-2.0", "mozilla public license version 2 0"),
    ("MPL-2.0", "mozilla public license v 2 0"),
    ("Unlicense", "this is free and unencumbered software released into the public domain"),
    ("CC0-1.0", "cc0 1 0 universal"),
)
_MIT = "permission is hereby granted free of charge to any person obtaining a copy of this software"
_MIT_KEEPS = "the above copyright notice and this permission notice"
_ISC = re.compile(
    "permission to use copy modify and (?:or )?distribute this software for any purpose "
    "with or without fee is hereby granted"
)
_ISC_KEEPS = "provided that the above copyright notice and this permission notice appear in all copies"
_BSD = "redistribution and use in source and binary forms with or without modification are permitted"
_BSD_NAMES = re.compile(r"neither the names? of|may not be used to endorse or promote products derived from")
_BSD_ADVERTS = "all advertising materials mentioning features or use of this software must display"


class Licences(Struct, frozen=True, kw_only=True):
    """What a module's folder says of its licence."""

    names: tuple[str, ...] = ()  # SPDX identifiers
    unknown: tuple[str, ...] = ()  # licence files whose text is not recognised


def licences(folder: Path) -> Licences:
    """Return the licences of the files in a folder, its subfolders not read; empty if it has no licence file."""
    return found_in(_texts(folder))


def found_in(texts: Mapping[str, str]) -> Licences:
    """Return the licences of these texts, by file name."""
    known = {name: named(text) for name, text in texts.items()}
    return Licences(
        names=tuple(sorted({licence for found in known.values() for licence in found})),
        unknown=tuple(sorted(name for name, found in known.items() if not found)),
    )


def named(text: str) -> tuple[str, ...]:
    """Return the SPDX identifiers of the licences in a text; several if it has several."""
    plain = " ".join(re.sub(r"[^a-z0-9]+", " ", text.lower()).split())
    found = {name for name, sentence in _WORDS if sentence in plain}
    if "MPL-2.0" not in found:  # its text names the GNU licences as secondary ones
        found |= _gnu(plain)
    if _MIT in plain and _MIT_KEEPS in plain:
        found.add("MIT")
    if _ISC.search(plain):
        found.add("ISC" if _ISC_KEEPS in plain else "0BSD")
    if _BSD in plain and _BSD_ADVERTS not in plain:
        found.add("BSD-3-Clause" if _BSD_NAMES.search(plain) else "BSD-2-Clause")
    return tuple(sorted(found))


def _gnu(plain: str) -> set[str]:
    """Return the GNU licence that a text names first: further down, one names the others."""
    match = re.search(
        r"gnu (lesser |library |affero )?general public licen[cs]e (?:as published by the free software foundation "
        r"(?:either )?)?v(?:ersion )?(2 1|2|3)\b",
        plain,
    )
    if not match:
        return set()
    kind = _GNU[(match[1] or "general").strip()]
    version = match[2].replace(" ", ".")
    return {f"{kind}-{version if '.' in version else f'{version}.0'}"}


def _texts(folder: Path) -> dict[str, str]:
    """Return the texts of the licence files. Links are not followed; what cannot be read has no text."""
    inside = Inside(top=folder)
    try:
        names = sorted(name for name in inside.entries() if _NAME.fullmatch(name) and not _CODE.search(name))[:_MOST]
    except OSError:
        return {}
    found = {}
    for name in names:
        try:
            found[name] = inside.read(name, _LARGEST).decode("utf-8", "replace")
        except IsADirectoryError:
            continue
        except OSError:
            found[name] = ""
    return found
