"""Attacks remember nothing beyond themselves, and measure no time: machines are shared."""

from tests.unit.conftest import own_memory

__all__ = ["own_memory"]
