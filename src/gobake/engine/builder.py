"""Queries to the docker client about builder and engine, run in parallel before anything is built."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from msgspec.structs import replace

from gobake.engine import builder_cache, views
from gobake.engine.answers import Builder, EngineInfo, engine_info, parse_info, parse_inspect
from gobake.engine.nodes import addressed
from gobake.errors import EngineTooOld, GobakeError, NoBuilder, NoBuildx, NoEngine
from gobake.proc import futures
from gobake.proc.command import Late, NotStarted, Running

ASK_SECONDS = 20


# ---- asking


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

    def __init__(self, *words: str, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        """Start it. ``settings``: further environment. Raises NoEngine if there is no docker command, or if it does not
        start."""
        self.words = words
        docker = docker_command()
        try:
            self._running = Running([docker, *words], env={**os.environ, **settings})
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
        self._builder: Builder | None = None
        self._reading = threading.Lock()

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
        self._builder = None

    def builder(self) -> Builder:
        """Return the builder that a build would use, without waiting again. Raises NoEngine, NoBuildx, NoBuilder."""
        with self._reading:
            self._builder = self._builder or addressed(self._answered(), _begin_inspect)
        if not self._builder.working:
            names = ", ".join(node.name for node in self._builder.nodes)
            raise NoBuilder(
                f"no node of builder {self._builder.name} answers: {names}",
                remedy="`docker buildx ls` shows their state",
            )
        return self._builder

    def _answered(self) -> Builder:
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
        return _inspecting(self.name)


def _inspecting(builder: str) -> _Question:
    named = [views.name_of(builder)] if builder else []
    return _Question("buildx", "inspect", *named, settings=views.settings(builder))


def _begin_inspect(address: str) -> Callable[[], str]:
    return _inspecting(address).answer


def require_image_store(info: EngineInfo) -> None:
    """Check that the engine's store can hold several platforms, as the containerd store can. Raises EngineTooOld."""
    if not info.holds_platforms:
        raise EngineTooOld(
            "this engine's image store cannot hold several platforms",
            remedy='set {"features": {"containerd-snapshotter": true}} in daemon.json and restart Docker, '
            "or build for one platform",
        )


# ---- refusals


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
