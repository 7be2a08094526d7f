"""Advice: what it takes for each kind, how often it was seen, and the seconds it would have saved."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gobake.insight.advice import advise
from gobake.insight.causes import Advice
from gobake.runs.record import CacheRecord, MountRecord, RunRecord
from tests.unit.explaining import GO, compiled, gobuild, run, step

FILES = {"cmd/a/main.go": "0" * 16, "go.mod": "1" * 16}
DEBIAN = "docker.io/library/debian:13"


def kinds(*records: RunRecord) -> list[str]:
    return [advice.kind for advice in advise(records)]


def only(*records: RunRecord) -> Advice:
    (advice,) = advise(records)
    return advice


def took(record: RunRecord, seconds: float | None, *, at: int = 2) -> RunRecord:
    """The run with another duration of one step, by default of its compile."""
    steps = list(record.steps)
    steps[at] = replace(steps[at], seconds=seconds)
    return replace(record, steps=tuple(steps))


def edited(number: int, outcomes: str = "rree", **files: str) -> RunRecord:
    """A run in which only build.txt is another than in the run before."""
    return run(number, outcomes, files={**FILES, "build.txt": f"{number:016}", **files})


def exporting(record: RunRecord, seconds: float) -> RunRecord:
    return replace(record, caches=(CacheRecord(direction="export", target="a-scratch", ref="r", seconds=seconds),))


def test_what_saves_most_comes_first_and_less_than_a_second_is_no_advice() -> None:
    costly = [exporting(edited(n), 4.0) for n in (4, 3, 2, 1)]
    assert [(a.kind, a.seconds) for a in advise(costly)] == [("costly-export", 16.0), ("changing-file", 3.0)]
    moving = [exporting(run(n, "rrrr", base=str(n)), 0.375) for n in (3, 2, 1)]
    assert [(a.kind, a.seconds) for a in advise(moving)] == [("costly-export", 1.125)]  # bases moved, at no cost


# ---- files that change


def test_a_changing_file_is_named_with_its_runs_and_the_seconds_of_their_compiles() -> None:
    advice = only(*(took(edited(n), 1.00004) for n in (5, 4, 3, 2)))
    assert advice.says == (
        "build.txt was all that changed in 3 of the last 4 runs, and each of them compiled: "
        "read it when the program runs (`files` puts it into the image), or make it seldom"
    )
    assert (advice.runs, advice.seconds) == (3, 3.0)


def test_a_file_that_comes_and_goes_or_that_changes_with_another_is_no_changing_file() -> None:
    without = [run(n, "rree", files=FILES) for n in (4, 2)]
    there = [run(n, "rree", files={**FILES, "build.txt": "1" * 16}) for n in (5, 3, 1)]
    assert kinds(there[0], without[0], there[1], without[1], there[2]) == []
    assert kinds(*(edited(n, other=f"{n:016}") for n in (5, 4, 3, 2, 1))) == []


def test_a_run_that_did_not_compile_lost_nothing_by_a_changed_file() -> None:
    assert kinds(edited(4, "rrrr"), edited(3), edited(2), edited(1)) == []


def test_a_run_whose_files_are_unknown_is_passed_over() -> None:
    blind = run(4)
    blind = replace(blind, inputs=replace(blind.inputs, files=()))
    assert only(edited(5), blind, edited(3), edited(2), edited(1)).runs == 3


def test_files_that_no_longer_change_are_not_advised_on() -> None:
    same = [run(n, "rrrr", files={**FILES, "build.txt": f"{4:016}"}) for n in range(14, 4, -1)]
    changed = [edited(n) for n in (4, 3, 2, 1)]
    assert kinds(*same, *changed) == []
    assert kinds(*same[4:], *changed) == ["changing-file"]


# ---- exports


def imported(record: RunRecord, seconds: float) -> RunRecord:
    steps = list(record.steps)
    steps[2] = replace(steps[2], outcome="imported", seconds=seconds)
    return replace(record, steps=tuple(steps))


def test_exports_are_costly_only_beyond_what_imports_save() -> None:
    def runs(seconds: float) -> list[RunRecord]:
        return [
            imported(exporting(run(3, "rrrr"), seconds), 0.25),
            exporting(run(2, "rrrr"), seconds),
            exporting(run(1), seconds),
        ]

    assert kinds(*runs(0.2)) == []
    advice = only(*runs(4.00004))
    assert (advice.kind, advice.runs, advice.seconds) == ("costly-export", 3, 11.25)
    assert advice.says.startswith("exporting layer caches took 12.0 s in the last 3 runs, and imports saved 0.8 s: ")


# ---- base images that move


def on(number: int, *bases: str, name: str = GO) -> RunRecord:
    """A run on a base image with the given digests, those of its platforms."""
    record = run(number)
    return replace(record, inputs=replace(record.inputs, bases=tuple((name, f"sha256:{d * 64}") for d in bases)))


def test_a_moving_base_is_named_with_how_often_it_moved() -> None:
    advice = only(*(took(on(n, str(n)), 1.00004) for n in (4, 3, 2)))
    assert advice.says == (
        f"{GO} stood for another image 2 times in the last 3 runs, and what is built on it was built again: "
        f"pin it in `bases` of gobake.yaml as {GO}@sha256:…"
    )
    assert (advice.runs, advice.seconds) == (2, 2.0)


def test_a_base_that_kept_the_image_of_one_platform_has_not_moved() -> None:
    assert kinds(on(3, "3", "1"), on(2, "2", "1"), on(1, "0", "1")) == []


def test_a_run_without_the_base_is_passed_over() -> None:
    others = on(3, "1", name=DEBIAN)
    assert only(on(4, "3"), others, on(2, "2"), on(1, "1")).runs == 2


def test_moves_before_the_last_ten_runs_are_not_advised_on() -> None:
    moved = [on(n, str(n)) for n in (3, 2, 1)]
    assert kinds(*(on(n, "3") for n in range(13, 3, -1)), *moved) == []
    assert kinds(*(on(n, "3") for n in range(11, 3, -1)), *moved) == []
    assert kinds(*(on(n, "3") for n in range(10, 3, -1)), *moved) == ["moving-base"]


def test_a_move_costs_the_seconds_of_the_pull_and_of_what_is_built_on_it() -> None:
    def two_bases(number: int) -> RunRecord:
        record = run(number, base=str(number))
        alone = (
            replace(step(f"FROM {DEBIAN}", "executed"), started=50.0, seconds=30.0),
            replace(step("RUN apt-get", "executed", 4), started=80.0, seconds=30.0),
        )
        times = ((0.0, 2.0), (2.0, 1.0), (3.0, 5.0), (8.0, 1.0))
        steps = tuple(
            replace(s, started=begin, seconds=seconds) for s, (begin, seconds) in zip(record.steps, times, strict=True)
        )
        return replace(record, steps=(*steps, *alone))

    advice = only(*(two_bases(n) for n in (3, 2, 1)))
    assert (advice.runs, advice.seconds) == (2, 18.0)


def test_steps_that_did_not_run_or_did_not_end_cost_nothing() -> None:
    def unfinished(number: int) -> RunRecord:
        record = took(run(number, "erer", base=str(number)), None, at=3)
        never = replace(step("RUN never", "executed", 2), started=None)
        return replace(record, steps=(*record.steps, never))

    assert only(*(unfinished(n) for n in (3, 2, 1))).seconds == 2.0  # the pull and the compile, at the same time


# ---- cache mounts that were collected

KEYS = {"example.com/p/cmd/a": "a1", "example.com/p/lib": "l1", "fmt": "f1", "os": "o1"}


def filled(number: int, after: int | None = 5_000_000, **more: object) -> RunRecord:
    return run(number, go=compiled(KEYS, {}, *KEYS), **{"mounts": gobuild(0, after), **more})  # type: ignore[arg-type]


def emptied(number: int, before: int | None = 0, **more: object) -> RunRecord:
    """A run that compiled everything again, as its cache mount had lost it."""
    again = filled(number, **{"mounts": gobuild(before, 5_000_000), **more})  # type: ignore[arg-type]
    quick = replace(again.go[0], compiled=tuple((name, 0.50001) for name, _ in again.go[0].compiled))
    return replace(again, go=(quick,))


def test_a_collected_mount_is_named_with_its_runs_and_what_was_compiled_again() -> None:
    advice = only(emptied(3), emptied(2), filled(1))
    assert advice.says == (
        "cache mount gobuild had lost what an earlier run on the same builder left, in 2 of the last 3 runs: let the "
        "builder keep more (its garbage collection's limits), or keep seeds (--cache-store)"
    )
    assert (advice.runs, advice.seconds) == (2, 2.0)


def test_what_no_cache_emptied_was_not_collected() -> None:
    """Both mounts are measured: the one that --no-cache put in its place, and the old one until BuildKit deletes it."""
    assert kinds(emptied(3), filled(2, no_cache=True), filled(1)) == []
    assert kinds(emptied(4), emptied(3), filled(2, no_cache=True), filled(1)) == ["collected-mount"]


def test_only_packages_that_did_not_change_were_compiled_because_of_it() -> None:
    record = emptied(2)
    edited_too = {**KEYS, "example.com/p/lib": "l2", "example.com/p/cmd/a": "a2"}
    record = replace(record, go=(replace(record.go[0], actions=tuple(edited_too.items())),))
    assert only(record, filled(1)).seconds == 1.0


@pytest.mark.parametrize(
    ("before", "left", "collected"),
    [
        (0, 1_000_000, True),
        (0, 999_999, False),
        (499_999, 1_000_000, True),
        (500_000, 1_000_000, False),
        (None, 5_000_000, False),
        (0, None, False),
    ],
)
def test_a_mount_was_collected_if_less_than_half_of_a_megabyte_or_more_is_left(
    before: int | None, left: int | None, collected: bool
) -> None:
    assert kinds(emptied(2, before), filled(1, left)) == (["collected-mount"] if collected else [])


def test_what_another_builder_left_says_nothing_and_neither_does_a_run_that_did_not_look() -> None:
    other = filled(2, 0, machine="2")
    blind = filled(2, None, machine="1")
    here = filled(1, machine="1")
    assert kinds(emptied(3, machine="1"), other, here) == ["collected-mount"]
    assert kinds(emptied(3, machine="1"), blind, here) == ["collected-mount"]
    assert kinds(emptied(3, machine="3"), other, here) == []


def test_the_last_run_that_looked_tells_what_was_left() -> None:
    shrunk = filled(2, mounts=gobuild(5_000_000, 10))
    assert kinds(emptied(3), shrunk, filled(1)) == []


def mount(name: str, before: int, after: int, *, of: str = "p") -> MountRecord:
    return MountRecord(name=name, id=f"{of}-{name}", before=before, after=after)


def test_downloaded_modules_are_looked_after_too_but_links_are_not() -> None:
    names = ("gobuild", "gomod", "golink")
    now = emptied(2, mounts=tuple(mount(name, 0, 1) for name in names))
    then = filled(1, mounts=tuple(mount(name, 0, 5_000_000) for name in names))
    assert only(now, then).says.startswith("cache mount gobuild, gomod had lost what")
    assert kinds(replace(now, mounts=now.mounts[2:]), then) == []


def test_the_mount_of_another_project_is_another_mount() -> None:
    now = emptied(2, mounts=(mount("gobuild", 0, 1),))
    assert kinds(now, filled(1, mounts=(mount("gobuild", 0, 5_000_000, of="q"),))) == []


def test_a_mount_that_was_collected_long_ago_is_not_advised_on() -> None:
    kept = [filled(n, mounts=gobuild(5_000_000, 5_000_000)) for n in range(13, 3, -1)]
    assert kinds(*kept, emptied(2), filled(1)) == []
    advice = only(*kept[1:], emptied(2), filled(1))
    assert "in 1 of the last 10 runs" in advice.says
