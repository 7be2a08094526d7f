"""A registry that somebody else runs: it gets no credentials, no endless patience and no traceback."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gobake import engine
from gobake.caching.kept.contents import stored
from gobake.caching.kept.delete import prune_store
from gobake.caching.kept.prune import Item
from gobake.caching.seeds.restore import LEAST_SECONDS, MOST_SECONDS, patience
from gobake.caching.seeds.seed import SeedKey, SeedLabels
from gobake.caching.seeds.store import SeedStore
from gobake.engine import images as sizes
from gobake.errors import RegistryRefused
from gobake.registry import Repository
from gobake.registry.transport import require_private
from tests.unit.registry.test_client import Handle, Reply, Server, config, encoded, serve

__all__ = ["config", "serve"]
Serve = Callable[[Handle], Server]
Config = Callable[[object], None]
SEED = "seed-shop-go1.26-amd64-main"


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


# ---- answers of the wrong kind


ODD: list[bytes] = [
    b'{"tags":5}',
    b'{"tags":{"a":"b"}}',
    b'{"tags":"abc"}',
    b"[" * 200_000,
    b'{"tags":' + b"[" * 100_000,
    b'{"tags":[1e999]}',
    b'{"tags":NaN}',
    b"\xff\xfe",
    b'{"a":1}' + b" " * (5 << 20),
    b"5" * 5000,
    b"null",
    b'"tags"',
]


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_a_list_of_tags_of_another_kind_is_one_line(body: bytes, serve: Serve) -> None:
    told = stored(SeedStore(repository=f"{serve(lambda *_: (200, {}, body)).host}/acme/cache"))
    assert told.entries == ()
    assert body == b'{"tags":[1e999]}' or told.error
    assert "\n" not in told.error


MANIFESTS: list[bytes] = [
    *ODD,
    b'{"layers":5}',
    b'{"layers":[5]}',
    b'{"config":{"digest":"sha256:1"},"layers":[]}',
    b'{"config":{"digest":5},"layers":[]}',
    b'{"config":{"digest":"sha256:%s"},"layers":[{"digest":"sha256:%s","size":-1}]}' % (b"a" * 64, b"a" * 64),
    b'{"config":{"digest":"sha256:%s"},"layers":[{"digest":"sha256:%s","size":1e300}]}' % (b"a" * 64, b"a" * 64),
    b'{"config":{"digest":"sha256:%s"},"layers":[{"digest":"sha256:%s","size":true}]}' % (b"a" * 64, b"a" * 64),
    b'{"config":{"digest":"sha256:%s"},"layers":{"a":1},"annotations":5}' % (b"a" * 64),
    b"{}",
]


@pytest.mark.parametrize("body", MANIFESTS, ids=range(len(MANIFESTS)))
def test_a_manifest_of_another_kind_is_one_line_and_hides_no_other(body: bytes, serve: Serve) -> None:
    good = b'{"config":{"digest":"sha256:%s","size":2},"layers":[]}' % (b"a" * 64)

    def handle(_method: str, path: str, _headers: dict[str, str], _body: bytes) -> Reply:
        if "/tags/list" in path:
            return 200, {}, json.dumps({"tags": ["layers-a.b.c.main", SEED, "v1", "../../x", 5, None]}).encode()
        return 200, {}, good if "layers-" in path else body

    layers, seed = stored(SeedStore(repository=f"{serve(handle).host}/acme/cache")).entries
    assert (layers.tag, layers.error) == ("layers-a.b.c.main", "")
    assert seed.error
    assert "\n" not in seed.error


def seed_registry(index: bytes, digest: str) -> Handle:
    """A repository with one seed, whose index is an image of one file."""
    key = SeedKey(project="shop", go="1.26", arch="amd64")
    told = SeedLabels(
        key=key, go="go1.26.1", branch="main", sums="", inputs="", index=digest, saved="2026-11-25T02:00:00Z", size=1
    ).texts
    config = json.dumps({"config": {"Labels": told}}).encode()
    blobs = {sha256(config): config, sha256(index): index}
    layer = {"digest": sha256(index), "size": len(index), "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}
    manifest = json.dumps({"config": {"digest": sha256(config)}, "layers": [layer]}).encode()

    def handle(_method: str, path: str, _headers: dict[str, str], _body: bytes) -> Reply:
        if "/tags/list" in path:
            return 200, {}, json.dumps({"tags": [SEED]}).encode()
        name = path.rpartition("/")[2]
        return 200, {}, blobs[name] if "/blobs/" in path else manifest

    return handle


def packed(text: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as files:
        entry = tarfile.TarInfo("index")
        entry.size = len(text)
        files.addfile(entry, io.BytesIO(text))
    return gzip.compress(archive.getvalue(), mtime=0)


GOOD = b"gobake seed index 1\nobject 0 10 gobuild/ab\n"


@pytest.mark.parametrize(
    "index",
    [
        packed(GOOD)[:-10],
        packed(GOOD)[:10] + b"\xff" * 20,
        gzip.compress(b"no archive"),
        gzip.compress(b"\0" * (70 << 20)),
        b"",
        packed(b"gobake seed index 1\nobject 0 10 gobuild/other\n"),
    ],
    ids=["cut", "damaged", "no tar", "a bomb", "empty", "another index"],
)
def test_an_index_that_cannot_be_unpacked_is_unknown_and_no_traceback(index: bytes, serve: Serve) -> None:
    server = serve(seed_registry(index, hashlib.sha256(GOOD).hexdigest()))
    (seed,) = stored(SeedStore(repository=f"{server.host}/acme/cache")).entries
    assert (seed.project, seed.error, seed.live) == ("shop", "", None)


def test_an_index_that_is_the_seeds_own_is_read(serve: Serve) -> None:
    server = serve(seed_registry(packed(GOOD), hashlib.sha256(GOOD).hexdigest()))
    (seed,) = stored(SeedStore(repository=f"{server.host}/acme/cache")).entries
    assert seed.live == 0.0


def test_a_bomb_takes_no_memory() -> None:
    """In a process of its own, whose largest size the kernel tells."""
    bomb = gzip.compress(b"\0" * (64 << 20)) * 50
    ended = subprocess.run([sys.executable, "-c", MEASURED], input=bomb, capture_output=True, check=True, timeout=60)
    assert int(ended.stdout) < 64 << 10, "KiB"


MEASURED = """
import resource, sys
from gobake.foreign.checks import Unfit, unzipped
data = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    unzipped(data, 4 << 20)
    raise SystemExit("it was unpacked")
except Unfit:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


# ---- pages


def test_pages_without_end_are_left(serve: Serve) -> None:
    def handle(_method: str, path: str, _headers: dict[str, str], _body: bytes) -> Reply:
        number = int(path.rpartition("=")[2]) if "last=" in path else 0
        return 200, {"Link": f'</v2/acme/shop/tags/list?last={number + 1}>; rel="next"'}, b'{"tags":[]}'

    server = serve(handle)
    with pytest.raises(RegistryRefused, match=r"its list of tags has no end|did not answer"):
        Repository(f"{server.host}/acme/shop", seconds=20).tags()
    assert len(server.asked) <= 1000


def test_a_page_that_is_its_own_next_one_is_refused(serve: Serve) -> None:
    server = serve(lambda *_: (200, {"Link": '</v2/acme/shop/tags/list?n=1000>; rel="next"'}, b'{"tags":["a"]}'))
    with pytest.raises(RegistryRefused, match="names each page as its own next one"):
        Repository(f"{server.host}/acme/shop").tags()


@pytest.mark.parametrize(
    "link",
    [
        "http://{other}/v2/acme/shop/tags/list?n=2",
        "//{other}/v2/acme/shop/tags/list?n=2",
        "/v2/acme/shop-of-others/tags/list?n=2",
        "/v2/acme/shop/manifests/x",
        "ftp://x/v2/acme/shop/tags/list",
        "http://[/",
        "file:///etc/passwd",
    ],
)
def test_a_next_page_elsewhere_is_not_asked_for(link: str, serve: Serve) -> None:
    other = serve(lambda *_: (200, {}, b'{"tags":["stolen"]}'))
    link = link.replace("{other}", other.host)
    server = serve(lambda *_: (200, {"Link": f'<{link}>; rel="next"'}, b'{"tags":["a"]}'))
    with pytest.raises(RegistryRefused, match="names a next page"):
        Repository(f"{server.host}/acme/shop").tags()
    assert other.asked == []


# ---- credentials


@pytest.mark.parametrize(
    "realm", ["http://evil.example/token", "http://10.0.0.1/token", "http://localhost.evil.example/"]
)
@pytest.mark.parametrize("form", ["auth", "identity token"])
def test_a_token_server_without_tls_is_sent_no_password(
    realm: str, form: str, serve: Serve, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(lambda *_: (401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'}, b""))
    entry = {"identitytoken": "secret"} if form == "identity token" else {"auth": encoded("robot", "secret")}
    config({"auths": {server.host: entry}})
    looked: list[Any] = []
    host, port = server.host.split(":")
    monkeypatch.setattr(socket, "create_connection", direct(host, int(port), looked))
    with pytest.raises(RegistryRefused, match="is not reached over TLS"):
        Repository(f"{server.host}/acme/shop").tags()
    assert {place[0] for place in looked} == {(host, int(port))}


def direct(host: str, port: int, looked: list[Any]) -> Callable[..., socket.socket]:
    """Connects to the one server, and notes to whom the caller wanted."""

    def connect(place: tuple[str, int], *_: object, **__: object) -> socket.socket:
        looked.append((place,))
        made = socket.socket()
        made.connect((host, port))
        return made

    return connect


@pytest.mark.parametrize("token", ['"a\\r\\nX-Evil: 1"', "5", '["a"]', '"' + "a" * (1 << 17) + '"', '"\\u0000"', '"é"'])
def test_a_token_that_is_none_is_sent_nowhere(token: str, serve: Serve, config: Config) -> None:
    def handle(_method: str, path: str, headers: dict[str, str], _body: bytes) -> Reply:
        if path.startswith("/token"):
            return 200, {}, f'{{"token":{token}}}'.encode()
        return 401, {"WWW-Authenticate": f'Bearer realm="http://{headers["host"]}/token"'}, b""

    server = serve(handle)
    with pytest.raises(RegistryRefused, match="is not a token"):
        Repository(f"{server.host}/acme/shop").tags()
    assert not any("evil" in str(asked).lower() for asked in server.asked)


@pytest.mark.parametrize("place", ["http://evil.example/x", "ftp://evil.example/x", "file:///etc/passwd", "http://[/"])
def test_a_redirect_to_what_others_can_read_is_not_followed(place: str, serve: Serve) -> None:
    server = serve(lambda *_: (307, {"Location": place}, b""))
    with pytest.raises(RegistryRefused) as refused:
        Repository(f"{server.host}/acme/shop").manifest("v1")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("place", ["http://127.0.0.1:5000/x", "http://evil.example/x", "ftp://evil.example/x"])
def test_a_manifest_over_tls_is_not_fetched_without(place: str) -> None:
    asked = "https://registry.test/v2/acme/shop/manifests/v1"
    with pytest.raises(RegistryRefused, match="which is not TLS"):
        require_private(asked, place)
    require_private(asked, "https://other.test/x")


def test_redirects_without_end_are_left(serve: Serve) -> None:
    server = serve(lambda _method, path, *_: (307, {"Location": f"{path}x"}, b"x" * 1000))
    with pytest.raises(RegistryRefused):
        Repository(f"{server.host}/acme/shop").manifest("v1")
    assert len(server.asked) < 30


@pytest.mark.parametrize("reference", ["../../x", "a b", "v1?x=1", "v1#x", "", "sha256:x", "a\r\nX: 1", "a" * 129])
def test_what_is_no_name_is_not_asked_for(reference: str, serve: Serve) -> None:
    server = serve(lambda *_: (200, {}, b"{}"))
    with pytest.raises(RegistryRefused):
        Repository(f"{server.host}/acme/shop").manifest(reference)
    for ask in (Repository(f"{server.host}/acme/shop").blob, Repository(f"{server.host}/acme/shop").delete):
        with pytest.raises(RegistryRefused, match="is not a sha256 digest"):
            ask(reference)
    assert server.asked == []


# ---- patience


class Trickle:
    """A server that sends a piece every so often, for ever."""

    def __init__(self, first: bytes, piece: bytes, seconds: float) -> None:
        self._first, self._piece, self._seconds = first, piece, seconds
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._ended = threading.Event()
        self.host = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            connection.recv(65536)
            try:
                connection.sendall(self._first)
                while not self._ended.wait(self._seconds):
                    connection.sendall(self._piece)
            except OSError:
                return  # whoever asked has gone

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(5)
        self._listening.close()


@pytest.fixture
def trickle() -> Iterator[Callable[[bytes, bytes], Trickle]]:
    servers: list[Trickle] = []

    def start(first: bytes, piece: bytes) -> Trickle:
        servers.append(Trickle(first, piece, 0.05))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        (b"HTTP/1.1 200 OK\r\nX-A: ", b"a"),
        (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
        (b"HT", b"T"),
        (b"HTTP/1.1 500 no\r\nContent-Length: 100000\r\n\r\n{", b" "),
        (b"HTTP/1.1 302 no\r\nLocation: /x\r\nContent-Length: 100000\r\n\r\n{", b" "),
    ],
    ids=["body", "size of a chunk", "a header", "headers", "status", "body of an error", "body of a redirect"],
)
def test_who_trickles_is_waited_for_no_longer_than_was_said(
    first: bytes, piece: bytes, trickle: Callable[[bytes, bytes], Trickle]
) -> None:
    server = trickle(first, piece)
    begun = time.monotonic()
    with pytest.raises(RegistryRefused) as refused:
        Repository(f"{server.host}/acme/shop", seconds=0.5).tags()
    assert time.monotonic() - begun < 5
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{",
        b"HTTP/1.1 500 no\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n{}",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n{}",
        b"HTTP/1.1 abc\r\n\r\n",
        b"\0" * 100,
        b"",
    ],
    ids=[
        "cut",
        "chunk of an error",
        "negative chunk",
        "headers",
        "header",
        "status",
        "zeros",
        "none",
    ],
)
def test_what_is_no_http_is_one_line(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def reply() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=reply, daemon=True)
        thread.start()
        with pytest.raises(RegistryRefused) as refused:
            Repository(f"127.0.0.1:{listening.getsockname()[1]}/acme/shop", seconds=5).tags()
        thread.join(5)
    assert "\n" not in str(refused.value)


def test_an_answer_without_end_is_left(trickle: Callable[[bytes, bytes], Trickle]) -> None:
    server = trickle(b"HTTP/1.1 200 OK\r\n\r\n", b" " * (1 << 20))
    with pytest.raises(RegistryRefused, match="has more than 4 MiB"):
        Repository(f"{server.host}/acme/shop").tags()


@pytest.mark.parametrize("told", [4 * 10**12, 1 << 53, 10**9])
def test_a_seed_that_says_it_is_large_is_not_waited_for_all_day(told: int) -> None:
    assert patience(told, 0) <= MOST_SECONDS
    assert patience(None, told) <= MOST_SECONDS
    assert patience(1, 0) == pytest.approx(LEAST_SECONDS, abs=1)


# ---- deleting


class Images:
    """A registry that deletes images by their digests, as all do."""

    def __init__(self, tags: dict[str, bytes]) -> None:
        self.tags = tags
        self.silent: set[str] = set()

    def __call__(self, method: str, path: str, _headers: dict[str, str], _body: bytes) -> Reply:
        name = path.rpartition("/")[2]
        if "/tags/list" in path:
            return 200, {}, json.dumps({"tags": sorted(self.tags)}).encode()
        if method == "DELETE":
            self.tags = {tag: image for tag, image in self.tags.items() if sha256(image) != name}
            return 202, {}, b""
        if name in self.silent:
            return 500, {}, b""
        found = self.tags.get(name) or next((i for i in self.tags.values() if sha256(i) == name), None)
        return (200, {}, found) if found else (404, {}, b"")


def image(text: str) -> bytes:
    return json.dumps({"config": {"digest": sha256(b"{}")}, "layers": [], "annotations": {"of": text}}).encode()


LAYERS = "layers-shop.api.amd64.topic"


def prune(server: Server, *tags: str) -> tuple[list[str], tuple[str, ...]]:
    place = SeedStore(repository=f"{server.host}/acme/shop")
    there = stored(place, live=False)
    items = [Item(name=e.tag, what="layers", project="shop", key=e.digest) for e in there.entries if e.tag in tags]
    pruned = prune_store(place, items, there)
    return [item.name for item in pruned.deleted], pruned.notes


def test_a_release_that_is_the_same_image_is_not_deleted_with_a_cache(serve: Serve) -> None:
    images = Images(
        {LAYERS: image("a"), "v1.4.2": image("a"), "latest": image("a"), "layers-shop.b.amd64.x": image("b")}
    )
    server = serve(images)
    assert prune(server, LAYERS, "layers-shop.b.amd64.x") == (
        ["layers-shop.b.amd64.x"],
        (f"{LAYERS} stays: latest is the same image",),
    )
    assert set(images.tags) == {LAYERS, "v1.4.2", "latest"}


def test_an_image_that_a_releases_index_holds_is_not_deleted_with_a_cache(serve: Serve) -> None:
    index = json.dumps({"manifests": [{"digest": sha256(image("a"))}]}).encode()
    images = Images({LAYERS: image("a"), "v1.4.2": index})
    assert prune(serve(images), LAYERS) == ([], (f"{LAYERS} stays: v1.4.2 is the same image",))


def test_where_a_tag_cannot_be_asked_nothing_is_deleted(serve: Serve) -> None:
    images = Images({LAYERS: image("a"), "v1.4.2": image("b")})
    images.silent.add("v1.4.2")
    done, (note,) = prune(serve(images), LAYERS)
    assert done == []
    assert note.startswith("nothing was deleted, because another tag may name the same image: ")
    assert LAYERS in images.tags


def test_an_old_record_is_not_deleted_where_its_tag_names_a_release(serve: Serve) -> None:
    from gobake.caching.store.history import _Registry

    images = Images({"history-shop.20261124-201530-000abc.main": image("a"), "v1.4.2": image("a")})
    place = _Registry(f"{serve(images).host}/acme/shop")
    place.delete("history-shop.20261124-201530-000abc.main")
    assert "v1.4.2" in images.tags


@pytest.mark.parametrize("body", MANIFESTS, ids=range(len(MANIFESTS)))
def test_sizes_of_an_image_that_is_described_oddly_are_unknown(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "inspect_image", lambda *_: body.decode("utf-8", "replace"))
    assert sizes.remote_sizes("registry.test/acme/shop:v1") == ()


def test_a_seed_is_what_its_digest_says_also_where_docker_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = sha256(b"another")
    told = json.dumps({"manifest": {"digest": digest}, "image": {"config": {"Labels": {}}}})
    raw = json.dumps({"config": {"digest": digest}, "layers": []})
    monkeypatch.setattr(engine, "inspect_image", lambda _name, template, _seconds: told if template else raw)
    with pytest.raises(RegistryRefused, match="does not match its digest"):
        SeedStore(repository="registry.test/acme/cache").look(SEED, 1.0)
