"""The structs that commands get: a field for each parameter of the command, of the type that click makes of its words.

With this, a mistake in a name or a type of an option is found by mypy.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from typing import Any, get_type_hints

import click
import msgspec
import pytest
from msgspec import Struct

from gobake.cli import gobake
from gobake.cli.param_types import (
    Age,
    BaseList,
    DatabaseUrl,
    ExemptionList,
    MostGrowth,
    MostSize,
    NameList,
    NodeGiven,
    PlatformList,
    Runner,
    Seconds,
    Share,
    Size,
    StrategyList,
)

WORDS: dict[type[click.ParamType[Any]], str] = {
    Age: "14d",
    BaseList: "go=golang:1.26",
    DatabaseUrl: "https://vuln.example.com",
    ExemptionList: "first-run",
    MostGrowth: "5%",
    MostSize: "20MB",
    NameList: "upx",
    PlatformList: "linux/amd64",
    NodeGiven: "linux/arm64=tcp://10.0.0.2:1234",
    Runner: "linux/arm64=self-hosted",
    Seconds: "5m",
    Share: "0.8",
    Size: "2GB",
    StrategyList: "scratch",
    click.Path: "somewhere",
    click.IntRange: "3",
}
TEXTS = {"cache_store": "./caches", "to": "./caches"}  # of options that do not take any text


def _commands(group: click.Group) -> Iterator[click.Command]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield from _commands(command) if isinstance(command, click.Group) else [command]


def _given(command: click.Command) -> dict[str, Any]:
    """The names and types of all that the function behind a command gets."""
    assert command.callback is not None
    function = inspect.unwrap(command.callback)
    hints = get_type_hints(function)
    return _flat({name: hints[name] for name in inspect.signature(function).parameters})


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields, with those of structs in place of the structs. Parts of values are no fields."""
    found: dict[str, Any] = {}
    for name, kind in fields.items():
        grouped = isinstance(kind, type) and issubclass(kind, Struct)
        more = _flat(get_type_hints(kind)) if grouped else {name: kind}
        assert not found.keys() & more.keys()
        found |= more
    return found


def _word(parameter: click.Parameter) -> str:
    if isinstance(parameter.type, click.Choice):
        return str(parameter.type.choices[0])
    return WORDS.get(type(parameter.type)) or TEXTS.get(parameter.name or "", "some")


def _said(parameter: click.Parameter) -> list[str]:
    """A parameter on the command line."""
    if not isinstance(parameter, click.Option):
        return [_word(parameter)]
    return [parameter.opts[-1]] if parameter.is_flag else [parameter.opts[-1], _word(parameter)]


COMMANDS = [pytest.param(command, id=f"{command.callback.__module__}.{command.name}") for command in _commands(gobake)]


@pytest.mark.parametrize("command", COMMANDS)
def test_there_is_a_field_for_each_parameter_and_no_other(command: click.Command) -> None:
    assert sorted(_given(command)) == sorted(str(parameter.name) for parameter in command.params)


@pytest.mark.parametrize("everything", [False, True], ids=["as little as may be", "everything"])
@pytest.mark.parametrize("command", COMMANDS)
def test_fields_have_the_types_of_the_values(
    command: click.Command, everything: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("GOBAKE_")]:
        monkeypatch.delenv(name)
    parameters = [parameter for parameter in command.params if everything or parameter.required]
    words = [word for parameter in parameters for word in _said(parameter)]
    with command.make_context(str(command.name), words) as context:
        for name, kind in _given(command).items():
            msgspec.convert(context.params[name], kind)
