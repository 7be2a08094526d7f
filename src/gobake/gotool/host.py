"""The go command of this host: whether there is one, its version, and its settings of where modules come from."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from gobake import memo
from gobake.gotool.modules import Layout, version_key
from gobake.proc import command
from gobake.proc.command import CommandError

# Go's own settings that decide from where modules come; they reach the compile as a BuildKit secret, never as a layer.
MODULE_SETTINGS = ("GOPROXY", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOSUMDB", "GOINSECURE", "GOVCS", "GOAUTH")
_PLACES = ("GOPATH", "GOMODCACHE", "GOCACHE")
_KIND = "go-version"
_SECONDS = 120.0  # a go command that a setting makes fetch another Go first takes its time


def host_go(layout: Layout) -> str | None:
    """Path of a Go on this host that is new enough for the project, or None."""
    go = shutil.which("go")
    have = version(go) if go else ""
    return go if have and version_key(have) >= version_key(layout.go_requirement) else None


@cache
def version(go: str) -> str:
    """What a go command says that it is, such as go1.26.1; "" where it does not run. A program says what it said
    before; a script may start another Go today."""
    evidence = (*_state(go), os.environ.get("GOROOT")) if _is_program(go) else ()
    known = memo.recall(_KIND, go, evidence) if evidence else None
    said = known if isinstance(known, str) else _version(go)
    if evidence and said != known:
        memo.remember(_KIND, go, evidence, said)
    return said


def _is_program(go: str) -> bool:
    try:
        with open(go, "rb") as file:  # noqa: PTH123
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


def _state(file: str) -> tuple[object, ...]:
    path = os.path.realpath(file)
    found = os.stat(path)  # noqa: PTH116
    return path, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _version(go: str) -> str:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    try:
        done = command.run([go, "env", "GOVERSION"], env=environment, cwd=Path("/"), seconds=_SECONDS)
    except CommandError:
        return ""
    return done.out.strip() if done.code == 0 else ""


def module_settings() -> str:
    """The host's own module settings in the format of a GOENV file.

    Any Go of the host tells them, also one too old for the project. Where none does, they are read as Go reads them
    (cmd/go/internal/cfg): go.env in its folder, GOENV's file, the environment.
    """
    go = shutil.which("go")
    values = (_told(go) if go else {}) or (
        (_file_settings(_distributed(go)) if go else {})
        | _file_settings(settings_file())
        | {k: v for k in MODULE_SETTINGS if (v := os.environ.get(k))}
    )
    if values.get("GOAUTH") != "off":
        values.pop("GOAUTH", None)  # `git DIR` and commands are of this machine; what is left is Go's default, netrc
    return "".join(f"{key}={values[key]}\n" for key in MODULE_SETTINGS if values.get(key))


def own_settings(go: str) -> dict[str, str]:
    """Where this machine's Go keeps files and gets modules from, `go env -w` included: an environment for itself."""
    return {name: value for name, value in _told(go, (*_PLACES, *MODULE_SETTINGS)).items() if value}


def _told(go: str, names: Sequence[str] = MODULE_SETTINGS) -> dict[str, str]:
    """What a go command says; nothing where it does not run."""
    try:
        done = command.run([go, "env", "-json", *names], env=os.environ, cwd=Path("/"), seconds=_SECONDS)
        return dict(json.loads(done.out)) if done.code == 0 else {}
    except (ValueError, CommandError):
        return {}


def _distributed(go: str) -> str:
    """GOROOT/go.env, which who made the distribution may have changed."""
    root = os.environ.get("GOROOT") or os.path.dirname(os.path.dirname(os.path.realpath(go)))  # noqa: PTH120
    return f"{root}/go.env"


def settings_file() -> str:
    """Where `go env -w` writes; "" for nowhere."""
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 (Path raises homeless)
    name = os.environ.get("GOENV") or f"{config}/go/env"
    return "" if name == "off" else name


def _file_settings(name: str) -> dict[str, str]:
    """KEY=VALUE a line; nothing where there is no file."""
    try:
        lines = Path(name).read_text(encoding="utf-8", errors="replace").splitlines() if name else []
    except OSError:
        return {}
    pairs = (line.strip().split("=", 1) for line in lines if "=" in line)
    return {key: value for key, value in pairs if key in MODULE_SETTINGS}
