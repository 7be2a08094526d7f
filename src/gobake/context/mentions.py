"""Finds headers, header folders and libraries mentioned in C, assembly and cgo comments. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from msgspec import Struct

_QUOTED = re.compile(
    r'^[ \t]*(?://[ \t]*)?(?:[#%][ \t]*(?:include|include_next|import|embed)|\.(?:include|incbin))[ \t]*"([^"\n]+)"',
    re.MULTILINE,
)
_ANGLED = re.compile(r"^[ \t]*(?://[ \t]*)?#[ \t]*(?:include|import|embed)[ \t]*<([^>\n]+)>", re.MULTILINE)
_INCBIN = re.compile(r'\.incbin[ \t]+\\?"([^"\\\n]+)\\?"')  # in an asm statement, with escaped quotes
_CGO = re.compile(r"^[ \t]*(?://[ \t]*)?#cgo[ \t]+([^:\n]*):[ \t]*([^\n]*)$", re.MULTILINE)
_IMPORTS_C = re.compile(r'^\s*(?:import\s+)?"C"', re.MULTILINE)


class Mentions(Struct, frozen=True, kw_only=True):
    """What one source mentions, as written there."""

    quoted: tuple[str, ...] = ()  # #include "x" and the like
    angled: tuple[str, ...] = ()  # #include <x>
    words: tuple[str, ...] = ()  # compiler and linker flags of #cgo lines


def mentions(text: str, *, go: bool) -> Mentions:
    """Return the mentions of one source. ``go``: it is a .go file, which counts only if it imports "C"."""
    if go and not _IMPORTS_C.search(text):
        return Mentions()
    quoted = [*_QUOTED.findall(text), *(_INCBIN.findall(text) if "incbin" in text else ())]
    words = tuple(word for _, line in _CGO.findall(text) for word in _words(line)) if go else ()
    return Mentions(
        quoted=tuple(dict.fromkeys(quoted)), angled=tuple(dict.fromkeys(_ANGLED.findall(text))), words=words
    )


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # Go reports the error
        return line.split()


def folders(words: tuple[str, ...], flag: str) -> Iterator[str]:
    """Yield the folders that `-I x` or `-Ix` (or -L, ...) name."""
    after = False
    for word in words:
        if after:
            yield word
        elif word.startswith(flag) and word != flag:
            yield word[len(flag) :].removeprefix("=")
        after = word == flag and not after


def places(words: tuple[str, ...]) -> Iterator[str]:
    """Yield other words that may name files, and the parts of words after `=` or `,`."""
    for word in words:
        if word.startswith("-T") and word != "-T":
            yield word[2:]
        elif not word.startswith(("-I", "-L", "-l", "-D", "-W")) or "," in word:
            yield from (part for part in re.split(r"[,=]", word) if "/" in part or "." in part)
