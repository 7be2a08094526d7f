"""docker-bake.json: targets, groups and the variables that change from build to build.

Everything that a commit changes (tag, version, revision) is a variable, so that the file's bytes stay the same.
Reference: https://docs.docker.com/build/bake/reference/.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gobake.config import stamps
from gobake.model import OwnBase, Platform, Project, Service, Strategy, Target
from gobake.recipe.cache_entry import INLINE, CacheEntry
from gobake.recipe.stages import CompileStage, compile_stages
from gobake.recipe.words import FILES, hcl, stage_name
from gobake.targets.matrix import Matrix

TRACE = "trace"  # the target that writes what Go did into a folder
GOENV_VARIABLE = "GOBAKE_GOENV"  # the environment variable that the secret `goenv` is read from
# How modules are reached: variables that hold a text, and variables that hold the path of a file or socket.
NETRC_VARIABLE = "GOBAKE_NETRC"
ENVIRONMENT_VARIABLE = "GOBAKE_ENV"  # a shell text: proxies, settings of git
CA_VARIABLE = "GOBAKE_CA"
KNOWN_HOSTS_VARIABLE = "GOBAKE_KNOWN_HOSTS"
SSH_VARIABLE = "GOBAKE_SSH"
NOBODYS = "nobody"  # the namespace of builds that use no mounts of gobake's
_TEXTS = {"netrc": NETRC_VARIABLE, "env": ENVIRONMENT_VARIABLE}
_FILES = {"ca": CA_VARIABLE, "known_hosts": KNOWN_HOSTS_VARIABLE}


@dataclass(frozen=True, kw_only=True)
class Places:
    """Paths as bake will read them (relative to its working folder, or absolute), and where results go."""

    context: str
    dockerfile: str
    prebuilt: str  # folder of the binaries compiled outside
    project: str = "."  # the project's own folder, the context of its own base images
    files: str = ""  # the context that a service's files are copied from; "" for the build context itself
    exact: bool = False  # the contexts hold just what the build reads
    lacking: frozenset[str] = frozenset()  # services without a binary compiled outside, which no group builds
    output: str = "type=image"  # type=image, type=image,push=true or type=docker


@dataclass(frozen=True, kw_only=True)
class TargetCache:
    """The layer caches of one target."""

    imports: tuple[CacheEntry, ...] = ()  # cache-from
    # cache-to: with None for the whole target, else for one platform, which is then exported by a target of its own
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
    """The JSON text. ``caches``: by target, for gobake's own runs; a rendered file has none unless asked for.
    ``downloads``: the compile reads modules from elsewhere; ``tag``: of the images, where TAG says nothing."""
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
        "target": {"_base": {key: value for key, value in base.items() if value}, **targets},
    }
    if matrix.compiles:
        assert isinstance(bake["target"], dict)
        bake["target"][TRACE] = {
            "inherits": ["_base"],
            "target": TRACE,
            "platforms": [str(p) for p in matrix.platforms],
            **_arguments(stages),
            "output": ["type=local,dest=${TRACE}"],
        }
    assert isinstance(bake["target"], dict)
    bake["target"] |= _own_bases(project, matrix, places)
    for name, cache in (caches or {}).items():
        _add_cache(bake["target"], name, cache)
    return json.dumps(bake, indent=2, ensure_ascii=False) + "\n"


def apart(namespace: str) -> dict[str, str]:
    """Build arguments by which BuildKit itself keeps a build's cache mounts and RUN steps from all others, whoever
    wrote the Dockerfile: a base image's triggers and a project's own Dockerfiles may name any mount.

    Every id of a mount gets the namespace before it, and the host's name is a part of what a step is known by
    (docs.docker.com/reference/dockerfile, "BuildKit built-in build args").
    """
    if not namespace:
        return {}
    return {"BUILDKIT_CACHE_MOUNT_NS": namespace, "BUILDKIT_SANDBOX_HOSTNAME": f"{namespace}.gobake"}


def _described(project: Project, matrix: Matrix) -> dict[str, dict[str, str]]:
    """The variables of versions and commits: those of labels, and what the programs' stamps use."""
    names = ("REVISION", "CREATED", *stamps.all_arguments(matrix.services))
    modules = [s.version_variable for s in matrix.services if s.version_variable != "VERSION"]
    return {
        "VERSION": {"default": hcl(project.version or "dev")},
        **{name: {"default": "${VERSION}"} for name in sorted(modules)},
        **{name: {"default": ""} for name in names if name not in ("VERSION", *modules)},
    }


def _arguments(stages: Sequence[CompileStage], service: Service | None = None) -> dict[str, object]:
    """All of what is linked in before: targets that share a stage must give it the same arguments."""
    found = [s for s in stages if service is None or service in (c.service for c in s.commands)]
    names = dict.fromkeys(name for stage in found for name in stage.arguments(service))
    return {"args": {name: f"${{{name}}}" for name in names}} if names else {}


def _secrets() -> list[str]:
    """Each is left out where its variable is empty: a secret that nobody has is no mount, and no error."""
    texts = [_unless_empty(variable, f"id={name},env={variable}") for name, variable in _TEXTS.items()]
    files = [_unless_empty(variable, f"id={name},src=${{{variable}}}") for name, variable in _FILES.items()]
    return texts + files


def _unless_empty(variable: str, text: str) -> str:
    return f'${{{variable} == "" ? "" : "{text}"}}'


def _add_cache(targets: dict[str, dict[str, object]], name: str, cache: TargetCache) -> None:
    """cache-from and cache-to of a target.

    The layers of an image are exported afterwards, by a target of its own. So are those of each platform where several
    nodes build them: every node would write what it has under one ref, and the last would win.
    """
    if cache.imports:
        targets[name]["cache-from"] = [hcl(str(entry)) for entry in cache.imports]
    for platform, entries in cache.exports:
        if INLINE in entries:
            targets[name]["cache-to"] = [str(INLINE)]  # a part of the image
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
    """The bake target that exports the layers of another one, of all its platforms or of one. `trace` exports its own,
    and with them the compile's."""
    if platform:
        return f"{target}--{platform.slug}"
    return target if target == TRACE else f"{target}--layers"


def _groups(matrix: Matrix, lacking: frozenset[str]) -> dict[str, object]:
    """`default`: every service in its chosen strategy; one group a service, one a strategy, and `all`. Every group can
    be built: what nobody compiled outside is in none."""
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
        return ["type=provenance,disabled=true"]  # its time stamps would change the index of every build
    return [f"type=provenance,mode={project.provenance}"]


def _target(project: Project, target: Target, places: Places, stages: Sequence[CompileStage]) -> dict[str, object]:
    service, strategy = target.service, target.strategy
    described = _labels(project, service, strategy)
    contexts: dict[str, str] = {}
    fields: dict[str, object] = {
        "inherits": ["_base"],
        "description": hcl(f"{service.name} as {strategy}"),
        "target": stage_name(target.name),
        "platforms": [str(platform) for platform in target.platforms],
        "tags": list(target.images("${PREFIX}", "${TAG}")),
        "labels": described,
        # The epoch goes to the exporter, not into the build argument SOURCE_DATE_EPOCH: as an argument it would be a
        # part of WORKDIR's cache key. It only cuts off what is later, so that nothing but 0 gives the same bytes
        # whatever was cached before; the commit's time is in the label `created`.
        "output": [f"{places.output},source-date-epoch=${{EPOCH}}"],
        # the index has annotations of its own, and is only made for several platforms
        "annotations": [
            f"{'index,' if len(target.platforms) > 1 else ''}manifest:{key}={value}"
            for key, value in described.items()
            if key.startswith("org.opencontainers.")
        ],
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


def _own_bases(project: Project, matrix: Matrix, places: Places) -> dict[str, dict[str, object]]:
    """The targets of base images that Dockerfiles of the project make, each for all platforms that anyone needs of it.

    Their context is the project's folder with its own .dockerignore, as `docker build` has it.
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
    """The bake target that makes it; a service cannot have that name."""
    return f"_{base.name}"


def _labels(project: Project, service: Service, strategy: Strategy) -> dict[str, str]:
    """https://specs.opencontainers.org/image-spec/annotations/; the user's own labels come last and win."""
    labels = {
        "org.opencontainers.image.title": hcl(service.name),
        "org.opencontainers.image.version": f"${{{service.version_variable}}}",
        "org.opencontainers.image.revision": "${REVISION}",
        "org.opencontainers.image.created": "${CREATED}",
    }
    if project.source_url:
        labels["org.opencontainers.image.source"] = hcl(project.source_url)
    labels["dev.gobake.project"] = project.name
    labels["dev.gobake.strategy"] = str(strategy)
    if service.health:
        labels["dev.gobake.health"] = hcl(service.health)
    return labels | {hcl(key): hcl(value) for key, value in service.labels}
