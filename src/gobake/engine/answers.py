"""What docker and buildx report about a builder, its nodes and the engine, as values."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gobake.engine import api
from gobake.engine.gc_rules import CollectRule, parse_rules
from gobake.errors import GobakeError
from gobake.model import Platform


class Node(Struct, frozen=True, kw_only=True):
    """One machine of a builder."""

    name: str
    endpoint: str
    status: str
    buildkit: str  # version; "" if the driver does not report it
    platforms: tuple[Platform, ...]
    error: str = ""
    snapshotter: str = ""  # of BuildKit's worker; the docker driver has one only with the containerd image store
    rules: tuple[CollectRule, ...] = ()  # of its garbage collection
    declared: tuple[Platform, ...] = ()  # what it is meant for, by `docker buildx create --platform`
    machine: Platform | None = None  # its own, of one of several nodes; None: unknown
    address: str = ""  # see the module views; "" if it cannot be addressed alone


class Builder(Struct, frozen=True, kw_only=True):
    """The builder, as reported by `docker buildx inspect`."""

    name: str
    driver: str  # docker, docker-container, remote, kubernetes; "" if unknown
    nodes: tuple[Node, ...]
    error: str = ""
    address: str = ""  # with the nodes that answer, if it has several; "": its name

    @property
    def working(self) -> tuple[Node, ...]:
        """The nodes that answer, or that buildx will start."""
        return tuple(node for node in self.nodes if not node.error)

    @property
    def places(self) -> dict[str, Node]:
        """The nodes that answer, by address; none of a builder with one node. Of one node's pods it is the first."""
        found: dict[str, Node] = {}
        for node in self.working:
            if node.address:
                found.setdefault(node.address, node)
        return found

    @property
    def platforms(self) -> tuple[Platform, ...]:
        return tuple(dict.fromkeys(p for node in self.working for p in node.platforms))

    @property
    def native(self) -> Platform:
        """The first platform of the first node, its default."""
        declared = self.nodes[0].declared if self.nodes else ()  # known although the node does not answer
        return [*declared, *self.platforms, host_platform()][0]

    @property
    def holds_platforms(self) -> bool:
        """Whether the engine's store is known to hold several platforms; if False, ask it."""
        return any(node.snapshotter for node in self.nodes)

    @property
    def keeps_images(self) -> bool:
        """Whether a plain build ends up in the engine's own image store."""
        return self.driver == "docker"

    @property
    def on_socket(self) -> bool:
        """Whether it belongs to the engine on the docker client's socket, not to another context's."""
        return self.keeps_images and self.name == api.context()

    def sessions_last(self, info: EngineInfo) -> bool:
        """Whether a step with secrets can run for a target after the target that needed it first has ended.

        BuildKit 0.13, also in Docker 26.1, may fail with `no active sessions` then.
        """
        if self.keeps_images:  # its version of BuildKit is not reliable
            return _release(info.engine) >= (27,)
        return all(_release(node.buildkit) >= (0, 14) for node in self.nodes)


class EngineInfo(Struct, frozen=True, kw_only=True):
    """What `docker info` reports about client and engine; "" if unknown."""

    engine: str = ""  # version
    buildx: str = ""  # version
    plugin: str = ""  # path of the buildx plugin
    store: str = ""  # the image store's driver type
    identity: str = ""  # the engine's id, made when it starts with an empty folder

    @property
    def holds_platforms(self) -> bool:
        """Whether the image store can hold several platforms, as the containerd store can."""
        return "io.containerd.snapshotter" in self.store


def host_platform() -> Platform:
    machine = os.uname().machine
    return Platform.parse(f"linux/{machine if machine != 'armv7l' else 'arm'}")


# ---- reading answers


def _release(version: str) -> tuple[int, ...]:
    """Return (major, minor) of v0.13.1+ds1; for an unknown version, those of a future release."""
    found = tuple(map(int, re.findall(r"\d+", version)[:2]))
    return found if any(found) else (sys.maxsize,)


def parse_info(text: str) -> EngineInfo:
    """Parse `docker info --format json`. Raises ValueError for anything else."""
    try:
        answer = json.loads(text)
        plugins = (answer.get("ClientInfo") or {}).get("Plugins") or []
        buildx: dict[str, Any] = next((p for p in plugins if p.get("Name") == "buildx"), {})
        return replace(engine_info(answer), buildx=str(buildx.get("Version", "")), plugin=str(buildx.get("Path", "")))
    except (AttributeError, TypeError, LookupError, RecursionError):
        raise ValueError("it is not what docker says of an engine") from None


def engine_info(answer: Mapping[str, Any]) -> EngineInfo:
    """Return what GET /info reports, which is most of `docker info`."""
    return EngineInfo(
        engine=str(answer.get("ServerVersion") or ""),
        store=json.dumps(answer.get("DriverStatus") or []),
        identity=str(answer.get("ID") or ""),
    )


def parse_inspect(text: str) -> Builder:
    """Parse the text of `docker buildx inspect`, which has no JSON form."""
    top, _, rest = text.partition("Nodes:")
    head = _fields(top)
    nodes = []
    for part in re.split(r"(?m)^(?=Name:)", rest):
        fields = _fields(part)
        if "Name" in fields:
            listed = fields.get("Platforms", "")
            nodes.append(
                Node(
                    name=fields["Name"],
                    endpoint=fields.get("Endpoint", ""),
                    status=fields.get("Status", ""),
                    buildkit=fields.get("BuildKit version", fields.get("Buildkit", "")),
                    error=fields.get("Error", ""),
                    snapshotter=fields.get("org.mobyproject.buildkit.worker.snapshotter", ""),
                    platforms=_platforms(listed),
                    declared=_platforms(", ".join(re.findall(r"[^\s,]+(?=\*)", listed))),
                    rules=parse_rules(part),
                )
            )
    return Builder(
        name=head.get("Name", ""), driver=head.get("Driver", ""), error=head.get("Error", ""), nodes=tuple(nodes)
    )


def _fields(text: str) -> dict[str, str]:
    return {m[1]: m[2].strip() for m in re.finditer(r"(?m)^ ?([A-Za-z][A-Za-z. ]*?):[ \t]*(.*)$", text)}


def _platforms(listed: str) -> tuple[Platform, ...]:
    found = []
    for word in re.split(r",\s*", listed.replace("*", "")):
        try:
            found.append(Platform.parse(word))
        except GobakeError:
            continue  # windows, wasm, and variants that Go does not build for
    return tuple(dict.fromkeys(found))
