"""Files that are whole or not there: written aside and renamed, and sealed where a wrong byte would not be noticed.

A disk that is full, a process that is killed and another run that reads at this moment never see half a file. A flipped
bit mostly leaves valid JSON, with another digit in it; a seal over the text tells.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def write(file: Path, content: bytes) -> None:
    """Raises OSError, and leaves what was there before."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        part.write_bytes(content)
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)  # on a full disk it would take the room that somebody is about to free
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
