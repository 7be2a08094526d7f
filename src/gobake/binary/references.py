"""Finds what code and data refer to: the addresses of strings, types and tables that have no symbols of their own.

Pure. What several packages refer to belongs to the first, and the linker puts a package behind those that it imports.
"""

from __future__ import annotations

import itertools
import re
import struct
from bisect import bisect_right
from collections.abc import Container, Iterator, Sequence

from gobake.binary.sections import LOADED, RELOCATIONS, Elf, Section

# LEA and MOV between a register and [RIP+offset], 32 bits (Intel SDM, volume 2)
_AMD64 = re.compile(rb"[\x48\x4c][\x8d\x8b\x89][\x05\x0d\x15\x1d\x25\x2d\x35\x3d]", re.DOTALL)
_SSE = re.compile(rb"\x0f[\x10\x28\x6f][\x05\x0d\x15\x1d\x25\x2d\x35\x3d]", re.DOTALL)
_CALLS = re.compile(rb"[\xe8\xe9]")  # CALL and JMP by 32 bits
_RELATIVE = (8, 1027)  # R_X86_64_RELATIVE, R_AARCH64_RELATIVE


class Owners:
    """The owner of each address of a range: that of the last entry at or before it."""

    def __init__(self, entries: Sequence[tuple[int, str]]) -> None:
        self._addresses = [address for address, _ in entries]
        self._owners = [owner for _, owner in entries]

    def __call__(self, address: int) -> str:
        at = bisect_right(self._addresses, address) - 1
        return self._owners[at] if at >= 0 else ""


def of_code(elf: Elf, code: Section, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield (address of the instruction, address that it refers to) for the range, in the order of the code."""
    content = elf.content(code)
    if elf.arch == "amd64":
        yield from _of_amd64(content, code.address, low, high)
    elif elf.arch == "arm64":
        yield from _of_arm64(content, code.address, low, high)


def _of_amd64(content: memoryview, base: int, low: int, high: int) -> Iterator[tuple[int, int]]:
    last = len(content) - 7
    offset_of = struct.Struct("<i").unpack_from
    for pattern in (_AMD64, _SSE):
        for match in pattern.finditer(content):
            at = match.start()
            if at > last:
                break
            target = base + at + 7 + offset_of(content, at + 3)[0]
            if low <= target < high:
                yield base + at, target


def _of_arm64(content: memoryview, base: int, low: int, high: int) -> Iterator[tuple[int, int]]:
    """ADRP of a page, and the ADD or load with the rest of the address that follows it (Arm ARM, C6.2)."""
    for (word, after), at in zip(_pairs(content), range(base, base + len(content), 4), strict=False):
        if word & 0x9F000000 != 0x90000000:
            continue
        register = word & 31
        pages = ((word >> 5) & 0x7FFFF) << 2 | (word >> 29) & 3
        page = ((at >> 12) + (pages - (1 << 21) if pages >> 20 else pages)) << 12
        if (after >> 5) & 31 != register:
            continue
        rest = (after >> 10) & 0xFFF
        if after & 0xFF800000 == 0x91000000:
            target = page + rest
        elif after & 0x3B000000 == 0x39000000:
            target = page + (rest << (after >> 30))
        else:
            continue
        if low <= target < high:
            yield at, target


def _pairs(content: memoryview) -> Iterator[tuple[int, int]]:
    words = content[: len(content) // 4 * 4].cast("I")
    return itertools.pairwise(words)


def of_calls(elf: Elf, code: Section, functions: Container[int]) -> Iterator[tuple[int, int]]:
    """Yield (address of the instruction, address of the function) for calls of functions and jumps to them."""
    content = elf.content(code)
    if elf.arch == "amd64":
        offset_of = struct.Struct("<i").unpack_from
        for match in _CALLS.finditer(content, 0, max(len(content) - 4, 0)):
            at = code.address + match.start()
            target = at + 5 + offset_of(content, match.start() + 1)[0]
            if target in functions:
                yield at, target
    elif elf.arch == "arm64":
        for at, word in enumerate(content[: len(content) // 4 * 4].cast("I")):
            if word & 0x7C000000 == 0x14000000:  # B and BL
                far = word & 0x3FFFFFF
                target = code.address + 4 * (at + (far - (1 << 26) if far >> 25 else far))
                if target in functions:
                    yield code.address + 4 * at, target


def of_data(elf: Elf, sections: Sequence[Section], low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield (address of the pointer, address that it refers to) for the range."""
    relocated = False
    for section in elf.sections:
        if section.kind == RELOCATIONS and section.flags & LOADED:
            content = elf.content(section)
            for place, kind, target in struct.iter_unpack("<QQq", content[: len(content) // 24 * 24]):
                if kind & 0xFFFFFFFF in _RELATIVE:
                    relocated = True
                    if low <= target < high:
                        yield place, target
    if relocated:
        return
    for section in sections:
        skipped = -section.address % 8
        words = elf.content(section)[skipped:]
        for number, target in enumerate(words[: len(words) // 8 * 8].cast("Q")):
            if low <= target < high:
                yield section.address + skipped + 8 * number, target
