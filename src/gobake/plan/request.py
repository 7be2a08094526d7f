"""The input of commands: where the project is, what the command line says about it, and what to build."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from gobake.caching.policy.options import CacheOptions
from gobake.config.gates import GateConfig
from gobake.model import Platform
from gobake.targets.matrix import Selection

if TYPE_CHECKING:  # most builds have no shards
    from gobake.targets.shards import ShardOf


class ProjectRequest(Struct, frozen=True, kw_only=True):
    """The input of every command."""

    directory: Path
    config_file: Path | None = None
    builder: str = ""
    registry: str | None = None
    bases: Mapping[str, str] = {}
    platforms: tuple[Platform, ...] = ()
    history: Path | None = None  # folder of the records of runs
    version: str = ""  # from --version
    trust: bool = False  # the user vouches for the tree
    locked: Path | None = None  # a file outside the tree with the settings that the tree may not decide
    remembered: bool = False  # ask neither Go nor an engine: what is not remembered is a ProjectError
    on_host: bool = False  # ask this machine's Go or nobody: without one it is GoMissing
    lenient: bool = False  # only show, without asking: leave out what is not trusted


class BuildRequest(Struct, frozen=True, kw_only=True):
    """The complete input of a build command."""

    project: ProjectRequest
    selection: Selection
    caches: CacheOptions = CacheOptions()
    gate: GateConfig = GateConfig()
    tag: str = "latest"
    push: bool = False
    untagged: bool = False  # push images by their digests alone: their tags are set later
    load: bool = False
    smoke: bool = False  # start the images, and push them only if all of them start
    smoke_seconds: float = 0.0  # limit for a start; 0: the default
    no_cache: bool = False
    keep_going: bool = False  # leave out targets that fail by themselves, and build the rest
    stall_seconds: float = 0.0  # limit for a download without progress; 0: none
    retries: int = 3  # how often the build is repeated if a registry was not well for a moment
    dry_run: bool = False
    metadata_file: Path | None = None  # for the digests and names of the images
    images_file: Path | None = None  # for what was pushed
    progress: str = "auto"
    verbose: bool = False
    quiet: bool = False
    color: str = "auto"
    command: tuple[str, ...] = ()
    shard: ShardOf | None = None  # which part of a matrix it is
