"""What `go list` reads of a Go file: its head, up to the first declaration that is no import.

Go itself stops there (go/build, readGoInfo), and reads on only for //go:embed. So an edit below the head changes no
answer. Heads are read of the files that someone is working on; for all others their status is evidence enough.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

RECENT_SECONDS = 6 * 3600.0
MOST = 200  # a fresh clone has only recent files, and reading all of them costs more than asking Go

# Comments, strings and what else there is in package and import clauses; possessive, so that it takes linear time.
_HEAD = re.compile(
    rb"(?:[\s;().]++|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/|\"(?:\\.|[^\"\\\n])*+\"|`[^`]*+`"
    rb"|(?!(?:func|type|var|const)\b)[A-Za-z_]\w*+)*+"
)
_DECLARATION = re.compile(rb"(?:func|type|var|const)\b|\Z")
# Directives, and what may make a comment or a string of them
_EMBED = re.compile(rb"^.*(?://go:embed|/\*|\*/|`).*$", re.MULTILINE)
_MAIN = re.compile(rb"\bfunc\s+main\s*\(")


def recent(changed: Iterable[tuple[str, float]], now: float) -> frozenset[str]:
    """Return the Go files that were changed in the last hours, at most the youngest. ``changed``: paths and times."""
    young = [(time, path) for path, time in changed if path.endswith(".go") and now - time < RECENT_SECONDS]
    return frozenset(path for _, path in sorted(young, reverse=True)[:MOST])


def digest(path: str) -> str:
    """Return a digest of what Go's answers depend on in this file; of the whole file where that is not only the head.

    That is so with cgo, and where the head is not understood. "" if the file cannot be read.
    """
    file = Path(path)
    try:
        text = file.read_bytes()
        return f"{hashlib.sha256(read(text)).hexdigest()} {file.is_symlink()}"
    except OSError:
        return ""


def read(text: bytes) -> bytes:
    """Return what Go's answers depend on in a file with this content."""
    found = _HEAD.match(text)
    end = found.end() if found else 0
    head = text[:end]
    if b'"C"' in head or b"`C`" in head or not _DECLARATION.match(text, end):
        return text
    embeds = _EMBED.findall(text, end) if b"//go:embed" in text else []
    main = [b"func main"] if _MAIN.search(text) else []  # gobake itself looks for it, anywhere
    return b"\0".join((head.rstrip(), *embeds, *main))
