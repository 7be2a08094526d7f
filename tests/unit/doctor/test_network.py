"""Registries and module proxies that answer, refuse, or are not there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path

import pytest

from gobake.doctor import network
from gobake.doctor.findings import State
from gobake.model import Bases
from tests.unit.registry.test_client import Handle, Reply, Server, serve

__all__ = ["serve"]
Serve = Callable[[Handle], Server]


def registry(*, pushes: int = 202, skew: float = 0.0) -> Handle:
    def handle(method: str, path: str, _: dict[str, str], __: bytes) -> Reply:
        if method == "POST":
            return pushes, {"Location": f"{path}begun"}, b""
        if method == "DELETE":
            return 204, {}, b""
        return 200, {"Date": formatdate(time.time() + skew, usegmt=True)}, b'{"tags": []}'

    return handle


def test_a_registry_that_may_be_written_is_fine_and_keeps_nothing(serve: Serve) -> None:
    server = serve(registry())
    (found,) = network.of_repository("registry", f"{server.host}/acme/api")
    assert found.state is State.FINE
    assert [(method, path) for method, path, _ in server.asked] == [
        ("GET", "/v2/acme/api/tags/list?n=1"),
        ("POST", "/v2/acme/api/blobs/uploads/"),
        ("DELETE", "/v2/acme/api/blobs/uploads/begun"),
    ]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_registry_that_may_only_be_read_is_noted(serve: Serve, status: int) -> None:
    server = serve(registry(pushes=status))
    (found,) = network.of_repository("registry", f"{server.host}/acme/api")
    assert found.state is State.NOTE
    assert "docker login" in found.remedy


def test_a_login_that_is_refused_is_a_problem_and_a_lacking_one_a_note(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = serve(lambda *_: (401, {"WWW-Authenticate": 'Basic realm="r"'}, b""))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (found,) = network.of_repository("registry", f"{server.host}/acme/api")
    assert found.state is State.NOTE
    assert found.text == f"{server.host}/acme/api: {server.host} wants a login, and docker has none for it"
    (tmp_path / "config.json").write_text(json.dumps({"auths": {server.host: {"auth": "dXNlcjp3cm9uZw=="}}}))
    (found,) = network.of_repository("registry", f"{server.host}/acme/api")
    assert found.state is State.PROBLEM
    assert "is refused" in found.text
    assert found.remedy == f"`docker login {server.host}`"


def test_a_registry_that_refuses_or_is_not_there_is_a_problem(serve: Serve) -> None:
    server = serve(registry(pushes=500))
    (found,) = network.of_repository("registry", f"{server.host}/acme/api")
    assert found.state is State.PROBLEM
    (gone,) = network.of_repository("cache store", "127.0.0.1:1/acme/cache")
    assert gone.state is State.PROBLEM


def test_a_clock_that_differs_is_told(serve: Serve) -> None:
    server = serve(registry(skew=-3600))
    found = list(network.of_repository("registry", f"{server.host}/acme/api"))
    assert [one.topic for one in found] == ["registry", "clock"]
    assert "ahead" in found[1].text


def test_bases_that_are_missing_are_named(serve: Serve) -> None:
    def handle(method: str, path: str, _: dict[str, str], __: bytes) -> Reply:
        return (404, {}, b"{}") if "/debian/" in path else (200, {}, b"{}")

    host = serve(handle).host
    there = {name: f"{host}/{name}:1" for name in ("go", "alpine", "distroless", "upx")}
    (found,) = network.of_bases(Bases(**there, debian=f"{host}/debian:9"))
    assert (found.state, found.text) == (State.PROBLEM, f"there is no image {host}/debian:9")
    (fine,) = network.of_bases(Bases(**there, debian="./Dockerfile.base"))
    assert fine.state is State.FINE


@pytest.mark.parametrize(("status", "state"), [(200, State.FINE), (404, State.FINE), (503, State.PROBLEM)])
def test_a_module_proxy_is_asked(serve: Serve, status: int, state: State) -> None:
    server = serve(lambda *_: (status, {}, b"v0.1.0\n"))
    (found,) = network.of_proxy(f"http://user:secret@{server.host}/,direct", needed=True)
    assert found.state is state
    assert "secret" not in found.text + found.remedy


def test_a_module_proxy_that_is_not_there_is_a_problem_where_it_is_needed() -> None:
    assert [one.state for one in network.of_proxy("http://127.0.0.1:1", needed=True)] == [State.PROBLEM]
    assert [one.state for one in network.of_proxy("http://127.0.0.1:1", needed=False)] == [State.FINE]
    assert [one.state for one in network.of_proxy("off", needed=True)] == [State.FINE]
