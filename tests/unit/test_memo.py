"""What need not be asked again, and when it is asked all the same: memory itself, and Go's answers."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gobake import memo
from gobake.errors import ProjectError
from gobake.files import whole
from gobake.gotool import list_cache, local, modules, packages
from gobake.gotool.asking import queries
from gobake.model import BuildOptions, Platform
from tests.conftest import Tree

QUERIES = queries([Platform.parse("linux/amd64")], [BuildOptions()])


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "gobake" / "memory"


# ---- memory itself


def test_what_was_remembered_is_known_under_the_same_evidence_only() -> None:
    memo.remember("kind", "key", ("evidence", 1), {"value": [1, 2]})
    assert memo.recall("kind", "key", ("evidence", 1)) == {"value": [1, 2]}
    assert memo.recall("kind", "key", ("evidence", 2)) is None
    assert memo.recall("kind", "other", ("evidence", 1)) is None
    assert memo.recall("other", "key", ("evidence", 1)) is None


def test_nothing_is_recalled_while_memory_is_empty() -> None:
    memo.remember("kind", "key", 1, 2)
    with memo.empty():
        assert memo.recall("kind", "key", 1) is None
    assert memo.recall("kind", "key", 1) == 2


def test_another_version_of_gobake_remembers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    memo.remember("kind", "key", 1, 2)
    monkeypatch.setattr(memo, "__version__", "99.0")
    assert memo.recall("kind", "key", 1) is None


def test_evidence_is_not_written_down(own_cache: Path) -> None:
    memo.remember("kind", "key of s3cret", ("token", "s3cret"), "value")
    (file,) = own_cache.iterdir()
    assert "s3cret" not in file.name + file.read_text()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"evidence": 1}', "\xff"])
def test_a_damaged_memory_is_none(own_cache: Path, text: str) -> None:
    memo.remember("kind", "key", 1, 2)
    (file,) = own_cache.iterdir()
    for content in (text.encode("latin-1"), whole.sealed(text)):
        file.write_bytes(content)
        assert memo.recall("kind", "key", 1) is None


def test_a_folder_that_cannot_be_written_remembers_nothing(own_cache: Path) -> None:
    own_cache.parent.mkdir(parents=True)
    own_cache.write_text("a file where the folder should be")
    memo.remember("kind", "key", 1, 2)
    assert memo.recall("kind", "key", 1) is None


def test_old_memories_are_deleted(own_cache: Path) -> None:
    memo.remember("kind", "old", 1, 2)
    (old,) = own_cache.iterdir()
    os.utime(old, (0, 0))
    memo.remember("kind", "new", 1, 2)
    assert memo.recall("kind", "old", 1) is None
    assert memo.recall("kind", "new", 1) == 2


# ---- what Go said


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are believed to be at rest although the test has just written them."""
    monkeypatch.setattr(list_cache, "_SETTLED_SECONDS", -1000.0)


class CountedGo:
    """The real go command behind a script that counts how often it lists."""

    def __init__(self, folder: Path) -> None:
        self.path, self._log = str(folder / "go"), folder / "lists"
        real = shutil.which("go")
        assert real
        script = f'#!/bin/sh\n[ "$1" = list ] && echo >> {self._log}\nexec {real} "$@"\n'
        Path(self.path).write_text(script)
        Path(self.path).chmod(0o755)

    @property
    def lists(self) -> int:
        return len(self._log.read_text().splitlines()) if self._log.exists() else 0

    def survey(self, root: Path) -> packages.GoTree:
        found = list_cache.survey(modules.layout(root), QUERIES, self.path)
        assert found
        return found


@pytest.fixture
def go(tmp_path: Path) -> CountedGo:
    return CountedGo(tmp_path)


FILES = {
    "go.mod": "module example.com/shop\n\ngo 1.22\n",
    "main.go": 'package main\n\nimport _ "example.com/shop/lib"\n\nfunc main() {}\n',
    "lib/lib.go": "package lib\n",
    "lib/lib.txt": "a text",
    "testdata/x.go": "package x\n",
    "web/web.go": 'package web\n\nimport "embed"\n\n//go:embed *.html testdata/sub all:_x\nvar f embed.FS\n',
    "web/page.html": "a page",
    "web/testdata/sub/a": "a",
    "web/_x/b": "b",
}


@pytest.mark.usefixtures("settled")
def test_go_is_asked_once_while_nothing_changes(tree: Tree, go: CountedGo) -> None:
    root = tree(FILES)
    first = go.survey(root)
    assert go.lists == 1
    assert go.survey(root) == first
    assert go.lists == 1
    assert [p.import_path for p in first.packages] == [
        "example.com/shop",
        "example.com/shop/lib",
        "example.com/shop/web",
    ]
    assert first.packages[2].embed_files == ("_x/b", "page.html", "testdata/sub/a")


def _rewrite_with_the_old_time(root: Path) -> None:
    file = root / "lib" / "lib.go"
    before = file.stat()
    file.write_text("package li2\n")  # as long as before
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def _link_to_another_file(root: Path) -> None:
    (root / "lib" / "lib.go").unlink()
    (root / "lib" / "lib.go").symlink_to(root / "testdata" / "x.go")


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda root: (root / "main.go").write_text("package main\n\nfunc main() {}\n"), id="edited"),
        pytest.param(_rewrite_with_the_old_time, id="edited, with the old time and size"),
        pytest.param(lambda root: (root / "cmd.go").write_text("package main\n"), id="added"),
        pytest.param(lambda root: _replace(root / "main.go", "func main", "func run"), id="without a main"),
        pytest.param(
            lambda root: _replace(root / "main.go", "package", "//go:build linux\n\npackage"), id="constraint"
        ),
        pytest.param(lambda root: _replace(root / "web/web.go", "*.html", "*.txt *.html"), id="a pattern"),
        pytest.param(lambda root: (root / "lib" / "lib.go").unlink(), id="removed"),
        pytest.param(lambda root: (root / "lib").rename(root / "lab"), id="folder renamed"),
        pytest.param(_link_to_another_file, id="replaced by a link"),
        pytest.param(
            lambda root: (root / "lib" / "go.mod").write_text("module example.com/lib\n"), id="a module inside"
        ),
        pytest.param(lambda root: (root / "go.mod").write_text("module example.com/shop\n\ngo 1.23\n"), id="go.mod"),
        pytest.param(lambda root: (root / "go.sum").write_text(""), id="go.sum"),
        pytest.param(lambda root: (root / "lib" / "x.h").write_text(""), id="a header"),
        pytest.param(lambda root: (root / "lib" / "x.s").write_text("//go:build arm64\n"), id="assembly"),
        pytest.param(lambda root: (root / "default.pgo").write_text(""), id="a profile"),
        pytest.param(lambda root: (root / "web" / "new.html").write_text(""), id="a file that a pattern matches"),
        pytest.param(lambda root: (root / "web/testdata/sub/d").mkdir(), id="a folder where files are embedded"),
        pytest.param(lambda root: (root / "web/testdata/sub/c").write_text(""), id="a file in an embedded folder"),
        pytest.param(lambda root: (root / "web/_x/b").unlink(), id="an embedded file is gone"),
        pytest.param(
            lambda root: (root.parent / "go.work").write_text("go 1.23\n\nuse ./project\n"), id="go.work above"
        ),
    ],
)
def test_go_is_asked_again_when_something_that_it_reads_has_changed(
    tree: Tree, go: CountedGo, change: Callable[[Path], object]
) -> None:
    root = tree(FILES)
    go.survey(root)
    change(root)
    again = go.survey(root)
    assert go.lists == 1 + len(again.layout.builds)
    assert again == local.survey(modules.layout(root), QUERIES, go.path)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda root: (root / "README.md").write_text("text"), id="a text"),
        pytest.param(lambda root: _replace(root / "main.go", "main() {}", "main() { println() }"), id="a body"),
        pytest.param(lambda root: _replace(root / "lib/lib.go", "lib\n", "lib\n\nvar _ = 1\n"), id="a declaration"),
        pytest.param(lambda root: (root / "web" / "page.html").write_text("other"), id="what is embedded"),
        pytest.param(lambda root: (root / "lib" / "lib.txt").write_text("other"), id="what may be embedded"),
        pytest.param(lambda root: (root / "testdata" / "y.go").write_text("package x\n"), id="testdata"),
    ],
)
def test_go_is_not_asked_again_for_what_it_does_not_read(
    tree: Tree, go: CountedGo, change: Callable[[Path], object]
) -> None:
    root = tree(FILES)
    go.survey(root)
    change(root)
    go.survey(root)
    assert go.lists == 1


@pytest.mark.usefixtures("settled")
def test_go_is_asked_again_in_another_environment(tree: Tree, go: CountedGo, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(FILES)
    go.survey(root)
    monkeypatch.setenv("GOAMD64", "v3")
    go.survey(root)
    assert go.lists == 2


def test_a_tree_that_was_just_written_is_not_remembered(tree: Tree, go: CountedGo) -> None:
    root = tree(FILES)
    go.survey(root)
    go.survey(root)
    assert go.lists == 2


@pytest.mark.usefixtures("settled")
def test_what_go_could_not_read_is_not_remembered(tree: Tree, go: CountedGo) -> None:
    root = tree(FILES | {"lib/lib.go": "packge lib\n"})
    for _ in range(2):
        assert [t.package for t in go.survey(root).troubles] == ["example.com/shop/lib"]
    assert go.lists == 2


@pytest.mark.usefixtures("settled")
def test_an_answer_without_any_package_is_not_remembered_where_there_is_go(tree: Tree, go: CountedGo) -> None:
    root = tree({"go.mod": FILES["go.mod"], "other_windows.go": "package other\n"})
    for _ in range(2):
        assert go.survey(root).packages == ()
    assert go.lists == 2


@pytest.mark.usefixtures("settled")
def test_a_refusal_is_not_remembered(tree: Tree, go: CountedGo) -> None:
    root = tree({"go.mod": FILES["go.mod"], "lib/lib.go": "packge lib\n"})
    for _ in range(2):
        with pytest.raises(ProjectError):
            go.survey(root)
    assert go.lists == 2


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("value", [None, 3, [1], [{}], [{"import_path": "a"}]])
def test_an_answer_that_cannot_be_read_is_asked_for_again(
    tree: Tree, go: CountedGo, own_cache: Path, value: object
) -> None:
    root = tree(FILES)
    first = go.survey(root)
    (file,) = own_cache.glob("go-*")
    file.write_bytes(whole.sealed(json.dumps(json.loads(whole.unsealed(file.read_bytes())) | {"value": value})))
    assert go.survey(root) == first
    assert go.lists == 2
