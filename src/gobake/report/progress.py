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
from gobake.trace0 import golog
from gobake.trace0.events import EventLog, Update, Vertex
from gobake.trace0.names import Kind, StepName, parse

KINDS = ("auto", "tty", "plain", "json", "quiet")


class Progress(Protocol):
    """Shows a build. Use it as a context manager, so that a terminal is left as it was found."""

    def __enter__(self) -> Progress: ...
    def __exit__(self, *_: object) -> None: ...
    def update(self, update: Update) -> None: ...
    def say(self, text: str) -> None: ...


def make_progress(
    kind: str, targets: Sequence[Target], stages: Sequence[CompileStage], log: EventLog, stream: TextIO, color: str
) -> Progress:
    """The progress for ``kind``; `auto` is `tty` on a terminal and `plain` elsewhere."""
    if kind == "auto":
        kind = "tty" if stream.isatty() else "plain"
    if kind == "tty":
        from gobake.report.live import Live  # rich is imported only where it shows something

        return Live(targets, stages, log, stream, color)
    if kind == "json":
        return Json(stream)
    return Plain(stream) if kind == "plain" else Quiet()


class Quiet:
    """Nothing but errors, which others print."""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, update: Update) -> None:
        return None

    def say(self, text: str) -> None:
        return None


class _Seen:
    """Turns vertices, which come many times and under many targets' names, into one beginning and one end a step."""

    def __init__(self) -> None:
        self._begun: set[str] = set()
        self._ended: set[str] = set()

    def changes(self, vertexes: Sequence[Vertex]) -> list[tuple[str, Vertex, StepName]]:
        found = []
        for vertex in vertexes:
            name = parse(vertex.name)
            if name.kind is Kind.INTERNAL or vertex.started is None:
                continue
            if vertex.running and vertex.digest not in self._begun:
                self._begun.add(vertex.digest)
                found.append(("begin", vertex, name))
            elif not vertex.running and vertex.digest not in self._ended:
                self._begun.add(vertex.digest)
                self._ended.add(vertex.digest)
                found.append(("end", vertex, name))
        return found


def shown(name: StepName, width: int = 90) -> str:
    """A step as one line: `compile linux/arm64  RUN go build ...`."""
    instruction = golog.plain(" ".join(name.instruction.split()))
    if name.instruction.startswith("RUN --mount"):
        instruction = "RUN go build" if " go build " in name.instruction or " go list " in name.instruction else "RUN"
    if instruction.startswith("FROM "):
        instruction = instruction.partition("@")[0]
    text = " ".join(filter(None, (name.stage or name.target, name.platform, instruction)))
    return text if len(text) <= width else text[: width - 1] + "…"


def outcome_word(vertex: Vertex) -> str:
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

    def update(self, update: Update) -> None:
        for change, vertex, name in self._seen.changes(update.vertexes):
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

    def update(self, update: Update) -> None:
        for change, vertex, name in self._seen.changes(update.vertexes):
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
        for chunk in update.logs:
            self._write(event="log", digest=chunk.digest, text=chunk.data.decode(errors="replace"))

    def say(self, text: str) -> None:
        self._write(event="message", text=text)

    def _write(self, **fields: Any) -> None:
        print(json.dumps({"schema": 1, **fields}, ensure_ascii=False), file=self._stream, flush=True)
