"""Links a program again with symbols: its twin. The packages come from the mounts of the build, and none is compiled.

The linker's flag -s drops the symbol table behind all that is loaded, so code and data of the twin are where those of
the shipped program are, and its symbols describe both. binary/anatomy.py checks that they are the same.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from gobake import engine, recipe
from gobake.caching.seeds.solve import Given, solve
from gobake.context import staging
from gobake.context.admitted import admitted
from gobake.context.staging import Staged
from gobake.credentials import EventRedactor, Redactor
from gobake.errors import BuildFailed, GobakeError
from gobake.model import Platform, Service, Strategy, Target
from gobake.plan.discover import Opened
from gobake.recipe.dockerfile import BINARIES
from gobake.recipe.stages import compile_stages
from gobake.recipe.words import hcl
from gobake.size.values import Twin
from gobake.targets.matrix import Matrix
from gobake.trace import actiongraph

_SECONDS = 3600.0
_RESULT = "gobake-twin"  # the stage that holds only the program and Go's account of the link
_STRIP = re.compile(r"(?<!\S)-s(?!\S)")


class Twinning(Struct, frozen=True, kw_only=True):
    """What to link, and where."""

    opened: Opened
    service: Service
    platform: Platform
    builder: str
    secrets: Mapping[str, str]  # environment of the build's secrets
    variables: Mapping[str, str]  # other variables of the recipe's secrets: paths
    values: Mapping[str, str]  # values linked into binaries, by build argument
    home: Path  # the project's cache folder, which keeps copies of the sources
    redactor: Redactor = field(default_factory=Redactor)


class Linked(Struct, frozen=True, kw_only=True):
    """The programs that were linked."""

    twin: Path  # with symbols
    shipped: Path | None  # as it ships before it is packed; None if not asked for
    account: Twin


def link(asked: Twinning, folder: Path, *, shipped: bool = False) -> Linked:
    """Link the twin of a service's program into a folder. ``shipped``: link it as it ships, too. Raises BuildFailed."""
    began = time.monotonic()
    services = {"twin": with_symbols(asked.service), **({"shipped": asked.service} if shipped else {})}
    fresh = f"size-{secrets.token_hex(4)}"
    matrix = {how: _matrix(service, asked.platform) for how, service in services.items()}
    project, tree = asked.opened.project, asked.opened.tree
    staged = staging.stage(admitted(project, matrix["twin"], tree), asked.home / "context")
    try:
        targets = {how: _target(asked, how, one, fresh, folder, staged) for how, one in matrix.items()}
        named = {name: "" for target in targets.values() for name in target.variables}
        solved = solve(
            {how: target.described for how, target in targets.items()},
            folder,
            builder=asked.builder,
            seconds=_SECONDS,
            namespace="",  # the recipe sets its own
            given=Given(
                secrets=asked.secrets,
                variables={**named, **asked.variables, **asked.secrets},
                redact=EventRedactor(asked.redactor).line,
            ),
        )
    finally:
        _forget(fresh, asked.builder)
    if solved.error:
        raise BuildFailed(f"{asked.service.name} could not be linked with symbols: {solved.error}")
    work = actiongraph.parse(_graphs(folder / "twin" / "trace"))
    account = Twin(
        seconds=round(time.monotonic() - began, 2), packages=work.packages_total, compiled=len(work.compiled)
    )
    return Linked(
        twin=folder / "twin" / "program", shipped=folder / "shipped" / "program" if shipped else None, account=account
    )


def with_symbols(service: Service) -> Service:
    """The service whose program keeps its symbols, but still has no debug information."""
    flags = _STRIP.sub("-w", service.build.ldflags)
    return replace(service, build=replace(service.build, ldflags=flags))


def _matrix(service: Service, platform: Platform) -> Matrix:
    """The service alone: its stage links no other program."""
    return Matrix(targets=(Target(service=service, strategy=Strategy.SCRATCH, platforms=(platform,)),))


class _Described(Struct, frozen=True, kw_only=True):
    described: Mapping[str, Any]  # the bake target
    variables: tuple[str, ...]


def _target(asked: Twinning, how: str, matrix: Matrix, fresh: str, folder: Path, staged: Staged) -> _Described:
    places = recipe.Places(context="", dockerfile="", prebuilt="", exact=True)  # the target has its own, below
    texts = recipe.render(asked.opened.project, matrix, asked.opened.tree, places)
    file = folder / f"{how}.Dockerfile"
    file.write_text(_exporting(asked, texts.dockerfile, matrix, fresh), encoding="utf-8")
    file.with_name(f"{file.name}.dockerignore").write_text(texts.ignore, encoding="utf-8")
    bake = json.loads(texts.bake)
    base = bake["target"]["_base"]
    described = {
        **base,
        "context": str(staged.sources),
        "dockerfile": str(file),
        "target": _RESULT,
        "platforms": [str(asked.platform)],
        "args": {**base.get("args", {}), **{name: hcl(value) for name, value in asked.values.items()}},
        "output": [f"type=local,dest={folder / how}"],
    }
    return _Described(described=described, variables=tuple(bake["variable"]))


def _exporting(asked: Twinning, dockerfile: str, matrix: Matrix, fresh: str) -> str:
    """The Dockerfile with a final stage of the program.

    It has a mount of its own for linked programs, so that the project's keeps those that ship; and steps of its own,
    since a layer of the build contains Go's account of that build.
    """
    (stage,) = compile_stages(matrix)
    service = matrix.services[0]
    output = stage.output_stage(service)
    mounts = asked.opened.project.mounts
    text, count = re.subn(rf"(?m)^(FROM \S+ AS {re.escape(stage.name)})$", r"\1\nENV GOBAKE_TWIN=1", dockerfile)
    assert count == 1, f"the recipe has {count} stages {stage.name}"
    lines = [
        text.replace(f"id={mounts}-golink-", f"id={fresh}-golink-").rstrip("\n"),
        "",
        f"FROM scratch AS {_RESULT}",
        f"COPY --from={output} /out/any/{service.name}{BINARIES}/{service.name} /program",
        f"COPY --from={output} /trace/ /trace/",
        "",
    ]
    return "\n".join(lines)


def _graphs(folder: Path) -> Iterator[str]:
    for file in sorted(folder.glob("*.json")):
        if file.is_file() and not file.is_symlink():
            yield file.read_text(encoding="utf-8", errors="replace")


def _forget(fresh: str, builder: str) -> None:
    """Delete the mount of the link; a failure is ignored, as it does no harm."""
    with contextlib.suppress(GobakeError):
        for mount in engine.cache_mounts(builder) or ():
            if f"{fresh}-" in mount.id:
                engine.delete_mount(mount.record, builder)
