"""`bases`: the images that gobake builds upon."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gobake.config import words
from gobake.config.fields import Field, object_schema, read_fields
from gobake.config.kinds import Kind
from gobake.config.running import BASE

BASE_FIELDS = (
    Field(
        name="go",
        kind=words.REFERENCE.kind,
        about="Compiles, and is the image of single-stage.",
        example="golang:1.26-alpine",
        otherwise="golang in the version that the project asks for",
    ),
    Field(
        name="debian",
        kind=BASE.kind,
        about="Below debian-slim.",
        example="debian:bookworm-slim",
        default="debian:trixie-slim",
    ),
    Field(
        name="alpine",
        kind=BASE.kind,
        about="Below alpine and prebuilt.",
        example="alpine:3.21",
        default="alpine:3.22",
    ),
    Field(
        name="distroless",
        kind=BASE.kind,
        about="Below distroless.",
        example="gcr.io/distroless/base-debian12",
        default="gcr.io/distroless/static-debian12",
    ),
    Field(
        name="upx",
        kind=words.REFERENCE.kind,
        about="Where upx is looked for, or installed with apk or apt-get.",
        example="debian:trixie-slim",
        default="alpine:3.22",
    ),
)
bases_kind: Kind[Mapping[str, str]] = Kind(
    read=lambda at: MappingProxyType(read_fields(at, BASE_FIELDS)),
    described=lambda: object_schema(BASE_FIELDS),
    says="name -> image reference",
)
