"""Images taken apart: what each layer adds, changes, removes and wastes, wherever the image is."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobake.errors import UsageError
from gobake.foreign.checks import Unfit
from gobake.images import sources, tar, tree
from gobake.images.image import File, Layer
from gobake.images.sources import Opened
from gobake.images.streams import unpacked
from gobake.images.tar import Entry, Kind, Reader
from gobake.model import Platform
from tests.unit.images.making import BASE, OVER, STEPS, Layout, example, layer, legacy, packed
from tests.unit.registry.test_client import Reply, Server

AMD64, ARM64 = Platform(os="linux", arch="amd64"), Platform(os="linux", arch="arm64")


def require_example(opened: Opened) -> tuple[Layer, ...]:
    assert opened.image.platform == AMD64
    contents = opened.read()
    one, two = contents.layers
    assert (one.instruction, two.instruction) == ("ADD file:1 in /", "COPY /out/ /")
    assert (one.added, one.changed, one.removed, one.bytes, one.wasted) == (3, 0, 0, 3004, 3004)
    assert (two.added, two.changed, two.removed, two.bytes, two.wasted) == (1, 1, 1, 5010, 0)
    assert (contents.bytes, contents.wasted) == (5010, 3004)
    assert contents.files == {
        "app": File(size=5000, mode=0o755, layer=1),
        "usr/lib/old.so": File(size=10, mode=0o755, layer=1),
        "bin/sh": File(size=0, mode=0o755, layer=0),
    }
    return contents.layers


@pytest.mark.parametrize("how", ["gzip", "zstd", ""])
def test_layers_of_a_layout_are_read_however_they_are_packed(tmp_path: Path, how: str) -> None:
    layers = require_example(sources.layout(example(how).in_folder(tmp_path), AMD64))
    assert [one.compressed for one in layers] == [bool(how)] * 2
    assert [one.stored for one in layers] == [len(packed(data, how)) for data in (BASE, OVER)]


def test_an_archive_of_a_layout_is_read_in_place(tmp_path: Path) -> None:
    require_example(sources.archive(example().in_archive(tmp_path / "saved.tar"), AMD64))
    assert [file.name for file in tmp_path.iterdir()] == ["saved.tar"]


def test_an_archive_of_an_old_engine_is_read_through_its_links(tmp_path: Path) -> None:
    opened = sources.archive(legacy(tmp_path / "saved.tar"), None)
    assert opened.image.stored is None
    require_example(opened)


def test_the_bytes_of_an_image_are_those_that_a_registry_counts(tmp_path: Path) -> None:
    made = example()
    opened = sources.layout(made.in_folder(tmp_path), ARM64)
    manifest = made.blobs[opened.image.manifest.removeprefix("sha256:")]
    told = json.loads(manifest)
    parts = [told["config"], *told["layers"]]
    assert opened.image.stored == len(manifest) + sum(part["size"] for part in parts)


def test_wanted_files_are_copied_out_as_the_last_layer_has_them(tmp_path: Path) -> None:
    opened = sources.layout(example().in_folder(tmp_path / "layout"), AMD64)
    opened.read({"/usr/lib/old.so": tmp_path / "library", "/missing": tmp_path / "missing"})
    assert (tmp_path / "library").read_bytes() == b"y" * 10
    assert not (tmp_path / "missing").exists()


def test_an_opaque_folder_hides_only_what_is_below(tmp_path: Path) -> None:
    made = Layout()
    below = layer({"data/a": b"aa", "data/b": b"b", "database": b"c"})
    above = layer({"data/new": b"n", "data/.wh..wh..opq": b""})
    made.roots = [made.image((below, above), ("one", "two"))]
    contents = sources.layout(made.in_folder(tmp_path), None).read()
    assert set(contents.files) == {"data/new", "database"}
    assert (contents.layers[1].removed, contents.layers[0].wasted) == (2, 3)


def test_the_platforms_are_named_where_none_is_the_right_one(tmp_path: Path) -> None:
    folder = example().in_folder(tmp_path)
    with pytest.raises(UsageError, match="several platforms; choose one with --platform: linux/amd64, linux/arm64"):
        sources.layout(folder, None)
    with pytest.raises(UsageError, match="no image for linux/s390x; it has linux/amd64, linux/arm64"):
        sources.layout(folder, Platform(os="linux", arch="s390x"))


def test_an_image_in_a_registry_is_read_without_asking_for_blobs_as_manifests(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Distribution answers 500 for the manifest of a digest that is a configuration's."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    made = example()
    manifests = [name for name, data in made.blobs.items() if b"schemaVersion" in data or b'"layers": []' in data]

    def answer(method: str, path: str, _headers: dict[str, str], _body: bytes) -> Reply:
        kind, _, name = path.removeprefix("/v2/acme/api/").partition("/")
        digest = made.roots[0]["digest"] if name == "v1" else name
        data = made.blobs.get(digest.removeprefix("sha256:"))
        if data is None:
            return 404, {}, b""
        if (kind == "manifests") != (digest.removeprefix("sha256:") in manifests):
            return 500, {}, b""
        return 200, {}, data

    server = Server(answer)
    try:
        opened = sources.of_registry(f"{server.host}/acme/api:v1", AMD64)
        assert opened
        require_example(opened)
        assert sources.of_registry(f"{server.host}/acme/api:v2", AMD64) is None
    finally:
        server.stop()


# ---- what is damaged or hostile


@pytest.mark.parametrize("spoil", ["missing", "changed", "shorter", "index"])
def test_a_damaged_image_is_one_line(tmp_path: Path, spoil: str) -> None:
    made = example()
    last = max(made.blobs, key=lambda name: len(made.blobs[name]))
    folder = made.in_folder(tmp_path)
    blob = folder / "blobs" / "sha256" / last
    match spoil:
        case "missing":
            blob.unlink()
        case "changed":
            blob.write_bytes(gzip.compress(BASE + bytes(1024), mtime=1))
        case "shorter":
            blob.write_bytes(blob.read_bytes()[:-20])
        case "index":
            (folder / "index.json").write_text("[]")
    with pytest.raises(UsageError) as caught:
        sources.layout(folder, AMD64).read()
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_no_link_in_a_layout_leads_elsewhere(tmp_path: Path) -> None:
    made = example()
    folder = made.in_folder(tmp_path / "layout")
    last = folder / "blobs" / "sha256" / max(made.blobs, key=lambda name: len(made.blobs[name]))
    last.rename(tmp_path / "outside")
    last.symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError, match="cannot be read"):
        sources.layout(folder, AMD64).read()


def test_what_is_no_archive_is_said(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"no archive" * 200)
    with pytest.raises(UsageError, match="is not an archive of an image, or damaged"):
        sources.archive(file, None)
    file.write_bytes(layer({"a": b"b"}))
    with pytest.raises(UsageError, match=r"it has neither index\.json nor manifest\.json"):
        sources.archive(file, None)


@pytest.mark.parametrize(
    ("name", "path"), [("../../etc/x", "etc/x"), ("/abs/./y", "abs/y"), ("a//b/../c", "a/c"), ("..", ""), ("./", "")]
)
def test_names_in_layers_are_names_in_the_image_only(name: str, path: str) -> None:
    assert tar.normal(name) == path


def test_long_names_are_read_in_both_formats() -> None:
    name = "d" * 90 + "/" + "f" * 120
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        (entry,) = Reader(io.BytesIO(layer({name: b"12345"}, form=form)))
        assert entry == Entry(path=name, kind=Kind.FILE, size=5, mode=0o755, at=entry.at)


def test_a_header_that_claims_gigabytes_is_not_read_into_memory() -> None:
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = b"x", 7 << 30
    stream = io.BytesIO(entry.tobuf(tarfile.USTAR_FORMAT) + bytes(4096))
    with pytest.raises(Unfit, match="header that is too long"):
        list(Reader(stream))


@given(data=st.binary(max_size=2000), at=st.integers(0, 3000))
def test_no_bytes_make_the_reader_fail_otherwise(data: bytes, at: int) -> None:
    stream = bytearray(BASE)
    stream[at : at + len(data)] = data
    for source in (bytes(stream), data):
        try:
            list(Reader(unpacked(io.BytesIO(source))[0]))
        except Unfit:
            continue


def test_a_layer_that_hides_many_things_is_read_in_one_pass(tmp_path: Path) -> None:
    many = 30_000
    made = Layout()
    below = layer({f"d/{at}/file": b"" for at in range(many)})
    over = layer(
        {f"x/.wh.{at}": b"" for at in range(many)} | {"d/.wh.7": b"", "d/8/.wh..wh..opq": b"", "d/8/new": b"n"}
    )
    made.roots = [made.image((below, over), STEPS)]
    opened = sources.layout(made.in_folder(tmp_path), None)
    started = time.process_time()
    contents = opened.read()
    assert time.process_time() - started < 15  # minutes if each of them were looked for
    assert (len(contents.files), contents.layers[1].removed, contents.layers[1].added) == (many - 1, 2, 1)
    listed = [tree.listed(opened.blobs, one.digest) for one in opened.image.layers]
    assert {path for path, node in tree.merged(listed).items() if node.kind is Kind.FILE} == set(contents.files)
