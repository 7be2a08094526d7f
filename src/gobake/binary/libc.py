"""Which libc a program needs, and of glibc the oldest version that has all of its symbols.

https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html
"""

from __future__ import annotations

import mmap
import re
import struct
from pathlib import Path

from msgspec import Struct

from gobake.binary import elf, sections
from gobake.binary.elf import NoProgram
from gobake.binary.loaders import libc_of
from gobake.binary.sections import Elf

_NEEDED = 0x6FFFFFFE  # sh_type of .gnu.version_r
_VERSION = re.compile(rb"GLIBC_(\d{1,4})\.(\d{1,4})(?:\.\d{1,4})?")
_MOST = 10_000  # versions
_LONGEST = 64  # bytes of a version's name


class Libc(Struct, frozen=True, kw_only=True):
    """What a program needs of its image."""

    kind: str  # static, glibc, musl; "" for a loader that no base image has, a script, or no program at all
    floor: str = ""  # the oldest glibc that has all symbols, such as 2.34; "" if it is not glibc, or unknown

    def __str__(self) -> str:
        return f"{self.kind} {self.floor}".rstrip() or "unknown"


def needed(file: Path) -> Libc:
    """Return the libc that a program needs. Raises OSError."""
    try:
        program = elf.read(file)
        if program.script:
            return Libc(kind="")
        kind = libc_of(program.interpreter)
        if kind != "glibc":
            return Libc(kind=kind)
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return Libc(kind=kind, floor=_floor_of(mapped[:]))
    except NoProgram:
        return Libc(kind="")


def _floor_of(data: bytes) -> str:
    try:
        return floor(sections.read(memoryview(data)))
    except (NoProgram, struct.error):
        return ""


def floor(program: Elf) -> str:
    """Return the highest version of glibc's symbols; "" if there is none, or the table is damaged."""
    table = next((section for section in program.sections if section.kind == _NEEDED), None)
    if table is None or table.link >= len(program.sections):
        return ""
    content = bytes(program.content(table))
    strings = bytes(program.content(program.sections[table.link]))
    found = set[tuple[int, int]]()
    at, left = 0, _MOST
    while left and at + 16 <= len(content):
        _, count, _, first, following = struct.unpack_from("<HHIII", content, at)
        place = at + first
        for _ in range(min(count, left)):
            left -= 1
            if place + 16 > len(content):
                break
            _, _, _, name, after = struct.unpack_from("<IHHII", content, place)
            match = _VERSION.fullmatch(strings[name : name + _LONGEST].split(b"\0")[0])
            if match:
                found.add((int(match[1]), int(match[2])))
            place += after
            if not after:
                break
        left -= bool(left)
        at += following
        if not following:
            break
    return "{}.{}".format(*max(found)) if found else ""
