"""Queries the go command: under which settings, about what, and how its errors are shown."""
