"""The registry client, against a registry of the tests' own that speaks HTTP."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import stat
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gobake.errors import RegistryRefused
from gobake.http import Answer
from gobake.registry import DeletionRefused, Repository, client, parts
from gobake.registry.credentials import credentials_of
from gobake.registry.transport import Transport

Reply = tuple[int, dict[str, str], bytes]
Handle = Callable[[str, str, dict[str, str], bytes], Reply]


class Server:
    """Answers with a function of (method, path, headers, body), and keeps what it was asked."""

    def __init__(self, handle: Handle, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[tuple[str, str, str]] = []  # method, path, Authorization
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {k.lower(): v for k, v in self.headers.items()}
                outer.asked.append((self.command, self.path, headers.get("authorization", "")))
                status, more, text = handle(self.command, self.path, headers, body)
                self.send_response(status)
                for key, value in more.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _any  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """A client that was not willing to wait has gone."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        if tls:  # the handshake belongs to the thread of the connection
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[[Handle], Server]]:
    servers: list[Server] = []

    def start(handle: Handle) -> Server:
        servers.append(Server(handle))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    def write(content: object) -> None:
        (tmp_path / "config.json").write_text(json.dumps(content))

    return write


def encoded(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def test_all_pages_of_tags_are_read(serve: Callable[[Handle], Server]) -> None:
    def handle(_method: str, path: str, _headers: dict[str, str], _body: bytes) -> Reply:
        if "last=" not in path:
            return 200, {"Link": '</v2/acme/shop/tags/list?last=b&n=2>; rel="next"'}, b'{"tags":["a","b"]}'
        return 200, {}, b'{"tags":["c"]}'

    server = serve(handle)
    assert Repository(f"{server.host}/acme/shop").tags() == ("a", "b", "c")


def test_a_list_of_tags_without_end_is_given_up(
    serve: Callable[[Handle], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_PAGES", 5)

    def handle(_method: str, path: str, _headers: dict[str, str], _body: bytes) -> Reply:
        page = len(server.asked)
        following = f'</v2/acme/shop/tags/list?last={page}>; rel="next"' if page < 50 else ""
        return 200, {"Link": following}, json.dumps({"tags": [f"t{page}"]}).encode()

    server = serve(handle)
    with pytest.raises(RegistryRefused, match="its list of tags has no end"):
        Repository(f"{server.host}/acme/shop").tags()
    assert len(server.asked) == 5


def test_more_tags_than_anybody_has_are_given_up(
    serve: Callable[[Handle], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_MOST_TAGS", 10)

    def handle(_method: str, path: str, _headers: dict[str, str], _body: bytes) -> Reply:
        page = len(server.asked)
        following = f'</v2/acme/shop/tags/list?last={page}>; rel="next"' if page < 50 else ""
        return 200, {"Link": following}, json.dumps({"tags": [f"t{page}.{n}" for n in range(4)]}).encode()

    server = serve(handle)
    with pytest.raises(RegistryRefused, match="its list of tags has no end"):
        Repository(f"{server.host}/acme/shop").tags()
    assert len(server.asked) == 3


def test_a_repository_that_does_not_exist_has_no_tags(serve: Callable[[Handle], Server]) -> None:
    server = serve(lambda *_: (404, {}, b'{"errors":[{"code":"NAME_UNKNOWN"}]}'))
    assert Repository(f"{server.host}/acme/shop").tags() == ()


def token_registry(user: str, password: str) -> Handle:
    """Asks for a token of the scope that is needed, which only that user gets."""

    def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        if path.startswith("/token"):
            asked = urllib.parse.parse_qs(path.partition("?")[2] or body.decode())
            known = headers.get("authorization") == f"Basic {encoded(user, password)}"
            renewed = asked.get("refresh_token") == [password]
            scope = asked["scope"][0].rpartition(":")[2]
            return (200, {}, json.dumps({"token": scope}).encode()) if known or renewed else (401, {}, b"")
        scope = "delete" if method == "DELETE" else "pull"
        if headers.get("authorization") != f"Bearer {scope}":
            realm = f'realm="http://{headers["host"]}/token",service="s",scope="repository:acme/shop:{scope}"'
            return 401, {"WWW-Authenticate": f"Bearer {realm}"}, b""
        return (202, {}, b"") if method == "DELETE" else (200, {}, b'{"tags":["a"]}')

    return handle


@pytest.mark.parametrize("form", ["auth", "old key", "identity token"])
def test_a_token_is_asked_for_with_dockers_credentials(
    form: str, serve: Callable[[Handle], Server], config: Callable[[object], None]
) -> None:
    server = serve(token_registry("robot", "secret"))
    entry = {"identitytoken": "secret"} if form == "identity token" else {"auth": encoded("robot", "secret")}
    config({"auths": {f"https://{server.host}/v1/" if form == "old key" else server.host: entry}})
    repository = Repository(f"{server.host}/acme/shop")
    assert repository.tags() == ("a",)
    assert repository.tags() == ("a",)
    repository.delete("sha256:" + "0" * 64)
    tokens = [path for _, path, _ in server.asked if path.startswith("/token")]
    assert len(tokens) == 2, "one token to read and one to delete, each used again"


def test_a_token_to_read_is_not_shown_to_whoever_is_written_to(
    serve: Callable[[Handle], Server], config: Callable[[object], None]
) -> None:
    """Each right has a token of its own, and is asked for once."""
    rights = {"GET": "pull", "POST": "push", "PUT": "push", "DELETE": "delete"}

    def handle(method: str, path: str, headers: dict[str, str], _body: bytes) -> Reply:
        if path.startswith("/token"):
            scope = urllib.parse.parse_qs(path.partition("?")[2])["scope"][0]
            return 200, {}, json.dumps({"token": scope}).encode()
        if headers.get("authorization") != f"Bearer {rights[method]}":
            realm = f'realm="http://{headers["host"]}/token",scope="{rights[method]}"'
            return 401, {"WWW-Authenticate": f"Bearer {realm}"}, b""
        if method == "POST":
            return 202, {"Location": "/v2/acme/shop/blobs/uploads/1"}, b""
        return {"GET": 200, "PUT": 201, "DELETE": 202}[method], {}, b'{"tags":[]}'

    server = serve(handle)
    config({"auths": {server.host: {"auth": encoded("robot", "secret")}}})
    repository = Repository(f"{server.host}/acme/shop")
    for _ in range(2):
        repository.tags()
        repository.push("v1", b"content", "application/x")
        repository.delete("sha256:" + "0" * 64)
    shown = {(method, token) for method, path, token in server.asked if not path.startswith("/token")}
    assert shown - {(method, "") for method in rights} == {
        (method, f"Bearer {right}") for method, right in rights.items()
    }
    tokens = [path.partition("=")[2] for _, path, _ in server.asked if path.startswith("/token")]
    assert tokens == ["pull", "push", "delete"]


@pytest.mark.parametrize(
    ("name", "realm", "reached"),
    [
        ("ghcr.io/acme/shop", "https://auth.example/token", True),
        ("ghcr.io/acme/shop", "http://auth.example/token", False),
        ("ghcr.io/acme/shop", "http://localhost:5000/token", False),
        ("localhost:5000/acme/shop", "http://localhost:5001/token", True),
        ("localhost:5000/acme/shop", "https://auth.example/token", True),
        ("localhost:5000/acme/shop", "http://auth.example/token", False),
    ],
)
def test_a_token_server_is_reached_over_tls_wherever_its_registry_is(
    name: str, realm: str, reached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def send(_self: Transport, _method: str, url: str, **_more: object) -> Answer:
        asked.append(url)
        return Answer(status=401, headers={"www-authenticate": f'Bearer realm="{realm}"'}, body=b"")

    monkeypatch.setattr(Transport, "send", send)
    with pytest.raises(RegistryRefused, match="not allowed to read" if reached else "is not reached over TLS"):
        Repository(name).tags()
    assert asked[1:] == [realm] * reached


def test_without_credentials_the_remedy_is_docker_login(serve: Callable[[Handle], Server]) -> None:
    server = serve(token_registry("robot", "secret"))
    with pytest.raises(RegistryRefused, match=f"docker login {server.host}"):
        Repository(f"{server.host}/acme/shop").tags()


def test_a_credential_helper_is_asked(
    tmp_path: Path,
    serve: Callable[[Handle], Server],
    config: Callable[[object], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = json.dumps({"Username": "robot", "Secret": "secret"})
    helper = tmp_path / "docker-credential-test"
    helper.write_text(f"#!/bin/sh\ncat > {tmp_path}/asked\necho '{answer}'\n")
    helper.chmod(helper.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def handle(_method: str, _path: str, headers: dict[str, str], _body: bytes) -> Reply:
        if headers.get("authorization") == f"Basic {encoded('robot', 'secret')}":
            return 200, {}, b'{"tags":["a"]}'
        return 401, {"WWW-Authenticate": 'Basic realm="x"'}, b""

    server = serve(handle)
    config({"credHelpers": {server.host: "test"}})
    assert Repository(f"{server.host}/acme/shop").tags() == ("a",)
    assert (tmp_path / "asked").read_text() == server.host
    config({"credsStore": "not-installed"})
    assert credentials_of(server.host) is None
    config("nonsense")
    assert credentials_of(server.host) is None


@pytest.mark.parametrize(
    ("user", "token"), [("<token>", "secret"), ("robot", "")], ids=["an identity token", "a password"]
)
def test_a_helper_says_whether_it_keeps_a_password_or_an_identity_token(
    user: str,
    token: str,
    tmp_path: Path,
    config: Callable[[object], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    helper = tmp_path / "docker-credential-test"
    helper.write_text(f"#!/bin/sh\necho '{json.dumps({'Username': user, 'Secret': 'secret'})}'\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    config({"credsStore": "test"})
    found = credentials_of("ghcr.io")
    assert found
    assert (found.token, found.password) == (token, "" if token else "secret")


def test_docker_keeps_what_is_of_its_hub_under_an_old_address(
    tmp_path: Path, config: Callable[[object], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    config({"auths": {"https://index.docker.io/v1/": {"auth": encoded("robot", "secret")}}})
    found = credentials_of("docker.io")
    assert found
    assert (found.user, found.password) == ("robot", "secret")
    assert credentials_of("registry-1.docker.io") is None
    helper = tmp_path / "docker-credential-test"
    helper.write_text(f"#!/bin/sh\ncat > {tmp_path}/asked\nexit 1\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    config({"credsStore": "test"})
    credentials_of("docker.io")
    assert (tmp_path / "asked").read_text() == "https://index.docker.io/v1/"


def test_credentials_show_in_no_repr(config: Callable[[object], None]) -> None:
    config({"auths": {"ghcr.io": {"auth": encoded("robot", "secret")}, "docker.io": {}}})
    assert "secret" not in repr(credentials_of("ghcr.io"))


def test_credentials_do_not_follow_a_redirect(
    serve: Callable[[Handle], Server], config: Callable[[object], None]
) -> None:
    content = b"a blob"
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    elsewhere = serve(lambda *_: (200, {}, content))

    def handle(_method: str, _path: str, headers: dict[str, str], _body: bytes) -> Reply:
        if "authorization" not in headers:
            return 401, {"WWW-Authenticate": 'Basic realm="x"'}, b""
        return 307, {"Location": f"http://{elsewhere.host}/blob"}, b""

    server = serve(handle)
    config({"auths": {server.host: {"auth": encoded("robot", "secret")}}})
    assert Repository(f"{server.host}/acme/shop").blob(digest) == content
    assert [authorization for _, _, authorization in elsewhere.asked] == [""]


def test_what_has_another_digest_is_refused(serve: Callable[[Handle], Server]) -> None:
    server = serve(lambda *_: (200, {}, b"{}"))
    repository = Repository(f"{server.host}/acme/shop")
    with pytest.raises(RegistryRefused, match="damaged"):
        repository.blob("sha256:" + "0" * 64)
    with pytest.raises(RegistryRefused, match="damaged"):
        repository.manifest("sha256:" + "0" * 64)


@pytest.mark.parametrize(
    ("status", "says"),
    [(405, "does not delete"), (400, "does not delete"), (403, "may not delete"), (500, "answered 500")],
)
def test_a_registry_that_does_not_delete_says_so(status: int, says: str, serve: Callable[[Handle], Server]) -> None:
    server = serve(lambda *_: (status, {}, b'{"errors":[{"code":"UNSUPPORTED","message":"no"}]}'))
    with pytest.raises(RegistryRefused, match=says) as refused:
        Repository(f"{server.host}/acme/shop").delete("sha256:" + "0" * 64)
    assert isinstance(refused.value, DeletionRefused) == (status != 500)
    assert "\n" not in str(refused.value)


def test_deleting_what_is_gone_is_fine(serve: Callable[[Handle], Server]) -> None:
    server = serve(lambda *_: (404, {}, b""))
    Repository(f"{server.host}/acme/shop").delete("sha256:" + "0" * 64)
    assert server.asked == [("DELETE", f"/v2/acme/shop/manifests/sha256:{'0' * 64}", "")]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b""])
def test_what_is_no_registry_is_told_apart(body: bytes, serve: Callable[[Handle], Server]) -> None:
    server = serve(lambda *_: (200, {}, body))
    with pytest.raises(RegistryRefused, match="is it a registry"):
        Repository(f"{server.host}/acme/shop").tags()


def test_an_answer_that_is_too_long_is_not_read_to_its_end(serve: Callable[[Handle], Server]) -> None:
    content = b"x" * ((1 << 20) + 1)
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    server = serve(lambda *_: (200, {}, content))
    repository = Repository(f"{server.host}/acme/shop")
    with pytest.raises(RegistryRefused, match="an answer has more than 1 MiB"):
        repository.blob(digest, largest=1 << 20)
    assert repository.blob(digest, largest=len(content)) == content


def test_nobody_is_waited_for_longer_than_was_said(serve: Callable[[Handle], Server]) -> None:
    silent = threading.Event()

    def handle(*_: object) -> Reply:
        silent.wait(20)
        return 200, {}, b"{}"

    server = serve(handle)
    try:
        with pytest.raises(RegistryRefused, match=r"did not answer within 0\.3 s"):
            Repository(f"{server.host}/acme/shop", seconds=0.3).tags()
    finally:
        silent.set()


def test_nobody_there_is_one_line() -> None:
    with pytest.raises(RegistryRefused, match="localhost:1 cannot be reached: Connection refused"):
        Repository("localhost:1/acme/shop").tags()


@pytest.mark.parametrize(
    ("name", "host", "path"),
    [
        ("ghcr.io/acme/shop-cache", "ghcr.io", "acme/shop-cache"),
        ("localhost/cache", "localhost", "cache"),
        ("acme/cache", "docker.io", "acme/cache"),
        ("cache", "docker.io", "library/cache"),
    ],
)
def test_names_are_read_as_docker_reads_them(name: str, host: str, path: str) -> None:
    repository = Repository(name)
    assert (repository.host, repository.path) == (host, path)


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("alpine", ("alpine", "", "latest")),
        ("localhost:5000/a/b:1.2", ("localhost:5000/a/b", "", "1.2")),
        ("localhost:5000/a/b", ("localhost:5000/a/b", "", "latest")),
        ("a/b:1@sha256:00", ("a/b", "sha256:00", "1")),
    ],
)
def test_a_reference_is_taken_apart(reference: str, found: tuple[str, str, str]) -> None:
    assert parts(reference) == found


INDEX = json.dumps({"schemaVersion": 2, "manifests": []}).encode()


def test_what_a_tag_names_now_is_told_by_the_header_or_by_the_bytes(serve: Callable[[Handle], Server]) -> None:
    digest = f"sha256:{hashlib.sha256(INDEX).hexdigest()}"

    def handle(_method: str, path: str, _headers: dict[str, str], _body: bytes) -> Reply:
        if path.endswith("/gone"):
            return 404, {}, b""
        return 200, {"Docker-Content-Digest": digest} if path.endswith("/told") else {}, INDEX

    server = serve(handle)
    repository = Repository(f"{server.host}/acme/shop")
    assert repository.current("told") == digest
    assert [method for method, _, _ in server.asked] == ["HEAD"]
    assert repository.current("untold") == digest
    assert repository.current("gone") == ""


def test_referrers_come_from_all_pages(serve: Callable[[Handle], Server]) -> None:
    digests = [f"sha256:{letter * 64}" for letter in "abc"]

    def handle(_method: str, path: str, _headers: dict[str, str], _body: bytes) -> Reply:
        last = "page=2" in path
        page = digests[2:] if last else digests[:2]
        link = {} if last else {"Link": f'<{path}?page=2>; rel="next"'}
        return 200, link, json.dumps({"manifests": [{"digest": digest} for digest in page]}).encode()

    found = Repository(f"{serve(handle).host}/acme/shop").referrers(digests[0])
    assert [one.digest for one in found or ()] == digests


@pytest.mark.parametrize("status", [400, 404, 405, 501])
def test_a_registry_without_the_referrers_api_is_known_as_such(serve: Callable[[Handle], Server], status: int) -> None:
    server = serve(lambda *_: (status, {}, b"404 page not found\n"))
    assert Repository(f"{server.host}/acme/shop").referrers(f"sha256:{'a' * 64}") is None
