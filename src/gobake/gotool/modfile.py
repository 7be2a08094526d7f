"""Parses go.mod and go.work. Grammar: https://go.dev/ref/mod#go-mod-file-lexical and #go-work-file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

from gobake.errors import ProjectError, Where

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`|//.*|[()]|=>|[^\s()"`]+')
_TAKEN_APART = re.compile(r'["`()]|//|=>')  # lines with these cannot be split at white space


class ModFile(Struct, frozen=True, kw_only=True):
    """The content of a go.mod or go.work. Paths are as written, with ``/``."""

    module: str = ""  # module path; "" in a go.work
    go: str = ""  # 1.26 or 1.26.1
    toolchain: str = ""  # go1.26.3, default, or ""
    uses: tuple[str, ...] = ()  # go.work only: the module folders
    requires: tuple[tuple[str, str], ...] = ()  # (module path, version)
    replaces: tuple[tuple[str, str], ...] = ()  # (module path, local folder); only Go needs replacements by a version
    remotes: tuple[str, ...] = ()  # paths of non-local modules that replace others
    ignores: tuple[str, ...] = ()  # folders that Go's patterns skip; with ./ relative to the module, else anywhere


@lru_cache(maxsize=64)  # each is parsed several times, and may have hundreds of thousands of lines
def parse(text: str, file: Path) -> ModFile:
    """Parse a go.mod or go.work. Raises ProjectError with the line that is not understood."""
    fields: dict[str, str] = {}
    uses: list[str] = []
    requires: list[tuple[str, str]] = []
    replaces: list[tuple[str, str]] = []
    remotes: list[str] = []
    ignores: list[str] = []
    for number, verb, words in _statements(text):
        if verb in ("module", "go", "toolchain"):
            if len(words) != 1:
                raise ProjectError(f"{verb} needs one value", where=Where(file=file, line=number))
            fields[verb] = words[0]
        elif verb == "use":
            uses.extend(words)
        elif verb == "ignore":
            ignores.extend(words)
        elif verb == "require":
            requires += [(words[0], words[1] if len(words) > 1 else "")] if words else []
        elif verb == "replace" and "=>" in words:
            arrow = words.index("=>")
            new = words[arrow + 1 :]
            if arrow and len(new) == 1 and re.match(r"\.{1,2}(/|$)|/", new[0]):
                replaces.append((words[0], new[0]))
            elif len(new) == 2:
                remotes.append(new[0])
    return ModFile(
        module=fields.get("module", ""),
        go=fields.get("go", ""),
        toolchain=fields.get("toolchain", ""),
        uses=tuple(uses),
        requires=tuple(requires),
        replaces=tuple(replaces),
        remotes=tuple(remotes),
        ignores=tuple(ignores),
    )


def _statements(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield (line number, verb, words) of every statement; blocks are expanded and comments dropped."""
    block = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if _TAKEN_APART.search(line):
            words = [unquoted(word) for word in TOKEN.findall(line) if not word.startswith("//")]
        else:
            words = line.split()
        if not words:
            continue
        if block:
            if words == [")"]:
                block = ""
            else:
                yield number, block, words
        elif len(words) > 1 and words[1] == "(":
            block = words[0] if words[-1] != ")" else ""
        else:
            yield number, words[0], words[1:]


def directives(file: Path) -> Iterator[tuple[str, str]]:
    """Yield (verb, words) of the go and godebug lines. Raises ProjectError.

    The go line chooses the language of the module's packages; of a command's module, and of a workspace, both choose
    the GODEBUG that the command contains.
    """
    for _, verb, words in _statements(_text(file)):
        if verb in ("go", "godebug"):
            name, _, value = " ".join((verb, *words)).replace("=", " ", 1).rpartition(" ")
            yield name, value


def replacements(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield (module path, version or "" for all, what replaces it: a folder or path@version) of a go.mod."""
    for _, verb, words in _statements(text):
        if verb == "replace" and "=>" in words:
            arrow = words.index("=>")
            if arrow in (1, 2) and len(words) - arrow in (2, 3):
                yield words[0], words[1] if arrow == 2 else "", "@".join(words[arrow + 1 :])


def unquoted(word: str) -> str:
    """Return the word without its quotes, if it has any."""
    return word[1:-1] if word[:1] in ('"', "`") else word


def read(file: Path) -> ModFile:
    """Read a go.mod or go.work. Raises ProjectError."""
    return parse(_text(file), file)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ProjectError("is not UTF-8", where=Where(file=file), remedy="go.mod and go.work are UTF-8 text") from None
    except OSError as error:
        raise ProjectError(f"cannot be read: {error.strerror}", where=Where(file=file)) from None
