"""The lines of go.mod files that ask for modules in a version, and the commits that wrote them.

Asks git about committed files alone: it runs no hooks, no filters and no converters that the tree names, and fetches
nothing.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gobake.checkout.git import Answer, top_of

_FILE = "go.mod"
_LONGEST = 4 << 20  # bytes of a go.mod
_MOST = 50  # lines that git is asked about
_NO_COMMIT = "not committed"
_STD = "std"


class Requirement(Struct, frozen=True, kw_only=True):
    """The line of a go.mod that asks for a module, and the commit that wrote it."""

    file: str  # below the top of the repository, or of the project
    line: int
    commit: str = ""  # abbreviated; "" if unknown
    date: str = ""  # of its author, such as 2026-11-24
    subject: str = ""
    unknown: str = ""  # why the commit is not known; "" if it is


def requirements(folders: Sequence[Path], wanted: Mapping[str, str]) -> dict[str, Requirement]:
    """Find the lines of ``wanted`` (module -> version, or what replaces it) in the go.mod files of folders.

    A module that no line asks for in that version is left out. Never raises.
    """
    found: dict[str, Requirement] = {}
    for folder in folders:
        text = _text(folder / _FILE)
        lines = {name: at for name, at in _lines(text, wanted) if name not in found}
        if lines:
            found |= _told(folder, text.split("\n"), dict(list(lines.items())[:_MOST]))
    return found


def _text(file: Path) -> str:
    try:
        if not file.is_file() or file.stat().st_size > _LONGEST:
            return ""
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""


def _lines(text: str, wanted: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """(Module, number of the first line that asks for it), from 1."""
    left = {module: version for module, version in wanted.items() if version}
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("//")[0].replace("(", " ").split()
        for module, version in list(left.items()):
            if _asks(words, module, version):
                yield module, number
                del left[module]


def _asks(words: list[str], module: str, version: str) -> bool:
    if module == _STD:
        return words[:1] in (["go"], ["toolchain"]) and words[1:] in ([version], [version.removeprefix("go")])
    if "=>" in words:  # a replacement is written PATH VERSION, or PATH
        return version.split() == words[words.index("=>") + 1 :] and module in words
    plain = words[1:] if words[:1] == ["require"] else words
    return [word.strip('"') for word in plain] == [module, version]


# ---- git


def _told(folder: Path, lines: Sequence[str], wanted: Mapping[str, int]) -> dict[str, Requirement]:
    top = top_of(folder.resolve())
    file = os.path.relpath(folder.resolve() / _FILE, top) if top else _FILE
    found = {module: Requirement(file=file, line=number, unknown=_NO_COMMIT) for module, number in wanted.items()}
    if top is None:
        return {module: replace(one, unknown="there is no Git repository") for module, one in found.items()}
    committed = Answer(folder, "cat-file", "blob", f"HEAD:./{_FILE}", offline=True)
    if committed.missing or committed.complaint():
        return {module: replace(one, unknown=committed.missing or _NO_COMMIT) for module, one in found.items()}
    places = {line: number for number, line in enumerate(committed.raw().split("\n"), 1)}
    there = {module: places[lines[one.line - 1]] for module, one in found.items() if lines[one.line - 1] in places}
    if there:
        commits = _commits(folder, sorted(set(there.values())))
        for module, number in there.items():
            found[module] = replace(found[module], **commits.get(number, {"unknown": "git does not tell"}))
    return found


def _commits(folder: Path, numbers: Sequence[int]) -> dict[int, dict[str, str]]:
    """What is told of the commits that wrote lines of the committed file, by number."""
    ranges = [word for number in numbers for word in ("-L", f"{number},{number}")]
    blame = ("blame", "--porcelain", "--no-textconv", *ranges, "HEAD", "--", _FILE)
    told = Answer(folder, "-c", "blame.ignoreRevsFile=", *blame, offline=True)
    if told.missing or told.complaint():
        return {}
    facts: dict[str, dict[str, str]] = {}
    places: dict[int, str] = {}
    current: dict[str, str] = {}
    for line in told.raw().split("\n"):
        if head := re.match(r"([0-9a-f]{40,64}) \d+ (\d+)", line):
            current = facts.setdefault(head[1], {})
            places[int(head[2])] = head[1]
        elif not line.startswith("\t"):
            key, _, value = line.partition(" ")
            current[key] = value
    cut = Answer(folder, "rev-parse", "--is-shallow-repository").text() != "false"
    return {number: _commit(name, facts[name], cut=cut) for number, name in places.items()}


def _commit(name: str, facts: Mapping[str, str], *, cut: bool) -> dict[str, str]:
    """``cut``: the clone is shallow, so a commit that seems to have no parents may have some."""
    if cut and "boundary" in facts:
        return {"unknown": "the clone is shallow"}
    zone = re.fullmatch(r"([+-])(\d\d)(\d\d)", facts.get("author-tz", ""))
    offset = (int(zone[2]) * 3600 + int(zone[3]) * 60) * (-1 if zone[1] == "-" else 1) if zone else 0
    told = facts.get("author-time", "")
    seconds = int(told) + offset if re.fullmatch(r"\d{1,10}", told) else 0
    date = time.strftime("%Y-%m-%d", time.gmtime(seconds)) if seconds > 0 else ""
    return {"commit": name[:8], "date": date, "subject": facts.get("summary", ""), "unknown": ""}
