"""Patterns of include and of go:embed mean what Go and the ignore file make of them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobake.context.patterns import expand, matches
from tests.conftest import Tree


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),  # of path/match_test.go of Go
    [
        ("abc", "abc", True),
        ("*", "abc", True),
        ("*c", "abc", True),
        ("a*", "abc", True),
        ("a*/b", "a/c/b", False),
        ("a*b*c*d*e*", "axbxcxdxe", True),
        ("ab[c]", "abc", True),
        ("ab[b-d]", "abc", True),
        ("ab[e-g]", "abc", False),
        ("ab[^c]", "abc", False),
        ("ab[^e-g]", "abc", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "ab", False),
        ("a?b", "a☺b", True),
        ("a[^a]b", "a☺b", True),
        ("a???b", "a☺b", False),
        ("[a-ζ]*", "α", True),
        ("*[a-ζ]", "A", False),
        ("[\\]a]", "]", True),
        ("[\\-]", "-", True),
        ("[x\\-]", "x", True),
        ("[x\\-]", "z", False),
        ("[\\-x]", "a", False),
        ("[]a]", "]", False),
        ("[-]", "-", False),
        ("[", "a", False),
        ("[^", "a", False),
        ("\\[slug\\].html", "[slug].html", True),
        ("[slug].html", "[slug].html", False),
        ("[slug].html", "u.html", True),
        ("a[[]b", "a[b", True),
        ("[&&x]", "&", True),
        ("[||~~]", "~", True),
        ("\\", "\\", False),
    ],
)
def test_one_element_matches_as_in_go(pattern: str, name: str, expected: bool) -> None:
    assert matches(pattern, name) is expected


@given(st.text(st.characters(exclude_characters="/\x00", exclude_categories=["Cs"])))
def test_a_name_with_every_sign_escaped_matches_itself(name: str) -> None:
    assert matches(re.sub(r"([*?\[\]\\^-])", r"\\\1", name), name)


def test_only_folders_that_a_pattern_can_lead_to_are_entered(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree({"a/b/x.txt": "", "a/c/y.txt": "", "other/z.txt": "", "a/b/deep/x.txt": ""})
    entered: list[str] = []
    listdir = os.listdir

    def noted(folder: str) -> list[str]:
        entered.append(folder)
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", noted)
    assert list(expand(str(root), "a/*/x.txt")) == ["a/b/x.txt"]
    assert entered == [str(root / "a")]


def test_two_stars_stand_for_any_number_of_folders(tree: Tree) -> None:
    root = tree({"x.txt": "", "a/x.txt": "", "a/b/x.txt": "", "a/b/y.md": ""})
    assert list(expand(str(root), "**/x.txt")) == ["x.txt", "a/x.txt", "a/b/x.txt"]
    assert list(expand(str(root), "a/**")) == ["a"]
    assert list(expand(str(root), "a/**/b")) == ["a/b"]


def test_what_is_not_there_and_what_cannot_be_read_match_nothing(tmp_path: Path) -> None:
    assert list(expand(str(tmp_path), "a/*/b")) == []
    assert list(expand(str(tmp_path / "gone"), "*")) == []
