"""The kinds of bytes in a program."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What bytes are; the values are printed and written as they are."""

    CODE = "code"
    RODATA = "read-only data"
    STRINGS = "strings"
    TYPES = "types"
    DATA = "data"  # variables with a value at the start
    PCLNTAB = "pclntab"  # functions and lines of addresses, for stack traces and the garbage collector
    EMBEDDED = "embedded files"
    DWARF = "DWARF"
    SYMBOLS = "symbol table"
    BUILD_INFO = "build info"
    HEADERS = "headers"  # of ELF, with the tables of the dynamic linker
    PADDING = "padding"  # between functions, variables and sections
    UNATTRIBUTED = "unattributed"
    LOADED = "loaded"  # never in a result: a section that is divided further


class Label(NamedTuple):
    """What bytes are and whose."""

    kind: Kind
    package: str = ""  # "" if they belong to none
    name: str = ""  # of an embedded file
