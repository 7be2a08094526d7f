"""What a service is asked when its image is started, and for how long. Pure."""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from gobake.model import Platform, Service, Smoke

_NATIVE_SECONDS, _EMULATED_SECONDS = 10.0, 60.0  # limits unless others are given
_SETTLED_SECONDS, _SETTLED_EMULATED_SECONDS = 2.0, 6.0  # a program that still runs then has started
_MOST_PORTS = 8
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
# Architectures whose programs a processor runs by itself.
_ALSO = {"amd64": ("386",), "arm64": ("arm",), "ppc64le": (), "s390x": (), "riscv64": ()}


class Way(StrEnum):
    """What has to happen for an image to count as started."""

    COMMAND = "command"  # the configured command exits 0
    HTTP = "http"  # the path answers with a status of 200 to 299
    HEALTHCHECK = "healthcheck"  # the image's own HEALTHCHECK passes
    PORT = "port"  # a port accepts a connection
    RUNS = "runs"  # it still runs after a while, or has exited 0


class Probe(Struct, frozen=True, kw_only=True):
    """How a service is started and asked."""

    way: Way
    command: tuple[str, ...] = ()
    args: tuple[str, ...] | None = None
    env: tuple[tuple[str, str], ...] = ()
    path: str = ""
    ports: tuple[int, ...] = ()
    seconds: float = 0.0  # the configured limit; 0: none is

    def __str__(self) -> str:
        ports = " or ".join(map(str, self.ports))
        return {
            Way.COMMAND: f"{' '.join(self.command)}",
            Way.HTTP: f"GET {self.path} on port {ports}",
            Way.HEALTHCHECK: "its HEALTHCHECK",
            Way.PORT: f"a connection to port {ports}",
            Way.RUNS: "it runs",
        }[self.way]

    @property
    def asks(self) -> bool:
        """Whether a port of the container is asked."""
        return self.way in (Way.HTTP, Way.PORT)


def probe_of(service: Service) -> Probe:
    """Return what the service's settings ask for: the first of a command, a path, a HEALTHCHECK, a port."""
    smoke = service.smoke or Smoke()
    tcp = (smoke.port,) if smoke.port else tcp_ports(service.ports)
    path = service.health if smoke.path is None else smoke.path
    how = Probe(way=Way.RUNS, args=smoke.args, env=smoke.env, seconds=seconds_of(smoke.timeout))
    if smoke.command:
        return replace(how, way=Way.COMMAND, command=smoke.command, args=None)
    if path and tcp:
        return replace(how, way=Way.HTTP, path=path, ports=tcp)
    if service.healthcheck and not smoke.port:
        return replace(how, way=Way.HEALTHCHECK)
    return replace(how, way=Way.PORT, ports=tcp) if tcp else how


def unasked(probe: Probe) -> Probe:
    """Return the probe for an engine whose ports cannot be reached."""
    return replace(probe, way=Way.RUNS, ports=()) if probe.asks else probe


def tcp_ports(ports: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(int(port) for port in ports if port.isdecimal())[:_MOST_PORTS]


def seconds_of(duration: str) -> float:
    """Read a Go duration, such as 1m30s."""
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"([\d.]+)(ms|s|m|h)", duration))


class Limits(Struct, frozen=True, kw_only=True):
    """How long a start may take."""

    seconds: float  # until it has to answer
    settled: float  # until a program that is asked nothing counts as started


def limits(probe: Probe, wished: float, *, emulated: bool) -> Limits:
    """Return the limits. ``wished``: by the command line; 0: nothing."""
    seconds = wished or probe.seconds or (_EMULATED_SECONDS if emulated else _NATIVE_SECONDS)
    settled = _SETTLED_EMULATED_SECONDS if emulated else _SETTLED_SECONDS
    return Limits(seconds=seconds, settled=min(settled, seconds))


def is_emulated(platform: Platform, architecture: str) -> bool:
    """Whether an engine of this architecture needs an emulator for the platform; "" is an unknown one."""
    return bool(architecture) and platform.arch not in (architecture, *_ALSO.get(architecture, ()))
