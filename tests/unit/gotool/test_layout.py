"""Which modules a build is made of, held against what Go itself says: workspaces, vendor folders, nested modules."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gobake.errors import ConfigError, ProjectError, UsageError
from gobake.gotool import local, modules
from gobake.gotool.asking import Query, queries, questions
from gobake.gotool.packages import GoTree
from gobake.gotool.settings import mod_of, without_mod
from gobake.model import BuildOptions, Platform
from gobake.plan.build_plan import make_plan
from gobake.plan.builder import assumed
from gobake.plan.discover import open_project
from gobake.plan.request import BuildRequest, ProjectRequest
from gobake.report.plan import as_json, as_text
from gobake.targets.matrix import Selection, select
from tests.conftest import Tree

AMD64 = Platform(os="linux", arch="amd64")
MAIN = "package main\n\nfunc main() {}\n"


def mod(path: str, *lines: str, go: str = "1.26") -> str:
    return "\n".join([f"module {path}", "", f"go {go}" if go else "", *lines, ""])


def asked(root: Path, *options: BuildOptions) -> GoTree:
    go = shutil.which("go")
    assert go
    goflags = [dict(option.env).get("GOFLAGS", "") for option in options]
    return local.survey(modules.layout(modules.find_root(root), goflags=goflags), queries((AMD64,), options), go)


def go_says(folder: Path, *words: str, **env: str) -> str:
    """What the go command itself prints there, on both outputs."""
    settings = {"GOFLAGS": "", "GOENV": "off", "GOPROXY": "off", "PWD": str(folder), **env}
    done = subprocess.run(
        ["go", *words], cwd=folder, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def mains(tree: GoTree) -> list[str]:
    return [p.import_path for p in tree.mains]


# ---- vendor folders


PLAIN, WORKSPACE = "# example.com/old v1.0.0\n## explicit\n", "## workspace\n# example.com/old v1.0.0\n## explicit\n"


@pytest.mark.parametrize("goflags", ["", "-mod=mod", "-mod=vendor", "-mod=readonly", "-v '-mod=vendor' -tags=x"])
@pytest.mark.parametrize("go", ["", "1.13", "1.14", "1.26"])
@pytest.mark.parametrize("text", [PLAIN, WORKSPACE, ""], ids=["plain", "workspace", "no list"])
def test_a_module_is_vendored_where_go_takes_it_for_vendored(tree: Tree, text: str, go: str, goflags: str) -> None:
    files = {"go.mod": mod("example.com/a", "require example.com/new v1.0.0", go=go), "main.go": MAIN}
    vendor = {"vendor/modules.txt": text} if text else {"vendor/README": ""}
    root = tree({**files, **vendor})
    said = go_says(root, "list", "-deps", ".", GOFLAGS=goflags.replace("-v ", ""))
    # go 1.13 has no consistency to check: there, what reads the vendor folder looks for no go.sum
    reads = "inconsistent vendoring" in said if go not in ("", "1.13") else "-mod=vendor" in goflags
    assert modules.layout(root).builds[0].vendored_with(goflags) is reads, said


@pytest.mark.parametrize("goflags", ["", "-mod=vendor", "-mod=readonly"])
@pytest.mark.parametrize("go", ["1.18", "1.26"])
@pytest.mark.parametrize("text", [PLAIN, WORKSPACE], ids=["plain", "workspace"])
def test_a_workspace_is_vendored_where_go_takes_it_for_vendored(tree: Tree, text: str, go: str, goflags: str) -> None:
    root = tree(
        {
            "go.work": f"go {go}\n\nuse .\n",
            "go.mod": mod("example.com/a", "require example.com/new v1.0.0", go=go),
            "main.go": MAIN,
            "vendor/modules.txt": text,
        }
    )
    said = go_says(root, "list", "-deps", ".", GOFLAGS=goflags)
    assert modules.layout(root).builds[0].vendored_with(goflags) is ("inconsistent vendoring" in said), said


def test_the_last_word_for_mod_counts_as_in_go() -> None:
    assert [mod_of(text) for text in ("", "-mod=mod -mod=vendor", "--mod=mod", "-tags=-mod=x", "'-mod=mod'")] == [
        *("", "vendor", "mod", "", "mod"),
    ]
    assert without_mod("-tags=a -mod=mod '-modfile=x y.mod' -pgo=off -trimpath") == "-tags=a -pgo=off -trimpath"


# ---- workspaces


SHARED = {
    "go.work": "go 1.26\n\nuse (\n\t./services/billing\n\t./shared\n)\n",
    "services/billing/go.mod": mod("example.com/billing"),
    "services/billing/main.go": 'package main\n\nimport _ "example.com/shared"\n\nfunc main() {}\n',
    "services/billing/gobake.yaml": "",
    "shared/go.mod": mod("example.com/shared"),
    "shared/shared.go": "package shared\n",
    "shared/cmd/other/main.go": MAIN,
}


def test_a_go_work_above_the_projects_folder_counts_for_a_module_that_it_uses(tree: Tree) -> None:
    root = tree(SHARED).resolve()
    found = asked(root / "services" / "billing")
    assert (found.layout.root, found.layout.context) == (root / "services" / "billing", root)
    assert mains(found) == ["example.com/billing"]  # what lies outside of the project's folder is no service
    assert [str(p.directory) for p in found.closure(["example.com/billing"])] == ["services/billing", "shared"]
    assert [str(f.relative_to(root)) for f in found.layout.builds[0].files] == [
        "go.work",
        "services/billing/go.mod",
        "shared/go.mod",
    ]


def test_gowork_off_hides_the_workspace(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(SHARED).resolve()
    monkeypatch.setenv("GOWORK", "off")
    found = asked(root / "services" / "billing")
    assert found.layout.context == root / "services" / "billing"
    assert [str(p.directory) for p in found.closure(["example.com/billing"])] == ["."]


def test_gowork_off_for_all_services_hides_it_as_well(tree: Tree) -> None:
    yaml = 'defaults: {build_env: {GOWORK: "off"}}\n'
    root = tree({**SHARED, "services/billing/gobake.yaml": yaml}).resolve() / "services" / "billing"
    assert open_project(ProjectRequest(directory=root, platforms=(AMD64,))).tree.layout.context == root


def test_gowork_names_another_workspace_than_the_nearest(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    other = "go 1.26\n\nuse ./services/billing // alone\n\nreplace example.com/shared => ./shared\n"
    root = tree({**SHARED, "ci.work": other}).resolve()
    monkeypatch.setenv("GOWORK", str(root / "ci.work"))
    found = asked(root / "services" / "billing")
    (build,) = found.layout.builds
    assert (build.work, build.gowork, build.workspace) == (root / "ci.work", root / "ci.work", True)
    assert [m.path for m in build.replaced] == ["example.com/shared"]
    assert mains(found) == ["example.com/billing"]


def test_a_gobake_yaml_in_a_folder_of_a_module_is_about_the_commands_in_it(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/a"),
            "cmd/one/main.go": 'package main\n\nimport _ "example.com/a/lib"\n\nfunc main() {}\n',
            "cmd/one/gobake.yaml": "",
            "cmd/two/main.go": MAIN,
            "lib/lib.go": "package lib\n",
        }
    ).resolve()
    found = asked(root / "cmd" / "one")
    assert (found.layout.root, found.layout.context) == (root / "cmd" / "one", root)
    assert mains(found) == ["example.com/a/cmd/one"]
    assert [str(p.directory) for p in found.closure(mains(found))] == ["cmd/one", "lib"]


def test_a_module_that_a_go_work_above_does_not_use_is_asked_without_it(tree: Tree) -> None:
    root = tree(
        {
            "go.work": "go 1.26\n\nuse ./in\n",
            "in/go.mod": mod("example.com/in"),
            "out/go.mod": mod("example.com/out"),
            "out/main.go": MAIN,
        }
    )
    found = asked(root / "out")
    assert mains(found) == ["example.com/out"]
    assert not found.layout.builds[0].workspace


@pytest.mark.parametrize("how", ["use", "replace"])
def test_a_module_that_is_reached_by_a_symbolic_link_is_read_as_go_reads_it(tree: Tree, how: str) -> None:
    root = tree(
        {
            "top/app/go.mod": mod(
                "example.com/app",
                *(["replace example.com/lib => ../lib", "require example.com/lib v0.0.0"] if how == "replace" else []),
            ),
            "top/app/main.go": 'package main\n\nimport _ "example.com/lib/deep"\n\nfunc main() {}\n',
            "elsewhere/lib/go.mod": mod("example.com/lib"),
            "elsewhere/lib/deep/deep.go": "package deep\n",
        }
    ).resolve()
    (root / "top" / "lib").symlink_to("../elsewhere/lib")
    if how == "use":
        (root / "top" / "go.work").write_text("go 1.26\n\nuse ./app\nuse ./lib\n")
    found = asked(root / "top" / "app")
    assert [str(p.directory) for p in found.closure(["example.com/app"])] == ["top/app", "top/lib/deep"]
    assert found.layout.context == root  # what the link leads to is in it
    assert "deep.go" in go_says(root / "top" / "app", "list", "-deps", "-f", "{{.GoFiles}}", ".")


# ---- nested modules


NESTED = {
    "go.mod": mod("example.com/top", "ignore ./static", "ignore old", go="1.25"),
    "main.go": MAIN,
    "cmd/builder/go.mod": mod("example.com/top/cmd/builder"),
    "cmd/builder/main.go": 'package main\n\nimport _ "example.com/top/internal"\n\nfunc main() {}\n',
    "internal/internal.go": "package internal\n",
    **{
        f"{folder}/go.mod": mod(f"example.com/{number}")
        for number, folder in enumerate(("testdata/a", "vendor/b", "_c", ".d", "node_modules/e", "static/f", "x/old/g"))
    },
    "x/static/go.mod": mod("example.com/top/x"),
    "broken/go.mod": "go 1.26\n",
    "refused/go.mod": mod("example.com/top/refused", "require what"),
    "refused/main.go": MAIN,
    "namesake/go.mod": mod("example.com/top"),
    "namesake/main.go": MAIN,
}


def test_modules_below_a_root_module_are_found_and_none_stops_another(tree: Tree) -> None:
    found = asked(tree(NESTED))
    assert [(str(b.directory.relative_to(found.layout.root)), b.nested) for b in found.layout.builds] == [
        (".", False),
        *((folder, True) for folder in ("cmd/builder", "namesake", "refused", "x/static")),
    ]
    assert [(p.import_path, str(p.build_root), p.module) for p in found.mains] == [
        ("example.com/top", ".", "example.com/top"),
        ("example.com/top/cmd/builder", "cmd/builder", "example.com/top/cmd/builder"),
    ]
    # a module that is neither replaced nor used comes from its own repository, not from here
    assert [p.import_path for p in found.closure(["example.com/top/cmd/builder"])] == ["example.com/top/cmd/builder"]
    said = {str(t.directory): t.line for t in found.troubles}
    assert set(said) == {"broken", "namesake", "refused"}
    assert "has no module line" in said["broken"]
    assert said["namesake"] == ". and namesake are both package example.com/top"
    assert "go.mod:4" in said["refused"]


def test_a_nested_module_asks_for_the_image_only_where_it_is_built(tree: Tree) -> None:
    root = tree({"go.mod": mod("example.com/a", go="1.24"), "b/go.mod": mod("example.com/a/b", go="1.26")}).resolve()
    found = modules.layout(root)
    assert (found.go_version, found.go_requirement) == ("1.24", "1.24")
    assert found.go_version_for([root]) == "1.24"
    assert found.go_version_for([root, root / "b"]) == "1.26"


def test_a_module_that_several_replace_is_asked_once(tree: Tree) -> None:
    using = ("require example.com/lib v0.0.0", "replace example.com/lib => ../lib")
    root = tree(
        {
            "a/go.mod": mod("example.com/a", *using),
            "b/go.mod": mod("example.com/b", *using),
            "lib/go.mod": mod("example.com/lib"),
        }
    )
    jobs = questions(modules.layout(root), [Query(platform=AMD64)])
    assert [job.folder.name for job in jobs] == ["a", "lib", "b", "lib", "lib"]
    assert len({job.asked for job in jobs}) == 3


LEFT_OUT = {
    "shop/go.mod": mod("example.com/shop"),
    "shop/main.go": MAIN,
    "tools/c4/go.mod": mod("example.com/c4", "require example.com/gone v1.0.0", go="1.16"),
    "tools/c4/go.sum": "",
    "tools/c4/main.go": MAIN,
}


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modcache"))
    monkeypatch.setenv("GOPROXY", f"file://{tmp_path}/proxy")


@pytest.mark.usefixtures("offline")
def test_a_module_that_cannot_be_read_is_named_and_stops_no_other(tree: Tree) -> None:
    found = open_project(ProjectRequest(directory=tree(LEFT_OUT), platforms=(AMD64,)))
    project = found.project
    assert [s.name for s in project.services] == ["shop"]
    ((folder, said),) = project.unread
    assert folder == "tools/c4"
    assert said.splitlines() == [
        "example.com/gone@v1.0.0: missing go.sum entry for go.mod file; to add it:",
        "    go mod download example.com/gone",
    ]
    request = BuildRequest(project=ProjectRequest(directory=project.root), selection=Selection())
    plan = make_plan(request, found, assumed(), {})
    assert f"unread    tools/c4: Go cannot read it: {' '.join(said.split())}" in as_text(plan).splitlines()
    assert as_json(plan)["unread"] == [{"folder": folder, "words": said}]
    with pytest.raises(UsageError, match=r"Go cannot read ./tools/c4: .*; run `go mod download example.com/gone`"):
        select(project, Selection(services=("./tools/c4",)), (AMD64,))


@pytest.mark.usefixtures("offline")
def test_a_module_that_cannot_be_read_is_an_error_where_it_is_named(tree: Tree) -> None:
    root = tree({**LEFT_OUT, "gobake.yaml": "services:\n  c4: {package: ./tools/c4}\n"})
    with pytest.raises(
        ConfigError, match=r"gobake\.yaml:2:\d+: services\.c4\.package: Go cannot read \./tools/c4: "
    ) as caught:
        open_project(ProjectRequest(directory=root, platforms=(AMD64,)))
    assert caught.value.remedy == "run `go mod download example.com/gone`"


@pytest.mark.usefixtures("offline")
def test_a_module_that_cannot_be_read_is_an_error_where_it_is_all_there_is(tree: Tree) -> None:
    files = {**LEFT_OUT, "shop/main.go": "package shop\n"}
    with pytest.raises(ProjectError, match=r"Go cannot read .*/tools/c4: .*run `go mod download example\.com/gone`"):
        open_project(ProjectRequest(directory=tree(files), platforms=(AMD64,)))


def test_a_service_may_be_a_command_of_a_nested_module(tree: Tree) -> None:
    yaml = "services:\n  ocb: {package: ./cmd/builder}\n  top: {}\n"
    opened = open_project(ProjectRequest(directory=tree({**NESTED, "gobake.yaml": yaml}), platforms=(AMD64,)))
    assert [(s.name, str(s.build_root), s.binary) for s in opened.project.services] == [
        ("ocb", "cmd/builder", "builder"),
        ("top", ".", "top"),
    ]
