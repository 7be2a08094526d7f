"""The packages of commands are counted as a compile would count them."""

from __future__ import annotations

import shutil
from pathlib import Path

from gobake.gotool import modules
from gobake.gotool.asking import Query, Question
from gobake.gotool.counting import packages_of
from gobake.model import Platform
from tests.conftest import Tree

FILES = {
    "go.mod": "module example.com/shop\n\ngo 1.21\n",
    "greet/greet.go": "package greet\n\nfunc Greet() string { return `hello` }\n",
    "api/main.go": 'package main\n\nimport (\n\t_ "errors"\n\n\t"example.com/shop/greet"\n)\n\nfunc main() { println(greet.Greet()) }\n',
    "web/main.go": 'package main\n\nimport _ "example.org/not/there"\n\nfunc main() {}\n',
}


def question(root: Path) -> Question:
    (build,) = modules.layout(root).builds
    return Question(root=build, query=Query(platform=Platform.parse("linux/arm64")))


def test_a_command_counts_with_all_that_it_imports_and_the_standard_library(tree: Tree) -> None:
    go = shutil.which("go")
    assert go
    found = packages_of(["example.com/shop/api"], question(tree(FILES)), go)
    assert 20 < found < 60
    assert packages_of(["example.com/shop/api", "example.com/shop/greet"], question(tree(FILES)), go) == found


def test_what_go_cannot_tell_without_the_network_is_unknown(tree: Tree) -> None:
    assert packages_of(["example.com/shop/web"], question(tree(FILES)), shutil.which("go") or "go") == 0
    assert packages_of(["example.com/shop/api"], question(tree(FILES)), "/nowhere/go") == 0
