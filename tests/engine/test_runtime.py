"""What a program meets when it runs: its user, a home, folders to write, a probe, programs of the base."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path

import pytest

from gobake.model import Strategy
from tests.conftest import Gobake, commit
from tests.engine.conftest import docker

# It tells who it is, and what it may write.
PROGRAM = """\
package main

import (
	"os"
	"os/user"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "-health" {
		os.Exit(0)
	}
	if u, err := user.Current(); err != nil {
		println(err.Error())
	} else {
		println(u.Uid, u.Gid, u.Username, u.HomeDir, os.Getenv("USER"))
	}
	for _, name := range []string{"/data/x", "/var/lib/keeper/x", "/var/lib/keeper/seed", "x", os.Getenv("HOME") + "/x", os.TempDir() + "/x", "/etc/x"} {
		err := os.WriteFile(name, []byte("x"), 0o600)
		println(name, err == nil)
	}
}
"""  # fmt: skip
WRITES = ["/data/x", "/var/lib/keeper/x", "/var/lib/keeper/seed", "x", "/home/nonroot/x", "/tmp/x"]
SETTINGS = """\
services:
  keeper:
    data: [/var/lib/keeper]
    volumes: [/data]
    tmp: true
    workdir: /work
    files: [seed.txt:/var/lib/keeper/seed]
    healthcheck: {command: [/usr/local/bin/keeper, -health], interval: 1s, timeout: 9s, start_period: 500ms, retries: 2}
  based:
    package: ./cmd/keeper
    strategy: alpine
    strategies: [alpine]
    base: ./build/base.Dockerfile
  pair:
    strategies: [scratch, upx, alpine, single-stage]
    binaries: [pair, {package: ./cmd/pairctl, name: ctl}]
"""
PAIR = 'package main\n\nfunc main() { println("pair") }\n'
CONTROL = 'package main\n\nimport "os"\n\nfunc main() { println("ctl", os.TempDir()) }\n'
BASE = """\
FROM alpine:3.22
COPY build/tool /usr/bin/tool
RUN echo made >/made
"""


@pytest.fixture(scope="module")
def images(world: Gobake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runtime")
    files = {
        "go.mod": "module example.com/keeper\n\ngo 1.26\n",
        "cmd/keeper/main.go": PROGRAM,
        "cmd/pair/main.go": PAIR,
        "cmd/pairctl/main.go": CONTROL,
        "seed.txt": "seed\n",
        "gobake.yaml": SETTINGS,
        "build/base.Dockerfile": BASE,
        "build/tool": "#!/bin/sh\necho tool of $(cat /made)\n",
        ".dockerignore": "*\n!build\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "build/tool").chmod(0o755)
    commit(root)
    ended = world.good("all", "--platform", "linux/amd64", cwd=root)
    world.good("all", "keeper", "-s", "prebuilt", "--platform", "linux/amd64", cwd=root)
    said = " ".join((ended.out + ended.err).split())
    assert "pair seems to need temporary files (os.TempDir in cmd/pairctl/main.go:5); not in scratch, upx: " in said
    assert "keeper seems to need" not in said  # it is given all
    return root


def told(*words: str) -> list[str]:
    """What the program says on its stderr."""
    done = subprocess.run(["docker", "run", "--rm", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()


@pytest.mark.parametrize("strategy", list(Strategy))
def test_in_every_strategy_the_user_is_known_and_writes_where_it_may(images: Path, strategy: Strategy) -> None:
    volume = f"gobake-{uuid.uuid4().hex[:12]}"
    try:
        who, *may = told("-v", f"{volume}:/var/lib/keeper", f"keeper:latest-{strategy}")
    finally:
        docker("volume", "rm", "--force", volume)
    assert who == "65532 65532 nonroot /home/nonroot nonroot"
    assert may == [*(f"{name} true" for name in WRITES), "/etc/x false"]


def test_another_user_than_the_images_is_known_by_the_environment(images: Path) -> None:
    assert told("--user", "1234:1234", "keeper:latest")[0] == "1234 1234 nonroot /home/nonroot nonroot"


def test_docker_knows_the_probe_and_finds_the_container_well(images: Path) -> None:
    (image,) = json.loads(docker("image", "inspect", "keeper:latest"))
    assert image["Config"]["Healthcheck"] == {
        "Test": ["CMD", "/usr/local/bin/keeper", "-health"],
        "Interval": 1_000_000_000,
        "Timeout": 9_000_000_000,
        "StartPeriod": 500_000_000,
        "Retries": 2,
    }
    assert image["Config"]["Volumes"] == {"/data": {}}


def test_a_base_of_ones_own_is_below_the_image_and_keeps_its_programs(images: Path) -> None:
    said = docker("run", "--rm", "--entrypoint", "/usr/bin/tool", "based:latest")
    assert said == "tool of made"
    assert told("based:latest")[0] == "65532 65532 nonroot /home/nonroot nonroot"


@pytest.mark.parametrize("strategy", ["scratch", "upx", "alpine", "single-stage"])
def test_several_commands_are_in_one_image_and_the_first_is_what_it_starts(images: Path, strategy: str) -> None:
    assert told(f"pair:latest-{strategy}") == ["pair"]
    assert told("--entrypoint", "/usr/local/bin/ctl", f"pair:latest-{strategy}") == ["ctl /tmp"]


def test_the_same_sources_give_the_same_digests(images: Path, world: Gobake) -> None:
    words = ("all", "keeper", "-s", "scratch,alpine,debian-slim", "--platform", "linux/amd64")
    world.good(*words, cwd=images)
    before = _digests(world, images)
    world.good(*words, "--no-cache", cwd=images)
    assert _digests(world, images) == before


def _digests(world: Gobake, root: Path) -> dict[str, str]:
    return {target["name"]: target["digest"] for target in world.last_run(root)["targets"]}
