"""Why a build stopped, from its events: the error type, the step, the last lines, Go's own complaints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gobake.errors import (
    BaseImageMissing,
    BuildFailed,
    CompileFailed,
    DiskFull,
    EmulationMissing,
    GobakeError,
    GoVersionMissing,
    Interrupted,
    ModulesUnavailable,
    NoBuilder,
    NoEngine,
    RegistryRefused,
)
from gobake.trace0 import golog
from gobake.trace0.events import EventLog
from gobake.trace0.golog import GoError
from gobake.trace0.steps import Step, Trace

_TAIL = 15  # lines of a failing step that are shown


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What is told about a failed build."""

    error: GobakeError
    step: Step | None
    tail: tuple[str, ...] = ()
    go_errors: tuple[GoError, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tree:
    """How paths inside the build map to the user's own: see golog.located."""

    source: str
    build_root: PurePosixPath
    context: Path
    shown_from: Path


def explain(trace: Trace, log: EventLog, tree: Tree, *, interrupted: bool = False) -> Failure:
    """The failure that a run's events tell of."""
    step = next((s for s in trace.failed if "did not complete" in s.error), next(iter(trace.failed), None))
    told = " ".join([step.error if step else "", *trace.lines[-12:]])
    output = log.logs.get(step.digest, b"") if step else b""
    lines = [golog.plain(line).rstrip() for line in output.decode(errors="replace").splitlines()]
    tail = tuple(line for line in lines if line.strip())[-_TAIL:]
    if interrupted:
        return Failure(error=Interrupted("interrupted; the build was stopped in the engine as well"), step=step)
    errors = tuple(
        golog.located(
            e, source=tree.source, build_root=tree.build_root, context=tree.context, shown_from=tree.shown_from
        )
        for e in golog.parse(output).errors
    )
    return Failure(error=_error(told, "\n".join(tail), step, errors), step=step, tail=tail, go_errors=errors)


def _error(told: str, tail: str, step: Step | None, errors: Sequence[GoError]) -> GobakeError:
    both = f"{told}\n{tail}"
    if re.search(r"no space left on device|disk quota exceeded", both):
        return DiskFull(
            "the engine's disk is full",
            remedy="`docker system df` shows what takes it; `docker buildx prune` frees build caches",
        )
    if base := re.search(
        r"(?:failed to resolve source metadata for|failed to do request: \w+ \"\S*/v2/)\s*([^\s\"]+)", told
    ):
        return _missing_base(base[1].rstrip(":"), told)
    if "exec format error" in both:
        return EmulationMissing(
            "a step runs programs of another architecture, and nothing here emulates it",
            remedy="run `docker run --privileged --rm tonistiigi/binfmt --install all`, add a node of "
            "that architecture, or leave single-stage out",
        )
    if modules := _modules(tail):
        return modules
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        return CompileFailed(f"Go refused the code: {errors[0]}{more}")
    if re.search(
        r"failed to push|unexpected status from (PUT|POST|HEAD) request|denied: |unauthorized|insufficient_scope", told
    ):
        return RegistryRefused(
            f"the registry refused: {_last(told)}", remedy="`docker login` to it, or check --registry"
        )
    if re.search(
        r"(?i)cannot connect|connection refused|error during connect|no such file or directory.*docker\.sock", told
    ):
        return NoEngine(f"the engine went away: {_last(told)}", remedy="`docker info` tells more")
    if re.search(r"no builder .* found|no such builder", told):
        return NoBuilder(_last(told), remedy="`docker buildx ls` lists the builders")
    what = (
        f"the step [{step.name.stage or 'export'}] {_short(step.name.instruction)} failed"
        if step
        else "the build failed"
    )
    reason = _last(step.error if step and step.error else told)
    return BuildFailed(f"{what}: {reason}")


def _missing_base(reference: str, told: str) -> GobakeError:
    if re.search(r"dial tcp|no such host|i/o timeout|connection refused|TLS handshake", told):
        return BaseImageMissing(
            f"the base image {reference} cannot be fetched: its registry does not answer",
            remedy="check the network, or take another base with --base NAME=REF",
        )
    if re.search(r"(^|/)golang:", reference):
        return GoVersionMissing(
            f"there is no base image {reference} for the Go version that the project asks for",
            remedy="set `go:` in gobake.yaml, or name an image with --base go=REF",
        )
    return BaseImageMissing(
        f"there is no base image {reference}, or no right to read it",
        remedy="check its name and `docker login`, or take another with --base NAME=REF",
    )


def _modules(tail: str) -> ModulesUnavailable | None:
    network = re.search(
        r"(?m)^.*(dial tcp|i/o timeout|no such host|connection refused|proxyconnect|TLS handshake|x509:).*$", tail
    )
    if network and re.search(r"(?m)^(go: |\S+\.go:\d+:\d+: )", tail):
        return ModulesUnavailable(
            f"Go could not download modules: {network[0].strip()}",
            remedy="check the network and GOPROXY (`go env GOPROXY`), or vendor the modules",
        )
    other = re.search(
        r"(?m)^.*(unknown revision|404 Not Found|410 Gone|terminal prompts disabled|invalid version|"
        r"missing go\.sum entry|no required module provides|module lookup disabled|updates to go\.mod needed|"
        r"checksum mismatch).*$",
        tail,
    )
    if other:
        return ModulesUnavailable(
            f"Go could not get a module: {other[0].strip()}",
            remedy="`go mod tidy` on this machine mends go.mod and go.sum; private modules need GOPRIVATE",
        )
    return None


def _last(told: str) -> str:
    text = golog.plain(told).strip()
    text = re.sub(r"^.*(?:ERROR: )", "", text, flags=re.S) if "ERROR: " in text else text
    return re.sub(r"\s+", " ", text)[-300:] or "no reason given"


def _short(instruction: str) -> str:
    return instruction if len(instruction) <= 60 else instruction[:57] + "..."
