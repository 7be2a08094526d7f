"""Deletes what was decided, after a look at whether the tags are still where they were.

A tag may move while the answer to a question is awaited, or while others are deleted. Then the repository is looked at
again, and only what both looks let go is deleted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from msgspec import Struct

from gobake.errors import RegistryRefused
from gobake.registry import DeletionRefused
from gobake.retention.choose import Decision, Going
from gobake.retention.graph import Contents, Graph
from gobake.text.printable import one_line

_AT_ONCE = 8
_FRESH_SECONDS = 30.0  # how long a look at all tags counts
_LOOK_SHARE = 10.0  # and at least this many times as long as it took


class Deletes(Protocol):
    """A repository, as far as deleting goes. Every method raises RegistryRefused."""

    def tags(self) -> tuple[str, ...]: ...
    def current(self, reference: str) -> str: ...
    def delete(self, digest: str) -> None: ...


class Look(Struct, frozen=True, kw_only=True):
    """A repository as it was, and what was decided."""

    contents: Contents
    decision: Decision


class Pruned(Struct, frozen=True, kw_only=True):
    """What was deleted of a repository, and a line for each that stays although it was to go."""

    repository: str
    deleted: tuple[Going, ...] = ()
    notes: tuple[str, ...] = ()


def prune(repository: Deletes, look: Look, again: Callable[[], Look]) -> Pruned:
    """Delete what was decided. ``again`` looks and decides anew; what it raises ends the deletion."""
    pruning = _Pruning(repository, look, again)
    try:
        for going in look.decision.going:
            pruning.delete(going)
    except DeletionRefused as error:
        pruning.notes.append(f"nothing more was deleted: {error}")
    except RegistryRefused as error:
        pruning.notes.append(f"nothing more was deleted, as the tags cannot be looked at again: {error}")
    return Pruned(
        repository=look.decision.repository,
        deleted=tuple(pruning.deleted),
        notes=tuple(one_line(note) for note in pruning.notes),
    )


class _Pruning:
    """One deletion, from one manifest to the next."""

    def __init__(self, repository: Deletes, look: Look, again: Callable[[], Look]) -> None:
        self._repository = repository
        self._look = look
        self._again = again
        self._graph = Graph(look.contents)
        self._allowed: Collection[str] = look.decision.digests
        self._spared: dict[str, str] = {}  # digest: why
        self._until = float("-inf")  # how long the last look counts
        self.deleted: list[Going] = []
        self.notes: list[str] = []

    def delete(self, going: Going) -> None:
        """Delete a manifest unless something needs it now. Raises RegistryRefused if that cannot be known."""
        if time.monotonic() > self._until:
            self._renew()
        name = going.tags[0] if going.tags else going.digest
        if going.digest not in self._allowed:
            self._spare(going.digest, f"{name} stays: tags have moved, and one needs it now")
        elif moved := self._moved(going):
            self._spare(going.digest, f"{name} stays: {moved} was pushed meanwhile")
            self._until = float("-inf")  # what was pushed may need others
        elif going.digest not in self._spared:
            try:
                self._repository.delete(going.digest)
                self.deleted.append(going)
            except DeletionRefused:
                raise
            except RegistryRefused as error:
                self._spare(going.digest, f"{name} stays: {error}")

    def _renew(self) -> None:
        """Look at all tags again, and if one has moved, at everything."""
        began = time.monotonic()
        gone = {tag for going in self.deleted for tag in going.tags}
        known = {tag: digest for tag, digest in self._look.contents.tags.items() if tag not in gone}
        if self._tags() != known:
            self._look = self._again()
            self._allowed = frozenset(self._allowed) & self._look.decision.digests
            if self._look.decision.refused:
                self.notes.append(f"nothing more was deleted: {self._look.decision.refused}")
        ended = time.monotonic()
        self._until = ended + max(_FRESH_SECONDS, _LOOK_SHARE * (ended - began))

    def _tags(self) -> Mapping[str, str]:
        tags = self._repository.tags()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return {
                tag: digest
                for tag, digest in zip(tags, pool.map(self._repository.current, tags), strict=True)
                if digest
            }

    def _moved(self, going: Going) -> str:
        """A tag of it that names another manifest by now; "" for none."""
        for tag in going.tags:
            if self._repository.current(tag) not in (going.digest, ""):
                return tag
        return ""

    def _spare(self, digest: str, why: str) -> None:
        """Keep a manifest with all that it needs."""
        if digest not in self._spared:
            self.notes.append(why)
        for below in self._graph.below(digest):
            self._spared.setdefault(below, why)
