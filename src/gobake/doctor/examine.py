"""Asks everything that `gobake doctor` judges, at the same time. Nothing is changed, but by `mend`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from gobake import engine
from gobake.caching.seeds.mounts import mounts_among
from gobake.doctor import engine_checks, machine, network
from gobake.doctor.findings import Finding, Fix, fine, problem, unknown
from gobake.engine import Builder, BuilderQuery, CacheMount, EngineInfo
from gobake.errors import GobakeError
from gobake.gotool import host
from gobake.model import Project
from gobake.paths import cache_folder
from gobake.plan.build_plan import BuildPlan, make_plan
from gobake.plan.builder import answered, assumed
from gobake.plan.discover import open_project
from gobake.plan.request import BuildRequest
from gobake.proc import futures


class Patient(Struct, frozen=True, kw_only=True):
    """What is examined; None for what is not there."""

    plan: BuildPlan | None
    builder: Builder | None
    info: EngineInfo
    told: Mapping[str, Any]  # of `docker info`
    mounts: tuple[CacheMount, ...] = ()  # of the project

    @property
    def project(self) -> Project | None:
        return self.plan.project if self.plan else None


def examine(request: BuildRequest, query: BuilderQuery) -> tuple[Patient, list[Finding]]:
    """Return what was examined, and all findings."""
    builder, found = _builder(query)
    plan, more = _plan(request, query if builder else None)
    info, told = _engine()
    patient = Patient(
        plan=plan,
        builder=builder,
        info=info if builder else EngineInfo(),
        told=told,
        mounts=_mounts(plan, builder, request.project.builder),
    )
    asked = [futures.start(_all(check)) for check in _checks(patient)]
    return patient, [*found, *more, *(one for answer in asked for one in answer.result())]


def _all(check: Callable[[], Iterable[Finding]]) -> Callable[[], list[Finding]]:
    return lambda: list(check())


def _builder(query: BuilderQuery) -> tuple[Builder | None, list[Finding]]:
    try:
        return query.builder(), []
    except GobakeError as error:
        return None, [problem("engine", error.what, error.remedy)]


def _plan(request: BuildRequest, query: BuilderQuery | None) -> tuple[BuildPlan | None, list[Finding]]:
    try:
        opened = open_project(request.project)
        plan = make_plan(request, opened, answered(query) if query else assumed(), os.environ)
    except GobakeError as error:
        return None, [unknown("project", str(error))]
    refusal = opened.checkout.refusal
    found = [problem("git", refusal, opened.checkout.remedy)] if refusal else []
    return plan, [*found, fine("project", f"{plan.project.shown} in {plan.project.root}")]


def _engine() -> tuple[EngineInfo, Mapping[str, Any]]:
    """Return what `docker info` tells, as far as gobake knows it, and whole."""
    try:
        text = engine.ask("info", "--format", "json")
        return engine.parse_info(text), json.loads(text)
    except (GobakeError, ValueError):
        return EngineInfo(), {}


def _mounts(plan: BuildPlan | None, builder: Builder | None, chosen: str) -> tuple[CacheMount, ...]:
    usage = engine.builder_usage(builder, chosen) if builder and plan else None
    if usage is None or plan is None:
        return ()
    own = {mount.id for mount in mounts_among(plan.project, usage.mounts)}
    return tuple(mount for mount in usage.mounts if mount.id in own)


def _checks(patient: Patient) -> Iterator[Callable[[], Iterable[Finding]]]:
    plan, builder, told = patient.plan, patient.builder, patient.told
    if builder:
        targets = plan.matrix.targets if plan else ()
        yield lambda: engine_checks.of_versions(builder, patient.info)
        yield lambda: engine_checks.of_builder(builder, patient.info)
        yield lambda: engine_checks.of_platforms(builder, targets, engine.host_platform())
        yield lambda: engine_checks.of_collection(builder, patient.mounts)
        yield lambda: machine.of_engine_disk(told, local=builder.on_socket)
        if told:
            yield lambda: engine_checks.of_info(told, time.time())
    yield lambda: machine.of_disk("caches", cache_folder())
    yield lambda: machine.of_folders(plan.history if plan else None)
    yield lambda: machine.of_go(plan.opened.tree.layout if plan else None)
    yield lambda: machine.of_environment(os.environ, told)
    if plan:
        yield lambda: network.of_proxy(_goproxy(), needed=_downloads(plan))
        yield lambda: network.of_bases(plan.project.bases, in_engine=bool(builder and builder.on_socket))
        yield from _repositories(plan)
    yield machine.of_gobake


def _repositories(plan: BuildPlan) -> Iterator[Callable[[], Iterable[Finding]]]:
    project, store = plan.project, plan.caches.store
    if project.registry and project.services:
        name = f"{project.registry}/{project.services[0].name}"
        yield lambda: network.of_repository("registry", name)
    if store and store.repository:
        place = store.repository
        yield lambda: network.of_repository("cache store", place)


def _downloads(plan: BuildPlan) -> bool:
    return any(root.downloads for root in plan.opened.tree.layout.builds)


def _goproxy() -> str:
    lines = dict(line.partition("=")[::2] for line in host.module_settings().splitlines())
    return lines.get("GOPROXY", "")


def mend(patient: Patient, findings: Sequence[Finding], chosen: str) -> Iterator[str]:
    """Do what --fix does, and yield a line for each thing done. Raises NoEngine and NoBuilder."""
    fixes = {finding.fix for finding in findings}
    if Fix.START_NODES in fixes and patient.builder:
        engine.bootstrap(chosen)
        yield f"started the nodes of {patient.builder.name}"
    if Fix.PRUNE_OLD in fixes:
        for mount in engine_checks.unused(patient.mounts):
            if engine.delete_mount(mount.record, chosen):
                yield f"deleted cache mount {mount.id}, {mount.size / 1e6:.0f} MB"
