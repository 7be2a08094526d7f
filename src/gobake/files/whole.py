"""Writes files atomically, and seals those in which a wrong byte would go unnoticed.

A full disk, a killed process or a concurrent reader never leaves or sees a partial file. A flipped bit usually leaves
valid JSON with a different digit in it, so the text is sealed with its digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from gobake.files import atomic


def write(file: Path, content: bytes) -> None:
    """Write one of gobake's own files. Raises OSError and then leaves the old file."""
    write_all({file: content})


def write_all(contents: Mapping[Path, bytes], *, private: bool = True) -> None:
    """Write files that belong together: all are written before the first is renamed.

    ``private``: False for files in the user's tree. Raises OSError.
    """
    with ExitStack() as ends:
        for file, content in reversed(list(contents.items())):  # the last one opened is renamed first
            mode = atomic.file_mode(file.parent) if private else None
            out = ends.enter_context(atomic.replaced(file, mode))
            out.write(content)
            out.flush()


def sealed(text: str) -> bytes:
    """Return the text, preceded by a line with its digest."""
    body = text.encode("utf-8", "surrogateescape")
    return b"%s\n%s" % (_seal(body), body)


def unsealed(content: bytes) -> str:
    """Return the text of a sealed file. Raises ValueError if its digest does not match."""
    seal, _, body = content.partition(b"\n")
    if seal != _seal(body):
        raise ValueError("it is damaged")
    return body.decode("utf-8", "surrogateescape")


def _seal(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
