"""What buildx is told of the registries that it looks at."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gobake.engine import imagetools
from gobake.proc.command import Done


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes]]:
    """(SSL_CERT_DIR, the certificates in its last folder) of each call of buildx."""
    calls: list[tuple[str, bytes]] = []

    def run(words: Sequence[str], *, env: Mapping[str, str], seconds: float) -> Done:
        folders = env.get("SSL_CERT_DIR", "")
        file = Path(folders.rpartition(":")[2]) / "authorities.pem"
        calls.append((folders, file.read_bytes() if file.exists() else b""))
        return Done(code=0, out="{}", err="")

    monkeypatch.setattr("gobake.engine.imagetools.command.run", run)
    return calls


def test_buildx_trusts_the_authorities_of_the_hosts_that_it_asks(
    told: list[tuple[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    for host in ("registry.test:5000", "other.test"):
        (tmp_path / "docker/certs.d" / host).mkdir(parents=True)
        (tmp_path / "docker/certs.d" / host / "ca.crt").write_text(f"of {host}")
        (tmp_path / "docker/certs.d" / host / "client.key").write_text("a key")
    imagetools.inspect_image("registry.test:5000/acme/api:v1", "", 5)
    imagetools.name_image(["other.test/acme/api:v1"], ["registry.test:5000/acme/api@sha256:1"], "", {})
    assert [text for _, text in told] == [b"of registry.test:5000", b"of other.test\nof registry.test:5000"]
    for folders, _ in told:
        system, folder = folders.rsplit(":", 1)
        assert system == "/etc/ssl/certs:/etc/pki/tls/certs"
        assert not Path(folder).exists()  # any more


def test_without_such_certificates_the_environment_is_as_it_is(
    told: list[tuple[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    imagetools.inspect_image("registry.test:5000/acme/api:v1", "", 5)
    assert told == [(os.environ.get("SSL_CERT_DIR", ""), b"")]
