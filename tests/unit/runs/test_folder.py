"""Where records are kept: named on the command line, in the environment, in gobake.yaml; and folders that are no help."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gobake.cli import gobake
from gobake.config.history import HistoryConfig
from gobake.config.loading import parse_config
from gobake.errors import ConfigError, Unwritable
from gobake.insight.history import Records, prompt_summary, summaries
from gobake.plan.discover import history_folder, open_project
from gobake.plan.request import ProjectRequest
from gobake.report import ci_summary
from gobake.runs.journal import Journal
from gobake.runs.record import UnreadableRecord
from gobake.runs.store import RunStore
from tests.conftest import Tree
from tests.unit.scoring import run, target

HELLO = {"go.mod": "module example.com/hello\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"}
NOWHERE = Path("/proc/nosuch/folder")  # not even for root


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("GOBAKE_HISTORY", raising=False)
    return tmp_path / "data"


def folder(root: Path, history: Path | None = None) -> Path:
    asked = ProjectRequest(directory=root, history=history, trust=True)
    return history_folder(open_project(asked), asked)


def invoke(root: Path, *words: str, env: Mapping[str, str] | None = None) -> Result:
    return CliRunner(env=env).invoke(gobake, [*words, "-C", str(root)])


# ---- where it is


def test_each_checkout_has_its_own_unless_a_folder_is_named(tree: Tree, data: Path, tmp_path: Path) -> None:
    one, two = tree(HELLO, "one"), tree(HELLO, "two")
    assert folder(one) != folder(two)
    assert folder(one).is_relative_to(data)
    assert folder(one, tmp_path / "h") == folder(two, tmp_path / "h") == tmp_path / "h" / "example-com-hello"


def test_the_file_names_it_from_where_it_lies_and_the_command_line_wins(tree: Tree, tmp_path: Path) -> None:
    root = tree({**HELLO, "gobake.yaml": "history: {folder: ./.gobake/history}\n"})
    assert folder(root) == root / ".gobake" / "history" / "example-com-hello"
    assert folder(root, tmp_path / "h") == tmp_path / "h" / "example-com-hello"


def test_a_home_folder_is_meant_by_a_tilde(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    root = tree({**HELLO, "gobake.yaml": "history: {folder: ~/records}\n"})
    assert folder(root) == tmp_path / "records" / "example-com-hello"
    assert folder(root, Path("~/other")) == tmp_path / "other" / "example-com-hello"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("history: x", "history: must be a mapping, not the text 'x'"),
        ("history: {folder: }", "history.folder: has no value; such as `folder: ./.gobake/history`"),
        ("history: {folder: [a]}", "history.folder: must be one value, not a list"),
        ("history: {dir: a}", "history.dir: unknown key 'dir'"),
        ('history: {folder: "a,b"}', "history.folder: 'a,b' is no folder; such as ./.gobake/history"),
        ('history: {folder: "a\\nb"}', "history.folder: "),
    ],
)
def test_mistakes_in_the_file_are_told(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text.encode(), Path("gobake.yaml"))
    assert says in str(caught.value)


def test_without_the_section_nothing_is_said() -> None:
    assert parse_config(b"", Path("gobake.yaml")).history == HistoryConfig()


@pytest.mark.parametrize("command", ["runs ls", "report", "explain", "metrics", "runs show"])
def test_what_reads_reads_it_from_there(tree: Tree, tmp_path: Path, command: str) -> None:
    root, named = tree(HELLO), tmp_path / "named"
    with RunStore(named / "example-com-hello") as store:
        store.add(run(), [])
    for result in (
        invoke(root, *command.split(), "--history", str(named)),
        invoke(root, *command.split(), env={"GOBAKE_HISTORY": str(named)}),
    ):
        assert result.exit_code == 0, f"{result.output}{result.exception!r}"
        assert "api" in result.stdout or run().id in result.stdout or "Nothing" in result.stdout, result.stdout


def test_an_empty_name_is_none(tree: Tree) -> None:
    root = tree(HELLO)
    result = invoke(root, "runs", "ls", "--history", "", env={"GOBAKE_HISTORY": ""})
    assert "no run is on record" in result.stdout
    assert not (Path.cwd() / "example-com-hello").exists()


# ---- folders that are no help


@pytest.fixture
def read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history that cannot be written; for root a folder's mode is no hindrance, so that the database refuses."""
    kept = tmp_path / "kept"
    with RunStore(kept) as store:
        for at in range(3):
            store.add(run(at=at, targets=(target(),)), [f"events {at}\n"], prompt_summary(run(at=at), Records(store)))

    def refuse(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr("diskcache.Cache", refuse)
    return kept


def test_a_read_only_history_is_read(read_only: Path) -> None:
    with RunStore.reading(read_only) as store:
        assert store.ids() == [run(at=at).id for at in range(3)]
        assert store.get("last") == run(at=2)
        assert store.events(run(at=1).id) == "events 1\n"
        assert [d.id for d in summaries(store, 2)] == [run(at=2).id, run(at=1).id]
        assert len(store.summaries(store.ids())) == 3
        with pytest.raises(Unwritable, match="Read-only file system"):
            store.add(run(at=9), [])
        with pytest.raises(Unwritable):
            store.remove(run(at=1).id)
    assert sorted(p.name for p in (read_only / "events").iterdir()) == [f"{run(at=at).id}.jsonl.gz" for at in range(3)]


def test_damage_in_a_read_only_history_hides_no_other(read_only: Path) -> None:
    with sqlite3.connect(read_only / "records" / "cache.db") as database:
        database.execute("UPDATE Cache SET value = ? WHERE rowid = 1", (b"garbage",))
        database.execute("UPDATE Cache SET mode = 4 WHERE rowid = 2")
        database.execute("INSERT INTO Cache (key, raw, value) VALUES (?, 1, ?)", (b"garbage", b"x"))
    database.close()
    with RunStore.reading(read_only) as store:
        found = [record for _, record in store.read_all()]
    assert [type(record) for record in found[:2]] == [UnreadableRecord] * 2
    assert found[2] == run(at=2)


@pytest.mark.parametrize("command", ["runs ls", "runs show", "runs rm 1", "runs export -o x", "report", "explain"])
def test_readers_make_no_history_and_do_not_talk_of_writing(tree: Tree, tmp_path: Path, command: str) -> None:
    root = tree(HELLO)
    for folder in (NOWHERE, tmp_path / "typo"):
        result = invoke(root, *command.split(), "--history", str(folder))
        said = result.stdout or str(result.exception)
        assert said.strip() == f"no run is on record in {folder}/example-com-hello; build something: gobake build"
        assert not folder.exists()


@pytest.mark.parametrize(
    ("named", "remedy"),
    [
        ("--history", "check the folder that --history or GOBAKE_HISTORY names"),
        ("gobake.yaml", "check history.folder in gobake.yaml"),
    ],
)
def test_what_cannot_be_read_is_not_advised(tree: Tree, tmp_path: Path, named: str, remedy: str) -> None:
    (file := tmp_path / "file").write_text("")
    root = tree(HELLO | ({"gobake.yaml": f"history: {{folder: {file}}}\n"} if named == "gobake.yaml" else {}))
    result = invoke(root, "runs", "ls", *(["--history", str(file)] if named == "--history" else []))
    assert str(result.exception) == f"{file}/example-com-hello: the history cannot be read: Not a directory; {remedy}"


@pytest.mark.parametrize("place", ["nowhere", "read-only", "a file"])
def test_a_build_is_told_in_one_line(request: pytest.FixtureRequest, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    kept = {"nowhere": NOWHERE, "a file": tmp_path / "file"}.get(place) or request.getfixturevalue("read_only")
    journal = Journal(kept)
    assert journal.sizes(["sha256:1"]) == {}
    (note,) = journal.keep(
        run(at=9), ["event\n"], lambda record: prompt_summary(record, Records(journal.store)) if journal.store else None
    )
    assert note.startswith(f"warning: the run's record cannot be kept: {kept}: the history cannot be written: ")
    assert "\n" not in note


def test_the_summary_of_ci_needs_no_history(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    assert ci_summary.summarise(run(), NOWHERE, tmp_path, {"GITHUB_STEP_SUMMARY": str(page)}) == []
    assert run().id in page.read_text()


def test_a_read_only_history_still_tells_the_sizes_of_images(read_only: Path) -> None:
    journal = Journal(read_only)
    assert journal.sizes([""]) == {}
