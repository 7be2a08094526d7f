"""Files that changed since an earlier run, the most important first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gobake.insight.causes import Change
from gobake.runs.record import RunRecord

MODULE_FILES = ("go.mod", "go.sum", "go.work", "go.work.sum")
_WORDS = {"added": "is new", "removed": "is gone", "changed": "changed"}


def changes(now: Mapping[str, str], then: Mapping[str, str]) -> tuple[Change, ...]:
    return tuple(
        Change(
            kind="added" if path not in then else "removed" if path not in now else "changed",
            what=path,
            before=then.get(path, ""),
            after=now.get(path, ""),
        )
        for path in sorted({*now, *then})
        if now.get(path) != then.get(path)
    )


def ordered(found: Iterable[Change], record: RunRecord, *, compiles: bool) -> tuple[Change, ...]:
    """The changes; for a compile, first sources of compiled packages, then other sources, module files, the rest."""
    if not compiles:
        return tuple(found)
    compiled = {path for work in record.go for path, _ in work.compiled}
    folders = {folder: path for path, folder in record.inputs.packages}

    def rank(change: Change) -> tuple[int, str]:
        folder, _, name = change.what.rpartition("/")
        if name.endswith(".go"):
            return (0 if folders.get(folder or ".") in compiled else 1, change.what)
        return (2 if name in MODULE_FILES else 3, change.what)

    return tuple(sorted(found, key=rank))


def says(found: Sequence[Change]) -> str:
    """`worker/main.go changed and 2 more`."""
    if not found:
        return ""
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{found[0].what} {_WORDS.get(found[0].kind, 'changed')}{more}"


def owner(path: str, folders: Mapping[str, str]) -> str:
    """The import path of the package that a file belongs to, that of its nearest package folder; "" for none."""
    folder = path
    while folder:
        folder = folder.rpartition("/")[0]
        if folder in folders or (not folder and "." in folders):
            return folders.get(folder) or folders.get(".", "")
    return ""
