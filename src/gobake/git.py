"""What git says about the checkout: revision, branch, time of the last commit, address. Everything is optional."""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from pathlib import Path

from gobake.dataclass import dataclass
from gobake.errors import UsageError

_FORMAT = "%H%n%ct"
_ANSWER_SECONDS = 20


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """Facts about the work tree; empty where there is no git or no commit."""

    revision: str = ""
    branch: str = ""
    commit_time: int = 0  # seconds since the epoch
    description: str = ""  # git describe --tags --always --dirty
    dirty: bool = False
    default_branch: str = ""  # what the remote `origin` calls its own, where a clone noted it
    source_url: str = ""  # https address of the remote `origin`, without credentials

    @property
    def commit_date(self) -> str:
        """RFC 3339, as org.opencontainers.image.created wants it; "" where there is no commit."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.commit_time)) if self.commit_time else ""


class Look:
    """git asked for everything at once, while its caller does something else. Never raises: a project needs no git."""

    def __init__(self, root: Path) -> None:
        self._head = _Answer(root, "log", "-1", f"--format={_FORMAT}")
        self._description = _Answer(root, "describe", "--tags", "--always", "--dirty")
        self._branch = _Answer(root, "symbolic-ref", "--short", "-q", "HEAD")
        self._remote = _Answer(root, "config", "--get", "remote.origin.url")
        self._default = _Answer(root, "symbolic-ref", "--short", "-q", "refs/remotes/origin/HEAD")

    def __enter__(self) -> Look:
        return self

    def __exit__(self, *_: object) -> None:
        for answer in (self._head, self._description, self._branch, self._remote, self._default):
            answer.drop()

    def checkout(self) -> Checkout:
        source_url = _https(self._remote.text())
        head = self._head.text().split("\n")
        if len(head) < 2 or not head[1].strip().isdigit():
            return Checkout(source_url=source_url)
        description = self._description.text()
        return Checkout(
            revision=head[0],
            commit_time=int(head[1]),
            branch=self._branch.text(),
            default_branch=self._default.text().removeprefix("origin/"),
            description=description,
            dirty=description.endswith("-dirty"),
            source_url=source_url,
        )


def look(root: Path) -> Checkout:
    """What git says of the checkout, waited for."""
    with Look(root) as asked:
        return asked.checkout()


def _git(root: Path, *words: str) -> str:
    return _Answer(root, *words).text()


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


class _Answer:
    """One git command that runs."""

    def __init__(self, root: Path, *words: str) -> None:
        self._process = None
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                ["git", "-C", str(root), *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                errors="replace",
            )

    def text(self) -> str:
        """Its stdout, "" where it failed."""
        if self._process is None:
            return ""
        try:
            out, _ = self._process.communicate(timeout=_ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            return ""
        return out.strip() if self._process.returncode == 0 else ""

    def drop(self) -> None:
        """End it if it still runs; nobody wants the answer."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        elif self._process and self._process.stdout:
            self._process.stdout.close()


def _https(address: str) -> str:
    """The address that a browser opens, for org.opencontainers.image.source; credentials are left out."""
    match = re.match(
        r"(?:https?://|ssh://)?(?:[^@/]+@)?([A-Za-z0-9.-]+\.[A-Za-z]{2,})(?::\d+/|[:/])([\w./~-]+?)(?:\.git)?/?$",
        address,
    )
    return f"https://{match[1]}/{match[2]}" if match else ""
