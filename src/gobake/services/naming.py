"""Names services and projects. Pure.

Adding a command must not rename others. A name comes from the command's own path and the files that build it; if two
commands claim the same name, the more prominent one gets it.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Callable, Sequence
from itertools import chain, count

from gobake.services.values import Command, Source, Verdict

# Path elements that say nothing about the commands below them
_GROUPS = frozenset(
    "cmd cmds command commands main app apps src source pkg lib internal service services svc bin go tools".split()
)
# Generic names, used for an image only if there is nothing better
_GENERIC = frozenset("server client app main service daemon cli bin run exe".split())
# Names of roles; the build files may have a better name
_ROLES = _GENERIC | frozenset("agent controller manager operator worker".split())
_MAJOR = re.compile(r"v\d+")
_GOPKG = re.compile(r"\.v\d+$")
_PLAIN_HOST = re.compile(r"[a-z0-9]+\.[a-z0-9]+")
_PLAIN = re.compile(r"[a-z0-9]+")
_TAKEN = re.compile(r"(?:branch|untrusted)-")  # prefixes of mount ids (caching/policy/namespaces.py)
MAX_PROJECT = 60  # characters; the name becomes part of tags (at most 128) and folder names


def service_names(
    verdicts: Sequence[Verdict], free: Callable[[str, set[str]], bool], taken: set[str]
) -> dict[str, str]:
    """Return names by import path. Services are named first, so that left-out commands never rename them.

    ``free``: whether a name can be used, given those in use.
    """
    names: dict[str, str] = {}
    used = set(taken)
    for verdict in sorted(verdicts, key=_claim):
        name = _first_free(verdict, free, used)
        names[verdict.command.import_path] = name
        used.add(name)
    return names


def _claim(verdict: Verdict) -> tuple[bool, bool, int, str]:
    """Return a sort key: services first, then commands at a module's root or in cmd/, then those less deep."""
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
    """Return the name that a release tool gives, else the last specific element of the path or module path."""
    command = verdict.command
    given = {build.binary if build.exact else "" for build in verdict.builds if build.source.releases}
    if len(given) == 1 and "" not in given:
        return given.pop()
    inside = posixpath.relpath(command.folder, command.module_folder) if command.folder else "."
    if inside == ".":
        inside = _grouped(command)
    parts = [part for part in inside.split("/") if part not in (".", "..") and not _MAJOR.fullmatch(part)]
    specific = [part for part in parts if part.lower() not in _GROUPS]
    name = (
        specific[-1]
        if specific
        else (parts[-1] if parts and parts[-1].lower() in _GENERIC - _GROUPS else _module(command.module))
    )
    called = _called(verdict)
    if name.lower() not in _ROLES:
        return called if called.endswith((f"-{name}", f"_{name}")) else name
    if called:
        return called
    return f"{specific[-2]}-{name}" if len(specific) > 1 and parts[-2:] == specific[-2:] else name


def _grouped(command: Command) -> str:
    """Return the folder of a module below `cmd/` if it is specific, else "."; the module's name may be better."""
    above, _, last = command.folder.rpartition("/")
    if posixpath.basename(above).lower() not in _GROUPS or last.lower() in _GROUPS | _GENERIC or _MAJOR.fullmatch(last):
        return "."
    return "." if _module(command.module).endswith(last) else last


def _called(verdict: Verdict) -> str:
    """Return the program's name in the files that build it if they agree, else ""."""
    given = {build.binary for build in verdict.builds if build.binary and build.source is not Source.INSTALL}
    given -= _ROLES
    return given.pop() if len(given) == 1 else ""


def _module(path: str) -> str:
    """Return the last specific element of a module path, without the host: ``example.com/app`` gives app."""
    parts = [part for part in path.split("/") if not _MAJOR.fullmatch(part)]
    if len(parts) > 1 and "." in parts[0]:
        parts = parts[1:]
    specific = [part for part in parts if part.lower() not in _GROUPS] or parts
    return _GOPKG.sub("", specific[-1]) if specific else path


def image_name(text: str) -> str:
    """Return the text as a name component of the distribution spec: [a-z0-9]+ with single separators."""
    name = re.sub(r"[^a-z0-9._-]+", "-", text.lower())
    return re.sub(r"[._-]{2,}", "-", name).strip("._-") or "app"


# ---- projects


def project_name(module: str, modules: Sequence[str], remote: str, folder: str) -> str:
    """Return the unique name under which caches and records of a project are kept.

    It comes from the path of the root's ``module``; without one from the remote's address, else from the common path of
    its ``modules`` if that is more than host and account, else from the folder.
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
    """Return the last specific element of a module path."""
    return _reduced(_module(path))


def slug(path: str) -> str:
    """Return a module path as [a-z0-9-], with a digest if another path could give the same text."""
    text = _reduced(path)
    first, *rest = path.split("/")
    plain = _PLAIN.fullmatch(first) if not rest else _PLAIN_HOST.fullmatch(first)
    if plain and all(_PLAIN.fullmatch(part) for part in rest) and len(text) <= MAX_PROJECT:
        return text
    digest = hashlib.sha256(path.encode()).hexdigest()[:6]
    return f"{text[: MAX_PROJECT - 7].rstrip('-')}-{digest}"


def _reduced(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "project"
