"""Explains why a build failed, from its events and buildx's messages: type of error, step, end of its log, Go's errors.

BuildKit reports reasons only as text, so texts are matched here and nowhere else. Each was observed on a real engine;
an unknown text gives a plain BuildFailed that quotes it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct

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
    Where,
)
from gobake.text.printable import bounded, one_line, printable
from gobake.trace import golog, programs, untrusted
from gobake.trace.golog import GoError, GoLog
from gobake.trace.names import StepKind
from gobake.trace.programs import LoaderOf
from gobake.trace.steps import Step, Trace
from gobake.trace.unfetched import NETWORK, UNFETCHED, unavailable

TAIL_LINES = 15  # lines shown of the failed step's log
_REASON_WIDTH = 400  # characters of BuildKit's text that an error quotes


class Tree(Struct, frozen=True, kw_only=True):
    """How to map paths in the container to the user's tree; see golog.located."""

    source: str  # the build context's path in the container
    build_root: PurePosixPath  # where `go build` ran, relative to the context
    context: Path
    shown_from: Path | None = None
    missed: Callable[[str], str] | None = None  # finds in a log a path of the context that the build lacked
    unread: Callable[[str], GobakeError | None] | None = None  # finds in a log what Go could not read


class Failure(Struct, frozen=True, kw_only=True):
    """The explanation of a failed build; it contains no terminal escapes."""

    error: GobakeError
    step: Step | None = None  # None: it failed outside of any step
    tail: tuple[str, ...] = ()  # the end of the step's log, without the names of compiled packages
    go_errors: tuple[GoError, ...] = ()  # with paths of the user's tree


def explain_failure(
    trace: Trace,
    plain_lines: Sequence[str],
    *,
    tree: Tree | None = None,
    interrupted: bool = False,
    loader_of: LoaderOf | None = None,
) -> Failure:
    """Explain the failure of a run from its events and buildx's messages.

    ``interrupted``: the user pressed Ctrl-C, which explains all that was canceled. ``loader_of``: finds the loader of a
    program that its image cannot start.
    """
    message = last_message(plain_lines)
    step = _guilty(trace, message)
    go = golog.parse(trace.log(step)) if step else GoLog()
    errors = tuple(_located(error, tree) for error in go.errors)
    tail = _tail(trace.log(step), go) if step else ()
    case = _Case(step=step, said=message, tail="\n".join(tail), go=go, errors=errors, loader_of=loader_of)
    missed = (
        tree.missed(printable(trace.log(step))) if tree and tree.missed and step and step.name.verb == "RUN" else ""
    )
    if interrupted or (step is None and "context canceled" in message):
        return Failure(error=Interrupted("interrupted; the build was stopped in the engine as well"), step=step)
    error = next((known for look in _LOOKS if (known := look(case))), None) or _generic(case)
    unread = tree.unread(printable(trace.log(step))) if tree and tree.unread and step else None
    if unread:
        error = unread
    elif missed and type(error) in (BuildFailed, CompileFailed, ModulesUnavailable):
        error = _left_out(missed)
    return Failure(error=error, step=step, tail=tail, go_errors=errors)


class _Case(Struct, frozen=True, kw_only=True):
    """The evidence."""

    step: Step | None
    said: str  # buildx's last message without prefixes
    tail: str
    go: GoLog
    errors: tuple[GoError, ...]
    loader_of: LoaderOf | None

    @property
    def reason(self) -> str:
        """BuildKit's own text, without the step's output."""
        return "\n".join(filter(None, (self.step.error if self.step else "", self.said)))

    @property
    def everything(self) -> str:
        return f"{self.reason}\n{self.tail}"

    def kind_is(self, *kinds: StepKind) -> bool:
        return self.step is not None and self.step.name.kind in kinds

    def quote(self) -> str:
        text = self.said or (self.step.error if self.step else "")
        return one_line(text, _REASON_WIDTH) or "no reason was given"


# ---- gathering

_PREFIXES = re.compile(
    r"^(?:ERROR: |error: |target [\w-]+: |failed to solve: |failed to build: |rpc error: code = \w+ desc = )"
)


def last_message(plain_lines: Iterable[str]) -> str:
    """Return the last `ERROR:` of buildx and what follows it, or else its last line."""
    lines = [line for line in (printable(bounded(line)).rstrip() for line in plain_lines) if line.strip()]
    marks = [at for at, line in enumerate(lines) if line.startswith(("ERROR: ", "error: "))]
    text = "\n".join(lines[marks[-1] :] if marks else lines[-1:])
    while (shorter := _PREFIXES.sub("", text)) != text:
        text = shorter
    return text


def _guilty(trace: Trace, message: str) -> Step | None:
    """Return the step that failed the build: the one whose error buildx repeats, else one that is not about a cache."""
    failed = trace.failed
    quoted = [step for step in failed if step.error and step.error in message]
    caches = (StepKind.IMPORT_CACHE, StepKind.EXPORT_CACHE)
    plain = [step for step in failed if step.name.kind not in caches]
    return next(iter(quoted or plain), None)


def _tail(log: str, go: GoLog) -> tuple[str, ...]:
    compiled = set(go.compiled)
    lines = [line.rstrip() for line in printable(log).split("\n") if line.strip()]
    telling = [line for line in lines if line not in compiled and line != golog.BEAT]
    return tuple((telling or lines)[-TAIL_LINES:])


def _located(error: GoError, tree: Tree | None) -> GoError:
    if tree is None:
        return error
    return golog.located(
        error, source=tree.source, build_root=tree.build_root, context=tree.context, shown_from=tree.shown_from
    )


# ---- recognising; the first match counts

_NETWORK = re.compile(NETWORK)
_DENIED = re.compile(
    r"pull access denied|401 Unauthorized|403 Forbidden|insufficient_scope|unauthorized|authorization failed|denied: "
)


def _disk_full(case: _Case) -> GobakeError | None:
    if not re.search(r"(?i)no space left on device|disk quota exceeded", case.everything):
        return None
    return DiskFull(
        "the engine's disk is full",
        remedy="`docker system df` shows what uses it, `docker buildx prune` frees build caches",
    )


def _engine_gone(case: _Case) -> GobakeError | None:
    if re.search(r"no builder .* found|no such builder", case.said):
        return NoBuilder(case.quote(), remedy="`docker buildx ls` lists the builders")
    if case.step is None and re.search(
        r"(?i)cannot connect to the docker daemon|is the docker daemon running|error during connect|"
        r"failed to dial|docker\.sock|error reading from server|transport is closing",
        case.said,
    ):
        return NoEngine(f"the engine does not answer: {case.quote()}", remedy="`docker info` shows more")
    return None


def _base_missing(case: _Case) -> GobakeError | None:
    found = re.search(
        r"failed to resolve source metadata for (\S+?):? |(\S+): failed to resolve source metadata", case.reason
    )
    if not found and not (case.kind_is(StepKind.METADATA, StepKind.BASE) and case.step and case.step.failed):
        return None
    named = re.search(
        r"(?:load metadata for|FROM|docker-image://)\s*(\S+)", case.step.name.instruction if case.step else ""
    )
    reference = (found[1] or found[2]) if found else named[1] if named else "of this project"
    reference = re.sub(r"@sha256:\w+$", "", reference)
    if _NETWORK.search(case.reason):
        return BaseImageMissing(
            f"the base image {reference} cannot be fetched, its registry does not answer: {_after_last(case.quote())}",
            remedy="check the network, or name another image with --base NAME=REF",
        )
    if "no match for platform" in case.reason:
        platform = (case.step.name.platform if case.step else "") or "this platform"
        return BaseImageMissing(
            f"the base image {reference} does not exist for {platform}",
            remedy="leave out the platform, or name another image with --base NAME=REF",
        )
    if re.search(r"(?:^|/)golang:", reference) and "not found" in case.reason:
        return no_go_image(reference)
    if _DENIED.search(case.reason):
        what = "does not exist, or you may not read it"
    elif "not found" in case.reason:
        what = "does not exist"
    else:
        what = f"cannot be fetched: {_after_last(case.quote())}"
    return BaseImageMissing(
        f"the base image {reference} {what}",
        remedy="check its name and `docker login`, or name another with --base NAME=REF",
    )


def no_go_image(reference: str) -> GoVersionMissing:
    """Return the error for a golang image whose tag does not exist."""
    return GoVersionMissing(
        f"there is no image {reference} for the Go version that the project requires",
        remedy="set another `go` in gobake.yaml, or name another image with --base go=REF",
    )


def _no_emulation(case: _Case) -> GobakeError | None:
    if "exec format error" not in case.everything.lower():
        return None
    what = f" {case.step.name.platform}" if case.step and case.step.name.platform else " another architecture"
    return EmulationMissing(
        f"a step runs programs for{what}, which this builder cannot run",
        remedy="run `docker run --privileged --rm tonistiigi/binfmt --install all`, add a node of that architecture, "
        "or leave out the strategy single-stage",
    )


def _older_go(case: _Case) -> GobakeError | None:
    text = "\n".join((*case.go.complaints, *(e.message for e in case.errors)))
    found = re.search(r"requires go >= (\S+?)[;,]? \(running go (\S+?)[;)]", text)
    if not found:
        return None
    return GoVersionMissing(
        f"the project requires Go {found[1]}, but the image has Go {found[2]}",
        remedy="set another `go` in gobake.yaml, or name another image with --base go=REF",
    )


_UNTIDY = re.compile(
    r"missing go\.sum entry|updates to go\.mod needed|no required module provides|inconsistent vendoring|"
    r"cannot find module providing|go: (?:errors parsing|go\.mod file not found)"
)


_ADVICE = re.compile(r"[;:,]?\s*(?:to (?:add|match)(?: it)?:?)\s*$")  # the command follows on a line of its own


def _modules(case: _Case) -> GobakeError | None:
    told = [*(str(error) for error in case.errors), *case.go.complaints]
    if fetch := next((text for text in told if UNFETCHED.search(text)), ""):
        return unavailable(fetch, case.tail)
    if any(not _UNTIDY.search(str(error)) for error in case.errors):
        return None  # compile errors come first
    if untidy := next((text for text in told if _UNTIDY.search(text)), ""):
        return ModulesUnavailable(
            f"go.mod and go.sum lack something: {one_line(_ADVICE.sub('', untidy), _REASON_WIDTH)}",
            remedy=_tidying(case, untidy),
        )
    return None


def _tidying(case: _Case, untidy: str) -> str:
    if "vendoring" in untidy:
        return "run `go mod vendor`"
    details = next((error.detail for error in case.errors if str(error) == untidy), ())
    advised = next((line for line in details if line.startswith(("go get ", "go mod "))), "")
    return f"run `{advised}`, or `go mod tidy`" if advised else "run `go mod tidy`"


def _compile(case: _Case) -> GobakeError | None:
    if not case.errors:
        return None
    first = case.errors[0]
    more = f" (and {len(case.errors) - 1} more)" if len(case.errors) > 1 else ""
    where = Where(file=Path(first.file), line=first.line, column=first.column) if first.file else None
    package = f" in {first.package}" if first.package and not first.file else ""
    return CompileFailed(f"Go refused the code{package}: {one_line(first.message, _REASON_WIDTH)}{more}", where=where)


def _registry(case: _Case) -> GobakeError | None:
    pushing = re.search(r"failed to push (\S+?):? ", case.reason)
    if not pushing and not (case.kind_is(StepKind.EXPORT_IMAGE) and _DENIED.search(case.reason)):
        if not re.search(r"error writing (?:layer|config|manifest) blob|cache export", case.reason):
            return None
        return untrusted.refusal("the layer cache could not be written", case.reason) or RegistryRefused(
            f"the layer cache could not be written: {_after_last(case.quote())}",
            remedy="check the cache's address and `docker login`",
        )
    what = f"{pushing[1]} could not be pushed" if pushing else "the registry refused"
    if refused := untrusted.refusal(what, case.reason):
        return refused
    if _NETWORK.search(case.reason):
        what += ", its registry does not answer"
    return RegistryRefused(f"{what}: {_after_last(case.quote())}", remedy="check --registry and `docker login`")


def _program(case: _Case) -> GobakeError | None:
    if case.step is None:
        return None
    name = case.step.name
    return programs.not_written(case.tail) or programs.cannot_start(
        case.reason, (name.target, name.stage), name.platform, case.loader_of
    )


_LOOKS = (_disk_full, _engine_gone, _registry, _base_missing, _no_emulation, _older_go, _modules, _compile, _program)


def _left_out(path: str) -> GobakeError:
    return CompileFailed(
        f"the build needs {path}, which gobake left out of the build context",
        remedy="add it to `include` in gobake.yaml",
    )


def _generic(case: _Case) -> GobakeError:
    if case.step is None:
        return BuildFailed(f"the build failed: {case.quote()}")
    return BuildFailed(f"{one_line(case.step.name.label, 200)} failed: {case.quote()}")


def _after_last(text: str) -> str:
    """Return the innermost reason of a chain `a: b: c`, with its subject."""
    parts = text.split(": ")
    return ": ".join(parts[-3:]) if len(parts) > 3 else text
