"""A build plan as text and as JSON."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from gobake.caching.policy.namespaces import told
from gobake.model import Project, Service, Strategy, Target
from gobake.needs import telling
from gobake.needs.needs import Need
from gobake.plan.build_plan import BuildPlan
from gobake.plan.versions import used
from gobake.report.quantities import count_text
from gobake.targets.matrix import Matrix
from gobake.text.color import colored
from gobake.text.layout import Table, arranged, wrapped
from gobake.text.printable import flat
from gobake.text.say import painted, show, write
from gobake.trust.deciding import Trust

Needs = Mapping[str, tuple[Need, ...]]  # by service: what its binary needs at run time
_NO_NEEDS: Needs = MappingProxyType({})
_LABEL = 10
_NOTES = ("left out", "unread", "needs", "note")


def _compile_of(plan: BuildPlan, target: Target) -> str:
    if target.strategy is Strategy.PREBUILT:
        return "binary from " + plan.project.prebuilt.format(
            service=target.service.name, os="OS", arch="ARCH", variant=""
        )
    return next(
        s.output_stage(target.service) for s in plan.stages if any(c.name == target.service.name for c in s.commands)
    )


_STRATEGY = ("strategy", "strategies")


def _why(plan: BuildPlan, target: Target) -> str:
    if plan.request.selection.strategies:
        return "asked for"
    if target.chosen:
        places = plan.opened.config.places if plan.opened.config else {}
        said = {f"{place}.{key}" for place in (f"services.{target.service.name}", "defaults") for key in _STRATEGY}
        return "the default" if said.isdisjoint(places) else "chosen"
    return "listed" if target.service.strategies != tuple(Strategy) else "all strategies"


def as_text(plan: BuildPlan, needs: Needs = _NO_NEEDS, width: int | None = None) -> str:
    """The plan for people. ``width``: of the terminal; None for a line per fact."""
    found = [
        *_hanging([*_project_text(plan), "", *_compile_text(plan), "", *_caches_text(plan), ""], width),
        *(line.text for line in arranged(_targets(plan), width)),
        "",
        *_hanging([counted(plan.matrix), *_rest_text(plan, needs)], width),
    ]
    return "\n".join(map(flat, found))


def print_plan(plan: BuildPlan, needs: Needs = _NO_NEEDS, *, color: str, width: int | None = None) -> None:
    """Print the plan for people; with colours, labels and the head of the table are bold, and notes yellow."""
    text = as_text(plan, needs, width)
    if not colored(sys.stdout, color):
        show(text)
        return
    for line in text.split("\n"):
        label = line[:_LABEL] if re.match(r"[A-Za-z]+ [a-z ]*$", line[:_LABEL]) else ""
        if line.startswith("TARGET "):
            label = line
        fg = "yellow" if label.strip() in _NOTES else ""
        write((painted(label, fg=fg, bold=True) if label else "") + flat(line[len(label) :]) + "\n", sys.stdout)


def _hanging(lines: Iterable[str], width: int | None) -> list[str]:
    """Break lines between words; what follows stands below the text, beside the label."""
    return [part for line in lines for part in wrapped(flat(line), width, _LABEL)]


def counted(matrix: Matrix) -> str:
    """`8 targets for linux/amd64, linux/arm64: 4 services in 2 strategies`."""
    platforms = ", ".join(map(str, matrix.platforms)) or "no platform"
    strategies = len(matrix.strategies)
    services = count_text(len(matrix.services), "service")
    of = f"{services} in {strategies} {'strategy' if strategies == 1 else 'strategies'}"
    return f"{count_text(len(matrix.targets), 'target')} for {platforms}: {of}"


def _project_text(plan: BuildPlan) -> list[str]:
    project = plan.project
    return [
        f"project   {project.name} in {project.root}",
        f"config    {project.config_file or 'none: the repository tells which commands are services'}",
        f"Go        {project.go_version}, compiled in {project.bases.go}; asked "
        + (f"on the host ({plan.opened.host_go})" if plan.opened.host_go else "in a container"),
        f"builder   {plan.builder.shown}",
        *_nodes_text(plan),
        f"context   {project.context}, {count_text(plan.packages, 'package')} of it",
        *_version_text(plan),
        *_trust_text(plan.opened.trust, configured=project.config_file is not None),
    ]


def _nodes_text(plan: BuildPlan) -> list[str]:
    shares = ", ".join(share.shown for share in plan.builder.shares(plan.matrix.platforms))
    lines = [f"nodes     {shares}"] if shares else []
    return [*lines, *(f"          {note}" for note in plan.builder.notes)]


def _compile_text(plan: BuildPlan) -> list[str]:
    lines = []
    for stage in plan.stages:
        names = ", ".join(c.file for c in stage.commands)
        lines.append(f"compile   {stage.name}: one go build per platform for {names}")
        for late in stage.late:
            values = ", ".join(late.arguments) or "constants"
            lines.append(f"          {late.name}: links {', '.join(c.file for c in late.commands)} with {values}")
    return [*lines, *(f"mount     {mount}" for mount in plan.mounts)]


def _targets(plan: BuildPlan) -> Table:
    columns = ("TARGET", "PACKAGE", "PLATFORMS", "FROM", "STRATEGY", "WHY", "IMAGE")
    rows = [
        (
            t.name,
            plan.project.folder(t.service),
            ",".join(map(str, t.platforms)),
            _compile_of(plan, t),
            _why(plan, t),
            t.service.why,
            t.image(plan.project.prefix, plan.request.tag),
        )
        for t in plan.matrix.targets
    ]
    return Table(columns=columns, rows=tuple(tuple(map(flat, row)) for row in rows), left=len(columns))


def _rest_text(plan: BuildPlan, needs: Needs) -> list[str]:
    """What is left out, unread or needed at run time."""
    return [
        *(f"left out  {note}" for note in plan.matrix.left_out),
        *_commands_text(plan),
        *(f"unread    {folder}: Go cannot read it: {' '.join(said.split())}" for folder, said in plan.project.unread),
        *telling.as_lines(needs),
    ]


def _trust_text(trust: Trust, *, configured: bool) -> list[str]:
    """What gobake trusts, and why."""
    return [f"trust     {trust.shown(configured=configured)}", *(f"note      {note}" for note in trust.notes())]


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
            f"          name one to build it: `gobake build {project.folder(others[0])}`; or keep it with "
            "services.include in gobake.yaml"
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
    return lines


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
            "image": t.image(plan.project.prefix, plan.request.tag),
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
            "nodes": [
                {
                    "name": node.name,
                    "machine": str(node.machine) if node.machine else None,
                    "builds": [
                        str(share.platform)
                        for share in plan.builder.shares(plan.matrix.platforms)
                        if share.node.name == node.name
                    ],
                    "error": node.error or None,
                }
                for node in plan.builder.answer.nodes
                if plan.builder.answer.places
            ],
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
        "counts": {
            "targets": len(plan.matrix.targets),
            "services": len(plan.matrix.services),
            "strategies": len(plan.matrix.strategies),
            "platforms": len(plan.matrix.platforms),
        },
        "left_out": list(plan.matrix.left_out),
        "unread": [{"folder": folder, "words": said} for folder, said in project.unread],
        "services": [_command_json(project, service) for service in plan.matrix.services],
        "commands_left_out": [_command_json(project, service) for service in _others(plan)],
        "needs": telling.as_json(needs),
    }
