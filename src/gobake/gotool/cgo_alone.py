"""Commands that consist of cgo files: without cgo, `go list` does not see them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from gobake.errors import ProjectError
from gobake.gotool.modules import Layout

_MAIN = re.compile(r"^package main\b", re.MULTILINE)
_CGO = re.compile(r'^import\s+(?:\([^)]*)?"C"', re.MULTILINE)
_FILES = 2000  # to look at; this only improves a message


def refuse(layout: Layout) -> None:
    """Raise ProjectError if the project has such a command."""
    looked = 0
    for file in _sources(layout.root):
        looked += 1
        if looked > _FILES:
            return
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if _MAIN.search(text) and _CGO.search(text):
            raise ProjectError(
                f"the command in {file.parent} consists of cgo files, which Go leaves out without cgo",
                remedy='write `defaults: {build_env: {CGO_ENABLED: "1"}}` in gobake.yaml',
            )


def _sources(root: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(root):
        below[:] = sorted(n for n in below if n not in ("vendor", "testdata", "node_modules") and n[0] not in "._")
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".go"))
