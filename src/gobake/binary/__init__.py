"""Inspects program files: the machine they run on, the loader they ask for, and what each byte of a Go program is.

Knows no Docker. The files may be anybody's: every offset is checked, and nothing is unpacked.
"""
