"""`gobake deps` as text: a table, paths, or a tree. Does not use rich, whose import takes as long as the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gobake.deps.account import Account, Module, Why
from gobake.report.deps_words import (
    cost_text,
    heading,
    licence_text,
    now,
    remarks,
    services_text,
    source_of_costs,
    version_texts,
    way_text,
    without_text,
)
from gobake.report.quantities import count_text, size_text
from gobake.text.layout import Table, arranged, wrapped
from gobake.text.printable import one_line

_COLUMNS = ("MODULE", "VERSION", "PACKAGES", "COMPILE", "WITHOUT IT", "LICENCE", "SERVICES")
_ASKED = ("AGE", "NEWER")  # further columns if proxies were asked
_MEASURED = "BYTES"  # a further column if programs were measured
_FIGURES = ("PACKAGES", "COMPILE", _MEASURED)
_INDENT = 2
_MORE = "or more: what the linker keeps only for a module goes too, and `gobake size --without` measures it"


def lines(found: Account, width: int | None) -> list[str]:
    """Return the table of modules and the remarks. ``width``: of the terminal; None for a line per module."""
    output = wrapped(one_line(heading(found)), width, _INDENT)
    output.append("")
    output += _table(found, width)
    output += ["", *wrapped(source_of_costs(found), width, _INDENT)]
    if any(m.cost.seconds is not None and not m.cost.whole for m in found.modules):
        output += wrapped("+: some packages are not on record, and take more", width, _INDENT)
    if found.known.sizes:
        programs = count_text(len(found.known.sizes), "measured program")
        more = any(module.without and module.without.more for module in found.modules)
        output += wrapped(f"bytes in {programs}{f'; {_MORE}' if more else ''}", width, _INDENT)
    told = remarks(found)
    if told:
        output += ["", *(line for one in told for line in wrapped(one_line(one), width, _INDENT))]
    return output


def _table(found: Account, width: int | None) -> list[str]:
    asked = found.known.upgrades is not None
    measured = (_MEASURED,) if found.known.sizes else ()
    columns = (*_COLUMNS[:4], *measured, *_COLUMNS[4:], *(_ASKED if asked else ()))
    rows = [_row(module, found, asked=asked) for module in found.modules]
    own = len({path for built in found.builds for name in found.own for path in built.graph.members(name)})
    blank = ("",) * (len(columns) - 4)
    rows.append(("(own modules)", "", str(own), cost_text(found.own_cost), *blank))
    rows.append(("(standard library)", "", str(found.standard_packages), cost_text(found.standard_cost), *blank))
    table = Table(columns=columns, rows=tuple(rows), words=frozenset(columns) - {*_FIGURES})
    return [line.text for line in arranged(table, width)]


def _row(module: Module, found: Account, *, asked: bool) -> tuple[str, ...]:
    row: tuple[str, ...] = (
        module.path,
        module.version or "local",
        str(module.packages),
        cost_text(module.cost),
        *((size_text(module.bytes),) if found.known.sizes else ()),
        without_text(module),
        licence_text(module.licences),
        services_text(module, found.services),
    )
    if asked:
        row = (*row, *version_texts(module, now()))
    return tuple(map(one_line, row))


def why_lines(answers: Sequence[Why], width: int | None) -> list[str]:
    """Return the shortest import paths, by service."""
    output: list[str] = []
    for one in answers:
        several = len({other.platform for other in answers if other.service == one.service}) > 1
        output += wrapped(one_line(f"{one.service}{f' ({one.platform})' if several else ''}:"), width, _INDENT)
        for path in one.paths.shown:
            output += [f"  {line}" for line in wrapped(one_line(way_text(path)), width and width - 2, _INDENT)]
        more = one.paths.count - len(one.paths.shown)
        if more:
            output.append(f"  and {count_text(more, 'more path')} of the same length")
    return output


def tree_lines(found: Account) -> Iterator[str]:
    """Yield the modules of each service as a tree; the modules below one are drawn where it first appears."""
    modules = {module.path: module for module in found.modules}
    for service in found.services:
        yield one_line(service)
        drawn: set[str] = set()
        todo = _children(found.imports.get(service, ()), "", modules)
        while todo:
            path, before, last = todo.pop()
            module = modules[path]
            again = path in drawn and any(one in modules for one in module.imports)
            said = f"{path} {module.version or 'local'}{_figures(module)}{' (above)' if again else ''}"
            yield f"{before}{'└── ' if last else '├── '}{one_line(said)}"
            if path not in drawn:
                drawn.add(path)
                todo += _children(module.imports, f"{before}{'    ' if last else '│   '}", modules)


def _figures(module: Module) -> str:
    cost = f", {cost_text(module.cost)}" if module.cost.seconds is not None else ""
    return f", {count_text(module.packages, 'package')}{cost}"


def _children(paths: Sequence[str], before: str, modules: dict[str, Module]) -> list[tuple[str, str, bool]]:
    """Return (module, what stands before it, whether it is the last) for a stack: the first one on top."""
    there = sorted(path for path in paths if path in modules)
    return [(path, before, path == there[-1]) for path in reversed(there)]
