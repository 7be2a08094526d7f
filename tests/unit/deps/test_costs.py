"""Seconds of packages come from the last run that compiled them."""

from __future__ import annotations

from collections.abc import Iterator

from gobake.deps.costs import Cost, costs
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import GoRecord, HostCompileRecord, RunRecord

AMD, ARM = "linux/amd64", "linux/arm64"


def run(name: str, *, host: tuple[HostCompileRecord, ...] = (), **compiled: float) -> RunRecord:
    work = GoRecord(platform=AMD, packages=9, compiled=tuple(compiled.items()), linked=())
    return RunRecord(
        id=name,
        started=0.0,
        seconds=1.0,
        outcome=RunOutcome.DONE,
        command=(),
        project="p",
        root="/p",
        go=(work,),
        host=host,
    )


def test_each_package_has_the_seconds_of_its_last_compile() -> None:
    wanted = {(AMD, "a"), (AMD, "b"), (AMD, "c"), (ARM, "a"), (AMD, "unsafe")}
    found = costs([run("3"), run("2", a=1.0), run("1", a=5.0, b=2.0)], wanted)
    assert found.seconds == {(AMD, "a"): 1.0, (AMD, "b"): 2.0}
    assert found.runs == ("2", "1")
    assert found.of([(AMD, "a"), (AMD, "b")]) == Cost(seconds=3.0, known=2, packages=2)
    assert found.of([(AMD, "a"), (AMD, "unsafe")]).whole  # nothing compiles unsafe
    partly = found.of(wanted)
    assert (partly.seconds, partly.known, partly.packages, partly.whole) == (3.0, 2, 4, False)
    assert found.of([(ARM, "a")]).seconds is None


def test_what_this_machine_compiled_counts_too() -> None:
    host = HostCompileRecord(platform=ARM, services=("x",), started=0, seconds=1, compiled=(("a", 0.5),))
    assert costs([run("1", host=(host,))], {(ARM, "a")}).seconds == {(ARM, "a"): 0.5}


def test_no_more_records_are_read_than_needed() -> None:
    def records() -> Iterator[RunRecord]:
        yield run("2", a=1.0)
        raise AssertionError("a second record was read")

    assert costs(records(), {(AMD, "a")}).runs == ("2",)
