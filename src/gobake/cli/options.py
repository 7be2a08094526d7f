"""Options that several commands share: each group beside the struct of its values, and what is made from them.

The fields of a struct are called as click calls the parameters; tests/unit/cli/test_given.py compares them.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from msgspec import Struct
from msgspec.structs import replace

from gobake.caching.policy.options import CacheOptions
from gobake.cli import completing
from gobake.cli.param_types import (
    BaseList,
    ExemptionList,
    MostGrowth,
    MostSize,
    PlatformList,
    Share,
    StrategyList,
    each_worded,
    worded,
)
from gobake.config.gates import REGRESSION, SHARE, Exemption, GateConfig, GrowthLimit, Limit, SizeLimit
from gobake.model import BASE_NAMES, Platform, Strategy
from gobake.plan.request import ProjectRequest
from gobake.targets.matrix import Selection
from gobake.text.color import CHOICES

POLICIES = ("dev", "ci-branch", "ci-pull-request", "release")  # files in cache/

T = TypeVar("T")
R = TypeVar("R")
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def given_as(kind: type[T]) -> Callable[[Callable[[T], R]], Callable[..., R]]:
    """Pass a command the values of its options as one struct, since they travel together."""

    def decorate(function: Callable[[T], R]) -> Callable[..., R]:
        @functools.wraps(function)
        def command(**given: Any) -> R:
            return function(kind(**given))

        return command

    return decorate


def option_group(*options: Decorator) -> Decorator:
    """Combine options into one decorator; --help shows them in this order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def gathered(name: str, kind: type[Struct], *options: Decorator) -> Decorator:
    """Combine options into one decorator; the command gets their values as one struct, called ``name``."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def gather(**given: Any) -> Any:
            group = kind(**{field: given.pop(field) for field in kind.__struct_fields__})
            return command(**given, **{name: group})

        return option_group(*options)(gather)

    return decorate


def without_meaning(*names: str) -> Decorator:
    """Hide options of all commands from the help of one for which they mean nothing; they are still taken."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        params: list[click.Parameter] = getattr(command, "__click_params__", [])
        for option in params:
            if isinstance(option, click.Option) and option.name in names:
                option.hidden = True
        return command

    return decorate


class ProjectGiven(Struct, frozen=True, kw_only=True):
    """Project, builder and verbosity."""

    directory: Path
    config_file: Path | None
    trust: bool
    locked: Path | None
    builder: str
    verbose: bool
    quiet: bool
    color: str


project_options = gathered(
    "project",
    ProjectGiven,
    click.option(
        "-C",
        "--directory",
        type=click.Path(path_type=Path),
        default=Path(),
        help="Look for the project in this folder and its parents; default: the current folder.",
    ),
    click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Use this gobake.yaml instead of the project's own.",
    ),
    click.option(
        "--trust",
        envvar="GOBAKE_TRUST",
        is_flag=True,
        help="Trust the project: apply all of its gobake.yaml, and pass its build the logins that its modules need.",
    ),
    click.option(
        "--locked",
        envvar="GOBAKE_LOCKED",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A gobake.yaml outside the project. It alone decides whom gobake contacts, who may write, and the gate.",
    ),
    click.option(
        "--builder",
        default="",
        envvar="GOBAKE_BUILDER",
        metavar="NAME",
        help="The buildx builder; default: the current one.",
    ),
    click.option("-v", "--verbose", is_flag=True, help="Print the exact buildx command."),
    click.option("-q", "--quiet", is_flag=True, help="Print no progress, notes or confirmations, only errors."),
    click.option(
        "--color",
        envvar="GOBAKE_COLOR",
        type=click.Choice(CHOICES),
        default="auto",
        show_default=True,
        help="When to use color; auto: on a terminal, unless NO_COLOR is set.",
    ),
)


history_option = click.option(
    "--history",
    envvar="GOBAKE_HISTORY",
    callback=lambda _ctx, _param, value: Path(value) if value else None,
    metavar="DIR",
    help="The folder for the records of runs; default: in the user's data folder.",
)


class TargetsGiven(Struct, frozen=True, kw_only=True):
    """What to build."""

    services: tuple[str, ...]
    platforms: tuple[tuple[Platform, ...], ...]
    registry: str | None
    tags: tuple[str, ...]
    version: str | None
    bases: tuple[dict[str, str], ...]


registry_option = click.option(
    "--registry",
    envvar="GOBAKE_REGISTRY",
    metavar="PREFIX",
    help="The prefix of image names, such as ghcr.io/acme; several, with commas, get all images of --push.",
    callback=worded("REGISTRIES", empty=False),
)
tags_option = click.option(
    "-t",
    "--tag",
    "tags",
    envvar="GOBAKE_TAG",
    multiple=True,
    default=("latest",),
    metavar="T",
    help="The tag of the images; {{version}}, {{major}}, {{minor}}, {{patch}}, {{sha}}, {{branch}}, {{date}} are "
    "filled in. May be repeated.  [default: latest]",
    callback=each_worded("TAG_TEMPLATE"),
)
version_option = click.option(
    "--version",
    envvar="GOBAKE_VERSION",
    metavar="V",
    help="The version of the programs and images; default: from gobake.yaml, --tag or Git tags.",
    callback=worded("VERSION"),
)

target_options = gathered(
    "targets",
    TargetsGiven,
    click.argument("services", nargs=-1, metavar="[SERVICE]...", shell_complete=completing.services),
    click.option(
        "-p",
        "--platform",
        "platforms",
        envvar="GOBAKE_PLATFORM",
        type=PlatformList(),
        multiple=True,
        help="The target platforms, such as linux/amd64,linux/arm64; default: the builder's own.",
    ),
    registry_option,
    tags_option,
    version_option,
    click.option(
        "--base",
        "bases",
        envvar="GOBAKE_BASE",
        type=BaseList(),
        multiple=True,
        help=f"Use another base image; NAME is one of {', '.join(BASE_NAMES)}.",
    ),
)


store_option = click.option(
    "--cache-store",
    envvar="GOBAKE_CACHE_STORE",
    metavar="REPOSITORY|DIR",
    help="Where to keep caches: a registry repository, or a folder that begins with ., / or ~/.",
    callback=worded("STORE"),
)


class CachesGiven(Struct, frozen=True, kw_only=True):
    """Caches beside the builder's own."""

    cache_policy: str | None
    cache_store: str | None


cache_options = gathered(
    "caches",
    CachesGiven,
    click.option(
        "--cache-policy",
        envvar="GOBAKE_CACHE_POLICY",
        metavar="NAME|FILE",
        shell_complete=completing.words(*POLICIES),
        help="Which caches to read and write: dev, ci-branch, ci-pull-request, release, or a policy file; default: "
        "depends on the environment.",
        callback=worded("POLICY"),
    ),
    store_option,
)


class GateGiven(Struct, frozen=True, kw_only=True):
    """Limits for the caches and images of a run; if it misses one, the exit code is 5. None if not given."""

    min_hit_rate: Limit | None
    min_go_hit_rate: Limit | None
    max_seconds_regression: Limit | None
    require_cache: bool | None
    max_size: SizeLimit | None
    max_growth: GrowthLimit | None
    gate_exempt: tuple[tuple[Exemption, ...], ...]


gate_options = gathered(
    "gate",
    GateGiven,
    click.option(
        "--min-hit-rate",
        type=Share(SHARE),
        help="Exit with code 5 if a smaller share of steps came from a cache, such as 80% or 0.8.",
    ),
    click.option(
        "--min-go-hit-rate",
        type=Share(SHARE),
        help="Exit with code 5 if a smaller share of Go packages came from a cache.",
    ),
    click.option(
        "--max-seconds-regression",
        type=Share(REGRESSION),
        help="Exit with code 5 if the run took longer than the median of the last runs by more than this, such as 20%.",
    ),
    click.option(
        "--require-cache/--no-require-cache",
        default=None,
        help="Exit with code 5 if a cache could not be read, or if nothing came from one.",
    ),
    click.option(
        "--max-size",
        type=MostSize(),
        help="Exit with code 5 if the compressed image of a service is larger, such as 20MB.",
    ),
    click.option(
        "--max-growth",
        type=MostGrowth(),
        help="Exit with code 5 if it is larger than in the last run of the target branch or main by more, such as 5% "
        "or 500kB.",
    ),
    click.option(
        "--gate-exempt",
        type=ExemptionList(),
        multiple=True,
        help=f"Kinds of runs that may miss limits of their caches: {', '.join(Exemption)}.",
    ),
)


strategy_option = click.option(
    "-s", "--strategy", "strategies", type=StrategyList(), multiple=True, help=f"The strategies: {', '.join(Strategy)}."
)


format_option = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)


# ---- what is made from them


def request(
    project: ProjectGiven, targets: TargetsGiven | None = None, *, history: Path | None = None
) -> ProjectRequest:
    """Return what finds and reads a project, as far as a command has options for it."""
    found = ProjectRequest(
        directory=project.directory,
        config_file=project.config_file,
        builder=project.builder,
        history=history,
        trust=project.trust,
        locked=project.locked,
    )
    if targets is None:
        return found
    return replace(
        found,
        registry=targets.registry,
        bases=bases_of(targets.bases),
        platforms=joined(targets.platforms),
        version=targets.version or "",
    )


def bases_of(given: tuple[dict[str, str], ...]) -> dict[str, str]:
    """Return the bases of GOBAKE_BASE; --base adds to them and overrides them by name."""
    bases: dict[str, str] = {}
    there = os.environ.get("GOBAKE_BASE", "").split()
    for base in (*(BaseList().convert(word, None, None) for word in there), *given):
        bases |= base
    return bases


def selection(
    project: ProjectGiven,
    targets: TargetsGiven,
    strategies: tuple[tuple[Strategy, ...], ...] = (),
    *,
    every_strategy: bool,
) -> Selection:
    return Selection(
        services=targets.services,
        seen_from=(Path.cwd() / project.directory).resolve(),
        strategies=joined(strategies),
        platforms=joined(targets.platforms),
        every_strategy=every_strategy,
        further_tags=targets.tags[1:],
    )


def caches_of(caches: CachesGiven) -> CacheOptions:
    return CacheOptions(policy=caches.cache_policy or "", store=caches.cache_store or "", said_from=Path.cwd())


def gate_wish(gate: GateGiven) -> GateConfig:
    """Return the command line's settings of the gate; None for options that are not given."""
    return GateConfig(
        min_hit_rate=gate.min_hit_rate,
        min_go_hit_rate=gate.min_go_hit_rate,
        max_seconds_regression=gate.max_seconds_regression,
        require_cache=gate.require_cache,
        max_size=gate.max_size,
        max_growth=gate.max_growth,
        exempt=frozenset(joined(gate.gate_exempt)) if gate.gate_exempt else None,
    )


def joined(lists: tuple[tuple[T, ...], ...]) -> tuple[T, ...]:
    """Return what an option that may be repeated names in all, each once."""
    return tuple(dict.fromkeys(item for one in lists for item in one))


def on_command_line(name: str) -> bool:
    """Whether an option of the running command was given there, and not by the environment."""
    return click.get_current_context().get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
