"""`docker buildx bake`: python-on-whales makes its arguments, the room `proc` runs it."""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from gobake.engine import views
from gobake.engine.bake_words import bake_words
from gobake.engine.builder import docker_command, not_started, refusal
from gobake.engine.triggers import Triggers
from gobake.errors import BaseImageRefused, BuildFailed, NoEngine
from gobake.proc.command import NotStarted
from gobake.proc.groups import Stream

_SETTINGS = {  # for buildx
    "BUILDX_BAKE_ENTITLEMENTS_FS": "0",  # recipes are in the user's cache folder, outside bake's working folder
    "BUILDX_METADATA_PROVENANCE": "disabled",  # otherwise fetched for the metadata file, where nothing reads it
}


class BakeCall(Struct, frozen=True, kw_only=True):
    """One `docker buildx bake`."""

    files: tuple[Path, ...]
    targets: tuple[str, ...]
    builder: str = ""
    no_cache: bool = False
    metadata_file: Path | None = None
    variables: Mapping[str, str] = {}
    secrets: Mapping[str, str] = {}  # environment that is never printed
    plugin: str = ""  # the buildx plugin, if known and usable without the docker command

    @property
    def only(self) -> str:
        """The target if there is only one, else ""; events of several targets name theirs."""
        return self.targets[0] if len(self.targets) == 1 else ""

    @property
    def environment(self) -> dict[str, str]:
        return {**self.variables, **self.secrets, **_SETTINGS, **views.settings(self.builder)}

    def words(self) -> list[str]:
        """Return the arguments after `docker buildx` or the plugin's name."""
        return bake_words(
            files=[str(file) for file in self.files],
            targets=self.targets,
            builder=views.name_of(self.builder),
            no_cache=self.no_cache,
            metadata_file=str(self.metadata_file or ""),
        )

    def shown(self) -> str:
        """Return the command for users to paste, without secrets."""
        plain = replace(self, metadata_file=None).words()
        shown = {**self.variables, **views.settings(self.builder)}
        settings = (f"{k}={shlex.quote(v)}" for k, v in sorted(shown.items()))
        return " ".join([*settings, "docker", "buildx", *map(shlex.quote, plain)])


def build_folder(
    dockerfile: Path,
    context: Path,
    into: Path,
    builder: str = "",
    secrets: Mapping[str, str] = MappingProxyType({}),
    arguments: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Build a Dockerfile whose result is a folder of files.

    ``secrets``: content by the ids under which its steps mount them. Raises BuildFailed with buildx's last message, and
    TransferStalled if it is silent for too long.
    """
    variables = {f"GOBAKE_SECRET_{name.upper()}": text for name, text in secrets.items()}
    words = [
        docker_command(),
        "buildx",
        "build",
        *views.options(builder),
        "--progress",
        "plain",
        "--provenance=false",
        "--file",
        str(dockerfile),
        "--output",
        f"type=local,dest={into}",
        *(f"--secret=id={name},env=GOBAKE_SECRET_{name.upper()}" for name in secrets),
        *(f"--build-arg={name}={value}" for name, value in arguments.items()),
        str(context),
    ]
    from gobake.trace import patience  # most runs remember Go's answers

    try:
        done = patience.run(
            words,
            env={**os.environ, **variables, **views.settings(builder)},
            waits=patience.Waits(says="asking Go in a container: nothing has come from the builder or a registry"),
        )
    except NotStarted as failure:
        raise not_started(words[0], failure) from None
    if done.code:
        last = [line for line in done.err.splitlines() if line.startswith("ERROR")]
        said = last[-1].removeprefix("ERROR: ") if last else ""
        error = refusal(done.err, ("buildx", "build"))
        # a build that began reports errors of registries in the same words as errors of the engine
        if "failed to solve" not in said and isinstance(error, NoEngine) and "failed:" not in error.what:
            raise error
        raise BuildFailed(said or error.what)


_RUNNING: set[Bake] = set()  # begun and not ended
_NO_MORE = threading.Event()


class Bake:
    """A `docker buildx bake`. Iterate over it for the lines of its output; `stop` cancels it in the engine.

    The docker command queries every plugin before it starts one. So if the plugin is known, it is started directly,
    with the same arguments.
    """

    def __init__(self, call: BakeCall) -> None:
        self.call = call
        self.failed = False
        self.exit_code = 0
        self._triggers = Triggers()
        self._stopping = threading.Event()
        self._stream: Stream | None = None

    def begin(self) -> None:
        """Start now instead of when the first line is requested. Raises NoEngine."""
        _RUNNING.add(self)
        if self._stream is None and not self._stopped:
            words = self.call.words()
            if not self._stopped:  # making the arguments takes a moment, in which Ctrl-C may be pressed
                self._stream = self._started(words)
            if self._stream and self._stopped:
                self._stream.stop()

    def _started(self, words: list[str]) -> Stream:
        environment = {**os.environ, **self.call.environment}
        environment.pop("SOURCE_DATE_EPOCH", None)  # buildx would turn it into a build argument; EPOCH has the value
        if self.call.plugin:
            with contextlib.suppress(NotStarted):  # the plugin is gone: let docker report it
                return Stream([self.call.plugin, *words], env=environment)
        docker = docker_command()
        try:
            return Stream([docker, "buildx", *words], env=environment)
        except NotStarted as error:
            raise not_started(docker, error) from None

    def __iter__(self) -> Iterator[str]:
        try:
            self.begin()
            if self._stream is None:
                self.failed = True
                return
            for line in one_a_line(self._stream.lines()):
                if self._triggers.feed(line):
                    self.stop()
                yield line
            self.exit_code = self._stream.exit_code
            self.failed = bool(self.exit_code) or self.refused is not None
        finally:
            _RUNNING.discard(self)

    @property
    def refused(self) -> BaseImageRefused | None:
        """Why this build was stopped, whatever its result."""
        return self._triggers.error

    @property
    def _stopped(self) -> bool:
        return self._stopping.is_set() or _NO_MORE.is_set()

    def stop(self) -> None:
        """Cancel the build in the engine: interrupt buildx, and kill it if it does not end in time."""
        self._stopping.set()
        if self._stream:
            self._stream.stop()

    def kill(self) -> None:
        """Kill buildx at once."""
        if self._stream:
            self._stream.kill()


def stop_all() -> None:
    """Cancel all builds of this process, and prevent new ones."""
    _NO_MORE.set()
    for bake in list(_RUNNING):
        bake.stop()


def ending() -> bool:
    """Whether all builds were stopped, so that slow answers are no longer wanted."""
    return _NO_MORE.is_set()


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    """Stop all builds that still run at the end of the context, because nothing needs their results."""
    try:
        yield
    finally:
        for bake in list(_RUNNING):
            bake.stop()


def kill_all() -> None:
    for bake in list(_RUNNING):
        bake.kill()


def one_a_line(lines: Iterable[str]) -> Iterator[str]:
    """Join the lines of an event, as newer buildx writes it; buildx 0.13 indents each object over many lines."""
    gathered: list[str] = []
    for line in lines:
        text = line.rstrip("\r\n")
        if gathered or text == "{":
            gathered.append(text.strip())
            if text == "}":
                yield "".join(gathered) + "\n"
                gathered = []
        else:
            yield line
    yield from (f"{text}\n" for text in gathered)


def ticking(lines: Iterable[str], seconds: float) -> Iterator[str | None]:
    """Yield lines as they come, and None after each ``seconds`` without one, so that callers can check clocks."""
    came: queue.SimpleQueue[str | BaseException | None] = queue.SimpleQueue()

    def read() -> None:
        try:
            for line in lines:
                came.put(line)
            came.put(None)
        except BaseException as error:  # raised where the lines are read
            came.put(error)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            item = came.get(timeout=seconds)
        except queue.Empty:
            yield None
            continue
        if isinstance(item, BaseException):
            raise item
        if item is None:
            return
        yield item
