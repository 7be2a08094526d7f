"""Caches that survive a builder: layer caches by branch, seeds for Go's mounts, and what of them lies where."""
