"""Caches that outlive a builder: layer caches and seeds, by a policy, in a store.

Order of the rooms: policy, then store (tags, OCI layouts, ownership), then layers and seeds, then kept (what lies
where, and pruning). `verify.py` builds a sample with and without all of them.
"""
