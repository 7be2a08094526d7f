"""What this machine's Go compiles before the build, while it does: packages by platform. Pure but for the clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from gobake.runs.record import host_label
from gobake.trace import actiongraph, golog


class HostWork(Struct, frozen=True, kw_only=True):
    """The go builds of one platform at one moment."""

    platform: str
    started: float  # seconds since the epoch
    services: tuple[str, ...]
    packages: int = 0  # compiled so far
    total: int = 0  # of all programs; 0 until Go has loaded them
    package: str = ""  # the last one that Go named
    ended: float | None = None
    failed: bool = False

    @property
    def label(self) -> str:
        return host_label(self.platform)


@dataclass(kw_only=True)
class _Platform:
    """What is known of one platform."""

    services: tuple[str, ...]
    left: set[str]  # services that are not compiled yet
    started: float | None = None
    ended: float | None = None
    failed: bool = False
    named: dict[str, None] = field(default_factory=dict)  # packages, as `go build -v` names them
    graphs: dict[str, str] = field(default_factory=dict)  # by service
    counted: int = 0  # packages of all services, if Go has listed them


class HostWatch:
    """Counts what several go commands at once compile, and tells each change. Its methods may be called by threads."""

    def __init__(self, services: Mapping[str, Sequence[str]], tell: Callable[[HostWork], None]) -> None:
        """``services``: to be compiled, by platform."""
        self._platforms = {name: _Platform(services=tuple(some), left=set(some)) for name, some in services.items()}
        self._tell = tell
        self._lock = threading.Lock()

    def begins(self, platform: str) -> None:
        with self._lock:
            found = self._platforms[platform]
            if found.started is None:
                found.started = time.time()
                self._tell(self._now(platform))

    def hears(self, platform: str, service: str, lines: Iterable[str], graph: str) -> None:
        """Take all lines that a go command has written so far, and its action graph, "" if there is none yet."""
        with self._lock:
            found = self._platforms[platform]
            found.named |= dict.fromkeys(golog.parse("".join(lines)).compiled)
            if graph:
                found.graphs[service] = graph
            self._tell(self._now(platform))

    def counts(self, platform: str, packages: int) -> None:
        """Take the number of packages of all services of a platform; 0: unknown."""
        with self._lock:
            self._platforms[platform].counted = packages

    def ends(self, platform: str, service: str, *, failed: bool = False) -> None:
        with self._lock:
            found = self._platforms[platform]
            found.left.discard(service)
            found.failed |= failed
            if failed or not found.left:
                found.ended = time.time()
                self._tell(self._now(platform))

    def work(self) -> dict[str, tuple[HostWork, actiongraph.GoWork]]:
        """What each platform came to."""
        return {name: (self._now(name), self._go(found)) for name, found in self._platforms.items() if found.started}

    def _now(self, platform: str) -> HostWork:
        found = self._platforms[platform]
        return HostWork(
            platform=platform,
            started=found.started or 0.0,
            services=found.services,
            packages=len(found.named),
            # until all commands have loaded, the total of their graphs would grow
            total=self._go(found).packages_total if len(found.graphs) == len(found.services) else found.counted,
            package=next(reversed(found.named), ""),
            ended=found.ended,
            failed=found.failed,
        )

    @staticmethod
    def _go(found: _Platform) -> actiongraph.GoWork:
        return actiongraph.parse(found.graphs.values())
