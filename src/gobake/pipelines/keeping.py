"""Writes a pipeline again, and keeps what its user has edited: a merge of three texts, as git does it.

What gobake wrote before is written again from the heading's options. A gobake whose templates have changed since does
not get the same text; then it is looked for among the commits of the file.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from gobake.checkout.git import Answer
from gobake.errors import UsageError
from gobake.files import atomic
from gobake.pipelines.heading import Page, digest_of, fresh, taken_apart
from gobake.pipelines.options import Options, System
from gobake.pipelines.place import Place
from gobake.pipelines.rendering import rendered
from gobake.proc.command import CommandError, run

_MERGE_SECONDS = 20.0
_MOST_COMMITS = 200  # of a pipeline's file, newest first
_MOST_CONFLICTS = 127  # the exit code of git merge-file; more are an error of git's own


class Kind(StrEnum):
    """What writing a pipeline comes to."""

    NEW = "new"  # there is no file yet
    SAME = "same"  # nothing changes
    REPLACED = "replaced"  # nobody had edited it, or the user does not want it any more
    MERGED = "merged"  # with the user's edits
    CONFLICT = "conflict"  # edits and changes overlap; the text has marks, as git's
    UNKNOWN = "unknown"  # edited, and what gobake wrote is not known any more; the text is as new
    FOREIGN = "foreign"  # gobake did not write the file; the text is as new


_TOLD = {
    Kind.NEW: "written; read it, commit it, and edit it as you like",
    Kind.SAME: "is as it should be",
    Kind.REPLACED: "written anew",
    Kind.MERGED: "written anew, with your edits",
}
_REFUSALS = {
    Kind.CONFLICT: "has edits where gobake would change it, as shown above",
    Kind.UNKNOWN: "was edited before it was committed: your edits and gobake's changes, shown above, look alike",
    Kind.FOREIGN: "is not gobake's; what it would write is shown above",
}


class Rewrite(Struct, frozen=True, kw_only=True):
    """The text of a pipeline, and what it comes to."""

    kind: Kind
    text: str

    @property
    def refusal(self) -> str:
        """Why it is not written, as edits would be lost; "" if it may be."""
        return _REFUSALS.get(self.kind, "")

    @property
    def told(self) -> str:
        """What was done, for people."""
        return _TOLD[self.kind]


def first(system: System, options: Options) -> Page:
    """Return a pipeline as it is where none was before."""
    return fresh(system, options, rendered(system, options))


def replaced(system: System, options: Options, place: Place) -> Rewrite:
    """Return a pipeline without the user's edits."""
    return Rewrite(kind=Kind.REPLACED if there(place) else Kind.NEW, text=first(system, options).text)


def rewrite(system: System, options: Options, place: Place) -> Rewrite:
    """Return what a pipeline is to be. Raises UsageError if it cannot be read or merged."""
    wanted = first(system, options)
    found = there(place)
    if found is None:
        return Rewrite(kind=Kind.NEW, text=wanted.text)
    if not found.heading:
        return Rewrite(kind=Kind.FOREIGN, text=wanted.text)
    if (found.digest, found.options) == (wanted.digest, wanted.options):
        return Rewrite(kind=Kind.SAME, text=found.text)
    if not found.edited:
        return Rewrite(kind=Kind.REPLACED, text=found.above + wanted.text)
    if found.digest == wanted.digest:
        return Rewrite(kind=Kind.MERGED, text=found.above + wanted.heading + found.body)
    before = _before(system, found, place.path)
    if before is None:
        return Rewrite(kind=Kind.UNKNOWN, text=wanted.text)
    merged, conflicts = _merged(found.body, before, wanted.body)
    return Rewrite(kind=Kind.CONFLICT if conflicts else Kind.MERGED, text=found.above + wanted.heading + merged)


def there(place: Place) -> Page | None:
    """Return the pipeline that is there; None if there is none. Raises UsageError."""
    text = place.read()
    return None if text is None else taken_apart(text)


def _before(system: System, found: Page, file: Path) -> str | None:
    """Return the body that gobake once wrote; None if it is not known any more."""
    if found.options:
        body = rendered(system, found.options)
        if digest_of(body) == found.digest:
            return body
    pages = map(taken_apart, _committed(file))
    return next((page.body for page in pages if digest_of(page.body) == found.digest), None)


def _committed(file: Path) -> Iterator[str]:
    """Yield the texts of a file in the commits that changed it, newest first."""
    folder = file.parent
    listed = Answer(folder, "log", f"-{_MOST_COMMITS}", "--format=%H", "--", f":(literal){file.name}")
    for commit in listed.text().split():
        yield Answer(folder, "cat-file", "blob", f"{commit}:./{file.name}", offline=True).raw()


def _merged(yours: str, before: str, ours: str) -> tuple[str, bool]:
    """Merge three texts. Returns the text, and whether it has marks of conflicts. Raises UsageError."""
    with tempfile.TemporaryDirectory(prefix="gobake-") as folder:
        names = ("yours", "before", "gobake")
        for name, text in zip(names, (yours, before, ours), strict=True):
            atomic.write(Path(folder) / name, text)
        labels = [word for name in names for word in ("-L", name)]
        env = {**os.environ, "LC_ALL": "C", "GIT_CEILING_DIRECTORIES": str(Path(folder).parent)}
        try:
            done = run(
                ["git", "merge-file", "--stdout", *labels, *names], env=env, seconds=_MERGE_SECONDS, cwd=Path(folder)
            )
        except CommandError as error:
            raise UsageError(f"your edits cannot be merged: {error}", remedy="git is needed for it") from None
    if not 0 <= done.code <= _MOST_CONFLICTS:
        raise UsageError(f"your edits cannot be merged: git merge-file: {done.last}")
    return done.out, done.code > 0
