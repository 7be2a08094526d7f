"""gobake.yaml, parsed once at the door into frozen values; every mistake is named with its line and column.

All that is known of a key (its kind, meaning, default) stands in one table, table.py, from which the parser, the JSON
schema, the reference and `gobake init` are made. This package knows neither the go command nor Docker: what a setting
does, project.py and the recipe decide.
"""

from gobake.config.caches import Backend, CacheConfig, LayerConfig, SeedConfig
from gobake.config.initfile import render_init
from gobake.config.json_schema import schema
from gobake.config.loading import load_config, parse_config
from gobake.config.reference import fields_markdown
from gobake.config.values import Config, ServiceConfig, merged
from gobake.config.words import RESERVED_NAMES
from gobake.gomod import CONFIG_FILE

__all__ = [
    "CONFIG_FILE",
    "RESERVED_NAMES",
    "Backend",
    "CacheConfig",
    "Config",
    "LayerConfig",
    "SeedConfig",
    "ServiceConfig",
    "fields_markdown",
    "load_config",
    "merged",
    "parse_config",
    "render_init",
    "schema",
]
