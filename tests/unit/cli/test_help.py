"""What --help shows of commands with many options."""

from __future__ import annotations

import click
import pytest

from gobake.cli import gobake
from gobake.cli.sections import SECTIONS
from gobake.errors import ExitCode
from tests.unit.cli.test_commands import good

LONG = ("build", "all", "plan", "render")


@pytest.mark.parametrize("name", LONG)
def test_every_option_is_in_one_section(name: str) -> None:
    command = gobake.get_command(click.Context(gobake), name)
    assert command
    named = [param for names in SECTIONS.values() for param in names]
    assert len(named) == len(set(named))
    assert {str(p.name) for p in command.params if isinstance(p, click.Option)} <= set(named)


@pytest.mark.parametrize("name", LONG)
def test_the_help_ends_with_variables_and_exit_codes(name: str) -> None:
    text = good(name, "--help")
    assert "GOBAKE_PLATFORM" in text
    assert all(f"{code} " in text.partition("Exit codes:")[2] for code in ExitCode)
    assert text.count("--help") == 1


def test_options_without_a_meaning_are_taken_and_not_shown() -> None:
    for words in (("explain",), ("runs", "show"), ("report",), ("metrics",)):
        text = good(*words, "--help")
        assert "--verbose" not in text
        assert "--builder" not in text
    assert "--quiet" not in good("plan", "--help")
    assert "--verbose" in good("build", "--help")
