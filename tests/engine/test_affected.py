"""`gobake build --affected`, and `gobake affected` against what really changes in compiled programs."""

from __future__ import annotations

import json
from pathlib import Path

from bench.changes import outcomes
from bench.edits import EDITS
from tests.conftest import Gobake, Tree, commit

FILES = {
    "go.mod": "module example.com/pair\n\ngo 1.26\n",
    "cmd/one/main.go": 'package main\n\nimport "example.com/pair/lib"\n\nfunc main() { println(lib.Name) }\n',
    "cmd/two/main.go": "package main\n\nfunc main() { println(2) }\n",
    "lib/lib.go": 'package lib\n\nvar Name = "lib"\n',
}


def test_only_what_differs_is_built_and_nothing_if_nothing_does(gobake: Gobake, tree: Tree, tmp_path: Path) -> None:
    root = tree(FILES, "pair")
    commit(root)
    words = ("build", "--platform", "linux/amd64", "--progress", "plain")

    done = gobake.good(*words, "--affected", cwd=root)
    assert "pair: 2 of 2 services differ from nothing" in done.err
    assert {target["service"] for target in gobake.last_run(root)["targets"]} == {"one", "two"}

    (root / "lib/lib.go").write_text(FILES["lib/lib.go"].replace('lib"', 'other"'))
    done = gobake.good(*words, "--affected", cwd=root)  # compares with the run before
    assert "one      lib/lib.go changed" in done.err
    run = gobake.last_run(root)
    assert {target["service"] for target in run["targets"]} == {"one"}

    commit(root)
    metadata = tmp_path / "images.json"
    done = gobake.good(*words, "--metadata-file", str(metadata), "--affected", "HEAD", cwd=root)
    assert "0 of 2 services differ" in done.err
    assert json.loads(metadata.read_text()) == {}
    assert gobake.last_run(root)["id"] == run["id"]


def test_of_each_kind_of_edit_no_changed_program_is_missed(tmp_path: Path) -> None:
    found = outcomes("shop", len(EDITS), 1, tmp_path)
    assert {one.kind for one in found} == set(EDITS)
    assert sum(len(one.changed) for one in found) > 10
    assert [(one.kind, one.file, sorted(one.missed)) for one in found if one.missed] == []
    assert [(one.kind, one.file, sorted(one.surplus)) for one in found if one.surplus] == []
