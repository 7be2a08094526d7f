"""An image with its program and its twin, from places to a report; the twin is linked on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from gobake.images import sources
from gobake.model import BuildOptions
from gobake.report import size as shown
from gobake.size import measure
from gobake.size.twin import Linked, with_symbols
from gobake.size.values import Twin
from tests.unit.binary.programs import link
from tests.unit.images.making import Layout, layer
from tests.unit.recipe.test_dockerfile import service


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(scope="module")
def stripped(folder: Path) -> Path:
    return link(folder, "shipped", ldflags="-s -w")


@pytest.fixture(scope="module")
def twin(folder: Path) -> Path:
    return link(folder, "twin")


class Linking:
    """Stands for the link in the builder."""

    def __init__(self, twin: Path, shipped: Path) -> None:
        self._twin, self._shipped = twin, shipped
        self.asked: list[bool] = []

    def __call__(self, *, shipped: bool) -> Linked:
        self.asked.append(shipped)
        account = Twin(seconds=1.0, packages=60, compiled=0)
        imports = {"example.com/tool/cmd/tool": frozenset({"example.com/dep.v2", "fmt"}), "fmt": frozenset[str]()}
        imports["example.com/dep.v2"] = frozenset({"fmt"})
        shipped_too = self._shipped if shipped else None
        return Linked(twin=self._twin, shipped=shipped_too, account=account, imports=imports)


def image_of(program: bytes, folder: Path) -> sources.Opened:
    made = Layout()
    made.roots = [made.image((layer({"app": program}),), ("COPY app /",))]
    return sources.layout(made.in_folder(folder), None)


def test_what_would_go_is_told_on_request_alone(stripped: Path, twin: Path, tmp_path: Path) -> None:
    linking = Linking(twin, stripped)
    found = measure.image("api", image_of(stripped.read_bytes(), tmp_path / "layout"), "/app", tmp_path, linking)
    assert found.report.program
    assert found.report.program.without is None
    told = found.with_modules(linking).report.program
    assert told
    assert told.without
    (gone,) = told.without
    assert (gone.module, gone.packages, gone.standard_packages) == ("example.com/dep.v2", 1, 0)
    assert 4096 < gone.bytes < 20_000  # its table, and what it calls
    assert linking.asked == [False]
    table = dict(shown.tables(found.with_modules(linking).report, None, 10))["without"]
    assert table.rows[0][:2] == ("example.com/dep.v2", "1")


def test_a_stripped_program_is_described_by_its_twin(stripped: Path, twin: Path, tmp_path: Path) -> None:
    linking = Linking(twin, stripped)
    found = measure.image("api", image_of(stripped.read_bytes(), tmp_path / "layout"), "/app", tmp_path, linking)
    program = found.report.program
    assert program
    assert (program.basis, program.bytes, program.packed_bytes) == ("twin", stripped.stat().st_size, None)
    assert (linking.asked, found.report.notes) == ([False], ())
    assert [file.name for file in program.embedded] == ["web/page.html", "web/small.txt"]
    again = found.by_functions().report.program
    assert again
    assert (again.basis, again.bytes) == ("functions", program.bytes)


def test_a_program_with_symbols_needs_no_twin(stripped: Path, twin: Path, tmp_path: Path) -> None:
    linking = Linking(twin, stripped)
    found = measure.image("api", image_of(twin.read_bytes(), tmp_path / "layout"), "/app", tmp_path, linking)
    assert found.report.program
    assert (found.report.program.basis, linking.asked) == ("symbols", [])


def test_a_packed_program_is_taken_apart_as_it_was_linked(stripped: Path, twin: Path, tmp_path: Path) -> None:
    head = stripped.read_bytes()[:40] + bytes(8) + stripped.read_bytes()[48:60] + bytes(4)  # without sections
    packed = head + b"UPX!" + bytes(1000)
    linking = Linking(twin, stripped)
    found = measure.image("api", image_of(packed, tmp_path / "layout"), "/app", tmp_path, linking)
    program = found.report.program
    assert program
    assert (program.packed_bytes, program.bytes) == (len(packed), stripped.stat().st_size)
    assert (program.basis, linking.asked) == ("twin", [True])
    assert found.report.image
    assert found.report.image.bytes == len(packed)
    alone = measure.image("api", image_of(packed, tmp_path / "other"), "/app", tmp_path)
    assert alone.report.program is None
    assert "packed with UPX; without its sources" in alone.report.notes[0]


def test_a_twin_of_other_sources_is_not_used(stripped: Path, twin: Path, folder: Path, tmp_path: Path) -> None:
    other = bytearray(stripped.read_bytes())
    other[0x2000] ^= 1  # in the code
    found = measure.image("api", image_of(bytes(other), tmp_path / "layout"), "/app", tmp_path, Linking(twin, stripped))
    assert found.report.program
    assert found.report.program.basis == "functions"
    assert found.report.notes[0].endswith(": build the service again")


def test_an_image_that_starts_no_program_of_go_is_still_told(tmp_path: Path) -> None:
    found = measure.image("web", image_of(b"#!/bin/sh\n", tmp_path / "layout"), "", tmp_path)
    assert found.report.program is None
    assert found.report.notes == ("/app is not an ELF file",)
    assert found.report.image
    assert found.report.image.files == 1


@pytest.mark.parametrize(
    ("given", "twins"),
    [("-s -w", "-w -w"), ("-w", "-w"), ("-s", "-w"), ("", ""), ("-X main.a=-s -w -s", "-X main.a=-s -w -w")],
)
def test_only_the_flag_that_drops_symbols_is_replaced(given: str, twins: str) -> None:
    shipped = replace(service(), build=BuildOptions(ldflags=given))
    assert with_symbols(shipped).build.ldflags == twins
