"""`gobake runs` as a user types it: lists and what they are narrowed to."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from gobake.cli import gobake
from gobake.errors import UsageError
from gobake.runs.filter import moment
from gobake.runs.store import RunStore
from tests.conftest import Tree
from tests.unit.invoked import error, good, history_of
from tests.unit.scoring import HOSTILE, NAMES, recorded, run, step, target

HELLO = {"go.mod": "module example.com/hello\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"}
NOON = 1795608000.0  # 2026-11-25 12:00 UTC

Runs = Callable[..., Result]


@pytest.fixture
def root(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("GOBAKE_BUILDER", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield tree(HELLO)
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def store(root: Path) -> Iterator[RunStore]:
    with history_of(root) as opened:
        yield opened


@pytest.fixture
def runs(root: Path) -> Runs:
    return lambda verb, *words: CliRunner().invoke(gobake, ["runs", verb, "-C", str(root), *words])


def listed(result: Result) -> list[str]:
    return [line.split()[0] for line in good(result).splitlines() if line.startswith("20")]


@pytest.fixture
def several(store: RunStore) -> RunStore:
    """Runs that differ in one thing each, and one that is like no other."""
    day = 24 * 3600.0
    differences: list[dict[str, Any]] = [
        {"branch": "feature"},
        {"builder": "remote"},
        {"outcome": "failed"},
        {"targets": (target("worker"), target("api"))},
        {"started": NOON - 8 * day},
        {},
    ]
    for at, changed in enumerate(differences):
        store.add(run(step(1, "executed"), step(2, "reused"), at=at, **{"started": NOON - day, **changed}), [])
    return store


# ---- lists


def test_a_line_a_run_newest_first_with_hit_rates(runs: Runs, store: RunStore) -> None:
    for name in NAMES:
        store.add(recorded(name), [])
    lines = good(runs("ls")).splitlines()
    assert lines[0].split() == "RUN BEGUN OUTCOME TIME TARGETS STEPS GO SAVED REVISION BRANCH SERVICES".split()
    assert [line.split()[0] for line in lines[1:]] == [recorded(name).id for name in NAMES]
    assert lines[1].split()[1:9] == ["2026-11-25", "05:33", "done", "94.9", "s", "4", "52.3", "%"]


def test_without_runs_it_says_what_to_do(runs: Runs) -> None:
    said = good(runs("ls"))
    assert said.startswith("no run is on record in /")
    assert said.endswith("; build something: gobake build\n")


def test_what_was_left_out_is_counted(runs: Runs, store: RunStore) -> None:
    for at in range(23):
        store.add(run(at=at), [])
    assert len(listed(runs("ls"))) == 20
    assert good(runs("ls")).splitlines()[-1].startswith("and 3 more: --all lists them")
    assert listed(runs("ls", "--last", "2")) == [run(at=22).id, run(at=21).id]
    assert good(runs("ls", "--last", "2", "--branch", "main")).splitlines()[-1].startswith("and 21 more: ")
    assert len(listed(runs("ls", "--all"))) == len(listed(runs("ls", "--last", "23"))) == 23
    assert "more" not in good(runs("ls", "--all"))


def test_json_has_all_of_them_unless_told_otherwise(runs: Runs, store: RunStore) -> None:
    for at in range(23):
        store.add(run(step(1, "executed"), step(2, "reused"), at=at), [])
    found = json.loads(good(runs("ls", "--format", "json")))
    assert (found["schema"], len(found["runs"]), found["more"], found["unreadable"]) == (1, 23, 0, [])
    first = found["runs"][0]
    assert (first["id"], first["targets"], first["hit_rate"], first["go_hit_rate"]) == (
        run(at=22).id,
        ["api-scratch"],
        0.5,
        None,
    )
    assert json.loads(good(runs("ls", "--format", "json", "--last", "4")))["more"] == 19


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--branch", "feature"), [0]),
        (("--builder", "remote"), [1]),
        (("--outcome", "failed"), [2]),
        (("--service", "worker"), [3]),
        (("--until", "2026-11-20"), [4]),
        (("--until", "2026-11-17"), [4]),
        (("--until", "2026-11-16"), []),
        (("--since", "2026-11-24T13:00"), []),
        (("--since", "2026-11-24T11:59:59Z", "--until", "2026-11-24 12:01"), [5, 3, 2, 1, 0]),
        (("--since", "2026-11-18", "--branch", "main", "--service", "api", "--outcome", "done"), [5, 3, 1]),
    ],
)
def test_runs_are_chosen(runs: Runs, several: RunStore, words: tuple[str, ...], found: list[int]) -> None:
    assert listed(runs("ls", *words)) == [run(at=at).id for at in found]
    assert found or good(runs("ls", *words)) == "no runs match\n"


def test_the_builder_of_the_environment_chooses_no_runs(
    runs: Runs, several: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOBAKE_BUILDER", "remote")
    assert len(listed(runs("ls"))) == 6


@pytest.mark.parametrize(
    ("text", "ends", "found"),
    [
        ("7d", False, NOON - 7 * 86400),
        ("12h", False, NOON - 12 * 3600),
        ("30m", True, NOON - 1800),
        ("2w", False, NOON - 14 * 86400),
        ("2026-11-25T12:00Z", False, NOON),
        ("2026-11-25 13:00+01:00", True, NOON),
    ],
)
def test_a_moment_is_a_date_or_an_age(text: str, ends: bool, found: float) -> None:
    assert moment(text, "--since", NOON, ends=ends) == found


def test_a_day_ends_a_day_later() -> None:
    assert moment("2026-11-25", "--until", NOON, ends=True) - moment("2026-11-25", "--since", NOON) == 86400


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-02-31", "0000-01-01", "2026-11", "7", "-7d", "7y", "9999999d", "٧d", "2026-11-25T25:00"],
)
def test_what_is_no_date_is_told_in_one_line(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"--since: invalid date .*; write 2026-11-25, 2026-11-25T14:30, or an age such"
    ):
        moment(text, "--since", NOON)


def test_a_wrong_word_on_the_command_line(runs: Runs) -> None:
    assert error(runs("ls", "--until", "soon")).startswith("--until: invalid date 'soon'; write 2026-11-25")
    assert "exclude each other" in error(runs("ls", "--last", "3", "--all"))
    assert runs("ls", "--outcome", "good").exit_code == 2


def test_records_that_cannot_be_read_are_told_in_their_place(runs: Runs, store: RunStore) -> None:
    for at in range(3):
        store.add(run(at=at), [])
    store.add(replace(run(at=1), schema=2), [])
    lines = good(runs("ls")).splitlines()
    assert lines[2] == f"{run(at=1).id}  has schema 2, and this gobake reads up to 1; use a newer one"
    assert listed(runs("ls", "--branch", "main")) == [run(at=2).id, run(at=0).id]
    assert json.loads(good(runs("ls", "--format", "json")))["unreadable"][0]["id"] == run(at=1).id


def test_hostile_names_stay_on_their_line(runs: Runs, store: RunStore) -> None:
    store.add(run(branch=HOSTILE, revision=HOSTILE, targets=(target(HOSTILE),)), [])
    said = good(runs("ls"))
    assert (said.count("\n"), "\x1b" in said) == (2, False)


# ---- one run


def test_the_raw_events_are_what_buildkit_said(runs: Runs, store: RunStore) -> None:
    said = ['{"vertexes":[{"digest":"sha256:1","name":"ü"}]}\n', '{"logs":[]}\n']
    store.add(run(at=0), ["none of these\n"])
    store.add(run(at=1), said)
    assert good(runs("show", "--events")) == "".join(said)
    assert good(runs("show", run(at=0).id, "--events")) == "none of these\n"


def test_events_that_were_not_kept_are_told_in_one_line(runs: Runs, store: RunStore) -> None:
    store.add(run(at=0), ["x\n"])
    (store.folder / "events" / f"{run(at=0).id}.jsonl.gz").unlink()
    assert "has no readable events" in error(runs("show", "--events"))


COLOURED = "\x1b["


@pytest.mark.parametrize(
    ("words", "env", "coloured"),
    [
        ((), {}, False),
        (("--color", "auto"), {}, False),
        (("--color", "always"), {}, True),
        (("--color", "never"), {}, False),
        ((), {"GOBAKE_COLOR": "always"}, True),
        (("--color", "never"), {"GOBAKE_COLOR": "always"}, False),
        (("--color", "always"), {"GOBAKE_COLOR": "never"}, True),
    ],
)
def test_colours_are_for_terminals_unless_they_are_asked_for(
    words: tuple[str, ...],
    env: dict[str, str],
    coloured: bool,
    runs: Runs,
    store: RunStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "GOBAKE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    store.add(recorded("cold"), [])
    said = good(runs("show", *words))
    assert (COLOURED in said) is coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", said) == good(runs("show", "--color", "never"))


def test_a_verdict_of_the_gate_has_colours_too(runs: Runs, root: Path, store: RunStore) -> None:
    store.add(recorded("cold"), [])
    for color, coloured in (("always", True), ("never", False)):
        words = ["report", "-C", str(root), "--min-hit-rate", "100%", "--color", color]
        ended = CliRunner().invoke(gobake, words)
        assert ended.exit_code != 0
        assert "fell short" in ended.stderr
        assert (COLOURED in ended.stderr) is coloured
