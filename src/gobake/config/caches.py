"""`cache`: the cache store, the policy, and the settings of layers and seeds.

Policy files use the same rows for layers, so that a key means the same in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from msgspec import Struct

from gobake.config import patterns, words
from gobake.config.fields import Key, fields_of, section
from gobake.config.kinds import Kind, choice, items, mapping, whole
from gobake.config.nodes import Scalar
from gobake.config.reading import At
from gobake.config.spelling import meant, shown
from gobake.text.amounts import size_in_bytes

# ---- layers

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

BACKEND_TYPES = ("store", "gha", "s3", "azblob", "inline")
MODES = ("auto", "min", "max")

_REQUIRED = {"s3": ("bucket", "region"), "azblob": ("account_url",)}
_SECRETS = ("token", "ghtoken", "access_key_id", "secret_access_key", "session_token")
_OWN = ("mode", "ignore-error", "ref", "dest", "src", "tag", "name", "scope", "digest")

_attribute = words.ATTRIBUTE.kind


class Backend(Struct, frozen=True, kw_only=True):
    """A backend for layer caches: the cache store, or another backend of BuildKit with its attributes."""

    type: str  # store, gha, s3, azblob or inline
    attributes: tuple[tuple[str, str], ...] = ()


def _read_backend(at: At) -> Backend:
    kind = ""
    given: dict[str, tuple[At, str]] = {}
    if isinstance(at.node, Scalar):
        kind = choice("backend", BACKEND_TYPES, str).read(at)
    else:
        for name, at_key, at_value in at.entries():
            if name == "type":
                kind = choice("backend", BACKEND_TYPES, str).read(at_value)
            elif name in _SECRETS:
                raise at_key.refuse(
                    f"{name} is a secret and does not belong into a file", "give it to BuildKit by its environment"
                )
            elif name in _OWN:
                raise at_key.refuse(f"{name} is gobake's own to write", "leave it away")
            else:
                given[name] = (at_key, _attribute.read(at_value))
        if not kind:
            raise at.refuse("type is missing", f"one of {', '.join(BACKEND_TYPES)}")
    for name, (at_key, _) in given.items():
        if name not in ATTRIBUTES[kind]:
            known = meant(name, ATTRIBUTES[kind]) if ATTRIBUTES[kind] else f"{kind} has none"
            raise at_key.refuse(f"{shown(name)} is no attribute of {kind}", known)
    for name in _REQUIRED.get(kind, ()):
        if name not in given:
            raise at.refuse(f"{kind} needs {name}", f"such as {{type: {kind}, {name}: ...}}")
    return Backend(type=kind, attributes=tuple((name, value) for name, (_, value) in given.items()))


def _backend_schema() -> dict[str, object]:
    forms: list[object] = [{"enum": [t for t in BACKEND_TYPES if t not in _REQUIRED]}]
    for kind in BACKEND_TYPES:
        properties = {"type": {"const": kind}, **dict.fromkeys(ATTRIBUTES[kind], _attribute.schema)}
        forms.append(
            {
                "type": "object",
                "properties": properties,
                "additionalProperties": False,
                "required": ["type", *_REQUIRED.get(kind, ())],
            }
        )
    return {"anyOf": forms}


_backend: Kind[Backend] = Kind(read=_read_backend, described=_backend_schema, says="backend")


# Keys that policies have too
MODE = Key(
    kind=choice("mode", MODES, str),
    about="What an export holds: the results of all steps (max), only what is in the image (min), or min where a "
    "seed warms the Go mounts, else max (auto).",
    example="max",
    otherwise="the policy's",
)
COMPRESSION = Key(
    kind=choice("compression", words.COMPRESSIONS, str),
    about="How new layers are compressed in the cache.",
    example="zstd",
    otherwise="the policy's",
)
BACKENDS = Key(
    kind=items(_backend, "backends", least=1),
    about="Where layers are kept: `store`, or gha, s3, azblob, inline with BuildKit's attributes.",
    example="[store, {type: s3, bucket: acme-cache, region: eu-west-1}]",
    otherwise="the policy's",
)


class LayerConfig(Struct, frozen=True, kw_only=True):
    """Settings of layer caches; None if not set. Only the policy decides whether layers are cached."""

    mode: Annotated[str | None, MODE] = None
    compression: Annotated[str | None, COMPRESSION] = None
    backends: Annotated[tuple[Backend, ...] | None, BACKENDS] = None


LAYER_FIELDS = fields_of(LayerConfig)
layers_kind = section(LayerConfig, "settings of layers")

# ---- seeds


def _bytes(at: At) -> int:
    text = words.SIZE.admit(at, at.text())
    found = size_in_bytes(text if text.endswith("B") else f"{text}B")
    assert found is not None, text
    return found


_size: Kind[int] = Kind(read=_bytes, described=lambda: words.SIZE.kind.schema, says="bytes")


class SeedConfig(Struct, frozen=True, kw_only=True):
    """Limits of the seeds."""

    unused_days: Annotated[
        int,
        Key(
            kind=whole(least=1, most=3650, says="days"),
            about="Entries of Go's cache that no build has used for so many days are left out of a seed.",
            example="30",
            default="14",
        ),
    ] = 14
    budget: Annotated[
        int | None,
        Key(
            kind=_size,
            about="The most that a seed may hold; what was used last stays.",
            example="4GB",
            otherwise="no limit",
        ),
    ] = None
    layers: Annotated[
        int,
        Key(
            kind=whole(least=1, most=100, says="layers"),
            about="A seed of more layers is written anew, as one or two.",
            example="12",
            default="8",
        ),
    ] = 8


SEED_FIELDS = fields_of(SeedConfig)
seeds_kind = section(SeedConfig, "limits of the seeds")

# ---- the section

_policy = words.POLICY.kind


class CacheConfig(Struct, frozen=True, kw_only=True):
    """The `cache` section; caching/policy/choice.py decides what is not set."""

    policy: Annotated[
        str | None,
        Key(
            kind=_policy,
            about="What is read and written: dev, ci-branch, ci-pull-request, release, or a file of your own.",
            example="./ci/cache.yaml",
            otherwise="what fits the environment: a terminal, a branch or a pull request in CI, a tag",
        ),
    ] = None
    store: Annotated[
        str | None,
        Key(
            kind=words.STORE.kind,
            about="Where layers, seeds and history are kept: a registry's repository, or a folder, begun with ., / "
            "or ~/.",
            example="ghcr.io/acme/shop-cache",
            otherwise="in CI PREFIX/PROJECT-cache where `registry` is set, on a terminal none",
        ),
    ] = None
    main_branch: Annotated[
        str | None,
        Key(
            kind=words.BRANCH.kind,
            about="The branch whose caches all others read.",
            example="trunk",
            otherwise="what the CI or Git's `origin` names as its default, else main",
        ),
    ] = None
    branches: Annotated[
        Mapping[str, str],
        Key(
            kind=mapping("pattern of branches", patterns.BRANCHES, _policy, "pattern -> policy"),
            about="Policies of CI runs by branch; * stands for any characters, and the first pattern that fits holds.",
            example='{"release/*": release}',
            default="{}",
        ),
    ] = MappingProxyType({})
    layers: Annotated[
        LayerConfig,
        Key(
            kind=layers_kind,
            about="Settings of layer caches, over those of the policy.",
            example="{compression: gzip}",
            otherwise="the policy's",
        ),
    ] = LayerConfig()
    seeds: Annotated[
        SeedConfig,
        Key(
            kind=seeds_kind,
            about="Limits of the seeds, from which the Go mounts of a bare builder start.",
            example="{budget: 4GB}",
            otherwise="entries unused for 14 days are left out; no limit of size",
        ),
    ] = SeedConfig()


CACHE_FIELDS = fields_of(CacheConfig)
cache_kind = section(CacheConfig, "settings of caches")
