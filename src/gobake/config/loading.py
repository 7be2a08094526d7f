"""gobake.yaml -> Config: the file, its document, its keys, and what only the whole can tell."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from gobake.config.document import MAX_BYTES, Spot, Table, compose
from gobake.config.fields import read_fields
from gobake.config.reading import At
from gobake.config.table import SERVICE_FIELDS, TOP_FIELDS
from gobake.config.values import Config, ServiceConfig
from gobake.errors import ConfigError, Where
from gobake.gomod import CONFIG_FILE

_MISNAMED = ("gobake.yml", ".gobake.yaml", ".gobake.yml")
_DEEPER = {
    **{field.name: "it belongs below `defaults` or a service" for field in SERVICE_FIELDS},
    "package": "it belongs below a service",
}


def load_config(root: Path, explicit: Path | None = None) -> Config | None:
    """The configuration in ``explicit``, else in ``root``; None where there is none. Raises ConfigError."""
    file = explicit or root / CONFIG_FILE
    try:
        with file.open("rb") as stream:
            text = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        if explicit:
            raise ConfigError("there is no such file", where=Where(file=file), remedy="check --config") from None
        _refuse_misnamed(root)
        return None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=Where(file=file)) from None
    return parse_config(text, file)


def _refuse_misnamed(root: Path) -> None:
    """A file that was meant and would be passed over in silence."""
    for name in _MISNAMED:
        if (root / name).is_file():
            raise ConfigError(
                "is not read under this name", where=Where(file=root / name), remedy=f"call it {CONFIG_FILE}"
            )


def parse_config(text: bytes, file: Path) -> Config:
    """The configuration that a file's content means. Raises ConfigError with the place of the first mistake."""
    node = compose(text, file) or Table(entries=(), spot=Spot(line=1, column=1))
    at = At(file=file, node=node, spot=node.spot, example="services: {api: {package: ./cmd/api}}")
    values = {} if at.nothing else read_fields(at, TOP_FIELDS, _DEEPER)
    services = values.get("services", ())
    discover = values.setdefault("discover", not services)
    if not services and not discover:
        raise ConfigError(
            "nothing would be built: no services are listed and none may be found",
            where=at.places["discover"],
            remedy="list services, or leave the key away",
        )
    values.setdefault("defaults", ServiceConfig(name="", where=Where(file=file, key="defaults")))
    return Config(file=file, places=MappingProxyType(at.places), **values)
