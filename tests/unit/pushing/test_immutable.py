"""Tags that never move, in a registry of the test's own that speaks HTTP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gobake.errors import RegistryRefused
from gobake.pushing.immutable import never_moving, require_free, require_same
from tests.unit.registry.test_client import Reply, Server

OURS = "0123456789abcdef0123456789abcdef01234567"
IMAGES, OTHERS = [f"sha256:{digit * 64}" for digit in "12"], [f"sha256:{digit * 64}" for digit in "13"]


def index(images: list[str], attestation: str) -> bytes:
    entries = [{"digest": digest, "platform": {"os": "linux", "architecture": "amd64"}} for digest in images]
    entries += [{"digest": f"sha256:{attestation * 64}", "platform": {"os": "unknown", "architecture": "unknown"}}]
    notes = {"org.opencontainers.image.revision": OURS}
    return json.dumps({"schemaVersion": 2, "manifests": entries, "annotations": notes}).encode()


def digest_of(text: bytes) -> str:
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


THERE = {digest_of(text): text for text in (index(IMAGES, "a"), index(IMAGES, "b"), index(OTHERS, "a"))}
DIGEST, LATER, OTHER = THERE


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """It has a/api:v1 alone, and refuses to tell about b/api."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    def handle(_method: str, path: str, _headers: dict[str, str], _body: bytes) -> Reply:
        if path.startswith("/v2/b/"):
            return 403, {}, b""
        reference = path.removeprefix("/v2/a/api/manifests/").replace("v1", DIGEST)
        return (200, {}, THERE[reference]) if reference in THERE else (404, {}, b"{}")

    server = Server(handle)
    yield server.host
    server.stop()


def test_the_tag_alone_counts() -> None:
    names = ("v.example:5000/v1/api:latest", "ghcr.io/acme/api:v1.2", "ghcr.io/acme/api:1.2")
    assert never_moving(names, ("v*",)) == names[1:2]
    assert never_moving(names, ("v*", "[0-9]*")) == names[1:]
    assert never_moving(names, ()) == ()


def test_a_free_tag_and_one_of_the_same_commit_may_be_built(host: str) -> None:
    require_free((f"{host}/a/api:v1", f"{host}/a/api:v2"), OURS)
    require_free((), "")


@pytest.mark.parametrize("revision", ["f" * 40, ""])
def test_a_tag_of_another_commit_is_refused(host: str, revision: str) -> None:
    with pytest.raises(RegistryRefused) as caught:
        require_free((f"{host}/a/api:v2", f"{host}/a/api:v1"), revision)
    assert str(caught.value) == (
        f"{host}/a/api:v1 exists already and never moves (push.immutable): it is {DIGEST} of commit {OURS}; "
        "choose another tag; nothing was built"
    )


def test_a_registry_that_does_not_tell_is_an_error(host: str) -> None:
    with pytest.raises(RegistryRefused, match="not allowed to read"):
        require_free((f"{host}/b/api:v1",), OURS)


def test_only_the_same_image_may_have_the_tag(host: str) -> None:
    assert require_same((f"{host}/a/api:v1", f"{host}/a/api:v2"), DIGEST) == (f"{host}/a/api:v1",)
    assert require_same((f"{host}/a/api:v2",), "sha256:1") == ()
    with pytest.raises(RegistryRefused, match=f"it is {DIGEST}, and the build made {OTHER}; choose another tag"):
        require_same((f"{host}/a/api:v1",), OTHER)
    with pytest.raises(RegistryRefused, match=f"it is {DIGEST}; choose another tag"):
        require_same((f"{host}/a/api:v1",), "")


def test_an_attestation_of_another_time_makes_no_other_image(host: str) -> None:
    assert require_same((f"{host}/a/api:v1",), LATER) == (f"{host}/a/api:v1",)
