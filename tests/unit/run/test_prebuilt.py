"""Binaries compiled outside: found by the pattern, else compiled by this machine's Go."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gobake.errors import CompileFailed, ProjectError, Unwritable
from gobake.gotool import modules
from gobake.model import Platform, Project, Strategy
from gobake.plan import outside
from gobake.plan.discover import open_project
from gobake.plan.request import ProjectRequest
from gobake.run import prebuilt
from gobake.run.host_compile import HostGo
from gobake.targets.matrix import Matrix, Selection, select
from gobake.trace.hostwork import HostWork
from tests.conftest import Tree

AMD64, ARM64 = Platform(os="linux", arch="amd64"), Platform(os="linux", arch="arm64")
ARMV6 = Platform(os="linux", arch="arm", variant="v6")
MAIN = 'package main\n\nfunc main() { println("hello") }\n'
FILES = {"go.mod": "module example.com/shop\n\ngo 1.21\n", "cmd/api/main.go": MAIN, "cmd/worker/main.go": MAIN}
OLD = 300_000_000  # in 1979: no date of this machine
MACHINES = {"amd64": 62, "arm64": 183}  # e_machine of ELF


def opened(root: Path, *platforms: Platform) -> tuple[Project, Matrix]:
    project = open_project(ProjectRequest(directory=root, platforms=platforms)).project
    return project, select(project, Selection(strategies=(Strategy.PREBUILT, Strategy.SCRATCH)), platforms)


def host(project: Project, go: str | None) -> HostGo:
    return HostGo(go=go, layout=modules.layout(project.root))


def machine(file: Path) -> int:
    return int.from_bytes(file.read_bytes()[18:20], "little")


def test_binaries_that_the_pattern_does_not_find_are_missing_a_platform_each(tree: Tree) -> None:
    project, matrix = opened(tree({**FILES, "dist/api-linux-amd64": "x"}), AMD64, ARM64)
    lacking = outside.missing(project, matrix)
    assert [(m.service.name, str(m.platform)) for m in lacking] == [
        ("api", "linux/arm64"),
        ("worker", "linux/amd64"),
        ("worker", "linux/arm64"),
    ]
    assert lacking[0].path == project.root / "dist" / "api-linux-arm64"


def test_only_the_prebuilt_targets_without_a_binary_are_dropped(tree: Tree) -> None:
    project, matrix = opened(tree({**FILES, "dist/api-linux-amd64": "x"}), AMD64)
    less = outside.without(project, matrix, outside.missing(project, matrix))
    assert [t.name for t in less.targets] == ["api-prebuilt", "api-scratch", "worker-scratch"]
    assert less.left_out == (
        "worker in prebuilt: no dist/{service}-{os}-{arch} and no Go on this machine to compile it",
    )
    assert outside.without(project, matrix, ()) is matrix


def test_a_binary_that_is_there_is_taken_as_it_is_and_not_written_twice(tree: Tree, tmp_path: Path) -> None:
    project, matrix = opened(tree({**FILES, "dist/api-linux-amd64": "a", "dist/worker-linux-amd64": "w"}), AMD64)
    prebuilt.stage(project, matrix, tmp_path / "laid", host(project, None))
    laid = tmp_path / "laid" / "api-linux-amd64"
    assert laid.read_text() == "a"
    dated = laid.stat().st_mtime
    assert dated < OLD
    before = laid.stat().st_ino
    prebuilt.stage(project, matrix, tmp_path / "laid", host(project, None))
    assert laid.stat().st_ino == before
    (project.root / "dist" / "api-linux-amd64").write_text("b")
    prebuilt.stage(project, matrix, tmp_path / "laid", host(project, None))
    assert laid.read_text() == "b"
    assert dated != laid.stat().st_mtime < OLD  # else buildx takes another binary of the same size for the one it has
    assert sorted(p.name for p in laid.parent.iterdir()) == ["api-linux-amd64", "worker-linux-amd64"]


def test_missing_binaries_are_compiled_by_the_hosts_go_for_their_platform(tree: Tree, tmp_path: Path) -> None:
    project, matrix = opened(tree({**FILES, "dist/worker-linux-amd64": "mine"}), AMD64, ARM64)
    prebuilt.stage(project, matrix, tmp_path / "laid", host(project, shutil.which("go")))
    laid = tmp_path / "laid"
    assert machine(laid / "api-linux-amd64") == MACHINES["amd64"]
    assert machine(laid / "api-linux-arm64") == MACHINES["arm64"]
    assert (laid / "worker-linux-amd64").read_text() == "mine"
    dated = (laid / "api-linux-arm64").stat().st_mtime
    assert dated < OLD
    prebuilt.stage(project, matrix, laid, host(project, shutil.which("go")))
    assert (laid / "api-linux-arm64").stat().st_mtime == dated
    assert os.access(laid / "api-linux-arm64", os.X_OK)


def test_one_binary_for_several_variants_is_compiled_for_the_lowest(tree: Tree, tmp_path: Path) -> None:
    log = tmp_path / "log"
    go = tmp_path / "go"
    go.write_text(
        f'#!/bin/sh\n[ "$1" = build ] || exit 1\necho "$GOARCH $GOARM $*" >> {log}\nwhile [ "$1" != -o ]; do shift; done; echo x > "$2"\n'
    )
    go.chmod(0o755)
    project, matrix = opened(tree(FILES), Platform(os="linux", arch="arm", variant="v7"), ARMV6)
    prebuilt.stage(project, matrix, tmp_path / "laid", host(project, str(go)))
    assert [line.split()[:2] for line in log.read_text().splitlines()] == [["arm", "6"]] * 2  # api and worker


def test_what_the_hosts_go_compiles_is_told_counted_and_timed(tree: Tree, tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.write_text(
        """#!/bin/sh
[ "$1" = build ] || exit 1
case "$*" in *" -v "*) ;; *) exit 1 ;; esac
for word in "$@"; do case $word in -debug-actiongraph=*) graph=${word#*=} ;; esac; done
while [ "$1" != -o ]; do shift; done
echo x > "$2"
echo '[{"ID":1,"Mode":"build","Package":"fmt","Cmd":["compile"],"CmdReal":1500000000}]' > "$graph"
echo fmt >&2
"""
    )
    go.chmod(0o755)
    project, matrix = opened(tree(FILES), AMD64, ARM64)
    told: list[HostWork] = []
    found = prebuilt.stage(project, matrix, tmp_path / "laid", host(project, str(go)), told.append)
    assert [(one.platform, one.services, one.packages, one.compiled) for one in found] == [
        ("linux/amd64", ("api", "worker"), 1, (("fmt", 3.0),)),
        ("linux/arm64", ("api", "worker"), 1, (("fmt", 3.0),)),
    ]
    assert all(one.started > 1e9 and one.seconds > 0 for one in found)
    last = {work.platform: work for work in told}
    assert [(work.packages, work.total, work.package) for work in last.values()] == [(1, 1, "fmt")] * 2


def test_packages_are_no_part_of_the_error(tree: Tree, tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.write_text(
        '#!/bin/sh\nprintf "internal/abi\nfmt\n# example.com/shop/cmd/api\ncmd/api/main.go:3:15: bad\n" >&2; exit 1\n'
    )
    go.chmod(0o755)
    project, matrix = opened(tree(FILES), AMD64)
    with pytest.raises(CompileFailed, match=r"cmd/api/main\.go:3:15: bad") as raised:
        prebuilt.stage(project, matrix, tmp_path / "laid", host(project, str(go)))
    assert "internal/abi" not in raised.value.words


def test_the_pattern_may_hold_folders(tree: Tree, tmp_path: Path) -> None:
    root = tree({**FILES, "gobake.yaml": "prebuilt: out/bin/{os}/{arch}{variant}/{service}\n"})
    (root / "out/bin/linux/armv6").mkdir(parents=True)
    (root / "out/bin/linux/armv6/api").write_text("x")
    (root / "out/bin/linux/armv6/worker").write_text("y")
    project, matrix = opened(root, ARMV6)
    assert outside.missing(project, matrix) == ()
    prebuilt.stage(project, matrix, tmp_path / "laid", host(project, None))
    assert (tmp_path / "laid/linux/armv6/api").read_text() == "x"


def test_a_missing_binary_without_any_go_is_named_with_its_path(tree: Tree, tmp_path: Path) -> None:
    project, matrix = opened(tree(FILES), AMD64)
    with pytest.raises(ProjectError, match=r"there is no .*/dist/api-linux-amd64 for api in prebuilt; compile it to"):
        prebuilt.stage(project, matrix, tmp_path / "laid", host(project, None))


def test_what_the_hosts_go_refuses_is_told_with_file_and_line(tree: Tree, tmp_path: Path) -> None:
    root = tree({**FILES, "cmd/api/main.go": "package main\n\nfunc main() { nothing() }\n"})
    project, matrix = opened(root, AMD64)
    with pytest.raises(CompileFailed, match=r"go build of api for linux/amd64 .*main\.go:3:15: undefined: nothing"):
        prebuilt.stage(project, matrix, tmp_path / "laid", host(project, shutil.which("go")))


def test_a_folder_that_cannot_be_made_is_told(tree: Tree, tmp_path: Path) -> None:
    project, matrix = opened(tree({**FILES, "dist/api-linux-amd64": "a", "dist/worker-linux-amd64": "w"}), AMD64)
    (tmp_path / "file").touch()
    with pytest.raises(Unwritable, match="cannot be written"):
        prebuilt.stage(project, matrix, tmp_path / "file" / "laid", host(project, None))


def test_build_options_reach_the_hosts_go(tree: Tree, tmp_path: Path) -> None:
    yaml = "services: {api: {package: ./cmd/api, build_tags: [pro], ldflags: -X main.name=special-name}}\n"
    files = {
        "cmd/api/pro.go": '//go:build pro\n\npackage main\n\nvar name = "plain"\n',
        "cmd/api/main.go": "package main\n\nfunc main() { println(name) }\n",
        "gobake.yaml": yaml,
    }
    project, matrix = opened(tree({**FILES, **files}), AMD64)
    prebuilt.stage(project, matrix, tmp_path / "laid", host(project, shutil.which("go")))
    content = (tmp_path / "laid" / "api-linux-amd64").read_bytes()
    assert b"special-name" in content
    assert str(project.root).encode() not in content  # -trimpath
