"""`gobake doctor` on a real engine with a real registry, as a user runs it."""

from __future__ import annotations

from typing import Any

from tests.conftest import Gobake, Tree

FILES = {"go.mod": "module example.com/well\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"}


def findings(gobake: Gobake, *words: str, **where: Any) -> dict[str, dict[str, Any]]:
    """By topic; of several of one topic the last."""
    done = gobake("doctor", "--format", "json", *words, **where)
    return {one["topic"]: one for one in done.json["findings"]}


def test_engine_builder_and_registries_are_found_as_they_are(gobake: Gobake, tree: Tree, registry: str) -> None:
    root = tree(
        {**FILES, "gobake.yaml": f"registry: {registry}/acme\ncache: {{store: {registry}/acme/cache}}\n"}, "well"
    )
    found = findings(gobake, "--trust", cwd=root)
    for topic in ("engine", "buildx", "builder", "image store", "clock", "registry", "cache store", "project", "go"):
        assert found[topic]["state"] in ("ok", "note"), found[topic]
    assert "may be written" in found["registry"]["text"]
    assert found["image store"]["text"].startswith("containerd")
    assert found["disk"]["text"]
    assert "golang:1.26:" not in found["bases"]["text"]  # the engine finds it in its mirror
    assert found["modules"]["text"] == "not needed: no modules from elsewhere"


def test_a_registry_that_is_not_there_is_a_problem_and_exit_code_3(gobake: Gobake, tree: Tree) -> None:
    root = tree({**FILES, "gobake.yaml": "registry: 127.0.0.1:1/acme\n"}, "well")
    done = gobake("doctor", "--trust", cwd=root)
    assert done.code == 3
    assert "127.0.0.1:1/acme/well" in done.out or "127.0.0.1:1" in done.out
    assert done.out.splitlines()[-1].endswith("1 problem") or " problem" in done.out.splitlines()[-1]
