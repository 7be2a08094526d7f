"""Finds and loads gobake.yaml; YAML is imported only if the file exists."""

from __future__ import annotations

from pathlib import Path

from gobake.config.values import MAX_BYTES, Config
from gobake.errors import ConfigError, Where
from gobake.gotool.modules import CONFIG_FILE

_MISNAMED = ("gobake.yml", ".gobake.yaml", ".gobake.yml")


def load_config(root: Path, explicit: Path | None = None) -> Config | None:
    """Load the configuration ``explicit``, else that in ``root``; None if there is none. Raises ConfigError."""
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
    from gobake.config.loading import parse_config  # imports YAML, which is needed only here

    return parse_config(text, file)


def _refuse_misnamed(root: Path) -> None:
    """Raise ConfigError for a file with a wrong name, which would otherwise be silently ignored."""
    for name in _MISNAMED:
        if (root / name).is_file():
            raise ConfigError(
                "is not read under this name", where=Where(file=root / name), remedy=f"call it {CONFIG_FILE}"
            )
