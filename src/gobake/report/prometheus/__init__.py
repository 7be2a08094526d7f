"""Runs as metrics."""
