"""Parses gobake.yaml into frozen values; every error has a line and column.

A key stands in one place: the field that holds its value is annotated with its kind, meaning, default and example. The
parser, the JSON schema, the reference and `gobake init` are made from that. This package knows neither the go command
nor Docker; the plan and the recipe apply the settings.
"""
