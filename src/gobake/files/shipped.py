"""The folders at the top of the repository that travel in the wheel: bake/ and cache/."""

from __future__ import annotations

from pathlib import Path


def folder(name: str) -> Path:
    """``bake`` or ``cache``: beside the package in a wheel, at the top of the repository in a checkout."""
    package = Path(__file__).resolve().parents[1]
    beside = package / name
    return beside if beside.is_dir() else package.parents[1] / name
