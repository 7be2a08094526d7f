"""Texts on their way to a terminal: made printable, and said."""
