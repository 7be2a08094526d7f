"""Saves the mounts of every node of a builder.

Nodes of one architecture share a seed, and are saved one after the other: each adds what the seed lacks. Nodes of
different architectures have seeds of their own, which are saved at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from gobake.caching.seeds.save import Saved, Saving, save
from gobake.errors import GobakeError


def save_each(asked: Sequence[Saving]) -> list[tuple[Saving, Saved | GobakeError]]:
    """Save, and return the result or the error of each save, in their order."""
    groups: dict[str, list[Saving]] = {}
    for one in asked:
        # two exports into one folder disturb each other
        groups.setdefault("" if one.store.folder else one.tag, []).append(one)
    if len(groups) < 2:
        return _one_after_the_other(asked)
    with ThreadPoolExecutor(len(groups)) as pool:
        results = {
            id(one): (one, saved) for some in pool.map(_one_after_the_other, groups.values()) for one, saved in some
        }
    return [results[id(one)] for one in asked]


def _one_after_the_other(asked: Sequence[Saving]) -> list[tuple[Saving, Saved | GobakeError]]:
    return [(one, _saved(one)) for one in asked]


def _saved(asked: Saving) -> Saved | GobakeError:
    try:
        return save(asked)
    except GobakeError as error:
        return error
