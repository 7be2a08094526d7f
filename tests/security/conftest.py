"""Attacks remember nothing beyond themselves, and measure no time: machines are shared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.faults import small_disk
from tests.security.pretended import Pretended
from tests.unit.conftest import own_memory

__all__ = ["own_memory"]


@pytest.fixture
def docker(tmp_path: Path) -> Pretended:
    return Pretended(tmp_path / "docker")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small one, which a test can fill."""
    with small_disk(tmp_path / "small", 2048) as folder:
        yield folder


@pytest.fixture
def pretended_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folders; and a docker that is only pretended."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name, value in Pretended(tmp_path / "docker").env.items():
        monkeypatch.setenv(name, value)
    return tmp_path
