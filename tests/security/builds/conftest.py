"""Attacks on real builds: the engine, the registry and the worlds of the engine tests."""

from tests.engine.conftest import engine, registry, shop, world

__all__ = ["engine", "registry", "shop", "world"]
