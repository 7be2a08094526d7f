"""A build plan as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gobake.caching.policy.namespaces import told
from gobake.model import Project, Service, Strategy, Target
from gobake.needs import telling
from gobake.needs.needs import Need
from gobake.plan.build_plan import BuildPlan
from gobake.plan.versions import used
from gobake.text.printable import flat
from gobake.trust.deciding import Trust

Needs = Mapping[str, tuple[Need, ...]]  # by service: what its binary needs at run time
_NO_NEEDS: Needs = MappingProxyType({})


def _compile_of(plan: BuildPlan, target: Target) -> str:
    if target.strategy is Strategy.PREBUILT:
        return "binary from " + plan.project.prebuilt.format(
            service=target.service.name, os="OS", arch="ARCH", variant=""
        )
    return next(
        s.output_stage(target.service) for s in plan.stages if any(c.name == target.service.name for c in s.commands)
    )


def _why(plan: BuildPlan, target: Target) -> str:
    if target.strategy is target.service.strategy:
        return "chosen" if plan.project.config_file else "the default"
    return "listed" if target.service.strategies != tuple(Strategy) else "all strategies"


def as_text(plan: BuildPlan, needs: Needs = _NO_NEEDS) -> str:
    project, matrix = plan.project, plan.matrix
    lines = [
        f"project   {project.name} in {project.root}",
        f"config    {project.config_file or 'none: the repository tells which commands are services'}",
        f"Go        {project.go_version}, compiled in {project.bases.go}; asked "
        + (f"on the host ({plan.opened.host_go})" if plan.opened.host_go else "in a container"),
        f"builder   {plan.builder.shown}",
        f"context   {project.context}, {plan.packages} packages of it",
        *_version_text(plan),
        *_trust_text(plan.opened.trust),
        "",
    ]
    for stage in plan.stages:
        names = ", ".join(c.file for c in stage.commands)
        lines.append(f"compile   {stage.name}: one go build a platform for {names}")
        for late in stage.late:
            values = ", ".join(late.arguments) or "constants"
            lines.append(f"          {late.name}: links {', '.join(c.file for c in late.commands)} with {values}")
    lines += [f"mount     {mount}" for mount in plan.mounts] + [""]
    lines += _caches_text(plan)
    rows = [
        (
            t.name,
            project.folder(t.service),
            ",".join(map(str, t.platforms)),
            _compile_of(plan, t),
            _why(plan, t),
            t.service.why,
            t.images(project.prefix, plan.request.tag)[-1 if t.strategy is not t.service.strategy else 1],
        )
        for t in matrix.targets
    ]
    rows.insert(0, ("TARGET", "PACKAGE", "PLATFORMS", "FROM", "STRATEGY", "WHY", "IMAGE"))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines += ["  ".join([*map(str.ljust, row, widths), row[-1]]) for row in rows]
    lines += ["", f"{len(matrix.targets)} targets, {sum(len(t.platforms) for t in matrix.targets)} images"]
    lines += [f"left out  {note}" for note in matrix.left_out]
    lines += _commands_text(plan)
    lines += [f"unread    {folder}: Go cannot read it: {' '.join(said.split())}" for folder, said in project.unread]
    lines += telling.as_lines(needs)
    return "\n".join(map(flat, lines))


def _trust_text(trust: Trust) -> list[str]:
    """What gobake trusts, and why."""
    return [f"trust     {trust.shown()}", *(f"note      {note}" for note in trust.notes())]


def _version_text(plan: BuildPlan) -> list[str]:
    """The version and its source, and the versions of modules with their own tags."""
    versions = {s.version_variable: s.module for s in plan.matrix.services if s.version_variable != "VERSION"}
    values = plan.versions.values
    lines = [f"version   {values['VERSION']}, from {plan.versions.source}"]
    lines += [f"          {values.get(name, '')} of {module}" for name, module in sorted(versions.items())]
    return lines + [f"note      {note}" for note in plan.versions.notes]


def _commands_text(plan: BuildPlan) -> list[str]:
    """The commands that are not services, each with its reason, and how to build them anyway."""
    project, others = plan.project, _others(plan)
    lines = [f"left out  {service.name} ({project.folder(service)}): {service.why}" for service in others]
    if lines:
        lines.append(
            f"          any of them is built where it is named: `gobake build {project.folder(others[0])}`; or keep it "
            "in with services.include in gobake.yaml"
        )
    return lines


def _others(plan: BuildPlan) -> list[Service]:
    chosen = {service.name for service in plan.matrix.services}
    return [service for service in plan.project.left_out if service.name not in chosen]


def _command_json(project: Project, service: Service) -> dict[str, Any]:
    return {
        "name": service.name,
        "package": service.package,
        "folder": project.folder(service),
        "reason": service.why,
    }


def _caches_text(plan: BuildPlan) -> list[str]:
    """The policy with its reason, the store, and the imports and exports of each target."""
    choice, layers = plan.caches, plan.layers
    lines = [f"policy    {choice.policy.name}: {choice.why}"]
    lines.append(
        f"store     {choice.store.shown}: {choice.why_store}" if choice.store else f"store     {choice.why_store}"
    )
    lines += [f"note      {note}" for note in (*choice.notes, *layers.notes, *told(plan.project.namespace))]
    lines += [f"seeds     {', '.join(plan.seeds)}"] if plan.seeds else []
    prefix = f"{choice.store.repository}:" if choice.store and choice.store.repository else ""
    for name, cache in layers.targets.items():
        imported = [entry.name.removeprefix(prefix) for entry in cache.imports]
        exported = [entry.name.removeprefix(prefix) for _, entries in cache.exports for entry in entries]
        lines += [f"import    {name}: {', '.join(imported)}"] if imported else []
        lines += [f"export    {name}: {', '.join(exported)}"] if exported else []
    return [*lines, ""]


def _caches_json(plan: BuildPlan) -> dict[str, Any]:
    choice, layers = plan.caches, plan.layers
    return {
        "policy": choice.policy.name,
        "why": choice.why,
        "store": choice.store.shown if choice.store else None,
        "why_store": choice.why_store,
        "environment": str(choice.surroundings.kind),
        "branch": choice.surroundings.branch,
        "read": list(choice.fallbacks),
        "written": choice.own if choice.policy.writes else None,
        "seeds": list(plan.seeds),
        "trusted_mounts": choice.policy.mounts.trusted and not plan.project.namespace,
        "notes": [*choice.notes, *layers.notes, *told(plan.project.namespace)],
        "layers": {
            name: {
                "import": [str(entry) for entry in cache.imports],
                "export": [str(entry) for _, entries in cache.exports for entry in entries],
            }
            for name, cache in layers.targets.items()
        },
    }


def _version_json(plan: BuildPlan) -> dict[str, Any]:
    return {
        "source": plan.versions.source,
        "values": used(plan.matrix, plan.versions),
        "notes": list(plan.versions.notes),
    }


def _targets_json(plan: BuildPlan) -> list[dict[str, Any]]:
    return [
        {
            "name": t.name,
            "service": t.service.name,
            "package": t.service.package,
            "strategy": str(t.strategy),
            "platforms": [str(p) for p in t.platforms],
            "from": _compile_of(plan, t),
            "why": _why(plan, t),
            "images": list(t.images(plan.project.prefix, plan.request.tag)),
        }
        for t in plan.matrix.targets
    ]


def as_json(plan: BuildPlan, needs: Needs = _NO_NEEDS) -> dict[str, Any]:
    project = plan.project
    return {
        "schema": 1,
        "project": {
            "name": project.name,
            "root": str(project.root),
            "context": str(project.context),
            "config": str(project.config_file) if project.config_file else None,
            "go_version": project.go_version,
            "packages": plan.packages,
        },
        "builder": {
            "asked": plan.builder.asked,
            "name": plan.builder.answer.name,
            "driver": plan.builder.driver,
            "platforms": [str(platform) for platform in plan.builder.answer.platforms],
        },
        "compile": [
            {
                "stage": s.name,
                "build_root": str(s.build_root),
                "services": [c.name for c in s.commands if not c.program],
                "stamped": [c.name for c in s.stamped if not c.program],
                "platforms": [str(p) for p in plan.matrix.platforms],
            }
            for s in plan.stages
        ],
        "trust": plan.opened.trust.as_json(),
        "version": _version_json(plan),
        "mounts": list(plan.mounts),
        "caches": _caches_json(plan),
        "targets": _targets_json(plan),
        "left_out": list(plan.matrix.left_out),
        "unread": [{"folder": folder, "words": said} for folder, said in project.unread],
        "services": [_command_json(project, service) for service in plan.matrix.services],
        "commands_left_out": [_command_json(project, service) for service in _others(plan)],
        "needs": telling.as_json(needs),
    }
