"""Ownership of a store's folder: gobake deletes only in folders that it made, or that hold what only gobake makes.

The mark is the one that backup programs know (https://bford.info/cachedir/), with a line that names gobake. A store of
an older version has no mark; its content identifies it.
"""

from __future__ import annotations

import contextlib
import stat

from gobake.checkout import git
from gobake.files.nofollow import Inside
from gobake.foreign import checks, oci
from gobake.foreign.checks import Unfit

MARK = "CACHEDIR.TAG"
_MARKED = b"Signature: 8a477f597d28d172789f06886806bc55\n# Made by gobake, which deletes what is out of use here.\n"
_INDEX = "index.json"
SHARED_BLOBS = "../blobs"  # target of the only kind of link in a store


def make(folder: Inside) -> None:
    """Create the folder, and mark it if it is gobake's. Raises OSError, also if a link is in the way."""
    folder.make()
    entries = folder.entries()
    if MARK not in entries and (not entries or _known(folder)):
        folder.write(MARK, _MARKED)


def refusal(folder: Inside) -> str:
    """Why nothing below a folder may be deleted; "" if it may. Completes a sentence. Never raises."""
    try:
        if not _is_own(folder):
            return f"{folder.path} was not made by gobake"
    except OSError as error:
        return f"{folder.path}: {error.strerror}"
    tracked = git.tracked_below(folder.path)
    return f"{folder.path} holds files of the repository: {tracked}" if tracked else ""


def _is_own(folder: Inside) -> bool:
    entries = folder.entries()
    if MARK in entries:
        return folder.read(MARK, 4096) == _MARKED
    return _known(folder)


def _known(folder: Inside) -> bool:
    """Whether an older version made the folder: it holds layouts of layer caches, or is a layout of seeds."""
    with contextlib.suppress(OSError, Unfit):
        entries = folder.entries()
        if _INDEX in entries:
            named = oci.index(folder.read(_INDEX))
            return any(one.tag.startswith(("seed-", "half-")) for one in named)
        for name, status in entries.items():
            if name.startswith("layers-") and stat.S_ISDIR(status.st_mode) and checks.tag(name):
                within = (folder / name).entries()
                if _INDEX in within and "blobs" in within:
                    return True
    return False
