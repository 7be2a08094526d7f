"""Makes a small copy of a tree for `go list` in a container.

Go reads Go sources and the build constraints of other sources. Of all other files, such as embedded ones, only the
names count.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from gobake.errors import Unwritable
from gobake.gotool.modules import Layout

_READ = frozenset("go c cc cpp cxx m h hh hpp hxx f F for f90 s S sx swig swigcxx mod sum work".split())
_SKIPPED = frozenset((".git", "node_modules"))


def lay(layout: Layout, into: Path) -> None:
    """Copy all builds of the project into a folder. Raises Unwritable."""
    folders = {b.directory for b in layout.builds} | {m.directory for b in layout.builds for m in b.modules}
    try:
        into.mkdir(parents=True, exist_ok=True)
        for build in layout.builds:
            for name in ("go.work", "go.work.sum"):
                _copy(build.directory / name, layout, into)
            if build.work:
                _copy(build.work, layout, into)
                _copy(Path(f"{build.work}.sum"), layout, into)
        for folder in _outermost(folders):
            _below(folder, layout, into)
    except OSError as error:
        raise Unwritable(f"{into} cannot be written: {error.strerror}", remedy="is the disk full?") from None


def _outermost(folders: Iterable[Path]) -> list[Path]:
    """Return the folders that no walk of another one reaches. A walk does not follow symbolic links."""
    outermost: list[Path] = []
    for folder in sorted(folders):
        over = [other for other in outermost if folder.is_relative_to(other)]
        if not over or any(
            p.is_symlink() for p in (folder, *folder.parents) if p.is_relative_to(over[0]) and p != over[0]
        ):
            outermost.append(folder)
    return outermost


def _below(folder: Path, layout: Layout, into: Path) -> None:
    for path, names, files in os.walk(f"{folder}/"):
        names[:] = [name for name in names if name not in _SKIPPED and not _dropped(Path(path), name)]
        place = into / Path(path).relative_to(layout.context)
        if files:
            place.mkdir(parents=True, exist_ok=True)
        for name in files:
            _lay(Path(path, name), place / name)


def _dropped(folder: Path, name: str) -> bool:
    return (folder / name).is_symlink()


def _copy(file: Path, layout: Layout, into: Path) -> None:
    if file.is_file():
        place = into / file.relative_to(layout.context)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)


def _lay(source: Path, place: Path) -> None:
    """Copy a file that Go reads; lay others out by name only: links as links (Go embeds none), files empty."""
    if place.exists():
        return
    if source.suffix.removeprefix(".") in _READ or source.name == "modules.txt":
        try:
            shutil.copyfile(source, place)
        except OSError:
            return  # unreadable; Go reports it if it matters
    elif source.is_symlink():
        place.symlink_to("elsewhere")
    else:
        place.touch()
