"""The Jinja environment for the templates in bake/ and cache/."""

from __future__ import annotations

from functools import cache

import jinja2

from gobake.files.shipped import folder


@cache
def environment(name: str) -> jinja2.Environment:
    """Return the environment for one of the two folders. Nothing is escaped: the output is not HTML."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder(name)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
