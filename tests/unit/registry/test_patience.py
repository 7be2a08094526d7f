"""Requests that are sent again, since a registry failed for a reason that passes; and those that are not."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from gobake import http
from gobake.errors import RegistryRefused
from gobake.foreign import oci
from gobake.http import Answer
from gobake.registry import Repository, patience
from gobake.registry.patience import after_answer, after_error, wanted_pause
from tests.unit.registry.test_client import Reply, Server

INDEX = b'{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}'
DIGEST = oci.digest_of(INDEX)
GOOD: Reply = (200, {"Content-Type": "application/vnd.oci.image.index.v1+json"}, INDEX)


def answer(status: int, **headers: str) -> Answer:
    return Answer(status=status, headers={name.replace("_", "-"): text for name, text in headers.items()}, body=b"")


class Registry:
    """Gives the answers in their order, and then good ones."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.server = Server(self.handle)
        self.repository = Repository(f"{self.server.host}/acme/shop")

    def handle(self, method: str, _path: str, _headers: dict[str, str], _body: bytes) -> Reply:
        if self.replies:
            return self.replies.pop(0)
        return (201, {"Location": "/v2/acme/shop/blobs/uploads/1"}, b"") if method in ("PUT", "POST") else GOOD

    @property
    def asked(self) -> list[str]:
        return [method for method, _, _ in self.server.asked]


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("gobake.registry.transport.time.sleep", found.append)
    return found


@pytest.fixture
def registry() -> Iterator[Registry]:
    found = Registry()
    yield found
    found.server.stop()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_passes_is_asked_again(registry: Registry, slept: list[float], status: int) -> None:
    registry.replies = [(status, {}, b"")] * 2
    assert registry.repository.manifest_bytes("v1") == INDEX
    assert registry.asked == ["GET"] * 3
    assert 0.25 <= slept[0] <= 0.5 <= slept[1] <= 1.0


def test_it_is_asked_again_a_few_times_only(registry: Registry, slept: list[float]) -> None:
    registry.replies = [(503, {}, b"")] * 50
    with pytest.raises(RegistryRefused, match="answered 503"):
        registry.repository.manifest_bytes("v1")
    assert len(registry.asked) == 1 + patience.MOST == 1 + len(slept)
    assert sum(slept) < 10


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 501])
def test_an_answer_is_an_answer(registry: Registry, slept: list[float], status: int) -> None:
    registry.replies = [(status, {}, b"")] * 2
    try:
        assert registry.repository.manifest_bytes("v1") is None
    except RegistryRefused:
        assert status != 404
    assert (registry.asked, slept) == (["GET"], [])


def test_a_manifest_that_was_just_written_is_waited_for(registry: Registry, slept: list[float]) -> None:
    unknown = b'{"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown to registry"}]}'
    registry.replies = [(404, {}, b""), GOOD, (404, {}, unknown), (400, {}, unknown)]
    registry.repository.tag(DIGEST, ["v1"])
    assert registry.asked == ["GET", "GET", "PUT", "PUT", "PUT"]
    assert len(slept) == 3


def test_a_manifest_that_is_invalid_is_written_once(registry: Registry, slept: list[float]) -> None:
    registry.replies = [GOOD, (400, {}, b'{"errors": [{"code": "MANIFEST_INVALID"}]}')]
    with pytest.raises(RegistryRefused, match="answered 400"):
        registry.repository.tag(DIGEST, ["v1"])
    assert (registry.asked, slept) == (["GET", "PUT"], [])


def test_an_upload_that_failed_is_begun_anew(registry: Registry, slept: list[float]) -> None:
    begun: Reply = (202, {"Location": "/v2/acme/shop/blobs/uploads/1"}, b"")
    registry.replies = [begun, (502, {}, b""), (503, {}, b""), begun, (201, {}, b"")]
    registry.repository.push("v1", b"layer", "application/x")
    assert registry.asked == ["POST", "PUT", "POST", "POST", "PUT", "POST", "PUT", "PUT"]
    assert len(slept) == 2


def test_a_refused_login_is_not_repeated(registry: Registry, slept: list[float]) -> None:
    registry.replies = [(403, {}, b"")]
    with pytest.raises(RegistryRefused, match="not allowed to write"):
        registry.repository.push("v1", b"layer", "application/x")
    assert (registry.asked, slept) == (["POST"], [])


def test_a_registry_is_left_alone_as_long_as_it_asks(registry: Registry, slept: list[float]) -> None:
    registry.replies = [(429, {"Retry-After": "7"}, b"")]
    assert registry.repository.manifest_bytes("v1") == INDEX
    assert slept == [7.0]


@pytest.mark.parametrize("wanted", ["3600", "Fri, 31 Dec 9999 23:59:59 GMT", "9" * 400])
def test_one_that_asks_for_too_long_is_not_waited_for(registry: Registry, slept: list[float], wanted: str) -> None:
    registry.replies = [(429, {"Retry-After": wanted}, b"")]
    with pytest.raises(RegistryRefused, match="answered 429"):
        registry.repository.manifest_bytes("v1")
    assert (registry.asked, slept) == (["GET"], [])


def test_nothing_is_waited_for_beyond_the_time_of_all_requests(slept: list[float]) -> None:
    found = Registry((503, {"Retry-After": "20"}, b""))
    try:
        with pytest.raises(RegistryRefused, match="answered 503"):
            Repository(f"{found.server.host}/acme/shop", seconds=10).manifest_bytes("v1")
    finally:
        found.server.stop()
    assert slept == []


def test_where_nobody_listens_it_is_tried_less_often(slept: list[float]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(RegistryRefused, match="cannot be reached"):
            Repository(f"127.0.0.1:{closed.getsockname()[1]}/acme/shop").manifest_bytes("v1")
    assert len(slept) == patience.MOST_UNCONNECTED


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "12"}, 12.0),
        ({"retry_after": " 0 "}, 0.0),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:10 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 10.0),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:28:10 GMT"}, 0.0),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry_after": "-5"}, 0.0),
        ({"retry_after": "soon"}, 0.0),
        ({"retry_after": "٣"}, 0.0),
        ({}, 0.0),
    ],
)
def test_a_pause_is_a_number_or_a_date_of_the_registrys_own_clock(headers: dict[str, str], seconds: float) -> None:
    assert wanted_pause(answer(429, **headers).headers) == seconds


def test_pauses_grow_and_differ() -> None:
    found = [[after_answer(answer(503), before) for before in range(patience.MOST + 1)] for _ in range(20)]
    assert all(one[-1] is None for one in found)
    assert len({one[0] for one in found}) > 1
    assert all(0.25 <= (one[0] or 0) <= 0.5 and 2.0 <= (one[3] or 0) <= 4.0 for one in found)


def test_only_lost_connections_and_silence_pass() -> None:
    assert after_error(http.HungUp("connection reset by peer"), 0)
    assert after_error(http.Late(10.0), 0)
    assert after_error(http.Cut("cut"), 0)
    assert after_error(http.NotReached("it does not speak HTTP"), 0) is None
    assert after_error(http.NoAddress("x"), 0) is None
    assert after_error(http.Untrusted("host", "self-signed", 18), 0) is None
    assert after_error(http.TooLarge(answer(200)), 0) is None
