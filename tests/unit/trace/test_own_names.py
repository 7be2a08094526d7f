"""Steps carry the names of this project's recipe, whoever's build named their vertices first."""

from __future__ import annotations

import json

import pytest

from gobake.trace.own_names import Made, OwnNames, Stage, reached

ZONES, GO = "COPY --from=certificates /zones/ /", "FROM --platform=$BUILDPLATFORM golang:1.26"
STAGES = {
    stage.name: stage
    for stage in (
        Stage(name="go", steps=(GO,)),
        Stage(name="compile", steps=("WORKDIR /src", "RUN --mount=type=cache,id=shop-$TARGETARCH go build"), uses=("go",)),
        Stage(name="certificates", steps=("RUN cp -L /etc/ssl/certs/ca.crt /out/",), uses=("go",)),
        Stage(name="account", steps=("RUN --mount=type=bind,from=account-base,target=/base echo",), uses=("account-base",)),
        Stage(name="account-base", steps=("FROM debian:trixie-slim",)),
        Stage(name="account-2", steps=("RUN --mount=type=bind,from=account-2-base,target=/base echo",), uses=("account-2-base",)),
        Stage(name="account-2-base", steps=("FROM alpine:3.22",)),
        Stage(
            name="api-alpine",
            steps=("FROM alpine:3.22", "COPY --from=account-2 /out/ /", ZONES, 'COPY --from=compile ["/out/musl/api/", "/"]'),
            uses=("account-2", "certificates", "compile"),
        ),
        Stage(name="api-scratch", steps=(ZONES, 'COPY --from=compile ["/out/api/", "/"]'), uses=("certificates", "compile")),
    )
}  # fmt: skip
DIGEST = "@sha256:" + "a" * 64


def names(*platforms: str, targets: tuple[str, ...] = ("api-alpine", "api-scratch"), native: str = "") -> OwnNames:
    made = {name: Made(stages=reached(name, STAGES), platforms=platforms or ("linux/amd64",)) for name in targets}
    return OwnNames(made, native)


@pytest.mark.parametrize(
    ("shown", "own"),
    [
        # another project's stage, with its number
        ("[api-scratch fzf-scratch 4/9] COPY --from=certificates /zones/ /", f"[api-scratch api-scratch 1/2] {ZONES}"),
        ("[api-scratch fzf-scratch 2/4] COPY --from=compile [/out/api/, /]", "[api-scratch api-scratch 2/2] COPY --from=compile [/out/api/, /]"),
        # another target of this project, whose stage this target does not use
        ("[api-scratch api-alpine 3/4] COPY --from=certificates /zones/ /", f"[api-scratch api-scratch 1/2] {ZONES}"),
        # stages are numbered per recipe, so the same name may be another stage and an instruction name another one
        ("[api-alpine account 1/1] RUN --mount=type=bind,from=account-base,target=/base     echo", "[api-alpine account-2 1/1] RUN --mount=type=bind,from=account-2-base,target=/base     echo"),
        ("[api-alpine pages 2/3] COPY --from=account /out/ /", "[api-alpine api-alpine 2/4] COPY --from=account-2 /out/ /"),
        ("[api-scratch pages 2/3] COPY --from=certs /zones/ /", f"[api-scratch api-scratch 1/2] {ZONES}"),
        (f"[api-alpine pages-alpine 1/3] FROM docker.io/library/alpine:3.22{DIGEST}", f"[api-alpine api-alpine 1/4] FROM docker.io/library/alpine:3.22{DIGEST}"),
        (f"[api-scratch build 1/7] FROM docker.io/library/golang:1.26{DIGEST}", f"[api-scratch go 1/1] FROM docker.io/library/golang:1.26{DIGEST}"),
        ("[api-scratch build 2/7] WORKDIR /src", "[api-scratch compile 1/2] WORKDIR /src"),
        ("[api-alpine pages 2/3] LINK COPY --link --from=account /out/ /", "[api-alpine 2/3] LINK COPY --link --from=another-stage /out/ /"),
        # of an instruction that is in no stage of ours, the stage is not shown
        ("[api-scratch secret-project 3/7] RUN make", "[api-scratch 3/7] RUN make"),
        ("[api-scratch secret-project 3/7] COPY --from=secret-stage /a /b", "[api-scratch 3/7] COPY --from=another-stage /a /b"),
        ("[api-scratch secret-project 3/7] COPY --from=docker.io/library/busybox:1 /a /b", "[api-scratch 3/7] COPY --from=docker.io/library/busybox:1 /a /b"),
    ],
)  # fmt: skip
def test_what_another_build_named_gets_the_own_stage(shown: str, own: str) -> None:
    assert names().name(shown) == own
    assert names().name(own) == own


@pytest.mark.parametrize(
    "shown",
    [
        "[api-alpine compile 2/2] RUN --mount=type=cache,id=shop-amd64 go build",
        f"[api-alpine account-2-base 1/1] FROM docker.io/library/alpine:3.22{DIGEST}",
        "[api-scratch api-scratch 2/2] COPY --from=compile [/out/api/, /]",
        "[api-alpine internal] load build context",
        "[api-alpine linux/amd64 internal] load metadata for docker.io/library/golang:1.26",
        "[api-alpine] exporting to image",
        "[another-target fzf 1/2] RUN make",
        "importing cache manifest from registry.test/cache",
        "[internal] load local bake definitions",
        "",
    ],
)
def test_own_names_and_housekeeping_stay(shown: str) -> None:
    assert names().name(shown) == shown


@pytest.mark.parametrize(
    ("platforms", "native", "shown", "own"),
    [
        # a single platform is not shown, several are; the build that named the vertex first may have had it otherwise
        (("linux/amd64",), "", "[api-scratch linux/amd64 fzf 4/9] COPY --from=certificates /zones/ /", f"[api-scratch api-scratch 1/2] {ZONES}"),
        (("linux/amd64",), "", "[api-scratch linux/amd64 certificates 1/1] RUN cp", "[api-scratch certificates 1/1] RUN cp"),
        (("linux/amd64", "linux/arm64"), "linux/amd64", "[api-scratch certificates 1/1] RUN cp", "[api-scratch linux/amd64 certificates 1/1] RUN cp"),
        (("linux/amd64", "linux/arm64"), "", "[api-scratch certificates 1/1] RUN cp", "[api-scratch certificates 1/1] RUN cp"),
        (("linux/amd64", "linux/arm64"), "linux/amd64", "[api-scratch linux/arm64 fzf 4/9] COPY --from=certificates /zones/ /", f"[api-scratch linux/arm64 api-scratch 1/2] {ZONES}"),
        (("linux/amd64", "linux/arm64"), "linux/amd64", "[api-scratch linux/amd64->linux/arm64 compile 2/2] RUN x", "[api-scratch linux/amd64->linux/arm64 compile 2/2] RUN x"),
    ],
)  # fmt: skip
def test_platforms_are_shown_as_this_run_shows_them(
    platforms: tuple[str, ...], native: str, shown: str, own: str
) -> None:
    assert names(*platforms, native=native).name(shown) == own


def test_a_single_target_is_not_in_names_so_its_stage_is_not_taken_for_it() -> None:
    alone = names(targets=("api-scratch",))
    assert alone.name("[fzf-scratch 2/4] COPY --from=certificates /zones/ /") == f"[api-scratch 1/2] {ZONES}"
    assert alone.name("[api-scratch 2/2] COPY --from=compile [/out/api/, /]") == "[api-scratch 2/2] COPY --from=compile [/out/api/, /]"  # fmt: skip


def test_lines_of_buildx_are_renamed_and_nothing_else_of_them_changes() -> None:
    old, new = (
        "[api-scratch fzf-scratch 4/9] COPY --from=certificates /zones/ /",
        f"[api-scratch api-scratch 1/2] {ZONES}",
    )
    vertex, logs = {"digest": "sha256:1", "name": old, "cached": True}, [{"data": "eA=="}]
    status = {"vertexes": [vertex], "logs": logs}
    own = names()
    assert own.line(f" > {old}:\n") == f" > {old}:\n"
    renamed = own.line(json.dumps(status) + "\n")
    assert json.loads(renamed) == {"vertexes": [{**vertex, "name": new, "foreign": True}], "logs": logs}
    assert renamed.endswith("}\n")
    assert own.line(f" > {old}:\n") == f" > {new}:\n"  # what buildx says of a failure


@pytest.mark.parametrize(
    "line", ["", "plain\n", '{"vertexes": [', '{"vertexes": {}}', '{"vertexes": [1, {"name": 2}, {}]}', '{"logs": []}']
)
def test_lines_without_names_stay_as_they_are(line: str) -> None:
    assert names().line(line) == line


def test_without_a_recipe_every_name_stays() -> None:
    assert OwnNames().name("[fzf-scratch 2/4] RUN make") == "[fzf-scratch 2/4] RUN make"


def test_stages_that_use_each_other_are_reached_once() -> None:
    circle = {"a": Stage(name="a", steps=(), uses=("b", "gone")), "b": Stage(name="b", steps=(), uses=("a",))}
    assert [stage.name for stage in reached("a", circle)] == ["a", "b"]


def test_only_stages_that_no_target_has_are_marked_as_another_projects() -> None:
    def mark(name: str) -> object:
        return json.loads(names().line(json.dumps({"vertexes": [{"name": name}]})))["vertexes"][0].get("foreign")

    assert mark("[api-scratch fzf-scratch 4/9] COPY --from=certificates /zones/ /") is True
    assert mark("[api-scratch api-alpine 3/4] COPY --from=certificates /zones/ /") is None  # of another target
    assert mark("[api-scratch api-scratch 1/2] COPY --from=certificates /zones/ /") is None
    assert mark("[api-scratch 4/9] RUN make") is None
