"""Renders a new gobake.yaml: the services that Go found, and every other key as a comment with its default."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from gobake.config.bases import BASE_FIELDS
from gobake.config.caches import CACHE_FIELDS
from gobake.config.fields import Field
from gobake.config.gates import GATE_FIELDS
from gobake.config.history import HISTORY_FIELDS
from gobake.config.pushing import PUSH_FIELDS
from gobake.config.service import SERVICE_FIELDS
from gobake.config.values import TOP_FIELDS

_HEADER = """\
# How gobake builds the container images of this project. Every key is optional.
# `#key: value` shows the default, or an example if there is no fixed default: remove the # to set the key.
# `gobake plan` shows the result; `gobake schema` prints the JSON schema for editors.
"""
_WIDTH = 116
_EMPTY = ("[]", "{}", '""')
# Text that needs no quotes in any version of YAML
_PLAIN = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)$)[a-z./](?:[a-z0-9./_-]|:(?=[a-z0-9]))*")


class Entry(Struct, frozen=True, kw_only=True):
    """Comments and keys of one service beside its package."""

    why: str = ""  # why it is a service
    keys: Mapping[str, Any] = {}  # text, lists of text and mappings of text
    notes: tuple[str, ...] = ()  # comments below them


def render_init(
    name: str,
    services: Sequence[tuple[str, str]],
    bases: Mapping[str, str],
    go_version: str,
    entries: Mapping[str, Entry] = MappingProxyType({}),
    left_out: Sequence[str] = (),
) -> str:
    """Return the text of the file.

    ``services``: (name, package such as `./cmd/api`). ``bases`` and ``go_version``: the current defaults. ``entries``:
    more about services, by name. ``left_out``: a line for each command that is not a service.
    """
    rows = {field.name: field for field in TOP_FIELDS}
    lines = [_HEADER.rstrip(), f"name: {_scalar(name)}"]
    for field in TOP_FIELDS:
        if field.name in ("name", "bases", "cache", "gate", "push", "history", "defaults", "services"):
            continue
        shown = _scalar(go_version, quoted=True) if field.name == "go" and go_version else _value(field)
        lines += ["", *_comment(field), f"#{field.name}: {shown}"]
    lines += ["", *_comment(rows["bases"]), "#bases:"]
    for base in BASE_FIELDS:
        lines += [f"#  {base.name}: {_scalar(bases.get(base.name) or base.default or base.example)}"]
    for section, keys in (
        ("cache", CACHE_FIELDS),
        ("gate", GATE_FIELDS),
        ("push", PUSH_FIELDS),
        ("history", HISTORY_FIELDS),
    ):
        lines += ["", *_comment(rows[section]), f"#{section}:"]
        for field in keys:
            lines += [*_comment(field, "#  "), f"#  {field.name}: {_value(field)}"]
    lines += ["", *_comment(rows["defaults"]), "defaults:"]
    for field in SERVICE_FIELDS:
        if field.shared:
            lines += [*_comment(field, "  "), f"  #{field.name}: {_value(field)}"]
    lines += ["", *_comment(rows["services"]), *_services(services, entries, left_out)]
    return "\n".join([*lines, ""])


def _services(
    services: Sequence[tuple[str, str]], entries: Mapping[str, Entry], left_out: Sequence[str]
) -> Iterator[str]:
    yield "# Every key of `defaults` may also be set for a single service."
    yield "# `binaries: [api, apictl]` instead of `package` puts several commands into one image."
    if not services:
        yield from ("#services:", "#  api:", "#    package: ./cmd/api")
        return
    yield "services:"
    for name, package in services:
        entry = entries.get(name, Entry())
        if entry.why:
            yield f"  # {entry.why}"
        yield f"  {_scalar(name)}:"
        yield f"    package: {_scalar(package)}"
        for key, value in entry.keys.items():
            yield f"    {key}: {_flow(value)}"
        for note in entry.notes:
            yield f"    # {note}"
    if left_out:
        yield "  # Not services, unless they are listed here or in `include: [FOLDER]`:"
        yield from (f"  # {line}" for line in left_out)


def _comment(field: Field, indent: str = "") -> list[str]:
    text = field.about + (f" Default: {field.otherwise}." if field.otherwise else "")
    return [f"{indent}# {line}" for line in textwrap.wrap(text, _WIDTH - len(indent))]


def _value(field: Field) -> str:
    """Return the default, with an example if it is empty; only an example if there is no fixed default."""
    if field.default is None:
        return field.example
    return f"{field.default}  # such as {field.example}" if field.default in _EMPTY else field.default


def _flow(value: Any) -> str:
    """Return a value in YAML's flow style."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {json.dumps(text)}" for key, text in value.items()) + "}"
    if isinstance(value, tuple | list):
        return json.dumps(list(value))
    return json.dumps(value)


def _scalar(text: str, *, quoted: bool = False) -> str:
    """Return a text as YAML, where JSON's quoted strings are valid."""
    return text if not quoted and _PLAIN.fullmatch(text) else json.dumps(text)
