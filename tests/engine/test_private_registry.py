"""A registry with a certificate of its own authority and a password: all that gobake does there, and what it says.

The login is in a credential helper alone, and the authority where Docker looks for it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ended, Gobake, commit, outside_ci
from tests.engine.private_registry import Private, private
from tests.engine.test_faults import one_line_error

PLATFORMS = ("linux/amd64", "linux/arm64")
RELEASE = ("--cache-policy", "release")


class World:
    """gobake and docker with that engine, and a project that has been pushed twice."""

    def __init__(self, made: Private, folder: Path) -> None:
        self.private, self.root = made, folder / "tiny"
        plain = {name: value for name, value in outside_ci().items() if not name.startswith("SSL_CERT_")}
        home = {"XDG_CACHE_HOME": str(folder / "cache"), "XDG_DATA_HOME": str(folder / "data"), "NO_COLOR": "1"}
        self.gobake = Gobake(env={**plain, **home, **made.env()})
        (self.root / "cmd/api").mkdir(parents=True)
        (self.root / "go.mod").write_text("module example.com/tiny\n\ngo 1.26\n")
        config = f"name: tiny\nregistry: {made.good}/acme\nprovenance: min\ncache: {{store: {made.good}/acme/cache}}\n"
        (self.root / "gobake.yaml").write_text(config)

    def write(self, word: str) -> None:
        text = f'package main\n\nfunc main() {{ println("{word}") }}\n'
        (self.root / "cmd/api/main.go").write_text(text)
        commit(self.root)

    def push(self, tag: str) -> dict[str, Any]:
        self.write(tag)
        self.good("build", "--push", "--tag", tag, "--platform", ",".join(PLATFORMS), *RELEASE)
        found: dict[str, Any] = self.gobake.last_run(self.root)
        return found

    def __call__(self, *words: str) -> Ended:
        return self.gobake(*words, "--trust", cwd=self.root)

    def good(self, *words: str) -> Ended:
        return self.gobake.good(*words, "--trust", cwd=self.root)

    def docker(self, *words: str) -> str:
        done = subprocess.run(["docker", *words], env=self.gobake.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("private")
    with private(folder) as made:
        world = World(made, folder)
        world.push("v1")
        world.docker("buildx", "prune", "-af")
        yield world


def test_a_bare_builder_starts_from_the_seed_and_pushes_what_can_be_pulled(world: World) -> None:
    record = world.push("v2")
    assert [seed["action"] for seed in record["seeds"]] == ["restored", "saved grown"]
    assert [len(work["compiled"]) for work in record["go"]] == [1, 1]
    image = f"{world.private.good}/acme/api:v2"
    for platform in PLATFORMS:
        world.docker("run", "--rm", "--platform", platform, image)
    # nobody else was asked for: neither the registry of the bases, nor that of any other image
    assert set(world.private.logins.read_text().split()) == {world.private.good}


def test_the_doctor_may_read_and_write(world: World) -> None:
    found = json.loads(world("doctor", "--format", "json").out)["findings"]
    of = {one["topic"]: one for one in found if one["topic"] in ("registry", "cache store")}
    assert len(of) == 2
    for one in of.values():  # a busy machine may take long for an answer
        assert "may be written" in one["text"] or "takes" in one["text"]


def test_what_is_there_is_listed_and_pruned(world: World) -> None:
    listed = json.loads(world.good("registry", "ls", "--format", "json").out)["repositories"]
    assert [one["tag"] for one in listed[0]["tags"]] == ["v1", "v2"]
    assert {"seed", "cache", "record", "part"} == {one["kind"] for one in listed[1]["tags"]}
    words = ("registry", "prune", "--tags", "v1", "--keep-runs", "0m", "--format", "json")
    planned = json.loads(world.good(*words, "--dry-run").out)
    done = json.loads(world.good(*words, "--yes").out)
    assert planned["repositories"] == done["repositories"]
    assert len(done["repositories"][0]["deleted"]) == 5  # an index, two platforms, two attestations
    for platform in PLATFORMS:
        world.docker("pull", "-q", "--platform", platform, f"{world.private.good}/acme/api:v2")


def refused(world: World, host: str) -> list[str]:
    """What a listing and a push say, with the exit code of registries."""
    said = []
    for words in (
        ("registry", "ls", f"{host}/acme/api"),
        ("build", "--registry", f"{host}/acme", "--push", "--cache-store", "", "--cache-policy", "dev"),
    ):
        ended = world(*words)
        assert ended.code == 6, ended.err
        said.append(one_line_error(ended))
    return said


def test_a_wrong_password_is_told_with_the_remedy(world: World) -> None:
    good = world.private.good
    world.private.password("wrong-password")
    try:
        listing, push = refused(world, good)
        found = json.loads(world("doctor", "--format", "json").out)["findings"]
    finally:
        world.private.password("right-password")
    assert listing == f"error: {good}/acme/api: not allowed to read it; `docker login {good}`"
    assert push.endswith(f"could not be pushed: {good} answers: 401 Unauthorized; `docker login {good}`")
    (store,) = (one for one in found if one["topic"] == "cache store")
    assert (store["state"], store["remedy"]) == ("problem", f"`docker login {good}`")
    assert "wrong-password" not in str(found)


def test_an_authority_that_nobody_knows_is_told_with_the_place_for_it(world: World) -> None:
    good = world.private.good
    world.private.distrust(good)
    try:
        listing, push = refused(world, good)
    finally:
        world.private.trust(good)
    for said in (listing, push):
        assert f"/etc/docker/certs.d/{good}/ca.crt" in said
    assert f"{good}: its certificate is of an authority that is not trusted" in listing
    assert f"the builder does not trust the certificate of {good}" in push


def test_an_expired_certificate_is_told(world: World) -> None:
    listing, push = refused(world, world.private.expired)
    assert listing.startswith(f"error: {world.private.expired}: its certificate has expired; renew it")
    assert f"the certificate of {world.private.expired} has expired" in push
    assert push.endswith("; renew it, or check the builder's clock")
