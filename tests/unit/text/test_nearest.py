"""The word that was probably meant."""

from __future__ import annotations

import pytest

from gobake.text.nearest import did_you_mean, nearest


@pytest.mark.parametrize(
    ("word", "meant"), [("biuld", "build"), ("plan", "plan"), ("x", None), ("", None), ("build" * 1000, None)]
)
def test_the_nearest_is_what_was_meant(word: str, meant: str | None) -> None:
    assert nearest(word, ("build", "plan", "report")) == meant


def test_a_remedy_names_it_or_says_what_helps_otherwise() -> None:
    assert did_you_mean("biuld", ["build"], "see --help") == "did you mean build?"
    assert did_you_mean("zzz", ["build"], "see --help") == "see --help"
    assert did_you_mean("zzz", [], "see --help") == "see --help"
