"""What the record of a run keeps of an image: read at little cost, bounded, and the same as the report tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from gobake.images import sources
from gobake.size import measure
from gobake.size.contents import MODULES, PACKAGES, by_functions, contents_of, of_program
from tests.unit.binary.programs import link
from tests.unit.images.making import Layout, layer
from tests.unit.size.test_growth import module, program


@pytest.fixture(scope="module")
def stripped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return link(tmp_path_factory.mktemp("programs"), "shipped", ldflags="-s -w")


def opened(folder: Path, *layers: bytes) -> sources.Opened:
    made = Layout()
    made.roots = [made.image(layers, [f"COPY {number} /" for number in range(len(layers))])]
    return sources.layout(made.in_folder(folder), None)


def test_the_program_is_described_as_by_its_report(stripped: Path, tmp_path: Path) -> None:
    image = opened(tmp_path / "layout", layer({"files": b"x" * 100}), layer({"app": stripped.read_bytes()}))
    found = by_functions(image, "/app", tmp_path)
    whole = contents_of(measure.image("api", image, "/app", tmp_path).report)
    assert (found.program, found.layers, found.others) == (stripped.stat().st_size, whole.layers, 0)
    assert [(one.module, one.version, one.bytes) for one in found.modules] == [
        (one.module, one.version, one.bytes) for one in whole.modules
    ]
    assert [layer.instruction for layer in found.layers] == ["COPY 0 /", "COPY 1 /"]
    assert all(len(one.packages) <= PACKAGES for one in found.modules)


def test_layers_below_the_program_are_not_read(stripped: Path, tmp_path: Path) -> None:
    """A base image of hundreds of megabytes would take longer than the build."""
    image = opened(tmp_path / "layout", b"this is no layer", layer({"app": stripped.read_bytes()}))
    assert by_functions(image, "/app", tmp_path).program == stripped.stat().st_size


def test_what_is_no_go_program_has_layers_alone(tmp_path: Path) -> None:
    image = opened(tmp_path / "layout", layer({"app": b"#!/bin/sh\n"}))
    found = by_functions(image, "/app", tmp_path)
    assert (found.program, found.modules, len(found.layers)) == (None, (), 1)
    assert by_functions(image, "/absent", tmp_path).program is None
    assert list(tmp_path.glob("program-*")) == []


def test_a_record_has_the_largest_modules_and_the_number_of_the_others() -> None:
    many = program(*(module(f"example.com/m{at:03}", "v1.0.0", a=1000 - at, b=1) for at in range(MODULES + 7)))
    found = of_program(many, modules=MODULES, packages=1)
    assert (len(found.modules), found.others) == (MODULES, 7)
    assert found.modules[0].packages == (("example.com/m000/a", 1000),)
