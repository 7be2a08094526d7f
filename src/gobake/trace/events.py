"""Parses and merges the event stream of `docker buildx bake --progress=rawjson`, in chunks cut anywhere.

Each line is one SolveStatus (moby/buildkit client/graph.go) as JSON. Other lines are kept as plain text, because buildx
writes its own messages (`ERROR: ...`) into the same stream. A vertex arrives many times: whenever it begins something
(a cache lookup, running, downloading, unpacking), its `started` is set anew and `completed` and `cached` are reset. So
each `started` is a separate episode, and the merged state does not depend on the order or number of lines. names.py
interprets the names.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from gobake.text.printable import scrubbed

LONGEST_LINE = 64 << 20  # bytes; a longer line is not an event and would only fill the memory
_ZERO_TIME = 0.0  # for unknown times, which buildx writes as Go's zero time, year 1


class VertexEvent(Struct, frozen=True, kw_only=True):
    """The state of a vertex at one moment; times are seconds since the epoch."""

    digest: str
    name: str
    inputs: tuple[str, ...] = ()
    started: float | None = None
    completed: float | None = None
    cached: bool = False
    error: str = ""
    foreign: bool = False  # another project's build named it, which still runs; see own_names.py


class StatusEvent(Struct, frozen=True, kw_only=True):
    """Progress within a vertex: bytes moved, a layer unpacked, a manifest written."""

    vertex: str
    id: str
    name: str = ""
    current: int = 0
    total: int = 0
    timestamp: float = 0.0
    started: float | None = None
    completed: float | None = None


class LogEvent(Struct, frozen=True, kw_only=True):
    """A piece of a step's output; it may begin and end in the middle of a line."""

    vertex: str
    stream: int  # 1 stdout, 2 stderr
    data: bytes
    timestamp: float = 0.0
    moment: str = ""  # the timestamp as written: a float cannot hold nanoseconds


class WarningEvent(Struct, frozen=True, kw_only=True):
    """A warning of the Dockerfile frontend."""

    vertex: str
    level: int = 0
    short: str = ""
    detail: tuple[str, ...] = ()
    url: str = ""
    file: str = ""
    line: int = 0


class PlainLine(Struct, frozen=True, kw_only=True):
    """A line that is not an event: a message of buildx itself."""

    text: str


Event = VertexEvent | StatusEvent | LogEvent | WarningEvent | PlainLine
_T = TypeVar("_T")


class Episode(Struct, frozen=True, kw_only=True):
    """The activity of a vertex since one `started`."""

    started: float
    completed: float | None = None
    cached: bool = False
    error: str = ""
    inputs: bool = False  # False: a source, or the puller's report on a transfer of the vertex's result


@dataclass(kw_only=True)
class Vertex:
    """All events of one digest under one name."""

    digest: str
    name: str
    inputs: frozenset[str] = frozenset()
    episodes: dict[float, Episode] = field(default_factory=dict)
    foreign: bool = False


class EventLog:
    """Collects a stream. Feed it, close it, and read the merged state. It never raises on its input."""

    def __init__(self) -> None:
        self.vertices: dict[tuple[str, str], Vertex] = {}  # by (digest, name)
        self.statuses: dict[tuple[str, str], StatusEvent] = {}  # by (vertex, id), the latest of each
        self.warnings: list[WarningEvent] = []
        self.plain: list[str] = []  # lines that are not events, in order
        self.last_moment = 0.0  # the latest time in any event
        self.closed = False
        self._logs: dict[str, list[LogEvent]] = {}
        self._seen: set[tuple[str, int, str, bytes] | WarningEvent] = set()
        self._rest = bytearray()

    @classmethod
    def read(cls, source: Path | Iterable[bytes]) -> EventLog:
        """Read a whole recorded stream: a file, or its chunks."""
        log = cls()
        for chunk in [source.read_bytes()] if isinstance(source, Path) else source:
            log.feed(chunk)
        log.close()
        return log

    def feed(self, chunk: bytes | str) -> list[Event]:
        """Take a piece of the stream, cut anywhere, and return the events that it completes."""
        start = len(self._rest)
        self._rest += chunk if isinstance(chunk, bytes) else chunk.encode("utf-8", "replace")
        end = self._rest.rfind(b"\n", start)
        if end < 0 and len(self._rest) < LONGEST_LINE:
            return []
        whole = bytes(self._rest[: end + 1] if end >= 0 else self._rest)
        del self._rest[: len(whole)]
        return [event for line in whole.split(b"\n") for event in self._line(line)]

    def feed_line(self, line: bytes | str) -> list[Event]:
        """Take one line, with or without a newline."""
        whole = line if isinstance(line, bytes) else line.encode("utf-8", "replace")
        return self.feed(whole if whole.endswith(b"\n") else whole + b"\n")

    def close(self) -> list[Event]:
        """End the stream, and return the events of a last line without newline."""
        rest, self._rest = bytes(self._rest), bytearray()
        self.closed = True
        return self._line(rest)

    def log(self, digests: Iterable[str]) -> bytes:
        """Return the output of the vertices in the order of time."""
        pieces = [piece for digest in digests for piece in self._logs.get(digest, ())]
        return b"".join(piece.data for piece in sorted(pieces, key=lambda p: (p.timestamp, p.moment, p.stream, p.data)))

    @property
    def last_error(self) -> str:
        """The last `ERROR:` of buildx and the lines after it, where a registry lists its reasons; "" for none."""
        marks = [at for at, line in enumerate(self.plain) if line.startswith("ERROR")]
        return "\n".join(self.plain[marks[-1] :]).removeprefix("ERROR: ") if marks else ""

    def _line(self, line: bytes) -> list[Event]:
        if not line.strip():
            return []
        events = parse_line(line)
        self.merge(events)
        return events

    def merge(self, events: Iterable[Event]) -> None:
        """Merge events that were parsed elsewhere."""
        for event in events:
            self._merge(event)

    def _merge(self, event: Event) -> None:
        match event:
            case VertexEvent():
                self._merge_vertex(event)
            case StatusEvent():
                key = (event.vertex, event.id)
                self.statuses[key] = _further(self.statuses.get(key), event)
                self._moment(event.timestamp, event.completed)
            case LogEvent():
                mark = (event.vertex, event.stream, event.moment, event.data)
                if mark not in self._seen:
                    self._seen.add(mark)
                    self._logs.setdefault(event.vertex, []).append(event)
                self._moment(event.timestamp)
            case WarningEvent():
                if event not in self._seen:
                    self._seen.add(event)
                    self.warnings.append(event)
            case PlainLine():
                self.plain.append(event.text)

    def _merge_vertex(self, event: VertexEvent) -> None:
        vertex = self.vertices.setdefault((event.digest, event.name), Vertex(digest=event.digest, name=event.name))
        vertex.inputs |= frozenset(event.inputs)
        vertex.foreign |= event.foreign
        self._moment(event.started, event.completed)
        if event.started is None:
            return
        new = Episode(
            started=event.started,
            completed=event.completed,
            cached=event.cached,
            error=event.error,
            inputs=bool(event.inputs),
        )
        old = vertex.episodes.get(event.started)
        vertex.episodes[event.started] = _joined(old, new) if old else new

    def _moment(self, *times: float | None) -> None:
        self.last_moment = max(self.last_moment, *(t for t in times if t is not None), 0.0)


def _joined(a: Episode, b: Episode) -> Episode:
    """Merge two reports on one episode: a completed one counts more, and of two completed ones the later."""
    first, last = sorted((a, b), key=lambda e: (e.completed is not None, e.completed or 0.0, e.cached, e.error))
    return replace(
        last, error=last.error or (first.error if last.completed is None else ""), inputs=a.inputs or b.inputs
    )


def _further(a: StatusEvent | None, b: StatusEvent) -> StatusEvent:
    if a is None:
        return b
    return max(
        a,
        b,
        key=lambda s: (
            s.completed is not None,
            s.current,
            s.total,
            s.timestamp,
            s.name,
            s.started or 0.0,
            s.completed or 0.0,
        ),
    )


# ---- parsing


def parse_line(line: bytes) -> list[Event]:
    """Parse the events of one line; a line that is not a SolveStatus becomes a PlainLine. Never raises."""
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    if text.lstrip().startswith("{"):
        try:
            status = json.loads(text)
        except (ValueError, RecursionError):
            status = None
        # `{}` is a status too: buildx passes shared logs on for only one target
        if isinstance(status, dict) and (not status or _FIELDS & status.keys()):
            return [
                *_each(status, "vertexes", _vertex),
                *_each(status, "statuses", _status),
                *_each(status, "logs", _log),
                *_each(status, "warnings", _warning),
            ]
    return [PlainLine(text=text)]


_FIELDS = frozenset({"vertexes", "statuses", "logs", "warnings"})


def _each(status: Mapping[str, object], key: str, parse: Callable[[Mapping[str, object]], _T | None]) -> list[_T]:
    items = status.get(key)
    parsed = [parse(item) for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return [item for item in parsed if item is not None]


def _vertex(raw: Mapping[str, object]) -> VertexEvent | None:
    digest, name = _text(raw, "digest"), _text(raw, "name")
    if not digest:
        return None
    inputs = raw.get("inputs")
    return VertexEvent(
        digest=digest,
        name=name,
        started=_time(raw, "started"),
        completed=_time(raw, "completed"),
        cached=raw.get("cached") is True,
        error=_text(raw, "error"),
        foreign=raw.get("foreign") is True,
        inputs=tuple(i for i in inputs if isinstance(i, str)) if isinstance(inputs, list) else (),
    )


def _status(raw: Mapping[str, object]) -> StatusEvent | None:
    vertex, name = _text(raw, "vertex"), _text(raw, "id")
    if not vertex or not name:
        return None
    return StatusEvent(
        vertex=vertex,
        id=name,
        name=_text(raw, "name"),
        current=_number(raw, "current"),
        total=_number(raw, "total"),
        timestamp=_time(raw, "timestamp") or _ZERO_TIME,
        started=_time(raw, "started"),
        completed=_time(raw, "completed"),
    )


def _log(raw: Mapping[str, object]) -> LogEvent | None:
    vertex = _text(raw, "vertex")
    data = _bytes(raw.get("data"))
    if not vertex or not data:
        return None
    return LogEvent(
        vertex=vertex,
        stream=_number(raw, "stream"),
        data=data,
        moment=_text(raw, "timestamp"),
        timestamp=_time(raw, "timestamp") or _ZERO_TIME,
    )


def _warning(raw: Mapping[str, object]) -> WarningEvent | None:
    source, places, detail = raw.get("sourceInfo"), raw.get("range"), raw.get("detail")
    place = places[0] if isinstance(places, list) and places else None
    start = place.get("start") if isinstance(place, dict) else None
    return WarningEvent(
        vertex=_text(raw, "vertex"),
        level=_number(raw, "level"),
        url=_text(raw, "url"),
        short=_bytes(raw.get("short")).decode("utf-8", "replace"),
        detail=tuple(_bytes(d).decode("utf-8", "replace") for d in detail) if isinstance(detail, list) else (),
        file=_text(source, "filename") if isinstance(source, dict) else "",
        line=_number(start, "line") if isinstance(start, dict) else 0,
    )


def _text(raw: Mapping[str, object], key: str) -> str:
    value = raw.get(key)
    return scrubbed(value) if isinstance(value, str) else ""


def _number(raw: Mapping[str, object], key: str) -> int:
    value = raw.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _bytes(value: object) -> bytes:
    if not isinstance(value, str):
        return b""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return b""


_FRACTION = re.compile(r"\.(\d{1,6})\d*")


def _time(raw: Mapping[str, object], key: str) -> float | None:
    """Parse Go's RFC 3339 with up to nanoseconds to seconds since the epoch; None for no time or Go's zero time."""
    value = raw.get(key)
    if not isinstance(value, str) or value.startswith("0001-"):
        return None
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(r".\1", value, count=1))
    except ValueError:
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return None
