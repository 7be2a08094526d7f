"""What users get when something is wrong: its own error, exit code and remedy; with the real thing each time."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

import harness
from harness.instance import instance_dir
from tests.conftest import Ended, Gobake, Tree, commit
from tests.engine.classic import classic_engine
from tests.engine.conftest import docker, without_go

HELLO = {
    "go.mod": "module example.com/hello\n\ngo 1.26\n",
    "main.go": 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello") }\n',
}


def one_line_error(ended: Ended) -> str:
    """The error: exactly one line, last, and no traceback anywhere."""
    assert "Traceback" not in ended.err + ended.out
    errors = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, ended.err
    assert "; " in errors[0] or ":" in errors[0]
    return errors[0]


def test_no_engine(gobake: Gobake, tree: Tree, tmp_path: Path) -> None:
    nowhere = f"unix://{tmp_path}/no.sock"
    ended = gobake("build", cwd=tree(HELLO), env={"DOCKER_HOST": nowhere})
    assert ended.code == 3
    assert "no Docker Engine answers" in one_line_error(ended)


def test_no_docker_command(gobake: Gobake, tree: Tree, tmp_path: Path) -> None:
    go = subprocess.run(["go", "env", "GOROOT"], capture_output=True, text=True, check=True).stdout.strip()
    ended = gobake("build", cwd=tree(HELLO), env={"PATH": f"{go}/bin"})
    assert ended.code == 3
    assert "no docker command on PATH" in one_line_error(ended)


def test_no_buildx(gobake: Gobake, tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    ended = gobake("build", cwd=tree(HELLO), env={"DOCKER_CONFIG": str(tmp_path / "bare")})
    if ended.code == 0:
        pytest.skip("this machine has buildx installed for all users")
    assert ended.code == 3
    assert "no buildx plugin" in one_line_error(ended)


def test_a_builder_that_does_not_exist(gobake: Gobake, tree: Tree) -> None:
    ended = gobake("build", "--builder", "nobody", cwd=tree(HELLO))
    assert ended.code == 3
    assert "nobody" in one_line_error(ended)


def test_an_engine_without_the_containerd_store_is_too_old(gobake: Gobake, tree: Tree, tmp_path: Path) -> None:
    """The classic store: the private engine's own dockerd with the feature off."""
    with classic_engine(tmp_path) as host:
        ended = gobake("build", "--platform", "linux/amd64,linux/arm64", cwd=tree(HELLO), env={"DOCKER_HOST": host})
        assert ended.code == 3
        assert "containerd-snapshotter" in one_line_error(ended)


@pytest.mark.smoke
def test_a_compile_error_is_shown_with_the_users_own_path(gobake: Gobake, tree: Tree) -> None:
    root = tree({**HELLO, "cmd/bad/main.go": "package main\n\nfunc main() {\n\tundefined_thing()\n}\n"})
    ended = gobake("build", cwd=root)
    assert ended.code == 4
    assert "cmd/bad/main.go:4:2: " in one_line_error(ended)
    assert "undefined: undefined_thing" in ended.err
    assert gobake.last_run(root)["outcome"] == "failed"


def test_a_syntax_error_stops_before_anything_is_built(gobake: Gobake, tree: Tree) -> None:
    ended = gobake("build", cwd=tree({**HELLO, "main.go": "pakage main\n"}))
    assert ended.code == 2
    assert "main.go:1" in one_line_error(ended)


def test_a_base_image_that_does_not_exist(gobake: Gobake, tree: Tree) -> None:
    root = tree({**HELLO, "gobake.yaml": "defaults: {strategy: alpine}\nbases: {alpine: 'alpine:no-such-tag'}\n"})
    ended = gobake("build", cwd=root)
    assert ended.code == 4
    assert "alpine:no-such-tag" in one_line_error(ended)
    assert "--base" in ended.err


def test_a_go_version_that_no_base_has(gobake: Gobake, tree: Tree) -> None:
    root = tree({**HELLO, "go.mod": "module example.com/hello\n\ngo 1.26\n", "gobake.yaml": "go: '1.99'\n"})
    ended = gobake("build", cwd=root, env={"PATH": without_go()})
    assert ended.code == 4
    assert "golang:1.99" in one_line_error(ended)


def test_modules_without_a_network(gobake: Gobake, tree: Tree) -> None:
    needs = {
        "go.mod": "module example.com/hello\n\ngo 1.26\n\nrequire github.com/google/uuid v1.6.0\n",
        "go.sum": "github.com/google/uuid v1.6.0 h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=\n"
        "github.com/google/uuid v1.6.0/go.mod h1:TIyPZe4MgqvfeYDBFedMoGGpEw/LqOeaOT+nhxU+yHo=\n",
        "main.go": 'package main\n\nimport "github.com/google/uuid"\n\nfunc main() { println(uuid.NewString()) }\n',
        "gobake.yaml": "name: without-network\n",
    }
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ended = gobake("build", cwd=tree(needs), env={"GOPROXY": f"http://127.0.0.1:{closed.getsockname()[1]}"})
    assert ended.code == 4
    assert "GOPROXY" in one_line_error(ended)


def test_go_sum_that_lacks_a_module(gobake: Gobake, tree: Tree) -> None:
    needs = {
        "go.mod": "module example.com/hello\n\ngo 1.26\n\nrequire github.com/google/uuid v1.6.0\n",
        "main.go": 'package main\n\nimport "github.com/google/uuid"\n\nfunc main() { println(uuid.NewString()) }\n',
    }
    ended = gobake("build", cwd=tree(needs))
    assert ended.code == 4
    assert "go mod tidy" in one_line_error(ended)


def test_single_stage_where_nothing_runs_the_platform(gobake: Gobake, tree: Tree) -> None:
    root = tree(HELLO)
    ended = gobake("all", "-s", "single-stage", "--platform", "linux/riscv64", cwd=root)
    assert ended.code == 3
    assert "riscv64" in one_line_error(ended)
    rest = gobake.good("all", "--platform", "linux/riscv64", "--dry-run", cwd=root)
    assert "left out" in rest.out
    assert "hello-scratch" in rest.out
    assert "hello-single-stage " not in rest.out.replace("hello-single-stage:", "")


@pytest.mark.parametrize("platform", ["linux/foo", "windows/amd64", "linux", "linux/arm64/v9", ""])
def test_a_platform_that_does_not_parse(gobake: Gobake, tree: Tree, platform: str) -> None:
    ended = gobake("build", "--platform", platform or "/", cwd=tree(HELLO))
    assert ended.code == 2
    assert "platform" in one_line_error(ended)


def test_a_cache_folder_that_cannot_be_written(gobake: Gobake, tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = gobake("build", cwd=tree(HELLO), env={"XDG_CACHE_HOME": str(tmp_path / "file"), "GOCACHE": str(tmp_path)})
    assert ended.code == 2
    assert "XDG_CACHE_HOME" in one_line_error(ended)


def test_a_record_that_cannot_be_kept_fails_no_build(gobake: Gobake, tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = gobake.good("build", cwd=tree(HELLO), env={"XDG_DATA_HOME": str(tmp_path / "file")})
    assert "record cannot be kept" in ended.out + ended.err


def test_a_host_disk_that_is_full(gobake: Gobake, tree: Tree, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(small)], check=False).returncode:
        pytest.skip("no right to mount a small disk")
    try:
        (small / "filler").write_bytes(b"x" * 4096)
        ended = gobake("build", cwd=tree(HELLO), env={"XDG_CACHE_HOME": str(small), "GOCACHE": str(tmp_path)})
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert ended.code == 2
    assert "cannot be" in one_line_error(ended)


def test_an_engine_disk_that_is_full(gobake: Gobake, tree: Tree) -> None:
    """An engine of its own whose data-root is a small disk."""
    data = instance_dir("full") / "data"
    data.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(data)], check=False).returncode:
        pytest.skip("no right to mount a small disk")
    try:
        engine = harness.up(os.environ.get("GOBAKE_ENGINE_SUITE", "sid"), "full", force_private=True)
        ended = gobake("build", cwd=tree(HELLO), env=engine.env)
    finally:
        harness.down("full")
        subprocess.run(["umount", "-l", str(data)], check=False)
        harness.down("full", purge=True)
    assert ended.code == 4
    assert "disk is full" in one_line_error(ended)


SLOW_MODULE = f"example.com/slow{os.getpid()}"  # seen among all processes of the machine
SLOW = {
    "go.mod": f"module {SLOW_MODULE}\n\ngo 1.26\n",
    "main.go": 'package main\n\nimport (\n\t_ "net/http"\n\t_ "go/types"\n)\n\nfunc main() {}\n',
}


def _slow_project(tree: Tree, name: str) -> Path:
    """Compiles for a good while: a cache of its own that is empty."""
    return tree({**SLOW, "gobake.yaml": f"name: slow-{name}-{os.getpid()}\n"}, name)


def _when_compiling(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if "go build" in line and "begins" in line:
            return
    raise AssertionError("it never came to compile")


@pytest.mark.smoke
def test_ctrl_c_stops_the_build_in_the_engine_and_keeps_the_record(gobake: Gobake, tree: Tree) -> None:
    root = _slow_project(tree, "a")
    process = gobake.start("build", "--progress", "plain", cwd=root)
    _when_compiling(process)
    time.sleep(0.5)
    pressed = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - pressed < 5
    assert process.returncode == 130
    assert "interrupted" in err
    assert gobake.last_run(root)["outcome"] == "interrupted"
    assert not _compiling(SLOW_MODULE)


@pytest.mark.parametrize("known", [False, True], ids=["through docker", "the plugin by itself"])
def test_ctrl_c_to_gobake_alone_stops_buildx_too(gobake: Gobake, tree: Tree, known: bool) -> None:
    if known:
        gobake.good("build", cwd=tree(HELLO, "hello"))  # from now on the builder is known
    root = _slow_project(tree, f"b{known:d}")
    process = gobake.start("build", "--progress", "plain", cwd=root)
    _when_compiling(process)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert gobake.last_run(root)["outcome"] == "interrupted"
    assert not _compiling(SLOW_MODULE)


def test_a_second_ctrl_c_ends_at_once(gobake: Gobake, tree: Tree) -> None:
    process = gobake.start("build", "--progress", "plain", cwd=_slow_project(tree, "c"))
    _when_compiling(process)
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.35)
    os.kill(process.pid, signal.SIGINT)
    pressed = time.monotonic()
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - pressed < 2


def _compiling(module: str) -> bool:
    """Whether a go build of this module still runs on this machine, a moment later."""
    time.sleep(1)
    found = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout
    return bool(re.search(rf"^go build .*{re.escape(module)}", found, re.M))


def test_ctrl_c_while_layers_are_exported_keeps_the_images_and_the_record(
    gobake: Gobake, tree: Tree, registry: str
) -> None:
    root = tree({**HELLO, "gobake.yaml": f"name: held-{os.getpid()}\n"}, "held")
    commit(root)
    with Held(int(registry.rpartition(":")[2])) as store:
        words = ("--cache-store", f"localhost:{store.port}/held/cache", "--cache-policy", "ci-branch")
        process = gobake.start("build", "--progress", "plain", *words, cwd=root)
        assert process.stderr is not None
        assert any(line.startswith("exporting the layers of ") for line in process.stderr)
        store.passes.clear()
        time.sleep(1)
        pressed = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=30)
        assert time.monotonic() - pressed < 5
    assert process.returncode == 130
    record = gobake.last_run(root)
    assert record["outcome"] == "interrupted"
    assert all(target["digest"] for target in record["targets"])
    assert docker("run", "--rm", "hello") == "hello"


class Held:
    """A way to a registry, on loopback, that lets nothing through while it is told so."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.passes = threading.Event()
        self.passes.set()

    def __enter__(self) -> Held:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.passes.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError), source, target:
            while data := source.recv(65536):
                self.passes.wait()
                target.sendall(data)
