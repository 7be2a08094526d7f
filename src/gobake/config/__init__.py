"""Parses gobake.yaml into frozen values; every error has a line and column.

One table, table.py, holds everything about a key (kind, meaning, default). The parser, the JSON schema, the reference
and `gobake init` are made from it. This package knows neither the go command nor Docker; the plan and the recipe apply
the settings.
"""
