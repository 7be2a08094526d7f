"""Caches that outlive a builder: a policy chooses layer caches and seeds, a store holds them.

Read policy first, then store (tags, OCI layouts, ownership), layers and seeds, then kept (listing and pruning).
`verify.py` builds a sample with and without them.
"""
