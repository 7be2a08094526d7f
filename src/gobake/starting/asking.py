"""Asks a port of a container, over the loopback address or from within the engine's own network."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from gobake import http
from gobake.engine.containers import State
from gobake.http import HttpError
from gobake.starting.probes import Probe, Way

_CONNECT_SECONDS = 1.0
_OPEN_SECONDS = 0.2  # a proxy of the engine accepts at once, and hangs up if nobody listens behind it
_LARGEST = 1 << 20  # bytes of an answer
_ROUTES = Path("/proc/net/route")


class Asker:
    """Asks one container. Addresses: those published on this machine's loopback; if nobody listens there, as where
    gobake itself is in a container, the container's own, provided that it is in a network of this machine.
    """

    def __init__(self, probe: Probe, state: State) -> None:
        self.status = 0  # the last HTTP status that is no success
        self.answered = 0.0  # when it answered well, in seconds since the epoch
        self._probe = probe
        self._published = [("127.0.0.1", state.ports[port]) for port in probe.ports if port in state.ports]
        near = state.address and is_near(state.address, _routes())
        self._own = [(state.address, port) for port in probe.ports] if near else []

    def answers(self, seconds: float) -> bool:
        """Ask all ports once; whether one answers well."""
        return any(self._answers(host, port, seconds) for host, port in self._addresses())

    def _addresses(self) -> Iterator[tuple[str, int]]:
        yield from self._published
        yield from self._own

    def _answers(self, host: str, port: int, seconds: float) -> bool:
        try:
            with socket.create_connection((host, port), timeout=_CONNECT_SECONDS) as plug:
                if host == "127.0.0.1":
                    self._own = []  # somebody listens on the loopback address: it is this machine's engine
                self.answered = time.time()
                if self._probe.way is Way.PORT:
                    return _is_open(plug)
                succeeds = self._succeeds(plug, seconds)
                self.answered = time.time()
                return succeeds
        except OSError:
            return False

    def _succeeds(self, plug: socket.socket, seconds: float) -> bool:
        try:
            status = http.send(plug, "GET", self._probe.path, seconds=seconds, largest=_LARGEST).status
        except http.TooLarge as error:
            status = error.begin.status
        except HttpError:
            return False
        if not 200 <= status < 300:
            self.status = status
        return 200 <= status < 300


def _is_open(plug: socket.socket) -> bool:
    """Whether a connection stays open, or the other side speaks first."""
    plug.settimeout(_OPEN_SECONDS)
    try:
        return bool(plug.recv(1))
    except TimeoutError:
        return True


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on at the moment."""
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        port: int = plug.getsockname()[1]
        return port


def is_near(address: str, routes: str) -> bool:
    """Whether an address is in a network that this machine is part of, by the text of /proc/net/route."""
    try:
        wanted = int(ipaddress.IPv4Address(address))
    except ValueError:
        return False
    for line in routes.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8:
            continue
        network, gateway, mask = (int.from_bytes(bytes.fromhex(fields[at])[::-1], "big") for at in (1, 2, 7))
        if mask and not gateway and wanted & mask == network:
            return True
    return False


def _routes() -> str:
    try:
        return _ROUTES.read_text()
    except OSError:
        return ""  # no Linux
