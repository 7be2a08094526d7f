"""Finds the module of a package."""

from __future__ import annotations

from collections.abc import Collection


def module_of(package: str, names: Collection[str]) -> str:
    """The longest of the module paths that contains the import path; "" for none."""
    path = package
    while path and path not in names:
        path = path.rpartition("/")[0]
    return path
