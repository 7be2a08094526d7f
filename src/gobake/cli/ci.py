"""`gobake ci`: what the pipelines of a CI need beside builds."""

from __future__ import annotations

from types import MappingProxyType

import click

from gobake.cli.answering import OnUse


class _Ci(OnUse):
    modules = MappingProxyType(
        {
            "github": "gobake.cli.ci_pipeline",
            "gitlab": "gobake.cli.ci_pipeline",
            "matrix": "gobake.cli.ci_matrix",
            "merge": "gobake.cli.ci_merge",
        }
    )


@click.group("ci", cls=_Ci)
def ci_command() -> None:
    """Write the pipeline of a CI, and do what its jobs need."""
