"""Which libc a program needs, read from real programs and from damaged ones."""

from __future__ import annotations

import os
import re
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobake.binary import sections
from gobake.binary.elf import NoProgram
from gobake.binary.libc import Libc, floor, needed
from tests.unit.binary.programs import link

PYTHON = Path(sys.executable).resolve()


@pytest.fixture(scope="module")
def glibc() -> bytes:
    if b"GLIBC_2." not in PYTHON.read_bytes():
        pytest.skip("this Python does not use glibc")
    return PYTHON.read_bytes()


def test_the_floor_is_the_highest_version_that_a_program_names(glibc: bytes) -> None:
    found = needed(PYTHON)
    named = {tuple(map(int, match.groups())) for match in re.finditer(rb"GLIBC_(\d+)\.(\d+)(?:\.\d+)?\0", glibc)}
    assert found == Libc(kind="glibc", floor="{}.{}".format(*max(named)))
    assert str(found) == f"glibc {found.floor}"
    ours = os.confstr("CS_GNU_LIBC_VERSION") or ""
    assert tuple(map(int, found.floor.split("."))) <= tuple(map(int, ours.split()[-1].split(".")))


def test_a_program_of_go_is_static(tmp_path: Path) -> None:
    assert needed(link(tmp_path, "tool")) == Libc(kind="static")


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"text", b"\x7fELF"])
def test_what_is_no_program_has_no_libc(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    assert needed(file) == Libc(kind="")
    assert str(needed(file)) == "unknown"


@given(data=st.data())
def test_a_damaged_table_of_versions_is_read_to_an_end(glibc: bytes, data: st.DataObject) -> None:
    table = next(one for one in sections.read(memoryview(glibc)).sections if one.kind == 0x6FFFFFFE)
    spoilt = bytearray(glibc)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(table.offset, table.end - 4))
        struct.pack_into("<I", spoilt, at, data.draw(st.sampled_from((0, 1, 16, 0xFFFF, 0xFFFFFFFF))))
    assert re.fullmatch(r"(?:\d+\.\d+)?", floor(sections.read(memoryview(bytes(spoilt)))))


def test_a_program_cut_short_is_no_program(glibc: bytes, tmp_path: Path) -> None:
    file = tmp_path / "cut"
    for size in (64, 1000, len(glibc) - 1):
        file.write_bytes(glibc[:size])
        assert needed(file).floor == ""
    with pytest.raises(NoProgram):
        sections.read(memoryview(glibc[:-1]))
