"""Types of option values: each reads a word of the command line, and says what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from gobake.cli.completing import last_of_list
from gobake.config import patterns
from gobake.config.gates import (
    GROWTH,
    NONE,
    SIZE,
    Exemption,
    growth_limit,
    share_limit,
    size_limit,
)
from gobake.config.kinds import Grammar
from gobake.errors import UsageError
from gobake.model import BASE_NAMES, BASE_OF, REPLACEABLE, Platform, Strategy, is_dockerfile
from gobake.text.amounts import size_in_bytes
from gobake.text.nearest import did_you_mean
from gobake.trace.stall_limits import seconds_of

_PLATFORMS = tuple(
    f"linux/{name}" for name in ("amd64", "arm64", "arm/v7", "arm/v6", "386", "ppc64le", "riscv64", "s390x")
)  # completed by the shell; others are taken too
if TYPE_CHECKING:
    _Type = click.ParamType[Any]
else:
    _Type = click.ParamType  # generic since click 8.4

_AGE = re.compile(r"(\d+)\s*(m|h|d|w)")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


class PlatformList(_Type):
    name = "P[,P...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Platform, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(dict.fromkeys(Platform.parse(word) for word in str(value).split(",") if word.strip()))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return last_of_list(_PLATFORMS, incomplete)


class Runner(_Type):
    """The runner of a CI for a platform."""

    name = "PLATFORM=LABEL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Platform, str]:
        if isinstance(value, tuple):
            return value
        platform, equals, label = str(value).partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,99}", label, re.ASCII):
            raise UsageError(
                f"{_long(param)}: invalid runner {value!r}",
                remedy="write PLATFORM=LABEL, such as linux/arm64=ubuntu-24.04-arm",
            )
        return Platform.parse(platform), label


class NodeGiven(_Type):
    """A node of a builder: the platforms that it is meant for, and where it is; one of them may be left out."""

    name = "[PLATFORM[,P]=]ENDPOINT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[tuple[Platform, ...], str]:
        if isinstance(value, tuple):
            return value
        meant, equals, endpoint = str(value).partition("=")
        if "linux/" not in meant:  # tcp://10.0.0.2:1234, ssh://arm, unix:///run/buildkit.sock, a context
            meant, equals, endpoint = "", "", str(value)
        if not re.fullmatch(r"(?!-)[!-~]{1,300}", endpoint) and (equals or not meant):
            raise UsageError(
                f"{_long(param)}: invalid node {value!r}",
                remedy="write ENDPOINT or PLATFORM=ENDPOINT, such as linux/arm64=tcp://10.0.0.2:1234",
            )
        return tuple(dict.fromkeys(Platform.parse(part) for part in meant.split(",") if meant)), endpoint


class StrategyList(_Type):
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

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return last_of_list(Strategy, incomplete)


class DatabaseUrl(_Type):
    """The address of a vulnerability database; an empty value is none."""

    name = "URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value and not re.fullmatch(r"(?:https?|file)://[!-~]{1,2000}", value):
            raise UsageError(
                f"{_long(param)}: invalid address {value!r}", remedy="write https://HOST or file:///FOLDER"
            )
        return str(value)


class NameList(_Type):
    """Names that the command knows; an empty value is none."""

    name = "NAME[,NAME]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(dict.fromkeys(word.strip() for word in str(value).split(",") if word.strip()))


class BaseList(_Type):
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

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return last_of_list((f"{name}=" for name in BASE_NAMES), incomplete)


class _GateLimit(_Type):
    """A limit of a gate. Unlike other options it may not be empty, so that an unset variable cannot disable it."""

    def __init__(self, grammar: Grammar, parsed: Callable[[str], object]) -> None:
        self._grammar, self._parsed = grammar, parsed

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> object:
        if not isinstance(value, str):
            return value
        if len(value) > self._grammar.longest or not re.fullmatch(self._grammar.pattern, value):
            raise UsageError(f"{_long(param)}: invalid {self._grammar.says} {value!r}", remedy=self._grammar.remedy)
        return self._parsed(value)


class Share(_GateLimit):
    name = "SHARE"

    def __init__(self, grammar: Grammar) -> None:
        super().__init__(grammar, share_limit)


class MostSize(_GateLimit):
    name = "SIZE"

    def __init__(self) -> None:
        super().__init__(SIZE, size_limit)


class MostGrowth(_GateLimit):
    name = "SIZE|N%"

    def __init__(self) -> None:
        super().__init__(GROWTH, growth_limit)


class ExemptionList(_Type):
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

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return last_of_list(Exemption, incomplete)


class Seconds(_Type):
    """A time such as 90s, 5m or 1h. A plain number is in seconds; `none` or 0 is no limit."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        seconds = seconds_of(value)
        if seconds is None:
            raise UsageError(f"{_long(param)}: invalid time {value!r}", remedy="write 90s, 5m or 1h, or none")
        return seconds


class Age(_Type):
    """How long ago: 90m, 12h, 14d or 2w."""

    name = "AGE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = _AGE.fullmatch(str(value).strip())
        if not match:
            raise UsageError(f"invalid age {value!r}", remedy="write 90m, 12h, 14d or 2w")
        return float(int(match[1]) * _SECONDS[match[2]])


class Size(_Type):
    """A number of bytes, such as 500MB or 1.5GiB."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = size_in_bytes(str(value))
        if found is None:
            raise UsageError(f"invalid size {value!r}", remedy="write 500MB, 2GB or 1.5GiB")
        return found


def _long(param: click.Parameter | None) -> str:
    """Return the long form of an option: --tag for -t and --tag."""
    return max(param.opts, key=len) if param else ""


def each_worded(word: str) -> Callable[..., tuple[str, ...]]:
    """Check the values of an option that may be repeated; none of them may be empty."""
    check = worded(word, empty=False)

    def check_all(context: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
        if named := next((value for value in values if ":" in value), ""):
            name, _, tag = named.rpartition(":")
            remedy = f"names are those of services, behind --registry PREFIX: write --tag {tag or 'TAG'}"
            raise UsageError(f"{_long(param)}: {named!r} is the name {name!r} with a tag", remedy=remedy)
        return tuple(dict.fromkeys(str(check(context, param, value)) for value in values))

    return check_all


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
