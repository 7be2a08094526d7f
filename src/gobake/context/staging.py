"""Makes the copies that BuildKit gets instead of the user's tree: only what the build reads, the same on every machine.

Modes are those that git keeps, and dates are derived from the content: BuildKit takes files of the same size and date
for the same file, and so does Go's package index (golang/go#69179). Unchanged originals are not read again.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from gobake.context.entries import Admitted, Entry
from gobake.context.slots import Slot, take
from gobake.errors import ProjectError, Unwritable, Where
from gobake.files import whole

_INDEX = "index.json"
_FORM = 1  # version of the index; one of another version is ignored
_SETTLED_SECONDS = 2.0  # a file changed more recently could change again without a trace
_TRIES = 5  # attempts to read a file that is being written
_CHUNK = 1 << 20


class Copy(Struct, frozen=True, kw_only=True):
    """One file of the context."""

    path: str
    digest: str  # sha256 of the content; of a link, of its target's path
    executable: bool


class Staged(Struct, frozen=True, kw_only=True):
    """The folders of one run."""

    sources: Path  # what the compile reads
    files: Path  # what only goes into images
    read: tuple[Copy, ...] = ()  # the files in `sources`, ordered by path
    copied: tuple[Copy, ...] = ()  # the files in `files`
    slot: Slot | None = None  # locks the folders for this run


def nothing(home: Path) -> Staged:
    """Return the folders for a run that builds nothing; they may not exist."""
    return Staged(sources=home / "1" / "sources", files=home / "1" / "files")


def stage(admitted: Admitted, home: Path) -> Staged:
    """Update the copies below ``home`` to the admitted files.

    Raises Unwritable, and ProjectError for a file that cannot be read.
    """
    try:
        slot = take(home)
        index = _read_index(slot.folder / _INDEX)
        kept: dict[str, dict[str, _State]] = {}
        filled, changed = [], False
        for name, entries in (("sources", admitted.sources), ("files", admitted.files)):
            folder = slot.folder / name
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
            copies = _Folder(folder, index.get(name, {}))
            filled.append(copies.fill(entries))
            kept[name] = copies.states
            changed = changed or copies.changed
        if changed:
            _write_index(slot.folder / _INDEX, kept)
    except OSError as error:
        raise Unwritable(
            f"{error.filename or home} cannot be written: {error.strerror or error}",
            remedy="is the disk full?"
            if error.errno in (errno.ENOSPC, errno.EDQUOT)
            else "set XDG_CACHE_HOME to a writable folder",
        ) from None
    return Staged(
        sources=slot.folder / "sources", files=slot.folder / "files", read=filled[0], copied=filled[1], slot=slot
    )


def digest(texts: Iterable[str], read: Iterable[Copy]) -> str:
    """Return a sha256 over generated texts and the files that the compile reads, on which its cache key depends."""
    seen = hashlib.sha256()
    for text in texts:
        seen.update(hashlib.sha256(text.encode()).digest())
    for copy in read:
        name = copy.path.encode(errors="surrogateescape")
        seen.update(b"%s\0%d\0%s" % (name, copy.executable, copy.digest.encode()))
    return seen.hexdigest()


# ---- one folder of copies

_State = tuple[str, int, bool, tuple[int, ...]]  # digest, size, executable, evidence


class _Folder:
    def __init__(self, folder: Path, states: Mapping[str, Any]) -> None:
        self._root = str(folder)
        self._old = {path: state for path in states if (state := _state(states[path]))}
        self._lying: dict[str, os.stat_result] = {}
        self.states: dict[str, _State] = {}

    @property
    def changed(self) -> bool:
        return self.states != self._old

    def fill(self, entries: Iterable[Entry]) -> tuple[Copy, ...]:
        wanted = {entry.path: entry for entry in entries}
        folders = {above for path in wanted for above in _above(path)}
        folders |= {path for path, entry in wanted.items() if not (entry.source or entry.link or entry.text)}
        self._clear("", wanted, folders)
        for folder in sorted(folders):
            place = os.path.join(self._root, folder)
            if folder not in self._lying:
                os.mkdir(place)
            if stat.S_IMODE(os.lstat(place).st_mode) != 0o755:
                os.chmod(place, 0o755)
        self.states = {path: self._lay(wanted[path]) for path in sorted(wanted) if path not in folders}
        return tuple(Copy(path=path, digest=state[0], executable=state[2]) for path, state in self.states.items())

    def _clear(self, at: str, wanted: Mapping[str, Entry], folders: set[str]) -> None:
        """Delete what is not wanted or of another kind, and record the status of the rest."""
        with os.scandir(os.path.join(self._root, at) if at else self._root) as listed:
            for lying in listed:
                path = f"{at}/{lying.name}" if at else lying.name
                if lying.is_dir(follow_symlinks=False):
                    if path in folders:
                        self._lying[path] = lying.stat(follow_symlinks=False)
                        self._clear(path, wanted, folders)
                    else:
                        shutil.rmtree(lying.path)
                elif path in wanted and path not in folders and lying.is_symlink() == bool(wanted[path].link):
                    self._lying[path] = lying.stat(follow_symlinks=False)
                else:
                    os.unlink(lying.path)

    def _lay(self, entry: Entry) -> _State:
        place = os.path.join(self._root, entry.path)
        lying = self._lying.get(entry.path)
        if entry.link:
            if not lying or os.readlink(place) != entry.link:
                _replace_by_link(place, entry.link)
            return (_sha256(entry.link.encode(errors="surrogateescape")), 0, False, ())
        if not entry.source:
            content = entry.text.encode()
            state: _State = (_sha256(content), len(content), False, ())
            if not (lying and _is_copy(lying, state)):
                part = _part(place)
                Path(part).write_bytes(content)
                _finish(part, place, state)
            return state
        old = self._old.get(entry.path)
        if lying and old and _is_copy(lying, old):
            seen = _looked_at(entry)
            if old[3] and old[3] == _evidence(seen) and old[2] == _executable(seen):
                return old
        return _copy(entry, place, lying)


def _state(written: Any) -> _State | None:
    try:
        digest, size, executable, evidence = written
        return (str(digest), int(size), bool(executable), tuple(map(int, evidence)))
    except (TypeError, ValueError):
        return None


def _copy(entry: Entry, place: str, lying: os.stat_result | None) -> _State:
    """Copy a file consistently: if it changes meanwhile, it is read again."""
    part = _part(place)
    for attempt in range(_TRIES):
        before = _looked_at(entry)
        begun = time.time()
        digest, size = _read_into(entry, part)
        after = _looked_at(entry)
        if _evidence(before) == _evidence(after):
            break
        time.sleep(0.01 * attempt)
    youngest = max(after.st_mtime_ns, after.st_ctime_ns) / 1e9
    evidence = _evidence(after) if begun - youngest > _SETTLED_SECONDS else ()
    state: _State = (digest, size, _executable(after), evidence)
    if lying and _is_copy(lying, state):
        os.unlink(part)
    else:
        _finish(part, place, state)
    return state


def _read_into(entry: Entry, part: str) -> tuple[str, int]:
    seen, size = hashlib.sha256(), 0
    try:
        original = open(entry.source, "rb")  # noqa: SIM115 (its errors differ from those of the copy)
    except OSError as error:
        raise _unreadable(entry, error) from None
    with original, open(part, "wb") as copy:
        while True:
            try:
                chunk = original.read(_CHUNK)
            except OSError as error:
                raise _unreadable(entry, error) from None
            if not chunk:
                return seen.hexdigest(), size
            seen.update(chunk)
            size += copy.write(chunk)


def _looked_at(entry: Entry) -> os.stat_result:
    try:
        return os.stat(entry.source)
    except OSError as error:
        raise _unreadable(entry, error) from None


def _unreadable(entry: Entry, error: OSError) -> ProjectError:
    return ProjectError(
        f"cannot be read: {error.strerror}",
        where=Where(file=Path(entry.source)),
        remedy="the build needs it; make it readable",
    )


def _finish(part: str, place: str, state: _State) -> None:
    os.chmod(part, 0o755 if state[2] else 0o644)
    moment = _moment(state[0])
    os.utime(part, (moment, moment))
    os.replace(part, place)


def _replace_by_link(place: str, link: str) -> None:
    part = _part(place)
    os.symlink(link, part)
    os.replace(part, place)


def _part(place: str) -> str:
    """Return a temporary path whose name no source has; the next run clears what a killed one left."""
    above, name = os.path.split(place)
    part = os.path.join(above, f".{hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()[:24]}.gobake-part")
    if os.path.lexists(part):
        os.unlink(part)
    return part


def _moment(digest: str) -> int:
    """Return an old date derived from the content, in seconds since the epoch."""
    return int(digest[:8], 16) >> 4


def _is_copy(lying: os.stat_result, state: _State) -> bool:
    mode = 0o755 if state[2] else 0o644
    same = lying.st_size == state[1] and lying.st_mtime_ns == _moment(state[0]) * 1_000_000_000
    return same and stat.S_IMODE(lying.st_mode) == mode and stat.S_ISREG(lying.st_mode)


def _evidence(seen: os.stat_result) -> tuple[int, ...]:
    return (seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino, seen.st_dev)


def _executable(seen: os.stat_result) -> bool:
    """Whether git would record the file as executable: the owner's bit decides."""
    return bool(seen.st_mode & 0o100)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


# ---- the index


def _read_index(file: Path) -> dict[str, Any]:
    try:
        kept = json.loads(whole.unsealed(file.read_bytes()))
        return dict(kept["folders"]) if kept["form"] == _FORM else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _write_index(file: Path, folders: Mapping[str, Mapping[str, _State]]) -> None:
    whole.write(file, whole.sealed(json.dumps({"form": _FORM, "folders": folders})))
