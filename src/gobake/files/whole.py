"""Files that are whole or not there: written aside and renamed, and sealed where a wrong byte would not be noticed.

A disk that is full, a process that is killed and another run that reads at this moment never see half a file. A flipped
bit mostly leaves valid JSON, with another digit in it; a seal over the text tells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from gobake.files import atomic


def write(file: Path, content: bytes) -> None:
    """A file of gobake's own. Raises OSError, and leaves what was there before."""
    write_all({file: content})


def write_all(contents: Mapping[Path, bytes], *, private: bool = True) -> None:
    """Files that belong together: none is renamed before all are written. ``private``: False for what the user reads in
    a tree. Raises OSError."""
    with ExitStack() as ends:
        for file, content in reversed(list(contents.items())):  # the last to be opened is the first to be renamed
            mode = atomic.file_mode(file.parent) if private else None
            out = ends.enter_context(atomic.replaced(file, mode))
            out.write(content)
            out.flush()


def sealed(text: str) -> bytes:
    """The text below a line with its digest."""
    body = text.encode("utf-8", "surrogateescape")
    return b"%s\n%s" % (_seal(body), body)


def unsealed(content: bytes) -> str:
    """Raises ValueError where it is not as it was written."""
    seal, _, body = content.partition(b"\n")
    if seal != _seal(body):
        raise ValueError("it is damaged")
    return body.decode("utf-8", "surrogateescape")


def _seal(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
