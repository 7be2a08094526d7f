"""The engine's own builder, remembered and distrusted; where the engine listens; one bake started in two ways."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socketserver
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gobake.engine import Bake, BakeCall, Builder, BuilderQuery, api, bake_words, builder_cache
from gobake.engine import builder as asking
from gobake.errors import NoEngine


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


# ---- the engine's own builder

INSPECT = """\
Name:   default
Driver: docker

Nodes:
Name:      default
Endpoint:  default
Status:    running
Platforms: linux/amd64, linux/arm64
"""
INFO = {"ID": "one", "ServerVersion": "28.5.2", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}


class Engine:
    """Something that answers GET /info on a Unix socket."""

    def __init__(self, path: Path) -> None:
        self.info: dict[str, Any] = dict(INFO)
        self.status = "200 OK"
        self.asked: list[str] = []
        engine = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                engine.asked.append(self.rfile.readline().decode().strip())
                body = json.dumps(engine.info).encode()
                self.wfile.write(f"HTTP/1.0 {engine.status}\r\nServer: Docker\r\n\r\n".encode() + body)

        self.server = socketserver.UnixStreamServer(str(path), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A machine whose engine listens where DOCKER_HOST says, with a docker program and the buildx plugin."""
    for folder in ("bin", "docker", "buildx"):
        (tmp_path / folder).mkdir()
    for name in ("docker", "docker-buildx"):
        shutil.copy("/bin/true", tmp_path / "bin" / name)
    (tmp_path / "docker" / "config.json").write_text("{}")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path / "buildx"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")
    engine = Engine(tmp_path / "s")
    yield engine
    engine.stop()


def _remember(tmp_path: Path) -> str:
    plugin = str(tmp_path / "bin" / "docker-buildx")
    builder_cache.remember("", INSPECT, "0.29.1", plugin)
    return plugin


def test_a_builder_that_is_known_is_not_asked_for(machine: Engine, tmp_path: Path) -> None:
    plugin = _remember(tmp_path)
    with BuilderQuery() as questions:
        assert questions.remembered
        assert questions.plugin == plugin
        assert [str(p) for p in questions.builder().platforms] == ["linux/amd64", "linux/arm64"]
        info = questions.info()
    assert (info.engine, info.buildx, info.holds_platforms) == ("28.5.2", "0.29.1", True)
    assert machine.asked == ["GET /info HTTP/1.0"] * 2


def test_the_plugin_that_docker_names_is_started_by_itself_for_the_rest_of_a_run(
    machine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder_cache, "_plugins", {})
    assert builder_cache.plugin() == ""
    builder_cache.learn_plugin("", "/some/docker-buildx")
    assert builder_cache.plugin() == "/some/docker-buildx"
    (tmp_path / "bin" / "docker").write_text("#!/bin/sh\nexec something\n")
    builder_cache.learn_plugin("farm", "/some/docker-buildx")
    assert builder_cache.plugin("farm") == ""


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda t, _e: (t / "docker" / "config.json").write_text('{"a": 1}'), id="configuration"),
        pytest.param(
            lambda t, _e: (t / "buildx" / "current").write_text('{"Name": "farm"}'), id="another builder chosen"
        ),
        pytest.param(lambda t, _e: (t / "buildx" / "instances").mkdir(), id="a builder made"),
        pytest.param(lambda t, _e: (t / "bin" / "docker-buildx").write_bytes(b"newer"), id="another buildx"),
        pytest.param(lambda t, _e: (t / "bin" / "docker").unlink(), id="another docker"),
        pytest.param(lambda _t, e: e.info.update(ServerVersion="29.0"), id="another engine version"),
        pytest.param(lambda _t, e: e.info.update(DriverStatus=[]), id="another image store"),
        pytest.param(lambda _t, e: setattr(e, "status", "500 Oh"), id="an engine in trouble"),
        pytest.param(lambda _t, e: e.stop(), id="an engine that stopped"),
        pytest.param(lambda _t, _e: os.environ.update(BUILDX_BUILDER="farm"), id="a builder named by the environment"),
        pytest.param(lambda _t, _e: os.environ.update(DOCKER_HOST="tcp://localhost:1"), id="another engine"),
    ],
)
def test_a_builder_is_asked_for_again_when_anything_may_have_changed(
    machine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path, Engine], object]
) -> None:
    for name in ("BUILDX_BUILDER", "DOCKER_HOST"):  # put back at the end, whatever the change does
        monkeypatch.setenv(name, os.environ.get(name, ""))
    _remember(tmp_path)
    assert builder_cache.recall("") is not None
    change(tmp_path, machine)
    assert builder_cache.recall("") is None


def test_a_builder_is_asked_for_again_after_an_hour(
    machine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _remember(tmp_path)
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 3700)
    assert builder_cache.recall("") is None


def test_a_builder_that_was_forgotten_is_asked_for(machine: Engine, tmp_path: Path) -> None:
    _remember(tmp_path)
    builder_cache.forget("")
    assert builder_cache.recall("") is None


def test_behind_a_script_called_docker_buildx_is_not_started_by_itself(machine: Engine, tmp_path: Path) -> None:
    (tmp_path / "bin" / "docker").write_text("#!/bin/sh\nexec something\n")
    _remember(tmp_path)
    found = builder_cache.recall("")
    assert found is not None
    assert found.plugin == ""


@pytest.mark.parametrize("text", ['{"ID": ', "[]", ""])
def test_what_is_no_answer_is_none(machine: Engine, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(json, "dumps", lambda _value: text)
    assert not api.get("/info")


# ---- where the engine listens


def test_the_engine_is_where_the_chosen_context_leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    assert api.socket_path() == "/var/run/docker.sock"
    (tmp_path / "config.json").write_text('{"currentContext": "rootless"}')
    assert api.socket_path() is None  # its folder is not there
    meta = tmp_path / "contexts" / "meta" / hashlib.sha256(b"rootless").hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text('{"Endpoints": {"docker": {"Host": "unix:///run/user/1000/docker.sock"}}}')
    assert api.socket_path() == "/run/user/1000/docker.sock"
    monkeypatch.setenv("DOCKER_CONTEXT", "default")
    assert api.socket_path() == "/var/run/docker.sock"
    monkeypatch.setenv("DOCKER_HOST", "ssh://somewhere")
    assert api.socket_path() is None
    (tmp_path / "config.json").write_text("{")
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.delenv("DOCKER_CONTEXT")
    assert api.socket_path() is None


# ---- one bake, started in two ways


@pytest.fixture
def listening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that tells with which words and settings it was started."""
    program = tmp_path / "docker"
    program.write_text('#!/bin/sh\necho "$@" >&2\necho "$TAG $SECRET $BUILDX_BAKE_ENTITLEMENTS_FS" >&2\nexit $CODE\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return program


def test_a_bake_has_these_words() -> None:
    call = BakeCall(
        files=(Path("/a file"), Path("/b")),
        targets=("one", "two"),
        builder="farm",
        no_cache=True,
        metadata_file=Path("/m"),
    )
    for _ in range(2):  # made, and remembered
        assert call.words() == [
            *("bake", "--no-cache", "--builder", "farm", "--progress", "rawjson"),
            *("--file", "/a file", "--file", "/b", "--metadata-file", "/m", "one", "two"),
        ]


def test_the_words_of_a_bake_are_made_once_as_long_as_the_library_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    made, before = list[tuple[object, ...]](), bake_words._made

    def make(*shape: Any) -> list[str]:
        made.append(shape)
        return before(*shape)

    monkeypatch.setattr(bake_words, "_made", make)
    bake_words.warm_up()
    usual = BakeCall(files=(Path("<targets>"),), targets=("one",), builder="default", metadata_file=Path("/m"))
    assert usual.words() == [
        *("bake", "--builder", "default", "--progress", "rawjson", "--file", "<targets>", "--metadata-file", "/m"),
        "one",
    ]
    assert made == [(1, True, False, True)]
    assert "--no-cache" in replace(usual, no_cache=True).words()
    assert len(made) == 2
    monkeypatch.setattr(bake_words, "_library", lambda: "another")
    usual.words()
    assert len(made) == 3


@pytest.mark.parametrize("no_cache", [False, True])
@pytest.mark.parametrize("builder", ["", "farm"])
@pytest.mark.parametrize("code", ["0", "3"])
def test_docker_and_the_plugin_are_given_the_very_words_and_settings_that_python_on_whales_gives_to_docker(
    listening: Path, no_cache: bool, builder: str, code: str
) -> None:
    import python_on_whales
    from python_on_whales.exceptions import DockerException

    call = BakeCall(
        files=(Path("/a file"), Path("/b")),
        targets=("one", "two"),
        builder=builder,
        no_cache=no_cache,
        metadata_file=Path("/m"),
        variables={"TAG": "v1", "CODE": code},
        secrets={"SECRET": "s3cret"},
    )
    through_docker, by_itself = Bake(call), Bake(replace(call, plugin=str(listening)))
    by_itself.begin()
    said, directly, by_whales = list(through_docker), list(by_itself), list[str]()
    progress: Any = "rawjson"
    with contextlib.suppress(DockerException):  # the exit code
        by_whales += python_on_whales.docker.buildx.bake(
            list(call.targets),
            builder=builder or None,
            files=list(call.files),
            cache=not no_cache,
            progress=progress,
            variables=call.environment,
            metadata_file=call.metadata_file,
            stream_logs=True,
        )
    assert said[0] == f"buildx {directly[0]}"
    assert said[1:] == directly[1:] == ["v1 s3cret 0\n"]
    assert code != "0" or said == by_whales
    assert through_docker.exit_code == by_itself.exit_code == int(code)
    assert through_docker.failed is by_itself.failed is (code != "0")


def test_a_plugin_that_is_gone_leaves_the_build_to_docker(listening: Path) -> None:
    bake = Bake(BakeCall(files=(), targets=("one",), plugin="/nowhere/docker-buildx", variables={"CODE": "0"}))
    bake.begin()
    assert next(iter(list(bake))).startswith("buildx bake")


def test_a_plugin_that_goes_while_gobake_runs_leaves_its_questions_to_docker(
    listening: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "docker-buildx"
    plugin.write_text("#!/bin/sh\n")
    plugin.chmod(0o755)
    monkeypatch.setattr(builder_cache, "_plugins", {"": str(plugin)})
    assert asking.buildx_command() == [str(plugin)]
    plugin.unlink()
    assert asking.buildx_command() == [str(listening), "buildx"]


def test_a_bake_that_was_stopped_before_it_began_builds_nothing(listening: Path) -> None:
    bake = Bake(BakeCall(files=(), targets=("one",), plugin=str(listening)))
    bake.stop()
    bake.begin()
    assert list(bake) == []
    assert bake.failed


def test_a_bake_that_is_stopped_while_its_words_are_made_builds_nothing(
    listening: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bake = Bake(BakeCall(files=(), targets=("one",), plugin=str(listening)))

    def words(_call: BakeCall) -> list[str]:
        bake.stop()
        return ["bake"]

    monkeypatch.setattr(BakeCall, "words", words)
    bake.begin()
    assert list(bake) == []
    assert bake.failed


@pytest.mark.parametrize("way", ["docker", "plugin"])
def test_a_stopped_bake_interrupts_the_plugin_too_that_docker_started(
    listening: Path, tmp_path: Path, way: str
) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text('#!/bin/sh\ntrap "echo cancelled; exit 9" INT\necho begun\nwhile :; do sleep 0.1; done\n')
    plugin.chmod(0o755)
    listening.write_text(f"#!/bin/sh\ntrap : INT\n{plugin}\nexit 1\n")
    bake = Bake(BakeCall(files=(), targets=("one",), plugin=str(plugin) if way == "plugin" else ""))
    lines = iter(bake)
    assert next(lines) == "begun\n"
    bake.stop()
    assert list(lines) == ["cancelled\n"]
    assert (bake.failed, bake.exit_code) == (True, 9 if way == "plugin" else 1)


def test_without_docker_a_bake_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoEngine, match="there is no docker command on PATH"):
        Bake(BakeCall(files=(), targets=("one",))).begin()


@pytest.mark.parametrize(
    ("environment", "config", "name", "own"),
    [
        ({}, "{}", "default", True),
        ({}, '{"currentContext": "rootless"}', "rootless", True),
        ({}, '{"currentContext": "rootless"}', "default", False),
        ({"DOCKER_CONTEXT": "rootless"}, "{}", "rootless", True),
        ({"DOCKER_CONTEXT": "rootless"}, "{}", "default", False),
        ({"DOCKER_HOST": "unix:///x", "DOCKER_CONTEXT": "rootless"}, "{}", "default", True),
        ({}, "{}", "another-context", False),
    ],
)
def test_a_builder_of_another_context_is_not_in_the_engine_on_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], config: str, name: str, own: bool
) -> None:
    for variable in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text(config)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert Builder(name=name, driver="docker", nodes=()).on_socket is own
    assert not Builder(name=name, driver="remote", nodes=()).on_socket
