"""The terminal, or what stands in for it."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console


def console_for(stream: TextIO, color: str) -> Console:
    """A rich console that obeys --color and NO_COLOR."""
    return Console(
        file=stream,
        width=None if stream.isatty() else 120,
        force_terminal=True if color == "always" else None,
        no_color=color == "never" or None,
        highlight=False,
        soft_wrap=False,
    )
