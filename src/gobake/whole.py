"""Files that are whole or not there: written aside and renamed, and sealed where a wrong byte would not be noticed.

A disk that is full, a process that is killed and another run that reads at this moment never see half a file. A flipped
bit mostly leaves valid JSON, with another digit in it; a seal over the text tells.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path


def write(file: Path, content: bytes) -> None:
    """Raises OSError, and leaves what was there before."""
    write_all({file: content})


def write_all(files: Mapping[Path, bytes]) -> None:
    """Files that belong together: none is renamed before all are written. Raises OSError."""
    parts = {file: file.with_name(f".{file.name}.{os.getpid()}") for file in files}
    try:
        for file, part in parts.items():
            part.write_bytes(files[file])
        for file, part in parts.items():
            part.replace(file)
    except OSError:
        for part in parts.values():  # on a full disk they would take the room that somebody is about to free
            part.unlink(missing_ok=True)
        raise


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
