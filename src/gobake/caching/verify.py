"""Checks that the caches do not change a binary: builds a sample in four ways and compares the bytes.

- shipped: like any build, from the builder's layers if it has them
- kept: like any build, with the project's mounts, but without a layer cache for the compile step
- relinked: like kept, but with an empty golink mount, so that the content of gobuild and gomod is linked anew
- clean: with empty mounts of its own, from new copies of the sources and new answers of Go

The first runs alone, as two concurrent builds that use one golink mount do not get the same mount.

The clean build uses mounts of other names instead of --no-cache, which would leave a second mount behind for every name
of the project. Mounts made for the comparison are deleted at the end; those of the project are only used.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gobake import engine, memo, recipe
from gobake.caching import apart
from gobake.caching.apart import Apart
from gobake.context import staging
from gobake.context.admitted import admitted
from gobake.context.staging import Staged
from gobake.errors import BuildFailed, CachesDisagree, UsageError
from gobake.gotool.packages import GoTree
from gobake.model import Platform, Project, Strategy
from gobake.paths import cache_folder, scratch_folder
from gobake.plan.discover import Opened
from gobake.recipe.dockerfile import BINARIES
from gobake.recipe.stages import CompileStage, commands_of, compile_stages
from gobake.targets.matrix import Matrix, Selection, select

_RESULT = "gobake-verify"  # the stage that holds only the binaries


class Verdict(StrEnum):
    """Result of the comparison for a service."""

    SAME = "same"
    LAYER = "a layer differs"  # the steps give the right result, but the builder's layer differs
    PROGRAM = "golink differs"  # a linked binary is not what its objects give
    OBJECT = "gobuild or gomod differs"  # an object or a module's source is wrong
    UNSTABLE = "not reproducible"  # two builds without caches differ too: no conclusion


class Verified(Struct, frozen=True, kw_only=True):
    """The sha256 of one service's binary from each build."""

    service: str
    platform: Platform
    shipped: str
    kept: str
    relinked: str
    clean: str
    again: str = ""  # a second clean build, only if the first differs from the others

    @property
    def verdict(self) -> Verdict:
        if self.shipped == self.kept == self.relinked == self.clean:
            return Verdict.SAME
        if self.again and self.again != self.clean:
            return Verdict.UNSTABLE
        if self.relinked != self.clean:
            return Verdict.OBJECT
        return Verdict.PROGRAM if self.kept != self.clean else Verdict.LAYER


class Verifying(Apart, frozen=True, kw_only=True):
    """What to verify, and where."""

    opened: Opened
    anew: Opened  # the same project, opened with an empty memory
    services: tuple[str, ...]  # (): all compiled ones


def verify(asked: Verifying) -> tuple[Verified, ...]:
    """Build the sample and compare. Raises UsageError if there is nothing to verify, CachesDisagree if already the
    sources differ, and BuildFailed."""
    _require_warm(asked)
    _require_same_packages(asked)
    whole = _compiled(asked.opened.project, asked.platform)
    sample = _sample(asked.services, whole)
    names = [command.name for service in sample.services for command in commands_of(service)]
    fresh = f"verify-{secrets.token_hex(4)}"
    with scratch_folder() as scratch:
        staged = staging.stage(admitted(asked.opened.project, whole, asked.opened.tree), asked.home / "context")
        anew = staging.stage(admitted(asked.anew.project, whole, asked.anew.tree), scratch / "context")
        _require_same_sources(staged.sources, anew.sources)
        try:
            found = _build(asked, {"shipped": _text(asked, whole, sample, "")}, names, staged)
            kept = _text(asked, whole, sample, secrets.token_hex(8))
            found |= _build(asked, {"kept": kept, "relinked": _relinked(asked, whole, sample, fresh)}, names, staged)
            found |= _build(asked, {"clean": _clean(asked, sample, fresh)}, names, anew)
            again: dict[str, str] = {}
            if any(digests != found["clean"] for digests in found.values()):
                again = _build(asked, {"clean": _clean(asked, sample, f"{fresh}-again")}, names, anew)["clean"]
        finally:
            apart.forget(fresh, asked.builder)
    return tuple(
        Verified(
            service=name,
            platform=asked.platform,
            again=again.get(name, ""),
            **{how: digests[name] for how, digests in found.items()},
        )
        for name in names
    )


def _compiled(project: Project, platform: Platform) -> Matrix:
    whole = select(project, Selection(platforms=(platform,)), (platform,))
    return Matrix(targets=tuple(t for t in whole.targets if t.strategy is not Strategy.PREBUILT))


def _require_warm(asked: Verifying) -> None:
    project = asked.opened.project
    mounts = engine.cache_mounts(asked.builder)
    if mounts is not None and not any(mount.id == f"{project.mounts}-gobuild" for mount in mounts):
        raise UsageError(f"this builder has no caches of {project.name} to verify", remedy="build first: gobake build")


def _require_same_packages(asked: Verifying) -> None:
    """Raises CachesDisagree if Go's new answer differs from the remembered one."""
    now = {package.import_path: package for package in asked.anew.tree.packages}
    known = {package.import_path: package for package in asked.opened.tree.packages}
    for path in sorted(now.keys() | known.keys()):
        if now.get(path) != known.get(path):
            raise CachesDisagree(
                f"what gobake remembers of package {path} differs from what Go says now",
                remedy=f"delete {cache_folder() / 'memory'}, and please report this",
            )


def _require_same_sources(kept: Path, anew: Path) -> None:
    """Raises CachesDisagree for the first file whose kept copy differs from a new one."""
    one, other = _files(kept), _files(anew)
    for path in sorted(one.keys() | other.keys()):
        if one.get(path) != other.get(path):
            raise CachesDisagree(
                f"gobake's copy of {path} differs from {path}",
                remedy=f"delete {kept.parent}, and please report this",
            )


def _files(folder: Path) -> dict[str, str]:
    """The files of a folder, by path: their digests, or the targets of links."""
    found = {}
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.is_symlink():
            found[name] = f"-> {file.readlink()}"
        elif file.is_file():
            found[name] = _sha256(file)
    return found


def _sample(services: Sequence[str], whole: Matrix) -> Matrix:
    """The targets of the named services, or of all. Raises UsageError."""
    names = services or [service.name for service in whole.services]
    compiled = list(dict.fromkeys(service.name for service in whole.services))
    for name in names:
        if name not in compiled:
            raise UsageError(f"{name} is not a compiled service", remedy=f"one of {', '.join(compiled)}")
    if not names:
        raise UsageError("no service is compiled", remedy="prebuilt binaries use no Go caches")
    return Matrix(targets=tuple(t for t in whole.targets if t.service.name in names))


# ---- recipes


def _text(asked: Verifying, matrix: Matrix, sample: Matrix, moment: str) -> recipe.Recipe:
    """The recipe of a matrix with a final stage that holds the sample's binaries.

    The whole matrix, not just the sample, determines the names of stages and so of the golink mounts.
    """
    return _with_programs(asked.opened.project, asked.opened.tree, matrix, sample, moment)


def _relinked(asked: Verifying, matrix: Matrix, sample: Matrix, fresh: str) -> recipe.Recipe:
    text = _text(asked, matrix, sample, secrets.token_hex(8))
    mounts = asked.opened.project.mounts
    return replace(text, dockerfile=text.dockerfile.replace(f"id={mounts}-golink-", f"id={fresh}-linked-golink-"))


def _clean(asked: Verifying, sample: Matrix, fresh: str) -> recipe.Recipe:
    """The recipe with mounts of other names, rendered with an empty memory."""
    project = asked.anew.project
    other = replace(project, namespace=f"{fresh}-{project.namespace}".rstrip("-"))
    with memo.empty():
        return _with_programs(other, asked.anew.tree, sample, sample, secrets.token_hex(8))


def _with_programs(project: Project, tree: GoTree, matrix: Matrix, sample: Matrix, moment: str) -> recipe.Recipe:
    texts = apart.rendered(project, matrix, tree)
    stages = [s for s in compile_stages(matrix) if {c.name for c in s.commands} & _names(sample)]
    return replace(texts, dockerfile=_exporting(texts.dockerfile, stages, _names(sample), moment))


def _names(matrix: Matrix) -> set[str]:
    return {service.name for service in matrix.services}


def _exporting(dockerfile: str, stages: Iterable[CompileStage], names: set[str], moment: str) -> str:
    """The Dockerfile with a final stage of the binaries. ``moment`` makes the compile steps unknown to any layer cache
    and unique to the recipe: ids of cache mounts are not part of a step's cache key, so BuildKit would merge the steps
    of two recipes. With "" they are those of any build."""
    lines = [dockerfile.rstrip("\n"), "", f"FROM scratch AS {_RESULT}"]
    for stage in stages:
        if moment:
            lines[0] = apart.with_env(lines[0], stage.name, f"GOBAKE_VERIFY={moment}")
        for command in (command for command in stage.commands if command.service.name in names):
            program = f"/out/any/{command.name}{BINARIES}/{command.file}"
            lines.append(f"COPY --from={stage.output_stage(command.service)} {program} /{command.name}")
    return "\n".join([*lines, ""])


# ---- building


def _build(
    asked: Verifying, texts: Mapping[str, recipe.Recipe], names: Sequence[str], staged: Staged
) -> dict[str, dict[str, str]]:
    """Build all recipes. Returns digests by recipe and service."""
    with scratch_folder() as folder:
        if error := apart.build(asked, texts, _RESULT, folder, staged):
            raise BuildFailed(f"the sample could not be built: {error}", remedy="`gobake build` shows more")
        return {how: {name: _sha256(folder / how / name) for name in names} for how in texts}


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
