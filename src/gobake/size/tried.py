"""Builds a service's program once per choice, with one thing changed, from the warm caches of the build.

No mount of the project is written. Go's own cache is mounted without the right to write, behind a folder of links to
its files, where Go puts what it compiles; linked programs are in a mount of their own, as the twin's are.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gobake import recipe
from gobake.caching import apart
from gobake.context import staging
from gobake.context.admitted import admitted
from gobake.context.staging import Staged
from gobake.errors import BuildFailed
from gobake.gotool import list_cache
from gobake.gotool.asking import queries
from gobake.gotool.packages import GoTree
from gobake.model import Platform, Project, Service, Strategy, Target
from gobake.plan.discover import Opened
from gobake.recipe import words
from gobake.recipe.dockerfile import BINARIES
from gobake.recipe.stages import CompileStage, compile_stages
from gobake.size.choices import Choice, settled, shipping
from gobake.size.twin import Twinning, graphs, linked_in, with_result
from gobake.size.values import Saving, Savings
from gobake.targets.matrix import Matrix
from gobake.trace import actiongraph

_RESULT = "gobake-choice"  # the stage that holds only the program and Go's account of it
_WARM, _OWN = "/cache/gobuild", "/cache/own"  # the project's Go cache, and where choices keep theirs
_LEVEL = 6  # of gzip, as BuildKit packs layers
_PIECE = 1 << 20

Begun = Callable[[Choice], None]


class Shipped(Struct, frozen=True, kw_only=True):
    """The program in the image."""

    file: Path
    packed: bool  # by UPX


class _Round(Struct, frozen=True, kw_only=True):
    """What all builds of a run have in common."""

    asked: Twinning
    service: Service
    tree: GoTree
    staged: Staged
    fresh: str  # the beginning of the names of its mounts
    folder: Path

    @property
    def project(self) -> Project:
        return self.asked.opened.project


def measured(asked: Twinning, choices: Sequence[Choice], shipped: Shipped, folder: Path, begun: Begun) -> Savings:
    """Build and measure the program as it ships, and then once per choice.

    ``begun``: told of each choice before it is built. One that does not build says so, and the others are measured.
    Raises BuildFailed if the program does not build as it ships.
    """
    service, platform = settled(replace(asked.service, programs=()), asked.platform)
    first = shipping(service, packed=shipped.packed)
    tree = _tree(asked.opened, platform, (first, *choices))
    whole = _matrix(service, first, platform)
    fresh = f"size-{secrets.token_hex(4)}"
    one = _Round(
        asked=replace(asked, platform=platform),
        service=service,
        tree=tree,
        staged=staging.stage(admitted(asked.opened.project, whole, tree), asked.home / "context"),
        fresh=fresh,
        folder=folder,
    )
    try:
        base, digest = _tried(one, first)
        if base.error:
            raise BuildFailed(f"{service.name} could not be built again as it ships: {base.error}")
        found = []
        for choice in choices:
            begun(choice)
            found.append(_tried(one, choice)[0])
    finally:
        apart.forget(fresh, asked.builder)
    return Savings(shipped=base, same=digest == _digest(shipped.file), choices=tuple(found))


def _tree(opened: Opened, platform: Platform, choices: Sequence[Choice]) -> GoTree:
    """The packages that any of the choices compiles: a build tag may import others."""
    if opened.host_go is None:
        return opened.tree
    asked = queries((platform,), [choice.build for choice in choices])
    return list_cache.survey(opened.tree.layout, asked, opened.host_go) or opened.tree


def _matrix(service: Service, choice: Choice, platform: Platform) -> Matrix:
    strategy = Strategy.UPX if choice.packed else Strategy.SCRATCH
    changed = replace(service, build=choice.build)
    return Matrix(targets=(Target(service=changed, strategy=strategy, platforms=(platform,)),))


# ---- one build


def _tried(one: _Round, choice: Choice) -> tuple[Saving, str]:
    """Build and measure. Returns the sha256 of the program, too; "" if it does not build."""
    matrix = _matrix(one.service, choice, one.asked.platform)
    rendered = apart.rendered(one.project, matrix, one.tree)
    name = "choice"
    place = one.folder / secrets.token_hex(4)
    place.mkdir()
    began = time.monotonic()
    error = apart.build(one.asked, {name: _text(rendered, one, matrix)}, _RESULT, place, one.staged)
    seconds = round(time.monotonic() - began, 2)
    program = place / name / "program"
    work = actiongraph.parse(() if error else graphs(place / name / "trace"))
    saving = Saving(
        name=choice.name,
        change=choice.change,
        bytes=None if error else program.stat().st_size,
        compressed_bytes=None if error else _compressed(program),
        seconds=seconds,
        packages=work.packages_total,
        compiled=len(work.compiled),
        error=error,
    )
    digest = "" if error else _digest(program)
    shutil.rmtree(place)  # ten programs of 50 MB need not lie here at once
    return saving, digest


def _compressed(file: Path) -> int:
    """The bytes that the program takes as a layer."""
    pack = zlib.compressobj(_LEVEL, wbits=31)
    size = 0
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            size += len(pack.compress(piece))
    return size + len(pack.flush())


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


# ---- its recipe


def _text(text: recipe.Recipe, one: _Round, matrix: Matrix) -> recipe.Recipe:
    """The recipe with a final stage of the program, and with steps that write no mount of the project."""
    (stage,) = compile_stages(matrix)
    (target,) = matrix.targets
    output = stage.output_stage(target.service)
    name = one.service.name
    program = linked_in(output, one.service)
    if target.strategy is Strategy.UPX:
        program = f"--from={words.stage_name(target.name)}-pack /out{BINARIES}/{name}"
    dockerfile = unwritten(text.dockerfile, stage, output, one.project.mounts, one.fresh)
    return replace(text, dockerfile=with_result(dockerfile, _RESULT, program, output))


def unwritten(dockerfile: str, stage: CompileStage, output: str, mounts: str, fresh: str) -> str:
    """The Dockerfile whose Go cache is a folder of links to the project's, in a mount of its own."""
    key = hashlib.sha256(repr(stage.options).encode()).hexdigest()[:12]  # the same for a program that is only packed
    own = f"{_OWN}/{key}"
    warm, beside = (f"--mount=type=cache,id={of}-gobuild,target=" for of in (mounts, fresh))
    text = apart.with_env(dockerfile, stage.name, f"GOBAKE_CHOICE={fresh}")
    text = text.replace(f"id={mounts}-golink-", f"id={fresh}-golink-")
    text = text.replace(f"{warm}{_WARM} \\\n", f"{warm}{_WARM},readonly \\\n    {beside}{_OWN} \\\n")
    assert beside in text, "the recipe mounts no Go cache"
    text = _once(text, f"ENV GOCACHE={_WARM} ", f"ENV GOCACHE={own} ")
    linked = f"rm -rf {own} && cp -as {_WARM} {own} && rm -f {own}/trim.txt && date +%s >{own}/trim.txt"
    begin, end = ". /run/shell/programs && begin && \\\n", "\n    end\n"
    text = _once(text, begin, f"{linked} && \\\n    {begin}")
    before, head, after = text.partition(f" AS {output}\n")
    assert head, f"the recipe has no stage {output}"
    return before + head + _once(after, end, f"\n    end && rm -rf {own}\n")


def _once(text: str, old: str, new: str) -> str:
    assert old in text, f"the recipe has no {old.strip()}"
    return text.replace(old, new, 1)
