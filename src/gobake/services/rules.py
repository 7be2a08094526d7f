"""The rules that tell services from tools, in order. Pure.

1. A command that `services.exclude` names is left out; one that `services.include` names is a service.
2. A command whose main does nothing is left out if other commands do something.
3. A command that a release tool (GoReleaser, ko, promu) builds is a service.
4. A command that `//go:generate` runs or a `tool` line names is left out.
5. A command that a Dockerfile builds, copies or starts is a service, unless only a pattern in it matches a folder of
   rule 6, or it builds all commands but copies others by name.
6. A command in a folder for tools, tests, examples or the like, or named like a generator or a test, is left out.
7. If a release tool names commands, all others are left out. If Dockerfiles do, others stay only if they lie as in
   rule 8 and a Makefile, script or workflow builds them with `go build`.
8. Otherwise commands stay that lie at the root of a module or in cmd/NAME (or apps/NAME, services/NAME), unless a
   pattern rule over that folder builds a list without them. Commands elsewhere stay if scripts build them, or if
   scripts build nothing.

If no service is left, rules are dropped: first 6, then 4, then 2.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from itertools import zip_longest

from msgspec import Struct
from msgspec.structs import replace

from gobake.services.patterns import fits, matches
from gobake.services.values import Build, Command, Evidence, Image, Source, Use, Verdict

_ASIDE_FOLDER = re.compile(
    r"internal|hack|tools?|_?examples?|samples?|demos?|scripts?|contrib|test(?:s|ing|data|utils?|ers?|only|[-_].*)?|.*_test"
    r"|fixtures?|docs?|documentation|tutorials?|bench(?:es|marks?|marking)?|helpers?|integration|e2e|mocks?|fakes?|gen"
    r"|generators?|codegen|fuzz(?:ing)?|playground|third_party|magefiles?|experiments?|devtools?|dev|ci|lint"
)
_ASIDE_NAME = re.compile(
    r"gen(?:erate[a-z]*|erator)?(?:[-_.].*)?|(?:.*[-_.])(?:gen|generator|codegen)"
    r"|.*(?:doc|code|schema|data|proto|type|mock|config|stub|api|crd|query)s?gen|protoc-gen-.*"
    r"|tests?(?:[-_].*)?|.*[-_](?:tests?|tester|test-runner|e2e|examples?|bench|benchmarks?|fixtures?|linter)"
    r"|e2e(?:[-_].*)?|bench(?:marks?)?(?:[-_].*)?|fuzz(?:[-_].*)?|(?:mock|fake|example|sample|demo)s?(?:[-_].*)?"
)
_NOT_TELLING = frozenset(("cmd", "main", "app"))
# Folders of build files beside a command's sources
BUILD_FOLDERS = frozenset(
    "docker build deploy deployment deployments image images package packaging container dockerfiles".split()
)
_HOLD_COMMANDS = frozenset("cmd cmds command commands app apps service services svc".split())
_OPEN = re.compile(r"\*|\.\.\.")  # wildcards
_Rule = Callable[[Command], Verdict | None]


class Wishes(Struct, frozen=True, kw_only=True):
    """Patterns of gobake.yaml, each with its place for messages."""

    include: tuple[tuple[str, str], ...] = ()
    exclude: tuple[tuple[str, str], ...] = ()


def decide(commands: Sequence[Command], evidence: Evidence, wishes: Wishes) -> tuple[Verdict, ...]:
    """Return a verdict for each command, in the same order."""
    judge = _Judge(commands, evidence, wishes)
    return judge.verdicts()


class _Judge:
    """Applies the rules to one project's commands."""

    def __init__(self, commands: Sequence[Command], evidence: Evidence, wishes: Wishes) -> None:
        self._commands, self._wishes = commands, wishes
        self._uses = evidence.uses
        self._builds = {c.import_path: _builds_of(c, evidence.builds, commands) for c in commands}
        self._listed = [  # builds of a pattern with a list of names
            build for build in evidence.builds
            if build.named and build.source is Source.BUILD and any(_is_built(c, build, commands) for c in commands)
        ]  # fmt: skip
        self._images = {c.import_path: _images_of(c, evidence.images) for c in commands}
        self._shared = _shared_names(commands)

    def verdicts(self) -> tuple[Verdict, ...]:
        rules: list[_Rule] = [self._wished, self._idle, self._released, self._certainly_used, self._imaged, self._aside]
        for dropped in (
            (),
            (self._aside,),
            (self._aside, self._certainly_used),
            (self._aside, self._certainly_used, self._idle),
        ):
            verdicts = self._by([rule for rule in rules if rule not in dropped])
            if any(verdict.shipped for verdict in verdicts) or all(self._excluded(c) for c in self._commands):
                return verdicts
        return verdicts

    def _by(self, rules: Sequence[_Rule]) -> tuple[Verdict, ...]:
        first = {c.import_path: next((v for rule in rules if (v := rule(c))), None) for c in self._commands}
        settled = [
            verdict for verdict in first.values() if verdict and verdict.shipped and not self._included(verdict.command)
        ]
        return tuple(first[c.import_path] or self._rest(c, settled) for c in self._commands)

    # ---- rules 1 to 6

    def _wished(self, command: Command) -> Verdict | None:
        where = self._excluded(command)
        if where:
            return self._out(command, f"excluded by {where}")
        where = self._included(command)
        return self._in(command, f"included by {where}") if where else None

    def _excluded(self, command: Command) -> str:
        return next((at for p, at in self._wishes.exclude if matches(p, command.folder, command.import_path)), "")

    def _included(self, command: Command) -> str:
        return next((at for p, at in self._wishes.include if matches(p, command.folder, command.import_path)), "")

    def _idle(self, command: Command) -> Verdict | None:
        if command.empty and any(not other.empty for other in self._commands):
            return self._out(command, "its main does nothing")
        return None

    def _released(self, command: Command) -> Verdict | None:
        build = next((b for b in self._of(command) if b.source.releases), None)
        return self._in(command, f"built by {build.where}") if build else None

    def _certainly_used(self, command: Command) -> Verdict | None:
        use = next((u for u in self._uses if u.certain and _is_used(command, u)), None)
        return self._out(command, use.how) if use else None

    def _imaged(self, command: Command) -> Verdict | None:
        aside = _why_aside(command)
        images = self._images[command.import_path]
        beside = (image.file for image in images if _is_beside(image, command))
        taken = next((where for image in images for where in _taken(image, self._names(command))), "") or next(
            beside, ""
        )
        for build in self._of(command):
            if build.source is not Source.DOCKERFILE or _lies_aside(posixpath.dirname(build.where)):
                continue
            if self._copies_others(command, build):
                continue
            literal = any(not _OPEN.search(f) and fits(f, command.folder) for f in build.folders) or build.import_path
            if not aside or (taken and literal) or (not literal and not _pattern_means_aside(command, build)):
                return self._in(command, f"built by {build.where}")
        return self._in(command, f"{taken} makes its image") if taken and not aside else None

    def _copies_others(self, command: Command, build: Build) -> bool:
        """Whether a Dockerfile builds all of a folder (`./cmd/...`) but copies only other programs by name."""
        if not any(folder.endswith("...") for folder in build.folders):
            return False
        images = [image for image in self._images[command.import_path] if image.file == _file(build)]
        copied = {name for image in images for name, where in image.takes if where != image.file}
        every = {name for other in self._commands for name in self._names(other)}
        return bool(copied & every) and not copied & self._names(command)

    def _aside(self, command: Command) -> Verdict | None:
        why = _why_aside(command)
        if why:
            return self._out(command, why)
        if _prominent(command):
            return None
        if any(build.source is Source.BUILD for build in self._of(command)):
            return None
        use = next((u for u in self._uses if not u.certain and _is_used(command, u)), None)
        return self._out(command, use.how) if use else None

    # ---- rules 7 and 8

    def _rest(self, command: Command, settled: Sequence[Verdict]) -> Verdict:
        """Judge a command that rules 1 to 6 did not. ``settled``: services by these rules, except for included ones."""
        own = [b for b in self._of(command) if b.source in (Source.BUILD, Source.INSTALL)]
        built = next((b for b in own if b.source is Source.BUILD), None)
        releasers = [b for verdict in settled for b in verdict.builds if b.source.releases]
        if releasers:
            return self._out(command, f"not built by {_file(releasers[0])}")
        if settled:
            if built and _prominent(command):
                return self._in(command, f"built by {built.where}")
            where = re.sub(r"built by | makes its image", "", settled[0].why)
            other = f"{_file_of(where)} builds {_shown(settled[0].command)}"
            return self._out(command, f"no Dockerfile builds it; {other}")
        if own:
            return self._in(command, f"built by {(built or own[0]).where}")
        omits = next(
            (b.where for b in self._listed if _is_built(command, replace(b, named=frozenset()), self._commands)), ""
        )
        if omits:
            return self._out(command, f"not built by {omits}")
        others = [b for c in self._commands for b in self._of(c) if b.source is Source.BUILD]
        if others and not _prominent(command):
            return self._out(command, f"not built by {_file(others[0])}")
        return self._in(command, _place(command, alone=len(self._commands) == 1))

    # ---- evidence of one command

    def _of(self, command: Command) -> tuple[Build, ...]:
        return self._builds[command.import_path]

    def _names(self, command: Command) -> frozenset[str]:
        """Return the names of its program in images, without names that several commands share."""
        names = {command.binary, *(b.binary for b in self._of(command))} - {""}
        return frozenset(names - self._shared - _NOT_TELLING)

    def _in(self, command: Command, why: str) -> Verdict:
        path = command.import_path
        return Verdict(
            command=command, shipped=True, why=why, builds=self._builds[path], images=self._own_images(command)
        )

    def _out(self, command: Command, why: str) -> Verdict:
        path = command.import_path
        return Verdict(
            command=command, shipped=False, why=why, builds=self._builds[path], images=self._own_images(command)
        )

    def _own_images(self, command: Command) -> tuple[Image, ...]:
        names = self._names(command)
        built = {_file(b) for b in self._of(command) if b.source is Source.DOCKERFILE}
        return tuple(
            image for image in self._images[command.import_path]
            if image.file in built or next(iter(_taken(image, names)), "")
        )  # fmt: skip


def _builds_of(command: Command, builds: Sequence[Build], commands: Sequence[Command]) -> tuple[Build, ...]:
    order = list(Source)
    matching = [build for build in builds if _is_built(command, build, commands)]
    return tuple(sorted(matching, key=lambda build: order.index(build.source)))


def _is_built(command: Command, build: Build, commands: Sequence[Command]) -> bool:
    if build.import_path:
        return matches(build.import_path, "", command.import_path)
    for glob in build.folders:
        if any(fits(glob, other.folder) for other in commands):
            named = not build.named or command.folder.rpartition("/")[2] in build.named
            return named and fits(glob, command.folder)
    return False


def _images_of(command: Command, images: Sequence[Image]) -> tuple[Image, ...]:
    """Return the images that may be the command's, those beside it first; those of tests and examples are excluded."""
    images = [image for image in images if not _lies_aside(image.folder)]
    beside = [image for image in images if _is_beside(image, command)]
    return (*beside, *(image for image in images if image not in beside))


def _is_beside(image: Image, command: Command) -> bool:
    """Whether the Dockerfile is in the command's folder, or in a folder for build files there."""
    if command.folder in ("", "."):
        return False
    above, _, last = image.folder.rpartition("/")
    return image.folder == command.folder or (above == command.folder and last in BUILD_FOLDERS)


def _taken(image: Image, names: frozenset[str]) -> list[str]:
    return [where for name, where in image.takes if name in names]


def _shared_names(commands: Sequence[Command]) -> set[str]:
    names = [command.binary for command in commands if not command.empty and not _why_aside(command)]
    return {name for name in names if names.count(name) > 1}


def _is_used(command: Command, use: Use) -> bool:
    if use.files and not set(use.files) <= command.files:
        return False
    if use.import_path:
        return use.import_path == command.import_path
    if use.program:
        return use.program == command.binary
    return command.folder in use.folders


def _lies_aside(folder: str) -> str:
    """Return the leading part of a folder that is for tools, tests, examples or the like; "" if there is none."""
    parts = folder.split("/")
    at = next((at for at, part in enumerate(parts) if _ASIDE_FOLDER.fullmatch(part.lower())), None)
    return "" if at is None else "/".join(parts[: at + 1])


def _why_aside(command: Command) -> str:
    parts = command.folder.split("/") if command.folder not in ("", ".") else []
    aside = _lies_aside(command.folder)
    name = next((part for part in reversed(parts) if part not in _NOT_TELLING), "")
    if name and _ASIDE_NAME.fullmatch(name.lower()) and aside in ("", command.folder):
        return f"is named like a tool: {name}"
    return f"lies in {aside}/" if aside else ""


def _pattern_means_aside(command: Command, build: Build) -> bool:
    """Whether the part of the folder that a pattern's wildcards match is for tools; literal parts are intended."""
    for glob in build.folders:
        if not fits(glob, command.folder):
            continue
        parts = zip_longest(command.folder.split("/"), glob.split("/"), fillvalue="...")
        open_parts = [part for part, text in parts if _OPEN.search(text)]
        return any(_ASIDE_FOLDER.fullmatch(p.lower()) or _ASIDE_NAME.fullmatch(p.lower()) for p in open_parts)
    return True


def _prominent(command: Command) -> bool:
    """Whether it is at the root of a module or in cmd/NAME, apps/NAME or the like there."""
    if command.folder == command.module_folder:
        return True
    inside = (
        command.folder.removeprefix(f"{command.module_folder}/") if command.module_folder != "." else command.folder
    )
    parts = inside.split("/")
    return parts[0] in _HOLD_COMMANDS and len(parts) <= 2


def _place(command: Command, *, alone: bool) -> str:
    if alone:
        return "the only command"
    if command.folder == ".":
        return "lies at the root"
    if command.folder == command.module_folder:
        return "lies at the root of its module"
    return "lies in cmd/" if "cmd" in command.folder.split("/") else f"lies in {command.folder}/"


def _file(build: Build) -> str:
    return _file_of(build.where)


def _file_of(where: str) -> str:
    return re.sub(r":\d+$", "", where)


def _shown(command: Command) -> str:
    return "the root" if command.folder == "." else command.folder
