"""A build ends, and says so: also where gobake is killed, and where a download stands still."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Gobake, Tree
from tests.engine.conftest import docker, without_go

HELLO = {
    "go.mod": "module example.com/hello\n\ngo 1.26\n",
    "main.go": 'package main\n\nfunc main() { println("hello") }\n',
}
WAITS = "example.com/waits-for-a-module"
NEEDY = {  # needs a module that no machine has: its build waits for as long as the proxy does
    "go.mod": f"module {WAITS}\n\ngo 1.26\n\nrequire example.com/far v1.2.3\n",
    "go.sum": "example.com/far v1.2.3 h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    "example.com/far v1.2.3/go.mod h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
    "main.go": 'package main\n\nimport "example.com/far"\n\nfunc main() { far.Away() }\n',
}


@pytest.fixture
def silent_proxy() -> Iterator[str]:
    """A module proxy that takes every question and answers none, where the engine's steps reach it."""
    gateway = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    with socket.create_server((gateway, 0)) as listener:
        held: list[socket.socket] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    held.append(listener.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        yield f"{gateway}:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


def waiting(tree: Tree, name: str) -> Path:
    return tree({**NEEDY, "gobake.yaml": f"name: {name}-{os.getpid()}\n"}, name)


def running(*patterns: str) -> list[str]:
    """The command lines of this machine's processes, the engine's steps among them, that match all of these."""
    found = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if all(re.search(pattern, line) for pattern in patterns)]


def all_gone(*patterns: str) -> bool:
    for _ in range(100):
        if not running(*patterns):
            return True
        time.sleep(0.1)
    return False


def until(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if re.search(text, line):
            return
    raise AssertionError(f"{text} was never said:\n{''.join(lines)}")


@pytest.mark.parametrize("known", [False, True], ids=["through docker", "the plugin by itself"])
def test_a_killed_run_takes_its_build_with_it_and_is_seen_as_killed(
    gobake: Gobake, tree: Tree, silent_proxy: str, known: bool
) -> None:
    if known:
        gobake.good("build", cwd=tree(HELLO, "hello"))  # from now on the builder is known
    root = waiting(tree, f"killed{known:d}")
    process = gobake.start("build", "--progress", "plain", cwd=root, env={"GOPROXY": f"http://{silent_proxy}"})
    until(process, "go build.* begins")
    for _ in range(100):
        if running("^go build", WAITS):
            break
        time.sleep(0.1)
    recipe = r"gobake/killed.*docker-bake\.json"
    assert running("buildx", recipe)
    assert running("^go build", WAITS)
    assert gobake.good("runs", "ls", "--format", "json", cwd=root).json["runs"] == []
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert all_gone("buildx", recipe)
    assert all_gone("^go build", WAITS)
    listed = gobake.good("runs", "ls", "--outcome", "killed", "--format", "json", cwd=root).json
    assert [(run["outcome"], run["services"]) for run in listed["runs"]] == [("killed", ["waits-for-a-module"])]
    assert gobake.last_run(root)["outcome"] == "killed"
    assert list((Path(gobake.env["XDG_DATA_HOME"])).rglob("begun/*.json")) == []


def test_a_download_that_stands_still_is_told_by_name_and_given_up(
    gobake: Gobake, tree: Tree, silent_proxy: str
) -> None:
    root = waiting(tree, "still")
    environment = {"GOPROXY": f"http://{silent_proxy}", "GOBAKE_STALL_TIMEOUT": "30s"}
    ended = gobake("build", "--progress", "json", cwd=root, env=environment)
    assert ended.code == 4
    stalls = [event for event in map(json.loads, ended.out.splitlines()) if event["event"] == "stall"]
    assert [(stall["kind"], stall["names"]) for stall in stalls] == [("modules", ["example.com/far v1.2.3"])]
    assert 20 <= stalls[0]["seconds"] < 30
    assert stalls[0]["text"].endswith(f", GOPROXY {silent_proxy}; given up after 30 s (--stall-timeout)")
    (error,) = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert "example.com/far v1.2.3" in error
    assert "--stall-timeout" in error
    assert all_gone("^go build", WAITS)
    record = gobake.last_run(root)
    assert record["outcome"] == "failed"
    assert "example.com/far v1.2.3" in record["failure"]


UNLISTED = {  # Go needs far's go.mod to say what there is
    "go.mod": "module example.com/unlisted\n\ngo 1.16\n\nrequire example.com/side v0.0.0\n\n"
    "replace example.com/side => ./side\n",
    "go.sum": NEEDY["go.sum"],
    "main.go": 'package main\n\nimport "example.com/side"\n\nfunc main() { side.Show() }\n',
    "side/go.mod": "module example.com/side\n\ngo 1.16\n\nrequire example.com/far v1.2.3\n",
    "side/side.go": "package side\n\nfunc Show() {}\n",
}


@pytest.mark.parametrize("has_go", [True, False], ids=["here", "in a container"])
def test_asking_go_ends_too_where_the_proxy_is_silent(
    gobake: Gobake, tree: Tree, silent_proxy: str, has_go: bool
) -> None:
    root = tree(UNLISTED, "unlisted")
    environment = {"GOPROXY": f"http://{silent_proxy}", "GOBAKE_STALL_TIMEOUT": "25s"}
    if not has_go:
        environment["PATH"] = without_go()
    ended = gobake("plan", cwd=root, env=environment)
    assert ended.code == 4, ended.err
    told, error = ended.err.splitlines()
    assert "; given up after 25 s (GOBAKE_STALL_TIMEOUT)" in told
    assert error.startswith("error: given up: ")
    assert all_gone("go list", silent_proxy)
    assert all_gone("buildx", "--output type=local,dest=")


SOME = {
    "go.mod": "module example.com/some\n\ngo 1.26\n",
    "good/main.go": 'package main\n\nfunc main() { println("good") }\n',
    "broken/main.go": "package main\n\nfunc main() {\n\tundefined_thing()\n}\n",
    "lost/main.go": 'package main\n\nimport "example.com/nowhere"\n\nfunc main() { nowhere.Go() }\n',
    "base.Dockerfile": "FROM alpine:3.22\nRUN echo no such luck && false\n",
    "unlucky/main.go": 'package main\n\nfunc main() { println("unlucky") }\n',
}


def test_what_fails_costs_itself_alone_where_all_is_built(gobake: Gobake, tree: Tree) -> None:
    configuration = (
        f"name: some-{os.getpid()}\ndiscover: true\n"
        "services: {unlucky: {package: ./unlucky, strategy: alpine, base: ./base.Dockerfile}}\n"
    )
    root = tree({**SOME, "gobake.yaml": configuration})
    named = gobake("build", "good", "broken", "--progress", "plain", cwd=root)
    assert named.code == 4
    assert "broken/main.go:4:2: " in named.err
    assert "building the others" not in named.err
    ended = gobake("build", "--progress", "plain", cwd=root)
    assert ended.code == 4
    ran = subprocess.run(["docker", "run", "--rm", "good"], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "good"
    (error,) = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert error.startswith("error: 3 of 4 targets were not built: ")
    told = [line for line in ended.err.splitlines() if line.startswith("not built: ") and "building" not in line]
    assert len(told) == 3
    assert any("broken/main.go:4:2: undefined: undefined_thing" in line for line in told)
    assert any("lost/main.go:3:8: no required module provides package example.com/nowhere" in line for line in told)
    assert any("unlucky" in line and "RUN echo no such luck && false: exit code: 1" in line for line in told)
    record = gobake.last_run(root)
    assert record["outcome"] == "failed"
    built = {target["service"]: bool(target["digest"]) for target in record["targets"]}
    assert built == {"good": True, "broken": False, "lost": False, "unlucky": False}
    assert all(bool(target["failure"]) is not bool(target["digest"]) for target in record["targets"])
