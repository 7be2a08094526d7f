"""Programs taken apart: each byte once, each to whom it belongs."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gobake.binary import anatomy, sections
from gobake.binary.anatomy import Anatomy, Basis, take_apart
from gobake.binary.buildinfo import Module, package_of
from gobake.binary.elf import NoProgram
from gobake.binary.kinds import Kind
from tests.unit.binary.programs import FILES, link, sizes_by_nm

TOOL, DEP = "example.com/tool/cmd/tool", "example.com/dep.v2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(scope="module")
def linked(folder: Path) -> Path:
    """The command with symbols and without DWARF, as twins are linked."""
    return link(folder, "tool")


@pytest.fixture(scope="module")
def stripped(folder: Path) -> Path:
    """The same command as it ships."""
    return link(folder, "shipped", ldflags="-s -w")


@pytest.fixture(scope="module")
def taken(linked: Path) -> Anatomy:
    return take_apart(linked)


def require_whole(taken: Anatomy, file: Path) -> None:
    assert sum(part.size for part in taken.parts) == taken.size == file.stat().st_size
    assert all(part.size > 0 for part in taken.parts)
    assert taken.by_kind().get(Kind.UNATTRIBUTED, 0) <= 0.03 * taken.size
    assert Kind.LOADED not in taken.by_kind()


def test_every_byte_of_the_file_belongs_somewhere_once(taken: Anatomy, linked: Path) -> None:
    require_whole(taken, linked)
    assert taken.basis is Basis.SYMBOLS
    assert taken.arch == "amd64"
    assert taken.bss > 0


def require_code_as_nm(taken: Anatomy, file: Path) -> None:
    by_nm: Counter[str] = Counter()
    for name, size in sizes_by_nm(file).items():
        package = package_of(name.split(" ", 1)[1])
        by_nm[TOOL if package == "main" else package] += size
    assert by_nm[DEP] > 100
    ours = Counter({part.package: part.size for part in taken.parts if part.kind is Kind.CODE})
    nameless = by_nm.pop("")  # assembly: it is given to the package of the code before it
    assert sum(ours.values()) == sum(by_nm.values()) + nameless
    packages = {"runtime", "internal/bytealg", "internal/runtime/syscall/linux", "internal/cpu", "sync/atomic"}
    for package in by_nm.keys() - packages:
        if ours[package] != by_nm[package]:
            assert ours[package] - by_nm[package] < nameless, package
    for package in (DEP, TOOL, "fmt", "os", "strconv", "reflect", "unicode/utf8"):
        assert ours[package] == by_nm[package], package


def test_the_code_of_each_package_is_what_nm_says(taken: Anatomy, linked: Path) -> None:
    require_code_as_nm(taken, linked)


def test_a_program_with_paths_of_this_machine_is_taken_apart_and_described_by_its_twin(folder: Path) -> None:
    """Built without -trimpath: pclntab has whole paths, and build info the flags of the link, so the twin's are as long."""
    twin = link(folder, "paths-twin", ldflags="-w -w", flags=("-trimpath=false",))
    shipped = link(folder, "paths", ldflags="-s -w", flags=("-trimpath=false",))
    assert str(folder).encode() in shipped.read_bytes()
    for file, taken in ((twin, take_apart(twin)), (shipped, take_apart(shipped, twin))):
        require_whole(taken, file)
        require_code_as_nm(taken, twin)
        assert {module.path for module in taken.by_module()} == {"", "std", "example.com/tool", DEP}


def test_the_modules_have_their_versions_and_what_replaces_them(taken: Anatomy) -> None:
    sizes = taken.by_module()
    dep = next(module for module in sizes if module.path == DEP)
    assert (dep.version, dep.replaced) == ("v1.1.0", "./dep")
    assert any(module.path == "example.com/tool" for module in sizes)
    std = next(module for module in sizes if module.path == "std")
    assert std.version.startswith("go1.")
    assert sum(sizes.values()) == taken.size


def test_embedded_files_are_named_with_their_bytes(taken: Anatomy) -> None:
    files = {part.name: (part.size, part.package) for part in taken.parts if part.kind is Kind.EMBEDDED}
    assert files == {f"web/{name}": (len(FILES[f"cmd/tool/web/{name}"]), TOOL) for name in ("page.html", "small.txt")}


def test_variables_strings_and_types_belong_to_the_package_that_has_them(taken: Anatomy) -> None:
    found = {(part.kind, part.package): part.size for part in taken.parts}
    assert found[Kind.DATA, DEP] >= 4096
    assert found[Kind.STRINGS, TOOL] >= len("the command ends here, with this text of its own")
    assert found[Kind.STRINGS, DEP] >= len("a square called %s, of %v")
    assert found[Kind.TYPES, DEP] >= 100
    assert found[Kind.PCLNTAB, DEP] >= 100
    nobodys = sum(p.size for p in taken.parts if not p.package and p.kind not in (Kind.SYMBOLS, Kind.BUILD_INFO))
    assert nobodys < 0.02 * taken.size


def test_a_stripped_program_is_described_by_its_twin(linked: Path, stripped: Path, taken: Anatomy) -> None:
    by_twin = take_apart(stripped, linked)
    require_whole(by_twin, stripped)
    assert by_twin.basis is Basis.TWIN
    same = {(p.kind, p.package, p.name): p.size for p in taken.parts if p.package}
    assert {(p.kind, p.package, p.name): p.size for p in by_twin.parts if p.package} == same


def test_a_stripped_program_without_a_twin_still_names_its_functions(stripped: Path, taken: Anatomy) -> None:
    alone = take_apart(stripped)
    require_whole(alone, stripped)
    assert alone.basis is Basis.FUNCTIONS
    code = {part.package: part.size for part in alone.parts if part.kind is Kind.CODE}
    exact = {part.package: part.size for part in taken.parts if part.kind is Kind.CODE}
    assert code[DEP] == pytest.approx(exact[DEP], rel=0.5)  # with the padding


def test_a_twin_of_another_program_is_refused(folder: Path, stripped: Path, linked: Path) -> None:
    data = bytearray(linked.read_bytes())
    elf = sections.read(memoryview(bytes(data)))
    place = elf.section(".text")
    assert place
    data[place.end - 1000] ^= 1
    changed = folder / "changed"
    changed.write_bytes(data)
    with pytest.raises(NoProgram, match=r"another program than its twin with symbols: \.text has another content"):
        take_apart(stripped, changed)


def test_programs_for_arm64_are_taken_apart(folder: Path) -> None:
    arm = link(folder, "arm64", arch="arm64")
    taken = take_apart(arm)
    require_whole(taken, arm)
    require_code_as_nm(taken, arm)
    assert taken.arch == "arm64"
    found = {(part.kind, part.package): part.size for part in taken.parts}
    assert found[Kind.STRINGS, TOOL] >= len("the command ends here, with this text of its own")
    assert found[Kind.CODE, DEP] > 100
    assert (Kind.EMBEDDED, TOOL) in found


def test_debug_information_is_counted_by_itself(folder: Path) -> None:
    file = link(folder, "debug", ldflags="")
    taken = take_apart(file)
    require_whole(taken, file)
    assert taken.by_kind()[Kind.DWARF] > 0.1 * taken.size


# ---- names


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("main.main", "main"),
        ("fmt.(*pp).printArg", "fmt"),
        ("net/http.(*Server).Serve.func1", "net/http"),
        ("gopkg.in/yaml%2ev3.Unmarshal", "gopkg.in/yaml.v3"),
        ("github.com/a/b.v2/c.F", "github.com/a/b.v2/c"),
        ("vendor/golang.org/x/net/idna.ToASCII", "vendor/golang.org/x/net/idna"),
        ("slices.SortFunc[go.shape.[]github.com/a/b.T,go.shape.struct { X int }]", "slices"),
        ("github.com/a/b.(*L[go.shape.int]).Push", "github.com/a/b"),
        ("crypto/tls..dict.F[int]", "crypto/tls"),
        ("unicode..stmp_12", "unicode"),
        ("go:itab.*github.com/a/b.T,io.Writer", "github.com/a/b"),
        ("type:.eq.net/http.transportRequest", "net/http"),
        ("type:.eq.[2]interface {}", ""),
        ("go:buildid", ""),
        ("memeqbody", ""),
        ("_rt0_amd64_linux", ""),
    ],
)
def test_the_package_is_read_from_a_symbol(name: str, package: str) -> None:
    assert package_of(name) == package


# ---- what is no Go program, or a hostile one


def test_what_is_no_program_is_said_in_one_line(tmp_path: Path, linked: Path) -> None:
    whole = linked.read_bytes()
    cases = {
        b"#!/bin/sh\n": "not an ELF file",
        b"": "empty",
        whole[:40]: "a truncated ELF file",
        whole[: len(whole) // 2]: "a truncated ELF file",
        whole.replace(b".go.buildinfo\0", b".xx.buildinfo\0"): "a program without Go's build info",
        b"\x7fELF\x01\x01" + bytes(64): "a program of 32 bits",
    }
    file = tmp_path / "file"
    for data, said in cases.items():
        file.write_bytes(data)
        with pytest.raises(NoProgram) as caught:
            take_apart(file)
        assert str(caught.value).startswith(said)
        assert "\n" not in str(caught.value)


def test_a_packed_program_is_said_to_be_packed(tmp_path: Path) -> None:
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, 0, 64, 0, 0, 64, 56, 0, 64, 0, 0)
    file = tmp_path / "packed"
    file.write_bytes(head + b"..UPX!.." + bytes(200))
    with pytest.raises(NoProgram, match="packed with UPX"):
        take_apart(file)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_programs_end_in_an_answer_or_a_refusal(linked: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Bytes of headers and of tables are changed; nothing but NoProgram may come of it."""
    content = bytearray(linked.read_bytes())
    elf = sections.read(memoryview(bytes(content)))
    places = [(0, 64), *elf.headers]
    for name in (".gopclntab", ".go.buildinfo", ".symtab", ".rodata"):
        section = elf.section(name)
        assert section
        places.append((section.offset, section.offset + min(section.stored, 4096)))
    for _ in range(data.draw(st.integers(1, 4))):
        begin, end = data.draw(st.sampled_from(places))
        at = data.draw(st.integers(begin, end - 8))
        content[at : at + 4] = data.draw(
            st.sampled_from([b"\xff\xff\xff\xff", bytes(4), b"\xff\xff\xff\x7f", b"\1\0\0\0"])
        )
    file = tmp_path / "damaged"
    file.write_bytes(content)
    try:
        taken = anatomy.take_apart(file)
    except NoProgram:
        return
    assert sum(part.size for part in taken.parts) == len(content)


def test_modules_are_values_in_order() -> None:
    assert Module(path="a") < Module(path="b")
