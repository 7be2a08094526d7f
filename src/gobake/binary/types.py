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


class Method(Struct, frozen=True, gc=False):
    """A method of a type that the linker kept."""

    name: str
    kind: int  # address of its function type
    functions: tuple[int, ...]  # offsets in the code


class Descriptor(Struct, frozen=True, kw_only=True):
    """What a type refers to."""

    address: int
    others: tuple[int, ...]  # addresses of the types and names that it consists of
    methods: tuple[Method, ...] = ()
    asked: tuple[tuple[str, int], ...] = ()  # of an interface: name and function type of each method


class _Region(Struct, frozen=True, kw_only=True):
    data: memoryview
    low: int
    high: int
    map_size: int
    named: set[int]  # offsets of names that a descriptor before has claimed; types share most of them


def described(elf: Elf, low: int, high: int, seeds: Iterable[tuple[int, str]], go: str) -> Iterator[Described]:
    """Yield the descriptors that the seeds reach and their names. ``seeds``: (address, package that refers to it)."""
    region = _region(elf, low, high, go)
    if region is None:
        return
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
            others = [*one.pointer, *(low + kind for _, kind, *_ in one.methods if kind > 0), *one.parts]
            room -= len(one.ranges) + len(others)
            yield from one.ranges
            waiting.extend((other, one.package) for other in others if other not in seen)


def _region(elf: Elf, low: int, high: int, go: str) -> _Region | None:
    begin = elf.at(low, max(high - low, 1))
    if begin is None:
        return None
    swiss = not go.startswith(tuple(f"go1.{minor}" for minor in range(18, 24)))
    return _Region(
        data=elf.data[begin : begin + high - low],
        low=low,
        high=high,
        map_size=_SWISS_MAP if swiss else _OLD_MAP,
        named=set(),
    )


def descriptors(elf: Elf, low: int, high: int, addresses: Iterable[int], go: str) -> Iterator[Descriptor]:
    """Yield what the types at these addresses refer to; what is no type is left out."""
    region = _region(elf, low, high, go)
    for address in addresses if region else ():
        if address % 8 or not low <= address < high:
            continue
        assert region
        region.named.clear()
        try:
            one = _read(region, address, "")
        except struct.error:
            continue
        if one:
            names = (described.address for described in one.ranges[1:])
            yield Descriptor(
                address=address,
                others=tuple({*names, *one.pointer, *one.parts}),
                methods=tuple(
                    Method(_text(region, name), low + kind, tuple(f for f in functions if f > 0))
                    for name, kind, *functions in one.methods
                    if kind > 0
                ),
                asked=tuple((_text(region, name), low + kind) for name, kind in _asked(region, address - low)),
            )


class _Read(Struct, frozen=True, kw_only=True):
    package: str
    ranges: list[Described]
    pointer: list[int]  # address of the type of its pointers, if there is one
    parts: list[int]  # addresses of types that it consists of
    methods: list[tuple[int, int, int, int]]  # offsets: name, function type, and two functions


def _read(region: _Region, address: int, package: str) -> _Read | None:
    at = address - region.low
    size, pointers, _, flags, align, field_align, kind, _, _, name, pointer = _TYPE.unpack_from(region.data, at)
    kind &= 31
    if not 1 <= kind <= _LAST_KIND or pointers > size or align > 64 or field_align > 64 or (not align and size):
        return None
    fixed = region.map_size if kind == _MAP else _SIZES.get(kind, 48)
    end = at + fixed
    names, methods = [name], list[tuple[int, int, int, int]]()
    if flags & _UNCOMMON:
        path, count, _, offset, _ = struct.unpack_from("<iHHII", region.data, end)
        if offset + 16 * count > len(region.data) - end:
            return None
        package = _text(region, path) or package
        names.append(path)
        methods = list(struct.iter_unpack("<iiii", region.data[end + offset :][: 16 * count]))
        names += [called for called, *_ in methods]
        end = max(end + 16, end + offset + 16 * count)
    end, more, parts = _parts(region, at, kind, fixed, end)
    names += more
    ranges = [Described(address, region.low + end, package)]
    for at in names:
        if at not in region.named and (length := _length(region, at)):
            region.named.add(at)
            ranges.append(Described(region.low + at, region.low + at + length, package))
    own = [region.low + pointer] if pointer > 0 else []
    return _Read(package=package, ranges=ranges, pointer=own, parts=parts, methods=methods)


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


def _asked(region: _Region, at: int) -> list[tuple[int, int]]:
    """The methods of an interface; none of another type."""
    if region.data[at + 23] & 31 != _INTERFACE:
        return []
    place, count = struct.unpack_from("<QQ", region.data, at + 56)
    begin = place - region.low
    return list(struct.iter_unpack("<ii", region.data[begin : begin + 8 * count])) if begin >= 0 else []


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
