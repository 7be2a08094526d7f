"""Tags that a commit fills in."""

from __future__ import annotations

import pytest

from gobake.errors import UsageError
from gobake.targets.tags import all_filled, filled, is_template, words

REVISION = "0123456789abcdef0123456789abcdef01234567"
NOW = 1_780_000_000.0  # 2026-05-28


def of(
    version: str = "v1.2.3", branch: str = "main", revision: str = REVISION, *, dirty: bool = False
) -> dict[str, str]:
    return words(version, revision, branch, dirty=dirty, now=NOW)


@pytest.mark.parametrize(
    ("tag", "values", "text"),
    [
        ("latest", of(), "latest"),
        ("{{version}}", of(), "1.2.3"),
        ("v{{version}}", of(), "v1.2.3"),
        ("{{major}}.{{ minor }}", of(), "1.2"),
        ("{{major}}.{{minor}}.{{patch}}-{{date}}", of(), "1.2.3-20260528"),
        ("{{version}}", of("v2.0.0-rc.1"), "2.0.0-rc.1"),
        ("{{major}}", of("v2.0.0-rc.1"), ""),  # else a pre-release would be the newest 2
        ("{{version}}", of("v1.2.3-4-g0123456"), ""),  # commits beyond the release
        ("{{version}}", of("v1.2.3-dirty", dirty=True), ""),
        ("{{version}}", of("0123456"), ""),
        ("{{version}}", of("dev"), ""),
        ("{{sha}}", of(), "0123456"),
        ("{{sha}}", of(dirty=True), "0123456-dirty"),
        ("{{sha}}", of(revision=""), ""),
        ("{{sha}}", of(revision="unknown"), ""),
        ("{{branch}}", of(branch="feature/new thing"), "feature-new-thing"),
        ("{{branch}}", of(branch="..//.x"), "x"),
        ("{{branch}}", of(branch=""), ""),
        ("{{branch}}-{{sha}}", of(), "main-0123456"),
        ("{{branch}}", of(branch="a" * 200), "a" * 128),
    ],
)
def test_a_tag_is_filled_by_the_commit(tag: str, values: dict[str, str], text: str) -> None:
    assert filled(tag, values) == text


def test_what_would_be_no_tag_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--tag {{branch}} would be '-x', which is no image tag"):
        filled("{{branch}}", {"branch": "-x"})


def test_tags_without_a_value_are_left_out_and_equal_ones_once() -> None:
    assert all_filled(("{{version}}", "{{sha}}", "0123456", "{{branch}}"), of("dev")) == ("0123456", "main")


def test_only_words_in_two_braces_are_templates() -> None:
    assert [is_template(tag) for tag in ("v1", "{{sha}}")] == [False, True]
