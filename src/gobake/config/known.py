"""The document of a file as it was composed before: the text is the same, and so is what would read it.

Importing a YAML parser takes longer than all else that is done with gobake.yaml.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from gobake import memo
from gobake.config.nodes import Node, from_json, to_json

_KIND = "document"


def document(text: bytes, file: Path) -> Node | None:
    """What `document.compose` makes of it. Raises ConfigError, each time anew."""
    key, evidence = str(file.absolute()), (text, _parser())
    known = memo.recall(_KIND, key, evidence)
    if isinstance(known, list):
        try:
            return from_json(known)
        except (ValueError, RecursionError):
            pass
    from gobake.config.document import compose

    node = compose(text, file)
    memo.remember(_KIND, key, evidence, to_json(node))
    return node


def _parser() -> tuple[object, ...]:
    """The state of the PyYAML that is installed."""
    spec = find_spec("yaml")
    if spec is None or spec.origin is None:
        return ()
    state = Path(spec.origin).stat()
    return spec.origin, state.st_mtime_ns, state.st_size, state.st_ino
