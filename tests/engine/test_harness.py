"""Starting and stopping engines for real."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.instance import base_images_name, instance_dir, short_dir, unmount
from harness.places import cache_folder
from tests.conftest import REPOSITORY


def ours(name: str) -> list[str]:
    """Command lines of processes that belong to an instance."""
    marks = (str(short_dir(name)), str(instance_dir(name)))
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if any(mark in line for mark in marks) and "-m harness" not in line:
            found.append(line)
    return found


@pytest.mark.parametrize("delay", [0.15, 0.35, 0.6])
def test_ctrl_c_while_it_starts_leaves_nothing_running(delay: float) -> None:
    command = [sys.executable, "-m", "harness", "--name", "stopped", "--force-private", "--fresh", "up"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, start_new_session=True)
    time.sleep(delay)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    if process.returncode == 0:  # it was quicker than the signal: stop it as a user would
        subprocess.run([*command[:-2], "--fresh", "down"], cwd=REPOSITORY, capture_output=True, check=True)
    assert ours("stopped") == []
    assert not list(Path("/sys/class/net").glob("gbk*stopped"))


def test_run_stops_what_it_started_and_passes_the_exit_code_on() -> None:
    command = [sys.executable, "-m", "harness", "--name", "passing", "--force-private", "--fresh", "run", "--"]
    done = subprocess.run([*command, "sh", "-c", "docker version >/dev/null && exit 7"], cwd=REPOSITORY, check=False)
    assert done.returncode == 7
    assert ours("passing") == []
    assert not instance_dir("passing").exists()


def test_engines_that_start_at_the_same_moment_have_networks_of_their_own() -> None:
    names = ("pair-one", "pair-two")
    commands = [[sys.executable, "-m", "harness", "--name", name, "--force-private", "--fresh"] for name in names]
    try:
        starts = [subprocess.Popen([*command, "up"], cwd=REPOSITORY, stderr=subprocess.PIPE) for command in commands]
        for start in starts:
            _, said = start.communicate(timeout=120)
            assert start.returncode == 0, said
        subnets = {json.loads((instance_dir(name) / "state.json").read_text())["subnet"] for name in names}
    finally:
        for command in commands:
            subprocess.run([*command, "down"], cwd=REPOSITORY, capture_output=True, check=True)
    assert len(subnets) == 2


@pytest.fixture(scope="module")
def own_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What a machine with an engine of its own is like before and after the harness and the tests' own engines ran."""
    if not shutil.which("unshare"):
        pytest.skip("there is no unshare, and so no second machine")
    folder = tmp_path_factory.mktemp("machine")
    cache = folder / "cache"
    cache.mkdir()
    for made in ("engine-sid", base_images_name()):
        (cache / made).symlink_to(cache_folder() / made)
    programs = cache_folder() / "engine-sid"
    command = ["unshare", "--net", sys.executable, "-m", "tests.engine.own_machine", str(programs), str(folder)]
    environment = {**os.environ, "GOBAKE_HARNESS_CACHE": str(cache)}
    environment.pop("DOCKER_HOST", None)
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert isinstance(seen, dict)
    yield seen
    unmount(folder)


def test_a_machine_without_an_engine_is_as_before(own_machine: dict[str, Any]) -> None:
    before, after = own_machine["alone"]
    assert before["settings"]["/proc/sys/net/ipv4/ip_forward"] == "0\n"
    assert after == before


def test_another_engine_and_its_network_are_as_before(own_machine: dict[str, Any]) -> None:
    before, after = own_machine["beside"]
    assert own_machine["built"] == 0
    assert before["interfaces"] == ["docker0", "lo"]
    assert "-A FORWARD -j DOCKER-USER" in before["rules"]["iptables-save"]
    for what in before:
        assert after[what] == before[what], what
    ran, again = own_machine["ran"]
    assert ran.startswith("qemu-aarch64 version")
    assert again == ran
