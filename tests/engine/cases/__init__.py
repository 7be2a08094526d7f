"""Repositories as public reports show them, each small: what `go build` makes of them, gobake makes too.

The tests are collected by tests/engine/test_public_cases.py. Each makes its repository itself.
"""
