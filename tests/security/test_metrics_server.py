"""The metrics server, as a web page in the user's browser and a rude client meet it."""

from __future__ import annotations

import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gobake.report.prometheus import server as scraping
from gobake.report.prometheus.server import is_ours
from tests.conftest import Gobake, Tree


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:9469",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "xlocalhost",
        "[::1].evil",
    ],
)
def test_a_page_whose_name_leads_here_reads_nothing(host: str) -> None:
    assert not is_ours(host, "127.0.0.1")
    assert not is_ours(host, "0.0.0.0")


@pytest.mark.parametrize(
    ("host", "listening"),
    [
        ("127.0.0.1:9469", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("LOCALHOST.:9469", "127.0.0.1"),
        ("[::1]:9469", "::1"),
        ("192.0.2.7:9469", "0.0.0.0"),
        ("build.example.com:9469", "Build.example.com"),
        (f"{socket.gethostname()}:9469", "0.0.0.0"),
        ("", "127.0.0.1"),
    ],
)
def test_whoever_names_the_server_itself_is_answered(host: str, listening: str) -> None:
    assert is_ours(host, listening)


@contextmanager
def listening(gobake: Gobake, root: Path) -> Iterator[int]:
    process = gobake.start("metrics", "--listen", "0", cwd=root)
    try:
        assert process.stderr is not None
        yield int(process.stderr.readline().split("/metrics")[0].rpartition(":")[2])
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def status(port: int, **headers: str) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.fixture
def root(tree: Tree) -> Path:
    return tree({"go.mod": "module example.com/shop\n\ngo 1.22\n", "main.go": "package main\n\nfunc main() {}\n"})


def test_a_foreign_name_is_refused_and_the_own_one_answered(gobake: Gobake, root: Path) -> None:
    with listening(gobake, root) as port:
        assert status(port, Host="evil.example") == 421
        assert status(port) == 200


def test_clients_that_keep_silent_take_no_more_than_a_few_threads(gobake: Gobake, root: Path) -> None:
    with listening(gobake, root) as port, ExitStack() as opened:
        silent = [opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20)) for _ in range(80)]
        refused = [client for client in silent[40:] if client.recv(100).startswith(b"HTTP/1.0 503")]
        assert len(refused) == 40
        for client in silent:
            client.close()
        deadline = threading.Event()
        for _ in range(100):  # those that were served have gone, and there is room again
            if status(port) == 200:
                break
            deadline.wait(0.1)
        assert status(port) == 200


def test_a_client_that_trickles_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte is within the time for silence; the request as a whole never ends."""
    monkeypatch.setattr(scraping, "_WHOLE_SECONDS", 0.5)
    with scraping._open(scraping.Address(host="127.0.0.1", port=0)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pause = threading.Event()
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as client:

            def trickle() -> None:
                client.sendall(b"GET /metrics HTTP/1.1\r\n")
                for _ in range(400):
                    client.sendall(b"X: y\r\n")
                    pause.wait(0.05)

            with pytest.raises(ConnectionError):
                trickle()
        for _ in range(scraping._MOST):  # and all places are free again
            assert server._free.acquire(timeout=20)
        server.shutdown()
