"""Where the bytes of an image are: by layer and folder, without the program."""

from __future__ import annotations

from gobake.choosing.places import ModuleBytes, Place, largest, places
from gobake.images.tar import Kind
from gobake.images.tree import Node


def file(size: int, layer: int = 0, kind: Kind = Kind.FILE) -> Node:
    return Node(kind=kind, size=size, mode=0o644, layer=layer)


def test_files_count_for_the_folder_at_the_top_or_the_one_below_it() -> None:
    tree = {
        "etc/passwd": file(10),
        "etc/ssl/certs/ca.crt": file(200, layer=1),
        "usr/lib/x/libc.so": file(70),
        "usr/lib/libm.so": file(30),
        "usr/local/go/bin/go": file(500),
        "usr/local/bin/api": file(9000, layer=1),
        "usr/local/bin/other": file(5, layer=1),
        "app": file(3, layer=1),
        "var": file(0),
        "lib": file(4, kind=Kind.LINK),
        "usr/lib/same": file(30, kind=Kind.HARD_LINK),
    }
    assert places(tree, "usr/local/bin/api") == (
        Place(layer=0, path="/usr/local/go", bytes=500),
        Place(layer=0, path="/usr/lib", bytes=100),
        Place(layer=0, path="/etc", bytes=10),
        Place(layer=1, path="/etc", bytes=200),
        Place(layer=1, path="/usr/local/bin", bytes=5),
        Place(layer=1, path="/app", bytes=3),
    )


def test_small_folders_of_a_layer_are_one() -> None:
    tree = {f"d{n}/file": file(1000 - n) for n in range(50)}
    found = places(tree, None)
    assert len(found) == 13
    assert sum(place.bytes for place in found) == sum(1000 - n for n in range(50))
    assert found[-1].path == ""


def test_the_largest_modules_come_first() -> None:
    found = largest([ModuleBytes(module=f"m{n}", version="", bytes=n % 70) for n in range(100)])
    assert len(found) == 60
    assert [one.bytes for one in found[:3]] == [69, 68, 67]
