"""Dataclasses that are cheap to define.

The standard decorator writes up to ten methods of a class as text and compiles them: half a millisecond a class,
whenever Python starts, and a build imports well over a hundred. Here it only reads the fields, so that `fields`,
`replace` and `asdict` treat these classes as any dataclass, and the methods are the same few functions for all. Type
checkers see the standard decorator; the tests compare the two.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, kw_only: bool, frozen: bool = False, order: bool = False) -> Callable[[type], type]:
        assert kw_only, "the standard decorator has values by position"
        return lambda cls: _finished(cls, frozen, order)


_ORDERS = (operator.lt, operator.le, operator.gt, operator.ge)
_Values = Callable[[object], Any]


def _finished(cls: type, frozen: bool, order: bool) -> type:
    cls.__doc__ = cls.__doc__ or cls.__name__  # without one, the standard decorator works out a signature
    dataclasses.dataclass(init=False, repr=False, eq=False, match_args=False, kw_only=True)(cls)
    fields = dataclasses.fields(cls)
    compared = _values_of(f.name for f in fields if f.compare)
    methods: dict[str, Any] = {
        "__init__": _init(fields),
        "__repr__": _repr(tuple(f.name for f in fields if f.repr)),
        "__eq__": _comparison(operator.eq, compared),
        "__hash__": _hash(compared) if frozen else None,
    }
    if order:
        methods |= {f"__{compare.__name__}__": _comparison(compare, compared) for compare in _ORDERS}
    if frozen:
        methods |= {"__setattr__": _refuse, "__delattr__": _refuse}
    for name, method in methods.items():
        setattr(cls, name, method)
    return cls


def _init(fields: tuple[dataclasses.Field[Any], ...]) -> Callable[..., None]:
    names = frozenset(f.name for f in fields)
    defaults = {f.name: f.default for f in fields if f.default is not dataclasses.MISSING}
    factories = [(f.name, f.default_factory) for f in fields if f.default_factory is not dataclasses.MISSING]

    def init(self: object, **given: object) -> None:
        values = self.__dict__
        values.update(defaults)
        values.update(given)
        for name, factory in factories:
            if name not in given:
                values[name] = factory()
        if values.keys() != names:
            unfit = ", ".join(sorted(values.keys() ^ names))
            raise TypeError(f"{type(self).__qualname__}: missing or unexpected: {unfit}")

    return init


def _repr(names: tuple[str, ...]) -> Callable[[object], str]:
    def repr_(self: object) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return repr_


def _values_of(names: Iterable[str]) -> _Values:
    wanted = tuple(names)
    return attrgetter(*wanted) if wanted else lambda _: ()


def _comparison(
    compare: Callable[[Any, Any], bool], values: Callable[[object], Any]
) -> Callable[[object, object], bool]:
    def compared(self: object, other: object) -> bool:
        return compare(values(self), values(other)) if type(self) is type(other) else NotImplemented

    return compared


def _hash(values: _Values) -> Callable[[object], int]:
    return lambda self: hash(values(self))


def _refuse(_self: object, name: str, *_value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}, nor delete it")
