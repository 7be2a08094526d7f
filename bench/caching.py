"""Measures the value of caches: gobake and a careful hand-written bake, from cold builders to warm ones.

`python -m bench caching` (`make bench-caching`) measures every case on both workspaces; `--only bare,cold` and
`--workspace twenty` select, `--side rival` measures only one side. Both sides of a case are measured alternately in one
run, each in its own copy of the workspace. It repeatedly deletes all images and caches of its engine.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from bench import ground
from bench.contestants import Gobake, HandWritten, go_in_container
from bench.ground import Measured, Registry
from bench.rival import FORMS, SHARINGS, Rival
from bench.workspaces import WORKSPACES, Workspace

SIDES = ("gobake", "rival")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: medians of both sides, or of one. ``limit``: of the ratio, or of our side alone."""

    workspace: str
    case: str
    ours: float | None
    rival: float | None
    limit: float | None  # None: only shown
    unit: str = "s"
    alone: bool = False  # the limit is for our side, without a rival
    cpu: float | None = None  # ratio of CPU times
    notes: tuple[str, ...] = ()

    @property
    def value(self) -> float | None:
        if self.alone:
            return self.ours
        return self.ours / self.rival if self.ours is not None and self.rival else None

    @property
    def kept(self) -> bool | None:
        """Whether the value is within the limit; None if unknown."""
        return self.value <= self.limit if self.value is not None and self.limit is not None else None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options of the command line, and the folder for everything."""

    folder: Path
    workspace: str
    sides: tuple[str, ...]
    form: str
    sharing: str
    rounds: int

    def copy(self, name: str) -> Workspace:
        """Return a new workspace; its unique folder name becomes gobake's project name and separates cache mounts."""
        return WORKSPACES[self.workspace](self.folder / f"{self.workspace}-{name}-{os.urandom(3).hex()}")

    def gobake(self, name: str) -> Gobake:
        return Gobake(workspace=self.copy(f"gobake-{name}"))

    def hand(self, name: str) -> HandWritten:
        ident = f"hand-{os.urandom(4).hex()}"
        proxy = ground.asked("go", "env", "GOPROXY")
        workspace = self.copy(f"hand-{name}")
        return HandWritten(
            files=Rival(workspace=workspace, ident=ident, proxy=proxy, form=self.form, sharing=self.sharing)
        )

    def row(self, case: str, found: Found, limit: float | None, *, unit: str = "s") -> Row:
        pick: Callable[[Measured], float | None] = _written if unit == "bytes" else _seconds
        ours, rival = (_median(pick(m) for m in found.of(side)) for side in SIDES)
        cpus = [_median(m.cpu for m in found.of(side)) for side in SIDES]
        return Row(
            workspace=self.workspace,
            case=case,
            ours=ours,
            rival=rival,
            limit=limit,
            unit=unit,
            cpu=cpus[0] / cpus[1] if cpus[0] is not None and cpus[1] and unit == "s" else None,
            notes=found.notes(),
        )


@dataclass(kw_only=True)
class Found:
    """Measurements by side."""

    sides: dict[str, list[Measured]] = field(default_factory=dict)

    def add(self, side: str, measured: Measured) -> None:
        self.sides.setdefault(side, []).append(measured)
        print(f"    {side}: {measured}", flush=True)

    def of(self, side: str) -> list[Measured]:
        return self.sides.get(side, [])

    def notes(self) -> tuple[str, ...]:
        return tuple(f"{side}: {measured}" for side, all_of_it in self.sides.items() for measured in all_of_it)


def _seconds(measured: Measured) -> float:
    return measured.seconds


def _written(measured: Measured) -> float | None:
    return measured.written


def _median(values: Iterator[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


@contextmanager
def _counting(registry: Registry) -> Iterator[Callable[[Measured], Measured]]:
    """Yield a function that adds to a measurement what was written to the registry meanwhile."""
    before = registry.written()
    yield lambda measured: replace(measured, written=registry.written() - before)


# ---- cases


def bare(asked: Asked) -> list[Row]:
    """Measure a cold builder after a one-line edit, with a local registry that earlier runs have filled.

    Both sides import and export, as a branch's run in CI does.
    """
    first, then = Found(), Found()
    with ExitStack() as stack:
        contestants = []
        for side in asked.sides:
            store = stack.enter_context(ground.registry())
            contestants.append((side, asked.gobake("bare") if side == "gobake" else asked.hand("bare"), store))
        for side, contestant, store in contestants:
            ground.empty_engine()
            with ground.own_home() as home, _counting(store) as counted:
                first.add(side, counted(contestant.on_a_runner(store, home)))
        for number in range(asked.rounds):
            for side, contestant, store in contestants:
                contestant.workspace.edit(number)
                ground.empty_engine()
                with ground.own_home() as home, _counting(store) as counted:
                    then.add(side, counted(contestant.on_a_runner(store, home)))
    return [
        asked.row("bare builder, nothing in the registry", first, None),
        asked.row("bare builder, one line edited", then, 0.10),
    ]


def cold(asked: Asked) -> list[Row]:
    """Compare with `go build` in a container and with the hand-written bake; Go caches are empty and not saved."""
    beside_go, beside_hand = Found(), Found()
    for _ in range(asked.rounds):
        if "gobake" in asked.sides:
            ours = asked.gobake("cold").build("--no-cache", cache=())
            beside_go.add("gobake", ours)
            beside_hand.add("gobake", ours)
        if "rival" in asked.sides:
            beside_go.add("rival", go_in_container(asked.copy("container")))
            beside_hand.add("rival", asked.hand("cold").build("--no-cache"))
    return [
        asked.row("cold / go build in one container", beside_go, 1.05),
        asked.row("cold / hand-written bake", beside_hand, None),
    ]


def save(asked: Asked) -> list[Row]:
    """Measure saving the Go caches, in full and after a one-line edit. No rival saves them."""
    if "gobake" not in asked.sides:
        return []
    ours = asked.gobake("save")
    full, edited = Found(), Found()
    with ground.registry() as store:
        full.add("rival", ours.build("--no-cache", cache=()))  # the cold build for comparison
        ours.build(cache=())  # --no-cache used other, empty mounts: fill the project's own
        with _counting(store) as counted:
            full.add("gobake", counted(ours.save(store)))
        for number in range(asked.rounds):
            ours.workspace.edit(number)
            ours.build(cache=())
            with _counting(store) as counted:
                edited.add("gobake", counted(ours.save(store)))
    seed = full.of("gobake")[0].written
    seconds = asked.row("save after a one-line edit, seconds", edited, 3.0)
    written = asked.row("save after a one-line edit / the seed's bytes", edited, 0.01, unit="bytes")
    return [
        asked.row("full save / cold build", full, 0.12),
        replace(seconds, alone=True),
        replace(written, rival=float(seed) if seed else None, notes=()),
    ]


def warm(asked: Asked) -> list[Row]:
    """Measure a warm builder with repeated one-line edits: seeds and policies on, and off ("rival")."""
    if "gobake" not in asked.sides:
        return []
    results = Found()
    with ground.registry() as store:
        on, off = asked.gobake("on"), asked.gobake("off")
        on.build(cache=on.store(store, "ci-branch"))
        on.save(store)
        off.build(cache=())
        for number in range(max(5, asked.rounds)):
            for side, contestant, cache in (
                ("gobake", on, on.store(store, "dev")),
                ("rival", off, ()),
            ):
                contestant.workspace.edit(number)
                results.add(side, contestant.build(cache=cache))
    return [asked.row("warm builder, seeds and policies on / off", results, 1.03)]


def export(asked: Asked) -> list[Row]:
    """Measure the additional time for exporting the layers of all targets to an empty registry, with everything built.

    The seconds of a build without an export are subtracted.
    """
    results = Found()
    for side in asked.sides:
        ground.empty_engine()
        contestant: Gobake | HandWritten = asked.gobake("export") if side == "gobake" else asked.hand("export")
        print(f"    {side}, nothing built before: {contestant.plain_build()}", flush=True)
        without = contestant.plain_build()
        with ground.registry() as store, _counting(store) as counted:
            done = counted(contestant.export_build(store))
        print(f"    {side}: {without.seconds:.1f} s without an export, {done.seconds:.1f} s with one", flush=True)
        cpu = done.cpu - without.cpu if done.cpu is not None and without.cpu is not None else None
        results.add(side, replace(done, seconds=max(0.0, done.seconds - without.seconds), cpu=cpu))
    return [
        asked.row("layer cache export of all targets, seconds", results, 1.0),
        replace(asked.row("layer cache export of all targets, bytes", results, 1.0, unit="bytes"), notes=()),
    ]


CASES: dict[str, Callable[[Asked], list[Row]]] = {
    "bare": bare,
    "cold": cold,
    "save": save,
    "warm": warm,
    "export": export,
}


# ---- the command line


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return f"{value / 1e6:.2f} MB" if unit == "bytes" else f"{value:.1f} s"


def _line(row: Row) -> str:
    value = "unknown" if row.value is None else f"{row.value:.3f}"
    limit = "" if row.limit is None else f"(at most {row.limit:g})"
    cpu = "" if row.cpu is None else f"{row.cpu:.3f}"
    missed = "  <-- missed" if row.kept is False else ""
    return (
        f"{row.workspace:<7} {row.case:<48} {value:>8} {limit:<15} {_amount(row.ours, row.unit):>12} "
        f"{_amount(row.rival, row.unit):>12} {cpu:>8}{missed}"
    )


def _words(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        words = tuple(text.split(","))
        for word in words:
            if word not in known:
                raise argparse.ArgumentTypeError(f"{word!r} is not one of {', '.join(known)}")
        return words

    return parse


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench caching", description=__doc__)
    parser.add_argument("--only", type=_words(tuple(CASES)), default=tuple(CASES), metavar="CASE[,CASE]")
    parser.add_argument("--workspace", type=_words(tuple(WORKSPACES)), default=tuple(WORKSPACES), metavar="NAME")
    parser.add_argument("--side", type=_words(SIDES), default=SIDES, metavar="SIDE", help="gobake, rival, or both")
    parser.add_argument("--form", choices=FORMS, default=FORMS[0], help="how much a service of the rival copies")
    parser.add_argument("--sharing", choices=SHARINGS, default=SHARINGS[0], help="of the rival's Go build cache")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args(words)
    ground.require_private_engine()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that registries are stopped
    machine = ground.machine()
    print(machine, flush=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="gobake-bench-", ignore_cleanup_errors=True) as folder:
        for workspace in given.workspace:
            asked = Asked(
                folder=Path(folder),
                workspace=workspace,
                sides=given.side,
                form=given.form,
                sharing=given.sharing,
                rounds=given.rounds,
            )
            for name in given.only:
                print(f"== {workspace}: {name}", flush=True)
                started = time.monotonic()
                rows += CASES[name](asked)
                print(f"    took {time.monotonic() - started:.0f} s", flush=True)
    print(f"\nrival: {given.form}, Go cache {given.sharing}")
    print(f"{'':<57}{'ratio':>8} {'':<15} {'gobake':>12} {'rival':>12} {'CPU':>8}")
    print("\n".join(_line(row) for row in rows))
    if given.json:
        figures = [asdict(row) | {"value": row.value, "kept": row.kept} for row in rows]
        given.json.write_text(json.dumps({"schema": 1, "machine": machine, "figures": figures}, indent=2))
    return 1 if any(row.kept is False for row in rows) else 0
