"""The schemas of `gobake schema` against what commands print."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gobake.caching.kept.listing import InStore, OnBuilder, gather
from gobake.engine import CacheMount
from gobake.report import schemas
from gobake.report.caches import kept_as_json
from tests.conftest import REPOSITORY, Tree
from tests.unit.caching.test_kept_listing import kept
from tests.unit.cli.test_commands import TWO, good

CONTRACTS = REPOSITORY / "tests/unit/contracts"


def closed(schema: Any) -> Any:
    """The schema, with objects that take no other keys: what is printed and not described is found."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    if isinstance(found.get("properties"), dict) and found.get("type") == "object":
        found["additionalProperties"] = False
    return found


def strict(name: str) -> Callable[[Any], None]:
    schema = closed(schemas.schema(name))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).validate


@pytest.mark.parametrize("name", schemas.NAMES)
def test_every_schema_is_one_and_is_printed(name: str) -> None:
    printed = json.loads(good("schema", name))
    assert printed == json.loads(json.dumps(schemas.schema(name)))
    assert printed["title"].endswith("json")


@pytest.mark.parametrize(
    "words",
    [(), ("--all",), ("-s", "alpine"), ("--cache-policy", "ci-branch", "--registry", "ghcr.io/acme")],
    ids=" ".join,
)
def test_plans_are_as_the_schema_says(tree: Tree, words: tuple[str, ...]) -> None:
    shop = {**TWO, "lib/x.go": "package lib\n", "gobake.yaml": "services: {exclude: [./cmd/other], one: {}}\n"}
    for root in (tree(shop, "excluding"), tree(TWO, "two"), REPOSITORY / "examples/shop"):
        strict("plan")(json.loads(good("plan", "-C", str(root), "--format", "json", *words)))


@pytest.mark.parametrize("name", ["runs", "explain"])
def test_what_is_said_of_recorded_runs_is_as_the_schema_says(name: str) -> None:
    strict(name)(json.loads(Path(CONTRACTS / f"{name}.json").read_text()))


def test_what_is_kept_is_as_the_schema_says() -> None:
    check = strict("cache")
    mount = CacheMount(
        record="r", id="shop-gobuild", size=1, created="2026-11-29 00:04:58.9 +0000 UTC", used="2 weeks ago"
    )
    some = gather(["shop"], OnBuilder(name="b", mounts=[mount], memories={}), InStore(), (), everyone=False)
    for found in (kept(), kept(mounts=None, there=None), some):
        check({**kept_as_json(found, 1e9), "warnings": []})


def test_what_is_not_described_is_found() -> None:
    with pytest.raises(jsonschema.ValidationError):
        strict("progress")({"schema": 1, "event": "message", "text": "x", "more": 1})
    with pytest.raises(jsonschema.ValidationError):
        strict("runs")({"schema": 1, "runs": [], "unreadable": []})
