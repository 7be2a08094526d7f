"""Reads pclntab, the table by which a Go program finds function and line of an address; stripped programs have it too.

Layout since Go 1.18: runtime/symtab.go (pcHeader, functab, _func, findfuncbucket) and cmd/link/internal/ld/pcln.go.
Tables that functions share belong to the first of them, and the linker puts a package behind those that it imports.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from msgspec import Struct

from gobake.binary.elf import NoProgram
from gobake.binary.sections import Elf, Section

_MAGICS = (0xFFFFFFF1, 0xFFFFFFF0)  # since Go 1.20; Go 1.18 and 1.19
_FUNCTION = struct.Struct("<IiiIIIIIIiBBxB")  # _func without its arrays
_NONE = 0xFFFFFFFF
_MOST = 4_000_000  # functions
_MODULEDATA = 328  # bytes of moduledata up to the address of go:func.*
_MOST_TABLES = 64  # of a function
_LONGEST = 1 << 16  # bytes of a name; those of generics contain their types
_BUCKET, _BUCKET_SIZE = 4096, 20  # bytes of code for each bucket of findfunctab, and its own


class Function(Struct, frozen=True, gc=False):
    """A function of the program, with its tables as offsets."""

    address: int
    end: int  # with the padding behind it
    name: str
    entry: int  # offset of its _func in the section
    named: int  # of its name in the table of names
    unit: int  # of its files in the table of units
    tables: tuple[int, ...]  # in the table of pcs
    data: tuple[int, ...]  # behind go:func.*


class Pclntab(Struct, frozen=True, kw_only=True):
    """The table: where its parts are in the section, and the functions by address."""

    section: Section
    names: int
    units: int
    files: int
    pcs: int
    functions_at: int
    functions: tuple[Function, ...]
    buckets: int = 0  # address of findfunctab; 0 if unknown
    shared: int = 0  # address of go:func.*; 0 if unknown


def read(elf: Elf, text: int | None) -> Pclntab | None:
    """Read the table; None for a program without one. ``text``: where the code begins if symbols tell.

    Raises NoProgram for a table that is damaged or of another Go.
    """
    section = elf.section(".gopclntab")
    if section is None:
        return None
    content = elf.content(section)
    try:
        magic, _, pointer, count, _, start, *parts = struct.unpack_from("<IHxBQQQ5Q", content)
        if magic not in _MAGICS or pointer != 8:
            raise NoProgram("a program of a Go whose tables are not known")
        if count > _MOST or parts != sorted(parts) or parts[-1] + 8 * count > len(content):
            raise NoProgram("a program with damaged tables of functions")
        found = _moduledata(elf, section)
        begin = text or start or (found[0] if found else _begin_of_code(elf))
        functions = tuple(_functions(content, parts, count, begin))
    except struct.error:
        raise NoProgram("a program with damaged tables of functions") from None
    names, units, files, pcs, functions_at = parts
    return Pclntab(
        section=section,
        names=names,
        units=units,
        files=files,
        pcs=pcs,
        functions_at=functions_at,
        functions=functions,
        buckets=found[1] if found else 0,
        shared=found[2] if found else 0,
    )


def _moduledata(elf: Elf, section: Section) -> tuple[int, int, int] | None:
    """Where code, findfunctab and go:func.* begin, by the runtime's moduledata, which begins with the table's address.

    None if it is not found, as in position-independent programs, whose addresses are written at their start.
    """
    wanted = struct.pack("<Q", section.address)
    for name in (".go.module", ".noptrdata", ".data"):
        place = elf.section(name)
        content = bytes(elf.content(place))
        at = content.find(wanted)
        while at >= 0:
            if at % 8 == 0 and at + _MODULEDATA <= len(content):
                buckets, low, _, text = struct.unpack_from("<QQQQ", content, at + 152)
                if low and low == text:
                    return text, buckets, struct.unpack_from("<Q", content, at + 320)[0]
            at = content.find(wanted, at + 1)
    return None


def _begin_of_code(elf: Elf) -> int:
    code = elf.section(".text")
    return code.address if code else 0


def _functions(content: memoryview, parts: list[int], count: int, text: int) -> Iterator[Function]:
    names, _, _, _, at = parts
    table = struct.unpack_from(f"<{2 * count + 1}I", content, at)
    strings = bytes(content[names : parts[1]])
    room = 4 * len(content)  # of names and tables: those of a hostile file may overlap
    for number in range(count):
        begin, offset, after = table[2 * number : 2 * number + 3]
        place = at + offset
        _, named, _, _, sp, file, line, tables, unit, _, _, _, data = _FUNCTION.unpack_from(content, place)
        end = strings.find(b"\0", named, named + _LONGEST) if named >= 0 else -1
        room -= 4 * (tables + data) + end - named
        if tables > _MOST_TABLES or end < 0 or room < 0:
            raise NoProgram("a program with damaged tables of functions")
        found = struct.unpack_from(f"<{tables + data}I", content, place + _FUNCTION.size)
        yield Function(
            text + begin,
            text + max(begin, after),
            strings[named:end].decode("utf-8", "replace"),
            place,
            named,
            unit,
            (sp, file, line, *found[:tables]),
            found[tables:],
        )


def data_of_functions(table: Pclntab, owners: Sequence[str], shared: int) -> dict[int, str]:
    """Return the addresses of what the garbage collector knows of functions, each with its package.

    ``shared``: the address of go:func.*, which is in the section since Go 1.26, and in read-only data before.
    """
    found: dict[int, str] = {}
    for function, owner in zip(table.functions, owners, strict=True):
        for offset in function.data:
            if offset != _NONE:
                found.setdefault(shared + offset, owner)
    return found


def starts(table: Pclntab, owners: Sequence[str], elf: Elf) -> dict[int, str]:
    """Return where parts of the table begin in its section, each with the package that it serves.

    ``owners``: the packages of the functions.
    """
    found: dict[int, str] = {0: "runtime"}
    entries = table.functions_at
    units: dict[int, str] = {}
    for number, (function, owner) in enumerate(zip(table.functions, owners, strict=True)):
        found.setdefault(table.names + function.named, owner)
        found.setdefault(entries + 8 * number, owner)
        found.setdefault(function.entry, owner)
        if function.unit != _NONE:
            units.setdefault(function.unit, owner)
        for offset in function.tables:
            if offset:
                found.setdefault(table.pcs + offset, owner)
    _files(table, units, elf.content(table.section), found)
    return found


def _files(table: Pclntab, units: dict[int, str], content: memoryview, found: dict[int, str]) -> None:
    """Add the units' lists of files, and the names of files, which belong to the first unit with them."""
    ordered = sorted(units)
    last = (table.files - table.units) // 4
    for unit, end in zip(ordered, [*ordered[1:], last], strict=True):
        place = table.units + 4 * unit
        found.setdefault(place, units[unit])
        if unit < end <= last:
            for offset in struct.unpack_from(f"<{end - unit}I", content, place):
                if offset != _NONE:
                    found.setdefault(table.files + offset, units[unit])


def buckets(address: int, end: int, text: int, owner_at: list[tuple[int, str]]) -> dict[int, str]:
    """Return the parts of findfunctab by address: a bucket belongs to the package of the code that it begins with."""
    found, at = {}, 0
    for number in range(max(0, end - address) // _BUCKET_SIZE):
        code = text + number * _BUCKET
        while at + 1 < len(owner_at) and owner_at[at + 1][0] <= code:
            at += 1
        if owner_at:
            found[address + number * _BUCKET_SIZE] = owner_at[at][1]
    return found
