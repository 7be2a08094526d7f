"""The servers, started once, and a fresh machine for every test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Gobake
from tests.engine.private.machine import Machine
from tests.engine.private.modules import library
from tests.engine.private.servers import Authority, ModuleServer, SshServer, bridge_address, ssh_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleServer]:
    if not os.environ.get("GOBAKE_HARNESS_STATE"):
        pytest.skip("the harness did not start this engine, so that no address is known that its steps reach")
    folder = tmp_path_factory.mktemp("servers")
    address = bridge_address()
    with ModuleServer(Authority.made(folder, address), address, folder) as started:
        yield started


@pytest.fixture(scope="session")
def ssh(server: ModuleServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    folder = tmp_path_factory.mktemp("ssh")
    repositories = server.repository(library(f"{server.address}/team/first", "")).parent.parent
    with ssh_server(folder, repositories) as started:
        yield started


@pytest.fixture
def machine(gobake: Gobake, tmp_path: Path) -> Machine:
    return Machine(home=tmp_path / "home", gobake=gobake)
