"""Records for tests of explanations: real ones, and small ones made by hand."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from gobake.runs.outcomes import Outcome, RunOutcome
from gobake.runs.record import (
    GoRecord,
    InputsRecord,
    MountRecord,
    RunRecord,
    StepRecord,
    TargetRecord,
    digests,
)

RECORDED = ("cold", "warm", "edit", "exported", "bare")
GO = "docker.io/library/golang:1.26"


def step(
    instruction: str, outcome: str, *needs: int, stage: str = "", index: int = 1, target: str = "a-scratch"
) -> StepRecord:
    verb = instruction.partition(" ")[0]
    stage = stage or target
    return StepRecord(
        target=target,
        name=f"[{target} {stage}] {instruction}",
        stage=stage,
        platform="linux/amd64",
        instruction=instruction,
        digest="",
        outcome=Outcome(outcome),
        started=0.0,
        seconds=1.0,
        site=f"{target} linux/amd64 {stage} {index} {verb}",
        needs=needs,
    )


COMPILE = "RUN --mount=type=bind,target=/src go build -tags=x ./cmd/a"


def run(
    number: int,
    outcomes: str = "eeee",
    *,
    files: Mapping[str, str] | None = None,
    base: str = "1",
    compile_text: str = COMPILE,
    arguments: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    go_base: str = GO,
    target: str = "a-scratch",
    **more: object,
) -> RunRecord:
    """One target of four steps: Go's base image, WORKDIR, the compile and the COPY of what it made. ``outcomes``: the
    first letter of each one's: executed, reused, shared."""
    words = {"e": "executed", "r": "reused", "s": "shared", "u": "unknown"}
    told = [words[letter] for letter in outcomes]
    record = RunRecord(
        id=f"20261125-0000{number:02}-aaaaaa",
        started=float(number),
        seconds=10.0,
        outcome=RunOutcome.DONE,
        command=(),
        project="p",
        root="/p",
        builder="default",
        go_version="1.26",
        targets=(
            TargetRecord(
                name=target,
                service=target.partition("-")[0],
                strategy="scratch",
                platforms=("linux/amd64",),
                images=(),
                arguments=digests(arguments or {"tags": "x"}),
            ),
        ),
        steps=(
            step(f"FROM {go_base}", told[0], stage="go", target=target),
            step("WORKDIR /src", told[1], 0, stage="compile", target=target),
            step(compile_text, told[2], 1, stage="compile", index=2, target=target),
            step("COPY --from=compile [/out/a/, /]", told[3], 2, target=target),
        ),
        inputs=InputsRecord(
            bases=((go_base, f"sha256:{base * 64}"),),
            variables=digests(variables or {"VERSION": "v1", "REVISION": str(number), "CREATED": str(number)}),
            files=tuple(sorted((files or {"cmd/a/main.go": "0" * 16, "go.mod": "1" * 16}).items())),
            packages=(("example.com/p/cmd/a", "cmd/a"), ("example.com/p/lib", "lib")),
        ),
    )
    return replace(record, **more)


def compiled(keys: Mapping[str, str], imports: Mapping[str, tuple[str, ...]], *names: str) -> tuple[GoRecord, ...]:
    """Go's work: ``keys`` of all packages, ``names`` of those that were compiled, in a second each."""
    order = sorted(names)
    return (
        GoRecord(
            platform="linux/amd64",
            packages=len(keys),
            compiled=tuple((name, 1.0) for name in order),
            linked=(),
            imports=tuple(tuple(order.index(i) for i in imports.get(name, ()) if i in order) for name in order),
            actions=tuple(sorted(keys.items())),
        ),
    )


def gobuild(before: int | None, after: int | None) -> tuple[MountRecord, ...]:
    return (MountRecord(name="gobuild", id="p-gobuild", before=before, after=after),)
