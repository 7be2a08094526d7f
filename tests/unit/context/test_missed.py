"""What was left out and is missed is named: from what Go, its assembler, gcc and ld really said."""

from __future__ import annotations

from pathlib import Path

import pytest

from gobake.context.missed import Missed
from gobake.gotool.modules import layout
from tests.conftest import Tree

TREE = {
    "go.mod": "module example.com/app\n\ngo 1.24\n",
    "alt.mod": "",
    "cmd/a/main.go": "package main\n\nfunc main() {}\n",
    "cmd/a/d/one.txt": "",
    "cmd/a/x.go": "",
    "asmconst/x.h": "",
    "third/include/proto/wire.h": "",
    "lib/libx.a": "",
    "gone/gone.go": "package gone\n",
}

ASM = (
    "# example.com/app/cmd/a\ncmd/a/f_amd64.s:2: #include: open /usr/local/go/asmconst/x.h: no such file or directory\n"
)
GCC = """# example.com/app/cmd/a
cmd/a/main.go:3:11: fatal error: proto/wire.h: No such file or directory
    3 | // #include "proto/wire.h"
      |           ^~~~~~~~~~~~~~
compilation terminated.
"""
LD = """/usr/bin/ld: cannot find -lfoo: No such file or directory
/usr/bin/ld: cannot find /src/cmd/a/../../lib/libx.a: No such file or directory
collect2: error: ld returned 1 exit status
"""
EMBED = "cmd/a/main.go:5:12: pattern d/*.txt: no matching files found\n"
MODULE = """cmd/a/main.go:5:1: no required module provides package example.com/other/x; to add it:
	go get example.com/other/x
cmd/a/main.go:4:2: no required module provides package example.com/app/gone; to add it:
	go get example.com/app/gone
"""


def missed(root: Path, staged: Path, folder: str = "") -> Missed:
    return Missed(layout=layout(root), staged=staged, folder=folder)


@pytest.mark.parametrize(
    ("log", "path"),
    [
        ("open /src/cmd/a/x.go: no such file or directory\n", "cmd/a/x.go"),
        ("go: open alt.mod: no such file or directory\n", "alt.mod"),
        (ASM, "asmconst/x.h"),
        (GCC, "third/include/proto/wire.h"),
        (LD, "lib/libx.a"),
        (EMBED, "cmd/a/d/one.txt"),
        (MODULE, "gone"),
        (
            "cmd/a/main.go:6:2: package example.com/app/gone is not in std (/usr/local/go/src/example.com/app/gone)\n",
            "gone",
        ),
        ("cmd/a/main.go:6:2: package nowhere/y is not in std (/usr/local/go/src/nowhere/y)\n", ""),
        ("open /src/cmd/a/nowhere.go: no such file or directory\n", ""),
        ("open /etc/passwd: no such file or directory\n", ""),
        ("open ../../etc/passwd: no such file or directory\n", ""),
        ("cmd/a/main.go:3:1: undefined: x\n", ""),
    ],
)
def test_what_exists_and_was_not_admitted_is_named(tree: Tree, tmp_path: Path, log: str, path: str) -> None:
    assert missed(tree(TREE), tmp_path / "staged")(log) == path


def test_what_was_admitted_is_not_to_blame(tree: Tree, tmp_path: Path) -> None:
    root = tree(TREE)
    staged = tree({"cmd/a/x.go": "", "gone/gone.go": ""}, name="staged")
    assert missed(root, staged)("open /src/cmd/a/x.go: no such file or directory\n") == ""
    assert missed(root, staged)(MODULE) == ""


def test_relative_paths_begin_where_go_ran(tree: Tree, tmp_path: Path) -> None:
    root = tree({"a b/go.mod": "module example.com/app\n\ngo 1.24\n", "a b/x/y.go": ""})
    assert missed(root, tmp_path / "staged", "a b")("open x/y.go: no such file or directory\n") == "a b/x/y.go"
