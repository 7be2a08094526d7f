"""Reads the sections of 64-bit little-endian ELF files (amd64, arm64 and others) of any origin."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from msgspec import Struct

from gobake.binary.elf import NoProgram

NOTHING_ON_DISK = 8  # sh_type of .bss
SYMBOLS, RELOCATIONS = 2, 4  # sh_type
LOADED, RUNS = 2, 4  # sh_flags
_MOST = 4096  # sections
_LONGEST = 256  # bytes of a section's name
_MOST_SYMBOLS = 4_000_000
_LONGEST_SYMBOL = 1 << 16  # bytes; names of generics contain those of their types
_RELOCATED = ".data.rel.ro"
_ARCHITECTURES = {62: "amd64", 183: "arm64", 243: "riscv64", 21: "ppc64le", 258: "loong64"}


class Section(Struct, frozen=True, kw_only=True):
    """A section; its bytes are inside the file."""

    name: str
    kind: int  # sh_type
    flags: int
    address: int  # 0 if it is not loaded
    offset: int
    size: int  # in memory
    link: int  # index of the section with its strings

    @property
    def end(self) -> int:
        """Where it ends in the file."""
        return self.offset + self.stored

    @property
    def stored(self) -> int:
        """Its bytes in the file."""
        return 0 if self.kind == NOTHING_ON_DISK else self.size

    @property
    def role(self) -> str:
        """Its name, or in a position-independent program that of the section whose place it takes."""
        return (self.name.removeprefix(_RELOCATED) or ".rodata") if self.name.startswith(_RELOCATED) else self.name

    @property
    def loaded(self) -> bool:
        return bool(self.flags & LOADED)


class Elf(Struct, frozen=True, kw_only=True):
    """A program file taken apart into sections."""

    data: memoryview
    arch: str  # GOARCH
    sections: tuple[Section, ...]  # by index
    headers: tuple[tuple[int, int], ...]  # (offset, end) of the file's and the tables' headers

    def section(self, *names: str) -> Section | None:
        """The first section with one of these roles."""
        for name in names:
            for section in self.sections:
                if section.role == name:
                    return section
        return None

    def content(self, section: Section | None) -> memoryview:
        return self.data[section.offset : section.end] if section else self.data[:0]

    def at(self, address: int, size: int = 1) -> int | None:
        """Return the offset in the file of loaded bytes; None if the file has no such bytes."""
        for section in self.sections:
            if section.loaded and section.address <= address and address + size <= section.address + section.stored:
                return section.offset + address - section.address
        return None


class Symbol(Struct, frozen=True, gc=False):
    """A named range of loaded bytes."""

    address: int
    size: int
    name: str


def read(data: memoryview) -> Elf:
    """Read the headers. Raises NoProgram, whose message follows `FILE is`."""
    head = bytes(data[:64])
    if head[:4] != b"\x7fELF":
        raise NoProgram("not an ELF file" if head else "empty")
    if len(head) < 64:
        raise NoProgram("a truncated ELF file")
    if head[4] != 2 or head[5] != 1:
        raise NoProgram("a program of 32 bits or of another byte order, which is not taken apart")
    (machine,) = struct.unpack_from("<H", head, 18)
    programs, table = struct.unpack_from("<QQ", head, 32)
    program_size, program_count, size, count, names = struct.unpack_from("<5H", head, 54)
    if count and size != 64:
        raise NoProgram("a damaged ELF file: its section headers have another size")
    if count > _MOST or table + count * size > len(data) or programs + program_size * program_count > len(data):
        raise NoProgram("a truncated ELF file")
    headers = [(0, 64), (programs, programs + program_size * program_count), (table, table + count * size)]
    return Elf(
        data=data,
        arch=_ARCHITECTURES.get(machine, f"machine {machine}"),
        sections=tuple(_sections(data, table, count, names)),
        headers=tuple(sorted(part for part in headers if part[0] < part[1])),
    )


def _sections(data: memoryview, table: int, count: int, names: int) -> Iterator[Section]:
    rows = list(struct.iter_unpack("<IIQQQQIIQQ", data[table : table + count * 64]))
    strings = data[:0]
    if names < count:
        strings = data[rows[names][4] : rows[names][4] + rows[names][5]]
    for name, kind, flags, address, offset, size, link, *_ in rows:
        if kind not in (0, NOTHING_ON_DISK) and offset + size > len(data):
            raise NoProgram("a truncated ELF file")
        text = bytes(strings[name : name + _LONGEST]).split(b"\0")[0].decode("utf-8", "replace")
        stored = kind if kind else NOTHING_ON_DISK
        yield Section(name=text, kind=stored, flags=flags, address=address, offset=offset, size=size, link=link)


def symbols(elf: Elf) -> list[Symbol]:
    """Return the symbols that name loaded bytes, by address; () for a stripped program. Raises NoProgram."""
    table = next((section for section in elf.sections if section.kind == SYMBOLS), None)
    if table is None or table.link >= len(elf.sections):
        return []
    if table.size // 24 > _MOST_SYMBOLS:
        raise NoProgram("a program with too many symbols")
    strings = bytes(elf.content(elf.sections[table.link]))
    content = elf.content(table)
    found, room = [], 4 * len(strings)  # of names: those of a hostile file may overlap
    for name, info, _, index, address, size in struct.iter_unpack("<IBBHQQ", content[: len(content) // 24 * 24]):
        if info & 15 <= 2 and 0 < index < 0xFF00:  # objects, functions, and those without a type
            end = strings.find(b"\0", name, name + _LONGEST_SYMBOL)
            room -= end - name
            if end > name and room > 0:
                found.append(Symbol(address, size, strings[name:end].decode("utf-8", "replace")))
    found.sort(key=lambda symbol: (symbol.address, -symbol.size))
    return found
