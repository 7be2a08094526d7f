"""Numbers of seven bits a byte, as Go's linker writes lengths (encoding/binary, Uvarint)."""

from __future__ import annotations


def uvarint(data: bytes | memoryview, at: int, bits: int) -> tuple[int, int]:
    """Return the number that begins at ``at``, of at most ``bits`` bits, and where it ends."""
    value = shift = 0
    while at < len(data) and shift < bits:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    return value, at
