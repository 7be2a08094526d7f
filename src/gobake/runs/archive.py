"""Runs in transit to another store: record, summary and events as one line of JSON, and files of such lines.

Input is not trusted: it is limited in size and checked against the types of a record, and an id is validated before it
becomes a file name. Nothing is unpacked under names that an archive chooses.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from gobake.errors import Unwritable, UsageError
from gobake.files import atomic
from gobake.foreign import checks
from gobake.foreign.checks import Unfit
from gobake.runs import summary as summaries
from gobake.runs.record import NewerRecord, RunRecord, UnreadableRecord, from_json
from gobake.runs.store import is_id
from gobake.runs.summary import RunSummary

SCHEMA = 1
LONGEST = 128 << 20  # bytes of a line; the events of a large build have about 20 MB


class Entry(Struct, frozen=True, kw_only=True):
    """One run."""

    record: RunRecord
    summary: RunSummary | None = None  # None: made on demand
    events: str | None = None  # None: not sent, or gone


class Refused(Struct, frozen=True, kw_only=True):
    """A line that is not a run."""

    line: int  # starts at 1
    says: str


def to_line(entry: Entry) -> bytes:
    data = {"schema": SCHEMA, "record": entry.record, "digest": entry.summary, "events": entry.events}
    return json.dumps(msgspec.to_builtins(data), separators=(",", ":")).encode() + b"\n"


def from_line(line: bytes) -> Entry:
    """Parse a line. Raises UnreadableRecord."""
    try:
        data = checks.parsed(line, LONGEST)
    except Unfit as error:
        raise UnreadableRecord(str(error)) from None
    if not isinstance(data, dict) or not isinstance(data.get("schema"), int):
        raise UnreadableRecord("is not a run of an archive")
    if data["schema"] > SCHEMA:
        raise NewerRecord(f"has schema {data['schema']}, and this gobake reads up to {SCHEMA}; use a newer one")
    record = from_json(data.get("record"))
    if not is_id(record.id):
        raise UnreadableRecord(f"has the id {record.id[:40]!r}, which is none of a run")
    summary = summaries.from_json(data.get("digest"))  # an invalid summary is made anew
    if summary and (summary.id, summary.started) != (record.id, record.started):
        raise UnreadableRecord(f"has the summary of another run than {record.id}")
    events = data.get("events")
    return Entry(record=record, summary=summary, events=events if isinstance(events, str) else None)


# ---- files


def write(file: Path, entries: Iterator[Entry]) -> int:
    """Write the file completely or not at all; return the number of runs. Raises Unwritable."""
    count = 0
    try:
        with (
            atomic.replaced(file, 0o600) as raw,
            gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6) as out,
        ):
            for entry in entries:
                out.write(to_line(entry))
                count += 1
    except OSError as error:
        raise Unwritable(
            f"{file} cannot be written: {error.strerror or error}", remedy="name a file elsewhere"
        ) from None
    return count


def read(file: Path) -> Iterator[Entry | Refused]:
    """Yield the runs of a file and its refused lines. Raises UsageError if it is not an archive."""
    try:
        with gzip.open(file) as lines:
            yield from _entries(lines, file)
    except OSError as error:
        reason = "is not an archive of `gobake runs export`" if isinstance(error, gzip.BadGzipFile) else error.strerror
        raise UsageError(f"{file}: {reason or error}", remedy="check the name") from None


def _entries(lines: gzip.GzipFile, file: Path) -> Iterator[Entry | Refused]:
    number = 0
    while True:
        number += 1
        try:
            line = lines.readline(LONGEST + 1)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            if number == 1:
                raise UsageError(
                    f"{file}: is not an archive of `gobake runs export`", remedy="check the name"
                ) from None
            yield Refused(line=number, says="cannot be unpacked: this and what follows is left out")
            return
        if not line:
            return
        if len(line) > LONGEST:
            yield Refused(line=number, says=f"has more than {LONGEST >> 20} MiB: this and what follows is left out")
            return
        try:
            yield from_line(line)
        except UnreadableRecord as error:
            yield Refused(line=number, says=str(error))
