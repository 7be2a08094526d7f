"""The HTML page of `gobake compare`: the recommendation, the sizes side by side, all facts, and where the bytes are.

One self-contained file without scripts, under the policy of the report's page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct

from gobake.choosing.account import Choice, Comparison, Row, Whose
from gobake.choosing.places import ModuleBytes, Program
from gobake.report import compare_words as words
from gobake.report.html import treemap
from gobake.report.html.page import environment, policy, stylesheet
from gobake.report.html.treemap import Drawing, Tile
from gobake.report.quantities import UNKNOWN, size_text
from gobake.text.layout import Table

_LONGEST = 8  # times the smallest image: longer bars are cut, so that the others can be told apart
_MODULES = 12  # that have rectangles of their own
_OWN, _BASE, _NONE, _SHARED, _MODULE, _WHOLE, _STANDARD, _FILES = 1, 2, 3, 4, 5, 7, 8, 9  # colours of treemap.css
_TONES = {Whose.BASE: _BASE, Whose.SHARED: _SHARED, Whose.OWN: _OWN, Whose.UNKNOWN: _NONE}
_PARTS = {
    Whose.BASE: "base layers",
    Whose.SHARED: "layers shared with other services",
    Whose.OWN: "own layers",
    Whose.UNKNOWN: "layers of whom is unknown",
}
_REST = "what disk blocks round up, folders, and files that no container sees"
TILES = [
    *((_BASE, "base layers"), (_SHARED, "shared layers"), (_FILES, "other files of own layers")),
    *((_OWN, "your modules"), (_MODULE, "other modules"), (_STANDARD, "standard library")),
    (_WHOLE, "a program that is not taken apart"),
    (_NONE, "strings, types and the like, which no module can be told of"),
]


class Segment(Struct, frozen=True, kw_only=True):
    """A part of a bar."""

    x: str  # percent
    width: str
    tone: int
    name: str
    says: str


class Bar(Struct, frozen=True, kw_only=True):
    """The size of an image."""

    strategy: str
    figure: str
    segments: tuple[Segment, ...]  # none if the size is unknown
    cut: bool  # longer than it is drawn


class Side(Struct, frozen=True, kw_only=True):
    """The bars of all images of a service."""

    title: str
    bars: tuple[Bar, ...]


class Picture(Struct, frozen=True, kw_only=True):
    """Where the bytes of an image are."""

    title: str
    says: str
    drawings: list[Drawing]


class Section(Struct, frozen=True, kw_only=True):
    """A service and platform."""

    id: str
    title: str
    recommended: str
    advice: tuple[str, ...]
    sides: tuple[Side, ...]
    bars: tuple[tuple[int, str], ...]  # the colours that bars have, with their names
    tables: tuple[tuple[str, Table], ...]
    notes: tuple[str, ...]  # about the tables
    pictures: tuple[Picture, ...]
    tiles: tuple[tuple[int, str], ...]  # the colours that treemaps have, with their names


def as_html(found: Comparison) -> str:
    """Return the page."""
    style = stylesheet("page.css", "treemap.css", "compare.css")
    sections = [section(choice, f"c{at}") for at, choice in enumerate(found.choices)]
    return str(
        environment()
        .get_template("compare.html.j2")
        .render(
            policy=policy([], style),
            style=style,
            project=found.project,
            heading=words.heading(found).removeprefix(f"{found.project}: "),
            sections=sections,
            several=len(sections) > 1,
            sizes=words.sizes(found),
            short=[words.short_advice(choice) for choice in found.choices],
            scanned=words.scan_lines(found),
            left_out=found.left_out,
        )
    )


def section(choice: Choice, name: str) -> Section:
    """What the page tells of a service and platform."""
    first, *others = words.advice_lines(choice.advice) if choice.advice else ("no recommendation",)
    sides, pictures = tuple(_sides(choice.rows)), tuple(_pictures(choice.rows))
    segments = [segment for side in sides for bar in side.bars for segment in bar.segments]
    tones = {mark.tone for picture in pictures for drawing in picture.drawings for mark in drawing.marks}
    return Section(
        id=name,
        title=words.title(choice),
        recommended=first,
        advice=tuple(line.strip() for line in others),
        sides=sides,
        bars=tuple(dict.fromkeys((segment.tone, segment.name) for segment in segments)),
        tables=tuple(words.tables(choice)),
        notes=tuple(words.start_lines(choice)),
        pictures=pictures,
        tiles=tuple(found for found in TILES if found[0] in tones),
    )


# ---- sizes side by side


def _sides(rows: Sequence[Row]) -> Iterator[Side]:
    compressed = [(row, row.built.compressed, _compressed(row)) for row in rows]
    yield Side(title="Compressed: what a registry keeps and a node pulls", bars=_bars(compressed))
    if any(row.built.unpacked is not None for row in rows):
        unpacked = [(row, row.built.unpacked, _unpacked(row)) for row in rows]
        yield Side(title="Unpacked: what is on a node's disk", bars=_bars(unpacked))


def _compressed(row: Row) -> Counter[Whose]:
    if row.built.seen.stored is None:
        return Counter()
    sums = Counter[Whose]()
    for layer, whose in zip(row.built.seen.layers, row.whose, strict=True):
        sums[whose] += layer.size
    return sums


def _unpacked(row: Row) -> Counter[Whose]:
    """Bytes of files; what layers below lost to those above is in none."""
    sums, program = Counter[Whose](), row.built.seen.program
    for place in row.built.seen.places:
        sums[row.whose[place.layer]] += place.bytes
    if program:
        sums[row.whose[program.layer]] += program.bytes
    return sums


def _bars(images: Sequence[tuple[Row, int | None, Counter[Whose]]]) -> tuple[Bar, ...]:
    known = [size for _, size, _ in images if size]
    longest = max((size for size in known if size <= _LONGEST * min(known)), default=1)
    return tuple(
        Bar(
            strategy=str(row.strategy),
            figure=size_text(size),
            segments=tuple(_segments(size, parts, min(size, longest) / longest)) if size else (),
            cut=bool(size and size > longest),
        )
        for row, size, parts in images
    )


def _segments(size: int, parts: Counter[Whose], share: float) -> Iterator[Segment]:
    """``share``: of the width that the whole bar takes."""
    at, whole = 0.0, max(size, sum(parts.values()))
    told = [(_TONES[whose], _PARTS[whose], parts[whose]) for whose in Whose if parts[whose] > 0]
    rest = whole - sum(parts.values())
    told += [(_NONE, _REST if told else UNKNOWN, rest)] if rest > 0.002 * whole or not told else []
    for tone, name, part in told:
        width = 100 * share * part / whole
        yield Segment(x=f"{at:.3f}%", width=f"{width:.3f}%", tone=tone, name=name, says=f"{name}: {size_text(part)}")
        at += width


# ---- where the bytes are


def _pictures(rows: Sequence[Row]) -> Iterator[Picture]:
    for row in rows:
        drawings = treemap.drawings(tiles(row), [treemap.SMALL])
        if drawings:
            name = str(row.strategy)
            yield Picture(title=name, says=f"Bytes of the files of {name} by layer and folder", drawings=drawings)


def tiles(row: Row) -> tuple[Tile, ...]:
    """A group per layer, with its folders and the program by module."""
    seen = row.built.seen
    within: dict[int, list[Tile]] = {}
    for place in seen.places:
        name = place.path or "other folders"
        tone = _FILES if row.whose[place.layer] is Whose.OWN else _TONES[row.whose[place.layer]]
        within.setdefault(place.layer, []).append(_tile((name, _last(name)), name, place.bytes, tone))
    if seen.program:
        within.setdefault(seen.program.layer, []).append(_program(seen.program))
    return tuple(
        Tile(labels=(), says=seen.layers[layer].instruction, within=tuple(_named(tile, row, layer) for tile in found))
        for layer, found in sorted(within.items())
    )


def _named(tile: Tile, row: Row, layer: int) -> Tile:
    """The tile, and those within it, with the layer in their words."""
    if tile.within:
        return Tile(labels=tile.labels, says=tile.says, within=tuple(_named(one, row, layer) for one in tile.within))
    says = f"{tile.says}\u2002in the layer of {row.built.seen.layers[layer].instruction or UNKNOWN}"
    return Tile(labels=tile.labels, says=says, bytes=tile.bytes, size=tile.size, tone=tile.tone)


def _program(program: Program) -> Tile:
    name = f"/{program.path}"
    if not program.modules:
        return _tile((name, _last(name), "program"), f"the program {name}", program.bytes, _WHOLE)
    parts = [_module(module) for module in program.modules]
    missing = program.bytes - sum(module.bytes for module in program.modules)
    rest = _tile(("more modules",), "more modules", missing, _MODULE)
    return Tile(labels=(name,), says=name, within=treemap.most([*parts, rest], _MODULES, rest))


def _module(module: ModuleBytes) -> Tile:
    if not module.module:
        return _tile(("no module",), "in no module: strings, types, variables", module.bytes, _NONE)
    if module.module == "std":
        name = "standard library"
        return _tile((name, "std"), f"{name} {module.version}", module.bytes, _STANDARD)
    tone = _OWN if module.version in ("", "(devel)") else _MODULE
    return _tile((module.module, _last(module.module)), f"{module.module} {module.version}", module.bytes, tone)


def _tile(labels: tuple[str, ...], says: str, size: int, tone: int) -> Tile:
    return Tile(labels=labels, says=f"{says}: {size_text(max(size, 0))}", bytes=size, size=size_text(size), tone=tone)


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
