"""`push`: where images go beside `registry`, and which tags never move."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from gobake.config.fields import Key, fields_of, section
from gobake.config.kinds import items
from gobake.config.words import REGISTRY, TAG_GLOB


class PushConfig(Struct, frozen=True, kw_only=True):
    """What --push does beside pushing to `registry`."""

    registries: Annotated[
        tuple[str, ...] | None,
        Key(
            kind=items(REGISTRY.kind, "prefixes of image names"),
            about="Further registries that get every image by the same name. --registry A,B on the command line wins.",
            example="[docker.io/acme]",
            default="[]",
        ),
    ] = None
    immutable: Annotated[
        tuple[str, ...] | None,
        Key(
            kind=items(TAG_GLOB.kind, "patterns of image tags"),
            about="Tags that never move: if one exists with another image, nothing is built or pushed.",
            example='["v*"]',
            default="[]",
        ),
    ] = None


PUSH_FIELDS = fields_of(PushConfig)
push_kind = section(PushConfig, "settings of pushes")
