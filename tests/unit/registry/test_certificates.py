"""Registries with a private authority: what docker's users have in certs.d counts for gobake, for that host alone."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gobake.errors import RegistryRefused
from gobake.registry import Repository, certificates
from tests.authority import Authority, served_with
from tests.unit.registry.test_client import Handle, Reply, Server

Serve = Callable[..., Server]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with a folder for each host."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    return tmp_path / "docker/certs.d"


@pytest.fixture
def serve(authority: Authority) -> Iterator[Serve]:
    servers: list[Server] = []

    def start(handle: Handle = lambda *_: (200, {}, b'{"tags":["v1"]}'), **how: int) -> Server:
        servers.append(Server(handle, served_with(authority.issued(f"server{len(servers)}", **how))))  # type: ignore[arg-type]
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def trusts(home: Path, host: str, authority: Authority, name: str = "ca.crt") -> None:
    (home / host).mkdir(parents=True)
    (home / host / name).write_bytes(authority.certificate.read_bytes())


def test_the_authority_in_certs_d_is_trusted(home: Path, serve: Serve, authority: Authority) -> None:
    server = serve()
    trusts(home, server.host, authority)
    assert Repository(f"{server.host}/acme/shop").tags() == ("v1",)


def test_the_authority_in_ssl_cert_file_is_trusted(
    home: Path, serve: Serve, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    (home / server.host).mkdir(parents=True)
    (home / server.host / "other.crt").write_bytes(Authority(home / "other").certificate.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    assert Repository(f"{server.host}/acme/shop").tags() == ("v1",)


def test_an_authority_of_one_host_is_none_of_another(home: Path, serve: Serve, authority: Authority) -> None:
    trusted, other = serve(), serve()
    trusts(home, trusted.host, authority)
    trusts(home, other.host, Authority(home / "another"))
    with pytest.raises(RegistryRefused, match="an authority that is not trusted") as refused:
        Repository(f"{other.host}/acme/shop").tags()
    assert f"/etc/docker/certs.d/{other.host}/ca.crt" in refused.value.remedy
    assert not other.asked


def test_a_redirect_is_verified_by_the_authority_of_where_it_leads(
    home: Path, serve: Serve, authority: Authority
) -> None:
    def handle(*_: object) -> Reply:
        return 307, {"Location": f"https://{store.host}/elsewhere"}, b""

    store = serve()
    registry = serve(handle)
    trusts(home, registry.host, authority)
    with pytest.raises(RegistryRefused, match=f"{store.host}: its certificate is of an authority"):
        Repository(f"{registry.host}/acme/shop").tags()


def test_an_expired_certificate_is_said_with_the_remedy(home: Path, serve: Serve, authority: Authority) -> None:
    server = serve(days=-1)
    trusts(home, server.host, authority)
    with pytest.raises(RegistryRefused) as refused:
        Repository(f"{server.host}/acme/shop").tags()
    assert str(refused.value) == (
        f"{server.host}: its certificate has expired; renew it, or check the clock of this machine"
    )


def test_a_certificate_for_another_name_is_said(home: Path, serve: Serve, authority: Authority) -> None:
    server = serve(address="127.0.0.9")
    trusts(home, server.host, authority)
    with pytest.raises(RegistryRefused, match="its certificate is for another name"):
        Repository(f"{server.host}/acme/shop").tags()


def test_a_file_that_is_no_certificate_is_named(home: Path, serve: Serve) -> None:
    server = serve()
    (home / server.host).mkdir(parents=True)
    (home / server.host / "ca.crt").write_text("no certificate\n")
    with pytest.raises(RegistryRefused, match=r"ca\.crt is not a certificate in PEM"):
        Repository(f"{server.host}/acme/shop").tags()


def test_a_client_certificate_is_shown_to_its_host(home: Path, authority: Authority) -> None:
    context = served_with(authority.issued("strict"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.certificate)
    server = Server(lambda *_: (200, {}, b'{"tags":["v1"]}'), context)
    try:
        trusts(home, server.host, authority)
        with pytest.raises(RegistryRefused):
            Repository(f"{server.host}/acme/shop").tags()
        certificate, key = authority.issued("client")
        (home / server.host / "client.cert").write_bytes(certificate.read_bytes())
        (home / server.host / "client.key").write_bytes(key.read_bytes())
        assert Repository(f"{server.host}/acme/shop").tags() == ("v1",)
    finally:
        server.stop()


@pytest.mark.parametrize("host", ["..", "../..", "a/b", ".", "", "a b", "x\0y"])
def test_a_host_is_no_path(home: Path, host: str) -> None:
    home.mkdir(parents=True)
    (home.parent / "ca.crt").write_text("x")
    (home / "ca.crt").write_text("x")
    assert not certificates.named(host)
    assert certificates.of_host(host) is None


def test_a_relative_folder_of_settings_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", "settings")
    trusts(tmp_path / "settings/docker/certs.d", "registry.example.com", authority)
    assert not certificates.named("registry.example.com")
