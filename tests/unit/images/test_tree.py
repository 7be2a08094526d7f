"""The files of an image as a container sees them: layers laid over each other, and links followed."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from gobake.errors import UsageError
from gobake.images import tree as trees
from gobake.images.sources import Opened, layout
from gobake.images.tar import Kind, Reader
from gobake.images.tree import Listed, Node, merged, resolved
from tests.unit.images.making import Files, Layout, layer

BELOW: Files = {"etc": None, "etc/passwd": b"root", "etc/old": b"old", "usr/lib/a.so": b"xx", "bin/sh": "busybox"}


def tree(*layers: Files) -> dict[str, Node]:
    return merged([Listed(entries=tuple(Reader(io.BytesIO(layer(files))))) for files in layers])


@pytest.mark.parametrize(
    ("over", "gone"),
    [
        ({}, set()),
        ({"etc/.wh.passwd": b""}, {"etc/passwd"}),
        ({"etc/.wh..wh..opq": b""}, {"etc/passwd", "etc/old"}),
        ({".wh.etc": b""}, {"etc", "etc/passwd", "etc/old"}),
        ({".wh..wh..opq": b""}, {"etc", "etc/passwd", "etc/old", "usr/lib/a.so", "bin/sh"}),
        ({".wh.nothing": b"", "x/.wh.y": b""}, set()),
        ({"etc": b"a file now"}, {"etc/passwd", "etc/old"}),
        ({"usr": "other"}, {"usr/lib/a.so"}),
        ({"../../etc/.wh.passwd": b""}, {"etc/passwd"}),
    ],
)
def test_a_whiteout_removes_what_lower_layers_have(over: Files, gone: set[str]) -> None:
    assert set(tree(BELOW)) - set(tree(BELOW, over)) == gone


def test_a_whiteout_leaves_what_its_own_layer_adds() -> None:
    seen = tree(BELOW, {"etc/new": b"new", "etc/.wh..wh..opq": b"", "etc/passwd": b"mine", "etc/.wh.passwd": b""})
    assert {path for path in seen if path.startswith("etc/")} == {"etc/new", "etc/passwd"}
    assert seen["etc/passwd"] == Node(kind=Kind.FILE, size=4, mode=0o755, layer=1)


def test_a_folder_over_a_file_is_a_folder() -> None:
    seen = tree({"a": b"file"}, {"a": None, "a/b": b"c"})
    assert (seen["a"].kind, set(seen)) == (Kind.FOLDER, {"a", "a/b"})


def test_a_hard_link_is_as_large_as_the_file_that_it_names() -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, target in (("same", "usr/lib/a.so"), ("lost", "nowhere")):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.LNKTYPE, target
            archive.addfile(entry)
    stream.seek(0)
    below = Listed(entries=tuple(Reader(io.BytesIO(layer(BELOW)))))
    seen = merged([below, Listed(entries=tuple(Reader(stream)))])
    assert (seen["same"].size, seen["lost"].size) == (2, 0)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/bin/sh", "usr/bin/dash"),
        ("bin/../bin/./sh", "usr/bin/dash"),
        ("deep/sh", "usr/bin/dash"),
        ("/etc", "etc"),
        ("loop", None),
        ("loop/x", None),
        ("bin/missing", "usr/bin/missing"),
        ("up", "etc"),
        ("", ""),
    ],
)
def test_links_are_followed_inside_the_image(path: str, found: str | None) -> None:
    files: Files = {
        "bin": "usr/bin",
        "usr/bin/sh": "dash",
        "usr/bin/dash": b"shell",
        "deep": "/bin",
        "loop": "loop",
        "etc": None,
        "up": "../../../../etc",
    }
    assert resolved(tree(files), path) == found


def opened(folder: Path, *layers: Files) -> Opened:
    made = Layout()
    made.roots = [made.image([layer(files) for files in layers], ["COPY a b"] * len(layers))]
    return layout(made.in_folder(folder), None)


def test_contents_are_kept_only_of_what_is_asked_for(tmp_path: Path) -> None:
    image = opened(tmp_path, BELOW)
    listed = trees.listed(image.blobs, image.image.layers[0].digest, {"etc/passwd", "bin/sh", "none"})
    assert (listed.contents, listed.compressed) == ({"etc/passwd": b"root"}, True)


def test_a_damaged_layer_is_an_error(tmp_path: Path) -> None:
    image = opened(tmp_path, BELOW)
    (name,) = (one.digest for one in image.image.layers)
    file = tmp_path / "blobs/sha256" / name.removeprefix("sha256:")
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UsageError, match="is damaged"):
        trees.listed(image.blobs, name)


def test_a_file_is_copied_under_a_name_of_ours(tmp_path: Path) -> None:
    image = opened(tmp_path / "image", {"../../app": b"program", "large": b"x" * 100})
    (digest,) = (one.digest for one in image.image.layers)
    file = tmp_path / "mine"
    assert trees.copy(image.blobs, digest, "app", file, 7)
    assert file.read_bytes() == b"program"
    assert not trees.copy(image.blobs, digest, "large", tmp_path / "other", 99)
    assert not trees.copy(image.blobs, digest, "none", tmp_path / "other", 99)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["image", "mine"]
