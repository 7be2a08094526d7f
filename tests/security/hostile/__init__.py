"""Inputs that somebody made to break a parser, kept for good."""
