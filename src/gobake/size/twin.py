"""Links a program again with symbols: its twin. The packages come from the mounts of the build, and none is compiled.

The linker's flag -s drops the symbol table behind all that is loaded, so code and data of the twin are where those of
the shipped program are, and its symbols describe both. binary/anatomy.py checks that they are the same.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gobake import recipe
from gobake.caching import apart
from gobake.caching.apart import Apart
from gobake.context import staging
from gobake.context.admitted import admitted
from gobake.errors import BuildFailed
from gobake.model import Platform, Project, Service, Strategy, Target
from gobake.plan.discover import Opened
from gobake.recipe.dockerfile import BINARIES
from gobake.recipe.stages import compile_stages
from gobake.size.values import Twin
from gobake.targets.matrix import Matrix
from gobake.trace import actiongraph

_RESULT = "gobake-twin"  # the stage that holds only the program and Go's account of the link
_STRIP = re.compile(r"(?<!\S)-s(?!\S)")


class Twinning(Apart, frozen=True, kw_only=True):
    """What to link, and where."""

    opened: Opened
    service: Service


class Linked(Struct, frozen=True, kw_only=True):
    """The programs that were linked."""

    twin: Path  # with symbols
    shipped: Path | None  # as it ships before it is packed; None if not asked for
    account: Twin
    imports: Mapping[str, frozenset[str]] = {}  # of each package, those that it imports


def link(asked: Twinning, folder: Path, *, shipped: bool = False) -> Linked:
    """Link the twin of a service's program into a folder. ``shipped``: link it as it ships, too. Raises BuildFailed."""
    began = time.monotonic()
    services = {"twin": with_symbols(asked.service), **({"shipped": asked.service} if shipped else {})}
    fresh = f"size-{secrets.token_hex(4)}"
    project, tree = asked.opened.project, asked.opened.tree
    matrices = {how: _matrix(service, asked.platform) for how, service in services.items()}
    texts = {how: _text(apart.rendered(project, one, tree), project, one, fresh) for how, one in matrices.items()}
    staged = staging.stage(admitted(project, matrices["twin"], tree), asked.home / "context")
    try:
        error = apart.build(asked, texts, _RESULT, folder, staged)
    finally:
        apart.forget(fresh, asked.builder)
    if error:
        raise BuildFailed(f"{asked.service.name} could not be linked with symbols: {error}")
    work = actiongraph.parse(graphs(folder / "twin" / "trace"))
    account = Twin(
        seconds=round(time.monotonic() - began, 2), packages=work.packages_total, compiled=len(work.compiled)
    )
    return Linked(
        twin=folder / "twin" / "program",
        shipped=folder / "shipped" / "program" if shipped else None,
        account=account,
        imports=work.imports,
    )


def with_symbols(service: Service) -> Service:
    """The service whose program keeps its symbols, but still has no debug information."""
    flags = _STRIP.sub("-w", service.build.ldflags)
    return replace(service, build=replace(service.build, ldflags=flags))


def _matrix(service: Service, platform: Platform) -> Matrix:
    """The service alone: its stage links no other program."""
    return Matrix(targets=(Target(service=service, strategy=Strategy.SCRATCH, platforms=(platform,)),))


def _text(text: recipe.Recipe, project: Project, matrix: Matrix, fresh: str) -> recipe.Recipe:
    """The recipe with a final stage of the program.

    It has a mount of its own for linked programs, so that the project's keeps those that ship; and steps of its own,
    since a layer of the build contains Go's account of that build.
    """
    (stage,) = compile_stages(matrix)
    service = matrix.services[0]
    output = stage.output_stage(service)
    dockerfile = apart.with_env(text.dockerfile, stage.name, "GOBAKE_TWIN=1").replace(
        f"id={project.mounts}-golink-", f"id={fresh}-golink-"
    )
    return replace(text, dockerfile=with_result(dockerfile, _RESULT, linked_in(output, service), output))


def linked_in(output: str, service: Service) -> str:
    """Return a COPY's source: the program where a compile stage leaves it."""
    return f"--from={output} /out/any/{service.name}{BINARIES}/{service.name}"


def with_result(dockerfile: str, name: str, program: str, output: str) -> str:
    """Add a final stage with a program, as /program, and with Go's account of the compile in ``output``."""
    lines = [
        dockerfile.rstrip("\n"),
        "",
        f"FROM scratch AS {name}",
        f"COPY {program} /program",
        f"COPY --from={output} /trace/ /trace/",
        "",
    ]
    return "\n".join(lines)


def graphs(folder: Path) -> Iterator[str]:
    """Yield Go's accounts of what it did."""
    for file in sorted(folder.glob("*.json")):
        if file.is_file() and not file.is_symlink():
            yield file.read_text(encoding="utf-8", errors="replace")
