"""Progress without a terminal: plain lines for CI logs, JSON lines for machines, or nothing.

A vertex arrives many times and under several targets' names; each digest is reported once when its work begins and once
when it ends. Facts known only after the run, such as the origin of a cached step, are reported at the end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TextIO

from msgspec.structs import replace

from gobake.insight.expected import Expected
from gobake.model import Target
from gobake.report.progress.changes import Change, Narrator
from gobake.report.progress.rows import commands_of, instruction, only_platform, shown
from gobake.report.progress.wording import retry_text, seconds_left_text, transfer_text
from gobake.report.quantities import count_text
from gobake.runs.outcomes import Outcome
from gobake.text.printable import flat, one_line, printable
from gobake.text.say import write
from gobake.trace import golog
from gobake.trace.caches import missing
from gobake.trace.events import Event, EventLog, LogEvent, PlainLine, StatusEvent, WarningEvent
from gobake.trace.hostwork import HostWork
from gobake.trace.labels import compiles
from gobake.trace.names import StepKind, StepName
from gobake.trace.stalls import Stall
from gobake.trace.steps import Trace, steps
from gobake.trace.transfers import transfers

if TYPE_CHECKING:
    from gobake.runs.record import RetryRecord

SILENCE_SECONDS = 30.0  # without a line, after which a compile reports its progress
DOWNLOAD_SECONDS = 5.0  # the same while modules are downloaded
MOVING_SECONDS = 10.0  # the same while an image is


class _Lines:
    """Base of plain and JSON lines: a stream that may close, and the log for the totals."""

    def __init__(self, targets: Sequence[Target], stream: TextIO) -> None:
        self._stream = stream
        self._targets = targets
        self._narrator = Narrator(targets)
        self._log = EventLog()
        self._gone = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def start(self) -> None:
        return None

    def update(self, events: Sequence[Event]) -> None:
        self._log.merge(events)

    def finish(self, outcome: str) -> None:
        return None

    def say(self, text: str) -> None:
        raise NotImplementedError

    def stall(self, stall: Stall, text: str) -> None:
        self.say(text)

    def retry(self, retry: RetryRecord, number: int, most: int) -> None:
        self.say(retry_text(retry, number, most))

    def host(self, work: HostWork) -> None:
        raise NotImplementedError

    def expect(self, expected: Expected) -> None:
        return None

    def _trace(self) -> Trace:
        self._log.close()
        return steps(self._log)

    def _write(self, line: str) -> None:
        """Write a line. A closed stream or an unencodable character does not stop the build."""
        if self._gone:
            return
        try:
            write(f"{flat(line)}\n", self._stream)
        except (OSError, ValueError):
            self._gone = True


@dataclass(kw_only=True)
class _Heard:
    """What Go has said in one vertex."""

    packages: dict[str, None] = field(default_factory=dict)
    modules: int = 0
    began: float = 0.0  # by the clock of the lines


class Plain(_Lines):
    """One line when a slow step begins, and one when a step ends; no control codes."""

    def __init__(
        self,
        targets: Sequence[Target],
        stream: TextIO,
        clock: Callable[[], float] = time.monotonic,
        *,
        began: float | None = None,
    ) -> None:
        """``began``: when the run began, in seconds since the epoch; None: now."""
        super().__init__(targets, stream)
        self._clock = clock
        self._last = clock()
        self._began = self._last - (0.0 if began is None else max(0.0, time.time() - began))
        self._hosts: set[str] = set()  # platforms for which this machine's Go works
        self._imports = False
        self._logs: dict[str, _Heard] = {}
        self._expected = Expected()

    def update(self, events: Sequence[Event]) -> None:
        super().update(events)
        for change in self._narrator.changes(events):
            self._imports = self._imports or change.name.kind is StepKind.IMPORT_CACHE
            if change.name.kind is StepKind.IMPORT_CACHE and missing(change.error):
                continue  # the cache does not exist yet
            if change.what != "begins" or change.name.verb == "RUN":
                self.say(f"{self._shown(change.name)}  {self._word(change)}")
        for event in events:
            if isinstance(event, LogEvent):
                self._count(event)
            elif isinstance(event, StatusEvent):
                self._moved(event)
            elif isinstance(event, WarningEvent):
                place = f" ({event.file}:{event.line})" if event.line else ""
                self.say(f"warning: {one_line(event.short, 200)}{place}")

    def finish(self, outcome: str) -> None:
        told = ", ".join(f"{count} {name}" for name, count in self._trace().counts.items() if count)
        self.say(f"{outcome}; steps: {told}" if told else outcome)

    def say(self, text: str) -> None:
        self._last = self._clock()
        self._write(f"{self._last - self._began:6.1f}  {printable(text)}")

    def host(self, work: HostWork) -> None:
        if work.ended is not None:
            took = f"{max(0.0, work.ended - work.started):.1f} s"
            self.say(f"{work.label}  {'FAILED' if work.failed else f'{_packages(work)} compiled, {took}'}")
        elif work.platform not in self._hosts:
            self._hosts.add(work.platform)
            self.say(
                f"{work.label}  begins: {len(work.services)} {'program' if len(work.services) == 1 else 'programs'}"
            )
        elif self._clock() - self._last > SILENCE_SECONDS:
            self.say(f"{work.label}  {_packages(work)} so far  {work.package}")

    def _shown(self, name: StepName) -> str:
        """A step as one line; BuildKit leaves out the only platform of a compile."""
        only = only_platform(self._targets)
        if only and not name.platform and compiles(name.stage):
            name = replace(name, platform=only, build_platform=only)
        return shown(name)

    def _word(self, change: Change) -> str:
        if change.what != "ends":
            return change.what
        if change.error:
            reason = change.error.rpartition("did not complete successfully: ")[2]  # without the whole script
            optional = change.name.kind in (StepKind.IMPORT_CACHE, StepKind.EXPORT_CACHE)
            return f"{'skipped' if optional else 'FAILED'}: {one_line(reason or change.error, 200)}"
        if change.cached:
            return "cached" if self._imports else "reused"
        heard = self._logs.get(change.digest)
        compiled = f"{count_text(len(heard.packages), 'package')}, " if heard and heard.packages else ""
        return f"{compiled}{change.seconds:.1f} s"

    def expect(self, expected: Expected) -> None:
        self._expected = expected

    def _count(self, event: LogEvent) -> None:
        """Report progress of a long compile, as some CI systems end a silent job."""
        read = golog.parse(event.data)
        heard = self._logs.setdefault(event.vertex, _Heard(began=self._clock()))
        heard.packages |= dict.fromkeys(read.compiled)
        heard.modules += len(read.downloaded)
        name = self._narrator.name(event.vertex)
        silent = self._clock() - self._last
        if not name or silent <= (SILENCE_SECONDS if heard.packages else DOWNLOAD_SECONDS):
            return
        if heard.modules and not heard.packages:
            self.say(f"{self._shown(name)}  downloading modules, {heard.modules} so far")
        elif silent > SILENCE_SECONDS:
            said = one_line(event.data.decode("utf-8", "replace"), 90)
            self.say(f"{self._shown(name)}  {self._progress(name, heard) if heard.packages else f'works: {said}'}")

    def _progress(self, name: StepName, heard: _Heard) -> str:
        """`147 of 265 packages so far  net/http, about 30 s left`."""
        platform = name.platform or only_platform(self._targets)
        total = self._expected.packages(platform, commands_of(self._targets))
        many = len(heard.packages)
        elapsed = max(0.0, self._clock() - heard.began)
        left = self._expected.seconds_left(platform, heard.packages.keys(), elapsed)
        rest = f", about {seconds_left_text(left)} left" if left else ""
        return (
            f"{f'{many} of {total}' if total >= many else many} packages so far  {next(reversed(heard.packages))}{rest}"
        )

    def _moved(self, event: StatusEvent) -> None:
        """Report progress of a long download."""
        name = self._narrator.name(event.vertex)
        if not name or not event.id.startswith("sha256:") or self._clock() - self._last <= MOVING_SECONDS:
            return
        if moved := transfers(self._log).get(event.vertex):
            self.say(f"{self._shown(name)}  {transfer_text(moved)}")


class Json(_Lines):
    """One JSON object per line; every object has `schema` and `event`."""

    def start(self) -> None:
        targets = [
            {
                "name": t.name,
                "service": t.service.name,
                "strategy": str(t.strategy),
                "platforms": [str(p) for p in t.platforms],
            }
            for t in self._targets
        ]
        if targets:
            self._object("start", targets=targets)

    def update(self, events: Sequence[Event]) -> None:
        super().update(events)
        for change in self._narrator.changes(events):
            self._change(change)
        for event in events:
            if isinstance(event, LogEvent):
                text = printable(event.data.decode("utf-8", "replace"))
                self._object("log", digest=event.vertex, stream=event.stream, text=text)
            elif isinstance(event, WarningEvent):
                self._object("warning", text=one_line(event.short), file=printable(event.file), line=event.line)
            elif isinstance(event, PlainLine):
                self.say(event.text)

    def finish(self, outcome: str) -> None:
        trace = self._trace()
        told = [
            {
                "step": printable(s.key),
                "target": printable(s.target),
                "stage": printable(s.name.stage),
                "platform": s.name.platform,
                "label": printable(s.name.label),
                "outcome": str(s.outcome),
                "seconds": round(s.seconds, 3),
                "transferred": s.transferred,
                "failed": s.failed,
                "canceled": s.canceled,
            }
            for s in trace.counted
        ]
        counts: Mapping[Outcome, int] = trace.counts
        self._object("finish", outcome=outcome, counts={str(o): n for o, n in counts.items()}, steps=told)

    def say(self, text: str) -> None:
        self._object("message", text=printable(text))

    def stall(self, stall: Stall, text: str) -> None:
        names = [printable(name) for name in stall.names]
        self._object("stall", kind=str(stall.kind), names=names, seconds=round(stall.seconds, 1), text=printable(text))

    def retry(self, retry: RetryRecord, number: int, most: int) -> None:
        self._object("retry", number=number, most=most, seconds=round(retry.waited, 1), reason=printable(retry.reason))

    def host(self, work: HostWork) -> None:
        self._object(
            "host-compile",
            state="failed" if work.failed else "works" if work.ended is None else "done",
            name=work.label,
            platform=work.platform,
            services=list(work.services),
            packages=work.packages,
            total=work.total or None,
            package=printable(work.package),
            seconds=round(max(0.0, (work.ended or time.time()) - work.started), 3),
        )

    def _change(self, change: Change) -> None:
        event = {"begins": "step-begin", "downloads": "step-download", "ends": "step-end"}[change.what]
        fields: dict[str, object] = {
            "digest": change.digest,
            "target": printable(change.name.target),
            "stage": printable(change.name.stage),
            "platform": change.name.platform,
            "label": printable(change.name.label),
            "kind": str(change.name.kind),
            "instruction": instruction(change.name),
            "time": change.time,
        }
        if change.what == "ends":
            fields |= {"seconds": round(change.seconds, 3), "cached": change.cached, "error": printable(change.error)}
        self._object(event, **fields)

    def _object(self, event: str, **fields: object) -> None:
        self._write(json.dumps({"schema": 1, "event": event, **fields}))


class Quiet:
    """No output; others print errors."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def start(self) -> None:
        return None

    def update(self, events: Sequence[Event]) -> None:
        return None

    def finish(self, outcome: str) -> None:
        return None

    def say(self, text: str) -> None:
        return None

    def stall(self, stall: Stall, text: str) -> None:
        return None

    def retry(self, retry: RetryRecord, number: int, most: int) -> None:
        return None

    def host(self, work: HostWork) -> None:
        return None

    def expect(self, expected: Expected) -> None:
        return None


def _packages(work: HostWork) -> str:
    """`147 of 265 packages`"""
    return f"{work.packages} of {work.total} packages" if work.total else f"{work.packages} packages"
