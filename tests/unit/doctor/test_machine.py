"""What this machine lacks."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from gobake.doctor import machine
from gobake.doctor.findings import State

Disk = namedtuple("Disk", "total used free")


@pytest.mark.parametrize(("free", "state"), [(1e9, State.PROBLEM), (5e9, State.NOTE), (50e9, State.FINE)])
def test_a_full_disk_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, state: State) -> None:
    usage = {tmp_path: Disk(1e12, 0, free)}  # a folder that is not there yet is on the disk of the one above it
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage[place])
    (found,) = machine.of_disk("caches", tmp_path / "not" / "yet")
    assert found.state is state


def test_the_disk_of_an_engine_elsewhere_is_unknown(tmp_path: Path) -> None:
    (far,) = machine.of_engine_disk({"DockerRootDir": str(tmp_path)}, local=False)
    (near,) = machine.of_engine_disk({"DockerRootDir": str(tmp_path)}, local=True)
    assert far.state is State.UNKNOWN
    assert str(tmp_path) in near.text


def test_a_folder_that_cannot_be_written_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert {one.state for one in machine.of_folders(tmp_path / "runs")} == {State.FINE}
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = list(machine.of_folders(tmp_path / "runs"))
    assert [one.state for one in found] == [State.PROBLEM, State.PROBLEM]
    assert "--history" in found[1].remedy


def test_a_proxy_of_the_shell_alone_is_noted() -> None:
    environ = {"https_proxy": "http://proxy:3128"}
    (found,) = machine.of_environment(environ, {"HttpsProxy": "", "ServerVersion": "28"})
    assert found.state is State.NOTE
    (fine,) = machine.of_environment(environ, {"HttpsProxy": "http://proxy:3128"})
    assert fine.state is State.FINE
    assert "proxy:3128" not in fine.text  # it may hold a password
    assert list(machine.of_environment({}, {})) == []


def test_certificates_that_cannot_be_read_are_a_problem(tmp_path: Path) -> None:
    (found,) = machine.of_environment({"SSL_CERT_FILE": str(tmp_path / "none.pem")}, {})
    assert found.state is State.PROBLEM


def test_a_machine_without_go_works_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    (found,) = machine.of_go(None)
    assert found.state is State.NOTE
