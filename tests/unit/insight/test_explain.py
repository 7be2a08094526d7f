"""Causes of misses from records: real ones, and small ones in which one thing is other."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import asdict, replace

from gobake.insight.causes import Cause, Miss
from gobake.insight.explain import explain
from gobake.runs.record import CacheRecord, InputsRecord, RunRecord
from tests.unit.explaining import COMPILE, GO, RECORDED, run
from tests.unit.scoring import recorded

FILES = {"cmd/a/main.go": "0" * 16, "go.mod": "1" * 16}


def only(record: RunRecord, *earlier: RunRecord) -> Miss:
    (miss,) = explain(record, earlier).misses
    return miss


def changes(miss: Miss) -> list[tuple[str, str]]:
    return [(change.kind, change.what) for change in miss.changes]


# ---- real runs


def test_a_cold_run_is_the_first_one() -> None:
    miss = only(recorded("cold"))
    assert miss.cause is Cause.FIRST_RUN
    assert len(miss.targets) == 32
    assert miss.platforms == ("linux/amd64", "linux/arm64")


def test_a_run_without_a_miss_has_nothing_to_explain() -> None:
    assert explain(recorded("warm"), [recorded("cold")]).misses == ()


def test_an_edited_file_is_named_once_for_all_targets() -> None:
    found = explain(recorded("edit"), [recorded("warm"), recorded("cold")])
    edited = next(miss for miss in found.misses if miss.cause is Cause.FILES)
    assert changes(edited) == [("changed", "worker/main.go")]
    assert edited.label == "go build linux/amd64"
    assert {"api-scratch", "worker-upx"} <= set(edited.targets)
    assert edited.follow > 20
    # what those records do not hold is not guessed: binaries that were compiled outside
    others = [miss for miss in found.misses if miss is not edited]
    assert [(miss.cause, miss.target) for miss in others] == [(Cause.UNKNOWN, "worker-prebuilt")]


def test_a_bare_builder_that_imported_the_rest() -> None:
    found = explain(recorded("bare"), [recorded("exported"), recorded("edit"), recorded("cold")])
    assert [(miss.cause, changes(miss)) for miss in found.misses] == [(Cause.FILES, [("changed", "worker/main.go")])]
    causes = {(cause.cause, cause.root, len(cause.packages)) for cause in found.packages}
    assert causes == {
        (Cause.PRUNED, "", 264),
        (Cause.PRUNED, "", 262),
        (Cause.FILES, "example.com/shop/worker", 1),
    }


# ---- one thing is other


def test_the_flag_that_asks_for_no_cache() -> None:
    miss = only(run(2, no_cache=True, files={**FILES, "go.mod": "2" * 16}), run(1))
    assert (miss.cause, miss.changes, miss.follow) == (Cause.NO_CACHE, (), 3)


def test_files_that_changed_came_and_went_sources_first() -> None:
    now = {"a.txt": "9" * 16, "cmd/a/main.go": "2" * 16, "go.mod": "2" * 16}
    miss = only(run(2, "rree", files=now), run(1, files={**FILES, "old.txt": "3" * 16}))
    assert miss.cause is Cause.FILES
    assert changes(miss) == [
        ("changed", "cmd/a/main.go"),
        ("changed", "go.mod"),
        ("added", "a.txt"),
        ("removed", "old.txt"),
    ]
    assert miss.says == "cmd/a/main.go changed, and 3 more"
    assert (miss.follow, miss.compared_with) == (1, run(1).id)


def test_an_argument_is_named_and_its_value_is_not() -> None:
    now = run(2, "rree", arguments={"tags": "secret"}, compile_text=COMPILE.replace("=x", "=secret"))
    miss = only(now, run(1))
    assert (miss.cause, changes(miss)) == (Cause.ARGUMENT, [("changed", "tags")])
    assert "secret" not in repr(miss)


def test_the_environment_stands_in_no_text() -> None:
    miss = only(run(2, "rree", arguments={"tags": "x", "env:GOAMD64": "v2"}), run(1))
    assert (miss.cause, changes(miss)) == (Cause.ARGUMENT, [("changed", "environment variable GOAMD64")])


def test_another_text_names_flags_and_no_value() -> None:
    miss = only(run(2, "rree", compile_text=COMPILE.replace("-tags=x", "-race -p=token")), run(1))
    assert miss.cause is Cause.INSTRUCTION
    assert changes(miss) == [("added", "-p"), ("added", "-race"), ("removed", "-tags")]
    assert "token" not in repr(miss)


def test_what_only_labels_say_is_never_a_cause() -> None:
    variables = {"VERSION": "v2", "REVISION": "b", "CREATED": "now", "TAG": "t"}
    miss = only(run(2, "rree", variables=variables), run(1))
    assert miss.cause is Cause.PRUNED
    assert miss.changes == ()


def test_a_file_that_only_goes_into_images_is_a_cause_of_its_own_step_and_not_of_the_compile() -> None:
    def copying(number: int, digest: str, outcomes: str) -> RunRecord:
        made = run(number, outcomes)
        text = "COPY --from=files [config/[[]x], a.toml, /out/etc/a.toml]"
        steps = (*made.steps[:3], replace(made.steps[3], stage="a-files", instruction=text))
        copied = (("config/[x], a.toml", digest), ("config/b.toml", digest))
        return replace(made, steps=steps, inputs=replace(made.inputs, copied=copied))

    miss = only(copying(2, "b" * 16, "rrre"), copying(1, "a" * 16, "eeee"))
    assert miss.cause is Cause.FILES


def test_the_version_is_a_cause_of_the_stamp_alone() -> None:
    def stamped(number: int, version: str, outcomes: str) -> RunRecord:
        made = run(number, outcomes, variables={"VERSION": version})
        stamp = replace(
            made.steps[3],
            stage="stamp",
            site="a-scratch linux/amd64 stamp 1 RUN",
            instruction="RUN --mount=type=bind,target=/src go build",
        )
        return replace(made, steps=(*made.steps[:3], stamp))

    miss = only(stamped(2, "v2", "rrre"), stamped(1, "v1", "eeee"))
    assert (miss.cause, changes(miss)) == (Cause.ARGUMENT, [("changed", "VERSION")])


def test_a_tag_that_stands_for_another_image() -> None:
    for outcomes in ("eeee", "reee"):  # the image may have been pulled before
        miss = only(run(2, outcomes, base="2"), run(1))
        assert (miss.cause, changes(miss)) == (Cause.BASE, [("changed", "docker.io/library/golang:1.26")])
        assert (miss.changes[0].before, miss.changes[0].after) == (f"sha256:{'1' * 64}", f"sha256:{'2' * 64}")
        assert miss.follow >= 2


def test_another_reference_and_another_go() -> None:
    other = only(run(2, go_base="registry.test/go:1", base="2"), run(1))
    assert (other.cause, other.changes[0].before) == (Cause.BASE, "docker.io/library/golang:1.26")
    newer = run(2, go_base="docker.io/library/golang:1.27", base="2", go_version="1.27")
    newer = replace(newer, inputs=replace(newer.inputs, files=(("cmd/a/main.go", "0" * 16), ("go.mod", "9" * 16))))
    miss = only(newer, run(1))
    assert (miss.cause, miss.says) == (Cause.GO_VERSION, "Go 1.26 → 1.27")


@pytest.mark.parametrize(
    ("now", "before", "cause"),
    [("12", "23", Cause.PRUNED), ("12", "34", Cause.BASE), ("12", "12", Cause.PRUNED), ("12", "1", Cause.PRUNED)],
    ids=["one in common", "none", "all", "one of them"],
)
def test_a_base_of_several_platforms_is_another_where_none_of_its_digests_stayed(
    now: str, before: str, cause: Cause
) -> None:
    def on(number: int, bases: str) -> RunRecord:
        told = run(number)
        return replace(told, inputs=replace(told.inputs, bases=tuple((GO, f"sha256:{one * 64}") for one in bases)))

    assert only(on(2, now), on(1, before)).cause is cause


def test_one_change_of_the_recipe_is_told_once_although_it_has_changed_two_steps() -> None:
    before = run(1)
    now = run(2, compile_text=f"{COMPILE} -trimpath")
    changed = replace(now.steps[1], instruction="WORKDIR /elsewhere")
    miss = only(replace(now, steps=(now.steps[0], changed, *now.steps[2:])), before)
    assert (miss.cause, miss.follow) == (Cause.INSTRUCTION, 2)
    assert miss.says == "the WORKDIR instruction is another"


def test_a_step_above_that_a_cache_had_with_another_result() -> None:
    now = run(2, "rrre", files={**FILES, "go.mod": "2" * 16})
    miss = only(now, run(1))
    assert miss.cause is Cause.UPSTREAM
    assert changes(miss) == [("changed", "go.mod")]


def test_a_new_service_among_those_compiled_together() -> None:
    before = run(1)
    text = f"{COMPILE} ./cmd/b"
    both = run(2, "rree", compile_text=text)
    extra = run(2, "sse" + "e", compile_text=text, target="b-scratch")
    shared = tuple(
        replace(s, outcome=o, needs=tuple(n + 4 for n in s.needs))
        for s, o in zip(extra.steps, ("reused", "reused", "shared", "executed"), strict=True)
    )
    miss = only(replace(both, targets=both.targets + extra.targets, steps=both.steps + shared), before)
    assert (miss.cause, changes(miss)) == (Cause.INSTRUCTION, [("added", "service b")])
    assert miss.targets == ("a-scratch", "b-scratch")


def test_a_selection_is_compared_with_the_last_run_that_built_the_same() -> None:
    alone = run(2, compile_text=f"{COMPILE} only", target="b-scratch")
    miss = only(run(3, "rree", files={**FILES, "cmd/a/main.go": "5" * 16}), alone, run(1))
    assert (miss.cause, miss.compared_with) == (Cause.FILES, run(1).id)


def test_a_step_that_failed_is_not_what_a_cache_could_have() -> None:
    failed = run(2, files={**FILES, "go.mod": "7" * 16})
    steps = (*failed.steps[:2], replace(failed.steps[2], error="exit code: 1"))
    miss = only(
        run(3, "rree", files={**FILES, "go.mod": "8" * 16}), replace(failed, outcome="failed", steps=steps), run(1)
    )
    assert (miss.cause, miss.compared_with) == (Cause.FILES, run(1).id)


# ---- nothing is other


def cache(direction: str, *, found: bool | None = None, error: str = "") -> CacheRecord:
    return CacheRecord(direction=direction, target="a-scratch", ref="r/c:t", seconds=1.0, found=found, error=error)


@pytest.mark.parametrize(
    ("now", "before", "cause"),
    [
        ({}, {}, Cause.PRUNED),
        ({"bare": True}, {}, Cause.PRUNED),
        ({"builder": "other"}, {}, Cause.OTHER_BUILDER),
        ({"machine": "2"}, {"machine": "1"}, Cause.OTHER_BUILDER),
        ({"machine": "1", "builder": "renamed"}, {"machine": "1"}, Cause.PRUNED),
        ({"machine": "2"}, {"machine": "1", "caches": (cache("export"),)}, Cause.NO_IMPORT),
        ({"machine": "2", "caches": (cache("import", found=True),)}, {"machine": "1", "caches": (cache("export"),)}, Cause.OTHER_BUILDER),
        ({"caches": (cache("import", found=False, error="refused"),)}, {}, Cause.IMPORT_FAILED),
        ({"caches": (cache("import", found=False),)}, {"caches": (cache("export"),)}, Cause.IMPORT_FAILED),
        ({"caches": (cache("import", found=False),)}, {}, Cause.PRUNED),
        ({"caches": (cache("import", found=False), cache("import", found=True))}, {"caches": (cache("export"),)}, Cause.PRUNED),
        ({"inputs": InputsRecord()}, {}, Cause.UNKNOWN),
    ],
)  # fmt: skip
def test_no_cache_had_what_is_as_it_was(now: dict[str, Any], before: dict[str, Any], cause: Cause) -> None:
    assert only(run(2, "rree", **now), run(1, **before)).cause is cause


def test_a_base_image_that_is_only_fetched_again_is_no_cause() -> None:
    miss = only(run(2, "eree", files={**FILES, "go.mod": "2" * 16}), run(1))
    assert miss.cause is Cause.FILES
    assert only(run(2, "errr"), run(1)).cause is Cause.PRUNED


# ---- whatever a record lacks


def _less(value: Any, luck: random.Random, share: float) -> Any:
    """A record in which some fields are what they are where nothing is known."""
    if not isinstance(value, Struct):
        return value
    changed: dict[str, Any] = {}
    for name, old in asdict(value).items():
        if luck.random() < share and name not in ("id", "schema"):
            empty: dict[type, Any] = {str: "", tuple: (), bool: False, int: 0, float: 0.0}
            changed[name] = InputsRecord() if isinstance(old, InputsRecord) else empty.get(type(old))
        elif isinstance(old, tuple) and old and isinstance(old[0], Struct):
            kept = [item for item in old if luck.random() >= share / 4]
            changed[name] = tuple(_less(item, luck, share / 4) for item in kept)
        elif isinstance(old, Struct):
            changed[name] = _less(old, luck, share)
    return replace(value, **changed)


_WHOLE = {name: recorded(name) for name in RECORDED}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(RECORDED),
    st.lists(st.sampled_from(RECORDED), max_size=4),
    st.integers(0, 2**32),
    st.sampled_from((0.0, 0.1, 0.4)),
)
def test_no_record_makes_it_fail(name: str, earlier: list[str], luck: int, share: float) -> None:
    source = random.Random(luck)
    records = [_less(_WHOLE[n], source, share) for n in (name, *earlier)]
    records = [replace(record, id=f"20261125-0000{at:02}-aaaaaa") for at, record in enumerate(records)]
    found = explain(records[0], records[1:])
    for miss in found.misses:
        assert records[0].steps[miss.step].outcome in ("executed", "shared")
        assert miss.says
        assert "\n" not in miss.says + miss.label
    for cause in found.packages:
        assert cause.packages
    if share == 0.0 and not any(step.outcome in ("executed", "shared") for step in records[0].steps):
        assert not found.misses


def test_circles_in_a_record_end() -> None:
    made = run(2, files={**FILES, "go.mod": "2" * 16})
    steps = tuple(replace(s, needs=(0, 1, 2, 3, 99, -1)) for s in made.steps)
    assert explain(replace(made, steps=steps), [run(1)]).misses
