"""The folders at the top of the repository that travel in the wheel: bake/ and cache/."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2


def folder(name: str) -> Path:
    """``bake`` or ``cache``: beside the package in a wheel, at the top of the repository in a checkout."""
    package = Path(__file__).resolve().parents[1]
    beside = package / name
    return beside if beside.is_dir() else package.parents[1] / name


@cache
def environment(name: str) -> jinja2.Environment:
    """A jinja environment over one of the folders; nothing is escaped, a Dockerfile is no HTML."""
    import jinja2  # here, because it takes longer than all else that a recipe needs

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder(name)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
