"""A module proxy in a folder, as Go's GOPROXY=file:// reads it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

TIME = "2024-01-02T03:04:05Z"


def publish(proxy: Path, module: str, versions: Mapping[str, Mapping[str, str]]) -> None:
    """Publish versions of a module, each with its files; go.mod is among them."""
    folder = proxy / module / "@v"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "list").write_text("".join(f"{version}\n" for version in versions))
    for version, files in versions.items():
        (folder / f"{version}.info").write_text(json.dumps({"Version": version, "Time": TIME}))
        (folder / f"{version}.mod").write_text(files["go.mod"])
        with zipfile.ZipFile(folder / f"{version}.zip", "w") as archive:
            for name, text in files.items():
                archive.writestr(f"{module}@{version}/{name}", text)


def use(patch: pytest.MonkeyPatch, proxy: Path, modules: Path) -> None:
    """Let Go fetch from this proxy into an empty module cache, which can be deleted again."""
    patch.setenv("GOPROXY", proxy.as_uri())
    patch.setenv("GOMODCACHE", str(modules))
    patch.setenv("GONOSUMDB", "*")
    patch.setenv("GOSUMDB", "off")
    patch.setenv("GOFLAGS", "-modcacherw")
