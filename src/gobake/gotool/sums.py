"""The go.sum files of a project, as texts: which modules its builds may use."""

from __future__ import annotations

from gobake.gotool.packages import GoTree


def sum_texts(tree: GoTree) -> tuple[str, ...]:
    """Of every module and workspace, in the order of their paths; a file that cannot be read says nothing."""
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
