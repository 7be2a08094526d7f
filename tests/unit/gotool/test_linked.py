"""The packages that programs link, as Go lists them under the settings of the build; and what is remembered of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gobake.errors import ProjectError
from gobake.gotool import linked, list_cache, local, modules
from gobake.gotool.asking import Query
from gobake.gotool.linked import Linked, Linking
from gobake.model import Platform
from tests.conftest import Tree

FILES = {
    "go.mod": "module example.com/shop\n\ngo 1.21\n",
    "api/main.go": 'package main\n\nimport _ "example.com/shop/lib"\n\nfunc main() {}\n',
    "lib/lib.go": "package lib\n",
    "lib/arm.go": '//go:build arm64\n\npackage lib\n\nimport _ "container/list"\n',
    "lib/tagged.go": '//go:build extra\n\npackage lib\n\nimport _ "container/ring"\n',
    "lib/cgo.go": 'package lib\n\nimport "C"\n',
}


def question(root: Path, platform: str = "linux/amd64", **query: Any) -> tuple[modules.Layout, Linking]:
    layout = modules.layout(root)
    asked = Query(platform=Platform.parse(platform), **query)
    return layout, linked.question(layout.builds[0], asked, ["example.com/shop/api"])


def ask(root: Path, platform: str = "linux/amd64", **query: Any) -> dict[str, tuple[str, ...]]:
    layout, job = question(root, platform, **query)
    go = shutil.which("go")
    assert go
    (found,) = linked.linked(layout, [job], go, fetch=False)
    return {package.path: package.imports for package in found.packages}


def test_platform_tags_and_variables_are_those_of_the_build(tree: Tree) -> None:
    root = tree(FILES)
    plain = ask(root)
    assert not {"container/list", "container/ring", "runtime/cgo"} & plain.keys()
    assert "container/list" in ask(root, "linux/arm64")
    assert "container/ring" in ask(root, tags=("extra",))
    with_cgo = ask(root, variables=(("CGO_ENABLED", "1"),))
    assert "runtime/cgo" in with_cgo["example.com/shop/lib"]
    assert "runtime" in plain["example.com/shop/api"]  # every program has it
    racing = ask(root, variables=(("CGO_ENABLED", "1"), ("GOFLAGS", "-race")))
    assert "runtime/race" in racing["example.com/shop/api"]


def test_an_answer_is_remembered_until_a_file_changes(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_cache, "_SETTLED_SECONDS", -1000.0)  # at rest although just written
    root = tree(FILES)
    first = ask(root)
    asked: list[object] = []
    real = local.ask

    def ask_again(*given: Any, **how: Any) -> Any:
        asked.append(given)
        return real(*given, **how)

    monkeypatch.setattr(local, "ask", ask_again)
    assert ask(root) == first
    assert not asked
    tree({"lib/lib.go": 'package lib\n\nimport _ "container/heap"\n'})
    assert "container/heap" in ask(root)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"api/main.go": 'package main\n\nimport _ "example.org/none"\n\nfunc main() {}\n'},
            "not on this machine|none",
        ),
        ({"lib/lib.go": "package lib\n\nimport (\n"}, "lib.go"),
        ({"lib/lib.go": 'package lib\n\nimport _ "example.com/shop/nowhere"\n'}, "nowhere"),
        ({"go.mod": "module example.com/shop\n\ngo 1.21\n\nrequire !\n"}, "go.mod|usage"),
    ],
)
def test_what_go_cannot_load_is_one_error(tree: Tree, files: dict[str, str], said: str) -> None:
    root = tree({**FILES, **files})
    with pytest.raises(ProjectError, match=said) as caught:
        ask(root)
    assert "\n" not in str(caught.value)


def test_a_package_with_a_profile_of_its_command_is_one_package(tree: Tree) -> None:
    _, job = question(tree(FILES))
    listed = "\n".join(
        json.dumps(fields)
        for fields in (
            {"ImportPath": "x/y", "Imports": ["fmt"], "Module": {"Path": "x", "Version": "v1.0.0"}},
            {"ImportPath": "x/y [a/cmd]", "Imports": ["fmt", "x/z [a/cmd]"], "Module": {"Path": "x"}},
            {
                "ImportPath": "r",
                "Module": {"Path": "r", "Version": "v1.0.0", "Replace": {"Path": "f", "Version": "v2.0.0"}},
            },
        )
    )
    found: Linked = linked.read(job, listed, "")
    assert [(one.path, one.imports) for one in found.packages] == [("x/y", ("fmt", "x/z")), ("r", ())]
    assert [(one.path, one.version, one.by) for one in found.modules] == [
        ("x", "v1.0.0", ""),
        ("r", "v1.0.0", "f@v2.0.0"),
    ]
