"""The engine's own builder as remembered from the last run.

`docker buildx inspect` and `docker info` together cost 0.3 s of CPU time, and return the same each time. The answers
are used for an hour, and only if everything that could change them is the same: the environment, the files of the
docker client and buildx, both programs, the engine itself (queried over its socket in milliseconds), and the kernel's
emulators. Builders of other drivers are always queried.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from gobake import memo
from gobake.engine import api

_KIND = "builder"
_TRUSTED_SECONDS = 3600
_OF_THE_ENGINE = ("ID", "Name", "ServerVersion", "KernelVersion", "Architecture", "DockerRootDir", "DriverStatus")


class Known(Struct, frozen=True, kw_only=True):
    """Answers that need no query."""

    inspect: str  # output of `docker buildx inspect`
    buildx: str  # the plugin's version
    plugin: str  # path of the buildx plugin if it can be started without the docker command, else ""
    info: dict[str, Any]  # the engine's current information


class _Remembered(Struct, frozen=True, kw_only=True):
    asked: float  # when, in seconds since 1970
    inspect: str
    buildx: str
    plugin: str
    files: list[Any]  # see _stamps()
    engine: list[Any]  # see _identity()


def recall(name: str) -> Known | None:
    """Return the builder of that name ("" for the current one), if it is certainly unchanged."""
    try:
        found = msgspec.convert(memo.recall(_KIND, _key(name), _client()), _Remembered)
    except msgspec.ValidationError:
        return None
    if not 0 <= time.time() - found.asked < _TRUSTED_SECONDS or found.files != _stamps(found.plugin):
        return None
    info = api.get("/info")
    if info is None or found.engine != _identity(info):
        return None
    plugin = found.plugin if _bare_docker() else ""
    return Known(inspect=found.inspect, buildx=found.buildx, plugin=plugin, info=info)


_plugins: dict[str, str] = {}


def plugin(name: str = "") -> str:
    """Return the path of the buildx plugin if it is known and can be started without the docker command, else "".

    The docker command queries every plugin before it starts one, which takes longer than many queries.
    """
    if not _plugins.get(name):
        found = recall(name)
        _plugins[name] = found.plugin if found else ""
    return _plugins[name]


def learn_plugin(name: str, path: str) -> None:
    """Use the plugin at ``path`` for a builder of the docker driver, in this process."""
    if path and _bare_docker():
        _plugins[name] = path


def remember(name: str, inspect: str, buildx: str, plugin: str) -> None:
    """Remember the answers for the next run; ``inspect`` must be of a builder of the docker driver."""
    info = api.get("/info")
    if info is None or not plugin:
        return
    value = _Remembered(
        asked=time.time(),
        inspect=inspect,
        buildx=buildx,
        plugin=plugin,
        files=_stamps(plugin),
        engine=_identity(info),
    )
    memo.remember(_KIND, _key(name), _client(), msgspec.to_builtins(value))


def forget(name: str) -> None:
    memo.forget(_KIND, _key(name))


def _key(name: str) -> object:
    return name, api.socket_path()


def _client() -> object:
    """Return the environment that the docker client and buildx read."""
    names = sorted(n for n in os.environ if n.startswith(("DOCKER_", "BUILDX_", "BUILDKIT_")))
    return [(n, os.environ[n]) for n in names], os.environ.get("PATH"), os.environ.get("HOME")


def _identity(info: dict[str, Any]) -> list[Any]:
    return [info.get(field) for field in _OF_THE_ENGINE]


def _stamps(plugin: str) -> list[Any]:
    """Return the state of all files that decide which builder is used, what runs it, and what it can run."""
    config = api.config_folder()
    buildx = Path(os.environ.get("BUILDX_CONFIG") or config / "buildx")
    programs = [Path(shutil.which("docker") or ""), Path(plugin)]
    texts = [config / "config.json", buildx / "current"]  # buildx rewrites the latter on every run
    folders = [
        buildx / "instances",
        buildx / "defaults",
        config / "contexts" / "meta",
        Path("/proc/sys/fs/binfmt_misc"),
    ]
    return [*map(_stamp, programs), *map(_digest, texts), *map(_names, folders)]


def _stamp(file: Path) -> Any:
    try:
        state = file.stat()
    except OSError:
        return None
    return [str(file), state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino]


def _digest(file: Path) -> Any:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return None


def _names(folder: Path) -> Any:
    try:
        return [[entry.name, 0 if entry.is_dir() else entry.stat().st_mtime_ns] for entry in sorted(folder.iterdir())]
    except OSError:
        return None


def _bare_docker() -> bool:
    """Whether `docker` is Docker's own program; a wrapper may set what the plugin alone would not get."""
    docker = os.path.realpath(shutil.which("docker") or "")
    try:
        with Path(docker).open("rb") as program:
            return Path(docker).name == "docker" and program.read(2) != b"#!"
    except OSError:
        return False
