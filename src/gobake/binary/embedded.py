"""Finds the files that //go:embed put into a program: an embed.FS is a list of names and contents (package embed)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence

from gobake.binary.kinds import Kind, Label
from gobake.binary.sections import Elf, Symbol
from gobake.text.printable import one_line

_LIST = ".files"  # behind the variable's name, in its symbol
_HEADER, _FILE = struct.Struct("<QQQ"), struct.Struct("<QQQQ16x")
_MOST = 100_000  # files
_LONGEST = 4096  # bytes of a name
_SHOWN = 300


def files(elf: Elf, symbols: Sequence[Symbol], package_of: Callable[[str], str]) -> Iterator[tuple[int, int, Label]]:
    """Yield (address, end, label) of each embedded file's content."""
    for symbol in symbols:
        if not symbol.name.endswith(_LIST) or symbol.size < _HEADER.size:
            continue
        package = package_of(symbol.name)
        for name, address, size in _listed(elf, symbol):
            if size and elf.at(address, size) is not None:
                yield address, address + size, Label(Kind.EMBEDDED, package, one_line(name, _SHOWN))


def _listed(elf: Elf, symbol: Symbol) -> Iterator[tuple[str, int, int]]:
    header = elf.at(symbol.address, symbol.size)
    if header is None:
        return
    place, count, _ = _HEADER.unpack_from(elf.data, header)
    if place != symbol.address + _HEADER.size or not 0 < count <= _MOST:
        return
    if _HEADER.size + count * _FILE.size > symbol.size:
        return
    for number in range(count):
        name, length, content, size = _FILE.unpack_from(elf.data, header + _HEADER.size + number * _FILE.size)
        at = elf.at(name, length) if 0 < length <= _LONGEST else None
        if at is not None:
            yield bytes(elf.data[at : at + length]).decode("utf-8", "replace"), content, size
