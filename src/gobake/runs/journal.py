"""The records of one project while it is built: a store that cannot be used costs a note, never the build."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from gobake.errors import Unwritable
from gobake.runs.digest import Digest
from gobake.runs.record import RunRecord, SizeRecord
from gobake.runs.store import RunStore

_REMARKED = 10  # runs that a remark looks back on
_RECENT = 3  # runs; an image that none of them had is asked for


class Journal:
    """Opened while buildx runs, so that little is left to do when it has ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sizes: dict[str, tuple[SizeRecord, ...]] = {}  # by digest, of the runs that were read
        try:
            self._store: RunStore | None = RunStore.reading(folder)
        except Unwritable:
            self._store = None
        self._read(1)

    def sizes(self, digests: Collection[str]) -> dict[str, tuple[SizeRecord, ...]]:
        """Those that recent runs knew, by digest: the same image has the same sizes."""
        if not set(digests) <= set(self._sizes):
            self._read(_RECENT)
        return {digest: self._sizes[digest] for digest in digests if digest in self._sizes}

    def _writable(self) -> RunStore:
        """Raises Unwritable."""
        return self._store if self._store and self._store.writes else RunStore(self.folder)

    def _read(self, count: int) -> None:
        recent = self._store.recent(count) if self._store else []
        for target in (target for record in recent for target in record.targets):
            if target.digest and target.sizes:
                self._sizes.setdefault(target.digest, target.sizes)

    def keep(
        self,
        record: RunRecord,
        events: Iterable[str],
        score: Callable[[RunStore, RunRecord], Digest | None],
        remark: Callable[[Sequence[RunRecord]], str] | None = None,
    ) -> list[str]:
        """Keep the record with what ``score`` makes of it, and end; what went wrong comes back as notes for the user,
        and what ``remark`` says of the last runs, newest first."""
        try:
            with self._writable() as store:
                store.add(record, events, score(store, record))
                said = remark(store.recent(_REMARKED)) if remark else ""
                return [*(f"warning: {note}" for note in store.notes), *([said] if said else [])]
        except Unwritable as error:
            return [f"warning: {error}"]
