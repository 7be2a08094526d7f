"""Names of branches as tags: valid, and never two alike."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobake.caching.store.tags import LONGEST, platform_part, tag, tag_part
from gobake.checkout.ci import ALL_TAGS
from gobake.model import Platform

TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")  # distribution specification
BRANCHES = [
    "main",
    "feature/äöü",
    "feature/aou",
    "feature-aou",
    "feature_aou",
    "UPPER",
    "upper",
    "Upper",
    "a" * 200,
    "a" * 201,
    "dependabot/go_modules/golang.org/x/net-0.30.0",
    "日本語",
    "-dash",
    "v1.2",
    "v1/2",
    ALL_TAGS,
    "refs/tags",
]


def test_a_plain_branch_stays_as_it_is() -> None:
    for name in ("main", "feature-1", "release_1.2"):
        assert tag_part(name) == name


def test_what_is_changed_stays_readable_and_gets_a_hash() -> None:
    assert re.fullmatch(r"feature-[0-9a-f]{12}", tag_part("feature/äöü"))
    assert re.fullmatch(r"upper-[0-9a-f]{12}", tag_part("UPPER"))
    assert re.fullmatch(r"dependabot-go_modules-golang-org-x-net-0-30-0-[0-9a-f]{12}", tag_part(BRANCHES[10]))


def test_no_two_of_many_branches_share_a_tag() -> None:
    names = [*BRANCHES, *(tag_part(b) for b in BRANCHES if tag_part(b) != b)]  # a branch may be called like a tag
    assert len({tag_part(n).casefold() for n in names}) == len(names)


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_any_two_names_stay_two_and_are_valid(a: str, b: str) -> None:
    for name in (a, b):
        assert TAG.fullmatch(tag("layers", "api-scratch", "all", tag_part(name)))
    assert (tag_part(a) == tag_part(b)) == (a == b)


def test_a_tag_has_at_most_128_characters_whatever_it_is_made_of() -> None:
    long = "s" * 128
    tags = [tag("layers", f"{long}-{strategy}", "all", "main") for strategy in ("scratch", "upx")]
    assert all(len(t) <= LONGEST and TAG.fullmatch(t) for t in tags)
    assert tags[0] != tags[1]


def test_what_just_fits_is_not_changed() -> None:
    room = LONGEST - len(tag("layers", "", "all", "main"))
    fits, longer = (tag("layers", "s" * length, "all", "main") for length in (room, room + 1))
    assert fits == f"layers-{'s' * room}.all.main"
    assert len(fits) == LONGEST
    assert re.fullmatch(r"layers-s+-[0-9a-f]{12}", longer)
    assert len(longer) == LONGEST
    assert tag_part("b" * 60) == "b" * 60
    assert re.fullmatch(r"b+-[0-9a-f]{12}", tag_part("b" * 61))
    assert len(tag_part("b" * 61)) == 60


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("a-scratch", "amd64", "main"), ("a", "scratch.amd64", "main")),
        (("api-scratch", "all", "x.all.main"), ("api-scratch.all.x", "all", "main")),
    ],
)
def test_parts_do_not_run_into_each_other(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    """Targets and platforms have no dots, so that only these could meet; neither can be made by gobake."""
    assert "." not in first[0]
    assert "." not in first[1]
    assert ("." in second[0]) or ("." in second[1])


def test_platforms_are_named_in_one_order() -> None:
    arm, amd = Platform.parse("linux/arm/v7"), Platform.parse("linux/amd64")
    assert platform_part([arm, amd]) == platform_part([amd, arm]) == "amd64_armv7"
