"""Our dataclasses beside the standard ones: what a user of them can see is the same."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import field
from functools import cached_property
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from gobake import dataclass as ours


def _classes(decorator: Callable[..., Any]) -> SimpleNamespace:
    @decorator(frozen=True, kw_only=True, order=True)
    class Point:
        """A place."""

        here: ClassVar[str] = "here"
        x: int
        y: int = 0
        unseen: str = field(default="", repr=False, compare=False)
        words: tuple[str, ...] = field(default_factory=tuple)
        name: Callable[[], str] = str  # no method of the class

        @cached_property
        def sum(self) -> int:
            return self.x + self.y

    @decorator(kw_only=True)
    class Growing:
        items: list[int] = field(default_factory=list)

    @decorator(frozen=True, kw_only=True)
    class Nothing:
        pass

    return SimpleNamespace(point=Point, growing=Growing, nothing=Nothing)


def _done(act: Callable[[SimpleNamespace], object]) -> list[object]:
    """With ours, and with the standard ones."""
    return [_seen(act, _classes(decorator)) for decorator in (ours.dataclass, dataclasses.dataclass)]


def _seen(act: Callable[[SimpleNamespace], object], kinds: SimpleNamespace) -> object:
    try:
        return act(kinds)
    except (TypeError, dataclasses.FrozenInstanceError) as error:
        return type(error)


@pytest.mark.parametrize(
    "act",
    [
        lambda k: repr(k.point(x=1, words=("a",), unseen="b")),
        lambda k: k.point(x=1) == k.point(x=1, unseen="other"),
        lambda k: k.point(x=1) == k.point(x=2),
        lambda k: k.point(x=1) == (1, 0, (), str),
        lambda k: k.nothing() == k.nothing(),
        lambda k: hash(k.nothing()) == hash(k.nothing()),
        lambda k: hash(k.point(x=1)) == hash(k.point(x=1, unseen="other")),
        lambda k: len({k.point(x=1), k.point(x=1), k.point(x=2)}),
        lambda k: [p.x for p in sorted([k.point(x=2), k.point(x=1, y=3), k.point(x=1)])],
        lambda k: (k.point(x=1) < k.point(x=2), k.point(x=1) <= k.point(x=1), k.point(x=1) > k.point(x=2)),
        lambda k: k.point(x=1) >= 1,
        lambda k: k.nothing() < k.nothing(),
        lambda k: dataclasses.replace(k.point(x=1, words=("a",)), y=5).words,
        lambda k: dataclasses.replace(k.point(x=1), z=5),
        lambda k: list(dataclasses.asdict(k.point(x=1))),
        lambda k: [(f.name, f.type, f.repr) for f in dataclasses.fields(k.point)],
        lambda k: k.point(1),
        lambda k: k.point(),
        lambda k: k.point(x=1, z=2),
        lambda k: setattr(k.point(x=1), "x", 2),
        lambda k: setattr(k.point(x=1), "z", 2),
        lambda k: delattr(k.point(x=1), "x"),
        lambda k: k.point(x=1).name(),
        lambda k: k.point(x=1, y=2).sum,
        lambda k: copy.deepcopy(k.point(x=1, words=("a",))).words,
        lambda k: (k.point.__doc__, k.point.here, k.point.y),
        lambda k: hash(k.growing()),
    ],
)
def test_they_do_what_the_standard_ones_do(act: Callable[[SimpleNamespace], object]) -> None:
    mine, standard = _done(act)
    assert mine == standard


def test_one_may_be_changed_where_it_is_not_frozen_and_shares_no_list() -> None:
    def act(kinds: SimpleNamespace) -> object:
        one, other = kinds.growing(), kinds.growing()
        one.items.append(1)
        other.items = [2]
        return one.items, other.items, one == other

    mine, standard = _done(act)
    assert mine == standard == ([1], [2], False)
