"""Reading `buildx --progress=rawjson`: SolveStatus objects, one a line, mixed with lines that are no JSON.

One vertex arrives many times, out of order, and its completion can vanish and come back, so that everything is merged.
Source: BuildKit client/graph.go (SolveStatus, Vertex, VertexLog).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

_LOG_LIMIT = 4 * 1024 * 1024  # bytes kept of one step's log: the end of it tells why a step failed


@dataclass(frozen=True, kw_only=True)
class Vertex:
    """One vertex under one name, as merged so far. Times are seconds since the epoch; None is not known."""

    digest: str
    name: str
    inputs: tuple[str, ...] = ()
    started: float | None = None
    completed: float | None = None
    cached: bool = False
    error: str = ""

    @property
    def running(self) -> bool:
        return self.started is not None and self.completed is None


@dataclass(frozen=True, kw_only=True)
class LogChunk:
    """A piece of what a step wrote."""

    digest: str
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Update:
    """What one piece of the stream changed."""

    vertexes: tuple[Vertex, ...] = ()
    logs: tuple[LogChunk, ...] = ()
    lines: tuple[str, ...] = ()  # what is no JSON: errors, mostly


@dataclass(frozen=True, kw_only=True)
class Warned:
    """A warning of the Dockerfile frontend."""

    digest: str
    short: str


class EventLog:
    """Merges the stream. `feed` takes any pieces of it; `vertexes`, `logs`, `lines` hold the state."""

    def __init__(self) -> None:
        self.vertexes: dict[tuple[str, str], Vertex] = {}
        self.logs: dict[str, bytes] = {}
        self.lines: list[str] = []
        self.warnings: dict[tuple[str, str], Warned] = {}
        self.pulls: dict[str, set[str]] = {}  # by vertex: the layers that were fetched or unpacked for it
        self._rest = ""

    def feed(self, piece: str) -> Update:
        """Read a piece, which may begin and end within a line."""
        *whole, self._rest = (self._rest + piece).split("\n")
        updates = [self._line(line) for line in whole]
        return Update(
            vertexes=tuple(v for u in updates for v in u.vertexes),
            logs=tuple(c for u in updates for c in u.logs),
            lines=tuple(line for u in updates for line in u.lines),
        )

    def close(self) -> Update:
        """Read what is left when the stream ends without a line break."""
        return self.feed("\n") if self._rest else Update()

    def _line(self, line: str) -> Update:
        line = line.strip()
        if not line:
            return Update()
        status = _object(line)
        if status is None:
            self.lines.append(line)
            return Update(lines=(line,))
        vertexes = tuple(self._merge(v) for v in _vertexes(status))
        logs = tuple(_logs(status))
        for chunk in logs:
            self.logs[chunk.digest] = (self.logs.get(chunk.digest, b"") + chunk.data)[-_LOG_LIMIT:]
        for item in _items(status, "statuses"):
            blob = re.search(r"sha256:[0-9a-f]{64}", _text(item.get("id")))
            if blob and not _text(item.get("id")).startswith(("resolve", "exporting")):
                self.pulls.setdefault(_text(item.get("vertex")), set()).add(blob[0])
        for warned in _warnings(status):
            self.warnings[(warned.digest, warned.short)] = warned
        return Update(vertexes=vertexes, logs=logs)

    def _merge(self, new: Vertex) -> Vertex:
        key = (new.digest, new.name)
        old = self.vertexes.get(key)
        if old:
            new = replace(
                new,
                inputs=new.inputs or old.inputs,
                started=min(filter(None, (old.started, new.started)), default=None),
                completed=max(filter(None, (old.completed, new.completed)), default=None),
                cached=old.cached or new.cached,
                error=new.error or old.error,
            )
        self.vertexes[key] = new
        return new


def _object(line: str) -> dict[str, object] | None:
    if not line.startswith("{"):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _items(status: dict[str, object], key: str) -> Iterator[dict[str, object]]:
    listed = status.get(key)
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, dict):
            yield item


def _vertexes(status: dict[str, object]) -> Iterator[Vertex]:
    for item in _items(status, "vertexes"):
        inputs = item.get("inputs")
        yield Vertex(
            digest=_text(item.get("digest")),
            name=_text(item.get("name")),
            inputs=tuple(map(_text, inputs)) if isinstance(inputs, list) else (),
            started=seconds(item.get("started")),
            completed=seconds(item.get("completed")),
            cached=item.get("cached") is True,
            error=_text(item.get("error")),
        )


def _logs(status: dict[str, object]) -> Iterator[LogChunk]:
    for item in _items(status, "logs"):
        try:
            data = base64.b64decode(_text(item.get("data")), validate=True)
        except (binascii.Error, ValueError):
            continue
        yield LogChunk(digest=_text(item.get("vertex")), data=data)


def _warnings(status: dict[str, object]) -> Iterator[Warned]:
    for item in _items(status, "warnings"):
        try:
            short = base64.b64decode(_text(item.get("short"))).decode(errors="replace")
        except (binascii.Error, ValueError):
            continue
        yield Warned(digest=_text(item.get("vertex")), short=short)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def seconds(stamp: object) -> float | None:
    """RFC 3339 with nanoseconds -> seconds since the epoch; None for anything else."""
    if not isinstance(stamp, str) or len(stamp) < 20:
        return None
    text = stamp.replace("Z", "+00:00")
    head, dot, tail = text.partition(".")
    if dot:
        digits = tail[: next((i for i, c in enumerate(tail) if not c.isdigit()), len(tail))]
        text = f"{head}.{digits[:6]:0<6}{tail[len(digits) :]}"
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
