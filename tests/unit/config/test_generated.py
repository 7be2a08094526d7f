"""What is made from the table of keys: the JSON schema, the reference and a new gobake.yaml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gobake.config.bases import BASE_FIELDS
from gobake.config.caches import CacheConfig, LayerConfig, SeedConfig
from gobake.config.fields import fields_of
from gobake.config.gates import GateConfig
from gobake.config.history import HistoryConfig
from gobake.config.initfile import render_init
from gobake.config.json_schema import schema
from gobake.config.loading import parse_config
from gobake.config.private import PrivateConfig, Token
from gobake.config.reference import fields_markdown
from gobake.config.running import BinaryConfig
from gobake.config.service import SERVICE_FIELDS, ServiceConfig
from gobake.config.values import TOP_FIELDS, Config
from gobake.config.words import ARCHITECTURES, RESERVED_NAMES
from gobake.model import BASE_NAMES, Bases, BuildOptions, Platform, Project, Service

BASES = {name: f"{name}:1" for name in BASE_NAMES}
VALIDATOR = Draft202012Validator(schema())


def config(text: str) -> Config:
    return parse_config(text.encode(), Path("gobake.yaml"))


def new_file(services: tuple[tuple[str, str], ...] = (("api", "./cmd/api"), ("no", "."))) -> str:
    return render_init("shop", services, BASES, "1.26")


def test_the_schema_is_one_and_admits_what_the_parser_admits() -> None:
    Draft202012Validator.check_schema(schema())
    for text in (
        "",
        "services: {api: }",
        "go: '1.26.3'",
        "provenance: max",
        "services: {api: {ports: [1, 2/udp], user: 0, files: ['a:/b', {source: a, target: /c}]}}",
        new_file(),
    ):
        assert not list(VALIDATOR.iter_errors(yaml.safe_load(text))), text


def test_every_key_is_described() -> None:
    for field in (*TOP_FIELDS, *SERVICE_FIELDS, *BASE_FIELDS):
        assert field.schema["title"] == field.name
        assert field.schema["description"]
        assert (field.default is None) == bool(field.otherwise), field.name


def test_every_field_of_a_value_is_a_key() -> None:
    own = {"name", "where", "places"}
    assert [f.name for f in SERVICE_FIELDS] == [name for name in ServiceConfig.__struct_fields__ if name not in own]
    assert [f.name for f in TOP_FIELDS] == [name for name in Config.__struct_fields__ if name not in {"file", "places"}]
    for values in (BinaryConfig, CacheConfig, LayerConfig, SeedConfig, GateConfig, HistoryConfig, PrivateConfig, Token):
        assert [f.name for f in fields_of(values)] == list(values.__struct_fields__)
    assert tuple(f.name for f in BASE_FIELDS) == BASE_NAMES


def test_the_defaults_that_are_documented_are_those_of_the_model() -> None:
    model: dict[str, Any] = {}
    for values in (BuildOptions, Service, Bases, Project):
        model |= {f.name: f.default for f in msgspec.structs.fields(values) if f.default is not msgspec.NODEFAULT}
    model |= {"build_tags": (), "build_env": (), "discover": None, "version_stamp": ""}
    for field in (*SERVICE_FIELDS, *BASE_FIELDS, *TOP_FIELDS):
        if field.default is None:
            continue
        said = yaml.safe_load(field.default)
        meant = tuple(said) if isinstance(said, list | dict) else said
        assert meant == model[field.name], field.name


@pytest.mark.parametrize("field", [f for f in SERVICE_FIELDS if f.shared], ids=lambda f: str(f.name))
def test_every_example_and_default_of_a_setting_is_right(field: Any) -> None:
    for value in (field.example, field.default):
        if value is not None:
            text = f"defaults:\n  {field.name}: {value}\n"
            assert getattr(config(text).defaults, field.name) is not None
            assert not list(VALIDATOR.iter_errors(yaml.safe_load(text)))


def test_every_example_of_the_file_is_right() -> None:
    text = "\n".join(f"{f.name}: {f.example}" for f in TOP_FIELDS)
    assert config(text).name == "shop"
    assert config(f"bases: {{{', '.join(f'{f.name}: {f.example}' for f in BASE_FIELDS)}}}").bases["upx"]


def test_every_suggested_platform_is_one() -> None:
    assert {Platform.parse(f"linux/{arch}").arch for arch in ARCHITECTURES} == set(ARCHITECTURES)


def test_the_reference_has_a_row_for_every_key() -> None:
    text = fields_markdown()
    for field in (*TOP_FIELDS, *SERVICE_FIELDS, *BASE_FIELDS):
        assert f"| `{field.name}` |" in text
    assert {line.count(" | ") for line in text.splitlines() if line.startswith("|")} == {4}


def test_a_new_file_says_what_was_found_and_parses_back() -> None:
    written = config(new_file())
    assert written.name == "shop"
    assert [(s.name, s.package) for s in written.services] == [("api", "./cmd/api"), ("no", ".")]
    assert written.defaults == ServiceConfig(name="", where=written.defaults.where)


def test_a_new_file_without_services_leaves_them_to_be_found() -> None:
    assert config(new_file(())).discover


def test_every_comment_of_a_new_file_can_be_taken_away() -> None:
    text = new_file()
    said = re.sub(r"(?m)^(\s*)#(?! \S)", r"\1", text)
    full = config(said)
    assert (full.go, full.provenance, full.discover, dict(full.bases)) == ("1.26", "false", True, BASES)
    assert all(getattr(full.defaults, f.name) is not None for f in SERVICE_FIELDS if f.shared)
    for field in (*TOP_FIELDS, *SERVICE_FIELDS):
        assert re.search(rf"(?m)^\s*#?{field.name}:|^# `{field.name}: ", text), field.name


NAME = st.from_regex(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", fullmatch=True).filter(
    lambda name: name not in RESERVED_NAMES and len(name) < 128
)


@settings(deadline=None)
@given(
    NAME, st.from_regex(r"\./[A-Za-z0-9_]+(?:/[A-Za-z0-9_.]*[a-z])*", fullmatch=True).filter(lambda p: ".." not in p)
)
def test_whatever_go_found_can_be_written_and_read_again(name: str, package: str) -> None:
    written = config(render_init("x-1", [(name, package)], {}, ""))
    assert [(s.name, s.package) for s in written.services] == [(name, package)]
