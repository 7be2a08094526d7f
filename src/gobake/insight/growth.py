"""What images grew by from run to run, and which module, or else which layer, did it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from gobake.checkout.requirements import Requirement
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import ContentsRecord, LayerRecord, ModuleRecord, RunRecord, SizeRecord, TargetRecord
from gobake.runs.summary import RunSummary

LEAST = 0.001  # of the image: a smaller change is none
_TRIED = 3  # runs of a branch that are read for an image


class Growth(Struct, frozen=True, kw_only=True):
    """A module in two programs."""

    module: str  # "" for what belongs to none
    version: str  # "" if it is gone
    before: str  # its version then; "" if it is new
    bytes: int  # more than before; negative for less
    packages: tuple[tuple[str, int], ...] = ()  # what changed most in it, first
    source: Requirement | None = None  # of its version; None if it was not looked for, or is in no go.mod

    @property
    def follows(self) -> bool:
        """Whether it is the standard library of the same Go: its bytes follow from what others use."""
        return self.module == "std" and self.before == self.version


class LayerGrowth(Struct, frozen=True, kw_only=True):
    """A layer in two images."""

    instruction: str
    bytes: int  # stored bytes more than before; negative for less


class Grown(Struct, frozen=True, kw_only=True):
    """The difference of two images, or of two programs."""

    name: str  # of the one before
    bytes: int  # more than before
    before_bytes: int
    modules: tuple[Growth, ...] = ()  # those that changed, what grew most first
    layers: tuple[LayerGrowth, ...] = ()  # the same

    @property
    def culprit(self) -> Growth | None:
        """The module that grew most; what belongs to none only where no module grew.

        The standard library of one version grows because others use more of it: if a module that is new or in another
        version grew by more than all those of the same version, such as one's own, it is the one.
        """
        more = [one for one in self.modules if one.bytes > 0]
        most = next((one for one in more if one.module), more[0] if more else None)
        if most is None or not most.follows:
            return most
        first = next((one for one in more if one.module and not one.follows), None)
        return first if first and first.before != first.version else most

    @property
    def following(self) -> Growth | None:
        """The standard library, if it grew with the module that is named."""
        culprit = self.culprit
        if culprit is None or culprit.follows or culprit.before == culprit.version:
            return None
        return next((one for one in self.modules if one.follows and one.bytes >= culprit.bytes / 10), None)

    @property
    def layer(self) -> LayerGrowth | None:
        """The layer that grew most."""
        return next((one for one in self.layers if one.bytes > 0), None)

    @property
    def share(self) -> float:
        """Of the size before."""
        return self.bytes / self.before_bytes if self.before_bytes else 0.0

    @property
    def changed(self) -> bool:
        """Whether the difference is worth a word."""
        return bool(self.bytes) and abs(self.bytes) >= LEAST * self.before_bytes


class ImageGrowth(Struct, frozen=True, kw_only=True):
    """The image of a service in a run and in an earlier one."""

    service: str
    strategy: str
    platform: str
    bytes: int  # compressed
    run: str  # the earlier run
    branch: str  # of that run
    grown: Grown


# ---- two images


def grown(name: str, sizes: tuple[int, int], before: ContentsRecord | None, now: ContentsRecord | None) -> Grown:
    """Compare two images, by module and layer where both are known. ``sizes``: before and now."""
    modules: tuple[Growth, ...] = ()
    layers: tuple[LayerGrowth, ...] = ()
    if before and now:
        layers = tuple(_layers(before.layers, now.layers))
        if before.program is not None and now.program is not None:
            modules = tuple(_modules(before, now))
    return Grown(
        name=name,
        bytes=sizes[1] - sizes[0],
        before_bytes=sizes[0],
        modules=tuple(sorted(modules, key=lambda change: (-change.bytes, change.module))),
        layers=tuple(sorted(layers, key=lambda change: (-change.bytes, change.instruction))),
    )


def _modules(before: ContentsRecord, now: ContentsRecord) -> Iterator[Growth]:
    then = {module.module: module for module in before.modules}
    here = {module.module: module for module in now.modules}
    unlisted = _unlisted(before), _unlisted(now)
    for name in sorted(then.keys() | here.keys()):
        old, new = then.get(name), here.get(name)
        sizes = old.bytes if old else unlisted[0], new.bytes if new else unlisted[1]
        versions = old.version if old else "", new.version if new else ""
        if (old is None and before.others) or (new is None and now.others):  # perhaps there, and small
            versions = "", ""
            if (sizes[1] - sizes[0] > 0) != (new is not None):
                continue
        if sizes[0] != sizes[1] or versions[0] != versions[1]:
            yield Growth(
                module=name,
                version=versions[1],
                before=versions[0],
                bytes=sizes[1] - sizes[0],
                packages=_packages(old, new),
            )


def _unlisted(contents: ContentsRecord) -> int:
    """The most that a module which is not listed can have."""
    return contents.modules[-1].bytes if contents.others and contents.modules else 0


def _packages(old: ModuleRecord | None, new: ModuleRecord | None) -> tuple[tuple[str, int], ...]:
    then, here = dict(old.packages if old else ()), dict(new.packages if new else ())
    least = _least(old), _least(new)
    changes = {name: here.get(name, least[1]) - then.get(name, least[0]) for name in (*then, *here)}
    changed = [
        (name, size)
        for name, size in changes.items()
        if (size > 0 and (name in here or not least[1])) or (size < 0 and (name in then or not least[0]))
    ]
    return tuple(sorted(changed, key=lambda pair: (-abs(pair[1]), pair[0])))


def _least(module: ModuleRecord | None) -> int:
    """The most that a package which is not listed can have."""
    if module is None or not module.packages:
        return 0
    rest = module.bytes - sum(size for _, size in module.packages)
    return min(max(rest, 0), module.packages[-1][1])


def _layers(before: Sequence[LayerRecord], now: Sequence[LayerRecord]) -> Iterator[LayerGrowth]:
    """The layers by instruction; those of one instruction count together."""
    sums: dict[str, int] = {}
    for sign, layers in ((-1, before), (1, now)):
        for layer in layers:
            sums[layer.instruction] = sums.get(layer.instruction, 0) + sign * layer.bytes
    yield from (LayerGrowth(instruction=name, bytes=size) for name, size in sums.items() if size)


# ---- runs


def is_chosen(target: TargetRecord) -> bool:
    """Whether the strategy is the service's chosen one: its image has a name without the strategy."""
    return not target.images or any(not name.endswith(f"-{target.strategy}") for name in target.images)


def images_of(run: RunRecord) -> Iterator[tuple[TargetRecord, SizeRecord, int]]:
    """The images that services ship, by platform, with their compressed size; not other strategies of `gobake all`."""
    for target in run.targets:
        if target.digest and not target.failure and is_chosen(target):
            yield from ((target, size, size.compressed) for size in target.sizes if size.compressed is not None)


def lineage(run: RunRecord) -> list[str]:
    """The branches whose last run an image is compared with, best first: those that the run's own goes into, and only
    without any run of them its own. On such a branch itself: its own."""
    own = run.branch or next(iter(run.fallbacks), "")
    return list(dict.fromkeys((*(branch for branch in run.fallbacks if branch != own), own)))


def candidates(run: RunRecord, summaries: Iterable[RunSummary]) -> list[str]:
    """The ids of the runs to read, best first. ``summaries``: newest first, read until the best branch has all."""
    names = {target.name for target, _, _ in images_of(run)}
    found: dict[str, list[str]] = {branch: [] for branch in lineage(run)}
    left: Mapping[str, dict[str, int]] = {branch: dict.fromkeys(names, _TRIED) for branch in found}
    for one in summaries:
        wanted = left.get(one.branch, {})
        fits = [name for name in one.names if wanted.get(name)]
        if fits and one.id < run.id and one.outcome == RunOutcome.DONE:
            found[one.branch].append(one.id)
            for name in fits:
                wanted[name] -= 1
            if not any(next(iter(left.values())).values()):
                break
    return [run_id for ids in found.values() for run_id in ids]


def growths(run: RunRecord, earlier: Iterable[RunRecord]) -> tuple[ImageGrowth, ...]:
    """What the images of a run grew by. ``earlier``: best first; read until each image has been found."""
    wanted = {(target.name, size.platform): (target, size, count) for target, size, count in images_of(run)}
    found: dict[tuple[str, str], ImageGrowth] = {}
    runs = iter(earlier)
    while len(found) < len(wanted) and (other := next(runs, None)):
        for target, before, count in images_of(other):
            key = (target.name, before.platform)
            if key not in wanted or key in found:
                continue
            mine, size, now = wanted[key]
            found[key] = ImageGrowth(
                service=mine.service,
                strategy=mine.strategy,
                platform=size.platform,
                bytes=now,
                run=other.id,
                branch=other.branch,
                grown=grown(f"run {other.id}", (count, now), before.contents, size.contents),
            )
    return tuple(found[key] for key in wanted if key in found)


class Point(Struct, frozen=True, kw_only=True):
    """The image of a service in one of several runs."""

    at: int  # of the run, the oldest first
    run: str
    started: float
    branch: str
    service: str
    strategy: str
    platform: str
    bytes: int  # compressed
    grown: Grown | None  # since the point before of the same image; None for the first


def course(run: RunRecord, earlier: Iterable[RunRecord]) -> tuple[Point, ...]:
    """The images of a run through earlier ones of its branches, the oldest first. ``earlier``: newest first."""
    branches = set(lineage(run))
    before = [one for one in earlier if one.id < run.id and one.branch in branches and one.outcome == RunOutcome.DONE]
    wanted = {(target.name, size.platform) for target, size, _ in images_of(run)}
    last: dict[tuple[str, str], tuple[int, SizeRecord]] = {}
    points = []
    for at, one in enumerate([*reversed(before), run]):
        for target, size, count in images_of(one):
            key = (target.name, size.platform)
            if key not in wanted:
                continue
            then = last.get(key)
            change = grown("the run before", (then[0], count), then[1].contents, size.contents) if then else None
            last[key] = (count, size)
            points.append(
                Point(
                    at=at,
                    run=one.id,
                    started=one.started,
                    branch=one.branch,
                    service=target.service,
                    strategy=target.strategy,
                    platform=size.platform,
                    bytes=count,
                    grown=change,
                )
            )
    return tuple(points)
