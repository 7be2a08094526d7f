"""Computes the targets of a run from a project and a selection. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from gobake.errors import ConfigError
from gobake.model import Platform, Project, Service, Strategy, Target, is_dockerfile
from gobake.services.asking import asked_for

# What UPX 4 can pack for linux (upx --help, "Packing of linux/elf").
UPX_ARCHITECTURES = frozenset(("386", "amd64", "arm", "arm64", "mips", "mipsle", "ppc64le", "ppc64"))


class Selection(Struct, frozen=True, kw_only=True):
    """What the command line selects. Empty fields select the defaults."""

    services: tuple[str, ...] = ()  # names, folders, import paths or patterns
    seen_from: Path | None = None  # the folder that ./ refers to; None: the project's root
    strategies: tuple[Strategy, ...] = ()
    platforms: tuple[Platform, ...] = ()
    further_tags: tuple[str, ...] = ()  # of every image, beside the request's own
    further_prefixes: tuple[str, ...] = ()  # of every image's name, beside the project's own registry
    every_strategy: bool = False  # `gobake all`: all configured strategies, not only the default one
    parts: tuple[tuple[str, tuple[Platform, ...]], ...] = ()  # of a shard: (service, its platforms in it)


class Matrix(Struct, frozen=True, kw_only=True):
    """All targets of a run, ordered by service and strategy, and notes on those left out."""

    targets: tuple[Target, ...]
    left_out: tuple[str, ...] = ()  # one sentence each

    @property
    def services(self) -> tuple[Service, ...]:
        by_name: dict[str, Service] = {}
        for target in self.targets:
            by_name.setdefault(target.service.name, target.service)
        return tuple(by_name.values())

    @property
    def platforms(self) -> tuple[Platform, ...]:
        return tuple(sorted({p for target in self.targets for p in target.platforms}))

    @property
    def strategies(self) -> tuple[Strategy, ...]:
        present = {target.strategy for target in self.targets}
        return tuple(s for s in Strategy if s in present)

    @property
    def compiles(self) -> bool:
        """Whether any target is compiled from source."""
        return any(t.strategy is not Strategy.PREBUILT for t in self.targets)

    def without(self, dropped: Iterable[Target], reason: str) -> Matrix:
        """Return the matrix without these targets, with the reason as a note."""
        gone = set(dropped)
        return Matrix(targets=tuple(t for t in self.targets if t not in gone), left_out=(*self.left_out, reason))


def select(project: Project, selection: Selection, default_platforms: Sequence[Platform]) -> Matrix:
    """Return the selected targets.

    ``default_platforms``: those of the builder, or of the host without a builder. Raises UsageError for unknown
    services and ConfigError for a target that cannot be built.
    """
    targets, left_out = [], []
    parts = dict(selection.parts)
    for service in asked_for(project, selection.services, selection.seen_from):
        platforms = parts.get(service.name) or selection.platforms or service.platforms or tuple(default_platforms)
        asked = selection.strategies or (service.strategies if selection.every_strategy else (service.strategy,))
        for strategy in (s for s in Strategy if s in asked):
            optional = selection.every_strategy and not selection.strategies and strategy is not service.strategy
            reason = _impossible(project, service, strategy, platforms, likely=optional)
            if not reason:
                own = project.own_base(service, strategy)
                wanted = tuple(sorted(set(platforms)))
                targets.append(
                    Target(
                        service=service,
                        strategy=strategy,
                        platforms=wanted,
                        own_base=own,
                        suffixed=selection.every_strategy,
                        further_tags=selection.further_tags,
                        further_prefixes=selection.further_prefixes,
                        sharded=service.name in parts,
                    )
                )
            elif optional:
                left_out.append(f"{service.name} in {strategy}: {reason[0]}")
            else:
                raise ConfigError(f"{service.name} cannot be built in {strategy}: {reason[0]}", remedy=reason[1])
    return Matrix(targets=tuple(targets), left_out=tuple(left_out))


def _impossible(
    project: Project, service: Service, strategy: Strategy, platforms: Sequence[Platform], *, likely: bool
) -> tuple[str, str] | None:
    """Return (reason, remedy) if the service's program cannot run in the strategy's image, else None.

    ``likely``: also if it most likely cannot. What the settings do not decide is checked once the program is compiled
    (bake/programs.j2).
    """
    if service.programs and strategy is Strategy.PREBUILT:
        return "it has several commands, but `prebuilt` is the path of one", "choose another strategy"
    if strategy is Strategy.UPX:
        foreign = sorted({p.arch for p in platforms} - UPX_ARCHITECTURES)
        if foreign:
            return f"UPX cannot pack {', '.join(foreign)}", "leave out the platform or the strategy"
    dynamic = service.build.dynamic and (likely or (service.build.native and service.uses_cgo))
    why = "CGO_ENABLED=1" if service.build.cgo else "-buildmode=pie"
    if dynamic and strategy in (Strategy.SCRATCH, Strategy.UPX):
        return (
            f"it is linked dynamically ({why}) and the image would have no loader",
            "choose distalpine or debian-slim, or link with -extldflags=-static",
        )
    base = project.base(service, strategy)
    if dynamic and strategy is Strategy.DISTROLESS and "static" in base and not is_dockerfile(base):
        return (
            f"it is linked dynamically ({why}) and {base} has no loader",
            "set the base distroless to gcr.io/distroless/base-debian12, or choose distalpine",
        )
    musl = "alpine" in project.bases.go
    if dynamic and not musl and strategy in (Strategy.ALPINE, Strategy.PREBUILT):
        return (
            f"it is linked against glibc ({why}) and alpine has musl",
            "set the base go to a golang:X.Y-alpine image, or choose debian-slim",
        )
    if dynamic and musl and strategy in (Strategy.DEBIAN_SLIM, Strategy.DISTROLESS):
        return f"it is linked against musl ({why}) and the base has glibc", "choose alpine or distalpine"
    return None
