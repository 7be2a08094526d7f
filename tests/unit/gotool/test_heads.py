"""What of a Go file Go's answers depend on: random heads and bodies, and what the go command itself lists."""

from __future__ import annotations

import random

import pytest

from gobake.gotool import heads

CLAUSES = (
    "package web\n",
    "// func before() {}\n\n/* type x\nfunc y() */\npackage web // const\n",
    "//go:build linux && !cgo\n\npackage web;",
    "package functional\n",
)
IMPORTS = (
    "",
    '\nimport "fmt"\n',
    '\nimport (\n\t"fmt"\n\t. `strings`\n\t_ "os" // var x\n\ttypes "go/types"; varied "io"\n)\n',
    '\nimport "a/func"\n/* const */ import "b" ; import ("c")\n',
    '\nimport "quo\\"te"\n',
)
BODIES = (
    "",
    "\nfunc run() {}\n",
    '\nvar text = `\nimport "os"\n`\n',
    "\n// a comment\ntype T struct{}\n",
    '\nconst c = "*/"\n\nfunc (t T) main() {}\n',
)


def test_an_edit_below_the_imports_changes_nothing() -> None:
    chance = random.Random(1)
    for _ in range(300):
        clause, imports = chance.choice(CLAUSES), chance.choice(IMPORTS)
        one, other = (clause + imports + chance.choice(BODIES[1:]) for _ in range(2))
        shared = heads.read(one.encode())
        assert shared.rstrip().startswith((clause + imports).rstrip().encode())
        # the comments before a declaration belong to the head
        assert (
            heads.read(other.encode()).split(b"// a comment")[0].rstrip() == shared.split(b"// a comment")[0].rstrip()
        )


def test_every_edit_of_the_head_changes_something() -> None:
    found = {heads.read((clause + imports + "\nfunc run() {}\n").encode()) for clause in CLAUSES for imports in IMPORTS}
    assert len(found) == len(CLAUSES) * len(IMPORTS)


@pytest.mark.parametrize(
    "text",
    [
        'package web\n\nimport "C"\n\nfunc x() {}\n',
        "package web\n\nimport `C`\n\nfunc x() {}\n",
        'package web\n\nimport é "fmt"\n\nfunc x() {}\n',  # an identifier that is not understood here
        '\ufeffpackage web\n\nimport "fmt"\n\nfunc x() {}\n',
        'package web\n\nimport "fmt\n\nfunc x() {}\n',
        "package web\n\n/* no end\n\nfunc x() {}\n",
        "package web\n\n+\n\nfunc x() {}\n",
        "func x() {}\n\x00",
    ],
)
def test_a_file_counts_whole_where_the_head_says_too_little(text: str) -> None:
    content = text.encode()
    if content.startswith(b"func"):
        assert heads.read(content) == b""  # Go complains about the missing package clause, whatever follows
    else:
        assert heads.read(content) == content
        assert heads.read(content + b"\nvar y = 1\n") != content


def test_patterns_count_and_what_may_hide_them() -> None:
    file = 'package web\n\nimport "embed"\n\n//go:embed a\nvar x embed.FS\n\nfunc y() {}\n'
    same = file.replace("func y() {}", "func y() { println() }")
    assert heads.read(same.encode()) == heads.read(file.encode())
    changed = [
        file.replace("embed a", "embed a b"),
        file.replace("//go:embed", "//go:embed c\n//go:embed"),
        file.replace("//go:embed", "/*\n//go:embed").replace("func", "*/\nfunc"),
        file.replace("//go:embed", "var z = `\n//go:embed").replace("func", "`\nfunc"),
        file.replace("//go:embed", "// go:embed"),
    ]
    assert heads.read(file.encode()) not in {heads.read(text.encode()) for text in changed}


def test_a_main_function_counts_wherever_it_is() -> None:
    head = "package main\n\n"
    assert heads.read(f"{head}func main() {{}}\n".encode()) == heads.read(
        f"{head}var a = 1\nfunc main() {{}}\n".encode()
    )
    assert heads.read(f"{head}func main() {{}}\n".encode()) != heads.read(f"{head}func mains() {{}}\n".encode())


def test_it_takes_linear_time() -> None:
    assert len(heads.read(b"package x\n" + b'/* */ ; ( "a" ) . ' * 100_000 + b"+")) == 10 + 18 * 100_000 + 1
    assert len(heads.read(b"/*" * 500_000)) == 1_000_000


def test_recent_are_the_youngest_go_files_of_the_last_hours() -> None:
    now = 1e9
    files = [(f"{number}.go", now - number) for number in range(heads.MOST + 5)]
    old = [("old.go", now - heads.RECENT_SECONDS), ("new.s", now)]
    assert heads.recent(files + old, now) == {f"{number}.go" for number in range(heads.MOST)}


def test_a_file_that_cannot_be_read_is_known_by_that(tmp_path: object) -> None:
    assert heads.digest(f"{tmp_path}/none.go") == ""
