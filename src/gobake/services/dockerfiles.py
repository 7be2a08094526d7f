"""Reads Dockerfiles: the packages that they build, and the properties of their images. Pure.

A Dockerfile does not name its build context. So the folders of a build are guesses, best first, beginning with the
root; rules.py finds the one that holds a command.
"""

from __future__ import annotations

import copy
import json
import posixpath
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from gobake.services.scripts import built, used
from gobake.services.shell import calls, expand, globbed, logical_lines, unstamped
from gobake.services.values import Build, Image, Source, Use

_WORD = re.compile(r"\s*([A-Za-z]+)\s+(.*)$", re.DOTALL)
_OPTION = re.compile(r"--([a-z-]+)(?:=(\S+))?\s+")
_PLATFORM_SUFFIX = re.compile(r"(?:[-_.](?:linux|amd64|arm64|x86_64|\*))+$")
# Stages for development, debugging or tests
_ASIDE_STAGE = re.compile(r"(?:^|[._-])(?:dev|develop|development|debug|dlv|tests?|testing|e2e|lint|docs?)(?:[._-]|$)")
_FILE = re.compile(r"\*|\.[A-Za-z0-9]{1,5}$")


@dataclass(kw_only=True)
class _Stage:
    """The state at one point of a stage. Folders of the image are absolute."""

    name: str = ""
    base: str = ""
    used: bool = False  # another stage is based on it or copies from it
    starts: bool = False  # it has its own ENTRYPOINT or CMD
    workdir: str = "/"
    begun: str = ""  # the first WORKDIR: where sources are by default
    copied: tuple[tuple[str, str], ...] = ()  # (folder of the image, folder of the context)
    known: dict[str, str] = field(default_factory=dict)  # values of variables
    defaults: dict[str, str] = field(default_factory=dict)  # of ARG, which --build-arg may override
    facts: dict[str, object] = field(default_factory=dict)  # values by instruction
    takes: list[tuple[str, str]] = field(default_factory=list)  # (name of a copied file, FILE:LINE)
    files: list[tuple[str, str]] = field(default_factory=list)  # (source in the context, target)


class Read(Struct, frozen=True, kw_only=True):
    """What a Dockerfile contains."""

    builds: tuple[Build, ...]
    uses: tuple[Use, ...]
    images: tuple[Image, ...]


def read(text: str, path: str, modules: frozenset[str]) -> Read:
    """Parse a Dockerfile. ``modules``: folders with a go.mod; one that holds the Dockerfile is the likely context."""
    reader = _Reader(path=path, modules=modules)
    for number, line in _instructions(text):
        match = _WORD.match(line)
        if match:
            reader.take(match[1].upper(), match[2].strip(), number)
    return Read(builds=tuple(reader.builds), uses=tuple(reader.uses), images=reader.images())


def _instructions(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, instruction); here-documents are joined to it as shell lines."""
    end, begun, number = "", "", 0
    for at, line in logical_lines(text):
        if end:
            if line.strip() == end:
                yield number, begun
                end = ""
            else:
                begun += f" ; {line}"
            continue
        opened = re.search(r"<<-?[\"']?(\w+)[\"']?\s*$", line)
        if opened and line.lstrip().upper().startswith("RUN"):
            end, begun, number = opened[1], line[: opened.start()] + " true", at
            continue
        yield at, line


@dataclass(kw_only=True)
class _Reader:
    path: str
    modules: frozenset[str]
    stages: dict[str, _Stage] = field(default_factory=dict)  # by name and by index
    all: list[_Stage] = field(default_factory=list)
    stage: _Stage = field(default_factory=_Stage)
    everywhere: dict[str, str] = field(default_factory=dict)  # ARG before the first FROM
    defaults: dict[str, str] = field(default_factory=dict)  # default values of these
    builds: list[Build] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)

    def take(self, verb: str, rest: str, number: int) -> None:
        stage = self.stage
        if verb == "FROM":
            self._begin(rest)
        elif verb in ("ARG", "ENV"):
            self._variables(verb, rest)
        elif verb == "WORKDIR":
            stage.workdir = posixpath.normpath(posixpath.join(stage.workdir, expand(rest, stage.known).strip("\"'")))
            stage.begun = stage.begun or stage.workdir
        elif verb in ("COPY", "ADD"):
            self._copy(rest, number)
        elif verb == "RUN":
            self._run(rest, number)
        elif verb in ("ENTRYPOINT", "CMD"):
            stage.facts[verb] = _words(globbed(expand(rest, stage.known)))
            stage.starts = True
            if verb == "ENTRYPOINT":
                stage.facts.pop("CMD", None)
        elif verb == "EXPOSE":
            ports = globbed(self._shown(rest)).split()
            known = stage.facts.get("EXPOSE", ())
            stage.facts["EXPOSE"] = (*(known if isinstance(known, tuple) else ()), *(p for p in ports if "*" not in p))
        elif verb == "VOLUME":
            stage.facts["VOLUME"] = _words(globbed(self._shown(rest)))
        elif verb == "USER":
            stage.facts["USER"] = globbed(self._shown(rest))

    def _shown(self, rest: str) -> str:
        """Expand variables, using the defaults of ARG."""
        return expand(rest, {**self.stage.defaults, **self.stage.known})

    def _begin(self, rest: str) -> None:
        words = expand(_OPTION.sub("", rest + " "), self.everywhere).split()
        base = words[0] if words else ""
        above = self._used(base)
        name = words[2].lower() if len(words) > 2 and words[1].lower() == "as" else ""
        self.stage = copy.deepcopy(above) if above else _Stage(base=globbed(base), known=dict(self.everywhere))
        self.stage.name, self.stage.used, self.stage.starts = name, False, False
        self.stages[str(len(self.all))] = self.stage
        if name:
            self.stages[name] = self.stage
        self.all.append(self.stage)

    def _used(self, name: str) -> _Stage | None:
        stage = self.stages.get(name.lower())
        if stage:
            stage.used = True
        return stage

    def _variables(self, verb: str, rest: str) -> None:
        pairs = re.findall(r"([A-Za-z_]\w*)(?:=(\"[^\"]*\"|'[^']*'|\S*))?", rest)
        if verb == "ENV" and "=" not in rest.split(" ")[0]:
            name, _, value = rest.partition(" ")
            pairs = [(name, value)]
        for name, value in pairs:
            bare = value.strip("\"'")
            if verb == "ARG":
                of = self.stage.defaults if self.stages else self.defaults
                of.setdefault(name, bare or self.defaults.get(name, "\x01?\x02"))
            if verb == "ARG" and "/" not in bare and "." not in bare:
                continue  # set by the caller: `--build-arg SERVICE=api`
            target = self.everywhere if verb == "ARG" and not self.stages else self.stage.known
            target[name] = bare
            if verb == "ENV":
                known = self.stage.facts.get("ENV")
                self.stage.facts["ENV"] = {**(known if isinstance(known, dict) else {}), name: bare}

    def _copy(self, rest: str, number: int) -> None:
        stage = self.stage
        origin = ""
        while match := _OPTION.match(rest):
            origin = (match[2] or "") if match[1] == "from" else origin
            rest = rest[match.end() :]
        words = _words(globbed(expand(rest, stage.known)))
        if len(words) < 2:
            return
        target = posixpath.normpath(posixpath.join(stage.workdir, words[-1]))
        for source in words[:-1]:
            self._note_copy(origin, source, target, words[-1].endswith(("/", "bin", ".")) or len(words) > 2, number)

    def _note_copy(self, origin: str, source: str, target: str, into: bool, number: int) -> None:
        stage = self.stage
        base = _PLATFORM_SUFFIX.sub("", posixpath.basename(source.rstrip("/")))
        names = {base} if into else {base, posixpath.basename(target)}
        stage.takes += [(name, f"{self.path}:{number}") for name in sorted(names) if name]
        if not origin:
            context = posixpath.normpath(source.lstrip("/") or ".")
            is_file = bool(_FILE.search(posixpath.basename(context)))
            folder = (posixpath.dirname(context) or ".") if is_file else context
            stage.copied += ((target, folder),)
            place = posixpath.join(target, posixpath.basename(context)) if is_file and into else target
            stage.files.append((context, place))
            return
        builder = self._used(origin)
        if builder and builder.copied:
            placed = _in_context(builder, posixpath.join(builder.workdir, source))
            place = posixpath.join(target, posixpath.basename(source)) if into else target
            stage.files.append((placed, place))

    def _run(self, rest: str, number: int) -> None:
        stage = self.stage
        if "type=bind" in rest and not stage.copied:
            stage.copied = ((stage.workdir, "."),)
        for name in re.findall(r"--mount=\S*\bfrom=([\w.-]+)", rest):
            self._used(name)
        go_calls, _ = calls(expand(_mountless(rest), unstamped(stage.known)), stage.workdir, [])
        where = f"{self.path}:{number}"
        for call in go_calls:
            if call.verb == "run":
                uses = used(call, where, f"{where} runs it with go run", certain=False)
                self.uses += [replace(use, folders=self._guesses(use.folders)) for use in uses]
                continue
            for build in built(call, where, Source.DOCKERFILE):
                self.builds.append(replace(build, folders=self._guesses(build.folders), named=frozenset()))

    def _guesses(self, folders: tuple[str, ...]) -> tuple[str, ...]:
        """Return folders of the project that may correspond to folders of the image."""
        here = posixpath.dirname(self.path) or "."
        guessed: list[str] = []
        for folder in folders:
            inside = _in_context(self.stage, folder) if folder.startswith("/") else folder
            around = [".", here] if here not in self.modules else [here, "."]
            whole = [posixpath.basename(target) for target, source in self.stage.copied if source == "."]
            guessed += [posixpath.normpath(posixpath.join(start, inside)) for start in (*around, *whole)]
        return tuple(dict.fromkeys(guessed))

    def images(self) -> tuple[Image, ...]:
        """Return the image of the last stage, then those of unused stages with an ENTRYPOINT or CMD.

        A last stage for development or debugging comes after the others.
        """
        ends = [s for s in self.all[:-1] if s.starts and not s.used and not _ASIDE_STAGE.search(s.name)]
        ordered = [*ends, self.stage] if _ASIDE_STAGE.search(self.stage.name) else [self.stage, *ends]
        return tuple(self._image(stage) for stage in ordered)

    def _image(self, stage: _Stage) -> Image:
        entrypoint, args = (_strings(stage.facts.get(verb)) for verb in ("ENTRYPOINT", "CMD"))
        started = [word for words in (entrypoint, args) for word in words[:1] + _after_init(words)]
        names = [(posixpath.basename(word), self.path) for word in started]
        env = stage.facts.get("ENV")
        return Image(
            file=self.path, takes=(*stage.takes, *names), entrypoint=entrypoint, args=args, base=stage.base,
            ports=_strings(stage.facts.get("EXPOSE")), user=str(stage.facts.get("USER", "")), files=tuple(stage.files),
            workdir=stage.workdir if stage.begun else "", volumes=_strings(stage.facts.get("VOLUME")),
            env=tuple(sorted((env if isinstance(env, dict) else {}).items())),
            folder=posixpath.dirname(self.path) or ".",
        )  # fmt: skip


def _in_context(stage: _Stage, folder: str) -> str:
    """Return the folder of the context from which a folder of the image was copied."""
    places = stage.copied or ((stage.begun or "/", "."),)
    around = [(target, source) for target, source in places if _within(folder, target)]
    target, source = max(around, key=lambda place: len(place[0]), default=(stage.begun or "/", "."))
    rest = posixpath.relpath(folder, target) if _within(folder, target) else "."
    return posixpath.normpath(posixpath.join(source, rest))


def _within(folder: str, around: str) -> bool:
    return folder == around or folder.startswith(around.rstrip("/") + "/")


def _mountless(rest: str) -> str:
    while match := _OPTION.match(rest):
        rest = rest[match.end() :]
    return rest


def _words(text: str) -> tuple[str, ...]:
    """Split the words of an instruction in JSON or shell form."""
    if text.startswith("["):
        try:
            return tuple(str(word) for word in json.loads(text))
        except ValueError:
            return ()
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())


def _strings(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, tuple) else ()


def _after_init(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the program after `tini --`, if any."""
    return words[words.index("--") + 1 :][:1] if "--" in words[:-1] else ()
