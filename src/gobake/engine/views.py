"""Builders with some of another one's nodes; buildx itself addresses only whole builders.

buildx keeps a builder in a file, `instances/NAME` below the folder that BUILDX_CONFIG names. A view is a copy of that
file with fewer nodes, or with nodes that are meant for other platforms, in gobake's cache. Name, driver and options
are the same, so the containers and pods are too. Where gobake names a builder, a view is named by its address:
FOLDER/NAME, which no builder can be called.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from gobake.engine import api
from gobake.files import whole
from gobake.files.old import delete_older
from gobake.model import Platform
from gobake.paths import cache_folder

_LINKED = (".buildNodeID", "refs")  # buildx's name for this client, by which BuildKit knows its files; and its history
_KEPT_SECONDS = 14 * 86_400.0  # after the last use
_LARGEST = 1 << 20  # bytes of a builder's file, which may have certificates in it


class Kept(Struct, frozen=True, kw_only=True):
    """A builder as buildx keeps it."""

    name: str
    fields: dict[str, Any]
    nodes: dict[str, dict[str, Any]]  # by name


def read(name: str) -> Kept | None:
    """Return the builder that buildx keeps under a name; None if there is none, such as for Docker's own."""
    if not name or "/" in name:
        return None
    try:
        with (_folder() / "instances" / name).open("rb") as file:
            fields = msgspec.json.decode(file.read(_LARGEST), type=dict[str, Any])
        nodes = msgspec.convert(fields.get("Nodes"), list[dict[str, Any]])
        return Kept(name=name, fields=fields, nodes={str(node["Name"]): node for node in nodes})
    except (OSError, ValueError, KeyError, RecursionError):
        return None


def view(kept: Kept, nodes: Mapping[str, Sequence[Platform]]) -> str:
    """Return the address of the builder with these nodes, in this order, each meant for these platforms.

    Without platforms, a node is for all that its BuildKit can run. Raises OSError.
    """
    listed = [{**kept.nodes[name], "Platforms": [_spelled(p) for p in some] or None} for name, some in nodes.items()]
    text = msgspec.json.encode({**kept.fields, "Nodes": listed, "Dynamic": False})
    digest = hashlib.sha256(b"%s\n%s" % (os.fsencode(_folder()), text)).hexdigest()[:16]
    folder = cache_folder() / "builders" / digest
    (folder / "instances").mkdir(mode=0o700, parents=True, exist_ok=True)
    for linked in _LINKED:
        if (_folder() / linked).exists():
            with contextlib.suppress(FileExistsError):
                (folder / linked).symlink_to(_folder() / linked)
    file = folder / "instances" / kept.name
    if not (file.is_file() and file.read_bytes() == text):
        whole.write(file, text)
        delete_older(folder.parent.iterdir(), _KEPT_SECONDS)
    os.utime(folder)
    return f"{folder}/{kept.name}"


def name_of(builder: str) -> str:
    """Return the name of a builder that is given by its name or its address."""
    return builder.rpartition("/")[2] if builder.startswith("/") else builder


def options(builder: str) -> tuple[str, ...]:
    """Return the option that names a builder to buildx; none for the current one."""
    return ("--builder", name_of(builder)) if builder else ()


def settings(builder: str) -> dict[str, str]:
    """Return the environment by which buildx finds a builder."""
    return {"BUILDX_CONFIG": builder.rpartition("/")[0]} if builder.startswith("/") else {}


def _folder() -> Path:
    return Path(os.environ.get("BUILDX_CONFIG") or api.config_folder() / "buildx")


def _spelled(platform: Platform) -> dict[str, str]:
    fields = {"architecture": platform.arch, "os": platform.os}
    return {**fields, "variant": platform.variant} if platform.variant else fields
