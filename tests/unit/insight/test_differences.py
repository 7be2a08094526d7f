"""What is other in a step than in an earlier run, and whether the records can tell."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from gobake.insight.causes import Cause
from gobake.insight.differences import (
    Difference,
    argument_names,
    go_says,
    lacks_evidence,
    linked_in,
    of_step,
    said_together,
    short,
    sources,
)
from gobake.insight.past import Found, Look
from gobake.runs.record import InputsRecord, RunRecord, StepRecord, TargetRecord
from tests.unit.explaining import COMPILE, GO, run, step

FROM, WORKDIR, RUN, COPY = range(4)  # the steps of `run`


def differences(now: RunRecord, then: RunRecord, at: int = RUN) -> tuple[Difference, ...]:
    return of_step(Look(now), at, ["a-scratch"], Found(look=Look(then), at=at))


def only(now: RunRecord, then: RunRecord, at: int = RUN) -> Difference:
    (found,) = differences(now, then, at)
    return found


def with_step(record: RunRecord, at: int, **changes: Any) -> RunRecord:
    steps = list(record.steps)
    steps[at] = replace(steps[at], **changes)
    return replace(record, steps=tuple(steps))


def with_inputs(record: RunRecord, **changes: Any) -> RunRecord:
    return replace(record, inputs=replace(record.inputs, **changes))


def changes(found: Difference) -> list[tuple[str, str]]:
    return [(change.kind, change.what) for change in found.changes]


# ---- base images

DEBIAN = "docker.io/library/debian"


@pytest.mark.parametrize(
    ("now", "then", "cause", "says"),
    [
        ("golang:1.27", "golang:1.26", Cause.GO_VERSION, "Go's image is golang:1.27 and was golang:1.26"),
        ("r.test:5000/go:2", "r.test:5000/go:1", Cause.GO_VERSION, "Go's image is r.test:5000/go:2 and was r.test:5000/go:1"),
        ("golang:1.27", "golang", Cause.BASE, "the base image is golang:1.27 and was golang"),
        ("golang", "golang:1.26", Cause.BASE, "the base image is golang and was golang:1.26"),
        ("r.test:5000/go", "r.test:5000/go:1", Cause.BASE, "the base image is r.test:5000/go and was r.test:5000/go:1"),
        ("mirror/golang:1.27", "golang:1.26", Cause.BASE, "the base image is mirror/golang:1.27 and was golang:1.26"),
    ],
)  # fmt: skip
def test_another_tag_of_go_s_image_is_another_go_and_another_repository_another_base(
    now: str, then: str, cause: Cause, says: str
) -> None:
    found = only(run(2, go_base=now), run(1, go_base=then), FROM)
    assert (found.cause, found.says) == (cause, says)
    assert (found.changes[0].before, found.changes[0].after) == (then, now)


def test_a_go_image_from_elsewhere_is_another_go_if_its_go_is() -> None:
    found = only(run(2, go_base="mirror/go:1", go_version="1.27"), run(1), FROM)
    assert (found.cause, found.says) == (Cause.GO_VERSION, "Go 1.26 → 1.27")


@pytest.mark.parametrize(("reference", "cause"), [("golang", Cause.GO_VERSION), (DEBIAN, Cause.BASE)])
def test_outside_of_the_stage_of_go_its_image_is_known_by_its_name(reference: str, cause: Cause) -> None:
    def on(number: int, tag: str) -> RunRecord:
        return with_step(run(number, go_base=f"{reference}:{tag}"), FROM, stage="a-scratch")

    assert only(on(2, "13"), on(1, "12"), FROM).cause is cause


def test_a_tag_that_moved_is_said_with_short_digests() -> None:
    found = only(run(2, base="2"), run(1), FROM)
    assert found.says == f"{GO} stands for another image: sha256:111111111111 → sha256:222222222222"
    assert short("sha256:" + "a" * 64) == "sha256:" + "a" * 12


def test_of_a_base_whose_image_is_not_known_nothing_is_said() -> None:
    assert differences(with_inputs(run(2), bases=()), run(1), FROM) == ()
    assert differences(run(2, base="2"), with_inputs(run(1), bases=((DEBIAN, "sha256:1"),)), FROM) == ()


def test_a_go_version_is_only_told_where_both_are_known() -> None:
    assert go_says(run(2, go_version="1.27"), run(1)) == "Go 1.26 → 1.27"
    for now, then in (("1.26", "1.26"), ("", "1.26"), ("1.27", "")):
        assert go_says(run(2, go_version=now), run(1, go_version=then)) == ""


# ---- arguments


def test_arguments_are_told_together() -> None:
    assert said_together(["a"]) == "a"
    assert said_together(["a", "b"]) == "a and b"
    assert said_together(["a", "b", "c"]) == "a, b and c"
    text = COMPILE.replace("=x", "=y")
    now = run(2, compile_text=text, arguments={"tags": "y", "ldflags": "-s", "env:GOAMD64": "v2"})
    assert only(now, run(1)).says == "environment variable GOAMD64, ldflags and tags changed"


def test_an_argument_that_is_in_no_text_changed_no_step_unless_it_is_of_the_environment() -> None:
    assert differences(run(2, arguments={"tags": "y"}), run(1)) == ()
    assert only(run(2, arguments={"tags": "y", "env:CC": "clang"}), run(1)).changes[0].what == "environment variable CC"


def test_only_targets_that_both_runs_built_have_changed_arguments() -> None:
    now, then = Look(run(2, arguments={"tags": "y"})), Look(run(1))
    other = Look(run(1, target="b-scratch"))
    assert argument_names(now, ["a-scratch", "b-scratch"], then, lambda _: True) == ["tags"]
    assert argument_names(now, ["a-scratch", "b-scratch"], other, lambda _: True) == []
    assert argument_names(now, ["a-scratch"], then, lambda key: key != "tags") == []


def test_arguments_that_are_linked_in_are_found_in_the_text() -> None:
    text = "go build -ldflags='-X main.v=${VERSION} -X main.r=${REVISION} -X main.again=${VERSION} -X a.x=${PATH}'"
    assert linked_in(text) == ("VERSION", "REVISION")
    assert linked_in("${VERSION_API} ${VCS_REF} ${SHORT_REVISION}") == ("VERSION_API", "VCS_REF", "SHORT_REVISION")
    assert linked_in("go build") == ("VERSION",)


@pytest.mark.parametrize(
    ("text", "then_text", "told"),
    [
        ("RUN go build -X main.v=${REVISION}", "RUN go build -X main.v=${VERSION}", [("changed", "REVISION")]),
        ("RUN go build -X main.v=${VERSION}", "RUN go build", []),
        ("RUN go build -X main.v=${REVISION}", "RUN go build -X main.v=${REVISION}", None),
    ],
    ids=["another variable", "a variable that stayed", "the same text"],
)
def test_a_variable_that_a_changed_text_links_in_is_told(
    text: str, then_text: str, told: list[tuple[str, str]] | None
) -> None:
    found = differences(run(2, compile_text=text), run(1, compile_text=then_text))
    assert [changes(one) for one in found if one.cause is Cause.ARGUMENT] == ([told] if told else [])
    assert bool(found) is (told is not None)


def test_a_stamp_tells_its_variable_only_where_both_values_are_known() -> None:
    def stamped(number: int, **variables: str) -> RunRecord:
        return with_step(run(number, variables=variables or {"TAG": "t"}), RUN, stage="stamp", instruction="RUN go")

    assert changes(only(stamped(2, VERSION="v2"), stamped(1, VERSION="v1"))) == [("changed", "VERSION")]
    assert differences(stamped(2, VERSION="v1"), stamped(1, VERSION="v1")) == ()
    assert differences(stamped(2), stamped(1, VERSION="v1")) == ()
    assert differences(stamped(2, VERSION="v2"), stamped(1)) == ()


# ---- text


def serving(record: RunRecord, *services: str, strategy: str = "scratch") -> RunRecord:
    made = tuple(
        TargetRecord(name=f"{name}-{strategy}", service=name, strategy=strategy, platforms=(), images=())
        for name in services
    )
    return replace(record, targets=(*record.targets, *made))


def test_other_services_that_are_compiled_together_are_told_instead_of_flags() -> None:
    now = serving(run(2, compile_text=f"{COMPILE} -race"), "b", "c")
    then = serving(run(1), "d")
    found = only(now, then)
    assert found.says == "the services that are compiled together are others: + b, + c, - d"
    assert changes(found) == [("added", "service b"), ("added", "service c"), ("removed", "service d")]


def test_a_prebuilt_service_is_compiled_with_nobody() -> None:
    now = serving(run(2, compile_text=f"{COMPILE} -race"), "b", strategy="prebuilt")
    assert changes(only(now, run(1))) == [("added", "-race")]
    assert changes(only(run(2, compile_text=f"{COMPILE} -race"), serving(run(1), "b", strategy="prebuilt"))) == [
        ("added", "-race")
    ]


def test_a_text_that_another_gobake_wrote_is_said_to_be() -> None:
    text = "WORKDIR /elsewhere"
    now = with_step(run(2, gobake="2.0"), WORKDIR, instruction=text)
    assert only(now, run(1, gobake="1.0"), WORKDIR).says == (
        "the WORKDIR instruction is another, written by gobake 2.0"
    )
    assert only(now, run(1, gobake="2.0"), WORKDIR).says == "the WORKDIR instruction is another"


def test_other_services_change_no_step_that_does_not_compile() -> None:
    now = serving(with_step(run(2), WORKDIR, instruction="WORKDIR /elsewhere"), "b")
    assert only(now, run(1), WORKDIR).changes == ()


def test_a_changed_file_is_told_after_a_changed_text() -> None:
    now = run(2, compile_text=f"{COMPILE} -race", files={"cmd/a/main.go": "2" * 16, "go.mod": "1" * 16})
    assert [found.cause for found in differences(now, run(1))] == [Cause.INSTRUCTION, Cause.FILES]


# ---- files


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("COPY a b/c /dest/", ("a", "b/c")),
        ("COPY ./a/ /dest", ("a",)),
        ("COPY --link --chown=1:1 a /dest", ("a",)),
        ("COPY . /dest", ()),
        ("COPY a ./ /dest", ()),
        ("COPY --from=files [config/a b.toml, /etc/b.toml]", ("config/a b.toml",)),
        ('COPY ["config/a, b.toml", "/etc/b.toml"]', ("config/a, b.toml",)),
        (r"COPY --from=files [price\$.txt, /etc/]", ("price$.txt",)),
        ("RUN --mount=type=bind,target=/src go build", ()),
        ("RUN --mount=type=bind,source=cmd,target=/src go build", ("cmd",)),
        ("RUN --mount=type=bind,src=cmd,target=/a --mount=type=bind,source=lib,target=/b go build", ("cmd", "lib")),
        ("RUN --mount=type=bind,source=cmd,target=/a --mount=type=bind,target=/b go build", ()),
        ("RUN --mount=type=cache,source=x,target=/c --mount=type=bind,source=cmd,target=/s go", ("cmd",)),
        ("RUN --mount=type=bind,from=go,source=x,target=/c --mount=type=bind,source=cmd,target=/s go", ("cmd",)),
    ],
)
def test_what_an_instruction_reads_of_the_context(text: str, read: tuple[str, ...]) -> None:
    assert sources(text) == read


@pytest.mark.parametrize(
    ("path", "read"),
    [("etc/a.toml", True), ("etc/deep/a.toml", True), ("etcetera/a.toml", False), ("etc", True), ("x.conf", True), ("x.txt", False)],
)  # fmt: skip
def test_only_files_that_the_instruction_reads_change_it(path: str, read: bool) -> None:
    def copying(number: int, digest: str) -> RunRecord:
        record = run(number, files={"go.mod": "1" * 16, path: digest})
        return with_step(record, COPY, instruction="COPY etc *.conf /etc/")

    found = differences(copying(2, "2" * 16), copying(1, "1" * 16), COPY)
    assert [changes(one) for one in found] == ([[("changed", path)]] if read else [])


def test_a_file_that_came_into_a_tree_or_left_it_is_told() -> None:
    with_file = run(2, files={"go.mod": "1" * 16, "a.go": "1" * 16})
    without = run(1, files={"go.mod": "1" * 16})
    assert only(with_file, without).says == "a.go is new"
    assert only(without, with_file).says == "a.go is gone"


def test_the_only_file_that_an_instruction_read_may_be_gone_or_new() -> None:
    def copying(number: int, **files: str) -> RunRecord:
        record = run(number, files={"go.mod": "1" * 16, **files})
        return with_step(record, COPY, instruction="COPY etc /etc/")

    assert only(copying(2), copying(1, etc="1" * 16), COPY).says == "etc is gone"
    assert only(copying(2, etc="1" * 16), copying(1), COPY).says == "etc is new"


def test_files_that_one_of_the_runs_did_not_look_at_are_not_told() -> None:
    blind = with_inputs(run(1), files=())
    assert differences(run(2), blind) == ()
    assert differences(blind, run(2)) == ()


def prebuilt(number: int, **digests: str) -> RunRecord:
    record = with_step(run(number), COPY, instruction="COPY --from=prebuilt a /")
    return with_inputs(record, prebuilt=tuple(digests.items()))


def test_a_binary_that_was_compiled_outside_is_told_by_its_name() -> None:
    found = only(prebuilt(2, a="2", b="2"), prebuilt(1, a="1", b="1"), COPY)
    assert (found.cause, changes(found)) == (Cause.FILES, [("changed", "a")])
    assert differences(prebuilt(2, a="1", b="2"), prebuilt(1, a="1", b="1"), COPY) == ()
    blind = (with_inputs(prebuilt(2, a="2"), files=()), with_inputs(prebuilt(1, a="1"), files=()))
    assert changes(only(*blind, COPY)) == [("changed", "a")]  # whatever is known of the context


# ---- whether a record can tell


def lacks(now: RunRecord, then: RunRecord, at: int) -> bool:
    return lacks_evidence(Look(now), at, Found(look=Look(then), at=at))


def reading(instruction: str, inputs: InputsRecord) -> RunRecord:
    return replace(run(1), steps=(step(instruction, "executed"),), inputs=inputs)


@pytest.mark.parametrize(
    ("instruction", "inputs"),
    [
        (f"FROM {GO}", InputsRecord(bases=((GO, "sha256:1"),))),
        ("COPY --from=prebuilt a /", InputsRecord(prebuilt=(("a", "1"),))),
        ("COPY --from=files a /", InputsRecord(copied=(("a", "1"),))),
        ("COPY --from=files a /", InputsRecord(files=(("a", "1"),))),  # an older record holds both in one list
        ("COPY a /", InputsRecord(files=(("a", "1"),))),
    ],
)
def test_both_records_must_hold_what_the_step_reads(instruction: str, inputs: InputsRecord) -> None:
    known, blind = reading(instruction, inputs), reading(instruction, InputsRecord())
    assert lacks(known, known, 0) is False
    assert lacks(blind, known, 0) is True
    assert lacks(known, blind, 0) is True


def test_what_goes_into_images_says_nothing_of_what_the_compile_reads() -> None:
    other = reading("COPY a /", InputsRecord(copied=(("a", "1"),)))
    assert lacks(other, other, 0) is True


def digested(digest: str, *, needs: StepRecord | None = None, **more: Any) -> RunRecord:
    """A run of two steps, the second of which has the digest and reads no file."""
    last = replace(step("RUN apt-get", "executed", 0), digest=digest)
    return replace(run(1, **more), steps=(needs or step("WORKDIR /", "executed"), last))


def test_a_step_of_another_digest_that_reads_nothing_differs_by_what_no_record_holds() -> None:
    assert lacks(digested("sha256:2"), digested("sha256:1"), 1) is True
    assert lacks(digested("sha256:1"), digested("sha256:1"), 1) is False


def test_digests_of_other_engines_and_of_steps_above_the_context_tell_nothing() -> None:
    assert lacks(digested("sha256:2", engine="2"), digested("sha256:1", engine="1"), 1) is False
    assert lacks(digested("sha256:2", buildx="2"), digested("sha256:1", buildx="1"), 1) is False
    copy = step("COPY . /src", "executed")
    assert lacks(digested("sha256:2", needs=copy), digested("sha256:1", needs=copy), 1) is False
