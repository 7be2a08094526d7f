"""The environment in which templates of bake/ and cache/ are filled."""

from __future__ import annotations

from functools import cache

import jinja2

from gobake.files.shipped import folder


@cache
def environment(name: str) -> jinja2.Environment:
    """Over one of the folders; nothing is escaped, a Dockerfile is no HTML."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder(name)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
