"""A cache store that is a folder: seeds are pruned one by one, and with each what only it needed."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from gobake.caching.kept.contents import What, stored
from gobake.caching.kept.delete import Pruned, prune_store
from gobake.caching.kept.prune import GRACE_SECONDS, Wanted, choose, items
from gobake.caching.seeds.seed import index_tag
from gobake.caching.seeds.store import SeedStore
from tests.security import stores

PROGRAM = b"the program that restores"  # of all seeds


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return stores.make(tmp_path / "store")


def blobs(store: Path) -> Path:
    return store / "seeds" / "blobs" / "sha256"


def contents(store: Path) -> set[bytes]:
    return {file.read_bytes() for file in blobs(store).iterdir()}


def left_alone(store: Path, content: bytes, seconds: float) -> str:
    """A blob that nothing names, last written so long ago; its name."""
    name = hashlib.sha256(content).hexdigest()
    (blobs(store) / name).write_bytes(content)
    then = time.time() - seconds
    os.utime(blobs(store) / name, (then, then))
    return name


def prune(store: Path, *branches: str) -> list[str]:
    place = SeedStore(folder=store)
    there = stored(place, live=False)
    wanted = Wanted(names=tuple(map(stores.seed_tag, branches)))
    chosen = choose(items((), there.of(What.SEED), time.time()), wanted, [stores.PROJECT])
    pruned = prune_store(place, chosen, there)
    assert pruned.notes == ()
    return [item.name for item in pruned.deleted]


def seeds(store: Path) -> dict[str, str]:
    """Seeds that can be read, with their errors."""
    return {entry.tag: entry.error for entry in stored(SeedStore(folder=store)).of(What.SEED)}


def test_a_seed_goes_with_what_only_it_needed(store: Path) -> None:
    before = contents(store)
    assert prune(store, "topic") == [stores.seed_tag("topic")]
    assert seeds(store) == {stores.seed_tag("main"): ""}
    gone = before - contents(store)
    assert b"objects of topic" in gone
    assert len(gone) == 3, "with its manifest and its configuration"
    assert {PROGRAM, b"objects of main"} <= contents(store)
    assert (store / "seeds" / f"{index_tag(stores.INDEX_DIGEST)}.txt").exists(), "main names it too"


def test_the_last_seed_takes_the_index_and_the_program_along(store: Path) -> None:
    assert len(prune(store, "topic", "main")) == 2
    assert (seeds(store), contents(store)) == ({}, set())
    assert not list((store / "seeds").glob("index-*.txt"))


def test_what_is_needed_stays_however_old_it_is(store: Path) -> None:
    long_ago = time.time() - 30 * 86_400
    for file in blobs(store).iterdir():
        os.utime(file, (long_ago, long_ago))
    prune(store, "topic")
    assert seeds(store) == {stores.seed_tag("main"): ""}
    assert {PROGRAM, b"objects of main"} <= contents(store)


def test_what_nobody_names_goes_once_no_save_can_be_about_to_name_it(store: Path) -> None:
    old = left_alone(store, b"of a save that was killed", GRACE_SECONDS + 60)
    young = left_alone(store, b"of a save that is under way", GRACE_SECONDS - 60)
    foreign = blobs(store) / "README"
    foreign.write_text("nobody's blob")
    os.utime(foreign, (0, 0))
    prune(store, "topic")
    there = {file.name for file in blobs(store).iterdir()}
    assert (old in there, young in there, foreign.name in there) == (False, True, True)


def test_an_index_that_no_seed_names_goes_an_hour_after_it_was_written(store: Path) -> None:
    names = [f"index-{character * 24}.txt" for character in "ab"] + ["index-notes.md", "notes.txt"]
    for name, seconds in zip(names, (GRACE_SECONDS + 60, GRACE_SECONDS - 60, 1e6, 1e6), strict=True):
        (store / "seeds" / name).write_text("")
        then = time.time() - seconds
        os.utime(store / "seeds" / name, (then, then))
    prune(store, "topic")
    left = {file.name for file in (store / "seeds").iterdir()}
    assert [name in left for name in names] == [False, True, True, True]


def test_where_there_are_no_seeds_there_is_nothing_to_prune_or_to_say(tmp_path: Path) -> None:
    place = SeedStore(folder=tmp_path)
    assert prune_store(place, (), stored(place)) == Pruned()
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds/README").write_text("not gobake's")
    assert prune_store(place, (), stored(place)) == Pruned(), "nothing was asked of it"


def test_a_seed_that_another_prune_was_faster_with_counts_as_deleted(store: Path) -> None:
    """The store is as it was asked to be, and that is no failure."""
    place = SeedStore(folder=store)
    there = stored(place, live=False)
    chosen = choose(items((), there.of(What.SEED), time.time()), Wanted(), [stores.PROJECT])
    assert prune(store, "topic") == [stores.seed_tag("topic")]
    pruned = prune_store(place, chosen, there)
    assert {item.name for item in pruned.deleted} == {stores.seed_tag("main"), stores.seed_tag("topic")}
    assert stored(place, live=False).of(What.SEED) == ()
