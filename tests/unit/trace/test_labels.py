"""What people read as the name of a step."""

from __future__ import annotations

import pytest

from gobake.insight.labels import labels
from gobake.trace.labels import is_shared, stage_label, step_label
from gobake.trace.names import parse_name
from tests.unit.scoring import run, step, target


@pytest.mark.parametrize(
    ("stage", "instruction", "name"),
    [
        ("compile", "RUN --mount=type=cache,target=/c go build ./...", "go build linux/arm64"),
        (
            "compile-2",
            "RUN --mount=type=cache,target=/c . /run/shell/programs && go list x",
            "go build (2) linux/arm64",
        ),
        ("compile", "WORKDIR /src", "go build linux/arm64: working folder"),
        ("stamp", "RUN --mount=type=bind,target=/src go build", "go link linux/arm64"),
        ("stamp.2", "RUN go build", "go link (2) linux/arm64"),
        ("stamp-2.3", "RUN go build", "go link (2.3) linux/arm64"),
        ("go", "FROM docker.io/library/golang:1.26@sha256:00", "Go image golang:1.26 linux/arm64"),
        ("account-2-base", "FROM docker.io/library/alpine:3.22", "base image alpine:3.22 linux/arm64"),
        ("account-2", "RUN --mount=type=bind,from=account-2-base,target=/base mkdir", "user account linux/arm64"),
        ("certificates", "RUN mkdir -p /out/etc/ssl/certs", "certificates linux/arm64"),
        ("shell", "COPY <<EOF /programs", "build scripts linux/arm64"),
        ("upx-tool", "RUN command -v upx", "UPX linux/arm64"),
        ("trace", "COPY --from=stamp /trace/ /", "Go's build records linux/arm64"),
        ("worker-scratch", "COPY --from=compile [/out/static/worker/, /]", "worker scratch linux/arm64: copy binary"),
        ("worker-scratch", "COPY --from=stamp-2.3 [/out/static/worker/, /]", "worker scratch linux/arm64: copy binary"),
        ("worker-scratch", "COPY --from=account-5 /out/ /", "worker scratch linux/arm64: copy user account"),
        ("worker-scratch", "COPY --from=certificates /out/ /", "worker scratch linux/arm64: copy certificates"),
        ("worker-scratch", "COPY --from=certificates /zones/ /", "worker scratch linux/arm64: copy time zones"),
        ("worker-scratch", "COPY --from=worker-files /out/ /", "worker scratch linux/arm64: copy files"),
        ("worker-upx", "COPY --from=worker-upx-pack /out/ /", "worker scratch linux/arm64: copy packed binary"),
        ("worker-upx-pack", "RUN upx -qq -1 /out/w", "worker scratch linux/arm64: pack with UPX"),
        ("worker-prebuilt", "COPY --from=prebuilt --chmod=755 [worker, /w]", "worker scratch linux/arm64: copy binary"),
        ("worker-single-stage", "COPY . .", "worker scratch linux/arm64: copy sources"),
        ("worker-single-stage", "RUN --mount=type=ssh go build -o /w", "worker scratch linux/arm64: go build"),
        ("worker-alpine", "FROM docker.io/library/alpine:3.22", "base image alpine:3.22 linux/arm64"),
        ("tools", "COPY --from=busybox /bin /", "worker scratch linux/arm64: copy from busybox"),
        ("tools", "COPY a b /c/", "worker scratch linux/arm64: copy a b /c/"),
        ("", "RUN make", "worker scratch linux/arm64: run make"),
        ("", "exporting to image", "worker scratch: exporting to image"),
    ],
)
def test_a_step_is_called_by_what_it_does(stage: str, instruction: str, name: str) -> None:
    assert step_label(stage, "linux/arm64", instruction, "worker scratch") == name


def test_a_name_is_one_printable_line() -> None:
    name = step_label("a\x1b[31m", "p\n", "RUN echo \x1b]0;t\x07\n" + "x" * 200, "o\r")
    assert name.isprintable()
    assert len(name) < 100


def test_stages_that_all_targets_share_blame_none_of_them() -> None:
    shared = ("compile", "stamp.2", "certificates", "account-2", "account-2-base", "go", "shell", "trace")
    assert all(map(is_shared, shared))
    assert not any(map(is_shared, ("api-scratch", "api-compile", "", "accounts", "api-upx-pack")))
    assert [stage_label(name, "linux/arm64") for name in ("compile-2", "certificates", "api-upx-pack")] == [
        "go build (2) linux/arm64",
        "certificates linux/arm64",
        "api-upx-pack linux/arm64",
    ]


def test_recorded_steps_are_named_by_service_and_strategy_and_gobakes_own_target_is_not() -> None:
    copy = "COPY --from=stamp [/out/static/api/, /]"
    record = run(
        step(1, "executed", platform="", instruction="RUN go build"),
        step(2, "executed", platform="", stage="api-scratch", instruction=copy),
        step(3, "uncacheable", target="trace", platform="", stage="", instruction="exporting to client directory"),
        step(4, "uncacheable", target="api-scratch--layers", platform="", stage="", instruction="exporting cache"),
        step(5, "executed", target="_own-base", platform="", stage="", instruction="RUN make"),
        targets=(target(),),
    )
    assert labels(record) == (
        "go build linux/amd64",  # the only platform, which BuildKit does not show
        "api scratch: copy binary",
        "exporting to client directory",
        "api scratch: exporting cache",
        "own-base: run make",
    )


def test_a_vertex_is_named_in_the_same_way() -> None:
    assert parse_name("[api-scratch linux/amd64->linux/arm64 compile 2/2] RUN go build").label == "go build linux/arm64"
    assert parse_name("[trace trace 1/1] COPY --from=compile /trace/ /").label == "Go's build records"
    copy = parse_name("[api-scratch linux/arm64 api-scratch 2/3] COPY --from=certificates /zones/ /")
    assert copy.label == "api-scratch linux/arm64: copy time zones"
