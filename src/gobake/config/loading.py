"""Turns the text of gobake.yaml into a Config: parses it, reads its keys, and checks the whole."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from gobake.config.document import compose
from gobake.config.fields import read_fields
from gobake.config.nodes import Spot, Table
from gobake.config.reading import At
from gobake.config.service import SERVICE_FIELDS, ServiceConfig
from gobake.config.services import Services
from gobake.config.values import TOP_FIELDS, Config
from gobake.errors import ConfigError, Where

_DEEPER = {
    **{field.name: "it belongs below `defaults` or a service" for field in SERVICE_FIELDS},
    "package": "it belongs below a service",
}


def parse_config(text: bytes, file: Path) -> Config:
    """Return the configuration in a file's content. Raises ConfigError with the place of the first mistake."""
    node = compose(text, file) or Table(entries=(), spot=Spot(line=1, column=1))
    at = At(file=file, node=node, spot=node.spot, example="services: {api: {package: ./cmd/api}}")
    values = {} if at.nothing else read_fields(at, TOP_FIELDS, _DEEPER)
    services = values.get("services", Services())
    discover = values.setdefault("discover", not services)
    if not services and not discover and not services.include:
        raise ConfigError(
            "nothing would be built: no services are listed and none may be found",
            where=at.places["discover"],
            remedy="list services, or leave the key away",
        )
    values.setdefault("defaults", ServiceConfig(name="", where=Where(file=file, key="defaults")))
    return Config(file=file, places=MappingProxyType(at.places), **values)
