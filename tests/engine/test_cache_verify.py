"""`gobake cache verify`: whatever is kept and changes a program is noticed, and what is right is left alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gobake.caching.policy.namespaces import NAMESPACES
from tests.conftest import Gobake, Tree, commit
from tests.engine.test_cache_commands import SAID, program, records


def ours(name: str) -> dict[str, set[str]]:
    """The project's mounts and those of comparisons: BuildKit may collect others at any time."""
    return {mount: found for mount, found in records().items() if mount.startswith((f"{name}-", "verify-"))}


def in_mount(mount: str, command: str) -> str:
    """Run a shell command where a cache mount lies, as whoever can write to it might."""
    text = (
        "FROM golang:1.26 AS run\nARG MOMENT\n"
        f"RUN --mount=type=cache,id={mount},target=/cache {command} > /said\nFROM scratch\nCOPY --from=run /said /\n"
    )
    moment = f"MOMENT={time.time_ns()}"
    space = f"BUILDKIT_CACHE_MOUNT_NS={next((s for s in NAMESPACES if mount.startswith(f'{s}-')), '')}"
    words = ["docker", "buildx", "build", "--quiet", "--build-arg", moment, "--build-arg", space]
    words += ["--output", "type=tar,dest=-", "-"]
    done = subprocess.run(words, input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8", "replace")


def object_with(mount: str, text: str) -> str:
    """The file in Go's cache that holds a text."""
    found = re.search(r"/cache/\S+-d", in_mount(mount, f"grep -rlF '{text}' /cache"))
    assert found, f"nothing in {mount} holds {text!r}"
    return found[0]


@pytest.fixture
def verified(gobake: Gobake, tree: Tree, request: pytest.FixtureRequest) -> Iterator[tuple[Gobake, Path, str]]:
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name)[:30].strip("-") + f"-{os.getpid()}"
    root = tree(program(name), name)
    commit(root)
    gobake.good("build", "--platform", "linux/amd64", cwd=root)
    yield gobake, root, name
    gobake.good("cache", "prune", "--all", "--yes", cwd=root)


POISON = f"sed -i 's/{SAID}/{SAID.upper()}/g'"  # as long as before: Go looks at the size


@pytest.mark.smoke
def test_caches_that_change_nothing_are_verified_and_stay_as_they_are(verified: tuple[Gobake, Path, str]) -> None:
    gobake, root, name = verified
    before = ours(name)
    ended = gobake.good("cache", "verify", "--format", "json", cwd=root)
    assert [s["agree"] for s in ended.json["services"]] == [True]
    assert ended.json["services"][0]["service"] == name
    assert ours(name) == before, "no warm mount was lost, and none is left of the comparison"


def test_a_poisoned_object_is_noticed_although_the_linked_program_is_right(verified: tuple[Gobake, Path, str]) -> None:
    gobake, root, name = verified
    poisoned = in_mount(
        f"{name}-gobuild",
        f"grep -rlF '{SAID}' /cache | grep -e '-d$' | xargs -r {POISON}; grep -rlF '{SAID.upper()}' /cache",
    )
    assert "-d" in poisoned
    ended = gobake("cache", "verify", cwd=root)
    assert ended.code == 5, ended.out + ended.err
    assert "gobuild or gomod differs" in ended.err


def test_a_swapped_program_is_noticed(verified: tuple[Gobake, Path, str]) -> None:
    gobake, root, name = verified
    sums = "(cd /cache/compile && { echo sums; cksum ./*; } >../compile.sums)"  # else the build notices by itself
    in_mount(
        f"{name}-golink-compile-linux-amd64", f"find /cache -type f -name '{name}' -exec {POISON} {{}} + && {sums}"
    )
    ended = gobake("cache", "verify", "--format", "json", cwd=root)
    assert ended.code == 5, ended.out + ended.err
    (service,) = json.loads(ended.out)["services"]
    assert service["verdict"] == "golink differs"
    assert service["linked_anew"] == service["without_caches"] != service["with_caches"]


def test_another_builds_object_under_a_packages_name_is_noticed(verified: tuple[Gobake, Path, str]) -> None:
    """The archive of the main package, replaced by the one that an edited program gave."""
    gobake, root, name = verified
    mount = f"{name}-gobuild"
    right = object_with(mount, SAID)
    file = root / "main.go"
    text = file.read_text()
    file.write_text(text.replace(SAID, SAID.swapcase()))
    gobake.good("build", "--platform", "linux/amd64", cwd=root)
    other = object_with(mount, SAID.swapcase())
    file.write_text(text)
    in_mount(mount, f"cat {other} > {right} && echo {right}")
    ended = gobake("cache", "verify", "--format", "json", cwd=root)
    assert ended.code == 5, ended.out + ended.err
    (service,) = ended.json["services"]
    assert (service["service"], service["verdict"]) == (name, "gobuild or gomod differs")
    assert name in ended.err


def test_a_copy_of_a_source_that_is_another_is_noticed(verified: tuple[Gobake, Path, str]) -> None:
    """As large and as old as the right one, so that a build takes it for that."""
    gobake, root, _ = verified
    time.sleep(2.1)  # what was written less long ago is read again
    gobake.good("build", "--platform", "linux/amd64", cwd=root)
    (copy,) = Path(gobake.env["XDG_CACHE_HOME"]).glob("gobake/*/context/*/sources/main.go")
    state = copy.stat()
    copy.write_text(copy.read_text().replace(SAID, SAID.upper()))
    os.utime(copy, ns=(state.st_atime_ns, state.st_mtime_ns))
    ended = gobake("cache", "verify", cwd=root)
    assert ended.code == 5, ended.out + ended.err
    assert "gobake's copy of main.go differs" in ended.err


def test_a_builder_that_keeps_nothing_has_nothing_to_verify(gobake: Gobake, tree: Tree) -> None:
    ended = gobake("cache", "verify", cwd=tree(program("never-built")))
    assert ended.code == 2
    assert "build first" in ended.err
