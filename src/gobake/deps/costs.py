"""What packages took to compile, from the last runs on record that compiled them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct

from gobake.runs.record import GoRecord, HostCompileRecord, RunRecord

Compiled = tuple[str, str]  # (platform, import path)
_NEVER = frozenset(("unsafe", "C"))  # packages that nothing compiles


class Cost(Struct, frozen=True, kw_only=True):
    """Seconds of several packages; processor time, as Go's action graphs tell it."""

    seconds: float | None  # None: no package is on record
    known: int  # packages on record
    packages: int  # all that a compile has to compile

    @property
    def whole(self) -> bool:
        return self.known == self.packages


class Costs(Struct, frozen=True, kw_only=True):
    """Seconds by (platform, import path), and the runs that they come from, newest first."""

    seconds: Mapping[Compiled, float] = {}
    runs: tuple[str, ...] = ()

    def of(self, packages: Iterable[Compiled]) -> Cost:
        """Return the cost of these packages together."""
        wanted = {one for one in packages if one[1] not in _NEVER}
        known = [self.seconds[one] for one in wanted if one in self.seconds]
        return Cost(seconds=sum(known) if known else None, known=len(known), packages=len(wanted))


def costs(records: Iterable[RunRecord], wanted: Collection[Compiled]) -> Costs:
    """Return the last recorded seconds of these packages. ``records``: newest first; reads no more than needed."""
    seconds: dict[Compiled, float] = {}
    runs: list[str] = []
    missing = {one for one in wanted if one[1] not in _NEVER}
    for record in records if missing else ():
        works: tuple[GoRecord | HostCompileRecord, ...] = (*record.go, *record.host)
        found = {one: took for work in works for one, took in _compiled(work) if one in missing}
        if found:
            runs.append(record.id)
            seconds |= found
            missing -= found.keys()
        if not missing:
            break
    return Costs(seconds=seconds, runs=tuple(runs))


def _compiled(work: GoRecord | HostCompileRecord) -> Iterable[tuple[Compiled, float]]:
    return (((work.platform, path), seconds) for path, seconds in work.compiled)
