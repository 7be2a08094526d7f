"""The HTML page of `gobake size`: where the bytes of an image and of its program are, as treemaps and tables.

One self-contained file without scripts, under the policy of the report's page.
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct
from msgspec.structs import replace

from gobake.insight.growth import Grown
from gobake.insight.growth_words import module_name
from gobake.report import size as words
from gobake.report.html import treemap
from gobake.report.html.page import environment, policy, stylesheet
from gobake.report.html.treemap import Drawing, Tile
from gobake.report.quantities import count_text, share_text, size_text
from gobake.size.values import EmbeddedFile, ImageSize, ModuleSize, ProgramSize, SizeReport

_PACKAGES = 250  # that have rectangles of their own
_MODULES = 40
_FILES = 60  # embedded ones
_LAYERS = 40
_LOW = 150  # pixels: the height of the layers' treemap
_OWN, _STANDARD, _NONE, _FIRST, _OTHERS, _EMBEDDED = 1, 2, 3, 4, 8, 9  # colours; those between are of modules


class Card(Struct, frozen=True, kw_only=True):
    """One figure of the page's head."""

    name: str
    figure: str
    says: str


def as_html(report: SizeReport, change: Grown | None, top: int) -> str:
    """Return the page. ``top``: rows of each table."""
    style = stylesheet("page.css", "treemap.css")
    program, image = report.program, report.image
    tables = words.tables(report, change, top)
    return str(
        environment()
        .get_template("size.html.j2")
        .render(
            policy=policy([], style),
            style=style,
            name=report.name,
            platform=image.platform if image else "",
            cards=cards(report),
            growth=words.growth_words(change) if change else "",
            worse=change is not None and change.bytes > 0,
            notes=words.notes(report),
            program=program,
            drawings=treemap.drawings(modules(program), treemap.PAGE) if program else [],
            legend=legend(program) if program else [],
            image=image,
            layers=_layers(image) if image else [],
            sources=words.sources(change, top),
            grown=[found for found in tables if found[0] == "grown"],
            of_program=[found for found in tables if found[0] not in ("grown", "layers")],
            of_image=[found for found in tables if found[0] == "layers"],
        )
    )


def cards(report: SizeReport) -> list[Card]:
    """The figures of the head."""
    found, image, program = [], report.image, report.program
    if image:
        if image.compressed_bytes is not None:
            says = f"in a registry: manifest, configuration and {count_text(len(image.layers), 'layer')}"
            found.append(Card(name="compressed", figure=size_text(image.compressed_bytes), says=says))
        says = f"in {count_text(image.files, 'file')} that a container sees; {size_text(image.wasted_bytes)} wasted"
        found.append(Card(name="unpacked", figure=size_text(image.bytes), says=says))
    if program:
        says = f"{program.path}: {program.go} linux/{program.arch}"
        if program.packed_bytes:
            says += f", packed to {size_text(program.packed_bytes)}"
        found.append(Card(name="program", figure=size_text(program.bytes), says=says))
        largest = next((module for module in program.modules if module.module), None)
        if largest:
            share = share_text(largest.bytes / program.bytes) if program.bytes else ""
            name = module_name(largest.module)
            found.append(Card(name="largest module", figure=share, says=f"{name}, {size_text(largest.bytes)}"))
    return found


# ---- the program


def modules(program: ProgramSize) -> tuple[Tile, ...]:
    """A group per module, with its packages and embedded files."""
    tones = _tones(program)
    sizes = sorted((one.bytes for module in program.modules for one in module.packages), reverse=True)
    least = sizes[_PACKAGES - 1] if len(sizes) > _PACKAGES else 1
    files: dict[str, list[EmbeddedFile]] = {}
    for file in sorted(program.embedded, key=lambda one: -one.bytes)[:_FILES]:
        files.setdefault(file.package, []).append(file)
    found = [_module(module, tones[module.module], least, files) for module in program.modules]
    count = len(found) - _MODULES + 1
    rest = Tile(labels=(count_text(count, "more module"),), says=count_text(count, "more module"), tone=_OTHERS)
    return treemap.most(found, _MODULES, rest)


def _tones(program: ProgramSize) -> dict[str, int]:
    """The colours of modules: the largest ones of others have their own."""
    found, free = dict[str, int](), _FIRST
    for module in program.modules:
        if not module.module:
            found[""] = _NONE
        elif module.module == "std":
            found["std"] = _STANDARD
        elif _is_own(module):
            found[module.module] = _OWN
        elif free < _OTHERS:
            found[module.module] = free
            free += 1
        else:
            found[module.module] = _OTHERS
    return found


def _is_own(module: ModuleSize) -> bool:
    return module.version in ("", "(devel)") and not module.replaced


def legend(program: ProgramSize) -> list[tuple[int, str]]:
    """The colours with their names and bytes, in their own order."""
    tones, names, sums = _tones(program), dict[int, str](), Counter[int]()
    for module in program.modules:
        tone = tones[module.module]
        sums[tone] += module.bytes
        several = {_OWN: "your own modules", _OTHERS: "other modules"}
        names[tone] = several.get(tone) or module_name(module.module)
    if program.embedded:
        sums[_EMBEDDED] = sum(file.bytes for file in program.embedded)
        names[_EMBEDDED] = "embedded files"
    return [(tone, f"{names[tone]}, {size_text(sums[tone])}") for tone in sorted(names)]


def _module(module: ModuleSize, tone: int, least: int, files: dict[str, list[EmbeddedFile]]) -> Tile:
    name = module_name(module.module)
    version = module.replaced or module.version
    of = f"{name} {version}".strip()
    within: list[Tile] = []
    rest, count = module.bytes, 0
    for package in module.packages:
        if package.bytes < least:
            count += 1
            continue
        embedded = files.get(package.package, [])
        own = package.bytes - sum(file.bytes for file in embedded)
        labels = _short(package.package, module.module)
        within.append(_tile(labels, f"package {package.package}, in {of}", own, tone))
        within += [
            _tile(
                (file.name, _last(file.name)), f"embedded file {file.name}, in {package.package}", file.bytes, _EMBEDDED
            )
            for file in embedded
        ]
        rest -= package.bytes
    others = count_text(count, "more package") if count else name
    within.append(_tile((others,), f"{others}, in {of}" if count else of, rest, tone))
    return Tile(labels=(name,), says=of, tone=tone, within=tuple(within))


def _embedded(file: EmbeddedFile) -> Tile:
    labels = (file.name, _last(file.name))
    return _tile(labels, f"embedded file {file.name}, in {file.package}", file.bytes, _EMBEDDED)


def _tile(labels: tuple[str, ...], says: str, size: int, tone: int) -> Tile:
    return Tile(labels=labels, says=f"{says}: {size_text(max(size, 0))}", bytes=size, size=size_text(size), tone=tone)


def _short(package: str, module: str) -> tuple[str, ...]:
    """Names of a package from long to short."""
    inside = package.removeprefix(f"{module}/")
    return tuple(dict.fromkeys((inside, _last(inside))))


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


# ---- layers


def _layers(image: ImageSize) -> list[Drawing]:
    """A treemap of the layers' files, if there are several."""
    tiles = [
        _tile(
            (layer.instruction or layer.digest[:19],),
            f"{layer.instruction or layer.digest}, {size_text(layer.stored_bytes)} stored",
            layer.bytes,
            at % 5 + _FIRST,
        )
        for at, layer in enumerate(image.layers)
    ]
    if sum(tile.bytes > 0 for tile in tiles) < 2:
        return []
    says = count_text(len(tiles) - _LAYERS + 1, "more layer")
    shapes = [replace(shape, height=_LOW) for shape in treemap.PAGE]
    return treemap.drawings(treemap.most(tiles, _LAYERS, Tile(labels=(says,), says=says, tone=_STANDARD)), shapes)
