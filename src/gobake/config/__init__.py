"""gobake.yaml, parsed once at the door into frozen values; every mistake is named with its line and column.

All that is known of a key (its kind, meaning, default) stands in one table, table.py, from which the parser, the JSON
schema, the reference and `gobake init` are made. This package knows neither the go command nor Docker: what a setting
does, project.py and the recipe decide.
"""

import importlib
from typing import TYPE_CHECKING, Any

from gobake.config.cache_values import Backend, CacheConfig, LayerConfig, SeedConfig
from gobake.config.finding import load_config
from gobake.config.gate_values import GateConfig
from gobake.config.values import RESERVED_NAMES, Config, HistoryConfig, PrivateConfig, ServiceConfig, Token, merged
from gobake.gotool.modules import CONFIG_FILE

if TYPE_CHECKING:
    from gobake.config.initfile import render_init
    from gobake.config.json_schema import schema
    from gobake.config.loading import parse_config
    from gobake.config.reference import fields_markdown

__all__ = [
    "CONFIG_FILE",
    "RESERVED_NAMES",
    "Backend",
    "CacheConfig",
    "Config",
    "GateConfig",
    "HistoryConfig",
    "LayerConfig",
    "PrivateConfig",
    "SeedConfig",
    "ServiceConfig",
    "Token",
    "fields_markdown",
    "load_config",
    "merged",
    "parse_config",
    "render_init",
    "schema",
]

# The table and YAML are imported where they are used: most commands in a project without gobake.yaml need neither.
_LATER = {"fields_markdown": "reference", "parse_config": "loading", "render_init": "initfile", "schema": "json_schema"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
