"""The versions of the docker client and of buildx, for which no engine has to run."""

from __future__ import annotations

import re

from gobake.engine.builder import ask
from gobake.errors import GobakeError

_VERSION = re.compile(r"\bv?(\d+\.\d[\w.+-]*)")


def client_versions() -> dict[str, str]:
    """Return the versions by program; "" for one that is not there."""
    return {"docker": _version("--version"), "buildx": _version("buildx", "version")}


def _version(*words: str) -> str:
    try:
        said = ask(*words)
    except GobakeError:
        return ""
    match = _VERSION.search(said)
    return match[1] if match else ""
