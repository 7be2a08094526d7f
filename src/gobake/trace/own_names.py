"""Gives the vertices of a build the names of its own recipe.

BuildKit names a vertex as the build did that used it first: another target of this run, or another project's build on
the same engine. Only the bake target in front is always this run's, because buildx adds it. So a name whose stage the
target does not reach gets the target's own stage with that instruction; without one, it has no stage. References to
stages within an instruction (`COPY --from=account-2`) become this recipe's too: they are in no cache key.

A vertex with a stage that this recipe does not have at all is marked `foreign`: the build of another project had it
before, and still runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from msgspec import Struct

from gobake.trace.names import StepKind, StepName, parse_name

_REFERENCE = re.compile(r"(?<=--from=)[\w./:@-]+|(?<=,from=)[\w./:@-]+|(?<==from=)[\w./:@-]+")
_VARIABLE = re.compile(r"\$\{[^}]*\}|\$[A-Za-z_]\w*")
_NOISE = re.compile(r"[\s\"'\\,\[\]]")  # BuildKit's form of an instruction has other quotes and spaces
_EXACT, _FAMILY, _ANY = range(3)  # how references to stages are compared: account-2 and account are one family


class Stage(Struct, frozen=True, kw_only=True, dict=True):
    """A stage of the recipe's Dockerfiles."""

    name: str  # "" for the only stage of a Dockerfile
    steps: tuple[str, ...]  # the instructions that BuildKit counts; FROM only with an image
    uses: tuple[str, ...] = ()  # names of other stages

    @cached_property
    def shapes(self) -> tuple[_Shape, ...]:
        return tuple(map(_shape, self.steps))


class Made(Struct, frozen=True, kw_only=True):
    """What a bake target builds."""

    stages: tuple[Stage, ...]  # all that its result is built from, its own first
    platforms: tuple[str, ...]


class _Shape(Struct, frozen=True, kw_only=True):
    """An instruction for comparing: what stays of it in BuildKit's form, in pieces around variables."""

    verb: str
    references: tuple[str, ...]
    pieces: tuple[str, ...]

    def fits(self, other: _Shape, level: int) -> bool:
        """Whether ``other``, in which BuildKit replaced the variables, is this instruction."""
        if self.verb != other.verb or len(self.references) != len(other.references):
            return False
        if level < _ANY and any(
            _known(a, level) != _known(b, level) for a, b in zip(self.references, other.references, strict=True)
        ):
            return False
        text, first, last = "".join(other.pieces), self.pieces[0], self.pieces[-1]
        if len(self.pieces) == 1:
            return text == first
        if not (text.startswith(first) and text.endswith(last) and len(text) >= len(first) + len(last)):
            return False
        at = len(first)
        for piece in self.pieces[1:-1]:
            found = text.find(piece, at, len(text) - len(last))
            if found < 0:
                return False
            at = found + len(piece)
        return True


class OwnNames:
    """The names of one recipe."""

    def __init__(self, targets: Mapping[str, Made] | None = None, native: str = "") -> None:
        """``targets``: the bake targets that are built. ``native``: the builder's platform; "" if there are several."""
        self.targets = dict(targets or {})
        self._native = native
        self._several = frozenset(self.targets) if len(self.targets) > 1 else frozenset[str]()
        self._known: dict[str, str] = {}
        self._changed: dict[str, str] = {}
        self._foreign: set[str] = set()
        self._stages = {stage.name for made in self.targets.values() for stage in made.stages}

    def line(self, line: str) -> str:
        """Return a line of buildx's output with this recipe's names."""
        if not line.lstrip().startswith("{"):
            for old, new in self._changed.items():
                line = line.replace(old, new)
            return line
        if '"vertexes"' not in line:
            return line
        try:
            status = json.loads(line)
        except (ValueError, RecursionError):
            return line
        changed = [vertex for vertex in _vertices(status) if self._rename(vertex)]
        end = "\n" if line.endswith("\n") else ""
        return json.dumps(status, separators=(",", ":")) + end if changed else line

    def _rename(self, vertex: dict[str, object]) -> bool:
        old = vertex.get("name")
        if not isinstance(old, str):
            return False
        vertex["name"] = self.name(old)
        if old in self._foreign:
            vertex["foreign"] = True
        return vertex["name"] != old

    def name(self, text: str) -> str:
        """Return the recipe's own name of a vertex."""
        if text not in self._known:
            self._known[text] = self._named(text)
            if self._known[text] != text:
                self._changed[text] = self._known[text]
        return self._known[text]

    def _named(self, text: str) -> str:
        name = parse_name(text, self._several)
        made = self.targets.get(name.target) if self._several else next(iter(self.targets.values()), None)
        if made is None or not name.total or name.kind not in (StepKind.INSTRUCTION, StepKind.BASE):
            return text
        stage, number, total, instruction = name.stage, name.index, name.total, name.instruction
        if not _is_own(made, name):
            found = _found(made, name)
            instruction = _renamed(instruction, found[0].steps[found[1]] if found else "", made)
            stage = found[0].name if found else ""
            if name.stage and name.stage not in self._stages:
                self._foreign.add(text)
            if found:
                number, total = found[1] + 1, len(found[0].steps)
        where = (name.target, self._platforms(made, name), stage, f"{number}/{total}")
        head = " ".join(filter(None, where))
        if head.split() == text[1 : text.index("]")].split() and instruction == name.instruction:
            return text
        return f"[{head}] {'LINK ' if name.linked else ''}{instruction}"

    def _platforms(self, made: Made, name: StepName) -> str:
        """Return the platforms as BuildKit shows them for this target: only if it has several."""
        if len(made.platforms) < 2:
            return ""
        if not name.platform:
            return self._native
        crossing = name.platform != name.build_platform
        return f"{name.build_platform}->{name.platform}" if crossing else name.platform


def _is_own(made: Made, name: StepName) -> bool:
    return any(
        stage.name == name.stage and any(shape.verb == name.verb for shape in stage.shapes) for stage in made.stages
    )


def _found(made: Made, name: StepName) -> tuple[Stage, int] | None:
    """Return the target's stage with an instruction, and the position of the instruction in it."""
    wanted = _shape(name.instruction)
    for level in (_EXACT, _FAMILY, _ANY):
        for stage in made.stages:
            fitting = [at for at, shape in enumerate(stage.shapes) if shape.fits(wanted, level)]
            if fitting:
                return stage, name.index - 1 if name.index - 1 in fitting else fitting[0]
    return None


def _renamed(text: str, own: str, made: Made) -> str:
    """Return an instruction with the references of ``own``; without those to unknown stages if that is ""."""
    references = iter(_REFERENCE.findall(own))
    known = {stage.name for stage in made.stages}

    def reference(match: re.Match[str]) -> str:
        if own:
            return next(references, match[0])
        return match[0] if match[0] in known or re.search(r"[./:@]", match[0]) else "another-stage"

    return _REFERENCE.sub(reference, text)


def _shape(text: str) -> _Shape:
    verb, _, rest = text.strip().partition(" ")
    if verb.upper() == "FROM":
        rest = _image(rest)
    references = tuple(_REFERENCE.findall(rest))
    pieces = _VARIABLE.split(_REFERENCE.sub("", rest))
    return _Shape(verb=verb.upper(), references=references, pieces=tuple(_NOISE.sub("", piece) for piece in pieces))


def _image(rest: str) -> str:
    """Return an image's reference without platform, digest and what Docker adds by itself."""
    words = [word for word in rest.split() if not word.startswith("--platform=")]
    name = re.sub(r"@sha256:\w+$", "", words[0] if words else "").removeprefix("docker.io/").removeprefix("library/")
    return name.removesuffix(":latest")


def _known(reference: str, level: int) -> str:
    return re.sub(r"-\d+(?=-base$|$)", "", reference) if level == _FAMILY else reference


def _vertices(status: object) -> Iterator[dict[str, object]]:
    listed = status.get("vertexes") if isinstance(status, dict) else None
    yield from (one for one in listed if isinstance(one, dict)) if isinstance(listed, list) else ()


def reached(name: str, stages: Mapping[str, Stage], more: Iterable[str] = ()) -> tuple[Stage, ...]:
    """Return a stage and all that it is built from, nearest first. ``more``: names of others to begin with."""
    found: dict[str, Stage] = {}
    waiting: list[str] = [name, *more]
    for one in waiting:
        if one in stages and one not in found:
            found[one] = stages[one]
            waiting += stages[one].uses
    return tuple(found.values())
