"""Formats the run-time needs of services as lines of `gobake plan` and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gobake.needs.evidence import Finding
from gobake.needs.needs import Need

_SHOWN = 2  # places of one need


def as_lines(found: Mapping[str, Sequence[Need]]) -> list[str]:
    """Return one line per need: `lacks` if a planned image seems to lack it, else `needs`."""
    lines = []
    for service, needs in found.items():
        for need in sorted(needs, key=lambda need: not need.lacking):
            images = f"; not in {', '.join(need.lacking)}" if need.lacking else ""
            word = "lacks" if need.lacking else "needs"
            lines.append(f"{word}     {service}: {need.what}{_places(need.found)}{images}: {need.answer}")
    return lines


def lacking(found: Mapping[str, Sequence[Need]]) -> list[str]:
    """Return one line per need that an image lacks, for the end of a build."""
    return [
        f"{service} seems to need {need.what}{_places(need.found)}; not in {', '.join(need.lacking)}: {need.answer}"
        for service, needs in found.items()
        for need in needs
        if need.lacking
    ]


def as_json(found: Mapping[str, Sequence[Need]]) -> list[dict[str, Any]]:
    return [
        {
            "service": service,
            "kind": str(need.kind),
            "what": need.what,
            "found": [{"file": str(f.file), "line": f.line, "word": f.word, "value": f.value} for f in need.found],
            "lacking": [str(strategy) for strategy in need.lacking],
            "answer": need.answer,
        }
        for service, needs in found.items()
        for need in needs
    ]


def _places(found: Sequence[Finding]) -> str:
    shown = ", ".join(f"{f.word} in {f.file}:{f.line}" for f in found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f" ({shown}{more})" if found else ""
