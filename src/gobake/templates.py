"""The templates that lie at the top of the repository, and beside the package in a wheel: bake/ and cache/."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2


def shipped(name: str) -> Path:
    """The folder ``bake`` or ``cache``."""
    here = Path(__file__).resolve()
    beside = here.parent / name
    return beside if beside.is_dir() else here.parents[2] / name


@cache
def environment(name: str) -> jinja2.Environment:
    """A jinja environment over one of the folders; nothing is escaped, a Dockerfile is no HTML."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(shipped(name)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
