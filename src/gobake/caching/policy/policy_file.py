"""Parses a policy file as strictly as gobake.yaml: a mistake is an error with its position."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gobake.caching.policy.policy import History, Layers, Mounts, Policy, Seeds
from gobake.config.document import compose
from gobake.config.fields import fields_of, object_schema, read_fields
from gobake.config.nodes import Spot, Table
from gobake.config.reading import At
from gobake.config.reference import table


def parse_policy(text: bytes, file: Path, name: str) -> Policy:
    """Parse the content of a policy file. Raises ConfigError with the position of the first mistake."""
    node = compose(text, file) or Table(entries=(), spot=Spot(line=1, column=1))
    given = read_fields(At(file=file, node=node, spot=node.spot, example="layers: {import: true}"), fields_of(Policy))
    return Policy(name=name, **given)


def schema() -> dict[str, object]:
    """Return the JSON schema of a policy file, draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:gobake:policy:1",
        "title": "a cache policy",
        "description": "What a run of gobake reads from caches and writes to them.",
        **object_schema(fields_of(Policy)),
    }


def fields_markdown() -> str:
    """Return a table for each section, for docs/caching.md."""
    return "\n".join(_tables())


def _tables() -> Iterator[str]:
    for name, values in (("layers", Layers), ("mounts", Mounts), ("seeds", Seeds), ("history", History)):
        yield from table(f"Keys of `{name}`", fields_of(values), level=4)
