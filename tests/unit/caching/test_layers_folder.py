"""Layer caches in a folder: what is read of them, and which blobs a sweep leaves."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from gobake.caching.layers import oci_folder
from gobake.errors import RegistryRefused

DAY = 24 * 3600.0
NOW = 2e9


def blob(store: Path, content: bytes, age: float = 0.0) -> str:
    """A blob that was written ``age`` seconds before NOW; its digest."""
    name = hashlib.sha256(content).hexdigest()
    file = store / "layers/blobs/sha256" / name
    file.write_bytes(content)
    os.utime(file, (NOW - age, NOW - age))
    return f"sha256:{name}"


def export(store: Path, tag: str, *layers: bytes) -> str:
    """A ref, long ago; the digest of its manifest."""
    oci_folder.prepare(store, [tag])
    listed = [{"digest": blob(store, one, 9 * DAY)} for one in layers]
    manifest = {"config": {"digest": blob(store, b"{}", 9 * DAY)}, "layers": listed}
    digest = blob(store, json.dumps(manifest).encode(), 9 * DAY)
    (oci_folder.layout(store, tag) / "index.json").write_text(json.dumps({"manifests": [{"digest": digest}]}))
    return digest


def contents(store: Path) -> set[bytes]:
    return {file.read_bytes() for file in (store / "layers/blobs/sha256").iterdir()}


def test_a_ref_is_read_by_its_tag_and_what_is_not_there_is_none(tmp_path: Path) -> None:
    assert oci_folder.tags(tmp_path / "none") == frozenset()
    digest = export(tmp_path, "layers-a", b"one")
    oci_folder.prepare(tmp_path, ["layers-empty"])
    found = oci_folder.manifest(tmp_path, "layers-a")
    assert found
    assert (found.digest, len(found.layers)) == (digest, 1)
    assert oci_folder.written(tmp_path, "layers-a") is not None
    assert oci_folder.tags(tmp_path) == {"layers-a"}
    for tag in ("layers-gone", "layers-empty"):
        assert (oci_folder.manifest(tmp_path, tag), oci_folder.written(tmp_path, tag)) == (None, None)


def test_a_copy_of_a_store_that_followed_the_links_is_read_from_its_own_blobs(tmp_path: Path) -> None:
    digest = export(tmp_path / "store", "layers-a", b"one")
    shutil.copytree(tmp_path / "store", tmp_path / "copy")  # as a CI's cache does
    shutil.rmtree(tmp_path / "copy/layers/blobs")
    found = oci_folder.manifest(tmp_path / "copy", "layers-a")
    assert found
    assert found.digest == digest


def test_what_an_export_wrote_is_the_blobs_that_are_as_new_as_it(tmp_path: Path) -> None:
    oci_folder.prepare(tmp_path, ["layers-a"])
    digests = [blob(tmp_path, b"1", age=1), blob(tmp_path, b"22", age=0), blob(tmp_path, b"4444", age=-1)]
    assert oci_folder.size_of(tmp_path, digests, NOW) == 6
    assert oci_folder.size_of(tmp_path, [], NOW) == 0
    assert oci_folder.size_of(tmp_path, [*digests, f"sha256:{'0' * 64}"], NOW) is None
    assert oci_folder.size_of(tmp_path, ["sha256:../x"], NOW) is None


def test_a_blob_that_no_ref_needs_is_left_for_a_day(tmp_path: Path) -> None:
    export(tmp_path, "layers-a", b"kept")
    blob(tmp_path, b"young", age=DAY)
    blob(tmp_path, b"old", age=DAY + 1)
    assert oci_folder.sweep(tmp_path, NOW) == 3
    assert {b"kept", b"young"} < contents(tmp_path)
    assert b"old" not in contents(tmp_path)
    assert oci_folder.sweep(tmp_path, NOW) == 0


def test_a_ref_goes_with_the_blobs_that_no_other_needs(tmp_path: Path) -> None:
    export(tmp_path, "layers-a", b"shared", b"of a")
    export(tmp_path, "layers-b", b"shared", b"of b")
    oci_folder.forget(tmp_path, ["layers-a"])
    assert oci_folder.tags(tmp_path) == {"layers-b"}
    assert {b"shared", b"of b"} < contents(tmp_path)
    assert b"of a" not in contents(tmp_path)


def test_where_another_ref_cannot_be_read_a_ref_goes_and_no_blob_with_it(tmp_path: Path) -> None:
    export(tmp_path, "layers-a", b"of a")
    export(tmp_path, "layers-b", b"of b")
    (oci_folder.layout(tmp_path, "layers-b") / "index.json").write_text("{")
    oci_folder.forget(tmp_path, ["layers-a"])
    assert not oci_folder.layout(tmp_path, "layers-a").exists()
    assert b"of a" in contents(tmp_path)


def test_a_ref_that_names_nothing_is_damaged(tmp_path: Path) -> None:
    export(tmp_path, "layers-a")
    (oci_folder.layout(tmp_path, "layers-a") / "index.json").write_text('{"manifests": []}')
    with pytest.raises(RegistryRefused, match=r"index\.json names no manifest"):
        oci_folder.manifest(tmp_path, "layers-a")
