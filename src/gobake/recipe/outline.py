"""Reads a written recipe back: which stages and instructions each bake target is built from.

This gives the vertices of a build the names of its own recipe (trace/own_names.py). The project's own Dockerfiles for
base images are read too; what is not understood has no stages, and its names stay as BuildKit shows them.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from msgspec.structs import replace

from gobake.trace.own_names import Made, OwnNames, Stage, reached

_COUNTED = ("RUN", "COPY", "ADD", "WORKDIR")  # the instructions that make vertices
_USED = re.compile(r"(?:--from=|\bfrom=)([\w.-]+)")
_HEREDOC = re.compile(r"<<-?[\"']?(\w+)[\"']?")
_FROM = re.compile(r"(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE)
_LARGEST = 1 << 20  # bytes of a Dockerfile


def own_names(bake_file: Path, built: Sequence[str], native: str = "") -> OwnNames:
    """Return the names of a written recipe. ``built``: the bake targets that are built; ``native``: see OwnNames."""
    try:
        targets = json.loads(bake_file.read_text(encoding="utf-8"))["target"]
        stages = _stages_in(Path(_plain(targets["_base"]["dockerfile"])), bake_file.parent)
        return OwnNames({name: _made(name, targets, stages) for name in built}, native)
    except (OSError, ValueError, KeyError, TypeError):
        return OwnNames()  # only names depend on it


def _made(name: str, targets: Mapping[str, Any], stages: Mapping[str, Stage]) -> Made:
    fields = _inherited(name, targets)
    known, more = dict(stages), list[str]()
    for where in fields.get("contexts", {}).values():
        if str(where).startswith("target:"):
            base = _of_dockerfile(targets[str(where).removeprefix("target:")])
            known |= {key: stage for key, stage in base.items() if key not in known}
            more += [key for key in base if key not in stages]
    if "target" not in fields:
        base = _of_dockerfile(fields)
        return Made(stages=tuple(base.values()), platforms=tuple(fields.get("platforms", ())))
    return Made(stages=reached(fields["target"], known, more), platforms=tuple(fields.get("platforms", ())))


def _inherited(name: str, targets: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for parent in targets[name].get("inherits", ()):
        fields |= _inherited(parent, targets)
    return {**fields, **targets[name]}


def _of_dockerfile(fields: Mapping[str, Any]) -> dict[str, Stage]:
    return _stages_in(Path(_plain(fields["dockerfile"])), Path(_plain(fields["context"])))


def _plain(text: str) -> str:
    """Undo recipe.words.hcl."""
    return text.replace("$${", "${").replace("%%{", "%{")


def _stages_in(file: Path, folder: Path) -> dict[str, Stage]:
    with (folder / file).open(encoding="utf-8", errors="replace") as stream:
        return {stage.name: stage for stage in stages_of(stream.read(_LARGEST))}


def stages_of(dockerfile: str) -> tuple[Stage, ...]:
    """Return the stages of a Dockerfile, in order."""
    found: list[Stage] = []
    for text in _instructions(dockerfile):
        verb, _, rest = text.partition(" ")
        verb = verb.upper()
        if verb == "FROM" and (match := _FROM.match(rest.strip())):
            base, name = match[1], (match[2] or f"stage-{len(found)}").lower()
            is_stage = any(stage.name == base.lower() for stage in found)
            steps = () if is_stage or base.lower() == "scratch" else (f"FROM {base}",)
            found.append(Stage(name=name, steps=steps, uses=(base.lower(),) if is_stage else ()))
        elif verb in _COUNTED and found:
            stage = found[-1]
            found[-1] = replace(stage, steps=(*stage.steps, f"{verb} {rest}"), uses=(*stage.uses, *_USED.findall(rest)))
    if len(found) == 1 and found[0].name == "stage-0":
        return (replace(found[0], name=""),)
    return tuple(found)


def read_by_copies(dockerfile: str) -> Callable[[str], bool]:
    """Return whether a Dockerfile may read a path of its context; True in doubt, as where it names variables."""
    patterns: list[str] = []
    for text in _instructions(dockerfile):
        verb, _, rest = text.partition(" ")
        words = rest.replace("[", " ").replace("]", " ").replace(",", " ").replace('"', " ").split()
        if verb.upper() == "RUN" and any("type=bind" in word and "from=" not in word for word in words):
            return lambda _: True
        if verb.upper() in ("COPY", "ADD") and not any(word.startswith("--from=") for word in words):
            patterns += [word for word in words if not word.startswith("--")][:-1]
    cleaned = [posixpath.normpath(pattern.lstrip("/") or ".") for pattern in patterns]
    if any("$" in pattern or pattern in (".", "*") for pattern in cleaned):
        return lambda _: True

    def reads(path: str) -> bool:
        above = [path, *(str(folder) for folder in PurePosixPath(path).parents)]
        return any(fnmatchcase(one, pattern) for one in above for pattern in cleaned)

    return reads


def _instructions(dockerfile: str) -> Iterator[str]:
    """Yield the instructions, each in one line, without comments and the content of heredocs."""
    held: list[str] = []
    ends: list[str] = []
    for line in dockerfile.splitlines():
        if ends:
            if line.strip() == ends[0]:
                ends.pop(0)
            continue
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        held.append(text.removesuffix("\\").rstrip())
        if text.endswith("\\"):
            continue
        whole, held = " ".join(held), []
        yield whole
        if whole.split()[0].upper() in ("RUN", "COPY", "ADD"):
            ends = _HEREDOC.findall(whole)
    if held:
        yield " ".join(held)
