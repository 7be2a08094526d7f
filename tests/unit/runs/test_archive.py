"""Runs exported and imported: what comes through whole, and what a hostile archive can do, which is nothing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from gobake.cli import gobake
from gobake.insight.history import summaries
from gobake.insight.scorecard import scorecard, summary_of
from gobake.runs import archive
from gobake.runs.archive import Entry, Refused
from gobake.runs.record import RunRecord
from gobake.runs.store import RunStore
from tests.conftest import Tree
from tests.unit.invoked import error, good, history_of
from tests.unit.scoring import NAMES, recorded, recorded_summaries, run

HELLO = {"go.mod": "module example.com/hello\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"}

Runs = Callable[..., Result]


@pytest.fixture
def root(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tree(HELLO)


@pytest.fixture
def store(root: Path) -> Iterator[RunStore]:
    with history_of(root) as opened:
        yield opened


@pytest.fixture
def runs(root: Path) -> Runs:
    return lambda verb, *words: CliRunner().invoke(gobake, ["runs", verb, "-C", str(root), *map(str, words)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "runs.jsonl.gz"


def packed(file: Path, *lines: bytes) -> Path:
    file.write_bytes(gzip.compress(b"".join(lines)))
    return file


def line(record: RunRecord, /, **changes: Any) -> bytes:
    """A line as an honest gobake writes it, then changed."""
    digest = summary_of(scorecard(record, ()))
    return json.dumps(json.loads(archive.to_line(Entry(record=record, summary=digest))) | changes).encode() + b"\n"


# ---- through


def test_runs_come_through_with_events_and_figures(runs: Runs, store: RunStore, file: Path) -> None:
    for name in NAMES:
        store.add(recorded(name), [f"events of {name} \ud83d\ude80\n"])
    summaries(store, 9)
    assert good(runs("export", "--output", file)) == f"5 runs in {file}\n"
    for name in NAMES:
        store.remove(recorded(name).id)
    assert good(runs("import", file)) == "5 runs added, 0 already there, 0 left out\n"
    assert [store.get(recorded(name).id) for name in NAMES] == [recorded(name) for name in NAMES]
    assert list(store.summaries(store.ids()).values()) == recorded_summaries()[::-1]
    assert store.events(recorded("cold").id).startswith("events of cold ")


def test_what_is_there_already_stays_as_it_is(runs: Runs, store: RunStore, file: Path) -> None:
    store.add(run(at=0), ["first\n"])
    good(runs("export", "-o", file))
    store.add(run(at=0, seconds=99.0), ["second\n"])
    assert good(runs("import", file)) == "0 runs added, 1 already there, 0 left out\n"
    assert (store.get(run().id).seconds, store.events(run().id)) == (99.0, "second\n")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((run(at=1).id,), [1]),
        (("last",), [2]),
        ((run(at=1).id, "last", run(at=1).id), [1, 2]),
        (("--branch", "feature"), [0]),
        (("--branch", "feature", "last"), []),
    ],
)
def test_some_are_exported(runs: Runs, store: RunStore, file: Path, words: tuple[str, ...], found: list[int]) -> None:
    for at in range(3):
        store.add(run(at=at, branch="main" if at else "feature"), [])
    if not found:
        assert error(runs("export", "-o", file, *words)) == "no runs match; `gobake runs ls` lists all"
        return
    good(runs("export", "-o", file, *words))
    got = [entry.record.id for entry in archive.read(file) if isinstance(entry, Entry)]
    assert got == [run(at=at).id for at in found]


def test_a_damaged_record_is_left_out_and_told(runs: Runs, store: RunStore, file: Path) -> None:
    store.add(run(at=0), [])
    store.add(run(at=1), [])
    store._cache.set(run(at=1).id, {"schema": 1, "id": 3})
    result = runs("export", "-o", file)
    assert good(result) == f"1 run in {file}\n"
    assert result.stderr.startswith(f"run {run(at=1).id} is damaged")


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing(runs: Runs, store: RunStore, tmp_path: Path) -> None:
    store.add(run(), [])
    assert error(runs("export", "-o", tmp_path / "no" / "file")).endswith(
        "No such file or directory; name a file elsewhere"
    )
    assert list(tmp_path.glob(".*.part")) == []


# ---- hostile


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b"no json\n", "line 1 is not JSON"),
        (b"\x00\xff\xfe\n", "line 1 is not JSON"),
        (b"[" * 200_000 + b"\n", "line 1 is nested too deeply"),
        (b"[]\n", "line 1 is not a run of an archive"),
        (b'{"schema":"1"}\n', "line 1 is not a run of an archive"),
        (b'{"schema":1}\n', "line 1 is not a JSON object"),
        (line(run(at=9), schema=2), "line 1 has schema 2, and this gobake reads up to 1; use a newer one"),
        (line(replace(run(at=9), schema=9)), "line 1 has schema 9, and this gobake reads up to 1"),
        (line(run(id="../../../../tmp/evil")), "line 1 has the id '../../../../tmp/evil', which is none of a run"),
        (line(run(id="/etc/passwd")), "which is none of a run"),
        (line(run(id="")), "which is none of a run"),
        (line(run(id="20261124-201530-" + "a" * 300)), "which is none of a run"),
        (line(run(id="20261124-201530-a\n")), "which is none of a run"),
        (line(run(id="٢٠٢٦١١٢٤-201530-a")), "which is none of a run"),
        (line(run(at=9), digest=json.loads(line(run(at=8)))["digest"]), "line 1 has the summary of another run"),
        (line(run(at=9), record={"schema": 1, "id": 3}), "line 1 is damaged"),
    ],
)
def test_a_line_that_is_no_run_is_told_and_hides_no_other(
    runs: Runs, store: RunStore, file: Path, tmp_path: Path, bad: bytes, says: str
) -> None:
    before = sorted(str(p) for p in tmp_path.rglob("*"))
    result = runs("import", packed(file, bad, line(run(at=1))))
    assert good(result) == "1 run added, 0 already there, 1 left out\n"
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
    assert store.ids() == [run(at=1).id]
    new = {str(p) for p in tmp_path.rglob("*")} - {*before, str(file)}
    assert all(Path(p).is_relative_to(store.folder) for p in new), new


@pytest.mark.parametrize("digest", [None, 3, "x", {"schema": 1}, {"schema": 7}, {"id": "x" * 1000}])
def test_what_is_no_digest_is_made_anew(runs: Runs, store: RunStore, file: Path, digest: object) -> None:
    good(runs("import", packed(file, line(run(), digest=digest))))
    assert summaries(store, 1) == [summary_of(scorecard(run(), ()))]


def test_a_giant_line_ends_the_import(runs: Runs, store: RunStore, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LONGEST", 1 << 20)
    packed(file, line(run(at=0)), b"x" * (3 << 20) + b"\n", line(run(at=1)))
    result = runs("import", file)
    assert good(result) == "1 run added, 0 already there, 1 left out\n"
    assert result.stderr == "line 2 has more than 1 MiB: this and what follows is left out\n"


def test_a_file_that_is_cut_off_gives_what_it_has(file: Path) -> None:
    packed(file, *(line(run(at=at, command=(str(at) * 50_000,))) for at in range(4)), bytes(range(256)) * 400)
    file.write_bytes(file.read_bytes()[:-60])
    found = list(archive.read(file))
    assert isinstance(found[0], Entry)
    assert isinstance(found[-1], Refused)
    assert "cannot be unpacked" in found[-1].says


@pytest.mark.parametrize("content", [b"no gzip", b"PK\x03\x04", b"\x1f\x8b\x08\x00broken........"])
def test_what_is_no_archive_is_told_in_one_line(runs: Runs, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert "is not an archive of `gobake runs export`" in error(runs("import", file))


@pytest.mark.parametrize("content", [gzip.compress(b"", mtime=0), b""])
def test_an_empty_archive_holds_no_run(runs: Runs, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert "holds no run that can be read" in error(runs("import", file))


def test_a_file_that_is_not_there(runs: Runs, file: Path) -> None:
    assert error(runs("import", file)) == f"{file}: No such file or directory; check the name"


def test_a_million_bad_lines_are_not_all_told(runs: Runs, file: Path) -> None:
    result = runs("import", packed(file, b"x\n" * 5000, line(run())))
    assert good(result) == "1 run added, 0 already there, 5000 left out\n"
    assert result.stderr.splitlines()[-1] == "and 4980 more lines that are no runs"
    assert result.stderr.count("\n") == 21
