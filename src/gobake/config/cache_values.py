"""The `cache` section as frozen values; separate from the table, which is slow to import."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

# The attributes that BuildKit documents (moby/buildkit, README.md, "Export cache") and that users may set; gobake
# itself writes names, scopes, mode and ignore-error. True: also an attribute of cache-from.
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


class Backend(Struct, frozen=True, kw_only=True):
    """A backend for layer caches: the cache store, or another backend of BuildKit with its attributes."""

    type: str  # store, gha, s3, azblob or inline
    attributes: tuple[tuple[str, str], ...] = ()


class LayerConfig(Struct, frozen=True, kw_only=True):
    """Settings of layer caches; None if not set. Only the policy decides whether layers are cached."""

    mode: str | None = None  # auto, min or max
    compression: str | None = None  # zstd, gzip, estargz or uncompressed
    backends: tuple[Backend, ...] | None = None


class SeedConfig(Struct, frozen=True, kw_only=True):
    """Limits of the seeds."""

    unused_days: int = 14  # entries unused for longer are left out
    budget: int | None = None  # maximum bytes of a seed; None: no limit
    layers: int = 8  # a seed with more layers is rewritten


class CacheConfig(Struct, frozen=True, kw_only=True):
    """The `cache` section; caching/policy/choice.py decides what is not set."""

    policy: str | None = None  # the name of a built-in policy, or a file
    store: str | None = None  # as written: a repository, or a folder
    main_branch: str | None = None
    branches: Mapping[str, str] = MappingProxyType({})  # pattern -> policy, in CI
    layers: LayerConfig = LayerConfig()
    seeds: SeedConfig = SeedConfig()
