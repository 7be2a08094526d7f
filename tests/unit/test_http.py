"""The door to other machines: bounded in time and size, and led nowhere. Real servers on this machine."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gobake import http
from gobake.http import Answer, Client, Request
from tests.unit.registry.test_client import Handle, Reply, Server, serve

__all__ = ["serve"]
Serve = Callable[[Handle], Server]
PLENTY = 1 << 20


@contextmanager
def says(*pieces: bytes, apart: float = 0.0, place: Path | None = None) -> Iterator[str]:
    """A server of one connection that answers with these bytes, whatever they are; its host and port."""
    family = socket.AF_UNIX if place else socket.AF_INET
    with socket.socket(family) as listening:
        listening.bind(str(place) if place else ("127.0.0.1", 0))
        listening.listen()

        def reply() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1 << 16)
                try:
                    for piece in pieces:
                        connection.sendall(piece)
                        time.sleep(apart)
                except OSError:
                    return  # whoever asked has gone

        thread = threading.Thread(target=reply, daemon=True)
        thread.start()
        yield "" if place else f"127.0.0.1:{listening.getsockname()[1]}"
        thread.join(20)


def send(url: str, *, seconds: float = 20.0, largest: int = PLENTY, **more: str) -> Answer:
    return Client(seconds=seconds, proxies=False).send(Request(url=url, **more), largest=largest)  # type: ignore[arg-type]


def test_what_is_asked_and_answered_has_method_headers_body_and_status(serve: Serve) -> None:
    def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        told = [method, path, headers.get("x-a"), headers.get("authorization"), body.decode()]
        return 418, {"X-Told": "yes"}, json.dumps(told).encode()

    request = Request(
        method="PUT",
        url=f"http://{serve(handle).host}/p?q",
        headers={"X-A": "b"},
        authorization="Basic x",
        data=b"text",
    )
    answer = Client(seconds=20, proxies=False).send(request, largest=PLENTY)
    assert (answer.status, answer.headers["x-told"]) == (418, "yes")
    assert json.loads(answer.body) == ["PUT", "/p?q", "b", "Basic x", "text"]


def test_all_exchanges_share_one_deadline(serve: Serve) -> None:
    server = serve(lambda *_: (200, {}, b"{}"))
    client = Client(seconds=0.5, proxies=False)
    assert client.send(Request(url=f"http://{server.host}/"), largest=PLENTY).status == 200
    time.sleep(0.6)
    with pytest.raises(http.Late, match=r"no answer within 0\.5 s"):
        client.send(Request(url=f"http://{server.host}/"), largest=PLENTY)
    assert len(server.asked) == 1


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "])
def test_the_deadline_holds_for_the_whole_answer(first: bytes) -> None:
    with says(first, *[b" "] * 20, apart=0.1) as host:
        begun = time.monotonic()
        with pytest.raises(http.Late):
            send(f"http://{host}/", seconds=0.3)
        assert time.monotonic() - begun < 1.5


def test_an_answer_has_a_largest_size_and_its_begin_is_kept() -> None:
    body = [b"x" * 60_000] * 20
    with says(b"HTTP/1.1 403 no\r\n\r\n", *body) as host, pytest.raises(http.TooLarge) as raised:
        send(f"http://{host}/", largest=1000)
    assert raised.value.begin == Answer(status=403, headers={}, body=b"x" * 1000)


def test_an_answer_that_is_cut_is_none() -> None:
    with says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[]") as host, pytest.raises(http.Cut):
        send(f"http://{host}/")


@pytest.mark.parametrize("answer", [b"", b"\0" * 100, b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_no_http_is_not_reached(answer: bytes) -> None:
    with says(answer) as host, pytest.raises(http.NotReached):
        send(f"http://{host}/")


def test_who_does_not_listen_is_not_reached() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(http.NotReached, match=r"^Connection refused$"):
            send(f"http://127.0.0.1:{closed.getsockname()[1]}/")


@pytest.mark.parametrize("place", ["/else", "http://[", "file:///etc/passwd"])
def test_a_redirect_is_an_answer_where_nobody_says_that_it_is_followed(place: str, serve: Serve) -> None:
    server = serve(lambda *_: (302, {"Location": place}, b"moved"))
    answer = send(f"http://{server.host}/")
    assert (answer.status, answer.body) == (302, b"moved")
    assert len(server.asked) == 1


def test_a_redirect_is_followed_without_the_authorization_and_only_where_it_may_lead(serve: Serve) -> None:
    def end(_method: str, _path: str, headers: dict[str, str], _body: bytes) -> Reply:
        return 200, {}, headers.get("authorization", "none").encode()

    other = serve(end)
    server = serve(lambda *_: (307, {"Location": f"http://{other.host}/there"}, b""))
    led: list[tuple[str, str]] = []
    request = Request(url=f"http://{server.host}/here", authorization="Basic secret")
    client = Client(seconds=20, proxies=False, follow=lambda *places: led.append(places))
    assert client.send(request, largest=PLENTY).body == b"none"
    assert led == [(f"http://{server.host}/here", f"http://{other.host}/there")]

    def refuse(_url: str, _place: str) -> None:
        raise PermissionError("not there")

    with pytest.raises(http.NotReached, match="not there"):
        Client(seconds=20, proxies=False, follow=refuse).send(request, largest=PLENTY)
    assert len(other.asked) == 1


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x"])
def test_nothing_but_http_is_spoken(url: str) -> None:
    with pytest.raises(http.NotReached, match="unknown url type"):
        send(url)


def test_what_is_no_address_is_told() -> None:
    with pytest.raises(http.NoAddress):
        send("nowhere")


def test_a_socket_that_is_connected_can_be_asked(tmp_path: Path) -> None:
    answer = over_socket(tmp_path, b'HTTP/1.0 200 OK\r\nContent-Length: 7\r\nA: b: c\r\n\r\n{"a":1}')
    assert (answer.status, answer.body, answer.headers["a"]) == (200, b'{"a":1}', "b: c")
    assert over_socket(tmp_path, b"HTTP/1.0 404 Not Found\r\n\r\n").status == 404


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.0 yes\r\n\r\n"])
def test_a_socket_that_does_not_speak_http_is_told(tmp_path: Path, said: bytes) -> None:
    with pytest.raises(http.NotReached):
        over_socket(tmp_path, said)


def test_an_answer_over_a_socket_has_its_bounds_too(tmp_path: Path) -> None:
    with pytest.raises(http.Cut):
        over_socket(tmp_path, b"HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\nshort")
    with pytest.raises(http.TooLarge):
        over_socket(tmp_path, b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 200_000, largest=1000)
    for head in (b"", b"Content-Length: 200000\r\n"):
        with pytest.raises(http.TooLarge) as raised:
            over_socket(tmp_path, b"HTTP/1.0 200 OK\r\n" + head + b"\r\n" + b"x" * 1001, largest=1000)
        assert raised.value.begin.body == b"x" * 1000
    assert over_socket(tmp_path, b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 1000, largest=1000).body == b"x" * 1000


def over_socket(folder: Path, said: bytes, largest: int = PLENTY) -> Answer:
    place = folder / f"s{len(list(folder.iterdir()))}"
    with says(said, place=place), socket.socket(socket.AF_UNIX) as plug:
        plug.connect(str(place))
        return http.get(plug, "/info", seconds=20, largest=largest)


def test_a_connected_socket_that_trickles_is_left(tmp_path: Path) -> None:
    trickle = says(b"HTTP/1.1 200 OK\r\n\r\n", *[b" "] * 20, apart=0.1, place=tmp_path / "s")
    with trickle, socket.socket(socket.AF_UNIX) as plug:
        plug.connect(str(tmp_path / "s"))
        begun = time.monotonic()
        with pytest.raises(http.Late):
            http.get(plug, "/info", seconds=0.3, largest=PLENTY)
        assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize(
    ("document", "head"), [(None, b""), (b"{}", b"Content-Type: application/json\r\nContent-Length: 2\r\n")]
)
def test_a_document_is_sent_with_its_length(document: bytes | None, head: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"HTTP/1.0 201 Created\r\n\r\nyes")
        theirs.shutdown(socket.SHUT_WR)
        answer = http.send(ours, "POST", "/make", seconds=20, largest=PLENTY, document=document)
        assert (answer.status, answer.body) == (201, b"yes")
        assert theirs.recv(PLENTY) == b"POST /make HTTP/1.0\r\nHost: localhost\r\n" + head + b"\r\n" + (document or b"")
