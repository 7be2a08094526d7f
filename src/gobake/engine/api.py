"""The Engine API over the engine's Unix socket, which takes milliseconds; a docker command takes 0.1 s to start.

If the engine cannot be reached that way (TCP, SSH, an unreadable context), callers ask the docker client instead.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
from pathlib import Path
from typing import Any

from gobake import http
from gobake.http import HttpError

ANSWER_SECONDS = 5.0
_LARGEST = 64 << 20  # bytes: a builder may have tens of thousands of records
_DEFAULT = "unix:///var/run/docker.sock"


def config_folder() -> Path:
    """Return the docker client's configuration folder."""
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


def socket_path() -> str | None:
    """Return the docker client's Unix socket, by DOCKER_HOST, DOCKER_CONTEXT or the chosen context; None for others."""
    endpoint = _chosen_endpoint()
    return endpoint.removeprefix("unix://") if endpoint.startswith("unix://") else None


def is_elsewhere() -> bool:
    """Whether the engine is on another machine, whose loopback address is not this machine's."""
    endpoint = _chosen_endpoint()
    host = re.match(r"\w+://(?:[^@/]*@)?(\[[^]]*\]|[^:/]*)", endpoint)
    local = endpoint.startswith(("unix://", "npipe://"))
    return not local and (host is None or host[1] not in ("localhost", "127.0.0.1", "[::1]"))


def _chosen_endpoint() -> str:
    return os.environ.get("DOCKER_HOST") or _endpoint(context())


def context() -> str:
    """Return the docker client's context, which is also the name of its engine's builder; "" if unknown."""
    if os.environ.get("DOCKER_HOST"):
        return "default"
    return os.environ.get("DOCKER_CONTEXT") or _chosen_context()


def _chosen_context() -> str:
    try:
        return str(json.loads((config_folder() / "config.json").read_bytes()).get("currentContext") or "default")
    except FileNotFoundError:
        return "default"
    except (OSError, ValueError, AttributeError):
        return ""


def _endpoint(context: str) -> str:
    """Return a context's endpoint; "" if it is unreadable."""
    if context == "default":
        return _DEFAULT
    folder = config_folder() / "contexts" / "meta" / hashlib.sha256(context.encode()).hexdigest()
    try:
        return str(json.loads((folder / "meta.json").read_bytes())["Endpoints"]["docker"]["Host"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def get(path: str, seconds: float = ANSWER_SECONDS) -> Any | None:
    """Send one GET and return the JSON; None if the engine is unreachable or does not respond with 200 in time."""
    place = socket_path()
    if place is None:
        return None
    try:
        with socket.socket(socket.AF_UNIX) as plug:
            plug.settimeout(seconds)
            plug.connect(place)
            return ask(plug, path, seconds)
    except (OSError, ValueError, HttpError):
        return None


def ask(plug: socket.socket, path: str, seconds: float) -> Any:
    """Send one GET over a connection to the engine. Raises HttpError, and ValueError unless it gets JSON with a 200."""
    answer = http.get(plug, path, seconds=seconds, largest=_LARGEST)
    if answer.status != 200:
        raise ValueError(f"the engine answered {answer.status}")
    return json.loads(answer.body)
