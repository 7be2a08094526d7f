"""The page of `gobake size`: one file that asks nobody, whatever modules, packages and layers are called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gobake.insight.growth import Grown, Growth
from gobake.report.html.size import as_html, legend, modules
from gobake.report.html.treemap import Box, placed
from gobake.size.values import (
    EmbeddedFile,
    ImageSize,
    KindSize,
    LayerSize,
    ModuleSize,
    PackageSize,
    ProgramSize,
    SizeReport,
    Twin,
)
from tests.conftest import Gobake
from tests.unit.binary.programs import link
from tests.unit.report.test_deps_page import HOSTILE, Elements, assert_only_text


def module(path: str, version: str, *packages: int, extra: int = 0) -> ModuleSize:
    found = tuple(PackageSize(package=f"{path}/p{at}", bytes=size) for at, size in enumerate(packages))
    return ModuleSize(module=path, version=version, bytes=sum(packages) + extra, packages=found)


def program(*found: ModuleSize, embedded: tuple[EmbeddedFile, ...] = ()) -> ProgramSize:
    return ProgramSize(
        path="/usr/local/bin/api",
        bytes=sum(one.bytes for one in found),
        packed_bytes=None,
        arch="amd64",
        go="go1.26.6",
        package="example.com/shop/api",
        basis="twin",
        bss=0,
        modules=found,
        kinds=(KindSize(kind="code", bytes=sum(one.bytes for one in found)),),
        embedded=embedded,
    )


def layer(instruction: str, size: int) -> LayerSize:
    return LayerSize(
        instruction=instruction,
        digest="sha256:" + 64 * "0",
        stored_bytes=size // 3,
        bytes=size,
        added=1,
        changed=0,
        removed=0,
        wasted_bytes=0,
    )


def report(name: str = "example.org") -> SizeReport:
    files = (EmbeddedFile(name=f"{name}/index.html", package="example.com/shop/api/p0", bytes=300),)
    found = (
        module("std", "go1.26.6", 5000, 3000),
        module(f"{name}/dep", "v1.2.0", 2000, 100),
        module("example.com/shop/api", "(devel)", 900),
        module("", "", extra=400),
    )
    image = ImageSize(
        platform="linux/amd64",
        digest="",
        compressed_bytes=6000,
        bytes=12_000,
        wasted_bytes=0,
        files=5,
        layers=(layer(f"COPY {name} /", 600), layer("COPY /out/static/api/ /", 11_400)),
    )
    twin = Twin(seconds=4.0, packages=20, compiled=0)
    return SizeReport(name=name, image=image, program=program(*found, embedded=files), twin=twin, notes=(name,))


GROWN = Grown(
    name="before.json",
    bytes=500,
    before_bytes=5500,
    modules=(Growth(module="example.org/dep", version="v1.2.0", before="v1.1.0", bytes=500),),
)


def test_every_byte_of_the_program_has_a_place() -> None:
    found = report().program
    assert found
    tiles = modules(found)
    assert sum(tile.weight for tile in tiles) == found.bytes
    places = list(placed(tiles, Box(x=0, y=0, width=500, height=400)))
    names = {one.tile.labels[0] for one in places if not one.tile.within}
    assert names == {"p0", "p1", "example.org/index.html", "(no module)"}
    (file,) = [one.tile for one in places if one.tile.labels[0] == "example.org/index.html"]
    assert file.says == "embedded file example.org/index.html, in example.com/shop/api/p0: 300 B"
    (own,) = [tile for tile in tiles if tile.labels == ("example.com/shop/api",)]
    assert [tile.bytes for tile in own.within] == [600, 300, 0]


def test_colours_tell_whose_the_modules_are() -> None:
    found = report().program
    assert found
    assert legend(found) == [
        (1, "your own modules, 900 B"),
        (2, "standard library, 8 kB"),
        (3, "(no module), 400 B"),
        (4, "example.org/dep, 2.1 kB"),
        (9, "embedded files, 300 B"),
    ]
    many = program(*(module(f"example.org/m{n}", "v1.0.0", 100 - n) for n in range(9)))
    assert [name for _, name in legend(many)][-2:] == ["example.org/m3, 97 B", "other modules, 470 B"]


def test_many_packages_and_modules_are_drawn_as_one() -> None:
    found = program(*(module(f"example.org/m{n}", "v1.0.0", *range(1, 60)) for n in range(100)))
    tiles = modules(found)
    assert len(tiles) == 40
    assert sum(tile.weight for tile in tiles) == found.bytes
    assert tiles[-1].labels == ("61 more modules",)
    html = as_html(SizeReport(name="many", image=None, program=found), None, 10)
    assert len(html) < 600_000


def test_the_page_has_the_tables_of_the_text_and_asks_nobody() -> None:
    html = as_html(report(), GROWN, 10)
    page = Elements(html)
    (policy,) = [found["content"] for found in page.of("meta") if "http-equiv" in found]
    assert policy.startswith("default-src 'none';")
    assert not re.search(r"url\(|@import|\bstyle=|<script", html)
    assert not [found for _, found in page.found if "src" in found or any(key.startswith("on") for key in found)]
    names = [found["id"] for _, found in page.found if "id" in found]
    assert {found["href"] for found in page.of("a")} <= {f"#{name}" for name in names}
    titles = re.findall(r'role="region" aria-label="(.*?)"', html)
    assert titles == ["grown", "modules", "packages", "kinds", "embedded files", "layers"]
    assert "500 B more than before.json (5.5 kB); most of it in example.org/dep" in html
    assert "0 of 20 packages compiled for it" in html
    assert html.count("<svg") == 6  # of the program and the layers, for three widths


def test_hostile_names_are_text_and_nothing_else() -> None:
    assert_only_text(as_html(report(HOSTILE), None, 10), as_html(report(), None, 10))


def test_what_is_no_go_program_has_only_layers() -> None:
    found = report()
    html = as_html(SizeReport(name="c", image=found.image, program=None, notes=("/c is no Go program",)), None, 10)
    assert 'id="program"' not in html
    assert "/c is no Go program" in html


@pytest.fixture(scope="module")
def stripped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return link(tmp_path_factory.mktemp("programs"), "shipped", ldflags="-s -w")


def test_the_command_writes_a_page_and_the_exit_code_is_that_of_the_limits(
    gobake: Gobake, stripped: Path, tmp_path: Path
) -> None:
    ended = gobake("size", str(stripped), "--format", "html", "--max-size", "1kB", cwd=tmp_path)
    assert ended.code == 5
    assert f"the sizes of {stripped} are in gobake-size.html" in ended.out
    assert "example.com/dep.v2" in (tmp_path / "gobake-size.html").read_text()
    other = gobake.good("size", str(stripped), "-o", "size.txt", cwd=tmp_path)
    assert other.out == ""
    assert "standard library" in (tmp_path / "size.txt").read_text()
