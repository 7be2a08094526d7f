"""Options that several commands share, and the values made from them."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gobake.caching.policy.options import CacheOptions
from gobake.config import patterns
from gobake.config.gates import NONE, REGRESSION, SHARE, Exemption, GateConfig, Limit, fraction
from gobake.config.kinds import Grammar
from gobake.errors import UsageError
from gobake.model import BASE_NAMES, BASE_OF, REPLACEABLE, Platform, Strategy, is_dockerfile
from gobake.plan.request import ProjectRequest
from gobake.targets.matrix import Selection
from gobake.text.nearest import did_you_mean
from gobake.trace.stall_limits import seconds_of


class PlatformList(click.ParamType[Any]):
    name = "P[,P...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Platform, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(dict.fromkeys(Platform.parse(word) for word in str(value).split(",") if word.strip()))


class StrategyList(click.ParamType[Any]):
    name = "S[,S...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Strategy, ...]:
        if isinstance(value, tuple):
            return value
        found = []
        for word in (w.strip() for w in str(value).split(",")):
            if word not in set(Strategy):
                remedy = did_you_mean(word, Strategy, f"one of {', '.join(Strategy)}")
                raise UsageError(f"unknown strategy {word!r}", remedy=remedy)
            found.append(Strategy(word))
        return tuple(dict.fromkeys(found))


class BaseList(click.ParamType[Any]):
    name = "NAME=REF"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        if isinstance(value, dict):
            return value
        found = {}
        for word in str(value).split(","):
            name, equals, reference = word.strip().partition("=")
            if not equals or name not in BASE_NAMES:
                raise UsageError(
                    f"--base {word!r}: unknown base {name!r}",
                    remedy=f"write NAME=REF with one of {', '.join(BASE_NAMES)}",
                )
            own = is_dockerfile(reference) and name in {BASE_OF[strategy] for strategy in REPLACEABLE}
            if not own and not re.fullmatch(patterns.REFERENCE, reference):
                raise UsageError(f"--base {name}: invalid image reference {reference!r}", remedy="write name:tag")
            found[name] = reference
        return found


class Share(click.ParamType[Any]):
    """A limit of a gate. Unlike other options it may not be empty, so that an unset variable cannot disable it."""

    name = "SHARE"

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Limit:
        if isinstance(value, float):
            return value
        if not re.fullmatch(self._grammar.pattern, value):
            raise UsageError(f"{_long(param)}: invalid {self._grammar.says} {value!r}", remedy=self._grammar.remedy)
        return NONE if value == NONE else fraction(value)


class ExemptionList(click.ParamType[Any]):
    name = "NAME[,NAME]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Exemption, ...]:
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",")]
        for word in words if words != [NONE] else ():
            if word not in set(Exemption):
                remedy = did_you_mean(word, Exemption, f"one of {', '.join(Exemption)}, or none")
                raise UsageError(f"--gate-exempt: unknown kind of run {word!r}", remedy=remedy)
        return tuple(Exemption(word) for word in words if word != NONE)


class Seconds(click.ParamType[Any]):
    """A time such as 90s, 5m or 1h. A plain number is in seconds; `none` or 0 is no limit."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        seconds = seconds_of(value)
        if seconds is None:
            raise UsageError(f"{_long(param)}: invalid time {value!r}", remedy="write 90s, 5m or 1h, or none")
        return seconds


def _long(param: click.Parameter | None) -> str:
    """Return the long form of an option: --tag for -t and --tag."""
    return max(param.opts, key=len) if param else ""


def worded(word: str, *, empty: bool = True) -> Callable[..., str | None]:
    """Check a value by a grammar of gobake.yaml, imported on use. ``empty``: an empty value counts as none."""

    def check(_ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value is None or (empty and not value):
            return None
        from gobake.config import words

        grammar = getattr(words, word)
        if len(value) > grammar.longest or not re.fullmatch(grammar.pattern, value):
            raise UsageError(f"{_long(param)}: invalid {grammar.says} {value!r}", remedy=grammar.remedy)
        return str(grammar.tidy(value))

    return check


def option_group(*options: Callable[..., Any]) -> Callable[..., Any]:
    """Combine options that several commands share into one decorator; --help shows them in this order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


# Project, builder and verbosity.
project_options = option_group(
    click.option(
        "-C",
        "--directory",
        type=click.Path(path_type=Path),
        default=Path(),
        help="The project's folder; default: this one and its parents up to go.work or go.mod.",
    ),
    click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A gobake.yaml elsewhere.",
    ),
    click.option(
        "--trust",
        envvar="GOBAKE_TRUST",
        is_flag=True,
        help="Vouch for the project: its gobake.yaml holds in all, and it is given what private modules need.",
    ),
    click.option(
        "--locked",
        envvar="GOBAKE_LOCKED",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A gobake.yaml outside of the project, which alone says who is talked to, who may write, and the gate.",
    ),
    click.option(
        "--builder",
        default="",
        envvar="GOBAKE_BUILDER",
        metavar="NAME",
        help="The buildx builder; default: the current one.",
    ),
    click.option("-v", "--verbose", is_flag=True, help="Print the exact buildx command."),
    click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
    click.option(
        "--color",
        envvar="GOBAKE_COLOR",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
    ),
)


def history_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--history",
        envvar="GOBAKE_HISTORY",
        callback=lambda _ctx, _param, value: Path(value) if value else None,
        metavar="DIR",
        help="Where the records of runs are kept; default: in the user's data folder.",
    )(command)


# What to build.
target_options = option_group(
    click.argument("services", nargs=-1, metavar="[SERVICE]..."),
    click.option(
        "-p",
        "--platform",
        "platforms",
        envvar="GOBAKE_PLATFORM",
        type=PlatformList(),
        multiple=True,
        help="Platforms, such as linux/amd64,linux/arm64; default: the builder's own.",
    ),
    click.option(
        "--registry",
        envvar="GOBAKE_REGISTRY",
        metavar="PREFIX",
        help="Prefix of image names, such as ghcr.io/acme.",
        callback=worded("REGISTRY", empty=False),
    ),
    click.option(
        "-t",
        "--tag",
        envvar="GOBAKE_TAG",
        default="latest",
        show_default=True,
        metavar="T",
        help="Tag of the images.",
        callback=worded("TAG", empty=False),
    ),
    click.option(
        "--version",
        envvar="GOBAKE_VERSION",
        metavar="V",
        help="Version of the programs and images; default: what gobake.yaml, --tag or Git's tags say.",
        callback=worded("VERSION"),
    ),
    click.option(
        "--base",
        "bases",
        envvar="GOBAKE_BASE",
        type=BaseList(),
        multiple=True,
        help=f"Another base image; NAME is one of {', '.join(BASE_NAMES)}.",
    ),
)


def store_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--cache-store",
        envvar="GOBAKE_CACHE_STORE",
        metavar="REPOSITORY|DIR",
        help="Where caches are kept: a registry's repository, or a folder (begun with ., / or ~/).",
        callback=worded("STORE"),
    )(command)


def cache_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for caches beside the builder's own."""
    return click.option(
        "--cache-policy",
        envvar="GOBAKE_CACHE_POLICY",
        metavar="NAME|FILE",
        help="What is read and written: dev, ci-branch, ci-pull-request, release, or a file; default: what fits the "
        "environment.",
        callback=worded("POLICY"),
    )(store_option(command))


# Limits for the caches of a run; if it misses one, the exit code is 5.
gate_options = option_group(
    click.option(
        "--min-hit-rate",
        type=Share(SHARE),
        help="Exit 5 where fewer steps came from a cache, such as 80% or 0.8.",
    ),
    click.option(
        "--min-go-hit-rate",
        type=Share(SHARE),
        help="Exit 5 where fewer Go packages came from a cache.",
    ),
    click.option(
        "--max-seconds-regression",
        type=Share(REGRESSION),
        help="Exit 5 where it took so much longer than the median of the last runs, such as 20%.",
    ),
    click.option(
        "--require-cache/--no-require-cache",
        default=None,
        help="Exit 5 where a cache could not be read, or nothing came from one.",
    ),
    click.option(
        "--gate-exempt",
        type=ExemptionList(),
        multiple=True,
        help=f"Runs that may fall short: {', '.join(Exemption)}.",
    ),
)


def strategy_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "-s", "--strategy", "strategies", type=StrategyList(), multiple=True, help=f"Strategies: {', '.join(Strategy)}."
    )(command)


def format_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)(
        command
    )


def request(given: dict[str, Any]) -> ProjectRequest:
    """Return the options for finding and reading a project."""
    bases: dict[str, str] = {}
    for base in (*_environments_bases(given), *given.get("bases", ())):
        bases |= base
    return ProjectRequest(
        directory=given["directory"],
        config_file=given["config_file"],
        builder=given["builder"],
        registry=given.get("registry"),
        bases=bases,
        platforms=_joined(given.get("platforms", ())),
        history=given.get("history"),
        version=given.get("version") or "",
        trust=given["trust"],
        locked=given["locked"],
    )


def _environments_bases(given: dict[str, Any]) -> list[dict[str, str]]:
    """Return the bases of GOBAKE_BASE; --base adds to them and overrides them by name."""
    said = os.environ.get("GOBAKE_BASE", "") if "bases" in given else ""
    return [BaseList().convert(word, None, None) for word in said.split()]


def selection(given: dict[str, Any], *, every_strategy: bool) -> Selection:
    return Selection(
        services=tuple(given["services"]),
        seen_from=(Path.cwd() / given["directory"]).resolve(),
        strategies=_joined(given.get("strategies", ())),
        platforms=_joined(given["platforms"]),
        every_strategy=every_strategy,
    )


def caches_of(given: dict[str, Any]) -> CacheOptions:
    return CacheOptions(policy=given["cache_policy"] or "", store=given["cache_store"] or "", said_from=Path.cwd())


def gate_wish(given: dict[str, Any]) -> GateConfig:
    """Return the command line's settings of the gate; None for options that are not given."""
    return GateConfig(
        min_hit_rate=given["min_hit_rate"],
        min_go_hit_rate=given["min_go_hit_rate"],
        max_seconds_regression=given["max_seconds_regression"],
        require_cache=given["require_cache"],
        exempt=frozenset(_joined(given["gate_exempt"])) if given["gate_exempt"] else None,
    )


def _joined(lists: tuple[tuple[Any, ...], ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(item for one in lists for item in one))


def as_given(function: Callable[[dict[str, Any]], Any]) -> Callable[..., Any]:
    """Pass a command its options as one dict, because they travel together."""

    @functools.wraps(function)
    def command(**given: Any) -> Any:
        return function(given)

    return command
