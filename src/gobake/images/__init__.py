"""Takes images apart: what each layer adds, changes and removes, from an engine, a registry, a layout or an archive.

Images may be anybody's. Their layers are read as streams, and nothing is unpacked to disk under a name of theirs.
"""
