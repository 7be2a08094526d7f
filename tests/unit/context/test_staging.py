"""The copies that a build is given: whole, the same on every machine, and never older than their originals."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gobake.context import staging
from gobake.context.entries import Admitted, Entry
from gobake.context.staging import Staged, stage
from gobake.errors import ProjectError, Unwritable
from gobake.files import whole
from tests.conftest import Tree


def entries(root: Path, *paths: str) -> tuple[Entry, ...]:
    return tuple(Entry(path=path, source=str(root / path)) for path in sorted(paths))


def staged(root: Path, home: Path, *paths: str, files: tuple[str, ...] = ()) -> Staged:
    return stage(Admitted(sources=entries(root, *paths), files=entries(root, *files)), home)


def content(folder: Path) -> Mapping[str, str]:
    return {f.relative_to(folder).as_posix(): f.read_text() for f in sorted(folder.rglob("*")) if f.is_file()}


def aged(*files: Path) -> None:
    """As if written an hour ago, but for the time of the inode's last change, which nobody can set back."""
    for file in files:
        os.utime(file, (time.time() - 3600, time.time() - 3600))


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "_SETTLED_SECONDS", -1e9)


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    read: list[str] = []
    into = staging._read_into

    def noted(entry: Entry, part: str) -> tuple[str, int]:
        read.append(entry.path)
        return into(entry, part)

    monkeypatch.setattr(staging, "_read_into", noted)
    return read


def test_sources_and_files_lie_in_folders_of_their_own(tree: Tree, tmp_path: Path) -> None:
    root = tree({"a/x.go": "x", "b.toml": "b", "c.go": "c"})
    found = staged(root, tmp_path / "home", "a/x.go", files=("b.toml",))
    assert content(found.sources) == {"a/x.go": "x"}
    assert content(found.files) == {"b.toml": "b"}
    assert [copy.path for copy in found.read] == ["a/x.go"]
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def test_nothing_is_read_again_while_nothing_changes(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settled: None
) -> None:
    root = tree({"a.go": "a", "b.go": "b"})
    read = reads(monkeypatch)
    first = staged(root, tmp_path / "home", "a.go", "b.go")
    assert read == ["a.go", "b.go"]
    del read[:]
    before = {f: f.stat().st_ino for f in first.sources.iterdir()}
    known = first.read
    del first  # and with it the lock on its folder
    again = staged(root, tmp_path / "home", "a.go", "b.go")
    assert read == []
    assert again.read == known
    assert {f: f.stat().st_ino for f in again.sources.iterdir()} == before


def test_a_file_that_changed_a_moment_ago_is_read_again(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"a.go": "a"})
    staged(root, tmp_path / "home", "a.go")
    read = reads(monkeypatch)
    staged(root, tmp_path / "home", "a.go")
    assert read == ["a.go"]


def test_another_content_of_the_same_size_and_date_arrives_with_another_date(
    tree: Tree, tmp_path: Path, settled: None
) -> None:
    root = tree({"a.go": "old"})
    os.utime(root / "a.go", (1000, 1000))
    place = staged(root, tmp_path / "home", "a.go").sources / "a.go"
    before = place.stat().st_mtime_ns
    (root / "a.go").write_text("new")
    os.utime(root / "a.go", (1000, 1000))
    staged(root, tmp_path / "home", "a.go")
    assert place.read_text() == "new"
    assert place.stat().st_mtime_ns != before
    (root / "a.go").write_text("old")
    staged(root, tmp_path / "home", "a.go")
    assert place.stat().st_mtime_ns == before


@pytest.mark.parametrize(("mode", "kept"), [(0o600, 0o644), (0o664, 0o644), (0o700, 0o755), (0o4777, 0o755)])
def test_modes_are_those_that_git_keeps(tree: Tree, tmp_path: Path, mode: int, kept: int) -> None:
    root = tree({"deep/a.sh": "a"})
    (root / "deep/a.sh").chmod(mode)
    (root / "deep").chmod(0o700)
    mask = os.umask(0o077)
    try:
        found = staged(root, tmp_path / "home", files=("deep/a.sh",))
    finally:
        os.umask(mask)
    assert stat.S_IMODE((found.files / "deep/a.sh").stat().st_mode) == kept
    assert stat.S_IMODE((found.files / "deep").stat().st_mode) == 0o755
    assert found.copied[0].executable is (kept == 0o755)


def test_another_mode_alone_arrives(tree: Tree, tmp_path: Path, settled: None) -> None:
    root = tree({"a.sh": "a"})
    staged(root, tmp_path / "home", files=("a.sh",))
    (root / "a.sh").chmod(0o755)
    found = staged(root, tmp_path / "home", files=("a.sh",))
    assert stat.S_IMODE((found.files / "a.sh").stat().st_mode) == 0o755


def test_what_is_gone_from_the_tree_goes_and_kinds_may_change(tree: Tree, tmp_path: Path) -> None:
    root = tree({"a/x.go": "x", "b": "file", "c/d/e.go": "e"})
    staged(root, tmp_path / "home", "a/x.go", "b", "c/d/e.go")
    other = tree({"a": "now a file", "b/now/a/folder.go": "f"}, name="other")
    found = staged(other, tmp_path / "home", "a", "b/now/a/folder.go")
    assert content(found.sources) == {"a": "now a file", "b/now/a/folder.go": "f"}
    assert sorted(f.name for f in found.sources.iterdir()) == ["a", "b"]


def test_a_copy_that_somebody_changed_or_took_away_is_made_anew(tree: Tree, tmp_path: Path, settled: None) -> None:
    root = tree({"a.go": "a", "b.go": "b"})
    found = staged(root, tmp_path / "home", "a.go", "b.go")
    (found.sources / "a.go").write_text("z")
    (found.sources / "b.go").unlink()
    (found.sources / "more.go").write_text("left behind")
    folder = found.sources
    del found
    assert content(staged(root, tmp_path / "home", "a.go", "b.go").sources) == {"a.go": "a", "b.go": "b"}
    assert folder.is_dir()


def test_an_index_that_is_damaged_costs_time_only(tree: Tree, tmp_path: Path) -> None:
    root = tree({"a.go": "a"})
    staged(root, tmp_path / "home", "a.go")
    for damaged in ("", "{", "[]", '{"form": 1, "folders": {"sources": {"a.go": [1, "x", 2]}}}'):
        for content_of in (damaged.encode(), whole.sealed(damaged)):
            (tmp_path / "home/1/index.json").write_bytes(content_of)
            assert content(staged(root, tmp_path / "home", "a.go").sources) == {"a.go": "a"}


def test_two_runs_at_one_moment_have_folders_of_their_own(tree: Tree, tmp_path: Path) -> None:
    root = tree({"a.go": "a", "b.go": "b"})
    one = staged(root, tmp_path / "home", "a.go")
    other = staged(root, tmp_path / "home", "b.go")
    assert one.sources != other.sources
    assert content(one.sources) == {"a.go": "a"}
    first = one.sources
    del one
    assert staged(root, tmp_path / "home", "b.go").sources == first


def test_a_file_that_is_written_meanwhile_is_whole(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree({"a.go": "old old old"})
    into, times = staging._read_into, iter(range(100))

    def meanwhile(entry: Entry, part: str) -> tuple[str, int]:
        if next(times) == 0:
            (root / "a.go").write_text("ne")
            read = into(entry, part)
            (root / "a.go").write_text("new new")
            return read
        return into(entry, part)

    monkeypatch.setattr(staging, "_read_into", meanwhile)
    assert content(staged(root, tmp_path / "home", "a.go").sources) == {"a.go": "new new"}


def test_a_file_that_may_not_be_read_is_named(tree: Tree, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"gone\.go: cannot be read: No such file"):
        staged(tree({}), tmp_path / "home", "gone.go")


def test_a_full_disk_is_said(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "here")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(Unwritable, match="here cannot be written: No space left on device; is the disk full"):
        staged(tree({"a.go": "a"}), tmp_path / "home", "a.go")


def test_links_folders_and_texts_of_ones_own_lie_there_too(tmp_path: Path) -> None:
    made = (Entry(path="a/empty"), Entry(path="b", link="nowhere"), Entry(path="c.h", text="// c\n"))
    for _ in range(2):
        found = stage(Admitted(sources=made, files=()), tmp_path / "home")
        assert (found.sources / "a/empty").is_dir()
        assert str((found.sources / "b").readlink()) == "nowhere"
        assert (found.sources / "c.h").read_text() == "// c\n"
        assert [copy.path for copy in found.read] == ["b", "c.h"]
        del found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["a", "b/c", "b/d/e", "ü, [x]/$y 'z", "-q/\\n"]), st.sampled_from(["1", "2", "33"])
        ),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_is_edited_the_copies_are_those_of_the_tree(tmp_path: Path, trees: list[dict[str, str]]) -> None:
    home = tmp_path / f"home-{time.time_ns()}"
    for number, files in enumerate(trees):
        root = tmp_path / f"tree-{number}"
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
            os.utime(root / path, (1000, 1000))
        assert content(staged(root, home, *files).sources) == files
