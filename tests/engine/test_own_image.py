"""gobake's own image, built by plain buildx from docker-bake.hcl, and at work on the engine that built it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from gobake import __version__
from harness import images
from tests.conftest import REPOSITORY, Tree, commit
from tests.engine.conftest import docker

FILES = {
    "go.mod": "module example.com/inside\n\ngo 1.26\n",
    "main.go": 'package main\n\nfunc main() { println("from inside") }\n',
}


def _pip_config(folder: Path) -> Path:
    """How this machine's pip reaches its index, as a file that a container can use too."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    pairs = (line.partition("=") for line in said.splitlines() if "=" in line)
    found = {name.rpartition(".")[2]: value.strip("'\"") for name, _, value in pairs}
    of_use = {"index-url", "extra-index-url", "trusted-host", "cert", "timeout"} & set(found)
    file = folder / "pip.conf"
    file.write_text("[global]\n" + "".join(f"{name} = {found[name]}\n" for name in sorted(of_use)))
    return file


@pytest.fixture(scope="module")
def image(registry: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("own")
    if "GOBAKE_ENGINE_SUITE" in os.environ:  # a private engine: its registry gets stand-ins of the public bases
        images.push(registry, folder / "roots", images.OWN_IMAGE)
    _bake("gobake", {"TAG": "own", "PIP_CONFIG_FILE": str(_pip_config(folder)), **_digests()})
    return "gobake:own"


def _digests() -> dict[str, str]:
    """Of the base images, as `make image` asks for them; none where a registry does not tell."""
    asked = {"PYTHON_DIGEST": "python:3.13-slim", "DOCKER_DIGEST": "docker:28-cli"}
    found = {}
    for name, image in asked.items():
        words = ["docker", "buildx", "imagetools", "inspect", "--format", "{{print .Manifest.Digest}}"]
        if "GOBAKE_ENGINE_SUITE" in os.environ:  # the engine finds the same image there by its mirror
            image = f"{os.environ['GOBAKE_TEST_REGISTRY']}/library/{image}"
        found[name] = subprocess.run([*words, image], capture_output=True, text=True, check=True).stdout.strip()
    return found


def _bake(target: str, variables: Mapping[str, str]) -> None:
    command = ["docker", "buildx", "bake", "--progress", "plain", "--allow=fs=*", target]
    environment = {**os.environ, **variables, "BUILDX_BAKE_ENTITLEMENTS_FS": "0"}
    if os.environ.get("GOBAKE_ENGINE_SUITE") == "trixie":
        command.remove("--allow=fs=*")  # buildx 0.13 knows neither the limit nor the flag
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def _inside(image: str, root: Path, *words: str) -> str:
    """gobake in its container, with a project and the engine's socket."""
    socket = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    mounts = ["-v", f"{socket}:/var/run/docker.sock", "-v", f"{root}:/src"]
    return docker("run", "--rm", *mounts, image, *words)


def test_gobake_in_its_image_tells_its_version(image: str) -> None:
    assert docker("run", "--rm", image, "--version") == f"gobake, version {__version__}"


def test_gobake_in_its_image_plans_and_builds_a_mounted_project(image: str, tree: Tree) -> None:
    root = tree(FILES, "inside")
    commit(root)
    assert "inside-scratch" in _inside(image, root, "plan", "--platform", "linux/amd64")
    _inside(image, root, "build", "--platform", "linux/amd64", "--quiet")
    assert docker("inspect", "inside", "--format", '{{index .Config.Labels "org.opencontainers.image.revision"}}')
    done = subprocess.run(["docker", "run", "--rm", "inside"], capture_output=True, text=True, check=True)
    assert done.stderr == "from inside\n"


def test_the_image_holds_neither_the_sources_nor_how_pip_reached_its_index(image: str) -> None:
    said = docker("run", "--rm", "--entrypoint", "sh", image, "-c", "ls -A /opt/gobake; cat /etc/pip.conf 2>&1; true")
    assert "[global]" not in said
    assert "pyproject" not in said
    assert "index-url" not in docker("history", "--no-trunc", image)
