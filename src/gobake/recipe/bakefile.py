"""Renders docker-bake.json: targets, groups and the variables that change from build to build.

Everything that a commit changes (tag, version, revision) is a variable, so the file's bytes stay the same.
Reference: https://docs.docker.com/build/bake/reference/.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from msgspec import Struct

from gobake.config import stamps
from gobake.model import OwnBase, Platform, Project, Service, Strategy, Target
from gobake.recipe.annotations import annotate, labels
from gobake.recipe.cache_entry import INLINE, CacheEntry
from gobake.recipe.stages import CompileStage, compile_stages
from gobake.recipe.words import FILES, hcl, stage_name
from gobake.targets.matrix import Matrix
from gobake.trace.names import TRACE as TRACE  # the target that writes Go's action graphs to a folder

GOENV_VARIABLE = "GOBAKE_GOENV"  # the environment variable of the secret `goenv`
# For modules: variables with a text, and variables with the path of a file or socket.
NETRC_VARIABLE = "GOBAKE_NETRC"
ENVIRONMENT_VARIABLE = "GOBAKE_ENV"  # a shell script: proxies, git settings
CA_VARIABLE = "GOBAKE_CA"
KNOWN_HOSTS_VARIABLE = "GOBAKE_KNOWN_HOSTS"
SSH_VARIABLE = "GOBAKE_SSH"
NOBODYS = "nobody"  # the namespace of builds that must not use gobake's mounts
_TEXTS = {"netrc": NETRC_VARIABLE, "env": ENVIRONMENT_VARIABLE}
_FILES = {"ca": CA_VARIABLE, "known_hosts": KNOWN_HOSTS_VARIABLE}


class Places(Struct, frozen=True, kw_only=True):
    """Paths for bake (relative to its working folder, or absolute), and the output."""

    context: str
    dockerfile: str
    prebuilt: str  # folder of the binaries compiled outside
    project: str = "."  # the project's folder, the context of its own base images
    files: str = ""  # the context with the services' files; "" for the build context itself
    exact: bool = False  # the contexts contain only what the build reads
    lacking: frozenset[str] = frozenset()  # services without a prebuilt binary, which are in no group
    output: str = "type=image"  # type=image, type=image,push=true or type=docker
    by_digest: bool = False  # push without tags: nobody sees the images yet


class TargetCache(Struct, frozen=True, kw_only=True):
    """The layer caches of one target."""

    imports: tuple[CacheEntry, ...] = ()  # cache-from
    # cache-to: (None for the whole target, or one platform, exported by a separate target; entries)
    exports: tuple[tuple[Platform | None, tuple[CacheEntry, ...]], ...] = ()


def render(
    project: Project,
    matrix: Matrix,
    places: Places,
    caches: Mapping[str, TargetCache] | None = None,
    *,
    downloads: bool = True,
    tag: str = "latest",
) -> str:
    """Return the JSON text.

    ``caches``: layer caches by target; None for none. ``downloads``: the compile downloads modules. ``tag``: the
    default of TAG.
    """
    stages = compile_stages(matrix)
    targets = {target.name: _target(project, target, places, stages) for target in matrix.targets}
    base = {
        "context": hcl(places.context),
        "dockerfile": hcl(places.dockerfile),
        "secret": [f"id=goenv,env={GOENV_VARIABLE}", *(_secrets() if downloads else ())],
        "ssh": [_unless_empty(SSH_VARIABLE, f"default=${{{SSH_VARIABLE}}}")] if downloads else [],
        "attest": _attest(project),
        "args": apart(project.namespace),
    }
    bake: dict[str, object] = {
        "variable": {
            "PREFIX": {"default": hcl(project.prefix)},
            "TAG": {"default": hcl(tag)},
            **_described(project, matrix),
            "EPOCH": {"default": "0"},
            "TRACE": {"default": ".gobake/trace"},
            **(
                {name: {"default": ""} for name in (*_TEXTS.values(), *_FILES.values(), SSH_VARIABLE)}
                if downloads
                else {}
            ),
        },
        "group": _groups(matrix, places.lacking),
        "target": {
            "_base": {key: value for key, value in base.items() if value},
            **targets,
            **({TRACE: _trace(matrix, stages)} if matrix.compiles else {}),
        },
    }
    assert isinstance(bake["target"], dict)
    bake["target"] |= _own_bases(project, matrix, places)
    for name, cache in (caches or {}).items():
        _add_cache(bake["target"], name, cache)
    return json.dumps(bake, indent=2, ensure_ascii=False) + "\n"


def _trace(matrix: Matrix, stages: Sequence[CompileStage]) -> dict[str, object]:
    """The target that brings the compile's action graphs out."""
    return {
        "inherits": ["_base"],
        "target": TRACE,
        "platforms": [str(p) for p in matrix.platforms],
        **_arguments(stages),
        "output": ["type=local,dest=${TRACE}"],
    }


def apart(namespace: str) -> dict[str, str]:
    """Return build arguments that make BuildKit separate a build's cache mounts and RUN steps from all others.

    They work for any Dockerfile; a base image's triggers and a project's own Dockerfiles may name any mount. BuildKit
    prefixes every mount id with the namespace, and the host name is part of a step's cache key
    (docs.docker.com/reference/dockerfile, "BuildKit built-in build args").
    """
    if not namespace:
        return {}
    return {"BUILDKIT_CACHE_MOUNT_NS": namespace, "BUILDKIT_SANDBOX_HOSTNAME": f"{namespace}.gobake"}


def _described(project: Project, matrix: Matrix) -> dict[str, dict[str, str]]:
    """Return the variables for versions and commits, used by labels and stamps."""
    names = ("REVISION", "CREATED", *stamps.all_arguments(matrix.services))
    modules = [s.version_variable for s in matrix.services if s.version_variable != "VERSION"]
    return {
        "VERSION": {"default": hcl(project.version or "dev")},
        **{name: {"default": "${VERSION}"} for name in sorted(modules)},
        **{name: {"default": ""} for name in names if name not in ("VERSION", *modules)},
    }


def _arguments(stages: Sequence[CompileStage], service: Service | None = None) -> dict[str, object]:
    """Return all build arguments up to the service's stage; targets that share a stage must give it the same ones."""
    used = [s for s in stages if service is None or service in (c.service for c in s.commands)]
    names = dict.fromkeys(name for stage in used for name in stage.arguments(service))
    return {"args": {name: f"${{{name}}}" for name in names}} if names else {}


def _secrets() -> list[str]:
    """Return the secrets. Each is left out if its variable is empty, so that a missing secret is not an error."""
    texts = [_unless_empty(variable, f"id={name},env={variable}") for name, variable in _TEXTS.items()]
    files = [_unless_empty(variable, f"id={name},src=${{{variable}}}") for name, variable in _FILES.items()]
    return texts + files


def _unless_empty(variable: str, text: str) -> str:
    return f'${{{variable} == "" ? "" : "{text}"}}'


def _add_cache(targets: dict[str, dict[str, object]], name: str, cache: TargetCache) -> None:
    """Add cache-from and cache-to of a target.

    A separate target exports the layers of an image afterwards. If several nodes build the platforms, each platform has
    such a target: otherwise every node would write its layers under the same ref, and the last would win.
    """
    if cache.imports:
        targets[name]["cache-from"] = [hcl(str(entry)) for entry in cache.imports]
    for platform, entries in cache.exports:
        if INLINE in entries:
            targets[name]["cache-to"] = [str(INLINE)]  # it is part of the image
        beside = [hcl(str(entry)) for entry in entries if entry != INLINE]
        exporter = exporter_name(name, platform)
        if beside and exporter != name:
            targets[exporter] = {
                "inherits": [name],
                **({"platforms": [str(platform)]} if platform else {}),
                "tags": [],
                "annotations": [],
                "output": ["type=cacheonly"],
            }
        if beside:
            targets[exporter]["cache-to"] = beside


def exporter_name(target: str, platform: Platform | None) -> str:
    """Return the bake target that exports the layers of a target, for all platforms or for one.

    `trace` exports its own layers, and with them the compile's.
    """
    if platform:
        return f"{target}--{platform.slug}"
    return target if target == TRACE else f"{target}--layers"


def _groups(matrix: Matrix, lacking: frozenset[str]) -> dict[str, object]:
    """Return the groups: `default` (every service in its default strategy), `all`, and one per service and strategy.

    Services without a prebuilt binary are in no group of prebuilt targets, so every group can be built.
    """
    targets = [t for t in matrix.targets if t.strategy is not Strategy.PREBUILT or t.service.name not in lacking]
    chosen = [t.name for t in targets if t.strategy is t.service.strategy] or [t.name for t in targets]
    groups: dict[str, list[str]] = {"default": chosen, "all": [t.name for t in targets]}
    for service in matrix.services:
        groups[_group(service.name)] = [t.name for t in targets if t.service.name == service.name]
    for strategy in matrix.strategies:
        groups[str(strategy)] = [t.name for t in targets if t.strategy is strategy]
    return {name: {"targets": members} for name, members in groups.items() if members}


def _group(service: str) -> str:
    return service.replace(".", "_")


def _attest(project: Project) -> list[str]:
    if project.provenance == "false":
        return ["type=provenance,disabled=true"]  # its timestamps would change the index in every build
    return [f"type=provenance,mode={project.provenance}"]


def _target(project: Project, target: Target, places: Places, stages: Sequence[CompileStage]) -> dict[str, object]:
    service, strategy = target.service, target.strategy
    contexts: dict[str, str] = {}
    fields: dict[str, object] = {
        "inherits": ["_base"],
        "description": hcl(f"{service.name} as {strategy}"),
        "target": stage_name(target.name),
        "platforms": [str(platform) for platform in target.platforms],
        "tags": [] if places.by_digest else list(target.images("${PREFIX}", "${TAG}")),
        "labels": labels(project, service, strategy),
        # The epoch is an attribute of the exporter: as the build argument SOURCE_DATE_EPOCH it would be part of
        # WORKDIR's cache key. It only limits later times, so only 0 gives the same bytes whatever was cached; the
        # commit's time is in the label `created`.
        "output": [f"{_output(target, places)},source-date-epoch=${{EPOCH}}"],
        "annotations": annotate(project, target, attested=places.by_digest),
    }
    if strategy is not Strategy.PREBUILT:
        fields |= _arguments(stages, service)
    if strategy is Strategy.PREBUILT:
        contexts["prebuilt"] = hcl(places.prebuilt)
    if service.files:
        contexts[FILES] = hcl(places.files or places.context)
    if target.own_base:
        contexts[target.own_base.name] = f"target:{own_base_target(target.own_base)}"
    if contexts:
        fields["contexts"] = contexts
    return fields


def _output(target: Target, places: Places) -> str:
    """Return what becomes of an image, as comma-separated values.

    https://docs.docker.com/build/exporters/image-registry/: push-by-digest, name-canonical, compression
    """
    packed = target.service.compression if "push=true" in places.output else ""
    words = [places.output]
    if places.by_digest:
        names = ",".join(target.repositories("${PREFIX}"))
        words += [f'"name={names}"', "push-by-digest=true", "name-canonical=true"]
    if packed:
        words.append(f"compression={packed}")
    if places.by_digest or packed:  # as an index with annotations has it, so that an image built apart is the same one
        words.append("oci-mediatypes=true")
    return ",".join(words)


def _own_bases(project: Project, matrix: Matrix, places: Places) -> dict[str, dict[str, object]]:
    """Return the targets of the project's own base images, each for all platforms that use it.

    Their context is the project's folder with its .dockerignore, as for `docker build`.
    """
    platforms: dict[OwnBase, set[Platform]] = {}
    for target in matrix.targets:
        if target.own_base:
            platforms.setdefault(target.own_base, set()).update(target.platforms)
    return {
        own_base_target(base): {
            "description": hcl(f"the base image of {base.file}"),
            "context": hcl(places.project),
            "dockerfile": hcl(str(base.file)),
            "platforms": [str(platform) for platform in sorted(wanted)],
            **({"args": apart(project.namespace)} if project.namespace else {}),
        }
        for base, wanted in platforms.items()
    }


def own_base_target(base: OwnBase) -> str:
    """Return the bake target of the base; a service cannot have that name."""
    return f"_{base.name}"
