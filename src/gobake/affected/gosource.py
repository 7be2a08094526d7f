"""What the compiler reads of a Go file: everything but comments, at the same lines and columns. Pure.

A compiled package has positions of its declarations and calls, so a comment that moves code counts, and one that does
not move any counts for nothing. Comments that are directives stay: `//go:`, `//line`, `//export` and build constraints.
"""

from __future__ import annotations

import re

# Strings and runes first, so that what looks like a comment in one is none. Without a way back, so in linear time.
_TOKENS = re.compile(
    rb"`[^`]*+`?|\"(?:\\.|[^\"\\\n])*+\"?|'(?:\\.|[^'\\\n])*+'?"
    rb"|(?<![ \t])[ \t]*+//[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?",
)
# https://pkg.go.dev/cmd/compile#hdr-Compiler_Directives, https://pkg.go.dev/cmd/go#hdr-Build_constraints
_DIRECTIVE = re.compile(rb"[ \t]*//(?:go:|line |export |extern |[ \t]*\+build\b)|/\*line ")
_CGO = re.compile(rb'["`]C["`]')


def compiled(text: bytes) -> bytes:
    """Return the file with its comments blanked out; unchanged if it may use cgo, whose comments are C."""
    return text if _CGO.search(text) else _TOKENS.sub(_blank, text).rstrip(b"\n")  # nothing is at those lines


def _blank(found: re.Match[bytes]) -> bytes:
    token = found[0]
    if token[:1] in (b"`", b'"', b"'") or _DIRECTIVE.match(token):
        return token
    return re.sub(rb"[^\n]", b" ", token) if token.startswith(b"/*") else b""  # nothing follows the other kind
