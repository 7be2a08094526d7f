"""Fills the templates in bake/; the values are already quoted."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import jinja2

from gobake.files import templates
from gobake.recipe import words


def fill(name: str, values: Mapping[str, object]) -> str:
    """Render a template of bake/."""
    return _environment().get_template(name).render(values)


@cache
def _environment() -> jinja2.Environment:
    environment = templates.environment("bake")  # words.py quotes
    environment.filters |= {
        "shell": words.shell,
        "value": words.dockerfile_value,
        "path": words.dockerfile_path,
        "exec": words.exec_form,
    }
    environment.globals |= {"copy": words.copy_form}
    return environment
