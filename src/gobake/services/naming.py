"""What services and projects are called. Pure.

A name must not change because another command is added: it comes from the command's own path and from the files that
build it, and where two claim one name, the more prominent of them keeps it.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Callable, Sequence
from itertools import chain, count

from gobake.services.values import Command, Source, Verdict

# Elements of a path that say nothing about what lies below them
_GROUPS = frozenset(
    "cmd cmds command commands main app apps src source pkg lib internal service services svc bin go tools".split()
)
# What a program may be called, and an image only if nothing tells more
_GENERIC = frozenset("server client app main service daemon cli bin run exe".split())
# Roles: the build files may have a better name
_ROLES = _GENERIC | frozenset("agent controller manager operator worker".split())
_MAJOR = re.compile(r"v\d+")
_GOPKG = re.compile(r"\.v\d+$")
_PLAIN_HOST = re.compile(r"[a-z0-9]+\.[a-z0-9]+")
_PLAIN = re.compile(r"[a-z0-9]+")
_TAKEN = re.compile(r"(?:branch|untrusted)-")  # what the mounts of such runs begin with (caching/policy/namespaces.py)
MAX_PROJECT = 60  # characters: it becomes part of tags (128) and of folders' names


def service_names(
    verdicts: Sequence[Verdict], free: Callable[[str, set[str]], bool], taken: set[str]
) -> dict[str, str]:
    """Names by import path: for services first, so that what is left out never renames them."""
    names: dict[str, str] = {}
    used = set(taken)
    for verdict in sorted(verdicts, key=_claim):
        name = _first_free(verdict, free, used)
        names[verdict.command.import_path] = name
        used.add(name)
    return names


def _claim(verdict: Verdict) -> tuple[bool, bool, int, str]:
    """Services first, then what is released or lies at a root or in cmd/, then what lies less deep."""
    command = verdict.command
    parts = command.folder.split("/")
    prominent = command.folder == command.module_folder or "cmd" in parts[:-1]
    return not verdict.shipped, not prominent, len(parts), command.import_path


def _first_free(verdict: Verdict, free: Callable[[str, set[str]], bool], used: set[str]) -> str:
    short = image_name(telling(verdict))
    if free(short, used):
        return short
    parts = [image_name(part) for part in verdict.command.import_path.split("/") if not _MAJOR.fullmatch(part)]
    ends = ["-".join(parts[start:]) for start in range(len(parts) - 1, -1, -1)]
    own = [end for end in ends if end.endswith(short) and len(end) > len(short)]
    longer = own or [f"{end}-{short}" for end in ends if end != short]
    numbered = (f"{short}-{number}" for number in count(2))
    return next(name for name in chain(longer, [f"{short}-app"], numbered) if free(name, used))


def telling(verdict: Verdict) -> str:
    """The name that a release tool gives, else the last telling element of the path, else that of the module."""
    command = verdict.command
    given = {build.binary if build.exact else "" for build in verdict.builds if build.source.releases}
    if len(given) == 1 and "" not in given:
        return given.pop()
    inside = posixpath.relpath(command.folder, command.module_folder) if command.folder else "."
    if inside == ".":
        inside = _grouped(command)
    parts = [part for part in inside.split("/") if part not in (".", "..") and not _MAJOR.fullmatch(part)]
    told = [part for part in parts if part.lower() not in _GROUPS]
    name = (
        told[-1]
        if told
        else (parts[-1] if parts and parts[-1].lower() in _GENERIC - _GROUPS else _module(command.module))
    )
    called = _called(verdict)
    if name.lower() not in _ROLES:
        return called if called.endswith((f"-{name}", f"_{name}")) else name
    if called:
        return called
    return f"{told[-2]}-{name}" if len(told) > 1 and parts[-2:] == told[-2:] else name


def _grouped(command: Command) -> str:
    """The folder of a module below `cmd/`, where it tells; the module's own name may say more (`shop-api`)."""
    above, _, last = command.folder.rpartition("/")
    if posixpath.basename(above).lower() not in _GROUPS or last.lower() in _GROUPS | _GENERIC or _MAJOR.fullmatch(last):
        return "."
    return "." if _module(command.module).endswith(last) else last


def _called(verdict: Verdict) -> str:
    """What the files that build it call the program, where all agree."""
    given = {build.binary for build in verdict.builds if build.binary and build.source is not Source.INSTALL}
    given -= _ROLES
    return given.pop() if len(given) == 1 else ""


def _module(path: str) -> str:
    """The host before a path names nothing of it: ``example.com/app`` is app."""
    parts = [part for part in path.split("/") if not _MAJOR.fullmatch(part)]
    if len(parts) > 1 and "." in parts[0]:
        parts = parts[1:]
    told = [part for part in parts if part.lower() not in _GROUPS] or parts
    return _GOPKG.sub("", told[-1]) if told else path


def image_name(text: str) -> str:
    """The nearest name component of the distribution spec: [a-z0-9]+ with single separators."""
    name = re.sub(r"[^a-z0-9._-]+", "-", text.lower())
    return re.sub(r"[._-]{2,}", "-", name).strip("._-") or "app"


# ---- projects


def project_name(module: str, modules: Sequence[str], remote: str, folder: str) -> str:
    """What caches and records of a project go by: no two projects share it.

    ``module`` is the path of the root's module, "" without one; then the remote's address tells, else what the paths of
    its ``modules`` have in common, where that is more than a host and an account, else the folder.
    """
    name = _project_name(module, modules, remote, folder)
    if not _TAKEN.match(name):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"project-{name[: MAX_PROJECT - 15].rstrip('-')}-{digest}"


def _project_name(module: str, modules: Sequence[str], remote: str, folder: str) -> str:
    if module:
        return slug(module)
    if remote:
        return slug(re.sub(r"^[a-z]+://(?:[^/@]*@)?", "", remote).removesuffix("/").removesuffix(".git"))
    common = os.path.commonpath(modules) if modules and not any(path.startswith("/") for path in modules) else ""
    return slug(common) if common.count("/") >= 2 else _reduced(folder)


def title(path: str) -> str:
    """The last telling element of a module's path."""
    return _reduced(_module(path))


def slug(path: str) -> str:
    """A module's path as [a-z0-9-]. Where another path could read the same, its digest tells them apart."""
    text = _reduced(path)
    first, *rest = path.split("/")
    plain = _PLAIN.fullmatch(first) if not rest else _PLAIN_HOST.fullmatch(first)
    if plain and all(_PLAIN.fullmatch(part) for part in rest) and len(text) <= MAX_PROJECT:
        return text
    digest = hashlib.sha256(path.encode()).hexdigest()[:6]
    return f"{text[: MAX_PROJECT - 7].rstrip('-')}-{digest}"


def _reduced(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "project"
