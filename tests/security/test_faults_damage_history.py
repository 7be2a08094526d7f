"""Every file of a history, damaged byte by byte: what can be read is true, and the next run is on record."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from gobake.insight.scorecard import scorecard, summary_of
from gobake.plan import discover
from gobake.plan.request import ProjectRequest
from gobake.runs.begun import BegunRun
from gobake.runs.record import RunRecord
from gobake.runs.store import RunStore
from tests.conftest import Tree
from tests.security.faults import HELLO, WAYS, damaged, here, works_or_one_line
from tests.unit.scoring import recorded, run, step

RUNS = {
    r.id: r
    for r in (
        *(run(step(1, "executed"), step(2, "reused"), at=at, branch=f"b{at}") for at in range(3)),
        replace(recorded("edit"), project="shop"),
    )
}
KILLED = run(at=9, outcome="killed")
NEXT = run(step(1, "executed"), at=30)
WRITTEN = {**RUNS, KILLED.id: KILLED, NEXT.id: NEXT}
READERS = (
    ("runs", "ls"),
    ("runs", "ls", "--format", "json"),
    ("runs", "ls", "--branch", "b1"),
    ("runs", "show", "last"),
    ("runs", "show", next(iter(RUNS)), "--events"),
    ("explain",),
    ("report",),
    ("report", "--format", "json"),
    ("metrics",),
    ("plan",),
)
FILES = ("records/cache.db", "records/cache.db-wal", "digests.db", f"events/{next(iter(RUNS))}.jsonl.gz", "begun")


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """By whether gobake was killed, which leaves what it wrote in the log of the database; with a run that never ended."""
    made, kept = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("kept")
    begun = BegunRun(made, KILLED)
    with RunStore(made) as store:
        for record in RUNS.values():
            store.add(record, [f"events of {record.id}\n"], summary_of(scorecard(record, [])))
        shutil.copytree(made, kept / "killed")
    shutil.copytree(made, kept / "ended")
    begun.end()
    return {True: kept / "killed", False: kept / "ended"}


@pytest.fixture
def project(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Opened once: it is not the project that is damaged."""
    root = tree(HELLO)
    opened = discover.open_project(ProjectRequest(directory=root))
    monkeypatch.setattr(discover, "open_project", lambda _: opened)
    return root


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_history_is_told_and_mended(
    histories: dict[bool, Path], project: Path, tmp_path: Path, name: str, way: str
) -> None:
    whole = histories[name.endswith("-wal")]
    readers = itertools.cycle(READERS)
    copy = tmp_path / "named" / "hello"
    shutil.copytree(whole, copy)
    file = next(copy.glob("begun/*.json")) if name == "begun" else copy / name
    good = file.read_bytes()
    for _ in damaged(file, way):
        for words in itertools.islice(readers, 1):
            works_or_one_line(here(*words, "-C", str(project), "--history", str(copy.parent)))
        before = true_runs(copy)
        if name not in ("records/cache.db", "records/cache.db-wal"):
            assert before >= set(RUNS)
        with RunStore(copy) as store:
            store.add(NEXT, ["events\n"], None)
        assert NEXT.id in true_runs(copy) >= before
        shutil.rmtree(copy)
        shutil.copytree(whole, copy)
    assert file.read_bytes() == good


def true_runs(history: Path) -> set[str]:
    """The runs that can be read, each of which must be what was written, and so must be its figures."""
    found = set()
    with RunStore.reading(history) as store:
        for run_id, record in store.read_all():
            if isinstance(record, RunRecord):
                assert plain(record) == plain(WRITTEN[run_id])
                found.add(run_id)
        for run_id, digest in store.summaries(sorted(RUNS)).items():
            assert replace(digest, saved=None) == replace(summary_of(scorecard(RUNS[run_id], [])), saved=None)
    return found


def plain(record: RunRecord) -> RunRecord:
    """Without what is only known of a killed run when it is found."""
    return replace(record, seconds=0.0, failure="") if record.outcome == "killed" else record
