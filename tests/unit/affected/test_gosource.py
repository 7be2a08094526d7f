"""Which edits of a Go file the compiler can see."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobake.affected.gosource import compiled

FILE = b'// Package shop sells.\npackage shop\n\n// Price is in cents.\nconst Price = 1 // a default\n\nvar a = "//" + `/*`\n'


def same(one: bytes, other: bytes) -> bool:
    return compiled(one) == compiled(other)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"// Package shop sells.", b"// Package shop sells everything, and more."),
        (b"// Price is in cents.", b"// Price is in cents, without tax."),
        (b" // a default", b""),
        (b" // a default", b"// the default"),
        (b"`/*`\n", b"`/*` // new\n"),
        (b"`/*`\n", b"`/*`\n\n// The end.\n"),
        (b"`/*`\n", b"`/*` /* new */\n"),
    ],
)
def test_words_of_a_comment_do_not_count(old: bytes, new: bytes) -> None:
    edited = FILE.replace(old, new)
    assert edited != FILE
    if b"/* new */" in new:  # spaces at the end of a line may count, which costs no more than a build
        assert not same(FILE, edited)
    else:
        assert same(FILE, edited)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"const Price = 1", b"const Price = 2"),
        (b"// Price is in cents.\n", b"// Price is in cents.\n// Always.\n"),  # moves lines
        (b"const Price", b"const  Price"),  # moves columns
        (b'"//"', b'"// "'),
        (b"`/*`", b"`/* `"),
        (b"const Price = 1 //", b"const Price = 10 //"),
        (b"// Price is in cents.", b"//go:generate true"),
    ],
)
def test_all_else_counts(old: bytes, new: bytes) -> None:
    edited = FILE.replace(old, new)
    assert edited != FILE
    assert not same(FILE, edited)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"//go:noinline", b"// go:noinline"),
        (b"//go:build linux", b"//go:build darwin"),
        (b"//line a.go:1", b"//line a.go:2"),
        (b"/*line a.go:1*/", b"/*line a.go:2*/"),
        (b"// +build linux", b"// +build darwin"),
        (b"//go:embed a", b"//go:embed b"),
        (b"//export a", b"//export b"),
    ],
)
def test_directives_count(old: bytes, new: bytes) -> None:
    assert not same(old + b"\npackage a\n", new + b"\npackage a\n")


def test_a_comment_that_spans_lines_keeps_them() -> None:
    assert same(b"package a /* one\ntwo */ ; var b = 1\n", b"package a /* 1!!\n2!! */ ; var b = 1\n")
    assert not same(b"package a /* one\ntwo */ ; var b = 1\n", b"package a /* one two */ ; var b = 1\n")


def test_comments_of_cgo_are_c() -> None:
    head = b'package a\n\n// #define N 1\nimport "C"\n'
    assert not same(head, head.replace(b"N 1", b"N 2"))


@pytest.mark.parametrize("text", [b"`" * 3, b'"', b"/*", b"//", b"'" * 5, b'"\\', b"`//\n/*"])
def test_what_is_not_closed_counts_to_the_end(text: bytes) -> None:
    assert compiled(b"package a\n" + text).startswith(b"package a")


def test_a_raw_string_keeps_spaces_at_the_end_of_its_lines() -> None:
    assert not same(b"var a = `x \ny`\n", b"var a = `x\ny`\n")


@given(st.text(alphabet="ab \t\n/*`\"'\\", max_size=60))
def test_no_line_is_lost(text: str) -> None:
    found = compiled(f"{text}\nend".encode())
    assert found.count(b"\n") == text.count("\n") + 1
    assert compiled(found) == found


@pytest.mark.parametrize("part", [b" ", b'"', b"/*", b"`", b"'", b"/", b"\\", b" //"])
def test_a_hostile_file_takes_linear_time(part: bytes) -> None:
    compiled(part * 500_000)
