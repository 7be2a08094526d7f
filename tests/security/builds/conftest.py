"""Attacks on real builds: the engine, the registry and the worlds of the engine tests."""

from tests.engine.conftest import engine, pytest_collection_modifyitems, registry, shop, world

__all__ = ["engine", "pytest_collection_modifyitems", "registry", "shop", "world"]
