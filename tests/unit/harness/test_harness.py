"""The harness's own care: half-made things are noticed, locks hold, nothing foreign is taken for ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import instance, network, packages, processes
from harness.places import HarnessError, cache_folder, fresh_folder, is_stamped, run
from tests.conftest import REPOSITORY


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOBAKE_HARNESS_CACHE", str(tmp_path / "cache"))


def test_a_folder_is_filled_once_and_has_its_stamp() -> None:
    folder = cache_folder() / "thing"
    with fresh_folder(folder, "1") as new:
        assert new is not None
        (new / "file").write_text("x")
    assert is_stamped(folder, "1")
    with fresh_folder(folder, "1") as again:
        assert again is None


def test_another_version_makes_it_anew() -> None:
    folder = cache_folder() / "thing"
    for version in ("1", "2"):
        with fresh_folder(folder, version) as new:
            assert new is not None
            (new / version).write_text("")
    assert not (folder / "1").exists()
    assert (folder / "2").exists()


def _begin_and_stop(folder: Path) -> None:
    with fresh_folder(folder, "1") as new:
        assert new is not None
        (new / "half").write_text("")
        raise KeyboardInterrupt


def test_what_was_interrupted_is_made_again() -> None:
    folder = cache_folder() / "thing"
    with pytest.raises(KeyboardInterrupt):
        _begin_and_stop(folder)
    assert not folder.exists()
    with fresh_folder(folder, "1") as new:
        assert new is not None
        assert not (new / "half").exists()


def test_a_command_that_fails_shows_its_last_lines() -> None:
    with pytest.raises(HarnessError, match="seen"):
        run("sh", "-c", "echo seen >&2; exit 3")
    with pytest.raises(HarnessError, match="not installed"):
        run("no-such-command-anywhere")


def test_a_process_id_that_was_given_to_another_process_is_not_ours() -> None:
    assert not processes.alive({"pid": os.getpid(), "start": "1"})
    assert processes.alive({"pid": os.getpid(), "start": processes.start_time(os.getpid())})
    assert not processes.alive({"pid": 2**22 + 1, "start": ""})


def test_a_state_file_that_is_damaged_is_no_running_engine() -> None:
    folder = instance.instance_dir("x")
    folder.mkdir(parents=True)
    (folder / "state.json").write_text("{half")
    assert instance.running("x") is None


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(HarnessError, match="no engine suite"):
        instance.up("buster", "x")


def test_networks_and_ports_are_free_ones() -> None:
    assert network.free_subnet().startswith("10.213.")
    assert 1024 < network.free_port() < 65536


def test_the_rules_name_this_bridge_only() -> None:
    assert all("gbkx" in rule or "10.213.9.0/24" in rule for rule in network.nat_rules("gbkx", "10.213.9"))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files in place of the kernel's."""
    forward, binfmt = tmp_path / "ip_forward", tmp_path / "binfmt"
    forward.write_text("0\n")
    binfmt.mkdir()
    (binfmt / "register").write_text("")
    monkeypatch.setattr(network, "FORWARD", forward)
    monkeypatch.setattr(network, "BINFMT", binfmt)
    monkeypatch.setattr(network, "_BRIDGES", ("no such bridge",))
    return tmp_path


def borrowed(machine: Path) -> network.Borrowed:
    return network.Borrowed(machine / "borrowed.json")


def test_what_belongs_to_the_machine_is_given_back_as_it_was(machine: Path) -> None:
    network.borrow(borrowed(machine), Path("/qemu"))
    assert (machine / "ip_forward").read_text() == "1"
    assert ":/qemu:F" in (machine / "binfmt/register").read_text()
    network.borrow(borrowed(machine), Path("/qemu"))  # a second instance
    network.give_back(borrowed(machine))
    assert (machine / "ip_forward").read_text() == "0"
    assert (machine / "binfmt" / network.BINFMT_NAME).read_text() == "-1"
    assert not (machine / "borrowed.json").exists()


def test_what_the_machine_has_of_its_own_is_let_be(machine: Path) -> None:
    (machine / "ip_forward").write_text("1\n")
    handler = machine / "binfmt" / "qemu-aarch64"
    handler.write_text("enabled\nmagic 7f454c460201010000000000000000000200b700\n")
    network.borrow(borrowed(machine), Path("/qemu"))
    network.give_back(borrowed(machine))
    assert (machine / "ip_forward").read_text() == "1\n"
    assert (machine / "binfmt/register").read_text() == ""
    assert sorted(file.name for file in (machine / "binfmt").iterdir()) == ["qemu-aarch64", "register"]


def test_forwarding_that_another_engine_counts_on_by_now_stays(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network.borrow(borrowed(machine), Path("/qemu"))
    monkeypatch.setattr(network, "_BRIDGES", ("lo",))
    network.give_back(borrowed(machine))
    assert (machine / "ip_forward").read_text() == "1"


def test_the_mirror_comes_from_the_systems_apt() -> None:
    assert "://" in packages.mirror()


def test_status_and_down_without_any_instance() -> None:
    for words in (["status"], ["down"]):
        command = [sys.executable, "-m", "harness", *words]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
