"""Creates a builder, and asks for what its settings depend on."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gobake.engine.builder import ask
from gobake.engine.usage import finished
from gobake.errors import GobakeError

_SECONDS = 120


def docker_info() -> Mapping[str, Any]:
    """Return what `docker info` tells; {} if there is no engine."""
    try:
        told = json.loads(ask("info", "--format", "json"))
    except (GobakeError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def buildx_version() -> tuple[int, ...]:
    """Return (major, minor) of buildx; () if unknown."""
    try:
        found = re.search(r"v?(\d+)\.(\d+)", ask("buildx", "version").split(" ", 1)[-1])
    except GobakeError:
        return ()
    return (int(found[1]), int(found[2])) if found else ()


def create(name: str, commands: Sequence[Sequence[str]], *, replaces: bool) -> None:
    """Create a builder. Raises NoEngine or NoBuilder, and then leaves no part of it."""
    if replaces:
        finished("rm", "--force", name, shown="rm", seconds=_SECONDS)
    for number, words in enumerate(commands):
        try:
            finished(*words[1:], shown="create", seconds=_SECONDS)
        except GobakeError:
            if number:
                with contextlib.suppress(GobakeError):
                    finished("rm", "--force", name, shown="rm", seconds=_SECONDS)
            raise
