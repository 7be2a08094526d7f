"""Attacks, each played by a test: a foreign repository, a store, a registry, another run on the same builder.

`pytest tests/security` runs them all, with an engine that the harness starts; what lies outside of `builds` needs none.
"""
