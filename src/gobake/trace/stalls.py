"""Transfers that stand still: modules that Go waits for, base images, registries that do not answer. Events and a clock
in, values out.

BuildKit and Go wait for a silent peer for ever, and neither says so. What is seen:
- Go names a module when it begins to download it (`go: downloading X v1`) and says nothing more. The compile step adds
  a line of its own every ten seconds for as long as Go has not loaded all packages, which is before it compiles
  anything: only then can silence mean the network. A long compile or link is silent too, and is no stall.
- A pull reports bytes again and again, also where there are no more. BuildKit limits how many layers of a registry it
  fetches at once, so that one pull is behind only where none of them moves.
- A push reports no bytes at all (moby/buildkit util/push): that it takes long is told, and nothing follows from it.

The same events arrive again for every target that wants a step, the old ones too: only what is newer counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gobake.errors import TransferStalled
from gobake.text.printable import printable
from gobake.trace import golog
from gobake.trace.events import Event, LogEvent, StatusEvent, VertexEvent
from gobake.trace.names import StepKind, StepName, parse_name
from gobake.trace.stall_limits import AGAIN_SECONDS, TELL_SECONDS

_BEAT_SECONDS = 10.0  # between two lines of the compile step; see bake/programs.j2
_BEAT_LASTS = 2.5 * _BEAT_SECONDS
_LOOK_SECONDS = 1.0
_PUSH_SECONDS = 60.0  # a large layer takes a while
_NAMED = 4  # modules: Go downloads as many at once as it has processors
_DOWNLOAD = re.compile(r"go: downloading (\S+ v\S+)")


class StallKind(StrEnum):
    """What stands still."""

    MODULES = "modules"
    IMAGE = "image"  # its layers
    REGISTRY = "registry"  # asked for an image or a cache, it does not answer
    PUSH = "push"


@dataclass(frozen=True, kw_only=True)
class Stall:
    """Something that has not moved for ``seconds``."""

    kind: StallKind
    key: str  # the same for as long as it is the same
    names: tuple[str, ...]  # modules as `path version`, the last that Go named first; or a reference
    seconds: float

    @property
    def is_certain(self) -> bool:
        """Whether a build may be ended because of it."""
        return self.kind is not StallKind.PUSH

    def text(self, proxies: str = "") -> str:
        """In one line. ``proxies``: where modules come from, in words."""
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
            return f"pushing {first} has taken {took}; BuildKit does not tell how far it is"
        return f"{first}: its registry has not answered for {took}"


@dataclass(kw_only=True)
class _Running:
    """A vertex that works."""

    name: StepName
    started: float  # the engine's clock
    seen: float  # ours
    moved: float  # when it wrote something last
    beat: float | None = None  # when it said last that Go still loads, if nothing else followed
    modules: tuple[str, ...] = ()


@dataclass(kw_only=True)
class _Moving:
    """A layer on its way, or something else that a vertex has begun."""

    current: int
    moved: float


class Stalls:
    """Feed it events as they come; ask what stands still. Times are of one clock of the caller's that only goes on."""

    def __init__(self, targets: Iterable[str] = (), after: float = TELL_SECONDS) -> None:
        """``after``: seconds without a move."""
        self._after = after
        self._targets = frozenset(targets)
        self._running: dict[str, _Running] = {}
        self._ended: dict[str, float] = {}  # by digest: when it completed, by the engine's clock
        self._layers: dict[tuple[str, str], _Moving] = {}
        self._begun: dict[tuple[str, str], float] = {}  # what reports no bytes: resolving, pushing
        self._over: set[tuple[str, str]] = set()
        self._newest: dict[tuple[str, int], float] = {}  # of the log pieces of a vertex and stream
        self._torn: dict[tuple[str, int], bytes] = {}
        self._bytes_moved = 0.0  # when any layer did

    def feed(self, events: Sequence[Event], now: float) -> None:
        for event in events:
            if isinstance(event, VertexEvent):
                self._vertex(event, now)
            elif isinstance(event, StatusEvent):
                self._status(event, now)
            elif isinstance(event, LogEvent):
                self._log(event, now)

    def standing(self, now: float) -> tuple[Stall, ...]:
        """What stands still long enough to be told, the longest first."""
        found = [*self._modules(now), *self._images(now), *self._silent_registries(now), *self._pushes(now)]
        return tuple(sorted(found, key=lambda stall: (-stall.seconds, stall.key)))

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
        found = _DOWNLOAD.match(line)
        step.modules = (found[1], *step.modules)[:_NAMED] if found else ()

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
    """The image or cache that a step is about."""
    words = name.instruction.split()
    named = next((word for word in words if "/" in word or ":" in word), words[-1] if words else "an image")
    return re.sub(r"@sha256:[0-9a-f]+$", "", named)


class Patience:
    """Tells what stands still, and says when it is enough."""

    def __init__(self, targets: Iterable[str], limit: float, proxies: str, tell: Callable[[Stall, str], None]) -> None:
        """``limit``: seconds after which a build is given up, 0 for never; ``proxies``: where modules come from, in
        words; ``tell``: takes what stands still, and the line that says so."""
        self.error: TransferStalled | None = None  # why the build is given up
        self._limit = limit
        self._proxies = proxies
        self._tell = tell
        self._stalls = Stalls(targets, min(TELL_SECONDS, limit or TELL_SECONDS))
        self._told: dict[str, float] = {}  # by key: when
        self._looked = 0.0

    def ends(self, events: Sequence[Event], now: float) -> bool:
        """Take what came; whether the build is to be given up, which is said once."""
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
        """Each at once, and again after a while. What moved again is forgotten."""
        keys = {stall.key for stall in standing}
        self._told = {key: told for key, told in self._told.items() if key in keys}
        found = tuple(s for s in standing if now - self._told.get(s.key, -AGAIN_SECONDS) >= AGAIN_SECONDS)
        self._told |= {stall.key: now for stall in found}
        return found

    def _end_of(self, stall: Stall) -> str:
        return f"; given up after {self._limit:.0f} s (--stall-timeout)" if self._limit and stall.is_certain else ""

    def _given_up(self, stall: Stall) -> TransferStalled:
        remedy = "check the network and `go env GOPROXY`" if stall.kind is StallKind.MODULES else "check the network"
        return TransferStalled(
            f"given up: {stall.text(self._proxies)}", remedy=f"{remedy}; --stall-timeout waits longer"
        )
