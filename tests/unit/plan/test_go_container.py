"""The questions to Go as a Dockerfile, for machines without Go."""

from __future__ import annotations

import pytest

from gobake import engine
from gobake.errors import BuildFailed, GoVersionMissing
from gobake.gotool import modules
from gobake.gotool.asking import Query, questions
from gobake.model import Platform
from gobake.plan import go_container
from tests.conftest import Tree

AMD64 = Platform(os="linux", arch="amd64")


def mod(path: str) -> str:
    return f"module {path}\n\ngo 1.21\n"


def test_the_container_asks_every_question_in_its_modules_folder_and_quotes_the_path(tree: Tree) -> None:
    root = tree({"a/go.mod": mod("example.com/a"), "it's/go.mod": mod("example.com/b")})
    layout = modules.layout(root)
    text = go_container.dockerfile(layout, questions(layout, [Query(platform=AMD64)]), "golang:1.26")
    assert text.startswith("FROM --platform=$BUILDPLATFORM golang:1.26 AS ask\n")
    assert "cd /src/a && {" in text
    assert """cd '/src/it'"'"'s' && {""" in text
    assert "2>&1 > /answers/0.json | tee /answers/0.err >&2; }" in text
    assert "> /answers/1.json" in text
    assert text.endswith("FROM scratch\nCOPY --from=ask /answers/ /\n")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("failed to build: failed to solve: golang:1.99: failed to resolve source metadata for "
         "docker.io/library/golang:1.99: docker.io/library/golang:1.99: not found", GoVersionMissing),
        ("failed to solve: golang:1.99: failed to resolve source metadata for x: dial tcp: timeout", BuildFailed),
    ],
)  # fmt: skip
def test_a_go_image_that_does_not_exist_is_told_as_by_a_build(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, said: str, kind: type[BuildFailed]
) -> None:
    def build(*_: object, **__: object) -> None:
        raise BuildFailed(said)

    monkeypatch.setattr(engine, "build_folder", build)
    layout = modules.layout(tree({"go.mod": mod("example.com/a")}))
    with pytest.raises(BuildFailed) as raised:
        go_container.survey(layout, [Query(platform=AMD64)], "golang:1.99", "", lambda: "")
    assert type(raised.value) is kind
