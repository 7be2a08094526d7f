"""Reads tar streams of any origin: the names, sizes and kinds of entries, and the content of those that are wanted.

POSIX pax and GNU formats. No more is held in memory than a header allows, and every stream ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import IO

from msgspec import Struct

from gobake.foreign.checks import Unfit
from gobake.images.streams import Readable

_BLOCK = 512
_PIECE = 1 << 20
_LONGEST_HEADER = 1 << 20  # bytes of a pax header or a long name
_MOST = 2_000_000  # entries
_LONGEST_NAME = 4096


class Kind(StrEnum):
    """What an entry is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "symbolic link"
    HARD_LINK = "hard link"
    OTHER = "other"  # devices and pipes


_KINDS = {b"0": Kind.FILE, b"\0": Kind.FILE, b"7": Kind.FILE, b"1": Kind.HARD_LINK, b"2": Kind.LINK, b"5": Kind.FOLDER}
_LONG_NAME, _LONG_LINK, _PAX, _PAX_ALL, _SPARSE = b"L", b"K", b"x", b"g", b"S"


class Entry(Struct, frozen=True, kw_only=True):
    """An entry. Its path is normal: no leading slash, and no `.` or `..`."""

    path: str  # "" for the root
    kind: Kind
    size: int  # bytes of content
    mode: int
    target: str = ""  # of a link
    at: int = 0  # where the content begins in the stream


class Reader:
    """The entries of a stream, in order. ``read`` and ``copy`` get the content of the entry that came last."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._left = 0  # of the entry's content, and the padding behind it
        self._padding = 0
        self.position = 0

    def __iter__(self) -> Iterator[Entry]:
        """Raises Unfit for what is no tar stream."""
        extended: dict[str, str] = {}
        count = 0
        while header := self._header():
            count += 1
            if count > _MOST:
                raise Unfit(f"has more than {_MOST} entries")
            flag, size = header[156:157], _number(header[124:136])
            if flag in (_LONG_NAME, _LONG_LINK, _PAX, _PAX_ALL):
                self._begin(size)
                if size > _LONGEST_HEADER:
                    raise Unfit("has a header that is too long")
                data = self.read(size)
                if flag == _PAX:
                    extended |= _pax(data)
                elif flag != _PAX_ALL:
                    extended["path" if flag == _LONG_NAME else "linkpath"] = _text(data)
                continue
            if flag == _SPARSE:
                raise Unfit("has sparse files of GNU tar")
            size = _decimal(extended["size"]) if "size" in extended else size
            entry = self._entry(header, extended, size)
            self._begin(size if entry.kind in (Kind.FILE, Kind.OTHER) else 0)
            yield entry
            extended = {}

    def _header(self) -> bytes:
        """The next header; b"" at the end: two blocks of zeros, or nothing more."""
        self._skip()
        block = self._exactly(_BLOCK, end=True)
        if not block or not any(block):
            self._drain()
            return b""
        if _number(block[148:156]) != sum(block[:148]) + 8 * 32 + sum(block[156:]):
            raise Unfit("is not a tar archive, or damaged")
        return block

    def _entry(self, header: bytes, extended: dict[str, str], size: int) -> Entry:
        prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else ""
        name = extended.get("path") or (f"{prefix}/" if prefix else "") + _text(header[:100])
        kind = _KINDS.get(header[156:157], Kind.OTHER)
        if kind is Kind.FILE and name.endswith("/"):
            kind = Kind.FOLDER
        return Entry(
            path=normal(name),
            kind=kind,
            size=size if kind is Kind.FILE else 0,
            mode=_number(header[100:108]) & 0o7777,
            target=(extended.get("linkpath") or _text(header[157:257]))[:_LONGEST_NAME],
            at=self.position,
        )

    # ---- content

    def read(self, largest: int) -> bytes:
        """The content of the entry. Raises Unfit if it has more than ``largest`` bytes."""
        if self._left > largest:
            raise Unfit(f"has an entry of more than {largest} bytes")
        data = self._exactly(self._left)
        self._left = 0
        return data

    def copy(self, to: IO[bytes]) -> None:
        """Write the content of the entry to a file."""
        while self._left:
            data = self._exactly(min(self._left, _PIECE))
            self._left -= len(data)
            to.write(data)

    def _begin(self, size: int) -> None:
        self._left, self._padding = size, -size % _BLOCK

    def _skip(self) -> None:
        left = self._left + self._padding
        while left:
            left -= len(self._exactly(min(left, _PIECE)))
        self._left = self._padding = 0

    def _drain(self) -> None:
        """Read to the end of the stream, whose digest is of all of it."""
        while data := self._stream.read(_PIECE):
            self.position += len(data)

    def _exactly(self, size: int, *, end: bool = False) -> bytes:
        pieces, left = [], size
        while left and (data := self._stream.read(left)):
            pieces.append(data)
            left -= len(data)
        data = b"".join(pieces)
        self.position += len(data)
        if left and not (end and not data):
            raise Unfit("ends too soon")
        return data


def normal(name: str) -> str:
    """A path without `.`, `..` and leading slashes; it names entries of a list, and never a file here."""
    parts = list[str]()
    for part in name[:_LONGEST_NAME].split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _number(field: bytes) -> int:
    """An octal number, or a binary one whose first bit is set (GNU). Raises Unfit."""
    if field[:1] == b"\x80":
        value = int.from_bytes(field[1:], "big")
    elif field[:1] >= b"\x80":
        raise Unfit("has an entry of a negative size")
    else:
        text = field.strip(b" \0")
        if not all(48 <= digit < 56 for digit in text):
            raise Unfit("is not a tar archive, or damaged")
        value = int(text or b"0", 8)
    if value >= 1 << 53:
        raise Unfit("has an entry of an impossible size")
    return value


def _decimal(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise Unfit("has an entry of an impossible size")
    return int(text)


def _pax(data: bytes) -> dict[str, str]:
    """Records `LENGTH KEY=VALUE\\n` (POSIX pax). Raises Unfit."""
    found, at = {}, 0
    while at < len(data):
        length, space, _ = data[at : at + 20].partition(b" ")
        size = int(length) if length.isdigit() else 0
        if not space or size <= len(length) + 1 or at + size > len(data):
            raise Unfit("has a damaged header")
        key, _, value = data[at + len(length) + 1 : at + size].removesuffix(b"\n").partition(b"=")
        found[_text(key)] = _text(value)
        at += size
    return found


def _text(data: bytes) -> str:
    return data.split(b"\0")[0].decode("utf-8", "replace")
