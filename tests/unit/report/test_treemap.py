"""Treemaps: areas are bytes, rectangles lie side by side within the frame, and labels fit."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gobake.report.html.treemap import (
    NARROW,
    PAGE,
    SMALL,
    Box,
    Placed,
    Tile,
    drawings,
    fitting,
    most,
    placed,
    text_width,
)

FRAME = Box(x=3.0, y=5.0, width=600.0, height=400.0)
HUGE = 1 << 53
sizes = st.lists(st.one_of(st.just(0), st.integers(1, 1000), st.integers(1, HUGE)), max_size=40)


def tile(size: int, name: str = "name", *within: Tile) -> Tile:
    return Tile(labels=(name,), says=name, bytes=size, size=f"{size} B", within=within)


def leaves(tiles: list[Tile], frame: Box = FRAME) -> list[Placed]:
    return [one for one in placed(tiles, frame) if not one.tile.within]


def groups() -> st.SearchStrategy[list[Tile]]:
    return st.lists(sizes.map(lambda found: tile(0, "group", *map(tile, found))), max_size=8)


@settings(max_examples=60, deadline=None)
@given(groups())
def test_areas_are_as_the_bytes_and_fill_the_frame(tiles: list[Tile]) -> None:
    found = leaves(tiles)
    total = sum(one.weight for one in tiles)
    for one in found:
        assert one.box.area == pytest.approx(one.tile.weight / total * FRAME.area, rel=1e-6, abs=1e-6)
    assert sum(one.box.area for one in found) == pytest.approx(FRAME.area if total else 0.0)
    assert len(found) == sum(leaf.bytes > 0 for one in tiles for leaf in one.within)


@settings(max_examples=60, deadline=None)
@given(groups())
def test_rectangles_are_disjoint_and_inside_the_frame(tiles: list[Tile]) -> None:
    found = leaves(tiles)
    for one in found:
        box = one.box
        assert box.width >= 0
        assert box.height >= 0
        assert FRAME.x - 1e-6 <= box.x
        assert box.x + box.width <= FRAME.x + FRAME.width + 1e-6
        assert FRAME.y - 1e-6 <= box.y
        assert box.y + box.height <= FRAME.y + FRAME.height + 1e-6
    for first, second in itertools.combinations((first.box for first in found), 2):
        across = min(first.x + first.width, second.x + second.width) - max(first.x, second.x)
        down = min(first.y + first.height, second.y + second.height) - max(first.y, second.y)
        assert min(across, down) <= 1e-6


@settings(max_examples=30, deadline=None)
@given(groups())
def test_the_same_tiles_are_drawn_the_same_and_labels_fit(tiles: list[Tile]) -> None:
    made = drawings(tiles, PAGE)
    assert made == drawings(tiles, PAGE)
    for drawing in made:
        for mark in drawing.marks:
            room = float(mark.rect.width[:-1]) / 100 * drawing.shape.width
            assert all(text_width(text) <= room for text in mark.label)
            assert float(mark.rect.height) >= 15 * len(mark.label)


def test_a_group_is_a_rectangle_around_what_is_within_it() -> None:
    found = list(placed([tile(0, "a", tile(30), tile(10)), tile(20, "b")], FRAME))
    assert [(one.tile.labels[0], one.depth) for one in found] == [("a", 0), ("name", 1), ("name", 1), ("b", 0)]
    group, first, second, beside = (one.box for one in found)
    assert group.area == pytest.approx(first.area + second.area)
    assert beside.area == pytest.approx(FRAME.area / 3)
    assert first.x == group.x
    assert first.width / first.height < 3  # about square


def test_nothing_is_drawn_of_nothing() -> None:
    assert drawings([], PAGE) == []
    assert drawings([tile(0), tile(-5), tile(0, "group", tile(0))], PAGE) == []


def test_a_hundred_thousand_tiles_take_a_moment() -> None:
    tiles = [tile(1 + n % 7) for n in range(100_000)]
    (drawing,) = drawings(tiles, [NARROW])
    assert len(drawing.marks) == 100_000
    assert not any(mark.label for mark in drawing.marks)


def test_the_first_name_that_fits_is_written_with_its_bytes_where_there_is_room() -> None:
    one = Tile(labels=("google.golang.org/protobuf", "protobuf"), says="", bytes=5, size="5 B")
    assert fitting(one, Box(x=0, y=0, width=300, height=100)) == ("google.golang.org/protobuf", "5 B")
    assert fitting(one, Box(x=0, y=0, width=90, height=100)) == ("protobuf", "5 B")
    assert fitting(one, Box(x=0, y=0, width=90, height=25)) == ("protobuf",)
    assert fitting(one, Box(x=0, y=0, width=40, height=100)) == ()
    assert fitting(one, Box(x=0, y=0, width=300, height=15)) == ()
    wide = Tile(labels=("容器容器容器",), says="", bytes=5)
    assert fitting(wide, Box(x=0, y=0, width=100, height=50)) == ()


def test_the_smallest_tiles_are_one() -> None:
    found = most([tile(1), tile(5), tile(2), tile(9)], 3, tile(0, "2 more"))
    assert [(one.labels[0], one.weight) for one in found] == [("name", 9), ("name", 5), ("2 more", 3)]
    assert sum(one.weight for one in most([tile(1)] * 9, 4, tile(0, "more"))) == 9
    assert [one.weight for one in most([tile(1), tile(2)], 2, tile(0, "more"))] == [2, 1]
    assert drawings(found, [SMALL])[0].shape.name == "small"
