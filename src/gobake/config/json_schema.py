"""The JSON schema of gobake.yaml, for editors and checks."""

from __future__ import annotations

from gobake.config.fields import object_schema
from gobake.config.values import TOP_FIELDS


def schema() -> dict[str, object]:
    """Return the JSON schema, draft 2020-12, made from the keys."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:gobake:schema:1",
        "title": "gobake.yaml",
        "description": "How gobake builds the container images of a Go project. Every key is optional.",
        **object_schema(TOP_FIELDS, empty=True),
    }
