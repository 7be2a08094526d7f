"""Progress of a build: live rows on a terminal, plain lines without one, JSON lines for machines, or nothing.

Values come in as trace updates; nothing here knows docker.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any, Protocol, TextIO

from gobake.model import Target
from gobake.recipe.stages import CompileStage
from gobake.trace.events import Event, LogEvent, VertexEvent
from gobake.trace.names import StepKind, StepName, parse_name
from gobake.trace.printable import one_line

KINDS = ("auto", "tty", "plain", "json", "quiet")


class Progress(Protocol):
    """Shows a build. Use it as a context manager, so that a terminal is left as it was found."""

    def __enter__(self) -> Progress: ...
    def __exit__(self, *_: object) -> None: ...
    def update(self, events: Sequence[Event]) -> None: ...
    def say(self, text: str) -> None: ...


def make_progress(
    kind: str, targets: Sequence[Target], stages: Sequence[CompileStage], stream: TextIO, color: str
) -> Progress:
    """The progress for ``kind``; `auto` is `tty` on a terminal and `plain` elsewhere."""
    if kind == "auto":
        kind = "tty" if stream.isatty() else "plain"
    if kind == "tty":
        from gobake.report.live import Live  # rich is imported only where it shows something

        return Live(targets, stages, stream, color)
    if kind == "json":
        return Json(stream)
    return Plain(stream) if kind == "plain" else Quiet()


class Quiet:
    """Nothing but errors, which others print."""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, events: Sequence[Event]) -> None:
        return None

    def say(self, text: str) -> None:
        return None


class _Seen:
    """Turns vertices, which come many times and under many targets' names, into one beginning and one end a step."""

    def __init__(self) -> None:
        self._begun: set[str] = set()
        self._ended: set[str] = set()

    def changes(self, events: Sequence[Event]) -> list[tuple[str, VertexEvent, StepName]]:
        found = []
        for vertex in events:
            if not isinstance(vertex, VertexEvent) or vertex.started is None:
                continue
            name = parse_name(vertex.name)
            if not worth_showing(name):
                continue
            if vertex.completed is None and vertex.digest not in self._begun:
                self._begun.add(vertex.digest)
                found.append(("begin", vertex, name))
            elif vertex.completed is not None and vertex.digest not in self._ended:
                self._begun.add(vertex.digest)
                self._ended.add(vertex.digest)
                found.append(("end", vertex, name))
        return found


def worth_showing(name: StepName) -> bool:
    """Steps, results and caches; not the housekeeping."""
    return name.kind.counts or name.kind in (StepKind.EXPORT_IMAGE, StepKind.EXPORT_CACHE, StepKind.IMPORT_CACHE)


def shown(name: StepName, width: int = 90) -> str:
    """A step as one line: `compile linux/arm64  RUN go build ...`."""
    instruction = one_line(name.instruction)
    if name.instruction.startswith("RUN --mount"):
        instruction = "RUN go build" if " go build " in name.instruction or " go list " in name.instruction else "RUN"
    if instruction.startswith("FROM "):
        instruction = instruction.partition("@")[0]
    text = " ".join(filter(None, (name.stage or name.target, name.platform, instruction)))
    return text if len(text) <= width else text[: width - 1] + "…"


def outcome_word(vertex: VertexEvent) -> str:
    if vertex.error:
        return "canceled" if "context canceled" in vertex.error else "FAILED"
    return "reused" if vertex.cached else f"{(vertex.completed or 0) - (vertex.started or 0):.1f} s"


class Plain:
    """One line a finished step, without control codes: what a CI log wants."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._seen, self._started = stream, _Seen(), time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, events: Sequence[Event]) -> None:
        for change, vertex, name in self._seen.changes(events):
            slow_to_tell = change == "begin" and name.instruction.startswith("RUN")
            if change == "end" or slow_to_tell:
                word = "begins" if change == "begin" else outcome_word(vertex)
                self.say(f"{shown(name)}  {word}")

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self._started:6.1f}  {text}", file=self._stream, flush=True)


class Json:
    """One JSON object a line; every object has `schema` and `event`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._seen = stream, _Seen()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, events: Sequence[Event]) -> None:
        for change, vertex, name in self._seen.changes(events):
            self._write(
                event=f"step-{change}",
                target=name.target,
                stage=name.stage,
                platform=name.platform,
                instruction=name.instruction,
                digest=vertex.digest,
                cached=vertex.cached,
                started=vertex.started,
                completed=vertex.completed,
                error=vertex.error,
            )
        for event in events:
            if isinstance(event, LogEvent):
                self._write(event="log", digest=event.vertex, text=event.data.decode(errors="replace"))

    def say(self, text: str) -> None:
        self._write(event="message", text=text)

    def _write(self, **fields: Any) -> None:
        print(json.dumps({"schema": 1, **fields}, ensure_ascii=False), file=self._stream, flush=True)
