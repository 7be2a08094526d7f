"""What is built starts: loaders, users, folders that can be written; what cannot start is refused before it is there."""

from __future__ import annotations

import re
import subprocess
import time

import pytest

from tests.conftest import Gobake
from tests.engine.cases.making import Repository, program, said, told
from tests.engine.conftest import docker

# ---- dynamic or not


def test_a_position_independent_program_starts_where_its_loader_is_and_is_refused_elsewhere(
    world: Gobake, repository: Repository
) -> None:
    """PIE without cgo names the loader of glibc: the image that starts and the one that could not."""
    root = repository(
        {"main.go": program("hardened")},
        module="example.com/hardened",
        config="services:\n  hardened:\n    build_env: {GOFLAGS: -buildmode=pie}\n",
    )
    for strategy in ("scratch", "upx", "alpine"):
        ended = world("all", "-s", strategy, "--tag", "pie", cwd=root)
        if ended.code == 0:
            assert said(f"hardened:pie-{strategy}") == "hardened"
            continue
        assert ended.code in (2, 4)
        assert "ld-linux" in told(ended)
        assert "debian-slim" in told(ended)
        assert docker("images", "-q", f"hardened:pie-{strategy}") == ""
    world.good("all", "-s", "debian-slim,distalpine", "--tag", "pie", cwd=root)
    assert said("hardened:pie-debian-slim") == "hardened"
    assert said("hardened:pie-distalpine") == "hardened"


CGO = 'package main\n\n// static int answer(void) { return 42; }\nimport "C"\n\nfunc main() { println(int(C.answer())) }\n'


def test_whether_a_program_is_dynamic_is_read_from_it(world: Gobake, repository: Repository) -> None:
    """cgo that is linked statically starts in scratch; the same linked dynamically is refused there."""
    config = "services:\n  native:\n    build_env: {{CGO_ENABLED: '1'}}\n    ldflags: {}\n"
    static = '"-s -w -linkmode=external -extldflags=-static"'
    root = repository({"main.go": CGO}, module="example.com/native", config=config.format(static))
    world.good("all", "-s", "scratch", "--tag", "static", cwd=root)
    assert said("native:static-scratch") == "42"
    (root / "gobake.yaml").write_text("name: cases\n" + config.format('"-s -w"'))
    ended = world("all", "-s", "scratch", "--tag", "dynamic", cwd=root)
    assert ended.code in (2, 4)
    assert docker("images", "-q", "native:dynamic-scratch") == ""
    world.good("all", "-s", "debian-slim", "--tag", "dynamic", cwd=root)
    assert said("native:dynamic-debian-slim") == "42"


def test_cgo_files_that_are_left_out_without_cgo_are_hinted_at(world: Gobake, repository: Repository) -> None:
    root = repository(
        {
            "main.go": 'package main\n\nimport "example.com/storing/store"\n\nfunc main() { println(store.Open()) }\n',
            "store/cgo.go": "//go:build cgo\n\npackage store\n\n// static int answer(void) { return 42; }\n"
            'import "C"\n\nfunc Open() int { return int(C.answer()) }\n',
            "store/stub.go": "//go:build !cgo\n\npackage store\n\nfunc Open() int { return -1 }\n",
        },
        module="example.com/storing",
    )
    planned = told(world.good("plan", cwd=root))
    assert "cgo" in planned
    assert "CGO_ENABLED" in planned
    (root / "gobake.yaml").write_text(
        "name: cases\nservices:\n  storing:\n    strategy: debian-slim\n    build_env: {CGO_ENABLED: '1'}\n"
    )
    world.good("build", cwd=root)
    assert said("storing:latest") == "42"
    assert "files that CGO_ENABLED=0 leaves out" not in told(world.good("plan", cwd=root))


# ---- what a plain user needs


KEEPER = (
    'package main\n\nimport "os"\n\nfunc main() {\n\tif err := os.WriteFile("/data/keeper.db", []byte("x"), 0o600); err != nil {\n'
    '\t\tprintln(err.Error())\n\t\tos.Exit(1)\n\t}\n\tfile, err := os.CreateTemp("", "keeper")\n'
    '\tif err != nil {\n\t\tprintln(err.Error())\n\t\tos.Exit(1)\n\t}\n\tprintln("kept", file.Name() != "")\n}\n'
)


@pytest.mark.parametrize("strategy", ["scratch", "alpine"])
def test_the_user_can_write_the_data_folder_and_temporary_files(
    world: Gobake, repository: Repository, strategy: str
) -> None:
    """In the image, under a fresh named volume, and with a user of one's own."""
    root = repository(
        {"main.go": KEEPER},
        module="example.com/keeper",
        config="services:\n  keeper:\n    workdir: /data\n    data: [/data]\n    tmp: true\n",
    )
    world.good("all", "-s", strategy, "--tag", "data", cwd=root)
    assert said(f"keeper:data-{strategy}") == "kept true"
    volume = f"gobake-case-{time.time_ns()}"
    try:
        assert said(f"keeper:data-{strategy}", options=("-v", f"{volume}:/data")) == "kept true"
    finally:
        subprocess.run(["docker", "volume", "rm", "-f", volume], capture_output=True, check=False)
    config = root / "gobake.yaml"
    config.write_text(config.read_text() + "    user: '1234:1234'\n")
    world.good("all", "-s", strategy, "--tag", "own", cwd=root)
    assert said(f"keeper:own-{strategy}") == "kept true"


WHOAMI = (
    'package main\n\nimport "os/user"\n\nfunc main() {\n\tme, err := user.Current()\n\tif err != nil {\n'
    "\t\tpanic(err)\n\t}\n\tprintln(me.Uid, me.Username, me.HomeDir)\n}\n"
)


def test_a_program_that_asks_for_its_user_gets_one_in_every_strategy(world: Gobake, repository: Repository) -> None:
    root = repository({"main.go": WHOAMI}, module="example.com/whoami")
    strategies = ("scratch", "alpine", "distroless", "debian-slim", "distalpine")
    world.good("all", "-s", ",".join(strategies), cwd=root)
    for strategy in strategies:
        uid, name, home = said(f"whoami:latest-{strategy}").split()
        assert uid == "65532"
        assert re.fullmatch(r"[a-z][a-z0-9-]*", name)
        assert home.startswith("/")
