"""Tags are set where an image is complete, in a registry of the test's own that speaks HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from gobake import engine
from gobake.errors import RegistryRefused
from gobake.pushing import publish as publishing
from gobake.pushing.publish import Image, Named, error_of, publish
from tests.unit.registry.test_client import Reply, Server

INDEX = b'{"schemaVersion":2,"manifests":[]}'
KIND = "application/vnd.oci.image.index.v1+json"
DIGEST = f"sha256:{hashlib.sha256(INDEX).hexdigest()}"


class Kept:
    """A registry with one index in every repository; it refuses to write to ``closed``."""

    def __init__(self, closed: str = "") -> None:
        self.tags: list[tuple[str, str]] = []  # (repository:tag, media type)
        self.closed = closed
        self.there: dict[str, bytes] = {}  # manifests by repository:tag

    def __call__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        repository, _, reference = path.removeprefix("/v2/").partition("/manifests/")
        if method == "GET":
            found = INDEX if reference == DIGEST else self.there.get(f"{repository}:{reference}")
            return (200, {"Content-Type": KIND}, found) if found else (404, {}, b"")
        if repository == self.closed:
            return 403, {}, b""
        assert body == INDEX
        self.tags.append((f"{repository}:{reference}", headers["content-type"]))
        return 201, {}, b""


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kept:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return Kept()


@pytest.fixture
def host(kept: Kept) -> Iterator[str]:
    server = Server(kept)
    try:
        yield server.host
    finally:
        server.stop()


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Sequence[str], Sequence[str], str, Mapping[str, str]]]:
    """What buildx is asked for."""
    asked: list[tuple[Sequence[str], Sequence[str], str, Mapping[str, str]]] = []

    def name_image(names: Sequence[str], sources: Sequence[str], builder: str, notes: Mapping[str, str]) -> None:
        asked.append((names, sources, builder, notes))
        if "refused" in names[0]:
            raise RegistryRefused(f"{names[0]}: denied")

    monkeypatch.setattr(engine, "name_image", name_image)
    return asked


def image(host: str, *names: str, digests: tuple[str, ...] = (DIGEST,), never_moving: tuple[str, ...] = ()) -> Image:
    full, fixed = (tuple(f"{host}/{name}" for name in some) for some in (names, never_moving))
    return Image(target="api-scratch", names=full, digests=digests, never_moving=fixed)


def test_all_names_of_an_image_get_its_very_bytes(kept: Kept, host: str) -> None:
    said: list[str] = []
    one = image(host, "a/api:v1", "b/api:v1", "a/api:latest")
    assert publish([one], "", said.append) == (Named(image=one, names=(one.names[0], one.names[2], one.names[1])),)
    assert kept.tags == [("a/api:v1", KIND), ("a/api:latest", KIND), ("b/api:v1", KIND)]
    assert said == ["all is pushed; setting 3 tags"]


def test_without_images_nothing_is_said() -> None:
    assert publish([], "", lambda line: pytest.fail(line)) == ()


def test_what_a_registry_refuses_to_gobake_is_asked_of_buildx(
    kept: Kept, host: str, copied: list[tuple[Sequence[str], Sequence[str], str, Mapping[str, str]]]
) -> None:
    kept.closed = "a/api"
    one = image(host, "a/api:v1", "b/api:v1")
    (named,) = publish([one], "nodes", lambda _: None)
    assert not named.error
    assert copied == [([f"{host}/a/api:v1"], [f"{host}/a/api@{DIGEST}"], "nodes", {})]
    assert kept.tags == [("b/api:v1", KIND)]


def test_parts_are_joined_by_buildx(
    kept: Kept, host: str, copied: list[tuple[Sequence[str], Sequence[str], str, Mapping[str, str]]]
) -> None:
    publish([image(host, "a/api:v1", digests=("sha256:1", "sha256:2"))], "", lambda _: None)
    assert copied == [([f"{host}/a/api:v1"], [f"{host}/a/api@sha256:1", f"{host}/a/api@sha256:2"], "", {})]
    assert not kept.tags


@pytest.mark.usefixtures("copied")
def test_names_that_cannot_be_set_are_an_error_and_others_stay(kept: Kept, host: str) -> None:
    kept.closed = "refused/api"
    bad, good = image(host, "a/api:v1", "refused/api:v1", "refused/api:v2"), image(host, "b/web:v1")
    named = publish([bad, good], "", lambda _: None)
    assert [one.names for one in named] == [(f"{host}/a/api:v1",), (f"{host}/b/web:v1",)]
    error = error_of(named)
    assert str(error) == (
        f"{host}/refused/api:v1, and 1 more: not tagged: {host}/refused/api:v1: denied; "
        "the images are pushed by digest: `gobake push` sets the tags"
    )


def test_all_names_set_is_no_error(host: str) -> None:
    assert error_of(publish([image(host, "a/api:v1")], "", lambda _: None)) is None


def test_a_tag_that_never_moves_stays_and_the_others_are_set(kept: Kept, host: str) -> None:
    kept.there = {"a/api:v1": INDEX}
    one = image(host, "a/api:v1", "a/api:latest", never_moving=("a/api:v1",))
    (named,) = publish([one], "", lambda _: None)
    assert (named.names, named.kept, named.error) == ((f"{host}/a/api:latest",), (f"{host}/a/api:v1",), None)
    assert [name for name, _ in kept.tags] == ["a/api:latest"]


def test_one_that_has_another_image_prevents_all_names_of_its_repository(kept: Kept, host: str) -> None:
    kept.there = {"a/api:v1": INDEX + b"\n"}
    one = image(host, "a/api:latest", "a/api:v1", never_moving=("a/api:v1",))
    (named,) = publish([one], "", lambda _: None)
    assert (named.names, named.kept, kept.tags) == ((), (), [])
    assert str(error_of([named])).endswith(f"and the build made {DIGEST}; choose another tag")


PASSES = (
    "localhost:5000/shop/web:v1: unexpected status from PUT request to http://localhost:5000/x: 503 Service Unavailable"
)


@pytest.mark.parametrize(
    ("words", "times"), [(PASSES, 4), ("localhost:5000/shop/web:v1: denied: no", 1)], ids=["what passes", "a refusal"]
)
def test_names_that_buildx_sets_are_tried_again_if_what_failed_passes(
    monkeypatch: pytest.MonkeyPatch, words: str, times: int
) -> None:
    asked: list[Sequence[str]] = []

    def refuses(names: Sequence[str], *_: object) -> None:
        asked.append(names)
        raise RegistryRefused(words)

    monkeypatch.setattr(engine, "name_image", refuses)
    monkeypatch.setattr(publishing, "rest", lambda _seconds, _over: True)
    image = Image(target="web", names=("localhost:1/shop/web:v1",), digests=(DIGEST, DIGEST[:-1] + "0"))
    (named,) = publish([image], "", lambda _: None)
    assert isinstance(named.error, RegistryRefused)
    assert len(asked) == times
