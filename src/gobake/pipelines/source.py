"""Where a runner gets this gobake from: where pip got it."""

from __future__ import annotations

import json
import re
from importlib.metadata import Distribution, PackageNotFoundError
from typing import Any

_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+(?::\d+)?/[\w./~-]+", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


def installed_from() -> str:
    """Return what pip can install this gobake from on another machine; "" if that is not known.

    pip writes it down for packages from a repository: https://packaging.python.org/specifications/direct-url/
    """
    try:
        text = Distribution.from_name("gobake").read_text("direct_url.json")
        return source(json.loads(text or "{}"))
    except (PackageNotFoundError, OSError, ValueError):
        return ""


def source(direct_url: Any) -> str:
    """Return it from the content of direct_url.json: a repository that every machine reaches, at one commit."""
    if not isinstance(direct_url, dict) or not isinstance(info := direct_url.get("vcs_info"), dict):
        return ""
    address, commit = str(direct_url.get("url", "")), str(info.get("commit_id", ""))
    if info.get("vcs") != "git" or not _ADDRESS.fullmatch(address) or not _COMMIT.fullmatch(commit):
        return ""
    return f"git+{address}@{commit}"
