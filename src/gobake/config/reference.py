"""Renders the reference of all keys in Markdown, for docs/configuration.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gobake.config.bases import BASE_FIELDS
from gobake.config.caches import CACHE_FIELDS, LAYER_FIELDS, SEED_FIELDS
from gobake.config.fields import Field
from gobake.config.gates import GATE_FIELDS
from gobake.config.history import HISTORY_FIELDS
from gobake.config.private import PRIVATE_FIELDS, TOKEN_FIELDS
from gobake.config.running import BINARY_FIELDS, FILE_FIELDS, HEALTH_FIELDS
from gobake.config.service import SERVICE_FIELDS
from gobake.config.services import LIST_FIELDS
from gobake.config.values import TOP_FIELDS


def fields_markdown() -> str:
    """Return a table for each mapping that has keys."""
    return "\n".join(
        [
            *_table("Keys of the file", TOP_FIELDS),
            *_table("Keys of `defaults` and of a service (`package`, `binaries`: only of a service)", SERVICE_FIELDS),
            *_table("Keys of `bases`", BASE_FIELDS),
            *_table("Keys of `private`", PRIVATE_FIELDS),
            *_table("Keys of an entry of `tokens`", TOKEN_FIELDS),
            *_table("Keys of `cache`", CACHE_FIELDS),
            *_table("Keys of `cache.layers`", LAYER_FIELDS),
            *_table("Keys of `cache.seeds`", SEED_FIELDS),
            *_table("Keys of `gate` and of an entry of its `branches` (`branches`: only of `gate`)", GATE_FIELDS),
            *_table("Keys of `history`", HISTORY_FIELDS),
            *_table("Lists in `services`, beside the services' names", LIST_FIELDS),
            *_table("Keys of an entry of `files`", FILE_FIELDS),
            *_table("Keys of `healthcheck`", HEALTH_FIELDS),
            *_table("Keys of an entry of `binaries`", BINARY_FIELDS),
        ]
    )


def _table(title: str, fields: Sequence[Field]) -> list[str]:
    rows = [
        _row(f"`{f.name}`", f.kind.says, _default(f), f.about, f"`{f.example}`" if f.example else "") for f in fields
    ]
    return [f"### {title}", "", _row("key", "value", "default", "meaning", "example"), _row(*["---"] * 5), *rows, ""]


def _row(*cells: str) -> str:
    return _joined(cell.replace("|", "\\|") for cell in cells)


def _joined(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _default(field: Field) -> str:
    if field.default is not None:
        return f"`{field.default}`"
    return "required" if field.required else field.otherwise
