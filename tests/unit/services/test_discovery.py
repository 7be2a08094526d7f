"""Which services gobake finds in Go repositories as they come, asked of the real go command."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from gobake.config.finding import load_config
from gobake.errors import ConfigError, ProjectError
from gobake.gotool import host, local, modules
from gobake.gotool.asking import queries
from gobake.model import BuildOptions, Platform, Project, Strategy
from gobake.plan.discover import Opened, open_project
from gobake.plan.project import Overrides, build_options, identity, make_project
from gobake.plan.request import ProjectRequest
from tests.conftest import Tree

MAIN = "package main\n\nfunc main() {}\n"
BOTH = (Platform.parse("linux/amd64"), Platform.parse("linux/arm64"))


def opened(root: Path) -> Opened:
    return open_project(ProjectRequest(directory=root, platforms=BOTH))


def names(root: Path) -> list[str]:
    return [service.name for service in opened(root).project.services]


def mod(path: str, more: str = "") -> str:
    return f"module {path}\n\ngo 1.26\n{more}"


SHAPES: dict[str, tuple[Mapping[str, str], list[str]]] = {
    "a root main package is named after the module": ({"go.mod": mod("example.com/tool"), "main.go": MAIN}, ["tool"]),
    "a major version is no name": ({"go.mod": mod("example.com/tool/v2"), "main.go": MAIN}, ["tool"]),
    "commands are named as their folder": (
        {"go.mod": mod("example.com/x"), "cmd/a/main.go": MAIN, "cmd/b/main.go": MAIN},
        ["a", "b"],
    ),
    "internal and deep commands count": ({"go.mod": mod("example.com/x"), "internal/tools/gen/main.go": MAIN}, ["gen"]),
    "what Go's patterns skip is skipped": (
        {
            "go.mod": mod("example.com/x"),
            "a/main.go": MAIN,
            "_b/main.go": MAIN,
            ".c/main.go": MAIN,
            "testdata/d/main.go": MAIN,
            "vendor/example.com/e/main.go": MAIN,
            "vendor/modules.txt": "",
        },
        ["a"],
    ),
    "constraints decide": (
        {
            "go.mod": mod("example.com/x"),
            "a/main.go": MAIN,
            "gen/main.go": "//go:build ignore\n\n" + MAIN,
            "win/main_windows.go": MAIN,
            "arm/main_arm64.go": MAIN,
        },
        ["a", "arm"],
    ),
    "a package of tests only is no service": (
        {"go.mod": mod("example.com/x"), "a/main.go": MAIN, "b/b_test.go": "package main\n"},
        ["a"],
    ),
    "a nested module is built on its own": (
        {"go.mod": mod("example.com/x"), "a/main.go": MAIN, "sub/go.mod": mod("example.com/sub"), "sub/main.go": MAIN},
        ["a", "sub"],
    ),
    "without a module at the root all nested ones count": (
        {"one/go.mod": mod("example.com/one"), "one/main.go": MAIN, "two/go.mod": mod("example.com/two"), "two/main.go": MAIN},
        ["one", "two"],
    ),
    "a workspace has the services of its modules": (
        {
            "go.work": "go 1.26\n\nuse (\n\t./a\n\t./b\n)\n",
            "a/go.mod": mod("example.com/a"),
            "a/main.go": MAIN,
            "b/go.mod": mod("example.com/b"),
            "b/cmd/c/main.go": MAIN,
            "d/go.mod": mod("example.com/d"),
            "d/main.go": MAIN,
        },
        ["a", "c"],
    ),
    "commands of the same name get their folder in front": (
        {"go.mod": mod("example.com/x"), "a/server/main.go": MAIN, "b/server/main.go": MAIN},
        ["a-server", "b-server"],
    ),
    "a strategy's name is no service's name": ({"go.mod": mod("example.com/x"), "cmd/scratch/main.go": MAIN}, ["cmd-scratch"]),
    "upper case and underscores become an image's name": (
        {"go.mod": mod("example.com/x"), "cmd/My_Tool/main.go": MAIN},
        ["my_tool"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_services_without_configuration(tree: Tree, shape: str) -> None:
    files, expected = SHAPES[shape]
    assert names(tree(files)) == expected


def test_a_module_outside_widens_the_context(tree: Tree) -> None:
    root = tree(
        {
            "app/go.mod": mod(
                "example.com/app", "\nrequire example.com/lib v0.0.0\n\nreplace example.com/lib => ../lib\n"
            ),
            "app/main.go": 'package main\n\nimport _ "example.com/lib"\n\nfunc main() {}\n',
            "lib/go.mod": mod("example.com/lib"),
            "lib/lib.go": "package lib\n",
        }
    )
    found = opened(root / "app")
    assert found.project.context == root.resolve()
    assert found.project.services[0].build_root == PurePosixPath("app")
    assert [p.import_path for p in found.tree.closure(["example.com/app"])] == ["example.com/app", "example.com/lib"]


def test_a_file_that_go_cannot_parse_is_named_with_its_line(tree: Tree) -> None:
    root = tree({"go.mod": mod("example.com/x"), "main.go": "package main\n\nimport (\n"})
    with pytest.raises(ProjectError) as error:
        opened(tree({"go.mod": mod("example.com/x"), "main.go": "pakage main\n"}, "other"))
    assert error.value.where is not None
    assert error.value.where.file.name == "main.go"
    assert error.value.where.line == 1
    del root


def test_a_broken_go_mod_is_named_with_its_line(tree: Tree) -> None:
    with pytest.raises(ProjectError) as error:
        opened(tree({"go.mod": "module example.com/x\n\ngo 1.26\n\nrequire what\n", "main.go": MAIN}))
    assert "go.mod" in str(error.value)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"go.mod": "go 1.26\n"}, "no module line"),
        ({"go.mod": mod("example.com/x"), "lib.go": "package lib\n"}, "no main package"),
        ({"go.work": "go 1.26\n\nuse ./gone\n"}, "uses ./gone"),
        ({"go.work": "go 1.26\n"}, "uses no module"),
    ],
)
def test_projects_that_cannot_be_built(tree: Tree, files: Mapping[str, str], says: str) -> None:
    with pytest.raises(ProjectError, match=says):
        opened(tree(files))


def test_the_go_version_picks_the_base_image(tree: Tree) -> None:
    assert opened(tree({"go.mod": mod("example.com/x"), "main.go": MAIN})).project.bases.go == "golang:1.26"
    old = "module example.com/x\n\ngo 1.18\n"
    assert opened(tree({"go.mod": old, "main.go": MAIN}, "old")).project.bases.go == "golang:1"


def project(root: Path) -> Project:
    config = load_config(root)
    layout = modules.layout(root)
    go = host.host_go(layout)
    assert go
    tree = local.survey(layout, queries(BOTH, build_options(config)), go)
    return make_project(config, tree, Overrides())


def test_a_configuration_names_services_by_folder_import_path_or_name(tree: Tree) -> None:
    files = {"go.mod": mod("example.com/x"), "cmd/a/main.go": MAIN, "cmd/b/main.go": MAIN, "cmd/c/main.go": MAIN}
    yaml = "services:\n  first: {package: ./cmd/a}\n  second: {package: example.com/x/cmd/b}\n  c: {}\n"
    found = project(tree({**files, "gobake.yaml": yaml}))
    assert [(s.name, s.package) for s in found.services] == [
        ("c", "example.com/x/cmd/c"),
        ("first", "example.com/x/cmd/a"),
        ("second", "example.com/x/cmd/b"),
    ]


def test_discover_adds_the_services_that_were_not_named(tree: Tree) -> None:
    files = {"go.mod": mod("example.com/x"), "cmd/a/main.go": MAIN, "cmd/b/main.go": MAIN}
    yaml = "discover: true\ndefaults: {strategy: alpine}\nservices:\n  first: {package: ./cmd/a, strategy: upx}\n"
    found = project(tree({**files, "gobake.yaml": yaml}))
    assert [(s.name, s.strategy) for s in found.services] == [("b", Strategy.ALPINE), ("first", Strategy.UPX)]


@pytest.mark.parametrize(
    ("yaml", "says", "line"),
    [
        ("services:\n  a: {package: ./cmd/x}\n", "did you mean ./cmd/a?", 2),
        ("services:\n  a: {package: ./lib}\n", "is package lib, no command", 2),
        ("services:\n  a: {files: ['gone.txt:/x']}\n", "there is no gone.txt", 2),
        ("services:\n  nobody: {}\n", "called nobody", 2),
    ],
)
def test_services_that_do_not_exist_are_named_with_their_line(tree: Tree, yaml: str, says: str, line: int) -> None:
    files = {"go.mod": mod("example.com/x"), "cmd/a/main.go": MAIN, "lib/lib.go": "package lib\n"}
    with pytest.raises(ConfigError, match=says.replace("?", r"\?")) as error:
        project(tree({**files, "gobake.yaml": yaml}))
    assert error.value.where is not None
    assert error.value.where.line == line


def test_build_tags_are_part_of_the_question(tree: Tree) -> None:
    files = {"go.mod": mod("example.com/x"), "cmd/a/main.go": "//go:build special\n\n" + MAIN}
    yaml = "services:\n  a: {package: ./cmd/a, build_tags: [special]}\n"
    found = project(tree({**files, "gobake.yaml": yaml}))
    assert found.services[0].build == BuildOptions(tags=("special",))


def test_two_clones_have_identities_of_their_own(tree: Tree) -> None:
    files = {"go.mod": mod("example.com/x"), "main.go": MAIN}
    assert identity(project(tree(files, "one/x"))) != identity(project(tree(files, "two/x")))


def test_the_checkout_tells_revision_branch_and_address(tree: Tree) -> None:
    from gobake.checkout import git
    from tests.conftest import commit

    root = tree({"go.mod": mod("example.com/x"), "main.go": MAIN})
    assert git.look(root).commit_date == ""
    commit(root)
    secret = "https://user:secret@git.example.com/team/x.git"
    subprocess.run(["git", "-C", str(root), "remote", "add", "origin", secret], check=True)
    seen = git.look(root)
    assert (len(seen.revision), seen.branch, seen.dirty) == (40, "main", False)
    assert seen.source_url == "https://git.example.com/team/x"
    assert seen.commit_date.endswith("Z")
    (root / "main.go").write_text(MAIN + "\n")
    assert git.look(root).dirty
