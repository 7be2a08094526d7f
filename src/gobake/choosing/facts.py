"""What an image holds, from the merged list of its files. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from gobake.binary.libc import Libc
from gobake.images.tar import Kind
from gobake.images.tree import Node, Tree, resolved

_DPKG, _DPKG_PARTS = "var/lib/dpkg/status", "var/lib/dpkg/status.d"
_APK = ("lib/apk/db/installed", "usr/lib/apk/db/installed")
_RPM = ("var/lib/rpm", "usr/lib/sysimage/rpm")
_PASSWD = "etc/passwd"
KEPT = frozenset((_DPKG, *_APK, _PASSWD))  # files whose contents are read

_SHELLS = ("bin/sh", "bin/bash", "bin/ash", "bin/dash", "usr/bin/sh", "usr/bin/bash", "busybox/sh")
# https://go.dev/src/crypto/x509/root_linux.go
_CERTIFICATES = (
    "etc/ssl/certs/ca-certificates.crt",
    "etc/pki/tls/certs/ca-bundle.crt",
    "etc/ssl/ca-bundle.pem",
    "etc/pki/tls/cacert.pem",
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "etc/ssl/cert.pem",
)
# https://go.dev/src/time/zoneinfo_unix.go, and the toolchain's own
_ZONES = ("usr/share/zoneinfo", "usr/share/lib/zoneinfo", "usr/lib/locale/TZ", "etc/zoneinfo")
_TOOLCHAIN_ZONES = "usr/local/go/lib/time/zoneinfo.zip"
_EXECUTABLE, _SETID, _OTHERS_WRITE, _STICKY = 0o111, 0o6000, 0o002, 0o1000


class Manager(StrEnum):
    """Whose list of packages an image has."""

    DPKG = "dpkg"
    APK = "apk"
    RPM = "rpm"
    NONE = ""


class Packages(Struct, frozen=True, kw_only=True):
    """The packages of a distribution."""

    manager: Manager = Manager.NONE
    count: int | None = 0  # None: unknown


class Settings(Struct, frozen=True, kw_only=True):
    """What an image's configuration says."""

    user: str = ""  # "" is root
    env: Mapping[str, str] = {}


class Facts(Struct, frozen=True, kw_only=True):
    """What an image holds. Links are not counted; a hard link is a file."""

    files: int
    executables: int
    setid: int  # files with setuid or setgid
    world_writable: int  # files, and folders without the sticky bit, that every user may write
    packages: Packages
    shell: str  # its path; "" if there is none
    user: str  # as configured; `root` if nothing is
    libc: Libc  # that the program needs
    certificates: bool
    zoneinfo: bool
    passwd: bool
    tmp: bool  # a /tmp that every user may write


def facts(tree: Tree, contents: Mapping[str, bytes], settings: Settings, libc: Libc) -> Facts:
    """``contents``: of the files in KEPT that the image has."""
    files = [node for node in tree.values() if node.kind in (Kind.FILE, Kind.HARD_LINK)]
    open_folders = sum(
        node.kind is Kind.FOLDER and bool(node.mode & _OTHERS_WRITE) and not node.mode & _STICKY
        for node in tree.values()
    )
    return Facts(
        files=len(files),
        executables=sum(bool(node.mode & _EXECUTABLE) for node in files),
        setid=sum(bool(node.mode & _SETID) for node in files),
        world_writable=sum(bool(node.mode & _OTHERS_WRITE) for node in files) + open_folders,
        packages=packages(tree, contents),
        shell=next((f"/{path}" for path in _SHELLS if _starts(tree, path)), ""),
        user=settings.user or "root",
        libc=libc,
        certificates=any(_has_bytes(tree, path) for path in (settings.env.get("SSL_CERT_FILE", ""), *_CERTIFICATES)),
        zoneinfo=_zones(tree, settings.env.get("ZONEINFO", "")),
        passwd=_has_bytes(tree, _PASSWD),
        tmp=_open_folder(tree, "tmp"),
    )


def packages(tree: Tree, contents: Mapping[str, bytes]) -> Packages:
    """Count the packages in the list of the image's package manager."""
    parts = sum(path.rpartition("/")[0] == _DPKG_PARTS and not path.endswith(".md5sums") for path in tree)
    if parts or _DPKG in tree:
        if _DPKG not in tree:
            return Packages(manager=Manager.DPKG, count=parts)
        count = _installed(contents[_DPKG]) + parts if _DPKG in contents else None
        return Packages(manager=Manager.DPKG, count=count)
    for path in _APK:
        if path in tree:
            count = len(re.findall(rb"(?m)^P:", contents[path])) if path in contents else None
            return Packages(manager=Manager.APK, count=count)
    if any(path in tree for path in _RPM):
        return Packages(manager=Manager.RPM, count=None)
    return Packages()


def _installed(status: bytes) -> int:
    """Count the stanzas of packages that are installed, and not only configured or removed."""
    return len(re.findall(rb"(?m)^Status:[ \t]+\S+[ \t]+\S+[ \t]+installed[ \t]*$", status))


def _starts(tree: Tree, path: str) -> bool:
    node = _node(tree, path)
    return node is not None and node.kind in (Kind.FILE, Kind.HARD_LINK) and bool(node.mode & _EXECUTABLE)


def _has_bytes(tree: Tree, path: str) -> bool:
    node = _node(tree, path)
    return node is not None and node.size > 0


def _node(tree: Tree, path: str) -> Node | None:
    found = resolved(tree, path)
    return tree.get(found) if found else None


def _zones(tree: Tree, setting: str) -> bool:
    if _has_bytes(tree, setting) or _has_bytes(tree, _TOOLCHAIN_ZONES):
        return True
    folders = tuple(f"{found}/" for path in _ZONES if (found := resolved(tree, path)))
    return any(path.startswith(folders) and node.size > 0 for path, node in tree.items())


def _open_folder(tree: Tree, path: str) -> bool:
    node = _node(tree, path)
    return node is not None and node.kind is Kind.FOLDER and bool(node.mode & _OTHERS_WRITE)
