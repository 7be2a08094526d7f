"""Locates bake/, cache/ and ci/, which are top-level folders of the repository and part of the wheel."""

from __future__ import annotations

from pathlib import Path


def folder(name: str) -> Path:
    """Return one of these folders: inside the package in a wheel, at the repository's top in a checkout."""
    package = Path(__file__).resolve().parents[1]
    beside = package / name
    return beside if beside.is_dir() else package.parents[1] / name
