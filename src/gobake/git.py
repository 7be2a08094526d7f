"""What git says about the checkout: revision, branch, time of the last commit, address. Everything is optional."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from gobake.errors import UsageError

_FORMAT = "%H%n%ct"


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """Facts about the work tree; empty where there is no git or no commit."""

    revision: str = ""
    branch: str = ""
    commit_time: int = 0  # seconds since the epoch
    description: str = ""  # git describe --tags --always --dirty
    dirty: bool = False
    source_url: str = ""  # https address of the remote `origin`, without credentials

    @property
    def commit_date(self) -> str:
        """RFC 3339, as org.opencontainers.image.created wants it; "" where there is no commit."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.commit_time)) if self.commit_time else ""


def look(root: Path) -> Checkout:
    """Never raises: a project needs no git."""
    head = _git(root, "log", "-1", f"--format={_FORMAT}").split("\n")
    if len(head) < 2 or not head[1].strip().isdigit():
        return Checkout(source_url=_https(_git(root, "config", "--get", "remote.origin.url")))
    description = _git(root, "describe", "--tags", "--always", "--dirty")
    branch = _git(root, "symbolic-ref", "--short", "-q", "HEAD")
    return Checkout(
        revision=head[0],
        commit_time=int(head[1]),
        branch=branch,
        description=description,
        dirty=description.endswith("-dirty"),
        source_url=_https(_git(root, "config", "--get", "remote.origin.url")),
    )


def branches(root: Path) -> frozenset[str]:
    """All branches that exist here or, as far as was fetched, at a remote. Raises UsageError where git knows a part."""
    if _git(root, "rev-parse", "--is-shallow-repository") == "true":
        raise UsageError(
            "this clone is shallow, and does not know all branches", remedy="fetch all of it: git fetch --unshallow"
        )
    listed = _git(root, "for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes").split()
    # refs/remotes/ORIGIN/BRANCH; a remote's HEAD is a link to a branch that is listed too
    found = {ref.split("/", 2 if ref.startswith("refs/heads/") else 3)[-1] for ref in listed}
    if not found:
        raise UsageError(f"git knows no branch in {root}", remedy="--gone-branches needs the project's repository")
    return frozenset(found)


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=20,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _https(address: str) -> str:
    """The address that a browser opens, for org.opencontainers.image.source; credentials are left out."""
    match = re.match(
        r"(?:https?://|ssh://)?(?:[^@/]+@)?([A-Za-z0-9.-]+\.[A-Za-z]{2,})(?::\d+/|[:/])([\w./~-]+?)(?:\.git)?/?$",
        address,
    )
    return f"https://{match[1]}/{match[2]}" if match else ""
