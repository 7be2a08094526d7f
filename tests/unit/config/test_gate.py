"""`gate` in gobake.yaml and the options of a gate: what they mean, and what is said where they are wrong."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from gobake.cli.options import GateGiven, gate_options, gate_wish
from gobake.config.fields import Field
from gobake.config.gates import GATE_FIELDS, LIMIT_FIELDS, Exemption, GateConfig, MostGrowth, SizeGate, fraction
from gobake.config.json_schema import schema
from gobake.config.loading import parse_config
from gobake.errors import ConfigError, UsageError
from tests.conftest import Gobake, Tree

VALIDATOR = Draft202012Validator(schema())


def gate(text: str) -> GateConfig:
    return parse_config(text.encode(), Path("gobake.yaml")).gate


def test_every_key_is_read() -> None:
    found = gate(
        """
gate:
  min_hit_rate: 80%
  min_go_hit_rate: 0.95
  max_seconds_regression: 150 %
  require_cache: true
  exempt: [first-run, modules]
  max_size: 20MB
  max_growth: 2.5 %
  services:
    api: {max_size: 1.5GiB, max_growth: 500kB}
    web: {max_growth: none}
  branches:
    main: {min_hit_rate: none, exempt: []}
    "release/*": {max_seconds_regression: 5%}
"""
    )
    assert (found.min_hit_rate, found.min_go_hit_rate, found.max_seconds_regression) == (0.8, 0.95, 1.5)
    assert found.require_cache is True
    assert (found.max_size, found.max_growth) == (20_000_000, MostGrowth(share=0.025))
    assert found.of_service("api") == SizeGate(max_size=1_610_612_736, max_growth=MostGrowth(bytes=500_000))
    assert found.of_service("web") == SizeGate(max_size=20_000_000, max_growth="none")
    assert found.of_service("other") == SizeGate(max_size=20_000_000, max_growth=MostGrowth(share=0.025))
    assert found.exempt == frozenset({Exemption.FIRST_RUN, Exemption.MODULES})
    assert dict(found.branches) == {
        "main": GateConfig(min_hit_rate="none", exempt=frozenset()),
        "release/*": GateConfig(max_seconds_regression=0.05),
    }


def test_without_a_gate_nothing_is_asked() -> None:
    assert gate("") == GateConfig()


def test_the_first_pattern_that_fits_holds() -> None:
    found = gate("gate: {branches: {'a*': {min_hit_rate: 10%}, 'ab': {min_hit_rate: 20%}}}")
    assert [found.of(branch).min_hit_rate for branch in ("ab", "b", "")] == [0.1, None, None]


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("80%", 0.8),
        ("80 %", 0.8),
        ("99.5%", 0.995),
        ("100%", 1),
        ("0.8", 0.8),
        (".8", 0.8),
        ("1", 1),
        ("1.0", 1),
        ("0", 0),
    ],
)
def test_a_share_is_a_percentage_or_a_fraction(text: str, share: float) -> None:
    assert gate(f"gate: {{min_hit_rate: {text}}}").min_hit_rate == share
    assert fraction(text) == share


# (id, text, line, a part of the message)
WRONG = [
    (
        "share without a sign above 100",
        "gate:\n  min_hit_rate: 101",
        2,
        "gobake.yaml:2:17: gate.min_hit_rate: '101' is no share; such as 80%, 80 or 0.8, at most 100%; none for no limit",
    ),
    ("share above 100 %", "gate:\n  min_go_hit_rate: 101%", 2, "gate.min_go_hit_rate: '101%' is no share"),
    ("fraction above 1", "gate: {min_hit_rate: 1.5}", 1, "'1.5' is no share"),
    ("share below 0", "gate: {min_hit_rate: -5%}", 1, "'-5%' is no share"),
    ("share that is a word", "gate: {min_hit_rate: high}", 1, "'high' is no share"),
    ("share in another script", "gate: {min_hit_rate: ٨٠%}", 1, "is no share"),
    ("share that is null", "gate:\n  min_hit_rate:", 2, "gate.min_hit_rate: has no value; such as `min_hit_rate: 80%`"),
    ("share that is a list", "gate: {min_hit_rate: [80%]}", 1, "gate.min_hit_rate: must be one value, not a list"),
    (
        "regression that is a fraction above 1",
        "gate:\n  require_cache: true\n  max_seconds_regression: 1.2",
        3,
        "gobake.yaml:3:27: gate.max_seconds_regression: '1.2' is no share; such as 20%, 20 or 0.2, and above 1 in percent",
    ),
    ("regression that is too high", "gate: {max_seconds_regression: 10000%}", 1, "'10000%' is no share"),
    ("size without a unit", "gate: {max_size: 20}", 1, "gate.max_size: '20' is no size; such as 20MB or 1.5GiB; none"),
    ("size in words", "gate:\n  max_size: small", 2, "gobake.yaml:2:13: gate.max_size: 'small' is no size"),
    ("growth without a sign", "gate: {max_growth: 5}", 1, "gate.max_growth: '5' is no size; such as 5% or 500kB; none"),
    ("growth below 0", "gate: {max_growth: -5%}", 1, "gate.max_growth: '-5%' is no size"),
    (
        "another limit of a service",
        "gate:\n  services:\n    api: {min_hit_rate: 5%}",
        3,
        "gate.services.api.min_hit_rate: unknown key 'min_hit_rate'; one of max_size, max_growth",
    ),
    ("service that is no name", "gate: {services: {API: {max_size: 1MB}}}", 1, "'API' is no service name"),
    ("services of a branch", "gate: {branches: {main: {services: {}}}}", 1, "unknown key 'services'"),
    ("yes for true", "gate: {require_cache: yes}", 1, "must be true or false, not the text 'yes'"),
    (
        "unknown exemption",
        "gate:\n  exempt:\n  - first-run\n  - go-versions",
        4,
        "gobake.yaml:4:5: gate.exempt.1: 'go-versions' is no kind of run; did you mean 'go-version'?",
    ),
    ("exemption twice", "gate: {exempt: [modules, modules]}", 1, "gate.exempt.1: 'modules' is listed twice"),
    ("exemption that is text", "gate: {exempt: first-run}", 1, "gate.exempt: must be a list, not the text 'first-run'"),
    (
        "unknown key",
        "gate:\n  min-hit-rate: 80%",
        2,
        "gobake.yaml:2:3: gate.min-hit-rate: unknown key 'min-hit-rate'; did you mean 'min_hit_rate'?",
    ),
    ("gate that is text", "gate: strict", 1, "gate: must be a mapping, not the text 'strict'; such as `gate: {min_hit"),
    ("gate that is null", "gate:", 1, "gate: has no value"),
    ("branches as a list", "gate:\n  branches: [main]", 2, "gate.branches: must be a mapping, not a list"),
    ("branch that is none", "gate: {branches: {'a b': {}}}", 1, "'a b' is no pattern of branches"),
    (
        "branches of a branch",
        "gate:\n  branches:\n    main:\n      branches: {}",
        4,
        "gate.branches.main.branches: unknown key 'branches'; one of min_hit_rate, min_go_hit_rate",
    ),
    (
        "share of a branch",
        "gate:\n  branches:\n    main: {min_hit_rate: 8%%}",
        3,
        "gobake.yaml:3:26: gate.branches.main.min_hit_rate: '8%%' is no share",
    ),
]
UNSEEN = {"yes for true"}  # a boolean in YAML 1.1


@pytest.mark.parametrize(("text", "line", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_value_is_named_with_its_place_and_remedy(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        gate(text)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert raised.value.where is not None
    assert raised.value.where.line == line


@pytest.mark.parametrize("text", [row[1] for row in WRONG if row[0] not in UNSEEN])
def test_an_editor_sees_the_same_mistake_by_the_schema(text: str) -> None:
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text)))


@pytest.mark.parametrize("field", GATE_FIELDS, ids=lambda field: str(field.name))
def test_every_example_and_default_is_right(field: Field) -> None:
    for value in (field.example, field.default):
        text = f"gate: {{{field.name}: {value}}}"
        assert getattr(gate(text), field.name) is not None
        assert not list(VALIDATOR.iter_errors(yaml.safe_load(text)))
        if field in LIMIT_FIELDS:
            assert gate(f"gate: {{branches: {{main: {{{field.name}: {value}}}}}}}").branches["main"] != GateConfig()


# ---- the command line


def wish(*words: str) -> GateConfig:
    found: list[GateConfig] = []

    @click.command()
    @gate_options
    def command(gate: GateGiven) -> None:
        found.append(gate_wish(gate))

    CliRunner().invoke(command, words, catch_exceptions=False)
    return found[0]


def test_whole_numbers_are_in_percent() -> None:
    found = wish("--min-hit-rate", "80", "--min-go-hit-rate", "1", "--max-seconds-regression", "150")
    assert (found.min_hit_rate, found.min_go_hit_rate, found.max_seconds_regression) == (0.8, 1.0, 1.5)
    text = "gate: {min_hit_rate: 80, min_go_hit_rate: 1, max_seconds_regression: 150}"
    assert gate(text) == found
    assert not list(VALIDATOR.iter_errors(yaml.safe_load(text)))


def test_options_that_are_not_given_say_nothing() -> None:
    assert wish() == GateConfig()


def test_options_mean_what_the_keys_mean() -> None:
    assert wish(
        "--min-hit-rate", "80%", "--min-go-hit-rate", "0.9", "--max-seconds-regression", "150%", "--require-cache",
        "--gate-exempt", "first-run, modules", "--gate-exempt", "go-version",
    ) == GateConfig(
        min_hit_rate=0.8, min_go_hit_rate=0.9, max_seconds_regression=1.5, require_cache=True, exempt=frozenset(Exemption)
    )  # fmt: skip
    assert wish("--max-size", "20 MB", "--max-growth", "5%") == gate("gate: {max_size: 20 MB, max_growth: 5%}")
    assert wish("--max-growth", "500kB").max_growth == MostGrowth(bytes=500_000)
    assert wish("--max-growth", "none", "--max-size", "none") == GateConfig(max_growth="none", max_size="none")


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("", False),
        ("gate: {min_hit_rate: 5%}", False),
        ("gate: {max_size: none}", False),
        ("gate: {max_size: 1MB}", True),
        ("gate: {services: {api: {max_growth: 5%}}}", True),
        ("gate: {branches: {main: {max_growth: 5%}}}", True),
    ],
)
def test_a_limit_of_any_branch_makes_runs_record_what_images_consist_of(text: str, asks: bool) -> None:
    assert gate(text).asks_sizes is asks


def test_options_take_away_what_the_file_says() -> None:
    assert wish("--min-hit-rate", "none", "--no-require-cache", "--gate-exempt", "none") == GateConfig(
        min_hit_rate="none", require_cache=False, exempt=frozenset()
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--min-hit-rate", "800"), "--min-hit-rate: invalid share '800'; such as 80%, 80 or 0.8"),
        (("--min-hit-rate", ""), "--min-hit-rate: invalid share ''"),
        (("--min-go-hit-rate", "120%"), "--min-go-hit-rate: invalid share '120%'"),
        (("--max-seconds-regression", "-5%"), "--max-seconds-regression: invalid share '-5%'; such as 20%, 20 or 0.2"),
        (("--max-size", "20"), "--max-size: invalid size '20'; such as 20MB or 1.5GiB; none for no limit"),
        (("--max-growth", "5"), "--max-growth: invalid size '5'; such as 5% or 500kB; none for no limit"),
        (("--max-growth", ""), "--max-growth: invalid size ''"),
        (("--gate-exempt", "first"), "--gate-exempt: unknown kind of run 'first'; did you mean first-run?"),
        (("--gate-exempt", "zzz"), "--gate-exempt: unknown kind of run 'zzz'; one of first-run, go-version, modules"),
        (("--gate-exempt", "none,modules"), "--gate-exempt: unknown kind of run 'none'"),
        (("--gate-exempt", ""), "--gate-exempt: unknown kind of run ''"),
    ],
)
def test_a_wrong_option_is_named(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        wish(*words)
    assert message in str(raised.value)


@pytest.mark.parametrize("command", ["build", "all"])
def test_a_wrong_option_ends_a_build_before_it_begins(gobake: Gobake, tree: Tree, command: str) -> None:
    root = tree({"go.mod": "module example.com/one\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"})
    ended = gobake(command, "--max-seconds-regression", "1.2", cwd=root)
    assert ended.code == 2
    assert ended.err.startswith("error: --max-seconds-regression: invalid share '1.2'; such as 20%, 20 or 0.2")
    assert ended.err.count("\n") == 1
