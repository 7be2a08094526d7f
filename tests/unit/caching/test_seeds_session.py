"""When a store cannot know what is built, and when a run saves a seed."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from gobake.caching.policy.choice import CacheSettings
from gobake.caching.policy.load import load_policy
from gobake.caching.policy.place import CacheStore
from gobake.caching.policy.policy import Save, SaveOn
from gobake.caching.seeds.session import is_due, is_edit
from gobake.checkout.ci import CIContext, CIProvider
from gobake.checkout.git import Checkout

COMMITTED = Checkout(revision="1" * 40, branch="main")
LAPTOP = CacheSettings(
    policy=load_policy("dev", Path()),
    why="",
    surroundings=CIContext(kind=CIProvider.TERMINAL, branch="main"),
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
    ci = replace(LAPTOP, surroundings=replace(LAPTOP.surroundings, kind=CIProvider.GITHUB))
    assert not is_edit(ci, edited)
    assert not is_edit(replace(LAPTOP, policy=load_policy("ci-branch", Path())), edited)


# ---- a seed

MAIN = CIContext(kind=CIProvider.GITHUB, branch="main")
FEATURE = CIContext(kind=CIProvider.GITHUB, branch="feature")
TAG = CIContext(kind=CIProvider.GITHUB, tag="v1")
PULL_REQUEST = CIContext(kind=CIProvider.GITHUB, branch="main", base_branch="main", pull_request=True)


def saves(save: Save, on: SaveOn, around: CIContext = MAIN, *, stored: bool = True) -> CacheSettings:
    policy = load_policy("release", Path())
    policy = replace(policy, seeds=replace(policy.seeds, save=save, save_on=on))
    store = CacheStore(repository="ghcr.io/acme/cache") if stored else None
    return CacheSettings(policy=policy, why="", surroundings=around, store=store)


@pytest.mark.parametrize(
    ("save", "after_a_compile", "without_one"),
    [(Save.NEVER, False, False), (Save.COMPILED, True, False), (Save.ALWAYS, True, True)],
)
def test_the_policy_says_after_which_builds_a_seed_is_saved(
    save: Save, after_a_compile: bool, without_one: bool
) -> None:
    assert is_due(saves(save, SaveOn.MAIN), compiled=True) is after_a_compile
    assert is_due(saves(save, SaveOn.MAIN), compiled=False) is without_one


@pytest.mark.parametrize(
    ("around", "main", "every_branch"),
    [(MAIN, True, True), (FEATURE, False, True), (TAG, False, True), (PULL_REQUEST, False, True)],
    ids=["main", "a branch", "a tag", "a pull request from a branch called main"],
)
def test_and_on_which_branches(around: CIContext, main: bool, every_branch: bool) -> None:
    assert is_due(saves(Save.COMPILED, SaveOn.MAIN, around), compiled=True) is main
    assert is_due(saves(Save.COMPILED, SaveOn.EVERY_BRANCH, around), compiled=True) is every_branch


def test_nothing_is_saved_without_a_place_or_a_lineage_of_its_own() -> None:
    assert not is_due(saves(Save.ALWAYS, SaveOn.EVERY_BRANCH, stored=False), compiled=True)
    detached = CIContext(kind=CIProvider.GITHUB)
    assert not is_due(saves(Save.ALWAYS, SaveOn.EVERY_BRANCH, detached), compiled=True)
    fork = replace(PULL_REQUEST, fork=True)
    assert not is_due(saves(Save.ALWAYS, SaveOn.EVERY_BRANCH, fork), compiled=True)
