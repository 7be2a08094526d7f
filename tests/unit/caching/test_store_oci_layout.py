"""What an OCI layout's index says."""

from __future__ import annotations

import json
from pathlib import Path

from gobake.caching.store.oci_layout import tags
from gobake.files.nofollow import Inside

NAME = "org.opencontainers.image.ref.name"


def digest(number: int) -> str:
    return f"sha256:{number:064}"


def test_a_name_is_a_tag_or_a_whole_reference(tmp_path: Path) -> None:
    """As BuildKit 0.25 writes it, and as 0.13 does."""
    named = [{"digest": digest(1), "annotations": {NAME: "seed-a"}}]
    named.append({"digest": digest(2), "annotations": {NAME: "docker.io/library/seeds:seed-b"}})
    nameless = [{"digest": digest(3)}, {"digest": digest(4), "annotations": None}]
    (tmp_path / "index.json").write_text(json.dumps({"manifests": [*named, *nameless]}))
    assert {tag: entry.digest for tag, entry in tags(Inside(top=tmp_path)).items()} == {
        "seed-a": digest(1),
        "seed-b": digest(2),
    }


def test_a_folder_without_an_index_has_no_tags(tmp_path: Path) -> None:
    assert tags(Inside(top=tmp_path)) == {}
