"""Files that gobake writes: no link of a tree leads them elsewhere, and nobody else of the machine reads them."""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from pathlib import Path

import pytest

from gobake import paths
from gobake.files import atomic
from gobake.report import ci_summary
from gobake.runs.begun import BegunRun
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import RunRecord
from gobake.runs.store import RunStore
from tests.conftest import Gobake, Tree
from tests.security.parsers import RUN

RECORD = RunRecord(id=RUN, started=1.5e9, seconds=1.0, outcome=RunOutcome.DONE, command=(), project="shop", root="/src")
HELLO = {
    "go.mod": "module example.com/hello\n\ngo 1.26\n",
    "main.go": 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello") }\n',
}
DAY = 24 * 3600.0


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    file = tmp_path / "authorized_keys"
    file.write_text("gobake gobake.Dockerfile\n")
    return file


def modes(top: Path) -> dict[str, str]:
    """The permissions of everything in a folder and of itself, as octal digits."""
    found = [top, *top.rglob("*")]
    return {str(path.relative_to(top)): oct(stat.S_IMODE(path.lstat().st_mode))[2:] for path in found}


def shut(top: Path) -> bool:
    return all(not int(mode, 8) & 0o077 for mode in modes(top).values())


# ---- links


def test_the_summary_for_gitlab_is_not_written_through_a_link(tmp_path: Path, victim: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (root / ci_summary.GITLAB_FILE).symlink_to(victim)
    (note,) = ci_summary.summarise(RECORD, tmp_path / "history", root, {"GITLAB_CI": "true"})
    assert ci_summary.GITLAB_FILE in note
    assert victim.read_text() == "gobake gobake.Dockerfile\n"
    assert not (root / ci_summary.GITLAB_FILE).is_symlink()
    assert (root / ci_summary.GITLAB_FILE).read_text()


@pytest.mark.parametrize("name", ["gobake.Dockerfile", "gobake.Dockerfile.dockerignore", "docker-bake.json"])
def test_render_writes_through_no_link(gobake: Gobake, tree: Tree, victim: Path, name: str) -> None:
    root = tree(HELLO)
    (root / name).symlink_to(victim)
    gobake.good("render", "--force", cwd=root)
    assert victim.read_text() == "gobake gobake.Dockerfile\n"
    assert not (root / name).is_symlink()


def test_init_writes_through_no_link(gobake: Gobake, tree: Tree, victim: Path) -> None:
    victim.write_text("name: hello\n")
    root = tree(HELLO)
    (root / "gobake.yaml").symlink_to(victim)
    assert gobake("init", cwd=root).code == 2
    gobake.good("init", "--force", cwd=root)
    assert victim.read_text() == "name: hello\n"
    assert not (root / "gobake.yaml").is_symlink()


def test_a_report_is_not_written_through_a_link_that_waits_for_it(tmp_path: Path, victim: Path) -> None:
    from gobake.cli.report import written_to

    for name in ("report.md", ".report.md.part"):
        (tmp_path / name).symlink_to(victim)
    with written_to(tmp_path / "report.md"):
        print("figures")
    assert (tmp_path / "report.md").read_text() == "figures\n"
    assert victim.read_text() == "gobake gobake.Dockerfile\n"


def test_a_report_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    from gobake.cli.report import written_to

    (tmp_path / "report.md").write_text("old")
    with pytest.raises(ZeroDivisionError), written_to(tmp_path / "report.md"):
        print("half", 1 // 0)
    assert [(f.name, f.read_text()) for f in tmp_path.iterdir()] == [("report.md", "old")]


def test_a_file_keeps_the_permissions_that_it_had(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "a").chmod(0o640)
    atomic.write_in_tree(tmp_path / "a", "new")
    assert oct((tmp_path / "a").stat().st_mode)[-3:] == "640"


# ---- others of the machine


@pytest.mark.parametrize("umask", ["000", "022", "077"])
def test_what_is_kept_is_for_its_user_alone_whatever_the_umask(tmp_path: Path, tree: Tree, umask: str) -> None:
    """A whole gobake, and a history, in a process with that umask."""
    import subprocess

    home = tmp_path / "home"
    home.mkdir()
    env = {**os.environ, "XDG_CACHE_HOME": f"{home}/cache", "XDG_DATA_HOME": f"{home}/data"}
    code = f"""
import os, sys
os.umask(0o{umask})
from gobake.paths import data_folder
from tests.security.test_files_of_the_user import RECORD
from gobake.runs.begun import BegunRun
from gobake.runs.store import RunStore
history = data_folder() / "runs" / "shop"
with RunStore(history) as store:
    store.add(RECORD, ["{{}}"])
    BegunRun(history, RECORD)
sys.argv = ["gobake", "plan"]
from gobake.cli import main
main()
"""
    at = tree(HELLO)
    env["PYTHONPATH"] = os.pathsep.join([str(Path(atomic.__file__).parents[2]), str(Path(__file__).parents[2])])
    ended = subprocess.run([sys.executable, "-c", code], cwd=at, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    for top in (home / "cache/gobake", home / "data/gobake"):
        assert shut(top), modes(top)
    assert (home / "data/gobake/runs/shop/records/cache.db").is_file()
    assert list((home / "cache/gobake").rglob("*.json"))


def test_a_folder_of_an_older_version_is_shut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (tmp_path / "gobake").mkdir()
    (tmp_path / "gobake").chmod(0o755)
    paths._private.cache_clear()
    assert oct(paths.data_folder().stat().st_mode)[-3:] == "700"


def test_a_history_that_a_group_may_write_is_shared_with_it(tmp_path: Path) -> None:
    top = tmp_path / "shared"
    top.mkdir()
    top.chmod(0o2770)
    before = os.umask(0o077)
    try:
        with RunStore(top / "shop") as store:
            store.add(RECORD, ["{}"])
            held = BegunRun(top / "shop", RECORD)
            found = modes(top)
            held.end()
    finally:
        os.umask(before)
    assert {mode for name, mode in found.items() if (top / name).is_dir()} == {"2770"}
    assert {mode for name, mode in found.items() if Path(name).suffix in (".db", ".gz")} == {"660"}


def test_a_history_in_a_folder_for_everybodys_files_is_not_shared(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with RunStore(tmp_path / "history") as store:
        store.add(RECORD, ["{}"])
    assert shut(tmp_path / "history")


# ---- what killed runs leave


def left_behind(place: Path, name: str, days: float = 2) -> Path:
    folder = place / name
    folder.mkdir(mode=0o700)
    (folder / "netrc").write_text("secret")
    moment = folder.stat().st_mtime - days * DAY
    os.utime(folder, (moment, moment))
    return folder


OLD = "gobake-0123456789abcdef"


def test_the_credentials_of_a_run_that_was_killed_are_swept(tmp_path: Path) -> None:
    folder = left_behind(tmp_path, OLD)
    paths.sweep_scratch(tmp_path)
    assert not folder.exists()


def test_a_run_sweeps_once_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    folder = left_behind(tmp_path, OLD)
    with paths.scratch_folder() as own:
        assert not folder.exists()
        assert oct(own.stat().st_mode)[-3:] == "700"
    assert list(tmp_path.iterdir()) == []


def test_what_is_young_or_held_or_called_otherwise_stays(tmp_path: Path) -> None:
    young, named = left_behind(tmp_path, OLD, days=0.5), left_behind(tmp_path, "gobake-examples")
    open_to_all = left_behind(tmp_path, OLD[:-1] + "a")
    open_to_all.chmod(0o755)
    held = left_behind(tmp_path, OLD[:-1] + "b")
    opened = os.open(held, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_SH)
        paths.sweep_scratch(tmp_path)
    finally:
        os.close(opened)
    assert all(folder.exists() for folder in (young, named, open_to_all, held))


def test_a_link_of_that_name_leads_to_nothing_that_is_deleted(tmp_path: Path) -> None:
    home = left_behind(tmp_path, "home")
    (tmp_path / OLD).symlink_to(home)
    os.utime(tmp_path / OLD, (1e9, 1e9), follow_symlinks=False)
    paths.sweep_scratch(tmp_path)
    assert (home / "netrc").exists()


def test_a_link_in_a_folder_that_is_swept_leads_to_nothing_that_is_deleted(tmp_path: Path) -> None:
    home = left_behind(tmp_path, "home")
    folder = left_behind(tmp_path, OLD)
    (folder / "link").symlink_to(home)
    os.utime(folder, (1e9, 1e9))
    paths.sweep_scratch(tmp_path)
    assert not folder.exists()
    assert (home / "netrc").exists()
