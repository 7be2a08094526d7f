"""What has not been used for a while is deleted."""

from __future__ import annotations

import os
import time
from pathlib import Path

from gobake.files.old import delete_older


def aged(place: Path, seconds: float) -> Path:
    moment = time.time() - seconds
    os.utime(place, (moment, moment), follow_symlinks=False)
    return place


def test_old_files_and_folders_go_and_young_ones_stay(tmp_path: Path) -> None:
    for age in (10, 1000):
        (tmp_path / f"file-{age}").touch()
        (tmp_path / f"folder-{age}").mkdir()
        (tmp_path / f"folder-{age}/inside").touch()
        for place in (tmp_path / f"file-{age}", tmp_path / f"folder-{age}"):
            aged(place, age)
    delete_older(tmp_path.iterdir(), 100)
    assert sorted(place.name for place in tmp_path.iterdir()) == ["file-10", "folder-10"]


def test_a_link_goes_and_not_what_it_leads_to(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    (outside / "kept").touch()
    folder.mkdir()
    link = folder / "link"
    link.symlink_to(outside)
    aged(link, 1000)
    delete_older(folder.iterdir(), 100)
    assert not link.is_symlink()
    assert (outside / "kept").exists()


def test_what_another_run_deletes_first_is_no_error(tmp_path: Path) -> None:
    delete_older([tmp_path / "gone"], 100)
