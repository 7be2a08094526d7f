"""A registry that stops answering, or is gone, in the middle of what a real build sends it or gets from it."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import network, programs
from harness.faulty import Fault, FaultyRegistry
from harness.packages import engine_root
from tests.conftest import Ended, Gobake
from tests.engine.caches import edit, forget_mounts
from tests.engine.conftest import docker
from tests.engine.test_cache_runs import MAIN
from tests.security.builds.real import SECONDS, build, comes_to, ended, restored_from, right_program
from tests.security.faults import one_line, works

STALL = ("--stall-timeout", "10s")


class Registry:
    """One of its own, which can be stopped, killed, and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, network.free_port()
        self.place = f"localhost:{self._port}"
        self._start()

    def _start(self) -> None:
        root = engine_root(os.environ.get("GOBAKE_ENGINE_SUITE", "sid"))
        self._process = programs.registry(root, self._folder / "data", self._port, self._folder, self._folder / "log")

    def stands_still(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def is_killed(self) -> None:
        self._process.kill()
        self._process.wait()

    def is_well(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
        else:
            self._start()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    found = Registry(tmp_path_factory.mktemp("registry"))
    yield found
    found.is_killed()


@pytest.fixture(scope="module")
def store(own: Registry, world: Gobake, built: Path) -> str:
    """With a seed."""
    place = f"{own.place}/store/{built.name}"
    build(world, built)
    works(world("cache", "save", "--to", place, "--branch", "main", cwd=built))
    return place


Way = Callable[[Registry], None]
FAULTS = pytest.mark.parametrize("fault", [Registry.stands_still, Registry.is_killed], ids=["silent", "gone"])


def in_the_middle(world: Gobake, root: Path, own: Registry, fault: Way, *words: str, at: tuple[str, ...]) -> Ended:
    """A build of main's, whose registry fails it as soon as it has said something."""
    process = world.start("build", "one", "--progress", "plain", *STALL, *words, cwd=root, env=MAIN)
    comes_to(process, *at)
    fault(own)
    begun = time.monotonic()
    try:
        done = ended(process)
    finally:
        own.is_well()
    assert time.monotonic() - begun < SECONDS / 2
    return done


@FAULTS
def test_caches_that_cannot_be_written_cost_no_build(
    world: Gobake, built: Path, own: Registry, store: str, fault: Way
) -> None:
    edit(built)
    done = in_the_middle(world, built, own, fault, "--cache-store", store, at=("go build", "begins"))
    works(done)
    right_program(built)
    assert world.last_run(built)["outcome"] == "done"
    assert restored_from(world, built, store) == ["restored"]


@FAULTS
def test_a_registry_that_goes_while_a_seed_is_restored_is_waited_for_a_while(
    world: Gobake, built: Path, own: Registry, store: str, fault: Way
) -> None:
    """One that is gone costs no build; one that never answers has it given up, as is documented."""
    edit(built)
    forget_mounts(built.name)
    done = in_the_middle(world, built, own, fault, "--cache-store", store, at=("filled from seed",))
    if fault is Registry.is_killed:
        works(done)
    else:
        assert "its registry has not answered" in one_line(done, 4)
    assert restored_from(world, built, store) == ["restored"]


def test_a_push_whose_registry_goes_is_one_line(world: Gobake, built: Path, own: Registry) -> None:
    edit(built)
    words = ("--push", "--registry", f"{own.place}/images")
    done = in_the_middle(world, built, own, Registry.is_killed, *words, at=("go build", "begins"))
    assert "could not be pushed, its registry does not answer" in one_line(done, 6)
    assert world.last_run(built)["outcome"] == "failed"
    works(world("build", "one", *words, cwd=built))


PASSING = (
    Fault(kind="500", method="POST", path="/uploads/"),
    Fault(kind="503", method="PUT", path="/uploads/"),
    Fault(kind="reset", method="PUT", path="/uploads/"),
    Fault(kind="429", times=6, retry_after="1"),  # containerd asks so often at once
    Fault(kind="404"),  # of a manifest whose blobs were just written
)


def test_a_push_outlives_what_passes(world: Gobake, built: Path, registry: str) -> None:
    """Each fault once. What BuildKit does not repeat itself, gobake does, and the record says so."""
    edit(built)
    with FaultyRegistry(int(registry.rpartition(":")[2])).running() as faulty:
        faulty.inject(*PASSING)
        place = f"{faulty.place}/passing/{built.name}"
        done = world("build", "one", "--push", "--registry", place, "--progress", "plain", cwd=built)
        works(done)
        assert faulty.left == 0
    assert len(re.findall(r"building again in \d+ s \(\d of 3\)", done.err)) == 2
    record = world.last_run(built)
    reasons = " ".join(one["reason"] for one in record["retries"])
    assert "toomanyrequests" in reasons
    assert "blob unknown to registry" in reasons
    assert "built again after" in works(world("report", cwd=built))
    assert any(step["outcome"] == "executed" for step in record["steps"])  # what the first attempt did
    there = f"{registry}/passing/{built.name}/one:latest"
    assert record["targets"][0]["digest"] in docker("buildx", "imagetools", "inspect", there)


def test_a_compile_error_is_built_once(world: Gobake, built: Path, registry: str) -> None:
    source = built / "shared/shared.go"
    whole = source.read_text()
    source.write_text(f"{whole}\nvar wrong = missing\n")
    try:
        words = ("--push", "--registry", f"{registry}/compile", "--progress", "plain")
        done = world("build", "one", *words, cwd=built)
    finally:
        source.write_text(whole)
    assert "undefined: missing" in one_line(done, 4)
    assert "building again" not in done.err
    assert len(re.findall(r"go build \S+  begins", done.err)) == 1
    assert world.last_run(built)["retries"] == []
