"""Pipelines for CI systems: what `gobake ci github` and `gobake ci gitlab` write, and how they keep a user's edits."""
