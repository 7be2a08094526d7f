"""Pipelines that the tests of this room look at: each system with each kind of option."""

from __future__ import annotations

from gobake.pipelines.heading import fresh
from gobake.pipelines.options import GITLAB_REGISTRY, Options, System, checked
from gobake.pipelines.rendering import rendered

SOURCE = "git+https://git.example.com/acme/gobake@0123456789012345678901234567890123456789"
REGISTRIES = {System.GITHUB: "ghcr.io/acme", System.GITLAB: GITLAB_REGISTRY}
VARIANTS = {
    "as they come": Options(registry="", install=SOURCE, go_version_file="go.mod"),
    "another registry": Options(registry="registry.example.com:5000/shop", install=SOURCE, go_version_file="go.work"),
    "shards": Options(registry="", install=SOURCE, shards=4, platforms=("linux/amd64", "linux/arm/v7", "linux/arm64")),
    "one runner": Options(registry="", install=SOURCE, one_runner=True),
    "a folder": Options(registry="", install=SOURCE, folder="services/shop", go_version_file="services/shop/go.mod"),
    "a store": Options(registry="", install=SOURCE, cache_store="registry.example.com/caches", branch="trunk"),
}
CASES = [(system, name) for system in System for name in VARIANTS]


def options(system: System, name: str = "as they come") -> Options:
    found = VARIANTS[name]
    values = {field: getattr(found, field) for field in found.__struct_fields__}
    return checked(Options(**{**values, "registry": found.registry or REGISTRIES[system]}))


def text(system: System, name: str = "as they come") -> str:
    wanted = options(system, name)
    return fresh(system, wanted, rendered(system, wanted)).text
