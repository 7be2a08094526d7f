"""Prints what `gobake size` tells: a sentence, then modules, kinds and layers, the largest first."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from gobake.insight.growth import Grown
from gobake.insight.growth_words import culprit_words, module_name, source_words
from gobake.report import savings
from gobake.report.console import console_for, print_table, print_text
from gobake.report.markdown import escaped, table_lines
from gobake.report.quantities import count_text, share_text, size_text
from gobake.size.values import ImageSize, ProgramSize, SizeReport
from gobake.text.layout import Table
from gobake.text.printable import one_line

_SHARE = 0.1  # of the program: modules below it are not in the sentence
_MOST_NAMED = 3  # modules in the sentence
_NOWHERE = {"symbol table": "symbols", "DWARF": "debug information"}


def head(report: SizeReport) -> str:
    """The one sentence."""
    parts = [_image_words(report.image)] if report.image else []
    if program := report.program:
        if not report.image:
            parts.append(f"{size_text(program.bytes)}, {program.go} linux/{program.arch}")
        named = [
            f"{module_name(module.module)} {share_text(module.bytes / program.bytes)}"
            for module in program.modules[: _MOST_NAMED + 1]
            if module.module and module.bytes >= _SHARE * program.bytes
        ]
        if named:
            parts.append("of the program: " + ", ".join(named[:_MOST_NAMED]))
    return f"{report.name}{f' {report.image.platform}' if report.image else ''}: {'; '.join(parts)}"


def _image_words(image: ImageSize) -> str:
    words = f"{size_text(image.bytes)} in {count_text(image.files, 'file')}"
    if image.compressed_bytes is not None:
        words += f", {size_text(image.compressed_bytes)} compressed"
    return words + (f", {size_text(image.wasted_bytes)} wasted" if image.wasted_bytes else "")


def tables(report: SizeReport, change: Grown | None, top: int) -> list[tuple[str, Table]]:
    """The tables with their titles."""
    found = [("grown", _grown(change, top))] if change and change.modules else []
    if report.choices:
        found.append(("choices", savings.table(report.choices)))
    if report.program:
        found.append(("modules", _modules(report.program, top)))
        found.append(("packages", _packages(report.program, top)))
        found.append(("kinds", _kinds(report.program)))
        if report.program.without:
            found.append(("without", _without(report.program, top)))
        if report.program.embedded:
            found.append(("embedded files", _embedded(report.program, top)))
    if report.image:
        found.append(("layers", _layers(report.image)))
    return found


def sources(change: Grown | None, top: int) -> list[str]:
    """The lines of go.mod that brought what grew, and their commits."""
    found = [one for one in (change.modules if change else ()) if one.source and one.bytes > 0]
    return [f"{module_name(one.module)} {one.version}: {source_words(one.source)}" for one in found[:top] if one.source]


def _asked_for(report: SizeReport, change: Grown | None, top: int) -> list[tuple[str, Table]]:
    """The tables; with --choices only theirs, and what grew."""
    found = tables(report, change, top)
    return [one for one in found if one[0] in ("grown", "choices")] if report.choices else found


def notes(report: SizeReport) -> list[str]:
    """What else is to be said."""
    found = list(report.notes)
    program = report.program
    if program and program.packed_bytes:
        found.append(f"packed: {size_text(program.packed_bytes)} of {size_text(program.bytes)}")
    if program and program.without is not None:
        found.append(
            "without: about what would go if no own package imported the module, with what the linker keeps only for "
            "it; modules that others need are not listed"
        )
    if report.twin:
        found.append(
            f"names from the program linked again with symbols in {report.twin.seconds:.1f} s: "
            f"{report.twin.compiled} of {report.twin.packages} packages compiled for it"
        )
    return found + (savings.notes(report.choices) if report.choices else [])


def growth_words(change: Grown) -> str:
    """How much more or less, and because of whom."""
    more = "more" if change.bytes >= 0 else "less"
    words = f"{size_text(abs(change.bytes))} {more} than {change.name} ({size_text(change.before_bytes)})"
    culprit = culprit_words(change)
    return words + (f"; most of it in {culprit}" if culprit else "")


def print_size(report: SizeReport, change: Grown | None, *, top: int, color: str) -> None:
    console = console_for(sys.stdout, color)
    print_text(console, one_line(head(report)), "bold")
    if change:
        print_text(console, one_line(growth_words(change)))
    for title, table in _asked_for(report, change, top):
        console.print()
        print_table(console, table)
        for line in sources(change, top) if title == "grown" else ():
            print_text(console, one_line(line), "dim")
    said = notes(report)
    if said:
        console.print()
    for note in said:
        print_text(console, one_line(note), "dim")


def as_markdown(report: SizeReport, change: Grown | None, top: int) -> str:
    lines = [f"**{escaped(head(report))}**", ""]
    if change:
        lines += [escaped(growth_words(change)), ""]
    for title, table in _asked_for(report, change, top):
        lines += [f"### {title.capitalize()}", "", *table_lines(table), ""]
        if title == "grown" and (found := sources(change, top)):
            lines += [*(f"- {escaped(line)}" for line in found), ""]
    lines += [f"- {escaped(note)}" for note in notes(report)]
    return "\n".join(lines).rstrip() + "\n"


# ---- the tables


def _modules(program: ProgramSize, top: int) -> Table:
    shown = program.modules[:top]
    rows: list[tuple[str, ...]] = [
        (module_name(one.module), one.replaced or one.version, size_text(one.bytes), _share(one.bytes, program.bytes))
        for one in shown
    ]
    rows += _others([one.bytes for one in program.modules[top:]], "module", program.bytes, blank=1)
    return Table(columns=("module", "version", "bytes", "share"), rows=tuple(rows), words=frozenset({"version"}))


def _packages(program: ProgramSize, top: int) -> Table:
    found = sorted(
        (one for module in program.modules for one in module.packages), key=lambda one: (-one.bytes, one.package)
    )
    rows: list[tuple[str, ...]] = [
        (one.package, size_text(one.bytes), _share(one.bytes, program.bytes)) for one in found[:top]
    ]
    rows += _others([one.bytes for one in found[top:]], "package", program.bytes)
    return Table(columns=("package", "bytes", "share"), rows=tuple(rows))


def _without(program: ProgramSize, top: int) -> Table:
    found = program.without or ()
    rows = [(one.module, str(one.packages), size_text(one.bytes)) for one in found[:top]]
    if rest := len(found[top:]):
        rows.append((count_text(rest, "more module"), "", ""))
    return Table(columns=("without", "packages", "bytes less"), rows=tuple(rows))


def _kinds(program: ProgramSize) -> Table:
    rows = [(one.kind, size_text(one.bytes), _share(one.bytes, program.bytes)) for one in program.kinds]
    return Table(columns=("kind", "bytes", "share"), rows=tuple(rows))


def _embedded(program: ProgramSize, top: int) -> Table:
    rows = [(one.name, one.package, size_text(one.bytes)) for one in program.embedded[:top]]
    if rest := program.embedded[top:]:
        rows.append((f"{len(rest)} more", "", size_text(sum(one.bytes for one in rest))))
    return Table(columns=("embedded file", "package", "bytes"), rows=tuple(rows), words=frozenset({"package"}))


def _layers(image: ImageSize) -> Table:
    stored = "stored" if image.compressed_bytes is None else "compressed"
    rows = [
        (
            one.instruction or one.digest[:19] or "unknown",
            size_text(one.stored_bytes),
            size_text(one.bytes),
            str(one.added),
            str(one.changed),
            str(one.removed),
            size_text(one.wasted_bytes),
        )
        for one in image.layers
    ]
    return Table(columns=("layer", stored, "bytes", "added", "changed", "removed", "wasted"), rows=tuple(rows))


def _grown(change: Grown, top: int) -> Table:
    shown = sorted(change.modules, key=lambda one: (-abs(one.bytes), one.module))[:top]
    rows = [
        (
            module_name(one.module),
            one.before or ("" if not one.module else "none"),
            one.version or ("" if not one.module else "none"),
            ("+" if one.bytes >= 0 else "-") + size_text(abs(one.bytes)),
        )
        for one in shown
    ]
    return Table(columns=("module", "before", "now", "more"), rows=tuple(rows), words=frozenset({"before", "now"}))


def _others(sizes: Sequence[int], noun: str, whole: int, blank: int = 0) -> list[tuple[str, ...]]:
    if not sizes:
        return []
    rest = sum(sizes)
    return [
        (
            f"{len(sizes)} more {noun}{'' if len(sizes) == 1 else 's'}",
            *[""] * blank,
            size_text(rest),
            _share(rest, whole),
        )
    ]


def _share(part: int, whole: int) -> str:
    return share_text(part / whole) if whole else ""
