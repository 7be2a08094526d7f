"""Computes the version that Go 1.24 and later give a main module at a commit: its tag, or a pseudo-version. Pure.

It follows cmd/go/internal/modfetch, codeRepo.convert, and golang.org/x/mod/module, PseudoVersion; see
https://go.dev/ref/mod#versions. Unlike Go, it does not leave out tags that go.mod retracts.
"""

from __future__ import annotations

import re
import time
from functools import total_ordering
from pathlib import PurePosixPath

from msgspec import Struct

DEVELOPMENT = "(devel)"  # Go's version if it finds none
_NUMBER = r"(?:0|[1-9][0-9]*)"
_WORDS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_SEMANTIC = re.compile(rf"v({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_WORDS}))?(\+{_WORDS})?")
_PSEUDO = re.compile(rf"v[0-9]+\.(?:0\.0-|[0-9]+\.[0-9]+-(?:[^+]*\.)?0\.)[0-9]{{14}}-[A-Za-z0-9]+(?:\+{_WORDS})?")
_MAJOR = re.compile(r"(.*)/(v[2-9]|v[1-9][0-9]+)|(gopkg\.in/.*)\.(v[0-9]+)")
_REVISION_DIGITS = 12


class Tags(Struct, frozen=True, kw_only=True):
    """The tags of a repository, without refs/tags/."""

    here: frozenset[str] = frozenset()  # tags of the commit itself
    before: frozenset[str] = frozenset()  # tags of the commit and its ancestors


@total_ordering
class _Version(Struct, frozen=True, kw_only=True):
    """A valid semantic version without build metadata."""

    text: str

    @property
    def _key(self) -> tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]:
        match = _SEMANTIC.fullmatch(self.text)
        assert match
        words = match[4].split(".") if match[4] else []
        # numbers sort before words, and a prerelease before its release
        parts = tuple((not w.isdigit(), int(w) if w.isdigit() else 0, "" if w.isdigit() else w) for w in words)
        return tuple(int(match[i]) for i in (1, 2, 3)), not words, parts

    def __lt__(self, other: _Version) -> bool:
        return self._key < other._key

    @property
    def major(self) -> str:
        return self.text.split(".")[0]


def code_folder(root_module: str, module: str) -> str | None:
    """Return the folder where Go expects a module in a repository whose top go.mod names ``root_module``.

    It is "" for the top, and None if the repository cannot hold the module.
    """
    root, path = _split(root_module)[0], _split(module)[0]
    if root in (module, path):
        return ""
    return path.removeprefix(f"{root}/") if path.startswith(f"{root}/") else None


def lies_right(folder: str, module: str, place: PurePosixPath) -> bool:
    """Whether a module is where Go looks for it: in that folder, or in a subfolder named after its major version."""
    major = _split(module)[1]
    return place in (PurePosixPath(folder), *((PurePosixPath(folder, major),) if major else ()))


def go_version(module: str, folder: str, tags: Tags, revision: str, seconds: int) -> str:
    """Return the version. ``folder``: from code_folder; ``seconds``: the commit's time since the epoch."""
    prefix, major = f"{folder}/" if folder else "", _split(module)[1]
    here = [v for tag in tags.here if (v := _of_tag(tag, prefix, major)) and prefix + v.text == tag]
    if here:
        return max(here).text
    before = [v for tag in tags.before if (v := _of_tag(tag, prefix, major))]
    return _pseudo(major, max(before, default=None), revision, seconds)


def _split(module: str) -> tuple[str, str]:
    """Return a module path without its major version, and the major version: v2 of .../v2, "" for v0 and v1."""
    match = _MAJOR.fullmatch(module)
    return (match[1] or match[3], match[2] or match[4]) if match else (module, "")


def _of_tag(tag: str, prefix: str, major: str) -> _Version | None:
    """Return the version that a tag names if it has the module's major version, else None."""
    match = _SEMANTIC.fullmatch(tag.removeprefix(prefix)) if tag.startswith(prefix) else None
    if not match or _PSEUDO.fullmatch(tag) or any(_zeros(word) for word in (match[4] or "").split(".")):
        return None
    version = _Version(text=match[0].removesuffix(match[5] or ""))
    return version if version.major in ((major,) if major else ("v0", "v1")) else None


def _zeros(word: str) -> bool:
    return len(word) > 1 and word.isdigit() and word[0] == "0"


def _pseudo(major: str, base: _Version | None, revision: str, seconds: int) -> str:
    moment = time.strftime("%Y%m%d%H%M%S", time.gmtime(seconds)) + "-" + revision[:_REVISION_DIGITS]
    if base is None:
        return f"{major or 'v0'}.0.0-{moment}"
    numbers, _, before = base.text.partition("-")
    if before:
        return f"{base.text}.0.{moment}"
    start, _, patch = numbers.rpartition(".")
    return f"{start}.{int(patch) + 1}-0.{moment}"
