"""`vcs: true` tells what Go itself would: compared with a plain `go build`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from gobake.cli import main
from gobake.errors import ConfigError
from gobake.plan.discover import Opened, open_project
from gobake.plan.request import ProjectRequest
from gobake.versions.goversion import Tags, go_version
from tests.conftest import Tree, commit

MAIN = "package main\n\nfunc main() {}\n"
ROOT = {"go.mod": "module example.com/x\n\ngo 1.21\n", "main.go": MAIN, "gobake.yaml": "defaults: {vcs: true}\n"}
NESTED = {
    **ROOT,
    "cmd/tool/go.mod": "module example.com/x/cmd/tool\n\ngo 1.21\n",
    "cmd/tool/main.go": MAIN,
    "other/go.mod": "module example.com/elsewhere\n\ngo 1.21\n",
    "other/main.go": MAIN,
    "go.work": "go 1.21\n\nuse (\n\t.\n\t./cmd/tool\n\t./other\n)\n",
}
SECOND = {**ROOT, "go.mod": "module example.com/x/v2\n\ngo 1.21\n"}
AWAY = {f"sub/{name}": text for name, text in ROOT.items()}


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def opened(root: Path) -> Opened:
    return open_project(ProjectRequest(directory=root, trust=True))


def by_go(folder: Path) -> str:
    """Revision, time, modified and version that a plain `go build` writes."""
    go = shutil.which("go")
    assert go
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GO")}
    environment = {**clean, "GOFLAGS": "-buildvcs=true", "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    program = folder.parent / "program-by-go"
    subprocess.run([go, "build", "-o", str(program), "."], cwd=folder, env=environment, check=True)
    told = subprocess.run([go, "version", "-m", str(program)], capture_output=True, text=True, check=True).stdout
    program.unlink()
    settings = dict(re.findall(r"\tbuild\tvcs\.(\w+)=(\S+)", told))
    version = re.search(r"\tmod\t\S+\t(\S+)", told)
    assert version
    return " ".join([settings["revision"], settings["time"], settings["modified"], version[1]])


def layers(root: Path, tags: str) -> None:
    """Commits with tags: `a b | c` are two commits, and the tags of each."""
    for number, names in enumerate(tags.split("|")):
        (root / "number").write_text(str(number))
        commit(root)
        for name in names.split():
            git(root, "tag", *(("-m", "annotated", name[1:]) if name[0] == "@" else (name,)))


@pytest.mark.parametrize(
    ("files", "tags", "folder", "variable"),
    [
        (ROOT, "", ".", "VCS"),
        (ROOT, "v1.2.3 v1.2.2 v1.3.0-rc.1 v2.0.0 latest", ".", "VCS"),
        (ROOT, "@v1.2.3 | cmd/tool/v1.9.0", ".", "VCS"),
        (ROOT, "v1.2.0 v0.9.0 | v1.3.0-rc.2 v1.3.0-rc.10 v1.3.0-rc.1.x | ", ".", "VCS"),
        (ROOT, "v1 v1.2 v01.2.3 v1.2.3-01 v1.0.0+build | ", ".", "VCS"),
        (ROOT, "v3.0.0 | ", ".", "VCS"),
        (SECOND, "v1.2.3 v2.0.1 | v1.9.9", ".", "VCS"),
        (SECOND, "v1.2.3 | ", ".", "VCS"),
        (NESTED, "v1.2.3 cmd/tool/v0.4.0 | cmd/tool/v0.5.0", "cmd/tool", "VCS_CMD_TOOL"),
        (NESTED, "v1.2.3 | ", "cmd/tool", "VCS_CMD_TOOL"),
        (NESTED, "v1.2.3 other/v0.1.0", "other", "VCS_OTHER"),
        (AWAY, "v1.2.3 sub/v0.1.0", "sub", "VCS"),
    ],
)
def test_programs_are_told_what_go_would_tell(
    tree: Tree, files: Mapping[str, str], tags: str, folder: str, variable: str
) -> None:
    root = tree(files)
    layers(root, tags)
    at = root / "sub" if "sub/go.mod" in files else root
    assert opened(at).vcs[variable] == by_go(root / folder)


def test_a_file_that_git_does_not_know_is_a_modification_and_gobakes_own_is_none(tree: Tree) -> None:
    root = tree(
        {**ROOT, "gobake.yaml": "defaults: {vcs: true}\nhistory: {folder: ./records}\ncache: {store: ./store}\n"}
    )
    layers(root, "v1.2.3")
    clean = by_go(root)
    assert clean.endswith(" false v1.2.3")
    for name in (".gobake/trace/a.json", f"records/{opened(root).project.name}/1.json", "store/index.json"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text("x")
    assert opened(root).vcs["VCS"] == clean
    (root / "new").write_text("x")
    assert opened(root).vcs["VCS"] == by_go(root) == clean.replace("false v1.2.3", "true v1.2.3+dirty")


def test_tags_of_another_line_of_history_make_no_version(tree: Tree) -> None:
    root = tree(ROOT)
    layers(root, "")
    git(root, "checkout", "-q", "-b", "other")
    layers(root, "v1.0.0")
    git(root, "checkout", "-q", "main")
    assert opened(root).vcs["VCS"] == by_go(root)
    assert " v0.0.0-" in opened(root).vcs["VCS"]


def test_nothing_is_told_without_a_commit_or_a_wish(tree: Tree) -> None:
    root = tree(ROOT)
    assert opened(root).vcs == {}
    layers(root, "v1.2.3")
    (root / "gobake.yaml").write_text("")
    assert opened(root).vcs == {}


def test_gopkg_in_has_its_own_majors() -> None:
    tags = Tags(here=frozenset({"v1.0.0", "v3.1.0"}))
    assert go_version("gopkg.in/yaml.v3", "", tags, "0" * 40, 0) == "v3.1.0"


@pytest.mark.parametrize("flag", ["-buildvcs=true", "-mod=mod -buildvcs", "-buildvcs=auto"])
def test_goflags_cannot_turn_it_on(tree: Tree, flag: str) -> None:
    root = tree({**ROOT, "gobake.yaml": f"services:\n  x:\n    build_env: {{GOFLAGS: {flag}}}\n"})
    with pytest.raises(
        ConfigError, match=r"gobake.yaml:3:26: services.x.build_env.GOFLAGS: -buildvcs\S* has no effect"
    ):
        opened(root)
    (root / "gobake.yaml").write_text("services:\n  x:\n    build_env: {GOFLAGS: -buildvcs=false}\n")
    assert opened(root).vcs == {}


def test_what_git_refuses_is_in_the_plan(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tree(ROOT)
    layers(root, "v1.2.3")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setattr("sys.argv", ["gobake", "plan", "-C", str(root)])
    with pytest.raises(SystemExit):
        main()
    out = capsys.readouterr().out
    assert "version   dev, from nothing: the default" in out
    assert out.count("dubious ownership") == 1
    assert f"git config --global --add safe.directory {root}" in out


STAMPED = {
    "go.mod": "module example.com/x\n\ngo 1.21\n",
    "a/main.go": 'package main\n\nimport _ "example.com/x/info"\n\nvar version, commit string\n\nfunc main() {}\n',
    "b/main.go": "package main\n\nfunc main() {}\n",
    "info/info.go": 'package info\n\nvar (\n\tVersion = "dev"\n\tDate    string\n)\n',
}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("services: {a: {version_stamp: main.vesion}}", "1:31: services.a.version_stamp: main of a has no variable vesion; "
         "did you mean 'version'?"),
        ("defaults: {stamps: {example.com/x/info.date: x}}", "defaults.stamps.example.com/x/info.date: example.com/x/info "
         "of a has no variable date; did you mean 'Date'?"),
        ("defaults: {version_stamp: example.com/x/inof.Version}", "defaults.version_stamp: there is no package "
         "example.com/x/inof in this project; did you mean 'example.com/x/info'?"),
    ],
)  # fmt: skip
def test_a_variable_that_is_not_there_is_named(tree: Tree, config: str, message: str) -> None:
    root = tree({**STAMPED, "gobake.yaml": config})
    with pytest.raises(ConfigError) as raised:
        opened(root)
    assert message in str(raised.value)


def test_stamps_of_all_services_are_for_those_that_have_the_variable(tree: Tree) -> None:
    config = "defaults: {stamps: {main.commit: '{revision}', example.com/x/info.Date: x, other.org/lib.Version: x}}"
    found = opened(tree({**STAMPED, "gobake.yaml": config})).project.services
    assert [[stamp.variable for stamp in service.stamps] for service in found] == [
        ["example.com/x/info.Date", "main.commit", "other.org/lib.Version"],
        ["example.com/x/info.Date", "other.org/lib.Version"],
    ]


def test_a_stamp_without_a_variable_that_was_not_misspelt_is_left_out_and_said(tree: Tree) -> None:
    config = "services: {b: {stamps: {main.builtBy: x}}, a: {stamps: {main.version: x, main.builtBy: y}}}"
    project = opened(tree({**STAMPED, "gobake.yaml": config})).project
    assert [[stamp.variable for stamp in service.stamps] for service in project.services] == [["main.version"], []]
    assert project.unstamped == tuple(
        f"main of {name} has no variable builtBy: the stamp is left out" for name in ("a", "b")
    )
