"""Reads what the go command writes into every program: Go's version, modules and settings (`go version -m`)."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from msgspec import Struct

from gobake.binary.elf import NoProgram
from gobake.binary.sections import Elf
from gobake.binary.varints import uvarint
from gobake.text.printable import one_line

_MAGIC = b"\xff Go buildinf:"
_INLINE = 2  # flag: the texts follow, as since Go 1.18
_LONGEST = 8 << 20  # bytes of a text
_SHOWN = 300  # characters of a path or version
_UPX = b"UPX!"
STD = "std"
MAIN = "main"  # the package that every program calls so


class Packed(NoProgram):
    """The program is packed with UPX, which hides what it consists of."""


class Module(Struct, frozen=True, kw_only=True, order=True):
    """A module that is linked."""

    path: str
    version: str = ""
    replaced: str = ""  # PATH or PATH VERSION of what stands in its place; "" for nothing


class GoInfo(Struct, frozen=True, kw_only=True):
    """What a program tells of its build."""

    go: str  # Go's version, such as go1.26.1
    package: str = ""  # import path of the main package
    main: Module | None = None
    modules: tuple[Module, ...] = ()  # the others
    settings: Mapping[str, str] = {}


def read(elf: Elf) -> GoInfo:
    """Raises NoProgram for a program that is packed, or not of Go."""
    section = elf.section(".go.buildinfo")
    if section is None:
        if _packed(elf):
            raise Packed("packed with UPX")
        raise NoProgram("a program without Go's build info: of another language, or stripped of its sections")
    data = bytes(elf.content(section))
    if data[:14] != _MAGIC or len(data) < 32:
        raise NoProgram("a program with damaged build info")
    if not data[15] & _INLINE:
        raise NoProgram("a program of a Go before 1.18")
    version, at = _text(data, 32)
    told, _ = _text(data, at)
    return _parsed(_word(version.decode("utf-8", "replace")), told[16:-16].decode("utf-8", "replace"))


def _packed(elf: Elf) -> bool:
    return _UPX in bytes(elf.data[:4096]) or _UPX in bytes(elf.data[-4096:])


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    """A length as a varint, and the text."""
    length, at = uvarint(data, at, 35)
    if length > _LONGEST or at + length > len(data):
        raise NoProgram("a program with damaged build info")
    return data[at : at + length], at + length


def _parsed(version: str, told: str) -> GoInfo:
    package, main, modules, settings = "", None, list[Module](), dict[str, str]()
    for line in told.split("\n"):
        word, _, rest = line.partition("\t")
        fields = [_word(field) for field in rest.split("\t")]
        if word == "path":
            package = fields[0]
        elif word == "mod":
            main = Module(path=fields[0], version=fields[1] if len(fields) > 1 else "")
        elif word == "dep":
            modules.append(Module(path=fields[0], version=fields[1] if len(fields) > 1 else ""))
        elif word == "=>" and modules:
            last = modules[-1]
            stands = " ".join(field for field in fields[:2] if field not in ("", "(devel)"))
            modules[-1] = Module(path=last.path, version=last.version, replaced=stands)
        elif word == "build":
            key, _, value = rest.partition("=")
            settings[_word(key)] = _word(value)
    return GoInfo(go=version.split(" ")[0], package=package, main=main, modules=tuple(modules), settings=settings)


def _word(text: str) -> str:
    return one_line(text, _SHOWN)


# ---- packages


def modules_of(info: GoInfo) -> Callable[[str], Module]:
    """Return the function from a package to its module; what is in none belongs to Go's standard library."""
    known: dict[str, Module] = {module.path: module for module in info.modules}
    if info.main:
        known[info.main.path] = info.main
    std = Module(path=STD, version=info.go)

    found: dict[str, Module] = {}

    def module_of(package: str) -> Module:
        if package not in found:
            found[package] = _module(package)
        return found[package]

    def _module(package: str) -> Module:
        path = package
        while path:
            if path in known:
                return known[path]
            path = path.rpartition("/")[0]
        if info.main and package in (MAIN, info.package, "command-line-arguments"):
            return info.main
        return std

    return module_of


# In parentheses and brackets are types, whose paths are not the package's own
_PATH = re.compile(r"(?:[^\[({*]*/)?[^\[({*./]+")
_TYPE = re.compile(r"[A-Za-z0-9_~%-][\w.~%+-]*(?:/[\w.~%+-]+)*(?=\.)")


@functools.cache
def package_of(name: str) -> str:
    """Return the import path in a symbol's name; "" if it names none, as those of assembly and C.

    Go escapes dots in the last element of a path (`gopkg.in/yaml%2ev3.Unmarshal`).
    """
    if name.startswith(("type:", "go:")):
        found = _TYPE.search(name.split(":", 1)[1].removeprefix(".eq.").removeprefix("itab."))
        return _unescaped(found[0]) if found and found[0] not in ("", "struct", "interface") else ""
    begin = _PATH.match(name)
    if not begin or not name[begin.end() :].startswith("."):
        return ""
    return _unescaped(begin[0])


def _unescaped(path: str) -> str:
    return unquote(path) if "%" in path else path
