"""Containers of the engine, over its API: made, started, looked at and removed.

They get no more of this machine than `docker run IMAGE` gives: no mounts, no capabilities beyond Docker's own, and
ports only on the loopback address. Memory, processes and logs are limited. They end with gobake, even if it is killed;
for the worst case each has a label with the time after which nobody needs it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from gobake import http
from gobake.engine import api
from gobake.engine.builder import docker_command
from gobake.errors import NoEngine
from gobake.http import Answer, HttpError
from gobake.model import Platform
from gobake.proc import command, orphans
from gobake.proc.command import CommandError
from gobake.text.printable import one_line

_UNTIL = "gobake.until"  # label: seconds since the epoch
_OF = "gobake.process"  # label: the process that made it
_PROCESS = f"{os.getpid()}-{os.urandom(8).hex()}"
_NEEDED_SECONDS = 3600  # after which a container is left over
_ANSWER_SECONDS = 60.0  # a container of a large image on a busy machine takes a while
_LARGEST = 4 << 20  # bytes of an answer
_MEMORY = 1 << 30  # bytes
_PROCESSES = 512
_LOG = {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}}
_SECOND = 1_000_000_000  # the API counts nanoseconds


class Refused(Exception):
    """The engine does not do it, with its reason."""


class Wish(Struct, frozen=True, kw_only=True):
    """A container to make. None: as the image says."""

    image: str
    platform: Platform
    entrypoint: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    env: tuple[tuple[str, str], ...] = ()
    ports: Mapping[int, int] = {}  # TCP ports with those of the loopback address where they are published; 0: any
    probe_seconds: float = 0.0  # between two runs of the image's HEALTHCHECK; 0: it is not run
    read_only: bool = False  # the root file system
    capabilities: bool = True  # Docker's own; False: none, and no new ones
    user: str = ""


class State(Struct, frozen=True, kw_only=True):
    """What the engine says of a container. Times are seconds since the epoch by the engine's clock; 0: never."""

    running: bool
    code: int = 0
    error: str = ""  # why it could not be started
    out_of_memory: bool = False
    started: float = 0.0
    finished: float = 0.0
    health: str = ""  # starting, healthy or unhealthy; "" without a HEALTHCHECK
    address: str = ""  # in the engine's own network
    ports: Mapping[int, int] = {}  # published ports by those of the container


_MADE: set[str] = set()  # ids of containers of this process that are not removed yet


def create(wish: Wish) -> str:
    """Make a container and return its id. Raises Refused and NoEngine."""
    query = f"?platform={quote(str(wish.platform), safe='')}"
    answer = _json(_asked("POST", f"/containers/create{query}", body(wish, time.time())))
    found = str(answer.get("Id", "")) if isinstance(answer, dict) else ""
    if not re.fullmatch("[0-9a-f]{12,128}", found):
        raise Refused("the engine names no container")
    _MADE.add(found)
    return found


def start(container: str) -> None:
    """Start a container. Raises Refused with the runtime's reason, and NoEngine."""
    _asked("POST", f"/containers/{container}/start")


def look(container: str) -> State:
    """Raises Refused and NoEngine."""
    return state(_json(_asked("GET", f"/containers/{container}/json")))


def log(container: str, lines: int) -> tuple[str, ...]:
    """Return the last lines of both outputs; () if there are none or the engine does not tell."""
    with contextlib.suppress(Refused, NoEngine):
        query = f"?stdout=1&stderr=1&tail={lines}"
        return tuple(last_lines(_asked("GET", f"/containers/{container}/logs{query}").body, lines))
    return ()


def memory(container: str) -> int | None:
    """Return the bytes that a running container shares with no other; None if the engine does not tell."""
    with contextlib.suppress(Refused, NoEngine):
        return own_memory(_json(_asked("GET", f"/containers/{container}/stats?stream=false&one-shot=true")))
    return None


def remove(containers: Iterable[str], seconds: float = _ANSWER_SECONDS) -> None:
    """End and remove containers with their volumes; one that is gone already is no error."""
    for container in containers:
        with contextlib.suppress(Refused, NoEngine):
            _asked("DELETE", f"/containers/{container}?force=1&v=1", seconds=seconds)
            _MADE.discard(container)


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    """Remove all containers of this process at the end of the context, also if it is killed. Raises NoEngine."""
    docker = shlex.quote(docker_command())
    script = f"{docker} ps -aq --filter label={_OF}={_PROCESS} | xargs {docker} rm --force --volumes"
    _remove_left_over()
    with orphans.when_killed(["sh", "-c", script]):
        try:
            yield
        finally:
            remove_all()


def remove_all(seconds: float = _ANSWER_SECONDS) -> None:
    """Remove all containers of this process."""
    remove(tuple(_MADE), seconds)


def _remove_left_over() -> None:
    """Remove containers of earlier processes, as of a machine that lost its power."""
    with contextlib.suppress(Refused, NoEngine):
        filters = quote(json.dumps({"label": [_UNTIL]}))
        remove(left_over(_json(_asked("GET", f"/containers/json?all=1&filters={filters}")), time.time()))


def native_architecture() -> str:
    """Return the engine's architecture as Go names it; "" if it does not tell."""
    with contextlib.suppress(Refused, NoEngine):
        answer = _json(_asked("GET", "/version"))
        return str(answer.get("Arch", "")) if isinstance(answer, dict) else ""
    return ""


# ---- what is sent and answered


def body(wish: Wish, now: float) -> dict[str, Any]:
    """Return what the API calls a container's configuration (docs.docker.com/reference/api/engine, ContainerCreate)."""
    config: dict[str, Any] = {
        "Image": wish.image,
        "Env": [f"{name}={value}" for name, value in wish.env],
        "Labels": {_UNTIL: str(int(now + _NEEDED_SECONDS)), _OF: _PROCESS},
        "ExposedPorts": {f"{port}/tcp": {} for port in wish.ports},
        "Healthcheck": {"Interval": int(wish.probe_seconds * _SECOND)} if wish.probe_seconds else {"Test": ["NONE"]},
        "HostConfig": _host_config(wish),
    }
    if wish.entrypoint is not None:
        config |= {"Entrypoint": list(wish.entrypoint), "Cmd": list(wish.args or ())}
    elif wish.args is not None:
        config["Cmd"] = list(wish.args)
    return config | ({"User": wish.user} if wish.user else {})


def _host_config(wish: Wish) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Memory": _MEMORY,
        "PidsLimit": _PROCESSES,
        "LogConfig": _LOG,
        "PortBindings": {
            f"{port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(at or "")}] for port, at in wish.ports.items()
        },
        "ReadonlyRootfs": wish.read_only,
    }
    return found if wish.capabilities else found | {"CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"]}


def state(answer: Any) -> State:
    """Read what the API says of a container (ContainerInspect). Raises Refused for anything else."""
    try:
        told, network = answer["State"], answer.get("NetworkSettings") or {}
        bound = {port: places[0]["HostPort"] for port, places in (network.get("Ports") or {}).items() if places}
        tcp = {port.removesuffix("/tcp"): there for port, there in bound.items() if port.endswith("/tcp")}
        networks = (network.get("Networks") or {}).values()
        return State(
            running=bool(told["Running"]),
            code=int(told.get("ExitCode") or 0),
            error=one_line(str(told.get("Error") or "")),
            out_of_memory=bool(told.get("OOMKilled")),
            started=_moment(told.get("StartedAt")),
            finished=_moment(told.get("FinishedAt")),
            health=str((told.get("Health") or {}).get("Status") or ""),
            address=next((str(one["IPAddress"]) for one in networks if one.get("IPAddress")), ""),
            ports={int(port): int(there) for port, there in tcp.items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise Refused("the engine's answer about a container is not understood") from None


def _moment(text: Any) -> float:
    """Read RFC 3339 with nanoseconds; Go's zero time, of what has not happened, is 0."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", str(text))
    if not match or match[1].startswith("0001-"):
        return 0.0
    return datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00")).timestamp() + float(match[2] or 0)


def own_memory(answer: Any) -> int | None:
    """Return the anonymous and shared memory of a control group, without files that the kernel caches.

    The kernel charges a cached page of a file to the group that first read it, even if all read it; so that part of
    `usage` says nothing of a container. What UPX unpacks is anonymous, or in a memory file, which counts as shared.
    """
    try:
        stats = answer["memory_stats"]["stats"]
        anonymous = stats["anon"] if "anon" in stats else stats["rss"]  # control groups of version 2 and 1
        return int(anonymous) + int(stats.get("shmem", 0))
    except (KeyError, TypeError, ValueError):
        return None


def last_lines(stream: bytes, lines: int) -> list[str]:
    """Return the last lines of a log; the API frames it: a byte for the output, three of zero, four for the length."""
    said, at = bytearray(), 0
    while at + 8 <= len(stream) and stream[at] in (0, 1, 2) and stream[at + 1 : at + 4] == b"\0\0\0":
        length = int.from_bytes(stream[at + 4 : at + 8], "big")
        said += stream[at + 8 : at + 8 + length]
        at += 8 + length
    return bytes(said or stream[at:]).decode("utf-8", "replace").splitlines()[-lines:]


def left_over(answer: Any, now: float) -> list[str]:
    """Return the ids of listed containers whose time is over."""
    listed = [one for one in answer if isinstance(one, dict)] if isinstance(answer, list) else []
    told = [(str(one.get("Id", "")), str((one.get("Labels") or {}).get(_UNTIL, ""))) for one in listed]
    return [name for name, until in told if until.isdecimal() and int(until[:15]) < now]


# ---- the way to the engine


def _asked(
    method: str, path: str, document: Mapping[str, Any] | None = None, seconds: float = _ANSWER_SECONDS
) -> Answer:
    """Ask the engine. Raises Refused for a status of 400 and more, and NoEngine."""
    data = None if document is None else msgspec.json.encode(document)
    try:
        with contextlib.ExitStack() as ends:
            plug = ends.enter_context(_plug(seconds))
            answer = http.send(plug, method, path, seconds=seconds, largest=_LARGEST, document=data)
    except http.TooLarge as error:
        answer = error.begin
    except (OSError, HttpError, CommandError) as error:
        raise NoEngine(f"the engine does not answer: {error}", remedy="`docker info` tells more") from None
    if answer.status >= 400:
        raise Refused(_reason(answer))
    return answer


@contextlib.contextmanager
def _plug(seconds: float) -> Iterator[socket.socket]:
    """Connect to the docker client's engine, wherever it is."""
    place = api.socket_path()
    if place is None:
        with command.plugged([docker_command(), "system", "dial-stdio"], env=os.environ) as plug:
            yield plug
        return
    with socket.socket(socket.AF_UNIX) as plug:
        plug.settimeout(seconds)
        plug.connect(place)
        yield plug


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        raise Refused("the engine's answer is not understood") from None


def _reason(answer: Answer) -> str:
    try:
        said = json.loads(answer.body)["message"]
    except (ValueError, KeyError, TypeError):
        said = answer.body.decode("utf-8", "replace")
    return one_line(str(said), 500) or f"status {answer.status}"
