"""gobake.yaml, parsed once at the door into frozen values; every mistake is named with its line and column.

All that is known of a key (its kind, meaning, default) stands in one table, table.py, from which the parser, the JSON
schema, the reference and `gobake init` are made. This package knows neither the go command nor Docker: what a setting
does, the plan and the recipe decide.
"""
