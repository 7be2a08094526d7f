"""Which steps of two runs are the same work, and which are the same place."""

from __future__ import annotations

from typing import Any

import pytest

from gobake.insight.identity import Place, in_order, is_base, step_keys
from tests.unit.scoring import run, step


def keys(*steps: Any) -> list[str]:
    return step_keys(run(*steps))


def test_equal_work_has_one_key_whatever_its_target_stage_and_platform() -> None:
    """With a single platform BuildKit leaves it out of the names."""
    plain, other = keys(step(1, "executed"), step(1, "reused", target="b", stage="s", platform="", digest="sha256:9"))
    assert plain == other
    assert plain != keys(step(2, "executed"))[0]


@pytest.mark.parametrize("shown", ["", "linux/amd64", "linux/arm64"])
def test_the_platform_that_another_projects_build_gave_a_base_does_not_change_the_key(shown: str) -> None:
    """The build that names a vertex first decides whether BuildKit shows its platform."""

    def on(platform: str) -> list[str]:
        base = step(0, "executed", instruction="FROM golang", platform=platform)
        return keys(base, step(1, "executed", needs=(0,)))

    assert on(shown) == on("linux/amd64")


def test_the_order_in_which_a_step_lists_its_needs_does_not_matter() -> None:
    first, second = step(1, "executed"), step(2, "executed")
    assert keys(first, second, step(3, "executed", needs=(0, 1)))[2] == keys(second, first, step(3, "executed", needs=(0, 1)))[2]  # fmt: skip
    assert keys(first, second, step(3, "executed", needs=(0, 1)))[2] != keys(first, step(3, "executed", needs=(0,)))[1]


def test_needs_that_do_not_exist_are_ignored_and_steps_of_a_circle_have_no_key() -> None:
    plain = keys(step(1, "executed"))
    assert keys(step(1, "executed", needs=(1, 99)), step(2, "executed"))[0] != plain[0]
    assert keys(step(1, "executed", needs=(1,))) == plain
    assert keys(step(1, "executed", needs=(99,))) == plain
    assert keys(step(1, "executed", needs=(1,)), step(2, "executed", needs=(0,)), step(1, "executed")) == [
        *("", ""),
        *plain,
    ]


@pytest.mark.parametrize(
    ("needs", "order"),
    [
        ([], []),
        ([(1,), (2,), ()], [2, 1, 0]),
        ([(), (0, 0), (0, 1)], [0, 1, 2]),
        ([(2,), (0,), ()], [2, 0, 1]),
        ([(3, -1), (), ()], [0, 1, 2]),
        ([(0,), ()], [1]),
        ([(1,), (0,), (1,), ()], [3]),
    ],
)
def test_everything_follows_what_it_needs_and_circles_are_left_out(
    needs: list[tuple[int, ...]], order: list[int]
) -> None:
    assert in_order(needs) == order


def test_a_base_is_what_a_from_fetches() -> None:
    assert is_base(step(0, "executed", instruction="FROM alpine"))
    assert not is_base(step(0, "executed", instruction="COPY --from=a b c"))


def place(text: str, stage: str = "compile", **more: Any) -> Place:
    plain = {"target": "a", "platform": "p", "stage": stage, "index": 2, "verb": text.partition(" ")[0], "text": text}
    return Place(**{**plain, **more})


@pytest.mark.parametrize(
    ("stage", "kind", "compiles"),
    [
        ("compile", "compile", True),
        ("compile-2", "compile", True),
        ("compile-12.3", "compile", True),
        ("stamp", "stamp", True),
        ("stamp.1", "stamp", True),
        ("api-single-stage", "single-stage", True),
        ("api-compile", "api-compile", False),
        ("compiler", "compiler", False),
        ("go", "go", False),
    ],
)
def test_the_kind_of_a_stage_tells_whether_go_compiles_in_it(stage: str, kind: str, compiles: bool) -> None:
    assert (place("RUN go build", stage).kind, place("RUN go build", stage).compiles) == (kind, compiles)
    assert not place("COPY a b", stage).compiles


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("COPY . /src", True),
        ("ADD a.tar /src", True),
        ("COPY --from=files a /etc/", True),
        ("COPY --from=compile /out /", False),
        ("ADD --from=compile /out /", False),
        ("RUN --mount=type=bind,target=/src go build", True),
        ("RUN --mount=type=bind,from=go,target=/go go build", False),
        ("RUN --mount=type=cache,target=/c go build", False),
        ("RUN go build", False),
        ("WORKDIR --mount=type=bind,target=/src", False),
    ],
)
def test_a_step_reads_the_context_by_copies_and_binds_of_no_other_stage(text: str, reads: bool) -> None:
    assert place(text).reads_context is reads


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        ({}, True),
        ({"text": "RUN go vet"}, True),  # the same place with another text
        ({"index": 3}, True),  # the same text at another place
        ({"target": "b"}, True),  # BuildKit shows a shared step under one of its targets
        ({"stage": "compile-2", "index": 9, "text": "RUN go vet"}, True),  # the compile of the same target
        ({"stage": "compile-2", "target": "b"}, False),
        ({"stage": "lint", "index": 9}, False),
        ({"stage": "lint"}, True),  # BuildKit merged it with an equal step
        ({"platform": "q"}, False),
    ],
)
def test_a_place_is_found_again_although_something_of_it_changed(other: dict[str, Any], shared: bool) -> None:
    here, there = place("RUN go build"), place(**{"text": "RUN go build", **other})
    assert bool(set(here.readings()) & set(there.readings())) is shared


def test_the_base_of_a_target_is_found_by_its_target_but_that_of_go_only_by_its_place() -> None:
    def shared(stage: str, other: str) -> bool:
        one, two = place("FROM alpine", stage, index=1), place("FROM debian", other, index=7)
        return bool(set(one.readings()) & set(two.readings()))

    assert shared("a", "a-files")
    assert not shared("go", "go-native")
    assert not shared("a", "go")
