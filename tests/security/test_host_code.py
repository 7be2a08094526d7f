"""Nothing of the tree runs on this machine, and nothing of this machine is taken for a program of the tree."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from gobake.errors import ProjectError
from gobake.gotool import modules
from gobake.model import BuildOptions, Platform, Strategy
from gobake.plan.discover import Opened, open_project
from gobake.plan.request import ProjectRequest
from gobake.run import prebuilt
from gobake.run.host_compile import HostGo
from gobake.targets.matrix import Selection, select
from gobake.trust.hostcode import refusal
from tests.conftest import Tree

AMD64 = Platform(os="linux", arch="amd64")
FILES = {"go.mod": "module example.com/x\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"}


def opened(root: Path) -> Opened:
    return open_project(ProjectRequest(directory=root, platforms=(AMD64,)))


REFUSED = [
    ({"GOFLAGS": "-toolexec=/src/evil.sh"}, ""),
    ({"GOFLAGS": "-tags=x -toolexec=/src/evil.sh"}, ""),
    ({"GOFLAGS": "'-toolexec=sh -c id'"}, ""),
    ({"GOFLAGS": "-exec=evil"}, ""),
    ({"GOFLAGS": "-overlay=/etc/x"}, ""),
    ({"GOFLAGS": "-modfile=/tmp/x"}, ""),
    ({"GOFLAGS": "-ldflags=-extld=evil"}, ""),
    ({"GOFLAGS": "-gcflags=-cpuprofile=/etc/x"}, ""),
    ({"GOFLAGS": "--toolexec=evil"}, ""),
    ({"CC": "./evil.sh", "CGO_ENABLED": "1"}, ""),
    ({"CXX": "evil"}, ""),
    ({"FC": "evil"}, ""),
    ({"AR": "evil"}, ""),
    ({"PKG_CONFIG": "evil"}, ""),
    ({"CGO_CFLAGS": "-fplugin=./evil.so"}, ""),
    ({"CGO_LDFLAGS": "-fuse-ld=evil"}, ""),
    ({"GOTOOLCHAIN": "go1.99"}, ""),
    ({"GOROOT": "/src/evil"}, ""),
    ({"GOPROXY": "https://evil.example"}, ""),
    ({"GOSUMDB": "off"}, ""),
    ({"GOCACHEPROG": "evil"}, ""),
    ({"GOAUTH": "evil"}, ""),
    ({"GOVCS": "*:all"}, ""),
    ({"PATH": "/src/evil"}, ""),
    ({"LD_PRELOAD": "/src/evil.so"}, ""),
    ({"GIT_SSH_COMMAND": "evil"}, ""),
    ({"HOME": "/src/evil"}, ""),
    ({}, "-extld=./evil.sh"),
    ({}, "-s -w -extld evil"),
    ({}, "-linkmode=external"),
    ({}, "-linkmode external -extldflags=-fuse-ld=evil"),
    ({}, "-o /etc/cron.d/x"),
    ({}, "-s -o=/etc/cron.d/x"),
    ({}, "-cpuprofile=/etc/x"),
    ({}, "-tmpdir /etc"),
    ({}, "-X main.v=1 -extar evil"),
]
TAKEN = [
    ({}, "-s -w"),
    ({}, ""),
    ({}, "-X main.v=-extld=evil -s"),
    ({}, "-X 'main.v=a -extld b'"),
    ({}, "-X=main.v=1 -buildid= -linkmode=internal"),
    ({"GOFLAGS": "-tags=a,b -mod=mod -buildmode=pie"}, "-s -w"),
    ({"GOEXPERIMENT": "jsonv2", "GOAMD64": "v3", "CGO_ENABLED": "0"}, "-s -w"),
]


@pytest.mark.parametrize(("env", "ldflags"), REFUSED)
def test_a_setting_that_starts_or_writes_something_is_not_for_this_machines_go(
    tree: Tree, env: dict[str, str], ldflags: str
) -> None:
    service = opened(tree(FILES)).project.services[0]
    hostile = replace(service, build=BuildOptions(env=tuple(env.items()), ldflags=ldflags))
    assert refusal(hostile) is not None


@pytest.mark.parametrize(("env", "ldflags"), TAKEN)
def test_a_setting_that_chooses_among_what_go_brings_is(tree: Tree, env: dict[str, str], ldflags: str) -> None:
    service = opened(tree(FILES)).project.services[0]
    assert refusal(replace(service, build=BuildOptions(env=tuple(env.items()), ldflags=ldflags))) is None


def staged(root: Path, folder: Path, go: str | None) -> None:
    found = opened(root)
    matrix = select(found.project, Selection(strategies=(Strategy.PREBUILT,)), (AMD64,))
    host = HostGo(go=go, layout=modules.layout(root))
    prebuilt.stage(found.project, matrix, folder, host)


def test_the_compile_on_this_machine_stops_before_it_begins(tree: Tree, tmp_path: Path) -> None:
    root = tree(
        {
            **FILES,
            "evil.sh": f'#!/bin/sh\ntouch {tmp_path}/ran\nexec "$@"\n',
            "gobake.yaml": 'services: {x: {package: ., build_env: {GOFLAGS: "-toolexec=EVIL"}}}\n'.replace(
                "EVIL", str(tmp_path / "project/evil.sh")
            ),
        }
    )
    (root / "evil.sh").chmod(0o755)
    with pytest.raises(ProjectError, match=r"build_env\.GOFLAGS of x"):
        staged(root, tmp_path / "staged", "go")
    assert not (tmp_path / "ran").exists()


def test_a_stranger_is_not_compiled_here_at_all(tree: Tree, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"there is no .*dist/x-linux-amd64"):
        staged(tree(FILES), tmp_path / "staged", None)


@pytest.mark.parametrize("through", ["file", "folder"])
def test_a_link_takes_no_file_of_this_machine_into_an_image(tree: Tree, tmp_path: Path, through: str) -> None:
    secret = tmp_path / "secrets"
    secret.mkdir()
    (secret / "x-linux-amd64").write_text("the machine's own")
    root = tree(FILES)
    if through == "folder":
        (root / "dist").symlink_to("../secrets")
    else:
        (root / "dist").mkdir()
        (root / "dist/x-linux-amd64").symlink_to("../../secrets/x-linux-amd64")
    with pytest.raises(ProjectError, match="leads out of"):
        staged(root, tmp_path / "staged", "go")
    assert not list((tmp_path / "staged").rglob("*-amd64"))
