"""What an image holds, from its files."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gobake.binary.libc import Libc
from gobake.choosing.facts import Facts, Manager, Packages, Settings, facts, packages
from gobake.images.tar import Kind
from gobake.images.tree import Node

STATIC = Libc(kind="static")
STATUS = b"""Package: base-files
Status: install ok installed
Version: 13

Package: gone
Status: deinstall ok config-files

Package: libc6
Status: hold ok installed
Description: Status: install ok installed
 Status: install ok installed
"""
APK = b"C:Q1x=\nP:musl\nV:1.2.5-r10\nT:P:not a package\n\nC:Q1y=\nP:busybox\n"


def file(size: int = 1, mode: int = 0o644) -> Node:
    return Node(kind=Kind.FILE, size=size, mode=mode, layer=0)


def folder(mode: int = 0o755) -> Node:
    return Node(kind=Kind.FOLDER, size=0, mode=mode, layer=0)


def link(target: str) -> Node:
    return Node(kind=Kind.LINK, size=0, mode=0o777, layer=0, target=target)


def looked(tree: Mapping[str, Node], contents: Mapping[str, bytes] | None = None, **settings: object) -> Facts:
    return facts(tree, contents or {}, Settings(**settings), STATIC)  # type: ignore[arg-type]


def test_files_are_counted_by_their_modes_and_links_are_not() -> None:
    found = looked(
        {
            "app": file(mode=0o755),
            "su": file(mode=0o4755),
            "wall": file(mode=0o2711),
            "notes": file(mode=0o666),
            "hard": Node(kind=Kind.HARD_LINK, size=1, mode=0o644, layer=0),
            "open": folder(0o777),
            "tmp": folder(0o1777),
            "link": link("app"),
            "device": Node(kind=Kind.OTHER, size=0, mode=0o666, layer=0),
        }
    )
    assert (found.files, found.executables, found.setid, found.world_writable) == (5, 3, 2, 2)
    assert found.tmp


def test_an_empty_image_has_nothing() -> None:
    found = looked({})
    assert (found.files, found.shell, found.user, found.packages) == (0, "", "root", Packages())
    assert not any((found.certificates, found.zoneinfo, found.passwd, found.tmp))


@pytest.mark.parametrize(
    ("tree", "shell"),
    [
        ({"bin/sh": link("busybox"), "bin/busybox": file(mode=0o755)}, "/bin/sh"),
        ({"bin": link("usr/bin"), "usr/bin/sh": link("dash"), "usr/bin/dash": file(mode=0o755)}, "/bin/sh"),
        ({"bin/bash": file(mode=0o755)}, "/bin/bash"),
        ({"busybox/sh": file(mode=0o755)}, "/busybox/sh"),
        ({"bin/sh": link("gone")}, ""),
        ({"bin/sh": file(mode=0o644)}, ""),
        ({"bin/sh": folder()}, ""),
    ],
)
def test_a_shell_is_one_that_starts(tree: Mapping[str, Node], shell: str) -> None:
    assert looked(tree).shell == shell


@pytest.mark.parametrize(
    ("tree", "contents", "expected"),
    [
        ({"var/lib/dpkg/status": file()}, {"var/lib/dpkg/status": STATUS}, Packages(manager=Manager.DPKG, count=2)),
        ({"var/lib/dpkg/status": file()}, {}, Packages(manager=Manager.DPKG, count=None)),
        (
            {f"var/lib/dpkg/status.d/{name}": file() for name in ("base", "base.md5sums", "tzdata", "tzdata.md5sums")},
            {},
            Packages(manager=Manager.DPKG, count=2),
        ),
        ({"lib/apk/db/installed": file()}, {"lib/apk/db/installed": APK}, Packages(manager=Manager.APK, count=2)),
        (
            {"usr/lib/apk/db/installed": file()},
            {"usr/lib/apk/db/installed": APK},
            Packages(manager=Manager.APK, count=2),
        ),
        ({"var/lib/rpm": folder()}, {}, Packages(manager=Manager.RPM, count=None)),
        ({"app": file()}, {}, Packages(count=0)),
    ],
)
def test_packages_are_those_of_the_distribution(
    tree: Mapping[str, Node], contents: Mapping[str, bytes], expected: Packages
) -> None:
    assert packages(tree, contents) == expected


@pytest.mark.parametrize(
    ("tree", "env", "certificates", "zoneinfo"),
    [
        ({"etc/ssl/certs/ca-certificates.crt": file()}, {}, True, False),
        ({"etc/ssl/certs/ca-certificates.crt": file(size=0)}, {}, False, False),
        ({"etc/ssl/cert.pem": link("certs/all"), "etc/ssl/certs/all": file()}, {}, True, False),
        ({"mine.pem": file()}, {"SSL_CERT_FILE": "/mine.pem"}, True, False),
        ({"usr/share/zoneinfo/Europe/Berlin": file()}, {}, False, True),
        ({"usr/share/zoneinfo": folder()}, {}, False, False),
        ({"usr/local/share/zoneinfo.zip": file()}, {"ZONEINFO": "/usr/local/share/zoneinfo.zip"}, False, True),
        ({"usr/local/share/zoneinfo.zip": file()}, {}, False, False),
        ({"usr/local/go/lib/time/zoneinfo.zip": file()}, {}, False, True),
    ],
)
def test_certificates_and_zones_are_where_go_looks(
    tree: Mapping[str, Node], env: Mapping[str, str], *, certificates: bool, zoneinfo: bool
) -> None:
    found = looked(tree, env=env)
    assert (found.certificates, found.zoneinfo) == (certificates, zoneinfo)


def test_a_tmp_that_only_root_may_write_is_none() -> None:
    assert not looked({"tmp": folder(0o755)}).tmp
    assert not looked({"tmp": file(mode=0o777)}).tmp
    assert looked({"tmp": link("var/tmp"), "var/tmp": folder(0o1777)}).tmp


def test_the_user_is_the_configured_one() -> None:
    assert looked({"etc/passwd": file()}, user="65532:65532").user == "65532:65532"
    assert looked({"etc/passwd": file()}).passwd
