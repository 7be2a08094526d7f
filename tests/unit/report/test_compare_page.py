"""The page of `gobake compare`: one file that asks nobody, whatever services, bases and files are called."""

from __future__ import annotations

import re
from html import unescape

from msgspec.structs import replace

from gobake.choosing.account import Built, Comparison, advised, choices
from gobake.choosing.places import ModuleBytes, Place, Program
from gobake.images.image import Packed
from gobake.model import Strategy
from gobake.report.html.compare import as_html, section, tiles
from gobake.report.html.treemap import Box, placed
from tests.unit.choosing.test_account import ARM64, alpine, built
from tests.unit.choosing.test_advice import SHELL, TEMP
from tests.unit.report.test_compare import scratch
from tests.unit.report.test_deps_page import HOSTILE, Elements, assert_only_text

MODULES = (
    ModuleBytes(module="std", version="go1.26", bytes=600),
    ModuleBytes(module="", version="", bytes=200),
    ModuleBytes(module="example.com/shop", version="(devel)", bytes=50),
)


def filled(image: Built, name: str = "x", modules: tuple[ModuleBytes, ...] | None = MODULES) -> Built:
    """The image with files in all of its layers, and a program in the last one."""
    last = len(image.seen.layers) - 1
    parts = [Packed(digest=one.digest, size=one.size, instruction=f"{one.instruction}") for one in image.seen.layers]
    found = tuple(Place(layer=at, path=f"/{name}{at}", bytes=100 * (at + 1)) for at in range(last))
    program = Program(path=f"usr/local/bin/{name}", layer=last, bytes=900, modules=modules)
    seen = replace(image.seen, layers=tuple(parts), places=found, program=program)
    return replace(image, seen=seen, unpacked=900 + sum(place.bytes for place in found) + 100)


def compared(*services: str, name: str = "x") -> Comparison:
    images = [filled(one, name) for s in services or ("api",) for one in (alpine(s, 4_000), scratch(s))]
    found = tuple(advised(choice, (SHELL, TEMP)) for choice in choices(images))
    left_out = (f"{name} in upx: no",)
    return Comparison(project=name, run="20261129-1", choices=found, left_out=left_out)


def test_the_recommendation_comes_first_then_sizes_then_tables_then_pictures() -> None:
    html = as_html(compared())
    order = ("recommended: alpine", "because the program seems", "Compressed: what", "<caption", "Where the bytes are")
    places = [html.index(text) for text in order]
    assert places == sorted(places)
    assert 'class="spoken">api for linux/amd64' in html
    assert "<nav" not in html
    cells = {unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", html)}
    assert {"compressed", "executable", "alpine:3.22 (1.5 kB)", "65532:65532"} <= cells


def test_several_services_have_an_overview_and_a_part_for_each() -> None:
    html = as_html(compared("api", "worker"))
    assert html.count("<section") == 4
    assert "api for linux/amd64: alpine" in html
    assert re.findall(r'<li><a href="#(c\d)">', html) == ["c0", "c1"]
    assert html.count('class="treemap small"') == 4


def test_bars_are_divided_by_who_else_has_the_layers() -> None:
    (choice, _) = compared("api", "worker").choices
    compressed, unpacked = section(choice, "c0").sides
    bars = {bar.strategy: bar for bar in compressed.bars}
    assert [part.says for part in bars["alpine"].segments] == [
        "base layers: 1.5 kB",
        "layers shared with other services: 10 B",
        "own layers: 4 kB",
    ]
    assert [part.tone for part in bars["alpine"].segments] == [2, 4, 1]
    assert bars["alpine"].cut  # more than 8 times the size of scratch
    whole = sum(float(part.width[:-1]) for part in bars["alpine"].segments)
    assert 99 < whole <= 100.01
    rest = {bar.strategy: bar.segments[-1].says for bar in unpacked.bars}
    assert rest["scratch"] == "what disk blocks round up, folders, and files that no container sees: 100 B"


def test_what_is_unknown_is_no_bar() -> None:
    (choice,) = choices([built(layers=(("a", 5, "COPY a /"),), packed=False)])
    (side,) = section(choice, "c0").sides
    assert [(bar.figure, bar.segments) for bar in side.bars] == [("unknown", ())]
    (other,) = choices([alpine("api", 5, packed=False, platform=ARM64)])
    row = replace(other.rows[0], built=replace(other.rows[0].built, compressed=500))
    (known,) = section(replace(other, rows=(row,)), "c0").sides
    assert [part.says for part in known.bars[0].segments] == ["unknown: 500 B"]
    assert "unknown" in as_html(Comparison(project="p", run="r", choices=(choice,)))


def test_the_treemap_has_every_byte_of_the_files() -> None:
    (choice,) = compared().choices
    (row, _) = choice.rows
    found = tiles(row)
    assert sum(tile.weight for tile in found) == 900 + 100 + 200 + 300
    leaves = [one.tile for one in placed(found, Box(x=0, y=0, width=200, height=200)) if not one.tile.within]
    by = {leaf.labels[0]: leaf for leaf in leaves}
    assert by.keys() == {"/x0", "/x1", "/x2", "standard library", "no module", "example.com/shop", "more modules"}
    assert (by["/x0"].tone, by["/x2"].tone, by["example.com/shop"].tone) == (2, 9, 1)
    assert by["standard library"].says == "standard library go1.26: 600 B\u2002in the layer of COPY /out/musl/api/ /"
    whole = filled(scratch("api"), modules=())
    assert [t.labels[0] for one in tiles(choices([whole])[0].rows[0]) for t in one.within] == [
        "/x0",
        "/usr/local/bin/x",
    ]


def test_the_policy_admits_nothing_and_every_link_leads_somewhere() -> None:
    html = as_html(compared("api", "worker"))
    page = Elements(html)
    (policy,) = [found["content"] for found in page.of("meta") if "http-equiv" in found]
    assert policy.startswith("default-src 'none';")
    assert not re.search(r"url\(|@import|\bstyle=|<script", html)
    assert not [found for _, found in page.found if "src" in found or any(key.startswith("on") for key in found)]
    names = [found["id"] for _, found in page.found if "id" in found]
    assert len(names) == len(set(names))
    assert {found["href"] for found in page.of("a")} <= {f"#{name}" for name in names}


def test_hostile_names_are_text_and_nothing_else() -> None:
    assert_only_text(as_html(compared("api", HOSTILE, name=HOSTILE)), as_html(compared("api", "worker")))


def test_twenty_services_in_all_strategies_are_a_page_that_opens() -> None:
    modules = tuple(ModuleBytes(module=f"example.com/m{n}", version="v1", bytes=60 - n) for n in range(60))
    images = []
    for service in range(20):
        for strategy in Strategy:
            image = built(
                f"s{service}", strategy, layers=(("base", 9, "ADD"), (f"{service}-{strategy}", 50, "COPY /out/ /"))
            )
            full = filled(image, modules=modules)
            places = tuple(Place(layer=0, path=f"/d{n}", bytes=n + 1) for n in range(13))
            images.append(replace(full, seen=replace(full.seen, places=places)))
    html = as_html(Comparison(project="p", run="r", choices=choices(images)))
    assert len(html) < 2_500_000
