"""The Jinja environments for the templates in bake/, cache/ and ci/."""

from __future__ import annotations

from functools import cache

import jinja2

from gobake.files.shipped import folder

_USUAL = ("{%", "%}", "{{", "}}", "{#", "#}")
_IN_PIPELINES = ("[%", "%]", "[[", "]]", "[#", "#]")  # ${{ }} is GitHub's own there


@cache
def environment(name: str) -> jinja2.Environment:
    """Return the environment for one of the folders. Nothing is escaped: the output is not HTML."""
    return jinja2.Environment(
        *(_IN_PIPELINES if name == "ci" else _USUAL),
        loader=jinja2.FileSystemLoader(folder(name)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
