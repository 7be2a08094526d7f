"""Programs read as files, and which images can start them. The recipe's shell must say the same of each."""

from __future__ import annotations

import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobake.binary import elf, loaders
from tests.unit.recipe.test_programs import SHELLS, Step

GLIBC, MUSL = "/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1"
# machine, 64 bits, little endian
ARCHITECTURES = {
    "386": (3, False, True),
    "amd64": (62, True, True),
    "arm": (40, False, True),
    "arm64": (183, True, True),
    "mips": (8, False, False),
    "mipsle": (8, False, True),
    "mips64": (8, True, False),
    "ppc64le": (21, True, True),
    "riscv64": (243, True, True),
    "s390x": (22, True, False),
}


def program(arch: str, interpreter: str = "", *, kind: int = 2, before: int = 3) -> bytes:
    """An ELF file's header and program headers: that of the loader, if any, after ``before`` others."""
    machine, wide, little = ARCHITECTURES[arch]
    order = "<" if little else ">"
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if little else 2, 1]) + bytes(9)
    path = interpreter.encode() + b"\0" if interpreter else b""
    count = before + bool(interpreter)
    if wide:
        head = struct.pack(f"{order}HHIQQQIHHHHHH", kind, machine, 1, 0x401000, 64, 0, 0, 64, 56, count, 0, 0, 0)
        place = 64 + 56 * count
        entry = struct.pack(f"{order}IIQQQQQQ", 3, 4, place, 0, 0, len(path), len(path), 1)
        other = struct.pack(f"{order}IIQQQQQQ", 1, 5, 3, 3, 3, 3, 3, 4096)
    else:
        head = struct.pack(f"{order}HHIIIIIHHHHHH", kind, machine, 1, 0x8000, 52, 0, 0, 52, 32, count, 0, 0, 0)
        place = 52 + 32 * count
        entry = struct.pack(f"{order}IIIIIIII", 3, place, 0, 0, len(path), len(path), 4, 1)
        other = struct.pack(f"{order}IIIIIIII", 1, 3, 3, 3, 3, 3, 5, 4096)
    return ident + head + other * before + (entry if interpreter else b"") + path + b"more"


def by_shell(shell: str, file: Path, folder: Path) -> str:
    """What the recipe's shell says of a file."""
    step = Step(root=folder, shell=shell)
    words = ["busybox", "sh", "-c"] if shell == "busybox" else [shell, "-c"]
    text = f'. {step.programs()} && loader_of {file} && echo "$loader"'
    done = subprocess.run([*words, text], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("interpreter", ["", GLIBC, MUSL, "/nix/store/x/lib/ld-linux-x86-64.so.2"])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_machine_and_the_loader_are_read_from_the_program(tmp_path: Path, arch: str, interpreter: str) -> None:
    file = tmp_path / "program"
    file.write_bytes(program(arch, interpreter))
    assert elf.read(file) == elf.Program(arch=arch, interpreter=interpreter)
    assert [by_shell(shell, file, tmp_path) for shell in SHELLS] == [interpreter] * len(SHELLS)


def test_a_program_of_this_machine_is_read_as_its_loader_reads_it(tmp_path: Path) -> None:
    own = Path(sys.executable).resolve()
    told = elf.read(own)
    assert Path(told.interpreter).exists()
    assert loaders.libc_of(told.interpreter) in ("glibc", "musl")
    assert {by_shell(shell, own, tmp_path) for shell in SHELLS} == {told.interpreter}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\xcf\xfa\xed\xfe\x07\x00\x00\x01", "a macOS program"),
        (b"MZ\x90\x00", "a Windows program"),
        (b"hello\n", "not an ELF file"),
        (program("amd64", kind=1), "an object file"),
        (program("amd64", GLIBC)[:90], "a truncated ELF file"),
        (b"\x7fELF", "a truncated ELF file"),
    ],
)
def test_what_linux_cannot_start_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(elf.NoProgram, match=f"^{says}"):
        elf.read(file)


def test_a_script_runs_wherever_its_interpreter_does(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("#!/bin/sh\n")
    assert elf.read(tmp_path / "run") == elf.Program(arch="", script=True)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x7fELF\x02\x01", b"\x7fELF\x01\x02", program("amd64")[:64]]))
def test_no_bytes_are_more_than_no_program(tmp_path_factory: pytest.TempPathFactory, rest: bytes, start: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any"
    file.write_bytes(start + rest)
    with suppress(elf.NoProgram):
        elf.read(file)


# ---- which images start it


@pytest.mark.parametrize(
    ("interpreter", "libc"),
    [
        ("", "static"),
        (GLIBC, "glibc"),
        ("/lib/ld-linux-aarch64.so.1", "glibc"),
        ("/lib/ld-linux-armhf.so.3", "glibc"),
        ("/lib64/ld64.so.2", "glibc"),
        ("/lib/ld64.so.1", "glibc"),
        ("/lib/ld.so.1", "glibc"),
        (MUSL, "musl"),
        ("/lib/ld-musl-armhf.so.1", "musl"),
        ("/system/bin/linker64", ""),
        ("/nix/store/x/ld-linux-x86-64.so.2", "glibc"),
    ],
)
def test_a_loader_tells_its_libc(tmp_path: Path, interpreter: str, libc: str) -> None:
    assert loaders.libc_of(interpreter) == libc
    images = [name for name in ("static", "glibc", "musl") if loaders.starts(interpreter, name)]
    assert images == (["static", "glibc", "musl"] if libc == "static" else [libc] if libc else [])
    file = tmp_path / "program"
    file.write_bytes(program("amd64", interpreter))
    for shell in SHELLS:
        step = Step(root=tmp_path / shell, shell=shell)
        step(f"cp {file} $GOTMPDIR/x && mv $GOTMPDIR/x api", "api")
        out = tmp_path / shell / "out"
        assert [name for name in ("static", "glibc", "musl") if (out / name).exists()] == images
        assert (tmp_path / shell / "trace/loaders/api").read_text().strip() == interpreter


def test_the_error_says_which_loader_and_what_fits() -> None:
    said = str(loaders.unfit("api", "scratch", "static", GLIBC))
    assert said.startswith(f"api is linked dynamically (its ELF interpreter is {GLIBC}) and scratch has no loader; ")
    assert "choose distalpine or debian-slim, or link it statically: CGO_ENABLED=0" in said
    assert "choose distalpine or alpine" in str(loaders.unfit("api", "scratch", "static", MUSL))
    assert "and alpine has musl; choose distalpine or debian-slim" in str(loaders.unfit("api", "alpine", "musl", GLIBC))
    assert "base-debian12" in str(loaders.unfit("api", "distroless", "static", GLIBC))
    assert str(loaders.unfit("api", "scratch", "static", None)).startswith("api is linked dynamically and scratch")
    assert "is not a program" in str(loaders.unfit("api", "scratch", "static", "-buildmode=c-shared"))
