"""What a tree says of itself, of whom to talk to and of who may write: each key has a class, and only one class is a
stranger's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gobake.config.bases import BASE_FIELDS
from gobake.config.caches import CACHE_FIELDS, LAYER_FIELDS, SEED_FIELDS
from gobake.config.gates import GATE_FIELDS
from gobake.config.history import HISTORY_FIELDS
from gobake.config.loading import parse_config
from gobake.config.private import PRIVATE_FIELDS
from gobake.config.pushing import PUSH_FIELDS
from gobake.config.service import SERVICE_FIELDS
from gobake.config.values import TOP_FIELDS, Config
from gobake.trust.deciding import IMAGES_ALONE
from gobake.trust.keys import CLASSES, EVERY_CLASS, KeyClass, class_of, taken, wants
from tests.conftest import REPOSITORY

SECTIONS = {
    "bases": BASE_FIELDS,
    "private": PRIVATE_FIELDS,
    "cache": CACHE_FIELDS,
    "cache.layers": LAYER_FIELDS,
    "cache.seeds": SEED_FIELDS,
    "gate": GATE_FIELDS,
    "history": HISTORY_FIELDS,
    "push": PUSH_FIELDS,
    "defaults": tuple(field for field in SERVICE_FIELDS if field.shared),
    "services.any": SERVICE_FIELDS,
}


def keys() -> Iterator[str]:
    yield from (field.name for field in TOP_FIELDS)
    for section, fields in SECTIONS.items():
        yield from (f"{section}.{field.name}" for field in fields)


def config(text: str) -> Config:
    return parse_config(text.encode(), Path("/project/gobake.yaml"))


@pytest.mark.parametrize("key", sorted(set(keys()) - {"cache"}))
def test_every_key_has_a_class(key: str) -> None:
    assert class_of(key) in EVERY_CLASS


def test_every_class_that_is_given_is_of_a_key_that_there_is() -> None:
    known = {key.replace("services.any", "services.*") for key in keys()}
    assert set(CLASSES) <= known


def test_a_new_key_of_a_section_that_has_no_class_of_its_own_must_be_given_one() -> None:
    assert class_of("cache.a_new_key") is None
    assert class_of("a_new_key") is None


def test_the_table_of_the_docs_has_every_key_that_describes_no_image() -> None:
    text = (REPOSITORY / "docs/trust.md").read_text()
    for key, kind in CLASSES.items():
        if kind is not KeyClass.IMAGE:
            row = next(line for line in text.splitlines() if line.startswith("|") and f"`{key}`" in line)
            assert kind.value in row, key


HOSTILE = """
name: shop
registry: evil.example/acme
bases: {go: "evil.example/golang:1.26", debian: ./debian.Dockerfile}
private: {tokens: {evil.example: CI_TOKEN}, ssh: "~/.ssh/id_ed25519", ca_bundle: evil.pem}
cache:
  store: evil.example/cache
  policy: release
  main_branch: evil
  branches: {"*": release}
  layers: {mode: max, backends: [{type: s3, bucket: evil, region: eu-west-1}]}
  seeds: {unused_days: 1}
gate: {min_hit_rate: none}
history: {folder: /shared/history}
push: {registries: [evil.example/copies], immutable: [nothing]}
defaults: {base: "evil.example/base:1", tags: [stable]}
services:
  api:
    package: ./cmd/api
    tags: [v1, latest]
    base: evil.example/api:1
    ports: [8080]
  web: {package: ./cmd/web, base: ./web.Dockerfile}
"""


def test_what_a_tree_wants_beyond_its_images_is_seen_with_its_value_and_its_line() -> None:
    found = {want.key: want for want in wants(config(HOSTILE))}
    assert {key: want.kind for key, want in found.items()} == {
        "registry": KeyClass.TALKS,
        "bases.go": KeyClass.TALKS,
        "private.tokens.evil.example": KeyClass.TALKS,
        "private.ssh": KeyClass.TALKS,
        "private.ca_bundle": KeyClass.TALKS,
        "cache.store": KeyClass.TALKS,
        "cache.policy": KeyClass.WRITES,
        "cache.main_branch": KeyClass.WRITES,
        "cache.branches.*": KeyClass.WRITES,
        "cache.layers.mode": KeyClass.WRITES,
        "cache.layers.backends.0.bucket": KeyClass.TALKS,
        "cache.layers.backends.0.region": KeyClass.TALKS,
        "cache.layers.backends.0.type": KeyClass.TALKS,
        "cache.seeds.unused_days": KeyClass.WRITES,
        "gate.min_hit_rate": KeyClass.GATE,
        "history.folder": KeyClass.WRITES,
        "push.registries.0": KeyClass.TALKS,
        "push.immutable.0": KeyClass.WRITES,
        "defaults.base": KeyClass.TALKS,
        "defaults.tags.0": KeyClass.WRITES,
        "services.api.tags.0": KeyClass.WRITES,
        "services.api.tags.1": KeyClass.WRITES,
        "services.api.base": KeyClass.TALKS,
    }
    assert found["registry"].text == "evil.example/acme"
    assert found["registry"].where.line == 3
    assert found["private.tokens.evil.example"].text == "CI_TOKEN"
    assert found["services.api.tags.1"].text == "latest"
    assert found["cache.layers.backends.0.bucket"].text != ""


def test_of_a_stranger_only_the_images_hold() -> None:
    tree = config(HOSTILE)
    held = taken(tree, None, IMAGES_ALONE)
    assert held is not None
    assert "evil" not in repr(held).replace(repr(held.places), "").replace("gobake.yaml", "")
    assert held.name == "shop"
    assert dict(held.bases) == {"debian": "./debian.Dockerfile"}
    assert held.cache.policy is held.cache.store is None
    assert (held.push.registries, held.push.immutable) == (None, None)
    assert held.history.folder is None
    services = {service.name: service for service in held.services}
    assert services["api"].ports == tree.services[0].ports
    assert (services["api"].base, services["api"].tags) == (None, None)
    assert services["web"].base == "./web.Dockerfile"


def test_what_a_stranger_may_not_say_comes_from_elsewhere() -> None:
    base = config(
        "registry: ghcr.io/acme\nbases: {go: 'golang:1.26-alpine'}\ncache: {store: ghcr.io/acme/cache, policy: dev}\n"
        "gate: {min_hit_rate: 80%}\nservices: {api: {package: ./cmd/api, tags: [stable]}}\n"
    )
    held = taken(config(HOSTILE), base, IMAGES_ALONE)
    assert held is not None
    assert (held.registry, held.cache.store, held.cache.policy) == ("ghcr.io/acme", "ghcr.io/acme/cache", "dev")
    assert held.gate.min_hit_rate == 0.8
    assert held.bases["go"] == "golang:1.26-alpine"
    assert held.services[0].tags == ("stable",)
    assert [service.name for service in held.services] == ["api", "web"]


def test_one_who_may_choose_whom_to_talk_to_may_not_choose_who_writes() -> None:
    base = config("gate: {min_hit_rate: 80%}\ncache: {policy: dev}\nservices: {api: {package: ./cmd/api}}\n")
    held = taken(config(HOSTILE), base, {KeyClass.IMAGE, KeyClass.TALKS})
    assert held is not None
    assert (held.registry, held.cache.store) == ("evil.example/acme", "evil.example/cache")
    assert (held.cache.policy, dict(held.cache.branches), held.gate.min_hit_rate) == ("dev", {}, 0.8)
    assert held.cache.layers.mode is None
    assert held.cache.layers.backends is not None


def test_a_gate_of_nobody_else_is_kept() -> None:
    held = taken(config("gate: {min_hit_rate: 80%}"), None, IMAGES_ALONE)
    assert held is not None
    assert held.gate.min_hit_rate == 0.8


def test_the_trusted_have_all_that_they_say() -> None:
    tree = config(HOSTILE)
    assert taken(tree, config("registry: ghcr.io/acme"), EVERY_CLASS) is tree


def test_a_tree_without_a_file_has_what_others_say() -> None:
    held = taken(None, config("registry: ghcr.io/acme"), IMAGES_ALONE)
    assert held is not None
    assert held.registry == "ghcr.io/acme"
    assert held.discover
    assert taken(None, None, IMAGES_ALONE) is None
