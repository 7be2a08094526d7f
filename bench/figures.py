"""What was measured, as it is kept in `bench/figures`: every single sample, with date, machine and rounds.

Tables and sentences of the documentation are printed from these files (`python -m docs.update`), and a test says when
they are stale.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

FOLDER = Path(__file__).parent / "figures"


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The cost of one action. None is unknown, not zero."""

    seconds: float
    cpu: float | None = None  # CPU seconds of the engine with its children, and of the client
    executed: int | None = None  # steps
    compiled: int | None = None  # Go packages over all platforms; one compiled twice counts twice
    written: int | None = None  # bytes added to the registry
    memory: int | None = None  # peak bytes of the process
    size: int | None = None  # bytes of an image or a program

    def __str__(self) -> str:
        words = [f"{self.seconds:.2f} s"]
        if self.cpu is not None:
            words.append(f"{self.cpu:.1f} s of CPU")
        if self.executed is not None:
            words.append(f"{self.executed} steps executed")
        if self.compiled is not None:
            words.append(f"{self.compiled} packages compiled")
        if self.written is not None:
            words.append(f"{self.written / 1e6:.2f} MB written")
        if self.memory is not None:
            words.append(f"{self.memory / 1e6:.0f} MB of memory")
        if self.size is not None:
            words.append(f"{self.size / 1e6:.2f} MB")
        return ", ".join(words)


Samples = dict[str, list[Sample]]  # by contestant, one sample a round
Results = dict[str, Samples]  # by situation, such as "loopback"


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One case. ``results``: situation -> contestant -> a sample per round, in the order of the rounds."""

    schema: int = 1
    case: str
    what: str
    command: str
    date: str  # of the day it was measured, YYYY-MM-DD
    machine: str
    rounds: int
    results: Results

    def samples(self, situation: str, contestant: str) -> list[Sample]:
        return self.results[situation][contestant]

    def median(self, situation: str, contestant: str, field: str = "seconds") -> float:
        """Raises KeyError for a situation, a contestant or a field that was not measured."""
        values = [getattr(sample, field) for sample in self.samples(situation, contestant)]
        known = [value for value in values if value is not None]
        if not known:
            raise KeyError(f"{self.case}: {field} of {contestant} ({situation})")
        return float(statistics.median(known))

    def ratio(self, situation: str, ours: str, other: str, field: str = "seconds") -> float:
        return self.median(situation, ours, field) / self.median(situation, other, field)

    def beyond(self, situation: str, ours: str, other: str) -> float:
        """The median of the seconds by which one took longer than the other in the same round."""
        pairs = zip(self.samples(situation, ours), self.samples(situation, other), strict=True)
        return float(statistics.median(mine.seconds - its.seconds for mine, its in pairs))


def read(case: str, folder: Path = FOLDER) -> Figures:
    return msgspec.json.decode((folder / f"{case}.json").read_bytes(), type=Figures)


def write(figures: Figures, folder: Path = FOLDER) -> None:
    folder.mkdir(exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(figures), indent=1)
    (folder / f"{figures.case}.json").write_bytes(text + b"\n")


def alternated(rounds: int, contestants: Mapping[str, Callable[[int], Sample]], *, title: str = "") -> Samples:
    """Measure all contestants in each round, every other round in reverse order, so that noise affects all alike."""
    found: Samples = {name: [] for name in contestants}
    for number in range(rounds):
        names = list(contestants)
        for name in names if number % 2 == 0 else reversed(names):
            sample = contestants[name](number)
            print(f"    {title}{name}: {sample}", flush=True)
            found[name].append(sample)
    return found


def table(figures: Figures, kept: Figures | None) -> Sequence[str]:
    """Lines for a terminal: medians, the ratio to the first contestant, and that ratio in the kept figures."""
    lines = [f"{figures.case}: {figures.what}; medians of {figures.rounds}"]
    for situation, samples in figures.results.items():
        ours = next(iter(samples))
        bytes_only = all(sample.size is not None for of_one in samples.values() for sample in of_one)
        field, unit, scale = ("size", "MB", 1e6) if bytes_only else ("seconds", "s", 1.0)
        for name in samples:
            median = figures.median(situation, name, field) / scale
            ratio = "" if name == ours else f"{figures.ratio(situation, ours, name, field):8.3g}"
            if ratio and kept:
                ratio += f"  (kept: {_kept(kept, situation, ours, name, field)})"
            lines.append(f"  {situation:<28} {name:<28} {median:8.2f} {unit} {ratio}")
    return lines


def _kept(kept: Figures, situation: str, ours: str, name: str, field: str) -> str:
    try:
        return f"{kept.ratio(situation, ours, name, field):.3g}"
    except KeyError:
        return "-"
