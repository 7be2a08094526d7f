"""A treemap: rectangles whose areas are bytes, in groups that are rectangles as well. Pure.

The layout is that of Bruls, Huizing and van Wijk, "Squarified Treemaps" (2000): rows along the shorter side of what is
left, each as long as its rectangles get closer to squares. treemap.html.j2 draws it as SVG. Places across are a share
of the width, and those down are pixels, so a drawing that is stretched keeps the size of its labels; a label is
written if it fits at the least width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite

from msgspec import Struct
from msgspec.structs import replace

from gobake.text.layout import cells
from gobake.text.printable import one_line

TONES = 9  # colours of treemap.css
_FONT = 11.5  # pixels
_LINE = 15  # pixels from one line of a label to the next
_MARGIN = 5  # pixels beside a label
_LEAST = 0.4  # pixels: what is narrower is not drawn
_NARROW, _WIDE = frozenset("iljtfr.,:;'|!()[] "), frozenset("mwMWQOG@%&—")
_NARROW_EM, _WIDE_EM, _USUAL_EM = 0.4, 0.95, 0.62  # widths of letters; system fonts differ


class Tile(Struct, frozen=True, kw_only=True):
    """Bytes with a name, or a group of them. A group has the bytes of what is within it."""

    labels: tuple[str, ...]  # the first one that fits is written
    says: str  # in full, for the pointer and for screen readers
    bytes: int = 0
    size: str = ""  # the bytes as text
    tone: int = 1  # its colour, 1 to TONES
    within: tuple[Tile, ...] = ()

    @property
    def weight(self) -> int:
        """Its bytes, or those within it."""
        return sum(tile.weight for tile in self.within) if self.within else max(self.bytes, 0)


class Box(Struct, frozen=True, kw_only=True):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def area(self) -> float:
        return self.width * self.height


class Placed(Struct, frozen=True, kw_only=True):
    """A tile in its place."""

    tile: Tile
    box: Box
    depth: int  # 0: not within another


# ---- places


def placed(tiles: Sequence[Tile], frame: Box, depth: int = 0) -> Iterator[Placed]:
    """Yield tiles and those within them, the largest first; what has no bytes has no place."""
    order = sorted((tile for tile in tiles if tile.weight > 0), key=lambda tile: -tile.weight)
    for tile, box in zip(order, squarified([tile.weight for tile in order], frame), strict=True):
        yield Placed(tile=tile, box=box, depth=depth)
        if tile.within:
            yield from placed(tile.within, box, depth + 1)


def squarified(sizes: Sequence[float], frame: Box) -> list[Box]:
    """Divide a frame into rectangles. ``sizes``: positive, the largest first."""
    total = float(sum(sizes))
    if not sizes or total <= 0 or not isfinite(total):
        return [replace(frame, width=0.0, height=0.0) for _ in sizes]
    areas = [size / total * frame.area for size in sizes]
    found: list[Box] = []
    left = frame
    while len(found) < len(areas):
        end = _row(areas, len(found), min(left.width, left.height))
        row = areas[len(found) : end]
        boxes, left = _along(row, left, last=end == len(areas))
        found += boxes
    return found


def _row(areas: Sequence[float], begin: int, side: float) -> int:
    """Where the row ends that begins with an area: as soon as another one would make the worst rectangle longer."""
    total, worst = areas[begin], float("inf")
    for at in range(begin + 1, len(areas) + 1):
        now = _longest(total, areas[begin], areas[at - 1], side)
        if now > worst:
            return at - 1
        worst = now
        total += areas[at] if at < len(areas) else 0.0
    return len(areas)


def _longest(total: float, largest: float, smallest: float, side: float) -> float:
    """The ratio of the sides of the longest rectangle in a row."""
    thickness = total / side if side > 0 else 0.0
    if thickness <= 0 or smallest <= 0:
        return float("inf")
    return max(largest / thickness / thickness, thickness / (smallest / thickness))


def _along(row: Sequence[float], left: Box, *, last: bool) -> tuple[list[Box], Box]:
    """Lay a row along the shorter side, and return what is left beside it."""
    down = left.height <= left.width  # the row is a column at the left
    side, across = (left.height, left.width) if down else (left.width, left.height)
    total = sum(row)
    thickness = across if last else min(total / side if side > 0 else 0.0, across)
    found, at = [], 0.0
    for area in row:
        end = min(at + (area / total * side if total > 0 else 0.0), side)
        if down:
            found.append(Box(x=left.x, y=left.y + at, width=thickness, height=end - at))
        else:
            found.append(Box(x=left.x + at, y=left.y, width=end - at, height=thickness))
        at = end
    if down:
        return found, Box(x=left.x + thickness, y=left.y, width=left.width - thickness, height=left.height)
    return found, Box(x=left.x, y=left.y + thickness, width=left.width, height=left.height - thickness)


# ---- drawings


class Shape(Struct, frozen=True, kw_only=True):
    """A size that a drawing is made for. Style sheets show the one for the width of the window."""

    name: str  # the class of the element
    width: int  # pixels, the least that the drawing is shown in
    height: int


WIDE = Shape(name="wide", width=1040, height=460)
MEDIUM = Shape(name="medium", width=590, height=460)
NARROW = Shape(name="narrow", width=280, height=560)
SMALL = Shape(name="small", width=236, height=200)
PAGE = (WIDE, MEDIUM, NARROW)  # for a treemap as wide as the page; SMALL is for many beside each other


class Rect(Struct, frozen=True, kw_only=True):
    """A rectangle as it is written: percent across, pixels down."""

    x: str
    y: str
    width: str
    height: str


class Mark(Struct, frozen=True, kw_only=True):
    """A tile as it is drawn."""

    rect: Rect
    tone: int
    says: str
    label: tuple[str, ...]  # lines; none if nothing fits


class Drawing(Struct, frozen=True, kw_only=True):
    """A treemap for one shape."""

    shape: Shape
    marks: tuple[Mark, ...]
    edges: tuple[Rect, ...]  # of groups


def drawings(tiles: Sequence[Tile], shapes: Sequence[Shape]) -> list[Drawing]:
    """Return the drawings of a treemap, none if there are no bytes."""
    return [_drawing(tiles, shape) for shape in shapes] if any(tile.weight > 0 for tile in tiles) else []


def _drawing(tiles: Sequence[Tile], shape: Shape) -> Drawing:
    frame = Box(x=0.0, y=0.0, width=float(shape.width), height=float(shape.height))
    found = [one for one in placed(tiles, frame) if min(one.box.width, one.box.height) >= _LEAST]
    return Drawing(
        shape=shape,
        marks=tuple(_mark(one, shape) for one in found if not one.tile.within),
        edges=tuple(_rect(one.box, shape) for one in found if one.tile.within and one.depth == 0),
    )


def _mark(one: Placed, shape: Shape) -> Mark:
    tone = min(max(one.tile.tone, 1), TONES)
    return Mark(rect=_rect(one.box, shape), tone=tone, says=one.tile.says, label=fitting(one.tile, one.box))


def fitting(tile: Tile, box: Box) -> tuple[str, ...]:
    """The lines of the label that fit into a box."""
    room = box.width - 2 * _MARGIN
    lines = int((box.height - _MARGIN) // _LINE)
    if lines < 1:
        return ()
    name = next((text for text in map(one_line, tile.labels) if text and text_width(text) <= room), "")
    if not name:
        return ()
    return (name, tile.size) if lines > 1 and tile.size and text_width(tile.size) <= room else (name,)


def text_width(text: str) -> float:
    """Pixels that a text takes at most, about: fonts differ."""
    return _FONT * sum(_em(letter) for letter in text)


def _em(letter: str) -> float:
    if letter in _NARROW:
        return _NARROW_EM
    if letter in _WIDE or not letter.isascii():
        return _WIDE_EM * max(cells(letter), 1)
    return _USUAL_EM


def _rect(box: Box, shape: Shape) -> Rect:
    return Rect(
        x=f"{100 * box.x / shape.width:.3f}%",
        y=f"{box.y:.2f}",
        width=f"{100 * box.width / shape.width:.3f}%",
        height=f"{box.height:.2f}",
    )


# ---- many


def most(tiles: Sequence[Tile], count: int, rest: Tile) -> tuple[Tile, ...]:
    """The largest tiles; the others are one, which has the words and the colour of ``rest`` and their bytes."""
    order = sorted(tiles, key=lambda tile: -tile.weight)
    if len(order) <= count:
        return tuple(order)
    others = sum(tile.weight for tile in order[count - 1 :])
    return (*order[: count - 1], replace(rest, bytes=others))
