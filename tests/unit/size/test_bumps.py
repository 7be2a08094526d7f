"""A dependency is bumped and the program grows: thirty really compiled pairs, and each time the right module is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from gobake.binary.anatomy import take_apart
from gobake.size.growth import grown as compared
from gobake.size.growth import side_of
from gobake.size.program import program_of
from gobake.size.values import SizeReport
from tests.unit.deps.proxy import use
from tests.unit.size.bumps import ROUNDS, Bump, Sources, bumps, code, grown, path


def reports(sources: Sources) -> tuple[SizeReport, SizeReport]:
    """The program as a stripped one tells it, and with its twin."""
    shipped, twin = sources.build("shipped", "-s -w"), sources.build("twin", "-w")
    taken = take_apart(shipped), take_apart(shipped, twin)
    stripped, whole = (SizeReport(name="", image=None, program=program_of(one, "/tool")) for one in taken)
    return stripped, whole


def named(before: SizeReport, now: SizeReport) -> str:
    culprit = compared(side_of(before), side_of(now)).culprit
    return f"{culprit.module} {culprit.before} {culprit.version}" if culprit else "nobody"


def test_the_module_that_was_bumped_is_named_in_thirty_of_thirty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, tmp_path / "proxy", tmp_path / "modules")
    sources = Sources(tmp_path)
    before = reports(sources)
    wrong: list[str] = []
    right = [0, 0]
    for bump in bumps(7):
        expected = bumped(sources, bump)
        now = reports(sources)
        for at, (old, new) in enumerate(zip(before, now, strict=True)):
            told = named(old, new)
            right[at] += told == expected
            if told != expected:
                wrong.append(f"{('functions', 'twin')[at]}: {bump}: {told}, not {expected}")
        before = now
    assert right == [ROUNDS, ROUNDS], "\n".join(wrong)


def bumped(sources: Sources, bump: Bump) -> str:
    """Bump the module, and what is bumped beside it; return what is to be named."""
    was = sources.version(bump.module)
    sources.bump(bump.module, *grown(bump.kind, f"Do{sources.versions[bump.module] + 1}"))
    if bump.beside is not None:
        sources.bump(bump.beside, code(f"Do{sources.versions[bump.beside] + 1}", 3), {})
    return f"{path(bump.module)} {was} {sources.version(bump.module)}"
