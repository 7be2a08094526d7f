"""What is built, where, and under which policy: what follows from the project and the builder."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from gobake import engine
from gobake.caching.policy.choice import CacheSettings
from gobake.caching.policy.namespaces import namespace
from gobake.engine import Builder, BuilderQuery, EngineInfo
from gobake.errors import EmulationMissing, Unwritable
from gobake.files import atomic
from gobake.model import Strategy, Target
from gobake.paths import cache_folder
from gobake.plan.discover import Opened, choose_caches, open_project, versions_of
from gobake.plan.project import identity
from gobake.plan.versions import Versions
from gobake.run import prebuilt
from gobake.run.request import BuildRequest
from gobake.targets.matrix import Matrix, select


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What follows from the project and the builder."""

    opened: Opened
    builder: Builder
    matrix: Matrix
    caches: CacheSettings
    versions: Versions
    home: Path  # the project's cache folder

    def keeps(self, request: BuildRequest) -> bool:
        """Whether the engine has the images afterwards, under their names."""
        return self.builder.keeps_images or request.load

    @property
    def binaries(self) -> Path:
        """The folder of what is compiled outside of the build."""
        return self.home / "prebuilt"

    @property
    def host_go(self) -> str | None:
        """This machine's own go command, where it may be used for what the tree says."""
        return self.opened.host_go if self.opened.trust.host_code else None


def begin_questions(query: BuilderQuery) -> None:
    if not query.remembered:
        query.begin_info()
    if not query.plugin:
        threading.Thread(target=engine.warm_up, daemon=True).start()


def choose(request: BuildRequest, query: BuilderQuery) -> Chosen:
    opened = open_project(request.project)
    builder = query.builder()
    if builder.keeps_images:
        query.learn_plugin()
    info = query.info() if builder.keeps_images else EngineInfo()
    caches = choose_caches(opened, request.caches).settled(sessions_last=builder.sessions_last(info))
    opened = opened.within(namespace(caches, builder.driver, os.environ))
    matrix = select(opened.project, request.selection, (builder.native,))
    if query.remembered and _stuck(matrix, builder):
        query.ask_again()  # bad news is only believed when it is fresh
        builder = query.builder()
    matrix = _runnable(request, matrix, builder)
    home = _cache_folder(identity(opened.project))
    versions = versions_of(opened, request.project, request.tag)
    chosen = Chosen(opened=opened, builder=builder, matrix=matrix, caches=caches, versions=versions, home=home)
    if Strategy.PREBUILT in matrix.strategies and not chosen.host_go and not request.selection.strategies:
        why = prebuilt.NO_GO if opened.trust.host_code else f"it is not compiled on this machine: {opened.trust.why}"
        missing = prebuilt.missing(opened.project, matrix)
        chosen = replace(chosen, matrix=prebuilt.without(opened.project, matrix, missing, why))
    several = any(len(target.platforms) > 1 for target in chosen.matrix.targets)
    if chosen.keeps(request) and several and not builder.holds_platforms:
        engine.require_image_store(query.info())
    return chosen


def _runnable(request: BuildRequest, matrix: Matrix, builder: Builder) -> Matrix:
    """Targets that run programs of a platform that no node can run: an error where asked for, else left out."""
    stuck = _stuck(matrix, builder)
    if not stuck:
        return matrix
    able = set(builder.platforms)
    lacking = ", ".join(sorted({str(p) for t in stuck for p in t.platforms if p not in able}))
    remedy = "run `docker run --privileged --rm tonistiigi/binfmt --install all`, or add a node of that architecture"
    chosen = [t for t in stuck if t.strategy is t.service.strategy or request.selection.strategies]
    if chosen:
        raise EmulationMissing(
            f"{chosen[0].name} runs programs of {lacking}, and builder {builder.name} cannot", remedy=remedy
        )
    names = ", ".join(t.name for t in stuck)
    return matrix.without(stuck, f"{names}: builder {builder.name} cannot run programs of {lacking}; {remedy}")


def _stuck(matrix: Matrix, builder: Builder) -> list[Target]:
    able = set(builder.platforms)
    return [t for t in matrix.targets if t.runs_on_target and not set(t.platforms) <= able]


def _cache_folder(name: str) -> Path:
    folder = cache_folder() / name
    try:
        atomic.make_folder(folder)
    except OSError as error:
        raise Unwritable(
            f"{folder} cannot be made: {error.strerror}", remedy="set XDG_CACHE_HOME to a folder that you may write"
        ) from None
    return folder
