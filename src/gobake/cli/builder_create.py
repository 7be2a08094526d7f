"""`gobake builder create`: a builder whose nodes keep Go's caches."""

from __future__ import annotations

import re
import shlex
import sys
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from msgspec.structs import replace

from gobake.cli.options import given_as
from gobake.cli.param_types import NodeGiven, Size
from gobake.errors import ExitCode, GobakeError, UsageError
from gobake.model import Platform
from gobake.text.say import say, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gobake.engine.new_builder import NewBuilder, Registry

_DRIVERS = ("docker-container", "remote", "kubernetes")
_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,62}", re.ASCII)
_QUANTITY = re.compile(r"[1-9][0-9]{0,8}(Mi|Gi|Ti|M|G|T)")
_UNITS = {"M": 10**6, "G": 10**9, "T": 10**12, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_KEEP = 50 * 10**9  # bytes
_OF_STORAGE = 0.8  # what a node keeps of its volume; the rest is room for a build
_VOLUMES_SINCE = (0, 34)  # buildx


class CreateGiven(Struct, frozen=True, kw_only=True):
    """What `gobake builder create` is given."""

    name: str
    driver: str
    nodes: tuple[tuple[tuple[Platform, ...], str], ...]
    keep: int | None
    host_network: bool
    storage: str
    replicas: int
    namespace: str
    use: bool
    force: bool
    dry_run: bool
    quiet: bool


@click.command("create")
@click.argument("name", default="gobake")
@click.option(
    "--driver",
    type=click.Choice(_DRIVERS),
    default="docker-container",
    show_default=True,
    help="Who runs BuildKit: Docker in a container, somebody else at an endpoint, or Kubernetes.",
)
@click.option(
    "--node",
    "nodes",
    type=NodeGiven(),
    multiple=True,
    help="A node, with the platforms that it is meant for; may be repeated. Default: one, without a limit.",
)
@click.option(
    "--keep",
    type=Size(),
    help="What each node keeps before it deletes what was unused for longest. [default: 50GB, or five times the cache "
    "mounts on the current builder; of a persistent volume 80 %]",
)
@click.option(
    "--host-network",
    is_flag=True,
    help="docker-container: let it reach registries on this machine's loopback address; set if a mirror is there.",
)
@click.option(
    "--storage", default="", metavar="SIZE", help="kubernetes: a persistent volume for each pod, such as 50Gi."
)
@click.option("--replicas", type=click.IntRange(1, 1000), default=1, metavar="N", help="kubernetes: pods of each node.")
@click.option("--namespace", default="", help="kubernetes: where the pods are; default: as kubectl.")
@click.option("--use", is_flag=True, help="Make it the current builder.")
@click.option("--force", is_flag=True, help="Replace a builder of that name without asking; its caches are lost.")
@click.option("--dry-run", is_flag=True, help="Print the commands and the settings, and do nothing.")
@click.option("-q", "--quiet", is_flag=True, help="Print only errors.")
@given_as(CreateGiven)
def create_command(given: CreateGiven) -> int:
    """Create a builder with `docker buildx create`, and settings that let it keep Go's caches.

    By default, BuildKit deletes cache mounts of half a gigabyte that were unused for two days. This builder keeps them
    like layers, up to one limit, and has the mirrors of this machine's engine.
    """
    from gobake.engine.new_builder import SETTINGS_FILE, commands, settings_text

    registries = _registries() if given.driver != "remote" else ()
    new = _checked(given, registries)
    text = settings_text(new, registries) if new.has_settings else ""
    if given.dry_run:
        for words in commands(new, SETTINGS_FILE):
            show(shlex.join(["docker", *words]))
        if text:
            show(f"\n# {SETTINGS_FILE}\n{text}".rstrip())
        return ExitCode.DONE
    if new.storage:
        _require_volumes()
    there = _existing(new.name)
    if there and not (given.force or _confirmed(new.name, there)):
        say("nothing was changed")
        return ExitCode.DONE
    _create(new, text, replaces=bool(there))
    if not given.quiet:
        count = f"{len(new.nodes)} node" + ("s" if len(new.nodes) > 1 else "")
        say(f"created builder {new.name} with {count}; build with it: gobake build --builder {new.name}")
    return ExitCode.DONE


def _create(new: NewBuilder, settings: str, *, replaces: bool) -> None:
    """Run buildx. Raises NoEngine or NoBuilder; then no half of a builder stays."""
    from gobake.engine.create import create
    from gobake.engine.new_builder import SETTINGS_FILE, commands
    from gobake.paths import scratch_folder

    with scratch_folder() as folder:
        file = folder / SETTINGS_FILE
        file.write_text(settings, encoding="utf-8")
        create(new.name, commands(new, str(file)), replaces=replaces)


# ---- what was given


def _checked(given: CreateGiven, registries: Sequence[Registry]) -> NewBuilder:
    """Return the builder to create. Raises UsageError."""
    from gobake.engine.new_builder import NewBuilder, NewNode

    if not _NAME.fullmatch(given.name) or given.name == "default":
        raise UsageError(f"invalid builder name {given.name!r}", remedy="write small letters, digits, - and _")
    _require_fitting(given)
    nodes = tuple(NewNode(platforms=platforms, endpoint=endpoint) for platforms, endpoint in given.nodes)
    new = NewBuilder(
        name=given.name,
        driver=given.driver,
        nodes=nodes or (NewNode(),),
        keep=given.keep or _keep(given.storage),
        use=given.use,
        host_network=given.host_network,
        storage=given.storage,
        replicas=given.replicas,
        namespace=given.namespace,
    )
    near = new.is_here and any(registry.on_loopback for registry in registries)
    return replace(new, host_network=True) if near else new


def _require_fitting(given: CreateGiven) -> None:
    """Raise UsageError for options of another driver, and for nodes that the driver does not take."""
    kubernetes = given.driver == "kubernetes"
    own = {"--storage": given.storage, "--namespace": given.namespace, "--replicas": given.replicas > 1}
    if foreign := [name for name, value in own.items() if value and not kubernetes]:
        raise UsageError(f"{foreign[0]} is for --driver kubernetes, not {given.driver}")
    if given.host_network and given.driver != "docker-container":
        raise UsageError(f"--host-network is for --driver docker-container, not {given.driver}")
    if given.keep and given.driver == "remote":
        raise UsageError("--keep: a remote BuildKit has settings of its own", remedy="set its limits in buildkitd.toml")
    endpoints = [endpoint for _, endpoint in given.nodes if endpoint]
    if given.driver == "remote" and (not given.nodes or len(endpoints) < len(given.nodes)):
        raise UsageError("--driver remote needs the endpoint of every node", remedy="--node tcp://HOST:1234")
    if kubernetes and endpoints:
        raise UsageError(
            f"--node {endpoints[0]}: kubernetes has no endpoints", remedy="name platforms: --node linux/arm64"
        )
    if given.storage and not _QUANTITY.fullmatch(given.storage):
        raise UsageError(f"--storage: invalid size {given.storage!r}", remedy="write 50Gi")
    if given.namespace and not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", given.namespace, re.ASCII):
        raise UsageError(f"invalid namespace {given.namespace!r}")


def _require_volumes() -> None:
    """Raise UsageError if this buildx has no persistent volumes."""
    from gobake.engine.create import buildx_version

    version = buildx_version()
    if version and version < _VOLUMES_SINCE:
        raise UsageError(
            f"--storage: persistent volumes need buildx 0.34, and this is {'.'.join(map(str, version))}",
            remedy="install a newer buildx, or leave --storage out: then seeds bring back what a pod loses",
        )


def _keep(storage: str) -> int:
    """Return how much a node keeps if nobody says."""
    if storage:
        match = re.fullmatch(r"(\d+)(\w+)", storage)
        assert match
        return round(int(match[1]) * _UNITS[match[2]] * _OF_STORAGE)
    return max(_KEEP, 5 * _mounted())


def _mounted() -> int:
    """Return the bytes of all projects' cache mounts on the current builder's fullest node; 0 if unknown."""
    from gobake.caching.kept.prune import mount_owner
    from gobake.engine import BuilderQuery, builder_mounts
    from gobake.engine.gc_limits import largest_need

    try:
        with BuilderQuery() as query:
            mounts = builder_mounts(query.builder())
    except GobakeError:
        return 0
    return largest_need(mount for mount in mounts if mount_owner(mount.id))


# ---- what is there


def _registries() -> tuple[Registry, ...]:
    from gobake.engine.create import docker_info
    from gobake.engine.new_builder import registries_of

    return registries_of(docker_info())


def _existing(name: str) -> int:
    """Return how many nodes the builder of that name has; 0 if there is none."""
    from gobake.engine import views

    kept = views.read(name)
    return len(kept.nodes) if kept else 0


def _confirmed(name: str, nodes: int) -> bool:
    count = f"{nodes} node" + ("s" if nodes > 1 else "")
    if not sys.stdin.isatty():
        raise UsageError(
            f"builder {name} exists, with {count}", remedy="choose another name, or replace it with --force"
        )
    return click.confirm(f"builder {name} exists, with {count}; replace it, and lose its caches?")
