"""Inspects program files: the machine they run on and the loader they ask for. Knows no Go and no Docker."""
