"""What is kept for a project and for all of them, and what could not be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from gobake.caching.kept.contents import PARTS, Entry, Stored, What
from gobake.caching.kept.listing import InStore, Kept, OnBuilder, gather
from gobake.caching.seeds.memory import Memory
from gobake.engine import CacheMount

MOUNTS = ("shop-gobuild", "untrusted-shop-gobuild", "shop-gomod", "other-gobuild", "somebody-elses")
ENTRIES = tuple(
    Entry(what=what, tag=f"{what}-{project}", digest="sha256:1", project=project)
    for project in ("shop", "other", "")
    for what in What
)

THERE = Stored(entries=ENTRIES)


def kept(
    *,
    everyone: bool = False,
    mounts: Sequence[str] | None = MOUNTS,
    there: Stored | None = THERE,
    memories: Mapping[str, Memory] | None = None,
) -> Kept:
    listed = [CacheMount(record=f"r-{name}", id=name, size=100, created="", used="") for name in mounts or ()]
    return gather(
        ["shop", "untrusted-shop"],
        OnBuilder(name="default", mounts=None if mounts is None else listed, memories=memories or {}),
        InStore(place="ghcr.io/acme/cache", stored=there),
        ("a note",),
        everyone=everyone,
    )


def mounts(found: Kept) -> list[tuple[str, str]]:
    assert found.mounts is not None
    return [(one.project, one.name) for one in found.mounts]


def test_a_project_sees_its_own_mounts_and_those_of_its_untrusted_runs() -> None:
    assert mounts(kept()) == [("shop", "gobuild"), ("shop", "gomod"), ("untrusted-shop", "gobuild")]
    assert kept().mounted == 200, "of its trusted runs"


def test_everyone_sees_the_mounts_of_all_projects_and_nothing_that_is_not_gobakes() -> None:
    assert mounts(kept(everyone=True)) == [
        ("other", "gobuild"),
        ("shop", "gobuild"),
        ("shop", "gomod"),
        ("untrusted-shop", "gobuild"),
    ]


def test_a_project_sees_its_own_entries_and_no_parts_of_seeds() -> None:
    entries = kept().entries
    assert entries is not None
    assert [entry.tag for entry in entries] == sorted(f"{what}-shop" for what in set(What) - set(PARTS))
    assert kept().of(What.SEED) == tuple(entry for entry in entries if entry.what is What.SEED)


def test_everyone_sees_what_nobody_can_be_named_for_as_well() -> None:
    entries = kept(everyone=True).entries
    assert entries is not None
    assert {entry.project for entry in entries} == {"", "other", "shop"}
    assert not {entry.what for entry in entries} & set(PARTS)


@pytest.mark.parametrize(("record", "known"), [("r-shop-gobuild", True), ("of-one-before", False)])
def test_what_is_remembered_of_a_mount_that_was_deleted_since_is_not_told(record: str, known: bool) -> None:
    memory = Memory(record=record, go="1.26")
    found = kept(mounts=["shop-gobuild"], memories={"shop-gobuild": memory}).mounts
    assert found is not None
    assert [one.memory for one in found] == [memory if known else None]


def test_what_could_not_be_asked_is_unknown_and_not_empty() -> None:
    assert kept(mounts=None).mounts is None
    assert kept(mounts=[]).mounts == ()
    assert kept(there=None).entries is None
    assert kept(there=Stored(entries=())).entries == ()
    refused = kept(there=Stored(entries=(), error="no answer"))
    assert (refused.entries, refused.notes) == (None, ("a note", "no answer"))
    partly = kept(there=Stored(entries=ENTRIES, error="no answer to some"))
    assert (bool(partly.entries), partly.notes) == (True, ("a note", "no answer to some"))
