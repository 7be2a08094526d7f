"""What commands are told: where the project lies, what the command line says about it, and what is to be built."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from gobake.caching.policy.options import CacheOptions
from gobake.config.gate_values import GateConfig
from gobake.model import Platform
from gobake.targets.matrix import Selection


class ProjectRequest(Struct, frozen=True, kw_only=True):
    """What every command is told."""

    directory: Path
    config_file: Path | None = None
    builder: str = ""
    registry: str | None = None
    bases: Mapping[str, str] = {}
    platforms: tuple[Platform, ...] = ()
    history: Path | None = None  # where the records of runs are kept
    version: str = ""  # what --version says
    trust: bool = False  # whoever runs vouches for the tree
    locked: Path | None = None  # a file outside of the tree that says what the tree may not
    lenient: bool = False  # show, and ask nobody: what is not trusted is left out


class BuildRequest(Struct, frozen=True, kw_only=True):
    """Everything that a build command is told."""

    project: ProjectRequest
    selection: Selection
    caches: CacheOptions = CacheOptions()
    gate: GateConfig = GateConfig()
    tag: str = "latest"
    push: bool = False
    load: bool = False
    no_cache: bool = False
    keep_going: bool = False  # what fails by itself is left out, and the rest is built
    stall_seconds: float = 0.0  # how long a download may stand still before the build is given up; 0 for ever
    dry_run: bool = False
    progress: str = "auto"
    verbose: bool = False
    quiet: bool = False
    color: str = "auto"
    command: tuple[str, ...] = ()
