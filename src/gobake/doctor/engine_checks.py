"""What docker, buildx, the engine and the builder tell of themselves, judged. Pure."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from gobake.doctor.findings import Finding, Fix, fine, note, problem, unknown
from gobake.engine import Builder, CacheMount, EngineInfo, Node, node_for
from gobake.engine.gc_limits import collection_warning, largest_need
from gobake.model import Platform, Target

_GC = "https://docs.docker.com/build/cache/garbage-collection/"
_BINFMT = "run `docker run --privileged --rm tonistiigi/binfmt --install all`, or add a node of that architecture"
_OLDEST_BUILDX = (0, 13)
_SKEW_SECONDS = 30.0  # certificates and the dates of files bear that much
_ROOMY = 2  # times the size of the mounts that a builder should be able to keep
_OLD_SECONDS = 30 * 24 * 3600.0


class _Known(Struct, frozen=True, kw_only=True):
    """A version that is known for something, from the tests of gobake or the release notes of the program."""

    program: str  # engine, buildx, buildkit
    affected: Callable[[tuple[int, ...]], bool]
    text: str
    remedy: str


_KNOWN = (
    _Known(
        program="engine",
        affected=lambda version: version < (23,),
        text="it has no BuildKit by default, and gobake was never tried with it",
        remedy="install Docker 26 or newer",
    ),
    _Known(
        program="engine",
        affected=lambda version: (23,) <= version < (27,),
        text="secrets and logins may be refused with `no active sessions` if several services need them",
        remedy="gobake builds such services one after the other; Docker 27 needs no such care",
    ),
    _Known(
        program="buildkit",
        affected=lambda version: version < (0, 14),
        text="secrets and logins may be refused with `no active sessions` if several services need them",
        remedy="gobake builds such services one after the other; BuildKit 0.14 needs no such care",
    ),
)


def numbers(version: str) -> tuple[int, ...]:
    """Return (major, minor) of v0.29.1+ds1; () if unknown."""
    found = tuple(map(int, re.findall(r"\d+", version.partition("+")[0])[:2]))
    return found if any(found) else ()


def of_versions(builder: Builder, info: EngineInfo) -> Iterator[Finding]:
    """Judge the versions of engine, buildx and the builder's nodes."""
    if builder.keeps_images or info.engine:
        yield from _version("engine", info.engine, "engine")
    if not info.buildx:
        yield unknown("buildx", "its version is unknown")
    elif numbers(info.buildx) < _OLDEST_BUILDX:
        yield problem("buildx", f"{info.buildx} is too old", "install buildx 0.13 or newer")
    else:
        yield fine("buildx", info.buildx)
    if not builder.keeps_images:
        for node in builder.working:
            yield from _version(f"node {node.name}", node.buildkit, "buildkit")
        yield from _differing(builder.working)


def _differing(nodes: Sequence[Node]) -> Iterator[Finding]:
    """Note nodes of different versions: each packs layers in its way, and what one writes an older one may not read."""
    versions = {numbers(node.buildkit) for node in nodes if numbers(node.buildkit)}
    if len(versions) > 1:
        named = ", ".join(f"{node.name} {node.buildkit}" for node in nodes if node.buildkit)
        yield note("nodes", f"of different versions: {named}", "with one version, images of all nodes are packed alike")


def _version(topic: str, version: str, program: str) -> Iterator[Finding]:
    if not version:
        yield unknown(topic, "its version is unknown")
        return
    known = [one for one in _KNOWN if one.program == program and numbers(version) and one.affected(numbers(version))]
    if not known:
        yield fine(topic, version)
    for one in known:
        yield note(topic, f"{version}: {one.text}", one.remedy)


def of_builder(builder: Builder, info: EngineInfo) -> Iterator[Finding]:
    """Judge the builder's nodes, and whether several platforms can be kept."""
    broken = [node for node in builder.nodes if node.error]
    for node in broken:
        yield problem("builder", f"node {node.name} of {builder.name}: {node.error}", "`docker buildx ls` shows it")
    asleep = [node.name for node in builder.nodes if not node.error and node.status not in ("running", "")]
    if asleep:
        yield note("builder", f"{', '.join(asleep)} not running: the next build starts it", fix=Fix.START_NODES)
    working = [node for node in builder.nodes if not node.error]
    if working:
        yield fine("builder", f"{builder.name} ({builder.driver}), {_nodes(working)}")
    if not builder.keeps_images:
        yield fine("image store", f"not needed: {builder.driver} builds push, or `--load` one platform")
    elif builder.holds_platforms or info.holds_platforms:
        yield fine("image store", "containerd: it holds several platforms of an image")
    else:
        yield note(
            "image store",
            "the classic one: it holds one platform of an image",
            'set {"features": {"containerd-snapshotter": true}} in daemon.json and restart Docker, or push',
        )


def _nodes(nodes: Sequence[Node]) -> str:
    return "1 node" if len(nodes) == 1 else f"{len(nodes)} nodes"


def of_platforms(builder: Builder, targets: Iterable[Target], machine: Platform) -> Iterator[Finding]:
    """Judge whether the targets' platforms can be built: natively, by cross-compilation, or emulated."""
    able = set(builder.platforms)
    wanted: dict[Platform, list[Target]] = {}
    for target in targets:
        for platform in target.platforms:
            wanted.setdefault(platform, []).append(target)
    for platform in sorted(wanted):
        running = sorted({target.name for target in wanted[platform] if target.runs_on_target})
        if not running:
            yield fine("platforms", f"{platform}: cross-compiled; nothing of it runs in a build")
        elif platform not in able:
            names = ", ".join(running[:3]) + (" ..." if len(running) > 3 else "")
            yield problem("platforms", f"{platform}: {names} run programs of it, and the builder cannot", _BINFMT)
        elif builder.places:
            yield _of_node(platform, node_for(platform, tuple(builder.places.values())))
        elif platform.arch == machine.arch or len(builder.nodes) > 1:
            yield fine("platforms", f"{platform}: native")
        else:
            yield note("platforms", f"{platform}: emulated, which is slow", "a node of that architecture is faster")


def _of_node(platform: Platform, node: Node) -> Finding:
    if node.machine and node.machine.arch == platform.arch:
        return fine("platforms", f"{platform}: native on {node.name}")
    return note(
        "platforms", f"{platform}: emulated on {node.name}, which is slow", "a node of that architecture is faster"
    )


def of_collection(builder: Builder, own: Sequence[CacheMount]) -> Iterator[Finding]:
    """Judge garbage collection limits, and mounts that nobody uses. ``own``: the project's."""
    rules, size = [rule for node in builder.nodes for rule in node.rules], largest_need(own)
    if not rules:
        yield unknown("garbage collection", "the builder does not report its rules")
    elif size and (warning := collection_warning(builder, size)):
        yield problem("garbage collection", warning.partition("; ")[0], f"raise the limit: {_GC}")
    elif size and collection_warning(builder, _ROOMY * size):
        limit = min(rule.limit for rule in rules)
        yield note(
            "garbage collection",
            f"it keeps {limit / 1e9:.1f} GB, and this project's mounts have {size / 1e9:.1f} GB: growth will hit it",
            f"raise the limit: {_GC}",
        )
    else:
        yield fine("garbage collection", f"its limits leave room for {size / 1e9:.1f} GB of this project's mounts")
    if old := unused(own):
        amount = sum(mount.size for mount in old) / 1e9
        yield note(
            "mounts",
            f"{len(old)} of this project's cache mounts, with {amount:.1f} GB, were not used for 30 days",
            "`gobake cache prune --older-than 30d` deletes them",
            Fix.PRUNE_OLD,
        )


def unused(mounts: Sequence[CacheMount]) -> list[CacheMount]:
    """Return the mounts that were not used for a month; what is unknown counts as used."""
    return [mount for mount in mounts if (mount.unused_seconds or 0.0) > _OLD_SECONDS]


def of_info(told: Mapping[str, Any], now: float) -> Iterator[Finding]:
    """Judge what `docker info` tells of the engine's clock, proxies and warnings. ``now``: seconds since the epoch."""
    try:
        text = re.sub(r"\.\d+", "", str(told.get("SystemTime", ""))).replace("Z", "+00:00")
        skew = datetime.fromisoformat(text).timestamp() - now
    except ValueError:
        yield unknown("clock", "the engine does not tell its time")
    else:
        if abs(skew) > _SKEW_SECONDS:
            how = "ahead of" if skew > 0 else "behind"
            yield problem(
                "clock",
                f"the engine's clock is {abs(skew):.0f} s {how} this machine's",
                "set both by NTP: certificates and dates of files depend on it",
            )
        else:
            yield fine("clock", "engine and this machine agree")
    for warning in told.get("Warnings") or ():
        yield note("engine", str(warning))


def of_clock(server: str, date: str, now: float | None = None) -> Iterator[Finding]:
    """Judge this machine's clock by the Date header of a server."""
    from email.utils import parsedate_to_datetime

    try:
        skew = (time.time() if now is None else now) - parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError):
        return
    if abs(skew) > _SKEW_SECONDS:
        how = "ahead of" if skew > 0 else "behind"
        yield problem("clock", f"this machine's clock is {abs(skew):.0f} s {how} that of {server}", "set it by NTP")
