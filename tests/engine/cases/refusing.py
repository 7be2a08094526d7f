"""What stops a build is told whole, in the words of Go and git, with the line that holds the remedy."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.conftest import Gobake
from tests.engine.cases.making import Repository, calling, git, go, go_mod, program, said, told
from tests.engine.conftest import docker


def committed(root: Path, tag: str = "") -> Path:
    git(root.parent, "init", "-q", "-b", "main", root.name)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    if tag:
        git(root, "tag", tag)
    return root


# ---- Go


def test_inconsistent_vendoring_is_told_with_its_remedy(world: Gobake, repository: Repository) -> None:
    root = repository(
        {
            "go.mod": go_mod("example.com/behind", "\nrequire example.com/dep v1.1.0\n"),
            "main.go": calling("example.com/dep", "dep.Name"),
            "vendor/modules.txt": "# example.com/dep v1.0.0\n## explicit; go 1.26\nexample.com/dep\n",
            "vendor/example.com/dep/dep.go": 'package dep\n\nconst Name = "dep"\n',
        }
    )
    ended = world("build", cwd=root)
    assert ended.code in (2, 4)
    assert "inconsistent vendoring" in told(ended)
    assert "example.com/dep@v1.1.0: is explicitly required in go.mod" in told(ended)
    assert "go mod vendor" in told(ended)
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("name", ["log", "plugin", "net/http"])
def test_a_module_named_like_a_package_of_go_is_refused_in_plain_words(
    world: Gobake, repository: Repository, name: str
) -> None:
    root = repository({"main.go": program("hidden")}, module=name, folder=name.replace("/", "-"))
    assert go(root, "build", "-o", os.devnull, ".").returncode != 0
    ended = world("build", cwd=root)
    assert ended.code in (2, 4)
    assert "no such file" not in told(ended)
    assert name in told(ended)
    assert "std" in told(ended) or "standard library" in told(ended)


def test_an_import_that_two_modules_provide_is_told_as_ambiguous(world: Gobake, repository: Repository) -> None:
    root = repository(
        {
            "go.work": "go 1.26\n\nuse .\n\nuse ./whole\n\nuse ./part\n",
            "go.mod": go_mod("example.com/asking"),
            "main.go": calling("example.com/whole/part", "part.Name"),
            "whole/go.mod": go_mod("example.com/whole"),
            "whole/part/part.go": 'package part\n\nconst Name = "one"\n',
            "part/go.mod": go_mod("example.com/whole/part"),
            "part/part.go": 'package part\n\nconst Name = "other"\n',
        },
        module="",
    )
    ended = world("build", cwd=root)
    assert ended.code in (2, 4)
    assert "ambiguous import" in told(ended)
    assert "example.com/whole/part" in told(ended)


def test_a_package_that_no_module_provides_is_told_with_its_remedy(world: Gobake, repository: Repository) -> None:
    root = repository({"main.go": calling("rsc.io/quote", "quote.Hello()")}, module="example.com/lacking")
    ended = world("build", cwd=root)
    assert ended.code in (2, 4)
    assert "no required module provides package rsc.io/quote" in told(ended)
    assert "go get rsc.io/quote" in told(ended)


def test_a_line_that_go_sum_lacks_is_completed_or_told_with_its_remedy(world: Gobake, repository: Repository) -> None:
    root = repository(
        {
            "go.mod": go_mod("example.com/unsummed", "\nrequire rsc.io/quote v1.2.0\n"),
            "main.go": calling("rsc.io/quote", "quote.Hello()"),
        }
    )
    ended = world("build", cwd=root)
    assert "go.sum" in told(ended)
    if ended.code == 0:
        assert said("unsummed:latest") == "Hello, world."
        return
    assert ended.code in (2, 4)
    assert "go get example.com/unsummed" in told(ended) or "go mod" in told(ended)


def test_an_import_cycle_and_a_package_of_another_internal_are_told_whole(
    world: Gobake, repository: Repository
) -> None:
    root = repository(
        {
            "go.work": "go 1.26\n\nuse .\n\nuse ./other\n",
            "go.mod": go_mod("example.com/round"),
            "main.go": calling("example.com/round/left", "left.Name"),
            "left/left.go": 'package left\n\nimport "example.com/round/right"\n\nconst Name = right.Name\n',
            "right/right.go": 'package right\n\nimport "example.com/round/left"\n\nconst Name = left.Name\n',
            "other/go.mod": go_mod("example.com/other"),
            "other/internal/secret/secret.go": 'package secret\n\nconst Name = "secret"\n',
        },
        module="",
    )
    ended = world("build", cwd=root)
    assert ended.code in (2, 4)
    assert "import cycle not allowed" in told(ended)
    (root / "main.go").write_text(calling("example.com/other/internal/secret", "secret.Name"))
    ended = world("build", cwd=root)
    assert ended.code in (2, 4)
    assert "use of internal package example.com/other/internal/secret not allowed" in told(ended)


# ---- git


VERSION = 'package main\n\nvar version = "none"\n\nfunc main() { println(version) }\n'
STAMP = "services:\n  owned:\n    version_stamp: main.version\n"


@pytest.mark.parametrize("below", ["", ".git"])
def test_a_checkout_of_somebody_else_has_its_version_or_a_warning(
    world: Gobake, repository: Repository, below: str
) -> None:
    """git refuses it as dubious: an image of another version than the tag's must not come without a word."""
    if os.geteuid():
        pytest.skip("needs root, to give a checkout to somebody else")
    root = committed(repository({"main.go": VERSION}, module="example.com/owned", config=STAMP), "v3.1.4")
    for file in (root / below, *(root / below).rglob("*")):
        os.lchown(file, 1000, 1000)
    ended = world.good("build", cwd=root, env={"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull})
    labels = json.loads(docker("image", "inspect", "-f", "{{json .Config.Labels}}", "owned:latest"))
    version = labels.get("org.opencontainers.image.version")
    if (said("owned:latest"), version) != ("v3.1.4", "v3.1.4"):
        assert "dubious ownership" in told(ended)
        assert "safe.directory" in told(ended)


def test_a_broken_link_to_gits_folder_is_a_warning(world: Gobake, repository: Repository) -> None:
    root = repository(
        {"main.go": VERSION, ".git": "gitdir: /nonexistent/worktrees/here\n"}, module="example.com/owned", config=STAMP
    )
    ended = world.good("build", cwd=root)
    assert "/nonexistent/worktrees/here" in told(ended)


def test_a_folder_that_is_no_checkout_is_no_warning(world: Gobake, repository: Repository) -> None:
    root = repository({"main.go": VERSION}, module="example.com/owned", config=STAMP)
    ended = world.good("build", cwd=root, env={"GIT_CEILING_DIRECTORIES": str(root.parent)})
    assert "git" not in ended.err.lower().replace("gitdir", "")
