"""`gobake builder`: the builders of buildx."""

from __future__ import annotations

from types import MappingProxyType

import click

from gobake.cli.answering import OnUse


class _Builder(OnUse):
    modules = MappingProxyType({"create": "gobake.cli.builder_create"})


@click.group("builder", cls=_Builder)
def builder_command() -> None:
    """Create builders that keep Go's caches."""
