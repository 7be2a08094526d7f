"""Running `docker buildx bake` through python-on-whales, and stopping it."""

from __future__ import annotations

import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gobake.engine.asking import docker_command, refusal
from gobake.errors import BuildFailed, NoEngine

STOP_SECONDS = 4.0  # after Ctrl-C, how long buildx may take to cancel in the engine before it is killed


@dataclass(frozen=True, kw_only=True)
class BakeCall:
    """One `docker buildx bake`."""

    files: tuple[Path, ...]
    targets: tuple[str, ...]
    builder: str = ""
    no_cache: bool = False
    metadata_file: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)  # environment that is never printed

    def shown(self) -> str:
        """The command as a user can paste it; secrets are left out."""
        words = [*(f"{k}={shlex.quote(v)}" for k, v in sorted(self.variables.items())), "docker", "buildx", "bake"]
        if self.no_cache:
            words.append("--no-cache")
        if self.builder:
            words += ["--builder", self.builder]
        words += ["--progress", "rawjson"]
        for file in self.files:
            words += ["--file", shlex.quote(str(file))]
        return " ".join([*words, *self.targets])


def build_folder(dockerfile: Path, context: Path, into: Path, builder: str = "") -> None:
    """Build a Dockerfile whose result is a folder of files. Raises BuildFailed with what buildx said last."""
    command = [
        docker_command(),
        "buildx",
        "build",
        *(["--builder", builder] if builder else []),
        "--progress",
        "plain",
        "--provenance=false",
        "--file",
        str(dockerfile),
        "--output",
        f"type=local,dest={into}",
        str(context),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        error = refusal(done.stderr, ("buildx", "build"))
        if isinstance(error, NoEngine) and "failed:" not in error.what:
            raise error
        last = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise BuildFailed(last[-1].removeprefix("ERROR: ") if last else error.what)


class Bake:
    """A running `docker buildx bake`: iterate over it for the lines of its output; `stop` cancels it in the engine."""

    def __init__(self, call: BakeCall) -> None:
        self.call = call
        self.failed = False
        self.exit_code = 0
        self._stopping = threading.Event()

    def __iter__(self) -> Iterator[str]:
        from python_on_whales import docker  # here, because its import costs 0.15 s
        from python_on_whales.exceptions import DockerException

        call = self.call
        progress: Any = "rawjson"  # its type hints lag behind buildx
        # recipes lie in the user's cache folder, outside of bake's working folder
        variables = {**call.variables, **call.secrets, "BUILDX_BAKE_ENTITLEMENTS_FS": "0"}
        lines = docker.buildx.bake(
            list(call.targets),
            builder=call.builder or None,
            files=list(call.files),
            cache=not call.no_cache,
            progress=progress,
            variables=variables,
            metadata_file=call.metadata_file,
            stream_logs=True,
        )
        try:
            yield from one_a_line(lines)
        except DockerException as error:
            self.failed = True
            self.exit_code = error.return_code

    def stop(self) -> None:
        """Cancel the build in the engine: interrupt buildx, and kill it where it does not end in time."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        for child in _children():
            _signal(child, signal.SIGINT)
        threading.Thread(target=self._kill_late, daemon=True).start()

    def kill(self) -> None:
        """End buildx without waiting for anything."""
        for child in _children():
            _signal(child, signal.SIGKILL)

    def _kill_late(self) -> None:
        time.sleep(STOP_SECONDS)
        self.kill()


def _children() -> list[Any]:
    import psutil

    return list(psutil.Process().children(recursive=True))


def _signal(process: Any, number: int) -> None:
    import psutil

    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def one_a_line(lines: Iterable[str]) -> Iterator[str]:
    """Events as newer buildx writes them: buildx 0.13 indents every object over many lines."""
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


def warm_up() -> None:
    """Import what a build needs, while something else is waited for."""
    import python_on_whales  # noqa: F401
