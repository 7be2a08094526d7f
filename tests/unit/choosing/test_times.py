"""Seconds of a strategy's own steps, from records."""

from __future__ import annotations

import pytest

from gobake.choosing.times import Seconds, packaging
from gobake.runs.outcomes import Outcome, RunOutcome
from gobake.runs.record import GoRecord, RunRecord, StepRecord

E, R, S = Outcome.EXECUTED, Outcome.REUSED, Outcome.SHARED


def step(
    stage: str,
    outcome: Outcome,
    started: float,
    seconds: float,
    *,
    target: str = "api-upx",
    instruction: str = "COPY a b",
    platform: str = "",
    digest: str = "",
) -> StepRecord:
    return StepRecord(
        target=target,
        name="x",
        stage=stage,
        platform=platform,
        instruction=instruction,
        digest=digest or f"{stage}-{started}",
        outcome=outcome,
        started=started,
        seconds=seconds,
    )


def record(*steps: StepRecord, compiled: int = 0) -> RunRecord:
    go = GoRecord(
        platform="linux/amd64", packages=2, compiled=tuple((f"p{at}", 1.0) for at in range(compiled)), linked=()
    )
    return RunRecord(
        id="20261129-000000-000aaaaaa",
        started=0.0,
        seconds=9.0,
        outcome=RunOutcome.DONE,
        command=(),
        project="p",
        root="/p",
        steps=steps,
        go=(go,),
    )


COLD = record(step("api-upx-pack", E, 1, 3), step("api-upx", E, 3, 2), step("compile", E, 0, 90), compiled=2)
EDIT = record(step("api-upx", R, 0, 0), step("api-upx-pack", E, 5, 1.5))
NOTHING = record(step("api-upx", R, 0, 0), step("api-upx-pack", R, 0, 0))


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([], Seconds()),
        ([NOTHING], Seconds()),
        ([COLD], Seconds(cold=4)),  # overlaps count once
        ([NOTHING, EDIT, NOTHING, COLD], Seconds(cold=4, warm=1.5)),
        ([COLD, EDIT], Seconds(cold=4, warm=1.5)),
        ([record(step("api-upx", E, 0, 1, instruction="FROM alpine"))], Seconds()),
        ([record(step("api-upx", E, 0, 1, platform="linux/arm64"))], Seconds()),
        ([record(step("api-upx", E, 0, 1, platform="linux/amd64"))], Seconds(cold=1)),
        ([record(step("api-upx", E, 0, 1, target="api"))], Seconds()),
        ([record(step("apis", E, 0, 1))], Seconds()),
    ],
)
def test_own_steps_are_counted(records: list[RunRecord], expected: Seconds) -> None:
    assert packaging(records, "api-upx", "linux/amd64") == expected


def test_a_shared_step_took_what_it_took_elsewhere() -> None:
    run = record(
        step("api-upx", S, 0, 0, digest="same"),
        step("api-scratch", E, 2, 1.5, digest="same", target="api-scratch"),
        step("api-upx", E, 4, 1),
    )
    assert packaging([run], "api-upx", "linux/amd64") == Seconds(cold=2.5)
    lost = record(step("api-upx", S, 0, 0, digest="none"), step("api-upx", E, 4, 1))
    assert packaging([lost], "api-upx", "linux/amd64") == Seconds()


def test_a_go_build_is_cold_only_where_everything_was_compiled() -> None:
    again = record(step("api-upx-pack", E, 1, 1), step("api-upx", E, 3, 1), compiled=1)
    assert packaging([again, COLD], "api-upx", "linux/amd64", compiles=True) == Seconds(cold=4)
    assert packaging([again, COLD], "api-upx", "linux/amd64") == Seconds(cold=2)
