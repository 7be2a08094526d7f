"""Base images whose ONBUILD triggers would run in the builds of others."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from gobake.engine.triggers import Triggers
from gobake.errors import BaseImageRefused

FROM = {"digest": "sha256:1", "name": "[go 1/2] FROM docker.io/library/evil:1@sha256:" + "a" * 64}


def told(*steps: object) -> str:
    return json.dumps({"vertexes": list(steps)}) + "\n"


def trigger(*lines: str) -> BaseImageRefused | None:
    found = Triggers()
    told = [found.feed(line) for line in lines]
    assert any(told) == (found.error is not None)
    assert sum(told) <= 1
    return found.error


def onbuild(name: str = "[go 2/3] ONBUILD RUN x", inputs: Iterable[str] = ("sha256:1",)) -> dict[str, object]:
    return {"digest": "sha256:2", "name": name, "inputs": list(inputs)}


def test_an_image_with_a_trigger_is_refused_by_its_name_before_anything_runs() -> None:
    assert str(trigger(told(onbuild(), FROM))) == str(trigger(told(FROM), told(onbuild()), told(onbuild())))
    refused = trigger(told(onbuild()), told(FROM))
    assert refused
    assert str(refused) == (
        "the base image evil:1 has ONBUILD triggers, which would run steps that no recipe shows; "
        "name one without them under `bases` in gobake.yaml, or with --base"
    )


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("[api-alpine linux/arm64 own-base 2/2] ONBUILD COPY a b", "api-alpine linux/arm64 own-base"),
        ("[stage-1 2/ 9] ONBUILD RUN x", "stage-1 2/ 9"),
        ("[ 2/2] ONBUILD RUN x", ""),
    ],
)
def test_a_base_without_a_name_is_told_by_its_stage(name: str, stage: str) -> None:
    refused = trigger(told(onbuild(name, ["sha256:9"])))
    assert refused
    assert str(refused).startswith(f"the base image of {stage}")


@pytest.mark.parametrize(
    "line",
    [
        told({"digest": "sha256:1", "name": "[compile 2/3] RUN echo '] ONBUILD RUN x'"}),
        told({"digest": "sha256:1", "name": "[compile 2/3] RUN echo '[go 1/2] ONBUILD RUN x'"}),
        json.dumps({"logs": [{"vertex": "sha256:1", "data": "[go 1/2] ONBUILD RUN x"}]}),
        "ERROR: [go 1/2] ONBUILD RUN x",
        '{"vertexes": "[go 1/2] ONBUILD RUN x"}',
        '{"vertexes": [1, {"name": 3, "x": "] ONBUILD "}]}',
        "[" * 100_000 + "] ONBUILD ",
    ],
)
def test_words_of_a_step_are_no_trigger(line: str) -> None:
    assert trigger(line) is None
