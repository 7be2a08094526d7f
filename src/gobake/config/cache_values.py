"""What the `cache` section says, as frozen values. Apart from the table, which is slow to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

# The attributes that BuildKit documents (moby/buildkit, README.md, "Export cache") and that are the user's to choose:
# gobake itself writes names, scopes, mode and ignore-error. True: also of cache-from.
ATTRIBUTES: Mapping[str, Mapping[str, bool]] = {
    "store": {},
    "inline": {},
    "gha": {"timeout": True, "url": True, "url_v2": True, "version": True},
    "s3": {
        "bucket": True,
        "region": True,
        "prefix": True,
        "blobs_prefix": True,
        "manifests_prefix": True,
        "endpoint_url": True,
        "use_path_style": True,
        "disable_accept_encoding": True,
        "touch_refresh": False,
        "upload_parallelism": False,
        "retry_mode": False,
        "retry_max_attempts": False,
    },
    "azblob": {
        "account_url": True,
        "account_name": True,
        "container": True,
        "prefix": True,
        "blobs_prefix": True,
        "manifests_prefix": True,
    },
}


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A place for layers: the cache store, or one of BuildKit's other backends with its attributes."""

    type: str  # store, gha, s3, azblob or inline
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class LayerConfig:
    """How layers are kept; None where nothing is said. Whether they are, the policy alone says."""

    mode: str | None = None  # auto, min or max
    compression: str | None = None  # zstd, gzip, estargz or uncompressed
    backends: tuple[Backend, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class SeedConfig:
    """Limits of the seeds."""

    unused_days: int = 14  # entries that were not used for so long are left out
    budget: int | None = None  # bytes that a seed may have; None: no limit
    layers: int = 8  # a longer chain is flattened


@dataclass(frozen=True, kw_only=True)
class CacheConfig:
    """The `cache` section; what is unsaid is decided by caching/policy/choice.py."""

    policy: str | None = None  # a name of gobake's own, or a file
    store: str | None = None  # as written: a repository, or a folder
    main_branch: str | None = None
    branches: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # pattern -> policy, in CI
    layers: LayerConfig = field(default_factory=LayerConfig)
    seeds: SeedConfig = field(default_factory=SeedConfig)
