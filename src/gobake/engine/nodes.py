"""A builder's nodes: which of them answer, which machine each one is, and which one builds for which platform.

buildx sends a platform to the first node that can run it, and so to an emulator if that node comes first. gobake sends
it to the node that was made for it (`docker buildx create --platform`), else to a native one. It leaves out nodes that
do not answer: buildx would wait 20 seconds for them, and fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from gobake.engine import views
from gobake.engine.answers import Builder, Node, parse_inspect
from gobake.errors import GobakeError
from gobake.model import Platform

# starts to inspect the builder of an address, and returns what waits for the answer
Inspect = Callable[[str], Callable[[], str]]


def addressed(builder: Builder, inspect: Inspect) -> Builder:
    """Return a builder of several nodes with the addresses of its nodes and its own; others unchanged."""
    kept = views.read(builder.name) if len(builder.nodes) > 1 else None
    if kept is None or len(kept.nodes) < 2:
        return builder
    nodes = tuple(replace(node, error=node.error or _silence(builder, node)) for node in builder.nodes)
    try:
        own = {name: views.view(kept, {name: ()}) for name in kept.nodes}
        nodes = _with_machines(nodes, own, inspect)
        working = [node for node in nodes if not node.error]
        meant = meant_for(working)
        chosen = {
            name: [p for node in working if node.address == address for p in meant[node.name]]
            for name, address in own.items()
            if any(node.address == address for node in working)
        }
        return replace(builder, nodes=nodes, address=views.view(kept, chosen) if chosen else "")
    except OSError:  # no room for the views
        return replace(builder, nodes=tuple(replace(node, address="") for node in nodes))


def _silence(builder: Builder, node: Node) -> str:
    """Why a node is of no use; buildx starts a container that does not run, but not what is remote."""
    return "it does not answer" if builder.driver == "remote" and node.status == "inactive" else ""


def _with_machines(nodes: Sequence[Node], own: Mapping[str, str], inspect: Inspect) -> tuple[Node, ...]:
    """Return the nodes with their addresses and machines. ``own``: the addresses of the nodes that buildx keeps.

    The machine's platform is the first that its BuildKit reports. What a builder reports begins with the platforms that
    the node is meant for, but a view of one node has none of these. Pods have other names than the node they belong to.
    """
    if all(node.name in own and not node.declared for node in nodes):
        return tuple(replace(node, address=own[node.name], machine=next(iter(node.platforms), None)) for node in nodes)
    silent = {node.name for node in nodes if node.error}
    asked = {name: inspect(address) for name, address in own.items() if name not in silent}
    found: dict[str, tuple[str, Platform | None]] = {}
    for name, answer in asked.items():
        try:
            reported = parse_inspect(answer()).nodes
        except GobakeError:
            continue
        found |= {node.name: (own[name], next(iter(node.platforms), None)) for node in reported}
    placed = []
    for node in nodes:
        address, machine = found.get(node.name, (own.get(node.name, ""), None))
        placed.append(replace(node, address=address, machine=machine))
    return tuple(placed)


def meant_for(nodes: Sequence[Node]) -> dict[str, tuple[Platform, ...]]:
    """Return the platforms that each node builds for, of all that any of them can run.

    While a node has not started, nobody knows what it can run; then only what the nodes were made for.
    """
    if not all(node.platforms for node in nodes):
        return {node.name: node.declared for node in nodes}
    every = dict.fromkeys(platform for node in nodes for platform in (*node.declared, *node.platforms))
    chosen = [(node_for(platform, nodes).name, platform) for platform in every]
    return {node.name: tuple(p for name, p in chosen if name == node.name) for node in nodes}


def node_for(platform: Platform, nodes: Sequence[Node]) -> Node:
    """Return the node that builds for a platform; the first if none can run it, and it is only compiled for."""
    made = [node for node in nodes if platform in node.declared]
    native = [node for node in nodes if node.machine and node.machine.arch == platform.arch]
    able = [node for node in nodes if platform in node.platforms]
    return [*made, *native, *able, *nodes][0]
