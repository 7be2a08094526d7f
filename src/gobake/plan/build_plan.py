"""What a build does, as a value, before anything is done.

`gobake plan` and `render` print it, `build` and `all` execute it, `cache save` and `cache verify` use parts of it.
Nothing here starts a process, queries an engine or writes a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gobake import recipe
from gobake.caching.layers.plan import LayerPlan, layer_caches
from gobake.caching.policy.choice import CacheSettings
from gobake.caching.policy.namespaces import namespace
from gobake.caching.policy.options import CacheOptions
from gobake.caching.seeds.mounts import mounts_of
from gobake.errors import EmulationMissing, NoBuilder
from gobake.model import Project, Strategy, Target
from gobake.paths import cache_folder
from gobake.plan import outside
from gobake.plan.builder import PlannedBuilder
from gobake.plan.discover import Opened, choose_caches, history_folder
from gobake.plan.project import identity
from gobake.plan.request import BuildRequest
from gobake.plan.tags import with_tags
from gobake.plan.versions import LATEST, Versions, used
from gobake.recipe.stages import CompileStage, compile_stages
from gobake.targets.matrix import Matrix, select

PUSH = "type=image,push=true"  # output of BuildKit


class BuildPlan(Struct, frozen=True, kw_only=True, dict=True):
    """Targets with the reasons for them, the caches that they read and write, and the arguments of the build."""

    request: BuildRequest
    opened: Opened
    builder: PlannedBuilder
    matrix: Matrix
    caches: CacheSettings
    layers: LayerPlan
    versions: Versions
    epoch: str = "0"  # SOURCE_DATE_EPOCH, in seconds since 1970

    @property
    def project(self) -> Project:
        return self.opened.project

    @property
    def home(self) -> Path:
        """The project's cache folder."""
        return cache_folder() / identity(self.project)

    @property
    def history(self) -> Path:
        """The folder of the records of the project's runs."""
        return history_folder(self.opened, self.request.project)

    @property
    def binaries(self) -> Path:
        """The folder for binaries compiled outside the build."""
        return self.home / "prebuilt"

    @property
    def uses_binaries(self) -> bool:
        return Strategy.PREBUILT in self.matrix.strategies

    @property
    def host_go(self) -> str | None:
        """The host's go command, if it may be used with what the tree says."""
        return self.opened.host_go if self.opened.trust.host_code else None

    @property
    def keeps_images(self) -> bool:
        """Whether the images end up in the engine, under their names."""
        return self.builder.keeps_images or self.request.load or self.request.smoke

    @property
    def needs_image_store(self) -> bool:
        """Whether the engine must hold images of several platforms and is not yet known to be able to."""
        several = any(len(target.platforms) > 1 for target in self.matrix.targets)
        return self.keeps_images and several and not self.builder.answer.holds_platforms

    @property
    def pushes_by_digest(self) -> bool:
        """Whether images are pushed without names, which are set when all are there.

        buildx does not do it with an engine's own builder; with several nodes it does it by itself, a target at a time
        (docker/buildx, build/opt.go and build/build.go).
        """
        return self.request.push and not self.builder.keeps_images and len(self.builder.answer.nodes) == 1

    @property
    def output(self) -> str:
        """What BuildKit does with an image, in the form of `--output`. What is started first is pushed later."""
        if self.request.push and not self.request.smoke:
            return PUSH
        return "type=docker" if self.keeps_images and not self.builder.keeps_images else "type=image"

    @cached_property
    def stages(self) -> tuple[CompileStage, ...]:
        return compile_stages(self.matrix)

    @property
    def mounts(self) -> tuple[str, ...]:
        """The ids of the cache mounts."""
        return tuple(mount.id for mount in mounts_of(self.project, self.matrix))

    @property
    def packages(self) -> int:
        """The number of local packages in the compile."""
        return len(recipe.packages(self.matrix, self.opened.tree))

    @property
    def seeds(self) -> tuple[str, ...]:
        """The tags of the seeds to fill cold mounts from, best first."""
        if not self.caches.store:
            return ()
        from gobake.plan.seeds import tried  # only with a cache store

        return tried(self.opened, self.matrix, self.caches, self.builder)

    @property
    def variables(self) -> dict[str, str]:
        """The variables of the bake file, without those that may contain secrets."""
        return {
            "TAG": self.request.tag,
            **used(self.matrix, self.versions),
            "PREFIX": self.project.prefix,
            "EPOCH": self.epoch,
        }

    @property
    def bake_targets(self) -> tuple[str, ...]:
        trace = (recipe.TRACE,) if self.matrix.compiles else ()
        return (*(target.name for target in self.matrix.targets), *trace, *self.layers.exporters)

    def recipe(self, places: recipe.Places, tag: str = LATEST) -> recipe.Recipe:
        """Return the Dockerfile, its ignore file and the bake file. ``tag``: the default of TAG.

        They contain no paths of a single run: the same project gives the same recipe.
        """
        return recipe.render(self.project, self.matrix, self.opened.tree, places, self.layers.targets, tag)

    def with_layers(self, layers: LayerPlan) -> BuildPlan:
        return replace(self, layers=layers)

    def narrowed(self, matrix: Matrix) -> BuildPlan:
        """Return the plan with fewer targets."""
        names = {recipe.TRACE, *(target.name for target in matrix.targets)}
        targets = {name: cache for name, cache in self.layers.targets.items() if name in names}
        return replace(self, matrix=matrix, layers=replace(self.layers, targets=targets))


def make_plan(
    request: BuildRequest,
    opened: Opened,
    builder: PlannedBuilder,
    environ: Mapping[str, str],
    *,
    handed_on: bool = False,
) -> BuildPlan:
    """Plan what `gobake build` does with this request, on this builder, in this environment.

    Reads the project's files, and the index of a cache store that is a folder. ``handed_on``: the plan is for plain
    bake anywhere, so it has no namespace and does not depend on what this machine can compile.

    Raises ConfigError for a policy file, UsageError for a selection that matches nothing, EmulationMissing, NoBuilder.
    """
    request, opened, versions = with_tags(request, opened, environ, handed_on=handed_on)
    within, caches = settle(opened, request.caches, builder, environ)
    matrix = _runnable(request, select(opened.project, request.selection, (builder.native,)), builder)
    if not handed_on:
        opened, matrix = within, _without_binaries(request, opened, matrix)
    _require_digests(request, builder)
    epoch = environ.get("SOURCE_DATE_EPOCH", "")
    return BuildPlan(
        request=request,
        opened=opened,
        builder=builder,
        matrix=matrix,
        caches=caches,
        layers=layer_caches(opened.project, matrix, caches, builder.exporting, request.tag),
        versions=versions,
        epoch=epoch if epoch.isdigit() else "0",
    )


def _require_digests(request: BuildRequest, builder: PlannedBuilder) -> None:
    """Raise NoBuilder if images are to be pushed without tags, and the builder cannot."""
    several = len(builder.answer.nodes) > 1
    if request.push and request.untagged and (builder.keeps_images or several):
        why = "has several nodes" if several else "is the engine's own"
        raise NoBuilder(
            f"builder {builder.answer.name} {why}, and buildx then pushes no images without tags",
            remedy="make another one: gobake builder create --use",
        )


def settle(
    opened: Opened, options: CacheOptions, builder: PlannedBuilder, environ: Mapping[str, str]
) -> tuple[Opened, CacheSettings]:
    """Return (the project in the run's namespace, the caches that the run reads and writes)."""
    caches = choose_caches(opened, options, environ).settled(sessions_last=builder.sessions_last)
    return opened.within(namespace(caches, builder.driver, environ)), caches


def stuck(request: BuildRequest, opened: Opened, builder: PlannedBuilder) -> list[Target]:
    """Return the targets that run programs of a platform that no node of the builder supports."""
    return _stuck(select(opened.project, request.selection, (builder.native,)), builder)


def _stuck(matrix: Matrix, builder: PlannedBuilder) -> list[Target]:
    return [target for target in matrix.targets if not builder.runs(target)]


def _runnable(request: BuildRequest, matrix: Matrix, builder: PlannedBuilder) -> Matrix:
    """Leave out targets that the builder cannot run. Raises EmulationMissing if they were asked for."""
    found = _stuck(matrix, builder)
    if not found:
        return matrix
    name, able = builder.answer.name, set(builder.answer.platforms)
    lacking = ", ".join(sorted({str(p) for t in found for p in t.platforms if p not in able}))
    remedy = "run `docker run --privileged --rm tonistiigi/binfmt --install all`, or add a node of that architecture"
    chosen = [t for t in found if t.strategy is t.service.strategy or request.selection.strategies]
    if chosen:
        raise EmulationMissing(f"{chosen[0].name} runs programs of {lacking}, and builder {name} cannot", remedy=remedy)
    names = ", ".join(t.name for t in found)
    return matrix.without(found, f"{names}: builder {name} cannot run programs of {lacking}; {remedy}")


def _without_binaries(request: BuildRequest, opened: Opened, matrix: Matrix) -> Matrix:
    """Leave out targets whose binary is missing, unless they were asked for and can be compiled here."""
    trust = opened.trust
    if Strategy.PREBUILT not in matrix.strategies or request.selection.strategies:
        return matrix
    missing = outside.missing(opened.project, matrix)
    if opened.host_go and trust.host_code:
        return outside.without(opened.project, matrix, [gap for gap in missing if not gap.asked], outside.NOT_ASKED)
    why = outside.NO_GO if trust.host_code else f"it is not compiled on this machine: {trust.why}"
    return outside.without(opened.project, matrix, missing, why)
