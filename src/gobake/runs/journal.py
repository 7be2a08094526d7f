"""The records of one project during a build; a store that does not work costs a note, never the build."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from gobake.errors import Unwritable
from gobake.runs import begun, window
from gobake.runs.archive import Entry
from gobake.runs.record import ContentsRecord, RunRecord, SizeRecord
from gobake.runs.store import RunStore
from gobake.runs.summary import RunSummary

_RECENT = 3  # runs; the sizes of other images are queried


def _opened(folder: Path) -> RunStore | None:
    for opening in (RunStore, RunStore.reading):
        with contextlib.suppress(Unwritable):
            return opening(folder)
    return None


class Journal:
    """A project's store, opened while buildx runs, to leave little work for the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.summary: RunSummary | None = None  # of the run that was kept, if it could be made at once
        self._layers: dict[tuple[str, ...], ContentsRecord] = {}  # by the digests of an image's layers
        self._sizes: dict[str, tuple[SizeRecord, ...]] = {}  # by digest, of the runs that were read
        begun.settle(folder)
        self.store = _opened(folder)  # None: neither writable nor readable
        self._read(1)

    def sizes(self, digests: Collection[str]) -> dict[str, tuple[SizeRecord, ...]]:
        """Return the sizes that recent runs recorded, by digest: the same image has the same sizes."""
        if not set(digests) <= set(self._sizes):
            self._read(_RECENT)
        return {digest: self._sizes[digest] for digest in digests if digest in self._sizes}

    def contents(self, layers: tuple[str, ...]) -> ContentsRecord | None:
        """Return what recent runs recorded of an image with the same layers; its configuration may be another."""
        return self._layers.get(layers)

    def _writable(self) -> RunStore:
        """Raises Unwritable."""
        return self.store if self.store and self.store.writes else RunStore(self.folder)

    def _read(self, count: int) -> None:
        recent: list[RunRecord] = []
        with contextlib.suppress(Unwritable):
            recent = self.store.recent(count) if self.store else []
        for target in (target for record in recent for target in record.targets):
            if target.digest and target.sizes:
                self._sizes.setdefault(target.digest, target.sizes)
            for contents in (size.contents for size in target.sizes if size.contents):
                self._layers.setdefault(tuple(layer.digest for layer in contents.layers), contents)

    def merge(self, entries: Iterable[Entry]) -> None:
        """Add runs from elsewhere that are not here yet.

        Failures are ignored: then this run's record cannot be kept either, which is reported later.
        """
        with contextlib.suppress(Unwritable):
            if self.store and self.store.writes:
                there = set(self.store.ids())
                for entry in entries:
                    if entry.record.id not in there:
                        self.store.add(entry.record, None if entry.events is None else [entry.events], entry.summary)

    def keep(
        self,
        record: RunRecord,
        events: Iterable[str],
        score: Callable[[RunRecord], RunSummary | None],
        remark: Callable[[Sequence[RunRecord]], str] | None = None,
    ) -> list[str]:
        """Keep the record with the summary that ``score`` makes of it, and close the store.

        Returns notes for the user: failures, and what ``remark`` says about the last runs, newest first.
        """
        try:
            with self._writable() as store:
                self.summary = score(record)
                store.add(record, events, self.summary)
                said = remark(store.recent(window.RECENT)) if remark else ""
                return [*(f"warning: {note}" for note in store.notes), *([said] if said else [])]
        except Unwritable as error:
            return [f"warning: the run's record cannot be kept: {error}; the build itself is not affected"]
