"""When a store cannot know what is built."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gobake.caching.choosing import CacheChoice
from gobake.caching.environment import Place, Surroundings
from gobake.caching.policy import load_policy
from gobake.caching.seeding import is_edit
from gobake.git import Checkout

COMMITTED = Checkout(revision="1" * 40, branch="main")
LAPTOP = CacheChoice(
    policy=load_policy("dev", Path()),
    why="",
    surroundings=Surroundings(kind=Place.TERMINAL, branch="main"),
)


@pytest.mark.parametrize(
    ("checkout", "edit"),
    [(COMMITTED, False), (replace(COMMITTED, dirty=True), True), (Checkout(), True)],
    ids=["committed", "edited", "no git"],
)
def test_what_is_not_committed_was_stored_by_nobody(checkout: Checkout, edit: bool) -> None:
    assert is_edit(LAPTOP, checkout) is edit


def test_a_run_of_ci_and_one_that_writes_look_into_the_store_in_any_case() -> None:
    edited = replace(COMMITTED, dirty=True)
    ci = replace(LAPTOP, surroundings=replace(LAPTOP.surroundings, kind=Place.GITHUB))
    assert not is_edit(ci, edited)
    assert not is_edit(replace(LAPTOP, policy=load_policy("ci-branch", Path())), edited)
