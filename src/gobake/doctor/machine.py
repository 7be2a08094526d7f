"""This machine: folders, disk, Go, proxies, certificates."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from gobake.doctor.findings import Finding, fine, note, problem, unknown
from gobake.gotool import host
from gobake.gotool.modules import Layout
from gobake.paths import cache_folder, data_folder

_LITTLE, _TIGHT = 2e9, 10e9  # bytes
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def of_folders(history: Path | None) -> Iterator[Finding]:
    """Judge the folders that gobake writes to."""
    for topic, folder in (("cache folder", cache_folder()), ("records", history or data_folder())):
        if os.access(_nearest(folder), os.W_OK):
            yield fine(topic, f"{folder}")
        else:
            name = "XDG_CACHE_HOME" if topic == "cache folder" else "XDG_DATA_HOME, or name one with --history,"
            yield problem(topic, f"{folder} cannot be written", f"set {name} to a folder that you may write")


def _nearest(folder: Path) -> Path:
    """Return the folder itself, or the nearest one above it that is there."""
    return next((one for one in (folder, *folder.parents) if one.exists()), Path("/"))


def of_disk(topic: str, folder: Path) -> Iterator[Finding]:
    """Judge the free space of the disk with a folder."""
    try:
        free = shutil.disk_usage(_nearest(folder)).free
    except OSError as error:
        yield unknown("disk", f"{topic}: {error.strerror}")
        return
    text = f"{topic} ({folder}): {free / 1e9:.1f} GB free"
    if free < _LITTLE:
        yield problem("disk", text, "make room: `gobake cache prune`, `docker system prune`")
    elif free < _TIGHT:
        yield note("disk", text, "a cold build of a large repository needs several GB")
    else:
        yield fine("disk", text)


def of_engine_disk(told: Mapping[str, object], *, local: bool) -> Iterator[Finding]:
    """Judge the engine's disk, if it is this machine's. ``told``: of `docker info`."""
    root = str(told.get("DockerRootDir") or "")
    if local and root.startswith("/") and Path(root).exists():
        yield from of_disk("engine", Path(root))
    else:
        yield unknown("disk", "engine: it is on another machine, or its folder is not readable")


def of_go(layout: Layout | None) -> Iterator[Finding]:
    """Judge this machine's go command against the project's requirement."""
    go = shutil.which("go")
    if go is None:
        yield note("go", "none on this machine", "builds ask Go in a container, which is slower; install Go")
        return
    have = host.version(go)
    if layout is not None and host.host_go(layout) is None:
        yield note(
            "go", f"{have} is older than the project's {layout.go_requirement}", "install a newer one, or none is used"
        )
    else:
        yield fine("go", have)


def of_environment(environ: Mapping[str, str], told: Mapping[str, object]) -> Iterator[Finding]:
    """Judge proxies and certificates. ``told``: of `docker info`, whose proxies are those of the engine's pulls."""
    own = {name: environ.get(name) or environ.get(name.lower()) or "" for name in _PROXIES}
    engine = {"HTTP_PROXY": told.get("HttpProxy"), "HTTPS_PROXY": told.get("HttpsProxy")}
    if own["HTTPS_PROXY"] and told and not engine["HTTPS_PROXY"]:
        yield note(
            "proxy",
            "this shell has a proxy, and the engine that pulls the bases has none",
            'set "proxies" in daemon.json: https://docs.docker.com/engine/daemon/proxy/',
        )
    elif own["HTTP_PROXY"] or own["HTTPS_PROXY"]:
        yield fine("proxy", "set; builds get it as a secret")
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        place = environ.get(name)
        if place and not os.access(place, os.R_OK):
            yield problem("certificates", f"{name} is {place}, which cannot be read", f"correct or unset {name}")
        elif place:
            yield fine("certificates", f"{name} is {place}; builds get it as a secret")


def of_gobake() -> Iterator[Finding]:
    """Judge the parts of gobake that are optional."""
    if importlib.util.find_spec("vl_convert") is None:
        yield note("gobake", "without charts: `gobake report --format html` needs them", "install gobake[html]")
    if sys.version_info < (3, 14) and importlib.util.find_spec("zstandard") is None:
        yield note("gobake", "without zstd: `gobake size` cannot read such layers", "install gobake[zstd]")
