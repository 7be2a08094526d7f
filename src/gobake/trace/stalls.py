"""Detects stalled transfers: modules, base images, registries that do not answer. Pure.

BuildKit and Go wait for a silent peer for ever, without saying so. The signs:
- Go names a module when its download begins (`go: downloading X v1`), and nothing more. The compile step prints a line
  every ten seconds until Go has loaded all packages, which is before it compiles. Only until then can silence be due to
  the network; a long compile or link is silent too, and is not a stall.
- A pull repeats its byte counts even if no bytes arrive. BuildKit limits how many layers of a registry it fetches at
  once, so a layer is stalled only if no layer moves.
- A push reports no bytes at all (moby/buildkit util/push), so a slow push is reported but never given up.

Events arrive again for every target with the step, including old ones; only newer events count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

from gobake.errors import TransferStalled
from gobake.text.printable import printable
from gobake.trace import golog
from gobake.trace.events import Event, LogEvent, StatusEvent, VertexEvent
from gobake.trace.names import StepKind, StepName, parse_name
from gobake.trace.stall_limits import AGAIN_SECONDS, TELL_SECONDS

_BEAT_SECONDS = 10.0  # between two such lines of the compile step; see bake/programs.j2
_BEAT_LASTS = 2.5 * _BEAT_SECONDS
_LOOK_SECONDS = 1.0
_PUSH_SECONDS = 60.0  # a large layer takes some time
_NAMED = 4  # modules that a message names; Go downloads several at once
_DOWNLOAD = re.compile(r"go: downloading (\S+ v\S+)")


class StallKind(StrEnum):
    """What has stalled."""

    MODULES = "modules"
    IMAGE = "image"  # the download of its layers
    REGISTRY = "registry"  # the answer about an image or a cache
    PUSH = "push"


class Stall(Struct, frozen=True, kw_only=True):
    """A transfer without progress for ``seconds``."""

    kind: StallKind
    key: str  # identifies the transfer
    names: tuple[str, ...]  # modules as `path version`, newest first; or a reference
    seconds: float

    @property
    def is_certain(self) -> bool:
        """Whether a build may be ended because of it."""
        return self.kind is not StallKind.PUSH

    def text(self, proxies: str = "") -> str:
        """Return a line for people. ``proxies``: a description of GOPROXY."""
        took = f"{self.seconds:.0f} s"
        source = f", GOPROXY {proxies}" if proxies else ""
        if self.kind is StallKind.MODULES and not self.names:
            return f"modules: Go has waited {took} for go.mod files{source}"
        first, more = self.names[0], ", ".join(self.names[1:])
        if self.kind is StallKind.MODULES:
            also = f" (or one that Go named before it: {more})" if more else ""
            return f"modules: {first} has been downloading for {took}{also}{source}"
        if self.kind is StallKind.IMAGE:
            return f"pulling {first}: no byte of {more} for {took}"
        if self.kind is StallKind.PUSH:
            return f"pushing {first} has taken {took}; BuildKit does not report its progress"
        return f"{first}: its registry has not answered for {took}"


@dataclass(kw_only=True)
class _Running:
    """A running vertex."""

    name: StepName
    started: float  # by the engine's clock
    seen: float  # by our clock
    moved: float  # its last output
    beat: float | None = None  # its last line that Go still loads packages, if nothing else followed
    modules: tuple[str, ...] = ()


@dataclass(kw_only=True)
class _Moving:
    """A layer in transfer."""

    current: int
    moved: float


class Stalls:
    """Tracks transfers from live events. All `now` times are of the caller's monotonic clock."""

    def __init__(self, targets: Iterable[str] = (), after: float = TELL_SECONDS) -> None:
        """``after``: seconds without progress that count as a stall."""
        self._after = after
        self._targets = frozenset(targets)
        self._running: dict[str, _Running] = {}
        self._ended: dict[str, float] = {}  # by digest: its completion, by the engine's clock
        self._layers: dict[tuple[str, str], _Moving] = {}
        self._begun: dict[tuple[str, str], float] = {}  # activities without bytes: resolving, pushing
        self._over: set[tuple[str, str]] = set()
        self._newest: dict[tuple[str, int], float] = {}  # time of the newest log piece by vertex and stream
        self._torn: dict[tuple[str, int], bytes] = {}
        self._bytes_moved = 0.0  # the last progress of any layer

    def feed(self, events: Sequence[Event], now: float) -> None:
        """Take new events."""
        for event in events:
            if isinstance(event, VertexEvent):
                self._vertex(event, now)
            elif isinstance(event, StatusEvent):
                self._status(event, now)
            elif isinstance(event, LogEvent):
                self._log(event, now)

    def standing(self, now: float) -> tuple[Stall, ...]:
        """Return the stalled transfers, the longest first."""
        stalls = [*self._modules(now), *self._images(now), *self._silent_registries(now), *self._pushes(now)]
        return tuple(sorted(stalls, key=lambda stall: (-stall.seconds, stall.key)))

    # ---- taking events

    def _vertex(self, event: VertexEvent, now: float) -> None:
        if event.started is None:
            return
        if event.completed is not None:
            self._ended[event.digest] = max(event.completed, self._ended.get(event.digest, 0.0))
            self._running.pop(event.digest, None)
            self._layers = {key: layer for key, layer in self._layers.items() if key[0] != event.digest}
            self._begun = {key: since for key, since in self._begun.items() if key[0] != event.digest}
        elif event.started >= self._ended.get(event.digest, 0.0):
            old = self._running.get(event.digest)
            if old is None or event.started > old.started:
                name = parse_name(event.name, self._targets)
                self._running[event.digest] = _Running(name=name, started=event.started, seen=now, moved=now)

    def _status(self, event: StatusEvent, now: float) -> None:
        key = (event.vertex, event.id)
        if key in self._over or event.vertex not in self._running:
            return
        if event.completed is not None or (event.total and event.current >= event.total):
            self._over.add(key)
            self._begun.pop(key, None)
            if self._layers.pop(key, None):
                self._bytes_moved = now
        elif event.id.startswith("sha256:") and event.total:
            layer = self._layers.get(key)
            if layer is None or event.current > layer.current:
                self._layers[key] = _Moving(current=event.current, moved=now)
                self._bytes_moved = now
        elif event.id.startswith(("extracting ", "resolve ", "pushing ")):
            self._begun.setdefault(key, now)

    def _log(self, event: LogEvent, now: float) -> None:
        place = (event.vertex, event.stream)
        step = self._running.get(event.vertex)
        if step is None or event.timestamp <= self._newest.get(place, 0.0):
            return
        self._newest[place] = event.timestamp
        text = self._torn.pop(place, b"") + event.data
        whole, end, rest = text.rpartition(b"\n")
        if rest:
            self._torn[place] = rest
        for line in printable((whole + end).decode("utf-8", "replace")).split("\n"):
            self._line(step, line.strip(), now)

    def _line(self, step: _Running, line: str, now: float) -> None:
        if not line:
            return
        if line == golog.BEAT:
            step.beat = now
            return
        step.beat, step.moved = None, now
        download = _DOWNLOAD.match(line)
        step.modules = (download[1], *step.modules)[:_NAMED] if download else ()

    # ---- telling

    def _modules(self, now: float) -> Iterable[Stall]:
        for digest, step in self._running.items():
            if step.beat is not None and now - step.beat < _BEAT_LASTS and now - step.moved >= self._after:
                yield Stall(kind=StallKind.MODULES, key=digest, names=step.modules, seconds=now - step.moved)

    def _images(self, now: float) -> Iterable[Stall]:
        still = now - self._bytes_moved
        unpacks = {digest for digest, status in self._begun if status.startswith("extracting ")}
        if still < self._after or unpacks:
            return
        for (digest, layer), moving in self._layers.items():
            if now - moving.moved >= self._after:
                names = (_reference(self._running[digest].name), layer[:19])
                yield Stall(kind=StallKind.IMAGE, key=f"{digest} {layer}", names=names, seconds=still)

    def _silent_registries(self, now: float) -> Iterable[Stall]:
        asking = {digest: since for (digest, status), since in self._begun.items() if status.startswith("resolve ")}
        for digest, step in self._running.items():
            if step.name.kind in (StepKind.METADATA, StepKind.IMPORT_CACHE):
                asking[digest] = step.seen
        for digest, since in asking.items():
            if now - since >= self._after and not any(key[0] == digest for key in self._layers):
                names = (_reference(self._running[digest].name),)
                yield Stall(kind=StallKind.REGISTRY, key=digest, names=names, seconds=now - since)

    def _pushes(self, now: float) -> Iterable[Stall]:
        for (digest, status), since in self._begun.items():
            if status.startswith("pushing ") and now - since >= _PUSH_SECONDS:
                name = self._running[digest].name.target or "the image"
                yield Stall(kind=StallKind.PUSH, key=digest, names=(name,), seconds=now - since)


def _reference(name: StepName) -> str:
    """Return the image or cache of a step."""
    words = name.instruction.split()
    named = next((word for word in words if "/" in word or ":" in word), words[-1] if words else "an image")
    return re.sub(r"@sha256:[0-9a-f]+$", "", named)


class Patience:
    """Reports stalled transfers, and decides when to give up."""

    def __init__(self, targets: Iterable[str], limit: float, proxies: str, tell: Callable[[Stall, str], None]) -> None:
        """Watch targets.

        ``limit``: seconds after which to give up, 0 for never; ``proxies``: a description of GOPROXY; ``tell``: takes a
        stall and the line to print.
        """
        self.error: TransferStalled | None = None  # why the build is given up
        self._limit = limit
        self._proxies = proxies
        self._tell = tell
        self._stalls = Stalls(targets, min(TELL_SECONDS, limit or TELL_SECONDS))
        self._told: dict[str, float] = {}  # by key: the time of the last report
        self._looked = 0.0

    def ends(self, events: Sequence[Event], now: float) -> bool:
        """Take new events. Return True once, when the build should be given up."""
        self._stalls.feed(events, now)
        if self.error or now - self._looked < _LOOK_SECONDS:
            return False
        self._looked = now
        standing = self._stalls.standing(now)
        for stall in self._due(standing, now):
            self._tell(stall, stall.text(self._proxies) + self._end_of(stall))
        enough = next((s for s in standing if self._limit and s.is_certain and s.seconds >= self._limit), None)
        self.error = self._given_up(enough) if enough else None
        return enough is not None

    def _due(self, standing: Sequence[Stall], now: float) -> tuple[Stall, ...]:
        """Return the stalls to report: new ones, and others again after a while. Forget those that move again."""
        keys = {stall.key for stall in standing}
        self._told = {key: moment for key, moment in self._told.items() if key in keys}
        due = tuple(s for s in standing if now - self._told.get(s.key, -AGAIN_SECONDS) >= AGAIN_SECONDS)
        self._told |= {stall.key: now for stall in due}
        return due

    def _end_of(self, stall: Stall) -> str:
        return f"; given up after {self._limit:.0f} s (--stall-timeout)" if self._limit and stall.is_certain else ""

    def _given_up(self, stall: Stall) -> TransferStalled:
        remedy = "check the network and `go env GOPROXY`" if stall.kind is StallKind.MODULES else "check the network"
        return TransferStalled(
            f"given up: {stall.text(self._proxies)}", remedy=f"{remedy}; --stall-timeout waits longer"
        )
