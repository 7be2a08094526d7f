"""How the cases make repositories, run what was built and look into it."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.conftest import Ended, Gobake
from tests.engine.conftest import docker

AMD64 = "linux/amd64"
BOTH = "linux/amd64,linux/arm64"
IDENTITY = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")


class Repository(Protocol):
    def __call__(
        self, files: Mapping[str, str], module: str = "example.com/tool", config: str = "", folder: str = "repository"
    ) -> Path: ...


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Write files (path -> text) into a fresh folder, with go.mod and gobake.yaml where they are not among them.

    All repositories of the cases are one project by name, so that the standard library is compiled once for all.
    A text that begins with "-> " is a symlink to what follows.
    """

    def write(
        files: Mapping[str, str], module: str = "example.com/tool", config: str = "", folder: str = "repository"
    ) -> Path:
        root = tmp_path / folder
        own = {"gobake.yaml": f"name: cases\n{config}"}
        if module:
            own["go.mod"] = go_mod(module)
        put(root, {**own, **files})
        return root

    return write


def put(root: Path, files: Mapping[str, str]) -> None:
    """Write files; a text that begins with "-> " is a symlink."""
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            file.unlink(missing_ok=True)
            file.symlink_to(text.removeprefix("-> "))
        else:
            file.write_text(text, encoding="utf-8")


def go_mod(module: str, more: str = "") -> str:
    return f"module {module}\n\ngo 1.26\n{more}"


def program(*words: str) -> str:
    """A main package that prints string literals; it needs nothing but the runtime."""
    return f"package main\n\nfunc main() {{ println({', '.join(json.dumps(word) for word in words)}) }}\n"


def calling(package: str, expression: str) -> str:
    """A main package that prints an expression of another package."""
    return f'package main\n\nimport "{package}"\n\nfunc main() {{ println({expression}) }}\n'


def reading(*paths: str) -> str:
    """A main package that prints each file's text, or why it cannot be read."""
    names = ", ".join(json.dumps(path) for path in paths)
    return (
        'package main\n\nimport "os"\n\nfunc main() {\n'
        f"\tfor _, path := range []string{{{names}}} {{\n"
        "\t\ttext, err := os.ReadFile(path)\n\t\tif err != nil {\n\t\t\tprintln(err.Error())\n\t\t\tcontinue\n\t\t}\n"
        "\t\tprintln(string(text))\n\t}\n}\n"
    )


# ---- what was built


def said(image: str, *words: str, options: tuple[str, ...] = ()) -> str:
    """What a container says, on both streams; it must end with 0."""
    command = ["docker", "run", "--rm", *options, image, *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout.strip()


def program_of(image: str, platform: str = "") -> bytes:
    """The program that an image starts, as a file's bytes."""
    wanted = ["--platform", platform] if platform else []
    name = docker("create", *wanted, "--pull", "never", image)
    try:
        entry = json.loads(docker("container", "inspect", "-f", "{{json .Config.Entrypoint}}", name))[0]
        done = subprocess.run(["docker", "cp", f"{name}:{entry}", "-"], capture_output=True, check=True)
        with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
            opened = archive.extractfile(archive.getmembers()[0])
            assert opened is not None
            return opened.read()
    finally:
        docker("rm", "-f", name)


def settings_of(image: str, folder: Path, platform: str = "") -> dict[str, str]:
    """What Go wrote into a program about its build: `go version -m`."""
    file = folder / "program"
    file.write_bytes(program_of(image, platform))
    told = subprocess.run(["go", "version", "-m", str(file)], capture_output=True, text=True, check=True).stdout
    lines = [line.split("\t")[1:] for line in told.splitlines()]
    return dict(line[1].split("=", 1) for line in lines if len(line) > 1 and line[0] == "build" and "=" in line[1])


def targets(gobake: Gobake, root: Path, *words: str, env: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gobake.good("plan", "--format", "json", *words, cwd=root, env=env).json["targets"]
    return found


def services(gobake: Gobake, root: Path, env: Mapping[str, str] | None = None) -> list[str]:
    return [target["service"] for target in targets(gobake, root, env=env)]


def images_by_package(gobake: Gobake, root: Path, tag: str = "latest") -> dict[str, str]:
    """The image of each main package."""
    return {target["package"]: f"{target['service']}:{tag}" for target in targets(gobake, root)}


def compiled(gobake: Gobake, root: Path) -> list[str]:
    """The packages that the last run compiled."""
    return sorted(path for work in gobake.last_run(root)["go"] for path, _ in work["compiled"])


def executed(gobake: Gobake, root: Path) -> list[str]:
    """The steps that the last run executed."""
    return [step["name"] for step in gobake.last_run(root)["steps"] if step["outcome"] == "executed"]


def told(ended: Ended) -> str:
    """All that was said, as one line: words may wrap."""
    return " ".join((ended.out + ended.err).split())


# ---- git and Go of this machine


def git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *IDENTITY, "-c", "protocol.file.allow=always", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout.strip()


def go(root: Path, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Go of this machine, with no more of the environment than it needs."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GO") or key == "GOPROXY"}
    wanted = {**clean, "CGO_ENABLED": "0", "PWD": str(root), **(env or {})}
    return subprocess.run(["go", *words], cwd=root, env=wanted, capture_output=True, text=True, check=False)


def profile(*functions: str, weight: int = 1000) -> bytes:
    """A CPU profile in which the first function calls the second, and so on; the last is where the time goes."""
    strings = ["", "samples", "count", "cpu", "nanoseconds", *functions]
    names = {name: number for number, name in enumerate(strings)}
    ids = range(1, len(functions) + 1)
    parts = [
        _field(1, _value_type(names["samples"], names["count"])),
        _field(1, _value_type(names["cpu"], names["nanoseconds"])),
    ]
    stack = b"".join(_number(1, number) for number in reversed(ids))
    parts.append(_field(2, stack + _number(2, weight) + _number(2, 10_000_000 * weight)))
    for number, name in zip(ids, functions, strict=True):
        parts.append(_field(4, _number(1, number) + _field(4, _number(1, number) + _number(2, 10))))
        parts.append(_field(5, _number(1, number) + _number(2, names[name]) + _number(3, names[name]) + _number(5, 9)))
    parts += [_field(6, text.encode()) for text in strings]
    parts.append(_field(11, _value_type(names["cpu"], names["nanoseconds"])) + _number(12, 10_000_000))
    return b"".join(parts)


def _value_type(kind: int, unit: int) -> bytes:
    return _number(1, kind) + _number(2, unit)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
