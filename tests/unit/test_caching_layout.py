"""What an OCI layout's index says."""

from __future__ import annotations

import json
from pathlib import Path

from gobake.caching.layout import tags

NAME = "org.opencontainers.image.ref.name"


def test_a_name_is_a_tag_or_a_whole_reference(tmp_path: Path) -> None:
    """As BuildKit 0.25 writes it, and as 0.13 does."""
    named = [{"digest": "sha256:1", "annotations": {NAME: "seed-a"}}]
    named.append({"digest": "sha256:2", "annotations": {NAME: "docker.io/library/seeds:seed-b"}})
    nameless = [{"digest": "sha256:3"}, {"digest": "sha256:4", "annotations": None}]
    (tmp_path / "index.json").write_text(json.dumps({"manifests": [*named, *nameless]}))
    assert {tag: entry["digest"] for tag, entry in tags(tmp_path).items()} == {
        "seed-a": "sha256:1",
        "seed-b": "sha256:2",
    }


def test_a_folder_without_an_index_has_no_tags(tmp_path: Path) -> None:
    assert tags(tmp_path) == {}
