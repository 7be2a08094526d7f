"""The header of an ELF file (https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html): machine, loader."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

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
# What a file is by its first bytes, where it is nothing that Linux starts.
_OTHERS = {
    b"\xcf\xfa\xed\xfe": "a program of macOS",
    b"\xce\xfa\xed\xfe": "a program of macOS",
    b"\xca\xfe\xba\xbe": "a program of macOS, or of Java",
    b"MZ": "a program of Windows",
    b"!<arch>": "an archive of objects",
    b"\x00asm": "a program of WebAssembly",
}
_EXECUTABLE, _DYNAMIC = 2, 3  # e_type
_INTERPRETER = 3  # p_type of PT_INTERP
_LARGEST = 1 << 20  # bytes of a program header table
_LONGEST = 4096  # bytes of a loader's path


class NoProgram(ValueError):
    """What the file is instead, in words that follow `FILE is`."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What Linux looks at before it starts a file."""

    arch: str  # GOARCH; "" for a script, which runs anywhere, and "machine N" for what Go does not know
    interpreter: str = ""  # path of the loader, "" for a static program
    script: bool = False  # begins with #!


def read(file: Path) -> Program:
    """Raises NoProgram where Linux could not start the file, and OSError."""
    with file.open("rb") as opened:
        head = opened.read(64)
        if head.startswith(b"#!"):
            return Program(arch="", script=True)
        if not head.startswith(b"\x7fELF"):
            what = next((says for magic, says in _OTHERS.items() if head.startswith(magic)), "no ELF file")
            raise NoProgram(f"{what if head else 'empty'}, and no program for Linux")
        try:
            return _elf(opened, head)
        except (struct.error, IndexError, OverflowError):  # an offset that no file has, too
            raise NoProgram("cut off, and no program for Linux") from None


def _elf(opened: BinaryIO, head: bytes) -> Program:
    wide, little = head[4] == 2, head[5] != 2
    order = "<" if little else ">"
    kind, machine = struct.unpack_from(f"{order}HH", head, 16)
    if kind not in (_EXECUTABLE, _DYNAMIC):
        raise NoProgram("an object file, and no program for Linux")
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
    """Offset and length in the file."""
    form, offset, length = ("Q", 8, 32) if wide else ("I", 4, 16)
    return (
        struct.unpack_from(order + form, headers, at + offset)[0],
        struct.unpack_from(order + form, headers, at + length)[0],
    )
