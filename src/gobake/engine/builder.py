"""Queries to the docker client about builder and engine, run in parallel before anything is built."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gobake.engine import api, builder_cache
from gobake.engine.gc_rules import CollectRule, parse_rules
from gobake.errors import EngineTooOld, GobakeError, NoBuilder, NoBuildx, NoEngine
from gobake.model import Platform
from gobake.proc import futures
from gobake.proc.command import Late, NotStarted, Running

ASK_SECONDS = 20


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


class Builder(Struct, frozen=True, kw_only=True):
    """The builder, as reported by `docker buildx inspect`."""

    name: str
    driver: str  # docker, docker-container, remote, kubernetes; "" if unknown
    nodes: tuple[Node, ...]
    error: str = ""

    @property
    def platforms(self) -> tuple[Platform, ...]:
        return tuple(dict.fromkeys(p for node in self.nodes for p in node.platforms))

    @property
    def native(self) -> Platform:
        """The first platform of the first node, its default."""
        return self.platforms[0] if self.platforms else host_platform()

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


# ---- asking


def host_platform() -> Platform:
    machine = os.uname().machine
    return Platform.parse(f"linux/{machine if machine != 'armv7l' else 'arm'}")


def docker_command() -> str:
    docker = shutil.which("docker")
    if not docker:
        raise NoEngine(
            "there is no docker command on PATH", remedy="install Docker: https://docs.docker.com/engine/install/"
        )
    return docker


def not_started(program: str, error: NotStarted) -> NoEngine:
    """Return the error for a docker command or plugin that exists but does not start."""
    return NoEngine(
        f"{program} cannot be started: {error.why}", remedy="install Docker: https://docs.docker.com/engine/install/"
    )


def buildx_command() -> list[str]:
    """Return the start of a buildx command: `docker buildx`, or the plugin, which is faster. Raises NoEngine."""
    plugin = builder_cache.plugin()
    if plugin and not os.access(plugin, os.X_OK):
        plugin = ""  # deleted since; docker will report it
    return [plugin] if plugin else [docker_command(), "buildx"]


class _Question:
    """A docker command in the background."""

    def __init__(self, *words: str) -> None:
        """Start it. Raises NoEngine if there is no docker command, or if it does not start."""
        self.words = words
        docker = docker_command()
        try:
            self._running = Running([docker, *words], env=os.environ)
        except NotStarted as error:
            raise not_started(docker, error) from None
        self._said: str | GobakeError | None = None
        self._reading = threading.Lock()

    def answer(self) -> str:
        """Wait for its stdout; thread-safe. Raises NoEngine, NoBuildx or NoBuilder with its message."""
        with self._reading:
            self._said = self._read() if self._said is None else self._said
        if isinstance(self._said, GobakeError):
            raise self._said
        return self._said

    def _read(self) -> str | GobakeError:
        try:
            done = self._running.wait(ASK_SECONDS)
        except Late:
            return NoEngine(
                f"`docker {' '.join(self.words[:2])}` did not answer within {ASK_SECONDS} s",
                remedy="is the Docker Engine running? try `docker info`",
            )
        return refusal(done.err or done.out, self.words) if done.code else done.out

    def drop(self) -> None:
        """Kill it if it still runs, and discard its answer."""
        self._running.drop()


def ask(*words: str) -> str:
    """Run a docker command and return its stdout. Raises NoEngine, NoBuildx or NoBuilder with its message."""
    return _Question(*words).answer()


class BuilderQuery:
    """Queries the builder, and later the engine, while the caller does something else.

    Neither is queried if the last run's answers certainly still hold.
    """

    def __init__(self, builder: str = "") -> None:
        self.name = builder
        self._found = futures.start(self._find)
        self._info: _Question | None = None

    def _find(self) -> tuple[builder_cache.Known | None, _Question | None]:
        """Return what is remembered and confirmed by the engine, or else a running query."""
        found = builder_cache.recall(self.name)
        return (found, None) if found else (None, self._begin_inspect())

    @property
    def _known(self) -> builder_cache.Known | None:
        return self._found.result()[0]

    @property
    def _inspect(self) -> _Question | None:
        return self._found.result()[1]

    def __enter__(self) -> BuilderQuery:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(GobakeError):  # could not even be started, which no longer matters
            if self._inspect:
                self._inspect.drop()
        if self._info:
            self._info.drop()

    @property
    def remembered(self) -> bool:
        """Whether the builder is known from an earlier run."""
        return self._known is not None

    @property
    def plugin(self) -> str:
        """The buildx plugin's path, if an earlier run found it and it works without the docker command; else ""."""
        return self._known.plugin if self._known else ""

    def ask_again(self) -> None:
        """Discard what is remembered, and query the builder again."""
        builder_cache.forget(self.name)
        if self._known:
            asked = self._begin_inspect()
            self._found = futures.start(lambda: (None, asked))

    def builder(self) -> Builder:
        """Return the builder that a build would use. Raises NoEngine, NoBuildx, NoBuilder."""
        if self._known:
            return parse_inspect(self._known.inspect)
        assert self._inspect is not None
        builder = parse_inspect(self._inspect.answer())
        failed = [node.error for node in builder.nodes if node.error] + ([builder.error] if builder.error else [])
        if not failed or len(failed) < len(builder.nodes):
            return builder
        if builder.driver in ("docker", ""):
            raise _no_answer(failed[0])
        raise NoBuilder(
            f"builder {builder.name} does not answer: {failed[0]}", remedy="`docker buildx ls` shows its state"
        )

    def begin_info(self) -> None:
        """Start to query the engine. Returns at once."""
        if not self._known:
            self._info = self._info or _Question("info", "--format", "json")

    def info(self) -> EngineInfo:
        """Return the engine's information; empty if it fails, because a remote builder needs no engine."""
        if self._known:
            return replace(engine_info(self._known.info), buildx=self._known.buildx)
        self.begin_info()
        assert self._info is not None
        try:
            return parse_info(self._info.answer())
        except (GobakeError, ValueError):
            return EngineInfo()

    def learn_plugin(self) -> None:
        """Let other builds and queries of this run start the plugin directly too."""
        if not self._known:
            builder_cache.learn_plugin(self.name, self.info().plugin)

    def forget(self) -> None:
        """Make the next run query again, after a run that failed."""
        builder_cache.forget(self.name)

    def remember(self) -> None:
        """Remember the answers for the next run, after a run that succeeded."""
        if self._inspect and parse_inspect(said := self._inspect.answer()).on_socket:
            info = self.info()
            builder_cache.remember(self.name, said, info.buildx, info.plugin)

    def _begin_inspect(self) -> _Question:
        return _Question("buildx", "inspect", *([self.name] if self.name else []))


def require_image_store(info: EngineInfo) -> None:
    """Check that the engine's store can hold several platforms, as the containerd store can. Raises EngineTooOld."""
    if not info.holds_platforms:
        raise EngineTooOld(
            "this engine's image store cannot hold several platforms",
            remedy='set {"features": {"containerd-snapshotter": true}} in daemon.json and restart Docker, '
            "or build for one platform",
        )


# ---- reading answers


def _release(version: str) -> tuple[int, ...]:
    """Return (major, minor) of v0.13.1+ds1; for an unknown version, those of a future release."""
    found = tuple(map(int, re.findall(r"\d+", version)[:2]))
    return found if any(found) else (sys.maxsize,)


def _no_answer(said: str) -> NoEngine:
    return NoEngine(
        f"no Docker Engine answers: {said}",
        remedy="start Docker, or set DOCKER_HOST or the docker context; `docker info` shows the same",
    )


def refusal(text: str, words: Sequence[str] = ()) -> GobakeError:
    """Return the error for a message of the docker client."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = next((line for line in lines if re.match(r"(?i)error", line)), lines[-1] if lines else "no reason given")
    last = re.sub(r"(?i)^error:\s*", "", last)
    if re.search(
        r"(?i)buildx.*(unknown command|is not a docker command)|unknown command: docker buildx|"
        r"unknown (shorthand )?flag",
        text,
    ):
        return NoBuildx(
            "the docker client has no buildx plugin", remedy="install docker-buildx-plugin, or Debian's docker-buildx"
        )
    if re.search(r"no builder .* found|failed to find (instance|builder)|no such builder", text):
        return NoBuilder(last, remedy="`docker buildx ls` lists the builders")
    if re.search(
        r"(?i)cannot connect|connection refused|no such host|permission denied.*sock|dial unix|failed to connect|"
        r"error during connect|Is the docker daemon running",
        text,
    ):
        return _no_answer(last)
    return NoEngine(f"`docker {' '.join(words[:2])}` failed: {last}", remedy="`docker info` tells more")


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
