"""Renders the reference of all keys in Markdown, for docs/configuration.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gobake.config.bases import BASE_FIELDS
from gobake.config.caches import CACHE_FIELDS, LAYER_FIELDS, SEED_FIELDS
from gobake.config.fields import Field
from gobake.config.gates import GATE_FIELDS
from gobake.config.history import HISTORY_FIELDS
from gobake.config.private import PRIVATE_FIELDS, TOKEN_FIELDS
from gobake.config.pushing import PUSH_FIELDS
from gobake.config.running import BINARY_FIELDS, FILE_FIELDS, HEALTH_FIELDS, SMOKE_FIELDS
from gobake.config.service import SERVICE_FIELDS
from gobake.config.services import LIST_FIELDS
from gobake.config.values import TOP_FIELDS


def fields_markdown() -> str:
    """Return a table for each mapping that has keys."""
    return "\n".join(
        [
            *table("Keys of the file", TOP_FIELDS),
            *table("Keys of `defaults` and of a service (`package`, `binaries`: only of a service)", SERVICE_FIELDS),
            *table("Keys of `bases`", BASE_FIELDS),
            *table("Keys of `private`", PRIVATE_FIELDS),
            *table("Keys of an entry of `tokens`", TOKEN_FIELDS),
            *table("Keys of `cache`", CACHE_FIELDS),
            *table("Keys of `cache.layers`", LAYER_FIELDS),
            *table("Keys of `cache.seeds`", SEED_FIELDS),
            *table("Keys of `gate` and of an entry of its `branches` (not `services`, `branches`)", GATE_FIELDS),
            *table("Keys of `push`", PUSH_FIELDS),
            *table("Keys of `history`", HISTORY_FIELDS),
            *table("Lists in `services`, beside the services' names", LIST_FIELDS),
            *table("Keys of an entry of `files`", FILE_FIELDS),
            *table("Keys of `healthcheck`", HEALTH_FIELDS),
            *table("Keys of `smoke`", SMOKE_FIELDS),
            *table("Keys of an entry of `binaries`", BINARY_FIELDS),
        ]
    )


def table(title: str, fields: Sequence[Field], *, level: int = 3) -> list[str]:
    """Return the lines of a section with a row for each key."""
    rows = [
        _row(f"`{f.name}`", f.kind.says, _default(f), f.about, f"`{f.example}`" if f.example else "") for f in fields
    ]
    return [
        f"{'#' * level} {title}",
        "",
        _row("key", "value", "default", "meaning", "example"),
        _row(*["---"] * 5),
        *rows,
        "",
    ]


def _row(*cells: str) -> str:
    return _joined(cell.replace("|", "\\|") for cell in cells)


def _joined(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _default(field: Field) -> str:
    if field.default is not None:
        return f"`{field.default}`"
    return "required" if field.required else field.otherwise
