"""Files that this machine's Go leaves out but another version of Go may compile.

The golang image of the build may be older or newer than this machine's Go, and `//go:build go1.25` depends on that. No
flag of `go list` removes a release tag, so this module reads what such files import and embed.
"""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

_RELEASE = re.compile(r"^//(?:go:build| \+build)\b.*\bgo1\.\d", re.MULTILINE)
_COMMENTS = re.compile(r"/\*.*?\*/", re.DOTALL)
_BLOCK = re.compile(r"^import\s*\((.*?)^\s*\)", re.MULTILINE | re.DOTALL)
_SINGLE = re.compile(r'^import\s+(?:[\w.]+\s+)?(".*?"|`.*?`)', re.MULTILINE)
_QUOTED = re.compile(r'^\s*(?:[\w.]+\s+)?("[^"\n]*"|`[^`\n]*`)', re.MULTILINE)
_EMBED = re.compile(r"^//go:embed\s+(.*)$", re.MULTILINE)
_PATTERN = re.compile(r'"([^"]*)"|`([^`]*)`|(\S+)')


class PassedOver(Struct, frozen=True, kw_only=True):
    """Such a file, with its imports and //go:embed patterns."""

    name: str
    imports: tuple[str, ...]
    embeds: tuple[str, ...]


def passed_over(file: Path) -> PassedOver | None:
    """Read a file that Go left out; None unless that may be because of Go's version."""
    if file.name.endswith("_test.go"):
        return None
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    if not _RELEASE.search(text.partition("\npackage ")[0]):
        return None
    plain = _COMMENTS.sub("", text)
    quoted = [*_SINGLE.findall(plain), *(word for block in _BLOCK.findall(plain) for word in _QUOTED.findall(block))]
    embeds = ("".join(words) for line in _EMBED.findall(text) for words in _PATTERN.findall(line))
    return PassedOver(name=file.name, imports=tuple(sorted({word[1:-1] for word in quoted})), embeds=tuple(embeds))
