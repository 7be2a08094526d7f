"""Takes a Go program apart: every byte of its file belongs to a package and a kind, once.

What has a symbol belongs to the symbol's package. Strings, types and tables have none in any program: they belong to
the package of the first code or data that refers to them, and the linker puts a package behind those that it imports.
A stripped program has no symbols either; those of its twin, which differs only in having them, describe it as well.
"""

from __future__ import annotations

import contextlib
import gc
import mmap
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from gobake.binary import buildinfo, loaded, sections
from gobake.binary.buildinfo import GoInfo, Module
from gobake.binary.elf import NoProgram
from gobake.binary.kinds import Kind, Label
from gobake.binary.sections import NOTHING_ON_DISK, Elf, Section, Symbol
from gobake.text.printable import one_line

_DEBUG = (".debug_", ".zdebug_")
_SYMBOLS = (".symtab", ".strtab", ".gosymtab")
_BUILD = (".go.buildinfo", ".note.go.buildid", ".go.fipsinfo")
_STAMP = 256  # bytes in which the code of a program and its twin may differ: Go's build ID
_EQUAL = (".text", ".gopclntab")


class Basis(StrEnum):
    """Where the names come from."""

    SYMBOLS = "symbols"  # of the file itself
    TWIN = "twin"  # of the same program, linked with symbols
    FUNCTIONS = "functions"  # the names of functions in pclntab, which stripped programs keep


class Part(Struct, frozen=True, kw_only=True):
    """Bytes of one package and kind."""

    kind: Kind
    package: str  # "" if they belong to none
    name: str  # of an embedded file; "" for others
    size: int


class Anatomy(Struct, frozen=True, kw_only=True):
    """A program taken apart. The sizes of its parts add up to that of the file."""

    size: int
    arch: str  # GOARCH
    info: GoInfo
    basis: Basis
    parts: tuple[Part, ...]  # the largest first
    bss: int  # bytes that are zero at the start, and not in the file

    def by_module(self) -> dict[Module, int]:
        """Bytes by module, the largest first; the module with path "" has those that belong to none."""
        module_of = buildinfo.modules_of(self.info)
        nowhere = Module(path="")
        sums: Counter[Module] = Counter()
        for part in self.parts:
            sums[module_of(part.package) if part.package else nowhere] += part.size
        return dict(sums.most_common())

    def by_package(self) -> dict[str, int]:
        sums: Counter[str] = Counter()
        for part in self.parts:
            sums[part.package] += part.size
        return dict(sums.most_common())

    def by_kind(self) -> dict[Kind, int]:
        sums: Counter[Kind] = Counter()
        for part in self.parts:
            sums[part.kind] += part.size
        return dict(sums.most_common())


def take_apart(file: Path, twin: Path | None = None, *, symbols: bool = True) -> Anatomy:
    """Take a program apart.

    ``twin``: the same program with symbols, if there is one. ``symbols``: whether to use its own, if it has any.

    Raises NoProgram, also for a twin of another program, and OSError.
    """
    data = _mapped(file)
    with _without_collection():
        return _taken_apart(data, twin, own=symbols)


def stripped(file: Path) -> bool:
    """Whether a Go program has no symbols of its own. Raises NoProgram and OSError."""
    elf = sections.read(_mapped(file))
    buildinfo.read(elf)
    return not sections.symbols(elf)


def _mapped(file: Path) -> memoryview:
    with file.open("rb") as opened:
        if not file.stat().st_size:
            raise NoProgram("empty")
        return memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Millions of small values are made and none in a cycle: looking for cycles takes a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _taken_apart(data: memoryview, twin: Path | None, *, own: bool) -> Anatomy:
    elf = sections.read(data)
    info = buildinfo.read(elf)
    symbols = sections.symbols(elf) if own else []
    basis = Basis.SYMBOLS
    if not symbols and twin is not None:
        symbols, basis = _symbols_of(twin, elf), Basis.TWIN
    if not symbols:
        basis = Basis.FUNCTIONS
    sums = _outside(elf)
    sums.update(loaded.divide(elf, symbols, info))
    if sum(sums.values()) != len(data):
        raise NoProgram("a damaged ELF file: its sections contradict each other")
    parts = (Part(kind=k, package=p, name=n, size=size) for (k, p, n), size in sums.most_common() if size)
    return Anatomy(
        size=len(data),
        arch=elf.arch,
        info=info,
        basis=basis,
        parts=tuple(parts),
        bss=sum(s.size for s in elf.sections if s.kind == NOTHING_ON_DISK and s.name.endswith("bss")),
    )


# ---- the twin


def _symbols_of(twin: Path, elf: Elf) -> list[Symbol]:
    """The symbols of the twin. Raises NoProgram if it is not the same program."""
    other = sections.read(memoryview(twin.read_bytes()))
    if why := difference(elf, other):
        raise NoProgram(f"another program than its twin with symbols: {why}")
    return sections.symbols(other)


def difference(one: Elf, other: Elf) -> str:
    """Say why the symbols of one program do not describe another; "" if they do.

    All loaded sections must be at the same places, and code and tables of functions the same. Code contains the
    addresses of all data, so data may differ in values only, such as a version that was linked in.
    """
    pairs = {section.name: section for section in other.sections if section.loaded}
    for section in (section for section in one.sections if section.loaded):
        pair = pairs.pop(section.name, None)
        if pair is None or (pair.address, pair.size) != (section.address, section.size):
            return f"{one_line(section.name)} has another place or size"
        if section.role not in _EQUAL:
            continue
        mine, theirs = bytes(one.content(section)), bytes(other.content(pair))
        if section.name == ".text":
            mine, theirs = _without_stamp(mine), _without_stamp(theirs)
        if mine != theirs:
            return f"{one_line(section.name)} has another content"
    return f"{one_line(next(iter(pairs)))} is only in one" if pairs else ""


def _without_stamp(text: bytes) -> bytes:
    """The code without Go's build ID, which stands at its begin."""
    begin = text.find(b'\xff Go build ID: "', 0, 1 << 20)
    end = text.find(b'"\n \xff', begin, begin + _STAMP) if begin >= 0 else -1
    return text[:begin] + text[end:] if end >= 0 else text


# ---- what is not loaded


def _outside(elf: Elf) -> Counter[Label]:
    """The bytes of headers, of sections that are not loaded, and between sections."""
    claims = [(begin, end, Label(Kind.HEADERS)) for begin, end in elf.headers]
    for section in elf.sections:
        if section.stored:
            claims.append((section.offset, section.end, _label(section)))
    sums: Counter[Label] = Counter()
    cursor = 0
    for begin, end, label in sorted(claims, key=lambda claim: claim[:2]):
        if begin > cursor:
            sums[Label(_between(elf.data[cursor:begin]))] += begin - cursor
            cursor = begin
        if end > cursor:
            if label.kind is not Kind.LOADED:
                sums[label] += end - cursor
            elif begin < cursor:
                raise NoProgram("a damaged ELF file: its sections overlap")
            cursor = end
    if cursor < len(elf.data):
        sums[Label(_between(elf.data[cursor:]))] += len(elf.data) - cursor
    return sums


def _label(section: Section) -> Label:
    if section.name in _BUILD:
        return Label(Kind.BUILD_INFO)
    if section.name.startswith(_DEBUG):
        return Label(Kind.DWARF)
    if section.name in _SYMBOLS:
        return Label(Kind.SYMBOLS)
    if section.loaded and section.role in loaded.DIVIDED:
        return Label(Kind.LOADED)
    return Label(Kind.HEADERS if section.loaded or section.name == ".shstrtab" else Kind.UNATTRIBUTED)


def _between(data: memoryview) -> Kind:
    """Sections begin at round offsets; what lies between them is zero, or nobody's."""
    return Kind.PADDING if not any(data) else Kind.UNATTRIBUTED
