"""What a tidied go.mod lacks, read from Go's diff; the modules of a workspace are not looked for elsewhere."""

from __future__ import annotations

import shutil

import pytest

from gobake.gotool import host, modules, tidy
from tests.conftest import Tree

DIFF = """diff current/go.mod tidy/go.mod
--- current/go.mod
+++ tidy/go.mod
@@ -2,9 +2,6 @@
-require example.org/alone v1.0.0
-
 require (
-\texample.org/gone v1.0.0
-\texample.org/moved v1.0.0 // indirect
+\texample.org/moved v1.0.0
+\texample.org/new v1.0.0 // indirect
-\t"example.org/quoted" v1.2.0
 )
diff current/go.sum tidy/go.sum
--- current/go.sum
+++ tidy/go.sum
@@ -1,2 +0,0 @@
-example.org/kept v1.0.0 h1:x=
"""


def test_what_is_removed_and_not_added_again_is_not_needed() -> None:
    names = ("alone", "gone", "moved", "quoted", "kept")
    required = {f"example.org/{name}": "v1.2.0" if name == "quoted" else "v1.0.0" for name in names}
    found = [path.rpartition("/")[2] for path, _ in tidy.removed(required, DIFF)]
    assert found == ["alone", "gone", "quoted"]
    assert tidy.removed(required, "") == ()


WORKSPACE = {
    "go.work": "go 1.21\n\nuse (\n\t./a\n\t./b\n)\n",
    "a/go.mod": "module example.com/a\n\ngo 1.21\n\nrequire example.com/b v0.0.0\n",
    "a/main.go": 'package main\n\nimport _ "example.com/b"\n\nfunc main() {}\n',
    "b/go.mod": "module example.com/b\n\ngo 1.21\n",
    "b/b.go": "package b\n",
}


def test_modules_of_a_workspace_are_those_of_the_tree(tree: Tree) -> None:
    go = shutil.which("go")
    assert go
    layout = modules.layout(tree(WORKSPACE))
    found = tidy.unneeded(layout, layout.builds, go, fetch=False)
    assert [(one.module, one.requirements, one.error) for one in found] == [
        ("example.com/a", (), ""),
        ("example.com/b", (), ""),
    ]


def test_what_go_cannot_tell_is_unknown(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    go = shutil.which("go")
    assert go
    files = {
        "go.mod": "module m\n\ngo 1.21\n",
        "main.go": 'package main\n\nimport _ "example.org/x"\n\nfunc main() {}\n',
    }
    layout = modules.layout(tree(files))
    (found,) = tidy.unneeded(layout, layout.builds, go, fetch=False)
    assert "example.org/x" in found.error
    (none,) = tidy.unneeded(layout, layout.builds, "/nowhere/go", fetch=False)
    assert none.error
    monkeypatch.setattr(host, "version", lambda _go: "go1.22.3")
    (old,) = tidy.unneeded(layout, layout.builds, go, fetch=False)
    assert "1.23" in old.error
