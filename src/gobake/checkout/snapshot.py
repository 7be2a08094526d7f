"""A commit of a work tree as a folder, for reading: its files as a clone would have them, without running any program.

Files that git says are unchanged since that commit are copied from the work tree, which has them as the user's git
wrote them (line ends, LFS); the others are the commit's own bytes. Nothing of the repository is written: no index, no
work tree, no hook. Submodules are read at the commit that the tree names.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from gobake.checkout.git import Answer, asking, commit_answer, is_shallow, revision_in, top_of
from gobake.errors import UsageError
from gobake.proc import command
from gobake.proc.command import CommandError

_SECONDS = 300.0
_LINK, _SUBMODULE, _EXECUTABLE = "120000", "160000", "100755"  # modes in a tree


class Snapshot(Struct, frozen=True, kw_only=True):
    """A commit beside the work tree."""

    revision: str
    top: Path  # of the work tree
    folder: Path  # the same tree as of the commit
    changed: frozenset[str]  # paths that differ, relative to the top: changed, added, removed, or not in Git

    def place(self, path: Path) -> Path:
        """Return where a path of the work tree is in the commit's folder."""
        return self.folder / path.relative_to(self.top)


class _Entry(Struct, frozen=True, kw_only=True):
    """A line of `git ls-tree`."""

    mode: str
    sha: str
    path: str


def revision_of(root: Path, ref: str) -> str:
    """Return the commit that a ref names. Raises UsageError, which says what to fetch in a shallow clone."""
    if top_of(root) is None:
        raise UsageError(f"{root} is in no Git repository", remedy="there is no commit to compare with")
    answer = commit_answer(root, ref)
    if found := revision_in(answer):
        return found
    if answer.missing:
        raise UsageError(answer.missing, remedy="install git")
    if is_shallow(root):
        remedy = f"this clone is shallow; fetch it: git fetch --depth=1 origin {ref}"
    else:
        remedy = "fetch it, or name another"
    raise UsageError(f"Git knows no commit {ref}", remedy=remedy)


def common(root: Path, one: str, other: str) -> str:
    """Return the best common ancestor of two commits; "" if the clone does not have it."""
    return revision_in(Answer(root, "merge-base", one, other))


def take(root: Path, revision: str, folder: Path) -> Snapshot:
    """Write a commit of the repository around ``root`` below an empty folder.

    Raises UsageError if git cannot tell what is in the commit, and OSError for the files.
    """
    top = top_of(root)
    assert top is not None
    top = top.resolve()
    folder.mkdir()
    changed = _write(top, revision, folder, folder.with_name(f"{folder.name}-git"))
    git = Answer(top, "rev-parse", "--absolute-git-dir").text()
    (folder / ".git").write_text(f"gitdir: {git}\n")  # so that it has the same remote, branch and tags
    return Snapshot(revision=revision, top=top, folder=folder, changed=frozenset(changed))


def _write(top: Path, revision: str, folder: Path, scratch: Path) -> set[str]:
    """Write a repository's commit and return the changed paths."""
    scratch.mkdir()
    entries = list(_entries(_listed(top, scratch, "ls-tree", "-r", "-z", "--full-tree", revision)))
    diff = ("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=none", revision)
    changed = {os.fsdecode(name) for name in _listed(top, scratch, *diff)}
    changed |= {os.fsdecode(name) for name in _listed(top, scratch, "ls-files", "-z", "--others")}
    files = [entry for entry in entries if entry.mode not in (_LINK, _SUBMODULE)]
    lacking = [entry for entry in files if entry.path in changed or not _copied(top, folder, entry)]
    _from_git(top, scratch, folder, lacking)
    for number, entry in enumerate(entry for entry in entries if entry.mode == _SUBMODULE):
        changed |= _submodule(top, folder, entry, scratch / str(number))
    # last, so that nothing is written through a link of a tree that git would not have made
    _from_git(top, scratch, folder, [entry for entry in entries if entry.mode == _LINK])
    return changed


def _copied(top: Path, folder: Path, entry: _Entry) -> bool:
    """Copy a file of the work tree; False if it is not there, as in a sparse checkout."""
    source, target = top / entry.path, folder / entry.path
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(source, target, follow_symlinks=False)
    except OSError:
        return False
    target.chmod(_mode(entry))
    return True


def _from_git(top: Path, scratch: Path, folder: Path, entries: Iterable[_Entry]) -> None:
    """Write blobs: `git cat-file --batch` answers `SHA blob SIZE`, the bytes, and a line end for each."""
    wanted = list(entries)
    if not wanted:
        return
    asked, out = scratch / "asked", scratch / "blobs"
    asked.write_text("".join(f"{entry.sha}\n" for entry in wanted))
    _ask(top, out, "cat-file", "--batch", given=asked)
    with out.open("rb") as blobs:
        for entry in wanted:
            head = blobs.readline().split()
            if len(head) != 3 or head[1] != b"blob":
                raise UsageError(
                    f"this clone lacks {entry.path} of that commit", remedy="fetch it whole: git fetch --unshallow"
                )
            content = blobs.read(int(head[2]))
            blobs.read(1)
            _lay(folder / entry.path, content, entry)


def _lay(target: Path, content: bytes, entry: _Entry) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if entry.mode == _LINK:
        target.symlink_to(os.fsdecode(content))
        return
    target.write_bytes(content)
    target.chmod(_mode(entry))


def _mode(entry: _Entry) -> int:
    return 0o755 if entry.mode == _EXECUTABLE else 0o644


def _submodule(top: Path, folder: Path, entry: _Entry, below: Path) -> set[str]:
    """Write a submodule as of the commit that the tree names; without a checkout it has no files, as in a clone."""
    inner = top / entry.path
    if not (inner / ".git").exists():
        return set()
    place = folder / entry.path
    place.mkdir(parents=True, exist_ok=True)
    changed = _write(inner, revision_of(inner, entry.sha), place, below)
    return {f"{entry.path}/{path}" for path in changed}


def _entries(lines: Iterable[bytes]) -> Iterator[_Entry]:
    for line in lines:
        facts, _, path = line.partition(b"\t")
        mode, _, sha = facts.decode().split(" ")
        name = os.fsdecode(path)
        if name.startswith("/") or ".." in name.split("/") or ".git" in name.lower().split("/"):
            continue  # git itself refuses such a tree
        yield _Entry(mode=mode, sha=sha, path=name)


def _listed(top: Path, scratch: Path, *words: str) -> list[bytes]:
    out = scratch / "listed"
    _ask(top, out, *words)
    return [item for item in out.read_bytes().split(b"\0") if item]


def _ask(top: Path, out: Path, *words: str, given: Path | None = None) -> None:
    """Run git with its output in a file. Raises UsageError."""
    line, env = asking(top, *words)
    try:
        done = command.into(out, line, env=env, seconds=_SECONDS, given=given)
    except CommandError as error:
        raise UsageError(f"git {words[0]}: {error}") from None
    if done.code:
        raise UsageError(f"git {words[0]} in {top}: {done.last or f'exit code {done.code}'}")
