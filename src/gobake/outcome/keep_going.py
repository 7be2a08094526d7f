"""Finds the targets that made a build fail, so that the others can be built.

Pure: events and Go's output in, targets and reasons out. A failure common to all targets, such as a full disk, a
registry or the compile image, is no target's own, so no target is dropped for it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from gobake.errors import BuildFailed, DiskFull, GobakeError, TransferStalled
from gobake.gotool.packages import GoTree, Package
from gobake.model import Project, Service, Strategy, Target
from gobake.recipe import words
from gobake.recipe.bakefile import own_base_target
from gobake.recipe.dockerfile import SOURCE
from gobake.recipe.stages import compile_stages
from gobake.targets.matrix import Matrix
from gobake.text.printable import one_line
from gobake.trace import golog, programs
from gobake.trace.golog import GoError
from gobake.trace.names import StepKind
from gobake.trace.programs import LoaderOf
from gobake.trace.steps import Step, Trace

ROUNDS = 5  # Go first refuses what it cannot load, then what does not compile, then what does not link
_SHOWN = 8  # names in one line
_WIDTH = 400  # characters of a reason
_MODULES = "/pkg/mod/"
_COMMAND = re.compile(r"^package main\b", re.MULTILINE)
_IGNORED = re.compile(r"^//go:build ignore\b", re.MULTILINE)


class NotBuilt(Struct, frozen=True, kw_only=True):
    """A target left out of the rest of a run, or an unreadable module or command that is not a target."""

    name: str  # of the target, or the module's path
    reason: str  # one line, with Go's message if there is one
    words: tuple[str, ...] = ()  # all of Go's messages about it, with positions in the user's tree
    is_target: bool = True


def own_faults(
    project: Project,
    tree: GoTree,
    matrix: Matrix,
    seen: Trace,
    error: GobakeError,
    loader_of: LoaderOf | None = None,
) -> tuple[NotBuilt, ...]:
    """The targets that failed on their own, in the matrix's order; () if the failure may concern all.

    ``error``: the cause found for the run's failure. ``loader_of``: returns the loader of a program that an image could
    not start.
    """
    if not isinstance(error, BuildFailed) or isinstance(error, (DiskFull, TransferStalled)):
        return ()
    found: dict[str, NotBuilt] = {}
    for step in seen.failed:
        faults = _of_compile(matrix, tree, seen, step) or _of_image(project, matrix, step, loader_of)
        for fault in faults:
            found.setdefault(fault.name, fault)
    return tuple(found[target.name] for target in matrix.targets if target.name in found)


def _of_compile(matrix: Matrix, tree: GoTree, seen: Trace, step: Step) -> tuple[NotBuilt, ...]:
    reasons: Mapping[str, tuple[GoError, ...]] = {}
    for stage in compile_stages(matrix):
        commands = {stage.name: stage.commands, **{late.name: late.commands for late in stage.late}}
        if step.name.stage in commands:
            services = [command.service for command in commands[step.name.stage]]
            reasons = _refused(services, stage.build_root, tree, seen.log(step))
    compiled = [t for t in matrix.targets if t.service.name in reasons and t.strategy is not Strategy.PREBUILT]
    return tuple(_not_built(target, reasons[target.service.name]) for target in compiled)


def _of_image(project: Project, matrix: Matrix, step: Step, loader_of: LoaderOf | None) -> tuple[NotBuilt, ...]:
    """Targets whose own stage failed, or their service's files, or a base image that not all targets need."""
    stages = {words.stage_name(t.name): [t] for t in matrix.targets}
    stages |= {f"{stage}-pack": targets for stage, targets in stages.items()}
    for target in matrix.targets:
        stages.setdefault(words.stage_name(f"{target.service.name}-files"), []).append(target)
    whose = stages.get(step.name.stage, [])
    whose = whose or [t for t in matrix.targets if t.own_base and own_base_target(t.own_base) == step.name.target]
    if step.name.kind is StepKind.METADATA:
        whose = _of_base(project, matrix, step.name.instruction.split()[-1])
    reason = one_line(step.error.rpartition("did not complete successfully: ")[2] or step.error, _WIDTH)
    what = f"{words_of(step)}: {reason}"
    unfit = programs.cannot_start(step.error, (step.name.target, step.name.stage), step.name.platform, loader_of)
    what = one_line(str(unfit), 2 * _WIDTH) if unfit else what
    return tuple(NotBuilt(name=target.name, reason=what) for target in whose)


def _of_base(project: Project, matrix: Matrix, reference: str) -> list[Target]:
    if reference.endswith(project.bases.go):
        return []  # the compile needs this image too
    bases = {target.name: project.base(target.service, target.strategy) for target in matrix.targets}
    return [t for t in matrix.targets if bases[t.name] and reference.endswith(bases[t.name])]


def words_of(step: Step) -> str:
    """The step's instruction, as shown to users."""
    return one_line(step.name.normal_instruction, 120)


def _not_built(target: Target, errors: Sequence[GoError]) -> NotBuilt:
    messages = tuple(one_line(str(error), _WIDTH) for error in errors)
    more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
    return NotBuilt(name=target.name, reason=f"Go refused the code: {messages[0]}{more}", words=messages)


# ---- Go's messages


def _refused(
    services: Sequence[Service], build_root: PurePosixPath, tree: GoTree, log: str
) -> Mapping[str, tuple[GoError, ...]]:
    """Go's messages by service. A message that fits no service in particular counts for all of the stage."""
    go = golog.parse(log)
    found: dict[str, dict[GoError, None]] = {}
    for error in go.errors or [GoError(message=text) for text in go.complaints]:
        shown = golog.located(
            error, source=SOURCE, build_root=build_root, context=tree.layout.context, shown_from=Path.cwd()
        )
        for service in _whose(error, services, build_root, tree):
            found.setdefault(service.name, {})[shown] = None
    return {name: tuple(errors) for name, errors in found.items()}


def _whose(error: GoError, services: Sequence[Service], build_root: PurePosixPath, tree: GoTree) -> Sequence[Service]:
    """The services that need the package of a message; all if none does."""
    needs = {service.name: tree.closure(service.packages) for service in services}
    inside = golog.inside(error.file, SOURCE, build_root)
    for fits in (
        lambda package: inside is not None and package.directory == inside.parent,
        lambda package: bool(error.package) and package.import_path == error.package,
        lambda package: bool(error.package) and error.package in package.imports,
        lambda package: _imports_module(package, _module_of(error.file)),
    ):
        whose = [service for service in services if any(map(fits, needs[service.name]))]
        if whose:
            return whose
    return services


def _module_of(file: str) -> str:
    """The path of the module that a file in Go's module cache belongs to; "" for none."""
    _, marked, rest = file.partition(_MODULES)
    return rest.partition("@")[0] if marked and "@" in rest else ""


def _imports_module(package: Package, module: str) -> bool:
    return bool(module) and any(path == module or path.startswith(f"{module}/") for path in package.imports)


# ---- a whole run


def unreadable(matrix: Matrix, tree: GoTree) -> tuple[NotBuilt, ...]:
    """Modules and commands that Go could not read and that no target needs. A target's own build reports what it
    needs; an unused library is ignored. Reads files to recognize commands."""
    found = []
    for trouble in tree.troubles:
        needed = any(_needs(tree, t.service, trouble.package, trouble.directory) for t in matrix.targets)
        if needed or (trouble.package and not _is_command(tree.layout.context / trouble.directory)):
            continue
        name = trouble.package or trouble.module or str(trouble.directory)
        messages = tuple(one_line(line, _WIDTH) for line in trouble.words.splitlines() if line.strip())
        reason = f"Go cannot read it: {one_line(' '.join(trouble.words.split()), _WIDTH)}"
        found.append(NotBuilt(name=name, reason=reason, words=messages, is_target=False))
    return tuple(found)


def _is_command(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        for file in folder.glob("*.go"):
            text = file.read_text(encoding="utf-8", errors="replace")
            if not file.name.endswith("_test.go") and _COMMAND.search(text) and not _IGNORED.search(text):
                return True
    return False


def _needs(tree: GoTree, service: Service, package: str, folder: PurePosixPath) -> bool:
    """Whether a service needs an unreadable package: it is in the service's closure or imported from it."""
    closure = tree.closure(service.packages)
    return any(reached.directory == folder or (package and package in reached.imports) for reached in closure)


def without(matrix: Matrix, faults: Iterable[NotBuilt]) -> Matrix:
    """The matrix without the targets of ``faults``."""
    gone = {fault.name for fault in faults}
    return replace(matrix, targets=tuple(t for t in matrix.targets if t.name not in gone))


def error(not_built: Sequence[NotBuilt], rest: Matrix) -> BuildFailed | None:
    """The error of a run that built the rest; None if nothing was left out."""
    if not not_built:
        return None
    targets = [fault for fault in not_built if fault.is_target]
    others = [fault for fault in not_built if not fault.is_target]
    parts = []
    if targets:
        count = len(targets) + len(rest.targets)
        verb = "was" if len(targets) == 1 else "were"
        parts.append(f"{len(targets)} of {count} targets {verb} not built: {_list(targets)}")
    if others:
        parts.append(f"Go cannot read {_list(others)}")
    first = not_built[0].reason
    return BuildFailed(
        f"{'; '.join(parts)}; the first: {first}",
        remedy="mend them, or name the services that you want: gobake build NAME",
    )


def _list(faults: Sequence[NotBuilt]) -> str:
    names = [fault.name for fault in faults]
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
