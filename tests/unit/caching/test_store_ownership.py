"""Which folders are gobake's own, so that it may delete in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gobake.caching.store.ownership import MARK, make, refusal
from gobake.files.nofollow import Inside


def inside(folder: Path) -> Inside:
    return Inside(top=folder) / "store"


def layout(folder: Path, *tags: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    named = [
        {"digest": f"sha256:{number:064}", "annotations": {"org.opencontainers.image.ref.name": tag}}
        for number, tag in enumerate(tags)
    ]
    (folder / "index.json").write_text(json.dumps({"manifests": named}))


def test_a_folder_that_gobake_makes_is_marked_and_its_own(tmp_path: Path) -> None:
    make(inside(tmp_path))
    assert "Made by gobake" in (tmp_path / "store" / MARK).read_text()
    assert refusal(inside(tmp_path)) == ""
    make(inside(tmp_path))
    assert refusal(inside(tmp_path)) == ""


def test_a_folder_with_files_of_others_is_not_marked(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store/thesis.tex").write_text("years of work")
    make(inside(tmp_path))
    assert not (tmp_path / "store" / MARK).exists()
    assert refusal(inside(tmp_path)) == f"{tmp_path}/store was not made by gobake"


def test_a_mark_of_another_program_stays_and_makes_no_owner(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / MARK).write_text("Signature: 8a477f597d28d172789f06886806bc55\n# Made by cargo\n")
    make(inside(tmp_path))
    assert "cargo" in (tmp_path / "store" / MARK).read_text()
    assert "was not made by gobake" in refusal(inside(tmp_path))


def test_a_folder_that_is_not_there_is_refused_with_the_reason(tmp_path: Path) -> None:
    assert refusal(inside(tmp_path)) == f"{tmp_path}/store: No such file or directory"


@pytest.mark.parametrize(
    ("tags", "own"),
    [(("app", "seed-shop"), True), (("half-1",), True), (("app", "seedling"), False), ((), False)],
)
def test_a_layout_of_an_older_gobake_is_known_by_its_seeds(tmp_path: Path, tags: tuple[str, ...], own: bool) -> None:
    layout(tmp_path / "store", *tags)
    assert (refusal(inside(tmp_path)) == "") is own
    make(inside(tmp_path))
    assert (tmp_path / "store" / MARK).exists() is own


@pytest.mark.parametrize(
    ("files", "own"),
    [
        (("layers-a/index.json", "layers-a/blobs"), True),
        (("thesis.tex", "layers-a/index.json", "layers-a/blobs"), True),
        (("layers-a/index.json",), False),
        (("layers-a/blobs",), False),
        (("app/index.json", "app/blobs"), False),
        (("layers-a",), False),
    ],
)
def test_a_folder_of_an_older_gobake_is_known_by_its_layers(tmp_path: Path, files: tuple[str, ...], own: bool) -> None:
    for name in files:
        (tmp_path / "store" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "store" / name).write_text("")
    assert (refusal(inside(tmp_path)) == "") is own
