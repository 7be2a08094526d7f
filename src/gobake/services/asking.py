"""Resolves words of the command line to services: by name, folder, import path or pattern. Pure."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from pathlib import Path

from gobake.errors import UsageError
from gobake.gotool import words as sayings
from gobake.model import Project, Service
from gobake.services.patterns import matches
from gobake.text.nearest import did_you_mean

_SHOWN = 8


def asked_for(project: Project, words: Sequence[str], seen_from: Path | None = None) -> tuple[Service, ...]:
    """Return the services that the words name, including left-out commands; without words, the project's services.

    Folders are relative to ``seen_from``, by default the project's root. Raises UsageError for a word without a match.
    """
    if not words:
        return project.services
    every = (*project.services, *project.left_out)
    chosen: set[str] = set()
    for word in words:
        matched = _meant(project, every, word, seen_from or project.root)
        if not matched:
            raise _unknown(project, word)
        chosen |= {service.name for service in matched}
    return tuple(sorted((s for s in every if s.name in chosen), key=lambda s: s.name))


def _meant(project: Project, every: Sequence[Service], word: str, seen_from: Path) -> list[Service]:
    named = [service for service in every if service.name == word]
    if named:
        return named
    if word.startswith((".", "/")) or "/" in word or any(sign in word for sign in "*?["):
        pattern = _pattern(project, word, seen_from)
        return [s for s in every if matches(pattern, _folder(project, s), s.package)]
    last = [s for s in every if word in (_last(_folder(project, s)), _last(s.package))]
    return last if len(last) == 1 else []


def _pattern(project: Project, word: str, seen_from: Path) -> str:
    """Return the word as a pattern relative to the project's root."""
    if not word.startswith((".", "/")) or word.startswith("..."):
        return word
    path = os.path.normpath(os.path.join(seen_from, word))  # noqa: PTH118 (Path does not normalise)
    relative = os.path.relpath(path, project.root).replace(os.sep, "/")
    return relative if relative == "." or relative.startswith("..") else f"./{relative}"


def _folder(project: Project, service: Service) -> str:
    place = project.context / service.directory
    return os.path.relpath(place, project.root).replace(os.sep, "/")


def _last(path: str) -> str:
    return posixpath.basename(path)


def _unknown(project: Project, word: str) -> UsageError:
    every = (*project.services, *project.left_out)
    is_path = "/" in word or word.startswith(".")
    for folder, message in project.unread:
        if word in (folder, f"./{folder}", folder.rpartition("/")[2]):
            what = f"Go cannot read {word}: {sayings.first(message)}"
            return UsageError(what, remedy=sayings.remedy(message), words=message if "\n" in message else "")
    what = f"there is no command in {word}" if is_path else f"there is no service {word!r}"
    names = [s.name for s in every] + [project.folder(s) for s in every]
    return UsageError(what, remedy=did_you_mean(word, names, choices(project)))


def choices(project: Project) -> str:
    """Return a text that lists the services, and the left-out commands that may be named too."""
    names = [service.name for service in project.services]
    text = f"services: {_list(names)}"
    others = [f"{s.name} ({project.folder(s)})" for s in project.left_out]
    return f"{text}; also by name or folder: {_list(others)}" if others else text


def _list(words: Sequence[str]) -> str:
    more = f", and {len(words) - _SHOWN} more (`gobake plan` lists them)" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more
