"""Reads Go's type descriptors, which have no symbols: where each begins and ends, with its names, and whose it is.

Layout: internal/abi/type.go. Of a hostile file, at worst nothing is found.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Iterator

from msgspec import Struct

from gobake.binary.sections import Elf
from gobake.binary.varints import uvarint

_TYPE = struct.Struct("<QQIBBBBQQii")
_UNCOMMON = 1  # tflag
_ARRAY, _CHAN, _FUNC, _INTERFACE, _MAP, _POINTER, _SLICE, _STRUCT = 17, 18, 19, 20, 21, 22, 23, 25
_LAST_KIND = 26
# Bytes of a descriptor by kind, before its uncommon part; a map's since Go 1.24, and before
_SIZES = {_ARRAY: 72, _CHAN: 64, _FUNC: 56, _INTERFACE: 80, _POINTER: 56, _SLICE: 56, _STRUCT: 80}
_SWISS_MAP, _OLD_MAP = 112, 88
_MOST_PARTS = 65_535  # of a type: fields, methods
_LENGTH_BITS = 28
_LONGEST = 8192  # bytes of a name
_MOST = 4_000_000  # descriptors and their parts


class Described(Struct, frozen=True, gc=False):
    """A range of the types' region with its package."""

    address: int
    end: int
    package: str


class _Region(Struct, frozen=True, kw_only=True):
    data: memoryview
    low: int
    high: int
    map_size: int
    named: set[int]  # offsets of names that a descriptor before has claimed; types share most of them


def described(elf: Elf, low: int, high: int, seeds: Iterable[tuple[int, str]], go: str) -> Iterator[Described]:
    """Yield the descriptors that the seeds reach and their names. ``seeds``: (address, package that refers to it)."""
    begin = elf.at(low, max(high - low, 1))
    if begin is None:
        return
    swiss = not go.startswith(tuple(f"go1.{minor}" for minor in range(18, 24)))
    region = _Region(
        data=elf.data[begin : begin + high - low],
        low=low,
        high=high,
        map_size=_SWISS_MAP if swiss else _OLD_MAP,
        named=set(),
    )
    waiting = deque(seeds)
    seen: set[int] = set()
    room = _MOST
    while waiting and room > 0:
        address, package = waiting.popleft()
        if address in seen or address % 8 or not low <= address < high:
            continue
        seen.add(address)
        try:
            one = _read(region, address, package)
        except struct.error:
            continue
        if one:
            room -= len(one.ranges) + len(one.others)
            yield from one.ranges
            waiting.extend((other, one.package) for other in one.others if other not in seen)


class _Read(Struct, frozen=True, kw_only=True):
    package: str
    ranges: list[Described]
    others: list[int]  # addresses of types that it names


def _read(region: _Region, address: int, package: str) -> _Read | None:
    at = address - region.low
    size, pointers, _, flags, align, field_align, kind, _, _, name, pointer = _TYPE.unpack_from(region.data, at)
    kind &= 31
    if not 1 <= kind <= _LAST_KIND or pointers > size or align > 64 or field_align > 64 or (not align and size):
        return None
    fixed = region.map_size if kind == _MAP else _SIZES.get(kind, 48)
    end = at + fixed
    names, others = [name], [region.low + pointer] if pointer > 0 else []
    if flags & _UNCOMMON:
        path, methods, _, offset, _ = struct.unpack_from("<iHHII", region.data, end)
        if offset + 16 * methods > len(region.data) - end:
            return None
        package = _text(region, path) or package
        names.append(path)
        for called, kinds, _, _ in struct.iter_unpack("<iiii", region.data[end + offset :][: 16 * methods]):
            names.append(called)
            others += [region.low + kinds] if kinds > 0 else []
        end = max(end + 16, end + offset + 16 * methods)
    end, more, pointed = _parts(region, at, kind, fixed, end)
    names += more
    ranges = [Described(address, region.low + end, package)]
    for at in names:
        if at not in region.named and (length := _length(region, at)):
            region.named.add(at)
            ranges.append(Described(region.low + at, region.low + at + length, package))
    return _Read(package=package, ranges=ranges, others=others + pointed)


def _parts(region: _Region, at: int, kind: int, fixed: int, end: int) -> tuple[int, list[int], list[int]]:
    """Return the descriptor's end, the offsets of further names, and the addresses of the types that it consists of."""
    data, low = region.data, region.low
    if kind in (_ARRAY, _CHAN, _POINTER, _SLICE, _MAP):
        count = {_ARRAY: 2, _MAP: 3}.get(kind, 1)
        return end, [], list(struct.unpack_from(f"<{count}Q", data, at + 48))
    if kind == _FUNC:
        taken, given = struct.unpack_from("<HH", data, at + 48)
        count = min(taken + (given & 0x7FFF), _MOST_PARTS)
        begin = at + fixed + (16 if data[at + 20] & _UNCOMMON else 0)
        return max(end, begin + 8 * count), [], list(struct.unpack_from(f"<{count}Q", data, begin))
    if kind == _INTERFACE:
        path, place, count = struct.unpack_from("<QQQ", data, at + 48)
        begin = place - low
        if begin >= 0 and count <= _MOST_PARTS and begin + 8 * count <= len(data):
            pairs = list(struct.iter_unpack("<ii", data[begin : begin + 8 * count]))
            names = [path - low, *(name for name, _ in pairs)]
            return max(end, begin + 8 * count if begin >= at else end), names, [low + kinds for _, kinds in pairs]
    if kind == _STRUCT:
        path, place, count = struct.unpack_from("<QQQ", data, at + 48)
        begin = place - low
        if begin >= 0 and count <= _MOST_PARTS and begin + 24 * count <= len(data):
            fields = list(struct.iter_unpack("<QQQ", data[begin : begin + 24 * count]))
            names = [path - low, *(name - low for name, _, _ in fields)]
            return max(end, begin + 24 * count if begin >= at else end), names, [kinds for _, kinds, _ in fields]
    return end, [], []


def _length(region: _Region, at: int) -> int:
    """The bytes of a name: flags, a length, the text, and a tag and the package's path if the flags say so."""
    data = region.data
    if not 0 < at < len(data) - 2:
        return 0
    flags, end = data[at], at + 1
    if flags > 15:
        return 0
    for _ in range(2 if flags & 2 else 1):
        length, end = uvarint(data, end, _LENGTH_BITS)
        end += length
    end += 4 if flags & 4 else 0
    return end - at if end - at <= _LONGEST and end <= len(data) else 0


def _text(region: _Region, at: int) -> str:
    if not _length(region, at):
        return ""
    length, begin = uvarint(region.data, at + 1, _LENGTH_BITS)
    return bytes(region.data[begin : begin + length]).decode("utf-8", "replace")
