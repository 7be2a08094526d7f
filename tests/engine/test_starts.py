"""Images that are started: what is told of programs that start well and badly, and that nothing is left of any."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Gobake, commit
from tests.engine.conftest import docker
from tests.engine.test_builders import remote

# It serves /healthz, or does what its arguments say.
PROGRAM = """\
package main

import (
	"net/http"
	"os"
)

func main() {
	for _, word := range os.Args[1:] {
		switch word {
		case "exit":
			return
		case "panic":
			panic("no \\x1b[31msettings")
		case "write":
			if err := os.WriteFile("state", nil, 0o600); err != nil {
				println(err.Error())
				os.Exit(3)
			}
		}
	}
	http.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	println(http.ListenAndServe(":8080", nil).Error())
}
"""  # fmt: skip
SETTINGS = """\
defaults: {strategies: [scratch, upx]}
services:
  web: {package: ./cmd/web, ports: [8080], health: /healthz}
  tool: {package: ./cmd/web, args: [exit]}
  probed: {package: ./cmd/web, smoke: {command: [/usr/local/bin/probed, exit]}, ports: [8080], args: [panic]}
  writer: {package: ./cmd/web, args: [write], workdir: /work, ports: [8080]}
  panics: {package: ./cmd/web, args: [panic]}
  mute: {package: ./cmd/web, ports: [8080], smoke: {path: /never, timeout: 60s}}
  loader: {package: ./cmd/web, files: ["bin/true:/opt/true"], entrypoint: [/opt/true]}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("starts")
    files = {"go.mod": "module example.com/starts\n\ngo 1.26\n", "cmd/web/main.go": PROGRAM, "gobake.yaml": SETTINGS}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "bin").mkdir()
    shutil.copy(shutil.which("true") or "", root / "bin/true")  # linked against a libc that no image has
    commit(root)
    return root


def containers() -> str:
    return docker("ps", "-aq")


def test_images_that_start_are_told_of_and_recorded(world: Gobake, root: Path) -> None:
    before = containers()
    ended = world.good("all", "web", "tool", "probed", "writer", "-s", "scratch", "--smoke", cwd=root)
    told = [line for line in ended.err.splitlines() if line.startswith("smoke: ")]
    assert told[-1] == "smoke: 4 images started"
    text = "\n".join(told)
    assert "smoke: web:latest for linux/amd64: GET /healthz on port 8080 succeeded after " in text
    assert "smoke: tool:latest for linux/amd64: it exited 0 after " in text
    assert "smoke: probed:latest for linux/amd64: it exited 0 after " in text
    assert "smoke: writer:latest for linux/amd64: a connection to port 8080 succeeded after " in text
    smoke = world.last_run(root)["smoke"]
    assert {one["outcome"] for one in smoke} == {"passed"}
    assert [one["target"] for one in smoke] == ["probed-scratch", "tool-scratch", "web-scratch", "writer-scratch"]
    assert containers() == before


@pytest.mark.parametrize(
    ("service", "said", "last"),
    [
        ("panics", "it ended with exit code 2", "  panic: no settings"),
        ("loader", "/opt/true or the loader that it names is not in the image", ""),
    ],
)
def test_an_image_that_does_not_start_is_an_error_with_its_last_lines(
    world: Gobake, root: Path, service: str, said: str, last: str
) -> None:
    before = containers()
    ended = world("build", service, "--smoke", cwd=root)
    assert ended.code == 7, ended.err
    (error,) = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert error.startswith(f"error: smoke: {service}:latest for linux/amd64: ")
    assert said in error
    assert any(line.startswith(last) for line in ended.err.splitlines())
    record = world.last_run(root)
    assert (record["outcome"], record["smoke"][0]["outcome"]) == ("failed", "failed")
    assert containers() == before


def test_nothing_is_pushed_unless_all_start(world: Gobake, root: Path, registry: str, tmp_path: Path) -> None:
    place = f"{registry}/starts-{uuid.uuid4().hex[:12]}"
    words = ("--push", "--smoke", "--registry", place, "--metadata-file", str(tmp_path / "images.json"))
    ended = world("build", "web", "panics", *words, cwd=root)
    assert ended.code == 7, ended.err
    assert "pushed" not in ended.out
    assert not (tmp_path / "images.json").exists()
    name = f"{place}/web:latest"
    asked = subprocess.run(["docker", "buildx", "imagetools", "inspect", name], capture_output=True, check=False)
    assert asked.returncode != 0
    ended = world.good("build", "web", *words, cwd=root)
    assert "warning" not in ended.err  # no step ran again
    digest = world.last_run(root)["targets"][0]["digest"]
    assert f"pushed {name}@{digest}" in ended.out.splitlines()
    pushed = json.loads(docker("buildx", "imagetools", "inspect", name, "--format", "{{json .Manifest}}"))["digest"]
    told = json.loads((tmp_path / "images.json").read_text())["web-scratch"]["containerimage.digest"]
    assert pushed == told == digest == docker("image", "inspect", name, "--format", "{{.Id}}")


def test_a_platform_that_is_emulated_is_marked(world: Gobake, root: Path) -> None:
    ended = world.good("build", "web", "--platform", "linux/arm64", "--smoke", cwd=root)
    assert "smoke: web:latest for linux/arm64, emulated: GET /healthz on port 8080 succeeded" in ended.err
    assert "smoke: 1 image started, 1 of them emulated" in ended.err.splitlines()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_no_container_is_left(world: Gobake, root: Path, number: signal.Signals) -> None:
    before = containers()
    process = world.start("build", "mute", "--smoke", cwd=root)
    try:
        assert _becomes(lambda: containers() != before, 60), process.communicate(timeout=60)
    finally:
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    assert _becomes(lambda: containers() == before, 20)


def _becomes(true: Any, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def test_starts_are_measured(world: Gobake, root: Path) -> None:
    before = containers()
    told = world.good("compare", "web", "writer", "-s", "scratch,upx", "--run", "--format", "json", cwd=root).json
    runs = {(one["service"], image["strategy"]): image["run"] for one in told["choices"] for image in one["images"]}
    plain, packed = runs["web", "scratch"], runs["web", "upx"]
    for run in (plain, packed):
        assert (run["asked"], run["emulated"], run["failure"]) == ("GET /healthz on port 8080", False, None)
        assert len(run["starts_seconds"]) == 5
        assert 0 < min(run["starts_seconds"]) <= run["median_seconds"] <= max(run["starts_seconds"]) < 30
        assert all(run[right]["works"] for right in ("read_only", "no_capabilities", "other_user"))
    if plain["memory_bytes"]["five"]:  # an engine without the control group of memory tells nothing
        assert plain["memory_bytes"]["one"] < plain["memory_bytes"]["five"] < packed["memory_bytes"]["five"]
    writer = runs["writer", "scratch"]
    assert writer["no_capabilities"]["works"]
    assert "read-only file system" in writer["read_only"]["said"][-1]
    assert "permission denied" in writer["other_user"]["said"][-1]
    assert containers() == before


def test_a_builder_beside_the_engine_loads_what_is_started(
    world: Gobake, root: Path, registry: str, tmp_path: Path
) -> None:
    words = ("tool", "--smoke", "--push", "--registry", f"{registry}/beside")
    with remote("gobake-test-starts", tmp_path, None) as builder:
        ended = world.good("build", *words, "--builder", builder, cwd=root)
    assert "smoke: 1 image started" in ended.err.splitlines()
    assert "warning" not in ended.err
    name, record = f"{registry}/beside/tool:latest", world.last_run(root)
    assert f"pushed {name}@{record['targets'][0]['digest']}" in ended.out.splitlines()
    docker("image", "inspect", name)
    docker("buildx", "imagetools", "inspect", f"{registry}/beside/tool@{record['targets'][0]['digest']}")
