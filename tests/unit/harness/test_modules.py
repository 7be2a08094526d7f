"""The harness's module proxy: a connection that dies is no end, and what never changes is fetched once."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness import modules
from harness.modules import Store, upstreams

ZIP = "/example.com/m/@v/v1.0.0.zip"


class Source:
    """A proxy that answers as a test wants it, request by request; then it has what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.next: list[Callable[[BaseHTTPRequestHandler], None]] = []
        source = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                source.asked.append(self.path)
                if source.next:
                    source.next.pop(0)(self)
                    return
                self.send_response(200)
                self.end_headers()
                self.wfile.write(f"body of {self.path}".encode())

            def log_message(self, format: str, *words: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def source() -> Iterator[Source]:
    made = Source()
    with made.server:
        thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.server.shutdown()
        thread.join()


def breaks_off(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "100")
    request.end_headers()
    request.wfile.write(b"half")


def fails(status: int) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.end_headers()
        request.wfile.write(b"said so")

    return answer


def test_a_file_that_never_changes_is_fetched_once(source: Source, tmp_path: Path) -> None:
    for _ in range(2):
        answer = Store(tmp_path, (source.address,)).get(ZIP)
        assert answer.status == 200
        assert (answer.file.read_bytes() if answer.file else answer.body) == f"body of {ZIP}".encode()
    assert source.asked == [ZIP]


@pytest.mark.parametrize("path", ["/example.com/m/@v/list", "/example.com/m/@latest", "/example.com/m/@v/main.info"])
def test_what_may_change_is_asked_for_each_time(source: Source, tmp_path: Path, path: str) -> None:
    for _ in range(2):
        assert Store(tmp_path, (source.address,)).get(path).status == 200
    assert source.asked == [path, path]


def test_a_connection_that_dies_is_begun_again(source: Source, tmp_path: Path) -> None:
    stop = threading.Event()

    def hangs(_: BaseHTTPRequestHandler) -> None:
        stop.wait(5)

    source.next = [breaks_off, lambda _: None, fails(503), hangs]
    store = Store(tmp_path, (source.address,), patience=0.2)
    answer = store.get(ZIP)
    stop.set()
    assert (answer.status, len(source.asked)) == (502, modules.TRIES)
    assert b"4 times" in answer.body
    source.next = [breaks_off, fails(503)]
    assert store.get(ZIP).body == f"body of {ZIP}".encode()
    assert len(source.asked) == modules.TRIES + 3


@pytest.mark.parametrize("status", [404, 410])
def test_a_source_without_a_module_is_not_asked_again_but_the_next_one_is(
    source: Source, tmp_path: Path, status: int
) -> None:
    source.next = [fails(status)]
    answer = Store(tmp_path, (source.address,)).get(ZIP)
    assert (answer.status, answer.body, len(source.asked)) == (status, b"said so", 1)
    source.next = [fails(status)]
    assert Store(tmp_path, (source.address, source.address)).get(ZIP).status == 200


def test_no_path_leads_out_of_the_folder(source: Source, tmp_path: Path) -> None:
    for path in ("/../secret", "/a/../../b/@v/v1.0.0.zip", "/a%2f", ""):
        assert Store(tmp_path / "kept", (source.address,)).get(path).status == 400
    assert source.asked == []


def test_it_is_served(source: Source, tmp_path: Path) -> None:
    serving = modules.server(("127.0.0.1", 0), Store(tmp_path, (source.address,)))
    with serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        address = f"http://127.0.0.1:{serving.server_address[1]}"
        with urllib.request.urlopen(address + ZIP) as response:
            assert response.read() == f"body of {ZIP}".encode()
        source.next = [fails(410)]
        with pytest.raises(urllib.error.HTTPError, match="410") as raised:
            urllib.request.urlopen(address + "/example.com/n/@v/v1.0.0.info")
        raised.value.close()
        serving.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("goproxy", "sources"),
    [
        ("https://one.example.com/go/,direct", ("https://one.example.com/go",)),
        (
            "https://one.example.com|http://two.example.com,direct",
            ("https://one.example.com", "http://two.example.com"),
        ),
        ("direct", ()),
        ("off", ()),
        ("", ()),
        ("https://someone:password@one.example.com", ()),
        ("file:///modules,https://one.example.com", ()),
    ],
)
def test_only_plain_web_addresses_before_anything_else_are_asked(goproxy: str, sources: tuple[str, ...]) -> None:
    assert upstreams(goproxy) == sources
