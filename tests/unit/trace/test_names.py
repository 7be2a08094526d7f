"""Vertex names, as BuildKit and buildx write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobake.trace.names import StepKind, parse_name, targets_in
from tests.unit.recorded import NAMES, read

TARGETS = frozenset({"api-scratch", "worker"})


@pytest.mark.parametrize(
    ("text", "target", "build_platform", "platform", "stage", "number", "instruction"),
    [
        ("[1/2] RUN true", "", "", "", "", (1, 2), "RUN true"),
        ("[ 3/12] RUN true", "", "", "", "", (3, 12), "RUN true"),
        ("[compile 2/2] RUN a  b", "", "", "", "compile", (2, 2), "RUN a  b"),
        ("[worker 1/1] COPY a b", "worker", "", "", "", (1, 1), "COPY a b"),
        ("[worker compile  9/10] WORKDIR /src", "worker", "", "", "compile", (9, 10), "WORKDIR /src"),
        ("[linux/amd64 go 1/1] FROM x", "", "linux/amd64", "linux/amd64", "go", (1, 1), "FROM x"),
        ("[api-scratch linux/amd64->arm64 compile 2/2] RUN x", "api-scratch", "linux/amd64", "linux/arm64", "compile", (2, 2), "RUN x"),
        ("[linux/amd64->arm/v7 compile 2/2] RUN x", "", "linux/amd64", "linux/arm/v7", "compile", (2, 2), "RUN x"),
        ("[linux/arm/v6->arm/v7 1/2] RUN x", "", "linux/arm/v6", "linux/arm/v7", "", (1, 2), "RUN x"),
        ("[linux/amd64->windows/amd64 s 1/2] RUN x", "", "linux/amd64", "windows/amd64", "s", (1, 2), "RUN x"),
        ("[a windows(10.0.17763)/amd64 s 1/2] RUN x", "a", "windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64", "s", (1, 2), "RUN x"),
        ("[internal 1/2] RUN a stage of that name", "", "", "", "internal", (1, 2), "RUN a stage of that name"),
        ("[worker internal 1/2] RUN x", "worker", "", "", "internal", (1, 2), "RUN x"),
        ("[stage-0 2/2] RUN one\ntwo", "", "", "", "stage-0", (2, 2), "RUN one\ntwo"),
    ],
)  # fmt: skip
def test_steps(
    text: str,
    target: str,
    build_platform: str,
    platform: str,
    stage: str,
    number: tuple[int, int],
    instruction: str,
) -> None:
    name = parse_name(text, TARGETS)
    assert (name.target, name.build_platform, name.platform, name.stage) == (target, build_platform, platform, stage)
    assert ((name.index, name.total), name.instruction, name.internal) == (number, instruction, False)
    assert name.text == text


@pytest.mark.parametrize(
    ("text", "kind", "target"),
    [
        ("[internal] load build definition from Dockerfile", StepKind.CONTEXT, ""),
        ("[worker internal] load .dockerignore", StepKind.CONTEXT, "worker"),
        ("[internal] load build context", StepKind.CONTEXT, ""),
        ("[internal] load remote build context", StepKind.CONTEXT, ""),
        ("[internal] load local bake definitions", StepKind.HOUSEKEEPING, ""),
        ("[internal] booting buildkit", StepKind.HOUSEKEEPING, ""),
        ("[internal] setting cache mount permissions", StepKind.HOUSEKEEPING, ""),
        ("[internal] load metadata for docker.io/library/golang:1.26", StepKind.METADATA, ""),
        ("[worker linux/arm64 internal] load metadata for docker.io/library/alpine:3.22", StepKind.METADATA, "worker"),
        ("[auth] library/alpine:pull token for registry.test", StepKind.AUTH, ""),
        ("[worker auth] library/alpine:pull token for registry.test", StepKind.AUTH, "worker"),
        ("exporting to image", StepKind.EXPORT_IMAGE, ""),
        ("[worker] exporting to oci image format", StepKind.EXPORT_IMAGE, "worker"),
        ("pushing registry.test/x with docker", StepKind.EXPORT_IMAGE, ""),
        ("[worker] importing to docker", StepKind.EXPORT_IMAGE, "worker"),
        ("exporting cache to registry", StepKind.EXPORT_CACHE, ""),
        ("[worker] exporting cache to client directory", StepKind.EXPORT_CACHE, "worker"),
        ("importing cache manifest from registry.test/x:cache", StepKind.IMPORT_CACHE, ""),
        ("[worker] importing cache manifest from gha:123", StepKind.IMPORT_CACHE, "worker"),
        ("resolve image config for docker-image://docker.io/docker/dockerfile:1", StepKind.METADATA, ""),
        ("docker-image://docker.io/docker/dockerfile:1@sha256:" + "a" * 64, StepKind.HOUSEKEEPING, ""),
        ("resolving provenance for metadata file", StepKind.HOUSEKEEPING, ""),
        ("[linux/arm64] generating sbom using docker.io/docker/buildkit-syft-scanner", StepKind.HOUSEKEEPING, ""),
        ("[context seed] load metadata for registry.test/seed", StepKind.METADATA, ""),
        ("[worker context files] load from client", StepKind.CONTEXT, "worker"),
        ("[context files] load .dockerignore", StepKind.CONTEXT, ""),
        ("[] odd", StepKind.HOUSEKEEPING, ""),
        ("", StepKind.HOUSEKEEPING, ""),
    ],
)
def test_housekeeping(text: str, kind: StepKind, target: str) -> None:
    name = parse_name(text, TARGETS)
    assert (name.kind, name.target, name.internal) == (kind, target, True)


@pytest.mark.parametrize(
    ("text", "target", "stage", "instruction"),
    [
        (
            "[go 1/1] FROM docker.io/library/golang:1.26@sha256:1",
            "",
            "go",
            "FROM docker.io/library/golang:1.26@sha256:1",
        ),
        ("FROM docker.io/library/alpine:3.22", "", "", "FROM docker.io/library/alpine:3.22"),  # COPY --from=alpine:3.22
        ("[worker] FROM docker.io/library/alpine:3.22", "worker", "", "FROM docker.io/library/alpine:3.22"),
        ("[context seed] registry.test/seed:1", "", "context seed", "FROM registry.test/seed:1"),
        (
            "[worker context seed::linux/arm64] OCI load from client",
            "worker",
            "context seed",
            "FROM OCI load from client",
        ),
        ("[context context seed] x", "context", "context seed", "FROM x"),
    ],
)
def test_base_images_count_as_steps(text: str, target: str, stage: str, instruction: str) -> None:
    name = parse_name(text, TARGETS)
    assert (name.kind, name.target, name.stage, name.instruction) == (StepKind.BASE, target, stage, instruction)
    assert not name.internal


def test_the_platform_of_a_named_context() -> None:
    assert parse_name("[context seed::linux/arm/v7] x").platform == "linux/arm/v7"


def test_a_single_word_is_a_target_only_where_there_are_several() -> None:
    assert parse_name("[worker 1/2] RUN x").stage == "worker"
    assert parse_name("[worker 1/2] RUN x", TARGETS).target == "worker"


def test_the_halves_of_a_linked_copy_have_one_name() -> None:
    copy, link = parse_name("[s 3/4] COPY --link f /g"), parse_name("[s 3/4] LINK COPY --link f /g")
    assert (copy.linked, link.linked) == (False, True)
    assert copy.normal == link.normal


def test_the_normal_name_has_no_digests_no_ids_and_no_numbers() -> None:
    a = parse_name(
        "[worker linux/amd64->arm64 s  3/10] COPY  --from=x@sha256:" + "1" * 64 + " " + "a" * 40 + " b", TARGETS
    )
    b = parse_name(
        "[worker linux/amd64->arm64 s 4/9] COPY --from=x@sha256:" + "2" * 64 + " " + "b" * 40 + " b", TARGETS
    )
    assert a.normal == b.normal == "[worker linux/amd64->linux/arm64 s] COPY --from=x b"
    assert parse_name("exporting to image").normal == "exporting to image"


def test_the_label_is_what_a_person_calls_the_step() -> None:
    assert parse_name("[worker linux/amd64->arm64 s 3/5] RUN x").label == "worker linux/arm64: run x"
    assert parse_name("[worker] exporting to image").label == "worker: exporting to image"


def test_the_site_of_a_step_does_not_depend_on_the_values_in_its_text() -> None:
    assert parse_name("[s 2/2] RUN go build 1").site == parse_name("[s 2/2] RUN go build 2").site == "s 2 RUN"


def test_the_verb_is_the_instruction_s_first_word() -> None:
    assert parse_name("[s 2/2] COPY a b").verb == "COPY"


def test_the_targets_of_a_run_are_found_in_its_names() -> None:
    several = [
        "[a internal] load build definition",
        "[b linux/arm64 internal] load metadata for x",
        "[c 1/2] RUN x",
        "d",
    ]
    assert targets_in(several) == {"a", "b"}
    assert (
        targets_in(["[internal] load build definition", "[linux/arm64 internal] load metadata", "[x 1/2] RUN"]) == set()
    )


@pytest.mark.parametrize("name", NAMES)
def test_no_recorded_instruction_is_taken_for_housekeeping(name: str) -> None:
    texts = [text for _, text in read(name).vertices]
    targets = targets_in(texts)
    for text in texts:
        parsed = parse_name(text, targets)
        assert parsed.internal == (not any(f"/{n}]" in text for n in range(1, 10))), text
        assert parsed.target in {"", *targets}
        assert bool(parsed.target) == bool(targets) or text.startswith(("[internal]", "resolving provenance")), text


@given(st.text(max_size=60) | st.from_regex(r"\[[a-z/>\- 0-9]{0,20}\] [A-Z]{0,5} .{0,10}", fullmatch=True))
def test_any_text_is_a_name(text: str) -> None:
    name = parse_name(text, TARGETS)
    assert name.text == text
    assert name.normal == parse_name(text, TARGETS).normal
    assert isinstance(name.label + name.site, str)
