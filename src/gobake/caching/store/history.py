"""Records of runs in the cache store, so that a new runner can compare its run with the last ones of its branch and
main.

Every run is a separate object that is never overwritten: in a registry an artifact with a tag, in a folder a file.

    history-PROJECT.RUN.BRANCH        in a registry's repository
    STORE/history/TAG.jsonl.gz        in a folder

A run's id begins with its time, so the list of tags shows the newest. A run reads a few of them; a run that writes
deletes a few old ones. Records hold digests of files and values; what concerns one machine only (paths, the command
line) is not sent. An error costs one line and a few seconds at most.
"""

from __future__ import annotations

import calendar
import gzip
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from gobake.caching.policy.choice import CacheSettings
from gobake.caching.policy.place import CacheStore
from gobake.caching.store import tags as refs
from gobake.checkout import git
from gobake.errors import RegistryRefused
from gobake.files.nofollow import Inside
from gobake.foreign.checks import LONGEST_JSON, Unfit, unzipped
from gobake.registry import Repository
from gobake.runs.archive import Entry, from_line, to_line
from gobake.runs.fitting import fitting
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import RunRecord, UnreadableRecord
from gobake.runs.store import is_id
from gobake.runs.summary import RunSummary
from gobake.text.printable import one_line

READ = 5  # runs read per branch; a trend needs as many
KEPT = 20  # runs per branch in the store
_DELETED = 4  # at most, by one run: more than it adds, so that a backlog shrinks
_YOUNG_SECONDS = 24 * 3600.0  # a shard deletes no younger run, which may be another shard that is not merged yet
SECONDS = 5.0  # for reading, concurrent with the build, and again for writing after it
_AT_ONCE = 8
_ENVELOPE = 1 << 16  # bytes of a line besides its record
_TYPE = "application/vnd.gobake.run.v1+json+gzip"
_SUFFIX = ".jsonl.gz"


def tag_of(project: str, run_id: str, branch: str) -> str:
    """The tag of a run; ``branch``: its branch."""
    return refs.tag("history", project, run_id, refs.tag_part(branch))


def run_of(tag: str, project: str) -> str:
    """The id of the run with this tag; "" if it is not a run of the project."""
    prefix = f"history-{project}."
    run_id = tag.removeprefix(prefix).partition(".")[0] if tag.startswith(prefix) else ""
    return run_id if is_id(run_id) else ""


def begun(run_id: str) -> float | None:
    """When a run began, in seconds since the epoch, from its id; None if the id holds no time."""
    try:
        return float(calendar.timegm(time.strptime(run_id[:15], "%Y%m%d-%H%M%S")))
    except ValueError:
        return None


def by_branch(tags: Collection[str], project: str, fallbacks: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """(run id, tag) of the runs of each branch in ``fallbacks``, newest first."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for tag in tags:
        run_id = run_of(tag, project)
        for branch in fallbacks if run_id else ():
            if tag == tag_of(project, run_id, branch):
                found[branch].append((run_id, tag))
    return {branch: sorted(runs, reverse=True) for branch, runs in found.items()}


# ---- places


class _Place(Protocol):
    """A place that stores objects. Every method raises RegistryRefused."""

    def tags(self) -> Sequence[str]: ...
    def read(self, tag: str) -> bytes | None: ...
    def write(self, tag: str, data: bytes) -> None: ...
    def delete(self, tag: str) -> None: ...


class _Registry:
    """Artifacts of one layer (https://github.com/opencontainers/image-spec, manifest.md, "Guidelines for Artifact
    Usage")."""

    def __init__(self, repository: str, seconds: float = SECONDS) -> None:
        self._repository = Repository(repository, seconds=seconds)

    def tags(self) -> Sequence[str]:
        return self._repository.tags()

    def read(self, tag: str) -> bytes | None:
        manifest = self._repository.manifest(tag)
        return self._repository.blob(manifest.layers[0].digest) if manifest and manifest.layers else None

    def write(self, tag: str, data: bytes) -> None:
        self._repository.push(tag, data, _TYPE)

    def delete(self, tag: str) -> None:
        manifest = self._repository.manifest(tag)
        if manifest and manifest.kind == _TYPE:  # the tag may name another image, whose tags would all go
            self._repository.delete(manifest.digest)


class _Folder:
    """Files, written atomically."""

    def __init__(self, folder: Path) -> None:
        self._folder = Inside(top=folder) / "history"

    def tags(self) -> Sequence[str]:
        try:
            return [name.removesuffix(_SUFFIX) for name in self._folder.entries() if name.endswith(_SUFFIX)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._refused(error) from None

    def read(self, tag: str) -> bytes | None:
        try:
            return self._folder.read(f"{tag}{_SUFFIX}", LONGEST_JSON)
        except FileNotFoundError:
            return None  # another run deleted it
        except OSError as error:
            raise self._refused(error) from None

    def write(self, tag: str, data: bytes) -> None:
        try:
            self._folder.make()
            self._folder.write(f"{tag}{_SUFFIX}", data)
        except OSError as error:
            raise self._refused(error) from None

    def delete(self, tag: str) -> None:
        if tracked := git.tracked_below(self._folder.path):
            raise RegistryRefused(f"{self._folder.path} holds files of the repository: {tracked}")
        try:
            self._folder.remove(f"{tag}{_SUFFIX}")
        except OSError as error:
            raise self._refused(error) from None

    def _refused(self, error: OSError) -> RegistryRefused:
        return RegistryRefused(f"{self._folder.path}: {error.strerror or error}")


def entries(store: CacheStore, project: str, most: int, seconds: float) -> Iterator[Entry]:
    """Yield the newest runs of a project in a store, of all branches; unreadable ones are left out.

    Raises RegistryRefused.
    """
    place: _Place = _Folder(store.folder) if store.folder else _Registry(store.repository, seconds)
    runs = {tag: run_of(tag, project) for tag in place.tags()}
    wanted = sorted((tag for tag, run_id in runs.items() if run_id), key=lambda tag: runs[tag], reverse=True)[:most]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for data in pool.map(place.read, wanted):
            try:
                entry = unpacked(data) if data else None
            except UnreadableRecord:
                continue
            if entry and entry.record.project == project:
                yield entry


# ---- one run


@dataclass(kw_only=True)
class RemoteHistory:
    """Reads other runs from the store and writes this one."""

    store: CacheStore
    project: str
    fallbacks: tuple[str, ...]  # fallback branches whose runs are read
    own: str  # branch whose runs are written; "" for none
    reads: bool
    writes: bool
    notes: list[str] = field(default_factory=list)
    _thread: threading.Thread | None = None
    _until: float = 0.0
    _arrived: list[Entry] = field(default_factory=list)

    def begin(self, known: Callable[[], Collection[str]]) -> None:
        """Start to fetch, on a thread, the runs whose ids are not ``known``."""
        if self.reads:
            self._until = time.monotonic() + SECONDS
            self._thread = threading.Thread(target=self._fetch, args=(known,), daemon=True)
            self._thread.start()

    def arrived(self, before: str, *, wait: bool = True) -> list[Entry]:
        """Fetched runs that began before this one, in order. ``wait``: wait for the rest of SECONDS first."""
        if self._thread is None:
            return []
        self._thread.join(max(0.0, self._until - time.monotonic()) if wait else 0.0)
        if self._thread.is_alive() and wait:
            self._note(f"{self._shown} did not answer within {SECONDS:g} s")
        return sorted((e for e in list(self._arrived) if e.record.id < before), key=lambda e: e.record.id)

    def newest(self, count: int, known: Collection[str]) -> list[RunRecord]:
        """Fetch the newest runs of the first branch, without those whose ids are ``known``. Raises RegistryRefused."""
        place = self._place()
        runs = by_branch(place.tags(), self.project, self.fallbacks[:1]).values()
        wanted = [tag for some in runs for run_id, tag in some[:count] if run_id not in known]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            entries = [self._read(tag, data) for tag, data in zip(wanted, pool.map(place.read, wanted), strict=True)]
        return [entry.record for entry in entries if entry]

    def send(self, record: RunRecord, summary: RunSummary | None) -> None:
        """Write a successful run to the store, and delete a few old ones."""
        if not (self.writes and self.own and record.outcome == RunOutcome.DONE):
            return
        try:
            place = self._place()
            place.write(tag_of(self.project, record.id, self.own), packed(record, summary))
        except RegistryRefused as error:
            self._note(str(error))
            return
        try:
            runs = by_branch(place.tags(), self.project, (self.own,)).get(self.own, [])
            young = record.started - _YOUNG_SECONDS if record.shard else float("inf")
            old = [tag for run_id, tag in runs[KEPT:] if (begun(run_id) or 0.0) < young]
            for tag in old[-_DELETED:]:
                place.delete(tag)
        except RegistryRefused:
            return  # many registries do not delete on request: they expire old tags by their own rules

    # ---- internal

    def _fetch(self, known: Callable[[], Collection[str]]) -> None:
        try:
            place, known_ids = self._place(), known()
            runs = by_branch(place.tags(), self.project, self.fallbacks).values()
            wanted = [tag for some in runs for run_id, tag in some[:READ] if run_id not in known_ids]
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                for tag, data in zip(wanted, pool.map(place.read, wanted), strict=True):
                    if entry := self._read(tag, data):  # one at a time: unpacked, they are large
                        self._arrived.append(entry)
        except RegistryRefused as error:
            self._note(str(error))
        except Exception as error:  # no thread's traceback may reach the terminal
            self._note(f"{self._shown}: {type(error).__name__}: {error}")

    def _read(self, tag: str, data: bytes | None) -> Entry | None:
        """The entry of a run, or None if it is not a record of this project. There is no note, as every run would
        repeat it."""
        try:
            entry = unpacked(data) if data else None
        except UnreadableRecord:
            return None
        fits = entry and entry.record.id == run_of(tag, self.project) and entry.record.project == self.project
        return entry if fits else None

    def _place(self) -> _Place:
        return _Folder(self.store.folder) if self.store.folder else _Registry(self.store.repository)

    @property
    def _shown(self) -> str:
        return self.store.shown

    def _note(self, says: str) -> None:
        """Keep only the first error, usually that the store does not answer."""
        if not self.notes:
            self.notes.append(one_line(f"the history in the cache store is left out: {says}"))


def travel(choice: CacheSettings, project: str) -> RemoteHistory | None:
    """The remote history of a run, or None without a store or if it neither reads nor writes."""
    store, policy = choice.store, choice.policy.history
    writes = policy.write and bool(choice.own)
    if store is None or not (policy.read or writes):
        return None
    return RemoteHistory(
        store=store,
        project=project,
        fallbacks=choice.fallbacks,
        own=choice.own,
        reads=policy.read,
        writes=writes,
    )


# ---- the object


def packed(record: RunRecord, summary: RunSummary | None) -> bytes:
    """The bytes of a run's object: without events, and without what concerns this machine only."""
    light = fitting(replace(record, root="", command=()), LONGEST_JSON - _ENVELOPE)
    return gzip.compress(to_line(Entry(record=light, summary=summary)), mtime=0)


def unpacked(data: bytes) -> Entry:
    """The entry in a run's object. Raises UnreadableRecord."""
    try:
        return from_line(unzipped(data, LONGEST_JSON))
    except Unfit as error:
        raise UnreadableRecord(str(error)) from None
