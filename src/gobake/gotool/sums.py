"""Reads the go.sum files of a project, which list the modules that its builds may use."""

from __future__ import annotations

from gobake.gotool.packages import GoTree


def sum_texts(tree: GoTree) -> tuple[str, ...]:
    """Return the texts of all go.sum and go.work.sum files, sorted by path; unreadable files are skipped."""
    files = {
        folder / name
        for root in tree.layout.builds
        for folder in (root.directory, *(module.directory for module in root.modules))
        for name in ("go.sum", "go.work.sum")
    }
    texts = []
    for file in sorted(files):
        try:
            texts.append(file.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
    return tuple(texts)
