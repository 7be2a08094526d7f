"""Asks git about the checkout: revision, branch, time of the last commit, remote address.

A project does not need git. When git refuses to answer, its message is kept; that is not the same as "no git".
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath

from msgspec import Struct

from gobake.errors import UsageError
from gobake.proc.command import Done, Late, NotStarted, Running

UNKNOWN = "unknown"  # recorded as the revision when git refuses to answer
_FORMAT = "%H%n%ct%n%h"
_ANSWER_SECONDS = 20.0
_UNBORN = ("does not have any commits yet", "bad default revision 'HEAD'")
_NO_REPOSITORY = "not a git repository"
# Stable output, and no write to the index, which another git may have locked.
# A repository inside the tree must not make git start programs (git-config, fsmonitor).
_SETTINGS = ("-c", "core.fsmonitor=", "-c", "safe.bareRepository=explicit")
_NOTHING = Done(code=1)
_REVISION = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ENVIRONMENT = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}


class Checkout(Struct, frozen=True, kw_only=True):
    """Facts about the work tree; empty without git or without a commit."""

    revision: str = ""
    short_revision: str = ""  # as git abbreviates it in this repository
    branch: str = ""
    commit_time: int = 0  # seconds since the epoch
    description: str = ""  # nearest tag of the project's own module, commits since, -dirty; without a tag the commit
    tagged: bool = False  # the description contains a tag
    shallow: bool = False  # a shallow clone; asked only if no tag was found
    dirty: bool = False  # a tracked file was changed
    default_branch: str = ""  # of the remote `origin`, if the clone recorded it
    source_url: str = ""  # https address of the remote `origin`, without credentials
    refusal: str = ""  # why git does not answer although there is a repository, in git's words
    remedy: str = ""  # git's own, or gobake's

    @property
    def commit_date(self) -> str:
        """The commit time as RFC 3339, for org.opencontainers.image.created; "" without a commit."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.commit_time)) if self.commit_time else ""

    @property
    def known_revision(self) -> str:
        """The revision; "" without a commit, `unknown` if git refuses to answer."""
        return UNKNOWN if self.refusal else self.revision


class Look:
    """Asks git for everything at once, in the background. Never raises."""

    def __init__(self, root: Path, module: str = "") -> None:
        """Start the queries. ``module``: path of the module in ``root``, for the prefix of its tags."""
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
        """Return the path of a folder relative to the repository's top."""
        real = folder.resolve()
        if self._top is None or not real.is_relative_to(self._top):
            return PurePosixPath()
        return PurePosixPath(real.relative_to(self._top).as_posix())

    def checkout(self) -> Checkout:
        """Wait for the answers and return the facts."""
        source_url = _https(self._remote.text())
        refusal, remedy = _refusal(self._head, self._top)
        if refusal:
            return Checkout(refusal=refusal, remedy=remedy, source_url=source_url)
        head = self._head.text().split("\n")
        if len(head) < 3 or not head[1].strip().isdigit():
            return Checkout(source_url=source_url)
        dirty = bool(self._changed.text())
        tag = _tag(self._description.text(), head[0]) or self._nearest(head[0], self._prefix, self._major)
        shallow = not tag and is_shallow(self._root)
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
        """Return the description for another module than the root's.

        It uses the module's own tags, and those of the repository if it has none.
        """
        prefix, major = tag_prefix(self.place(folder), module), _major(module)
        if not seen.revision or (prefix, major) == (self._prefix, self._major):
            return seen.description
        tag = self._nearest(seen.revision, prefix, major)
        return (tag.removeprefix(prefix) or seen.short_revision) + ("-dirty" if seen.dirty else "")

    @property
    def top(self) -> Path | None:
        """The top folder of the work tree; None without a repository."""
        return self._top

    def modified(self, ours: Iterable[Path]) -> bool:
        """Whether any file differs from the commit; as for Go, an untracked file counts.

        ``ours``: files that gobake itself has written; they do not count.
        """
        top = self._top or self._root
        inside = [path.relative_to(top).as_posix() for path in ours if path.is_relative_to(top) and path != top]
        apart = [f":(top,exclude,literal){path}" for path in inside]
        return bool(Answer(top, "status", "--porcelain", "--", ":/", *apart).text())

    def tags(self, choice: str) -> frozenset[str]:
        """Return tag names. ``choice``: an option of git for-each-ref, such as --merged."""
        words = ("for-each-ref", "--format=%(refname)", choice, "refs/tags")
        return frozenset(name.removeprefix("refs/tags/") for name in Answer(self._root, *words).text().splitlines())

    def _nearest(self, revision: str, prefix: str, major: str) -> str:
        """Return the description by the first kind of tag that exists; "" if there is none.

        The order: the module's tags of its major version, all its tags, the repository's, any tag without a slash.
        """
        patterns = dict.fromkeys((_own(prefix, major), _own(prefix), _own(""), ("--exclude", "*/*")))
        descriptions = (_tag(_describe(self._root, words).text(), revision) for words in patterns)
        return next(filter(None, descriptions), "")


def commit_of(root: Path, name: str) -> str:
    """Return the commit that a branch, a tag or another name of git's means; "" if it means none. Never raises."""
    if name.startswith("-") or not re.fullmatch(r"[\w./@{}^~+-]{1,250}", name):
        return ""
    return revision_in(commit_answer(root, name))


def commit_answer(root: Path, name: str) -> Answer:
    """Ask which commit a name means; `revision_in` reads the answer."""
    return Answer(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")


def revision_in(answer: Answer) -> str:
    """Return the revision that git answers with, and nothing else; "" for any other answer."""
    found = answer.text()
    return found if _REVISION.fullmatch(found) else ""


def is_shallow(root: Path) -> bool:
    """Whether git says that the clone is shallow."""
    return Answer(root, "rev-parse", "--is-shallow-repository").text() == "true"


def text_at(root: Path, revision: str, name: str) -> str | None:
    """Return a file of the folder ``root`` as it is in a commit; None if git does not have it. Never raises."""
    if not _REVISION.fullmatch(revision):
        return None
    answer = Answer(root, "cat-file", "blob", f"{revision}:./{name}")
    return None if answer.complaint() or answer.missing else answer.text()


def look(root: Path) -> Checkout:
    """Ask git about the checkout and wait for the answer."""
    with Look(root) as query:
        return query.checkout()


def branches(root: Path) -> frozenset[str]:
    """Return all local branches and all fetched branches of remotes.

    Raises UsageError if the list may be incomplete.
    """
    shallow = Answer(root, "rev-parse", "--is-shallow-repository")
    refusal, remedy = _refusal(shallow, top_of(root.resolve()))
    if refusal:
        raise UsageError(f"git cannot list the branches of {root}: {refusal}", remedy=remedy)
    if shallow.text() == "true":
        raise UsageError(
            "this clone is shallow and may lack branches", remedy="fetch the whole history: git fetch --unshallow"
        )
    listed = Answer(root, "for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes").text().split()
    # refs/remotes/ORIGIN/BRANCH; a remote's HEAD points to a branch that is listed too
    names = {ref.split("/", 2 if ref.startswith("refs/heads/") else 3)[-1] for ref in listed}
    if not names:
        raise UsageError(f"{root} has no Git branches", remedy="--gone-branches needs the project's repository")
    return frozenset(names)


def tracked_below(folder: Path) -> str:
    """Return a tracked file below a folder, or why git does not answer; "" if there is none.

    git runs at the top of the repository, not in the folder, which may pretend to be a repository itself.
    """
    place = folder.absolute()
    top = top_of(place.parent)
    if top is None:
        return ""
    listed = Answer(top, "ls-files", "-z", "--", f":(literal){place.relative_to(top).as_posix()}")
    if listed.missing or listed.complaint():
        return _refusal(listed, top)[0] or "git does not list them"
    return listed.text().partition("\0")[0]


def stray(place: Path) -> str:
    """Return the name of a file or folder that git would list as untracked, as .gitignore names it; "" for others."""
    found = place.absolute()
    top = top_of(found.parent)
    if top is None or not found.is_relative_to(top):
        return ""
    name = found.relative_to(top).as_posix()
    listed = Answer(top, "ls-files", "-z", "--others", "--exclude-standard", "--", f":(literal){name}")
    return f"/{name}" if listed.text() else ""


# ---- tags


def tag_prefix(place: PurePosixPath, module: str) -> str:
    """Return the prefix of a module's tags: `DIR/` for a module at ``place``, "" at the repository's top.

    A last element that is the module's major version (DIR/v2) is left out: https://go.dev/ref/mod#vcs-version.
    """
    folder = place.parent if place.name and place.name == _major(module) else place
    return "" if folder == PurePosixPath() else f"{folder}/"


def _major(module: str) -> str:
    """Return the major version suffix of a module path, such as v2; "" for v0 and v1."""
    match = re.search(r"/(v[2-9]|v[1-9][0-9]+)$", module)
    return match[1] if match else ""


def _own(prefix: str, major: str = "") -> tuple[str, ...]:
    """Return git options that match the tags of one module, PREFIXvX.Y.Z, and not those of modules below it.

    In git's patterns `*` matches slashes too.
    """
    quoted = re.sub(r"([*?\[\]\\])", r"\\\1", prefix)
    return ("--match", f"{quoted}{f'{major}.*' if major else 'v[0-9]*'}", "--exclude", f"{quoted}*/*")


def _describe(root: Path, patterns: tuple[str, ...]) -> Answer:
    return Answer(root, "describe", "--tags", "--always", *patterns)


def _tag(description: str, revision: str) -> str:
    """Return the description if it begins with a tag, and "" for a bare commit."""
    return "" if revision.startswith(description) else description


# ---- asking


def asking(root: Path, *words: str) -> tuple[list[str], dict[str, str]]:
    """Return a git command that reads a repository, and its environment."""
    return ["git", *_SETTINGS, "-C", str(root), *words], {**os.environ, **_ENVIRONMENT}


class Answer:
    """The pending answer of one git command."""

    def __init__(self, root: Path, *words: str, offline: bool = False) -> None:
        """Start the command. ``offline``: a partial clone fetches no objects for it, by the programs that it names."""
        own = {"GIT_NO_LAZY_FETCH": "1"} if offline else {}
        self._running: Running | None = None
        self.missing = ""  # why git did not even start
        try:
            line, env = asking(root, *words)
            self._running = Running(line, env={**env, **own})
        except NotStarted as error:
            self.missing = (
                "git is not installed on this machine" if error.missing else f"git cannot be started: {error.why}"
            )

    def text(self) -> str:
        """Wait, and return its stdout; "" if it failed."""
        return "" if self._done.code else self._done.out.strip()

    def raw(self) -> str:
        """Wait, and return its stdout as it is; "" if it failed."""
        return "" if self._done.code else self._done.out

    def complaint(self) -> str:
        """Wait, and return its stderr if it failed, else ""."""
        if self.missing or not self._done.code:
            return ""
        return self._done.err.strip() or f"exit code {self._done.code}"

    def drop(self) -> None:
        """Kill it if it still runs."""
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
    """Return the nearest folder with a .git, also one whose .git cannot be read; None without a repository."""
    return next((folder for folder in (root, *root.parents) if os.path.lexists(folder / ".git")), None)


def _refusal(answer: Answer, top: Path | None) -> tuple[str, str]:
    """Return why git refuses to answer, and a remedy; empty if it answered or if there is no repository or commit."""
    named = "GIT_DIR" in os.environ
    if answer.missing:
        return (answer.missing, "install git") if top or named else ("", "")
    complaint = answer.complaint()
    if not complaint or any(words in complaint for words in _UNBORN):
        return "", ""
    if _NO_REPOSITORY in complaint and not top and not named:
        return "", ""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    why = next((line for line in lines if line.startswith("fatal: ")), lines[0]).removeprefix("fatal: ")
    own = next((line for line in lines if line.startswith("git config ")), "")
    where = f"`git -C {top} status` shows the same" if top else "`git status` shows the same"
    if _NO_REPOSITORY in why and top:
        why = f"{top / '.git'} is not a repository that git can read ({why})"
    return why, own or where


def _https(address: str) -> str:
    """Return the address for a browser without credentials, for org.opencontainers.image.source; "" if unknown."""
    match = re.match(
        r"(?:https?://|ssh://)?(?:[^@/]+@)?([A-Za-z0-9.-]+\.[A-Za-z]{2,})(?::\d+/|[:/])([\w./~-]+?)(?:\.git)?/?$",
        address,
    )
    return f"https://{match[1]}/{match[2]}" if match else ""
