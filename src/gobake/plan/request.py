"""What every command is told: where the project lies, and what the command line says about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gobake.model import Platform


@dataclass(frozen=True, kw_only=True)
class ProjectRequest:
    """What every command is told."""

    directory: Path
    config_file: Path | None = None
    builder: str = ""
    registry: str | None = None
    bases: Mapping[str, str] = field(default_factory=dict)
    platforms: tuple[Platform, ...] = ()
    history: Path | None = None  # where the records of runs are kept
    version: str = ""  # what --version says
    trust: bool = False  # whoever runs vouches for the tree
    locked: Path | None = None  # a file outside of the tree that says what the tree may not
    lenient: bool = False  # show, and ask nobody: what is not trusted is left out
