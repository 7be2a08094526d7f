"""A builder to create: the commands of buildx, and the settings of its BuildKit. Pure.

BuildKit deletes what it keeps by limits, and by default cache mounts are among the first. Here they are kept like all
else, up to one limit. Mirrors and insecure registries are those of this machine's engine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from gobake.model import Platform

SETTINGS_FILE = "buildkitd.toml"
DRIVERS = ("docker-container", "remote", "kubernetes")
_GB = 1_000_000_000
_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")
_HOST = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(:\d{1,5})?(/[\w./-]*)?", re.ASCII)
_SHORT_LIVED = ("type==source.local", "type==source.git.checkout")
_KUBERNETES_ARCH = "kubernetes.io/arch"


class NewNode(Struct, frozen=True, kw_only=True):
    """A node of a new builder."""

    platforms: tuple[Platform, ...] = ()  # that it is meant for; none: what its machine can run
    endpoint: str = ""  # "": this machine's engine, or a cluster


class NewBuilder(Struct, frozen=True, kw_only=True):
    """A builder to create."""

    name: str
    driver: str
    nodes: tuple[NewNode, ...]
    keep: int  # bytes that each node keeps
    use: bool = False  # make it the current builder
    host_network: bool = False
    storage: str = ""  # of a pod's persistent volume, as Kubernetes writes sizes; "" for none
    replicas: int = 1  # pods of each node
    namespace: str = ""

    @property
    def has_settings(self) -> bool:
        """Whether buildx starts its BuildKit, and so takes settings for it."""
        return self.driver != "remote"

    @property
    def is_here(self) -> bool:
        """Whether this machine's loopback address can be meant for its nodes."""
        near = all(not node.endpoint or node.endpoint.startswith("unix://") for node in self.nodes)
        return self.driver == "docker-container" and near


class Registry(Struct, frozen=True, kw_only=True):
    """What a builder must know of a registry."""

    name: str
    mirrors: tuple[str, ...] = ()
    http: bool = False  # it is spoken to without TLS
    insecure: bool = False  # its certificate is not verified

    @property
    def on_loopback(self) -> bool:
        return any(_LOOPBACK.match(place) for place in (self.name, *self.mirrors))


# ---- commands


def commands(new: NewBuilder, settings: str) -> list[list[str]]:
    """Return the commands that create a builder, without `docker`. ``settings``: the path of its settings."""
    return [_create(new, number, settings) for number in range(len(new.nodes))]


def _create(new: NewBuilder, number: int, settings: str) -> list[str]:
    node = new.nodes[number]
    words = ["buildx", "create", "--name", new.name, "--driver", new.driver]
    words += ["--append"] if number else ["--use"] if new.use else []
    words += ["--platform", ",".join(map(str, node.platforms))] if node.platforms else []
    # as older buildx has it too, and newer one for its sake
    words += ["--config", settings] if new.has_settings else []
    for name, value in driver_options(new, node).items():
        words += ["--driver-opt", f'"{name}={value}"' if "," in value else f"{name}={value}"]
    return [*words, *([node.endpoint] if node.endpoint else [])]


def driver_options(new: NewBuilder, node: NewNode) -> dict[str, str]:
    """Return the options of a node's driver."""
    if new.driver == "docker-container":
        return {"network": "host"} if new.host_network else {}
    if new.driver != "kubernetes":
        return {}
    found = {"namespace": new.namespace} if new.namespace else {}
    if new.replicas > 1:
        # the same pod for a project every time: the others have nothing of it
        found |= {"replicas": str(new.replicas), "loadbalance": "sticky"}
    if new.storage:
        found["persistent-volume-claim.requests.storage"] = new.storage
    archs = {platform.arch for platform in node.platforms}
    if len(archs) == 1:
        found["nodeselector"] = f"{_KUBERNETES_ARCH}={archs.pop()}"
    return found


# ---- settings


def settings_text(new: NewBuilder, registries: Iterable[Registry]) -> str:
    """Return the buildkitd.toml of a new builder."""
    keep = max(1, round(new.keep / _GB))
    lines = [
        "# Written by gobake builder create.",
        "",
        "[worker.oci]",
        "gc = true",
        "",
        "# copies of sources",
        "[[worker.oci.gcpolicy]]",
        f"filters = {json.dumps(list(_SHORT_LIVED))}",
        'keepDuration = "48h"',
        f'maxUsedSpace = "{max(1, keep // 10)}GB"',
        "",
        "# layers and cache mounts, unused for longest first",
        "[[worker.oci.gcpolicy]]",
        "all = true",
        f'reservedSpace = "{max(1, keep // 2)}GB"',
        f'maxUsedSpace = "{keep}GB"',
        'minFreeSpace = "10%"',
    ]
    for registry in registries:
        if registry.on_loopback and not new.is_here:
            continue
        lines += ["", f"[registry.{json.dumps(registry.name)}]"]
        lines += [f"mirrors = {json.dumps(list(registry.mirrors))}"] if registry.mirrors else []
        lines += ["http = true"] if registry.http else []
        lines += ["insecure = true"] if registry.insecure else []
    return "\n".join([*lines, ""])


def registries_of(info: Mapping[str, Any]) -> tuple[Registry, ...]:
    """Return the mirrors and insecure registries that `docker info` tells of; names that are none are left out."""
    told = info.get("RegistryConfig")
    configs = told.get("IndexConfigs") if isinstance(told, dict) else None
    found: dict[str, Registry] = {}
    for name, config in configs.items() if isinstance(configs, dict) else ():
        if not isinstance(config, dict) or not _HOST.fullmatch(str(name)):
            continue
        listed = config.get("Mirrors") or ()
        urls = [_split(url) for url in listed if isinstance(url, str)] if isinstance(listed, list) else []
        mirrors = [(http, host) for http, host in urls if host]
        insecure = config.get("Secure") is False
        if not mirrors and not insecure:
            continue
        loopback = bool(_LOOPBACK.fullmatch(str(name)))
        found[name] = Registry(
            name=name,
            mirrors=tuple(host for _, host in mirrors),
            http=insecure and loopback,
            insecure=insecure and not loopback,
        )
        for http, host in mirrors:
            if http:
                found.setdefault(host, Registry(name=host, http=True))
    return tuple(found.values())


def _split(url: str) -> tuple[bool, str]:
    """Return (whether a mirror is spoken to without TLS, its host and path without a login; "" for none)."""
    scheme, _, place = url.rpartition("://")
    place = place.rpartition("@")[2].rstrip("/")
    return scheme == "http", place if _HOST.fullmatch(place) else ""
