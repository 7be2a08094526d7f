"""Reads machine and loader from ELF headers (https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html)."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

# e_machine, 64 bits, little endian -> GOARCH
_MACHINES = {
    (3, False, True): "386",
    (62, True, True): "amd64",
    (40, False, True): "arm",
    (183, True, True): "arm64",
    (258, True, True): "loong64",
    (8, False, False): "mips",
    (8, False, True): "mipsle",
    (8, True, False): "mips64",
    (8, True, True): "mips64le",
    (21, True, False): "ppc64",
    (21, True, True): "ppc64le",
    (243, True, True): "riscv64",
    (22, True, False): "s390x",
}
# First bytes of files that Linux does not start.
_OTHERS = {
    b"\xcf\xfa\xed\xfe": "a macOS program",
    b"\xce\xfa\xed\xfe": "a macOS program",
    b"\xca\xfe\xba\xbe": "a macOS or Java program",
    b"MZ": "a Windows program",
    b"!<arch>": "an archive of object files",
    b"\x00asm": "a WebAssembly program",
}
_EXECUTABLE, _DYNAMIC = 2, 3  # e_type
_INTERPRETER = 3  # p_type of PT_INTERP
_LARGEST = 1 << 20  # bytes read of a program header table
_LONGEST = 4096  # bytes read of a loader's path


class NoProgram(ValueError):
    """The file is not a Linux program. The message says what it is; it follows `FILE is`."""


class Program(Struct, frozen=True, kw_only=True):
    """What Linux reads of a file before it starts it."""

    arch: str  # GOARCH; "" for a script, which runs anywhere; "machine N" for one that Go does not know
    interpreter: str = ""  # path of the loader; "" for a static program
    script: bool = False  # begins with #!


def read(file: Path) -> Program:
    """Read a program's header. Raises NoProgram if Linux cannot start the file, and OSError."""
    with file.open("rb") as opened:
        head = opened.read(64)
        if head.startswith(b"#!"):
            return Program(arch="", script=True)
        if not head.startswith(b"\x7fELF"):
            what = next((kind for magic, kind in _OTHERS.items() if head.startswith(magic)), "not an ELF file")
            raise NoProgram(what if head else "empty")
        try:
            return _elf(opened, head)
        except (struct.error, IndexError, OverflowError):  # also an impossible offset
            raise NoProgram("a truncated ELF file") from None


def _elf(opened: BinaryIO, head: bytes) -> Program:
    wide, little = head[4] == 2, head[5] != 2
    order = "<" if little else ">"
    kind, machine = struct.unpack_from(f"{order}HH", head, 16)
    if kind not in (_EXECUTABLE, _DYNAMIC):
        raise NoProgram("an object file")
    if wide:
        (table,) = struct.unpack_from(f"{order}Q", head, 32)
        size, count = struct.unpack_from(f"{order}HH", head, 54)
    else:
        (table,) = struct.unpack_from(f"{order}I", head, 28)
        size, count = struct.unpack_from(f"{order}HH", head, 42)
    opened.seek(table)
    headers = opened.read(min(size * count, _LARGEST))
    arch = _MACHINES.get((machine, wide, little), f"machine {machine}")
    for at in range(0, size * count, size or 1):
        if struct.unpack_from(f"{order}I", headers, at)[0] == _INTERPRETER:
            offset, length = _segment(headers, at, order, wide=wide)
            opened.seek(offset)
            path = opened.read(min(length, _LONGEST)).split(b"\0")[0]
            return Program(arch=arch, interpreter=path.decode("utf-8", "replace"))
    return Program(arch=arch)


def _segment(headers: bytes, at: int, order: str, *, wide: bool) -> tuple[int, int]:
    """Return offset and length of the segment in the file."""
    form, offset, length = ("Q", 8, 32) if wide else ("I", 4, 16)
    return (
        struct.unpack_from(order + form, headers, at + offset)[0],
        struct.unpack_from(order + form, headers, at + length)[0],
    )
