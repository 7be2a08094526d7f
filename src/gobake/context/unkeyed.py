"""Makes Go's build cache notice changed headers of other folders and changed libraries that cgo links.

Go keys a package by the files that it lists. If another file that the compiler or linker read has changed, Go would
take the old object from its cache. So a package that reads such files gets a generated file that changes with them: a
header that is not included changes the key but not the compiled bytes; a library folder that does not exist changes
the key of the link. Other packages are not affected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from gobake.context.entries import Entry
from gobake.context.includes import Beyond
from gobake.context.links import Links
from gobake.context.patterns import matches
from gobake.gotool.packages import Package

HEADER = "gobake_headers.h"
LIBRARIES = "gobake_libraries.go"
_DIGITS = 32


def marks(links: Links, package: Package, needs: Beyond) -> Iterator[Entry]:
    """Yield the generated files for a package; for most packages there are none."""
    folder = "" if str(package.directory) == "." else f"{package.directory}/"
    if needs.headers and _free(package, HEADER):
        yield Entry(
            path=f"{folder}{HEADER}",
            text=f"// gobake: the files that are included here, {_digest(links, needs.headers)}\n",
        )
    if needs.libraries and package.cgo and _free(package, LIBRARIES):
        place = f"gobake-{_digest(links, needs.libraries)}"
        text = f"package {package.name}\n\n// No such folder: its name changes with the libraries that are linked.\n"
        yield Entry(path=f"{folder}{LIBRARIES}", text=f'{text}\n// #cgo LDFLAGS: -L${{SRCDIR}}/{place}\nimport "C"\n')


def _free(package: Package, name: str) -> bool:
    """Whether a file of that name would not be embedded into the program."""
    patterns = (pattern.removeprefix("all:") for pattern in package.embeds)
    return not any(pattern in (".", "./") or matches(pattern, name) for pattern in patterns)


def _digest(links: Links, paths: Iterable[str]) -> str:
    seen = hashlib.sha256()
    for path in paths:
        seen.update(path.encode(errors="surrogateescape") + b"\0")
        try:
            with open(links.file(path), "rb") as opened:
                seen.update(hashlib.file_digest(opened, "sha256").digest())
        except OSError:
            continue  # staging reports it
    return seen.hexdigest()[:_DIGITS]
