"""What git says about the checkout: revision, branch, time of the last commit, address.

A project needs no git; what git refuses to tell is kept in its own words, and never taken for "no git".
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from gobake.errors import UsageError
from gobake.proc.command import Done, Late, NotStarted, Running

UNKNOWN = "unknown"  # what is recorded where git refuses to tell
_FORMAT = "%H%n%ct%n%h"
_ANSWER_SECONDS = 20.0
_UNBORN = ("does not have any commits yet", "bad default revision 'HEAD'")
_NO_REPOSITORY = "not a git repository"
# Words that scripts can read, and no write to the index, which another git may hold at this moment.
# Nothing that a repository inside of the tree names is started for an answer (git-config, fsmonitor).
_SETTINGS = ("-c", "core.fsmonitor=", "-c", "safe.bareRepository=explicit")
_NOTHING = Done(code=1)
_ENVIRONMENT = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """Facts about the work tree; empty where there is no git or no commit."""

    revision: str = ""
    short_revision: str = ""  # as git abbreviates it in this repository
    branch: str = ""
    commit_time: int = 0  # seconds since the epoch
    description: str = ""  # nearest tag of the project's own module, commits since, -dirty; the bare commit without one
    tagged: bool = False  # a tag is in the description
    shallow: bool = False  # asked only where no tag was found
    dirty: bool = False  # a tracked file was changed
    default_branch: str = ""  # what the remote `origin` calls its own, where a clone noted it
    source_url: str = ""  # https address of the remote `origin`, without credentials
    refusal: str = ""  # why git tells nothing although there is a repository, in git's words
    remedy: str = ""  # git's own, or gobake's

    @property
    def commit_date(self) -> str:
        """RFC 3339, as org.opencontainers.image.created wants it; "" where there is no commit."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.commit_time)) if self.commit_time else ""

    @property
    def known_revision(self) -> str:
        """ "" where there is no commit, and `unknown` where git refuses to say."""
        return UNKNOWN if self.refusal else self.revision


class Look:
    """git asked for everything at once, while its caller does something else. Never raises."""

    def __init__(self, root: Path, module: str = "") -> None:
        """``module``: path of the module in ``root``, for the prefix of its tags."""
        self._root = root
        self._top = top_of(root.resolve())
        self._prefix, self._major = tag_prefix(self.place(root), module), _major(module)
        self._head = Answer(root, "log", "-1", f"--format={_FORMAT}")
        self._description = _describe(root, _own(self._prefix, self._major))
        self._changed = Answer(root, "status", "--porcelain", "--untracked-files=no", "--no-renames")
        self._branch = Answer(root, "symbolic-ref", "--short", "-q", "HEAD")
        self._remote = Answer(root, "config", "--get", "remote.origin.url")
        self._default = Answer(root, "symbolic-ref", "--short", "-q", "refs/remotes/origin/HEAD")

    def __enter__(self) -> Look:
        return self

    def __exit__(self, *_: object) -> None:
        for answer in (self._head, self._description, self._changed, self._branch, self._remote, self._default):
            answer.drop()

    def place(self, folder: Path) -> PurePosixPath:
        """Where a folder lies in the repository, seen from its top."""
        real = folder.resolve()
        if self._top is None or not real.is_relative_to(self._top):
            return PurePosixPath()
        return PurePosixPath(real.relative_to(self._top).as_posix())

    def checkout(self) -> Checkout:
        source_url = _https(self._remote.text())
        refusal, remedy = _refusal(self._head, self._top)
        if refusal:
            return Checkout(refusal=refusal, remedy=remedy, source_url=source_url)
        head = self._head.text().split("\n")
        if len(head) < 3 or not head[1].strip().isdigit():
            return Checkout(source_url=source_url)
        dirty = bool(self._changed.text())
        tag = _tag(self._description.text(), head[0]) or self._nearest(head[0], self._prefix, self._major)
        shallow = not tag and Answer(self._root, "rev-parse", "--is-shallow-repository").text() == "true"
        return Checkout(
            revision=head[0],
            short_revision=head[2].strip(),
            commit_time=int(head[1]),
            branch=self._branch.text(),
            default_branch=self._default.text().removeprefix("origin/"),
            description=(tag.removeprefix(self._prefix) or head[2].strip()) + ("-dirty" if dirty else ""),
            tagged=bool(tag),
            shallow=shallow,
            dirty=dirty,
            source_url=source_url,
        )

    def description(self, seen: Checkout, folder: Path, module: str) -> str:
        """That of another module than the root's: by its own tags, and where it has none by those of the repository."""
        prefix, major = tag_prefix(self.place(folder), module), _major(module)
        if not seen.revision or (prefix, major) == (self._prefix, self._major):
            return seen.description
        tag = self._nearest(seen.revision, prefix, major)
        return (tag.removeprefix(prefix) or seen.short_revision) + ("-dirty" if seen.dirty else "")

    @property
    def top(self) -> Path | None:
        """The folder of the work tree."""
        return self._top

    def modified(self, ours: Iterable[Path]) -> bool:
        """Whether any file is other than in the commit, as Go asks it: also one that git does not know. ``ours``: what
        gobake itself has written."""
        top = self._top or self._root
        inside = [path.relative_to(top).as_posix() for path in ours if path.is_relative_to(top) and path != top]
        apart = [f":(top,exclude,literal){path}" for path in inside]
        return bool(Answer(top, "status", "--porcelain", "--", ":/", *apart).text())

    def tags(self, choice: str) -> frozenset[str]:
        """Names of tags; ``choice``: an option of git for-each-ref."""
        words = ("for-each-ref", "--format=%(refname)", choice, "refs/tags")
        return frozenset(name.removeprefix("refs/tags/") for name in Answer(self._root, *words).text().splitlines())

    def _nearest(self, revision: str, prefix: str, major: str) -> str:
        """The module's own tags of its major version, of any, then the repository's own, then any that is of no module;
        "" where there is none."""
        patterns = dict.fromkeys((_own(prefix, major), _own(prefix), _own(""), ("--exclude", "*/*")))
        asked = (_tag(_describe(self._root, words).text(), revision) for words in patterns)
        return next(filter(None, asked), "")


def text_at(root: Path, revision: str, name: str) -> str | None:
    """A file of the folder ``root`` as it is in a commit; None where git does not have it. Raises nothing."""
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", revision):
        return None
    asked = Answer(root, "cat-file", "blob", f"{revision}:./{name}")
    return None if asked.complaint() or asked.missing else asked.text()


def look(root: Path) -> Checkout:
    """What git says of the checkout, waited for."""
    with Look(root) as asked:
        return asked.checkout()


def branches(root: Path) -> frozenset[str]:
    """All branches that exist here or, as far as was fetched, at a remote. Raises UsageError where git knows a part."""
    shallow = Answer(root, "rev-parse", "--is-shallow-repository")
    refusal, remedy = _refusal(shallow, top_of(root.resolve()))
    if refusal:
        raise UsageError(f"git does not tell the branches of {root}: {refusal}", remedy=remedy)
    if shallow.text() == "true":
        raise UsageError(
            "this clone is shallow, and does not know all branches", remedy="fetch all of it: git fetch --unshallow"
        )
    listed = Answer(root, "for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes").text().split()
    # refs/remotes/ORIGIN/BRANCH; a remote's HEAD is a link to a branch that is listed too
    found = {ref.split("/", 2 if ref.startswith("refs/heads/") else 3)[-1] for ref in listed}
    if not found:
        raise UsageError(f"git knows no branch in {root}", remedy="--gone-branches needs the project's repository")
    return frozenset(found)


def tracked_below(folder: Path) -> str:
    """A file below a folder that is in the repository around it, or why git does not tell; "" where there is none.

    git looks from the top of the repository, and never from the folder itself, which may pretend to be one.
    """
    place = folder.absolute()
    top = top_of(place.parent)
    if top is None:
        return ""
    listed = Answer(top, "ls-files", "-z", "--", f":(literal){place.relative_to(top).as_posix()}")
    if listed.missing or listed.complaint():
        return _refusal(listed, top)[0] or "git does not list them"
    return listed.text().partition("\0")[0]


# ---- tags


def tag_prefix(place: PurePosixPath, module: str) -> str:
    """What the tags of a module begin with that lies at ``place`` in its repository: `DIR/`, and nothing at the top.

    A folder that is only the module's major version (DIR/v2) is no part of it: https://go.dev/ref/mod#vcs-version.
    """
    folder = place.parent if place.name and place.name == _major(module) else place
    return "" if folder == PurePosixPath() else f"{folder}/"


def _major(module: str) -> str:
    """The v2 of a module path that ends with it, "" for v0 and v1."""
    found = re.search(r"/(v[2-9]|v[1-9][0-9]+)$", module)
    return found[1] if found else ""


def _own(prefix: str, major: str = "") -> tuple[str, ...]:
    """Tags of one module: PREFIXvX.Y.Z, and not those of modules below it. In git's patterns `*` crosses slashes."""
    quoted = re.sub(r"([*?\[\]\\])", r"\\\1", prefix)
    return ("--match", f"{quoted}{f'{major}.*' if major else 'v[0-9]*'}", "--exclude", f"{quoted}*/*")


def _describe(root: Path, patterns: tuple[str, ...]) -> Answer:
    return Answer(root, "describe", "--tags", "--always", *patterns)


def _tag(description: str, revision: str) -> str:
    """A description that begins with a tag; "" for a bare commit."""
    return "" if revision.startswith(description) else description


# ---- asking


class Answer:
    """One git command that runs."""

    def __init__(self, root: Path, *words: str) -> None:
        self._running: Running | None = None
        self.missing = ""  # why git did not even start
        try:
            self._running = Running(["git", *_SETTINGS, "-C", str(root), *words], env={**os.environ, **_ENVIRONMENT})
        except NotStarted as error:
            self.missing = (
                "git is not installed on this machine" if error.missing else f"git cannot be started: {error.why}"
            )

    def text(self) -> str:
        """Its stdout, "" where it failed."""
        return "" if self._done.code else self._done.out.strip()

    def complaint(self) -> str:
        """Its stderr where it failed, else ""."""
        if self.missing or not self._done.code:
            return ""
        return self._done.err.strip() or f"exit code {self._done.code}"

    def drop(self) -> None:
        """End it if it still runs; nobody wants the answer."""
        if self._running:
            self._running.drop()

    @cached_property
    def _done(self) -> Done:
        if self._running is None:
            return _NOTHING
        try:
            return self._running.wait(_ANSWER_SECONDS)
        except Late:
            return Done(code=1, err=f"fatal: no answer within {_ANSWER_SECONDS:g} s")


def top_of(root: Path) -> Path | None:
    """The nearest folder with a .git; os.path's lexists also sees what may not be read."""
    return next((folder for folder in (root, *root.parents) if os.path.lexists(folder / ".git")), None)


def _refusal(asked: Answer, top: Path | None) -> tuple[str, str]:
    """Why git does not tell anything, and what helps; empty where it told, and where there is nothing to tell."""
    named = "GIT_DIR" in os.environ
    if asked.missing:
        return (asked.missing, "install git") if top or named else ("", "")
    told = asked.complaint()
    if not told or any(words in told for words in _UNBORN):
        return "", ""
    if _NO_REPOSITORY in told and not top and not named:
        return "", ""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    why = next((line for line in lines if line.startswith("fatal: ")), lines[0]).removeprefix("fatal: ")
    own = next((line for line in lines if line.startswith("git config ")), "")
    where = f"`git -C {top} status` shows the same" if top else "`git status` shows the same"
    if _NO_REPOSITORY in why and top:
        why = f"{top / '.git'} is not a repository that git can read ({why})"
    return why, own or where


def _https(address: str) -> str:
    """The address that a browser opens, for org.opencontainers.image.source; credentials are left out."""
    match = re.match(
        r"(?:https?://|ssh://)?(?:[^@/]+@)?([A-Za-z0-9.-]+\.[A-Za-z]{2,})(?::\d+/|[:/])([\w./~-]+?)(?:\.git)?/?$",
        address,
    )
    return f"https://{match[1]}/{match[2]}" if match else ""
