"""The written recipe, read back for the names of its steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gobake.recipe.outline import own_names, stages_of

RENDERED = Path(__file__).parents[1] / "contracts" / "recipe"


def test_stages_have_the_instructions_that_make_steps_and_the_stages_they_use() -> None:
    text = """# syntax=docker/dockerfile:1
ARG BASE=alpine
FROM --platform=$BUILDPLATFORM golang:1.26 AS Go
from go as compile
ENV A=b
WORKDIR /src
RUN --mount=type=bind,from=shell,target=/run/shell \\
    # a comment between
    --mount=type=cache,target=/c \\
    go build

COPY <<'EOF' /programs
RUN not an instruction
EOF
FROM scratch
COPY --from=compile ["/out/api/", "/"]
USER nobody
"""
    go, compiled, last = stages_of(text)
    assert (go.name, go.steps, go.uses) == ("go", ("FROM golang:1.26",), ())
    assert compiled.steps == (
        "WORKDIR /src",
        "RUN --mount=type=bind,from=shell,target=/run/shell --mount=type=cache,target=/c go build",
        "COPY <<'EOF' /programs",
    )
    assert compiled.uses == ("go", "shell")
    assert (last.name, last.steps, last.uses) == ("stage-2", ('COPY --from=compile ["/out/api/", "/"]',), ("compile",))


def test_buildkit_names_no_stage_where_there_is_only_one() -> None:
    assert [stage.name for stage in stages_of("FROM alpine\nRUN true")] == [""]
    assert [stage.name for stage in stages_of("FROM alpine AS a\nRUN true")] == ["a"]
    assert stages_of("RUN true \\") == ()


def test_every_name_that_our_own_recipe_gives_stays() -> None:
    bake = json.loads((RENDERED / "docker-bake.json").read_text())["target"]
    targets = [name for name in bake if name != "_base"]
    own = own_names(RENDERED / "docker-bake.json", targets)
    for target in targets:
        for stage in own.targets[target].stages:
            for at, text in enumerate(stage.steps, start=1):
                shown = f"[{target} {stage.name} {at}/{len(stage.steps)}] {text}"
                assert own.name(shown) == shown


def test_a_target_gets_its_own_stage_and_not_one_of_another_target() -> None:
    own = own_names(RENDERED / "docker-bake.json", ["api-alpine", "worker-scratch", "trace"])
    shown = "[worker-scratch linux/amd64 api-scratch 1/3] COPY --from=account /out/ /"
    assert own.name(shown) == "[worker-scratch worker-scratch 1/2] COPY --from=account-5 /out/ /"


def test_stages_of_the_projects_own_bases_are_its_own(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "Dockerfile").write_text("FROM alpine:3.22 AS tools\nRUN make tools\n")
    (tmp_path / "gobake.Dockerfile").write_text("FROM own-base AS api-alpine\nCOPY --from=compile /a /b\n")
    bake = {
        "_base": {"dockerfile": "gobake.Dockerfile", "context": "."},
        "_own-base": {"context": str(tmp_path), "dockerfile": "deploy/Dockerfile", "platforms": ["linux/amd64"]},
        "api-alpine": {"inherits": ["_base"], "target": "api-alpine", "contexts": {"own-base": "target:_own-base"}},
        "api-alpine--layers": {"inherits": ["api-alpine"]},
    }
    (tmp_path / "docker-bake.json").write_text(json.dumps({"target": bake}))
    own = own_names(tmp_path / "docker-bake.json", [*bake][1:])
    for target in ("api-alpine", "api-alpine--layers", "_own-base"):
        assert own.name(f"[{target} tools 2/2] RUN make tools") == f"[{target} tools 2/2] RUN make tools"
    assert (
        own.name("[api-alpine other 1/2] COPY --from=x /a /b")
        == "[api-alpine api-alpine 2/2] COPY --from=compile /a /b"
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"target": {"_base": {"dockerfile": "gone"}}}', '{"target": 1}'])
def test_a_recipe_that_cannot_be_read_changes_no_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "docker-bake.json").write_text(text)
    assert own_names(tmp_path / "docker-bake.json", ["a"]).name("[x 1/2] RUN y") == "[x 1/2] RUN y"
    assert own_names(tmp_path / "gone", ["a"]).name("[x 1/2] RUN y") == "[x 1/2] RUN y"
