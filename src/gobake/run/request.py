"""Everything that a build command is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from gobake.caching.policy.options import CacheOptions
from gobake.config.gate_values import GateConfig
from gobake.plan.request import ProjectRequest
from gobake.targets.matrix import Selection


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """Everything that a build command is told."""

    project: ProjectRequest
    selection: Selection
    caches: CacheOptions = field(default_factory=CacheOptions)
    gate: GateConfig = field(default_factory=GateConfig)
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
