"""Attacks on real builds: the engine, the registry and the worlds of the engine tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Gobake
from tests.engine.caches import forget_mounts
from tests.engine.conftest import engine, pytest_collection_modifyitems, registry, shop, world
from tests.security.builds.real import tiny_project

__all__ = ["engine", "pytest_collection_modifyitems", "registry", "shop", "world"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, world: Gobake) -> Iterator[Path]:
    """A project whose command `one` was built in the world."""
    made = tiny_project(tmp_path_factory.mktemp("built"))
    world.good("build", "one", cwd=made)
    yield made
    forget_mounts(made.name)
