"""The HTML page of `gobake deps`: a list of modules with bars, which can be searched, filtered and followed.

One self-contained file, under the policy of the report's page. Without scripts it is a list to read and print.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from gobake.deps.account import Account, Module
from gobake.report import deps_words as words
from gobake.report.html.page import environment, policy, stylesheet
from gobake.report.quantities import count_text, size_text

_HERE = Path(__file__).parent


class Row(Struct, frozen=True, kw_only=True):
    """One module in the page's words."""

    id: str
    path: str
    version: str
    direct: bool
    seconds: str
    packages: int
    weight: float  # seconds, or packages if no second of any module is known
    share: float  # of the heaviest module's weight, 0 to 1
    without: str
    facts: tuple[tuple[str, str], ...]
    held: tuple[str, ...]  # import paths
    imports: tuple[tuple[str, str], ...]  # (id, path)
    imported_by: tuple[tuple[str, str], ...]


def as_html(found: Account) -> str:
    """Return the page."""
    style = stylesheet("page.css", "deps.css")
    script = (_HERE / "deps.js").read_text("utf-8")
    return str(
        environment()
        .get_template("deps.html.j2")
        .render(
            policy=policy([script], style),
            style=style,
            script=script,
            project=found.project,
            heading=words.heading(found),
            source=words.source_of_costs(found),
            remarks=words.findings(found),
            rows=rows(found),
            unit=_unit(found),
            services=[(name, _links(found.imports.get(name, ()), found)) for name in found.services],
        )
    )


def _unit(found: Account) -> str:
    """What the bars show."""
    return "seconds" if any(module.cost.seconds for module in found.modules) else "packages"


def rows(found: Account) -> list[Row]:
    """Return all modules, heaviest first."""
    by_seconds = _unit(found) == "seconds"
    weights = [(m.cost.seconds or 0.0) if by_seconds else float(m.packages) for m in found.modules]
    most = max(weights, default=0.0) or 1.0
    importers: dict[str, list[str]] = {}
    for module in found.modules:
        for path in module.imports:
            importers.setdefault(path, []).append(module.path)
    return [
        Row(
            id=f"m{at}",
            path=module.path,
            version=module.version or "local",
            direct=module.direct,
            seconds=words.cost_text(module.cost),
            packages=module.packages,
            weight=weight,
            share=weight / most,
            without=words.without_text(module),
            facts=tuple(_facts(module, found)),
            held=module.held,
            imports=_links(module.imports, found),
            imported_by=_links(importers.get(module.path, ()), found),
        )
        for at, (module, weight) in enumerate(zip(found.modules, weights, strict=True))
    ]


def _facts(module: Module, found: Account) -> list[tuple[str, str]]:
    facts = [
        ("compile", f"{words.cost_text(module.cost)}, {count_text(module.packages, 'package')}"),
        *([] if module.bytes is None else [("bytes", size_text(module.bytes))]),
        ("licence", words.licence_text(module.licences)),
        ("services", words.services_text(module, found.services)),
    ]
    if module.without and module.without.modules:
        facts.append(("goes with it", ", ".join(module.without.modules)))
    if module.by:
        facts.append(("replaced by", module.by))
    if found.known.upgrades is not None:
        facts += zip(("age", "newer"), words.version_texts(module, words.now()), strict=True)
    return facts


def _links(paths: tuple[str, ...] | list[str], found: Account) -> tuple[tuple[str, str], ...]:
    """Return (id, path) of the modules that are in the page."""
    wanted = set(paths)
    return tuple((f"m{at}", module.path) for at, module in enumerate(found.modules) if module.path in wanted)
