"""The templates in bake/, filled with values that are quoted already.

A text that was filled before with the same values is remembered: jinja2 takes longer to import than all the rest of a
recipe takes to make. The values are all that a text depends on, beside the templates and the code themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from gobake import memo
from gobake.files import shipped
from gobake.recipe import words

if TYPE_CHECKING:
    import jinja2

_KIND = "template"


def fill(name: str, values: Mapping[str, object], key: str) -> str:
    """The text of a template. ``key`` names what it is made for; functions among the values are our own code."""
    plain = sorted((word, value) for word, value in values.items() if not callable(value))
    evidence = (name, plain, tuple(_stamps()))
    text = memo.recall(_KIND, key, evidence)
    if not isinstance(text, str):
        text = _environment().get_template(name).render(values)
        memo.remember(_KIND, key, evidence, text)
    return text


@cache
def _environment() -> jinja2.Environment:
    environment = shipped.environment("bake")  # words.py quotes
    environment.filters |= {
        "shell": words.shell,
        "value": words.dockerfile_value,
        "path": words.dockerfile_path,
        "exec": words.exec_form,
    }
    environment.globals |= {"copy": words.copy_form}
    return environment


def _stamps() -> Iterator[tuple[str, int, int]]:
    """The state of the templates, and of the code whose functions they call."""
    code = Path(__file__).parent
    for folder, pattern in ((shipped.folder("bake"), "*.j2"), (code, "*.py"), (code.parent / "config", "stamps.py")):
        for file in sorted(folder.glob(pattern)):
            state = file.stat()
            yield str(file), state.st_mtime_ns, state.st_size
