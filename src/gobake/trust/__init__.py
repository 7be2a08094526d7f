"""Decides which settings of a tree are trusted, from evidence outside of that tree.

A tree may always describe its images. It may choose whom gobake contacts, who may write what others read, and the gate,
only if it is trusted: in a CI by the event and the commit, on a terminal by asking once. The standard is `docker build`
of a foreign repository, which gives it nothing of the machine.
"""
