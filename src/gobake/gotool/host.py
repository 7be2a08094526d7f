"""The go command of this host: where it is, its version, and its module settings."""

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

# Go's settings for where modules come from. The compile gets them as a BuildKit secret, never in a layer.
MODULE_SETTINGS = ("GOPROXY", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOSUMDB", "GOINSECURE", "GOVCS", "GOAUTH")
_PLACES = ("GOPATH", "GOMODCACHE", "GOCACHE")
_KIND = "go-version"
_SECONDS = 120.0  # a go command that a setting makes fetch another Go first takes its time


def host_go(layout: Layout) -> str | None:
    """Return the path of this host's go if it is new enough for the project, else None."""
    go = shutil.which("go")
    have = version(go) if go else ""
    return go if have and version_key(have) >= version_key(layout.go_requirement) else None


@cache
def version(go: str) -> str:
    """Return the version of a go command, such as go1.26.1; "" if it does not run.

    The answer of an unchanged program is remembered; a script may start a different Go each time.
    """
    evidence = (*_state(go), os.environ.get("GOROOT")) if _is_program(go) else ()
    known = memo.recall(_KIND, go, evidence) if evidence else None
    answer = known if isinstance(known, str) else _version(go)
    if evidence and answer != known:
        memo.remember(_KIND, go, evidence, answer)
    return answer


def _is_program(go: str) -> bool:
    try:
        with open(go, "rb") as file:  # noqa: PTH123
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


def _state(file: str) -> tuple[object, ...]:
    path = os.path.realpath(file)
    status = os.stat(path)  # noqa: PTH116
    return path, status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _version(go: str) -> str:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    try:
        done = command.run([go, "env", "GOVERSION"], env=environment, cwd=Path("/"), seconds=_SECONDS)
    except CommandError:
        return ""
    return done.out.strip() if done.code == 0 else ""


def module_settings() -> str:
    """Return the host's module settings in the format of a GOENV file.

    They come from any go of the host, even one too old for the project. If none runs, they are read as Go reads them
    (cmd/go/internal/cfg): GOROOT/go.env, the GOENV file, the environment.
    """
    go = shutil.which("go")
    values = (_told(go) if go else {}) or (
        (_file_settings(_distributed(go)) if go else {})
        | _file_settings(settings_file())
        | {k: v for k in MODULE_SETTINGS if (v := os.environ.get(k))}
    )
    if values.get("GOAUTH") != "off":
        values.pop("GOAUTH", None)  # `git DIR` and commands work only on this machine; Go's default is netrc
    return "".join(f"{key}={values[key]}\n" for key in MODULE_SETTINGS if values.get(key))


def own_settings(go: str) -> dict[str, str]:
    """Return this Go's folders and module settings, `go env -w` included, as an environment for itself."""
    return {name: value for name, value in _told(go, (*_PLACES, *MODULE_SETTINGS)).items() if value}


def _told(go: str, names: Sequence[str] = MODULE_SETTINGS) -> dict[str, str]:
    """Return `go env` of these names; empty if it does not run."""
    try:
        done = command.run([go, "env", "-json", *names], env=os.environ, cwd=Path("/"), seconds=_SECONDS)
        return dict(json.loads(done.out)) if done.code == 0 else {}
    except (ValueError, CommandError):
        return {}


def _distributed(go: str) -> str:
    """Return the path of GOROOT/go.env, where distributions set their defaults."""
    root = os.environ.get("GOROOT") or os.path.dirname(os.path.dirname(os.path.realpath(go)))  # noqa: PTH120
    return f"{root}/go.env"


def settings_file() -> str:
    """Return the file that `go env -w` writes; "" for none."""
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 (Path raises homeless)
    name = os.environ.get("GOENV") or f"{config}/go/env"
    return "" if name == "off" else name


def _file_settings(name: str) -> dict[str, str]:
    """Return the module settings in a file of KEY=VALUE lines; empty if it cannot be read."""
    try:
        lines = Path(name).read_text(encoding="utf-8", errors="replace").splitlines() if name else []
    except OSError:
        return {}
    pairs = (line.strip().split("=", 1) for line in lines if "=" in line)
    return {key: value for key, value in pairs if key in MODULE_SETTINGS}
