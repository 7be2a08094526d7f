"""Which module a package is of."""

from __future__ import annotations

from collections.abc import Collection


def module_of(package: str, names: Collection[str]) -> str:
    """The longest of the module paths that the import path begins with; "" where it is none of these."""
    path = package
    while path and path not in names:
        path = path.rpartition("/")[0]
    return path
