"""Reads Makefiles, justfiles, Taskfiles, scripts and workflows for the packages that they build or only run."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from gobake.services.shell import Call, calls, expand, globbed, logical_lines, unstamped
from gobake.services.values import Build, Source, Use

_MAKE_VALUE = re.compile(r"\s*(?:export\s+|override\s+)*([A-Za-z_][\w.-]*)\s*(\?=|:::?=|:=|\+=|=)\s*(.*)$")
_SHELL_VALUE = re.compile(
    r"\s*(?:export\s+|local\s+|readonly\s+)*([A-Za-z_]\w*)=(\"[^\"]*\"|'[^']*'|[^\s;&|()]*)\s*;?\s*$"
)
_CONDITION = re.compile(r"\s*(?:ifn?eq|ifn?def|else|endif|-?include|export|unexport)\b")
_RULE = re.compile(r"([^\s:=#][^:=#]*):{1,2}(?!=)\s*([^=]*)$")
_TELLING = re.compile(r"\b(?:build|install|run|cd|pushd|popd)\b|^\s*\(|\)\s*(?:\|\||&&|$)")
# Make targets that list what they run or check, not what they build
_ASIDE_TARGET = re.compile(
    r"(?:.*[-_/])?(?:protos?|gen|generated?|lint|checks?|verify|tests?|docs?|fmt|vet|mans?|manpages|tools|clean)(?:[-_].*)?"
)
_LISTING = re.compile(r"\b(?:wildcard|ls|find)\s+(?:-\S+\s+)*(\S+)|([\w.-]+/\*)")


class Script(Struct, frozen=True, kw_only=True):
    """A file with shell commands."""

    path: str  # relative to the root
    text: str
    variables: Mapping[str, str]  # of the other Makefiles
    make: bool = False

    @property
    def folder(self) -> str:
        """Where its commands run: make in the Makefile's folder, scripts usually at the root."""
        return posixpath.dirname(self.path) or "." if self.make else "."


class Found(Struct, frozen=True, kw_only=True):
    """The builds and uses in a script."""

    builds: tuple[Build, ...]
    uses: tuple[Use, ...]


def variables(text: str, *, make: bool) -> dict[str, str]:
    """Return the variables that a text sets, each with its first plain value; `define` blocks are values too."""
    values: dict[str, str] = {}
    for name, block in (
        re.findall(r"^define\s+(\w+)[^\n]*\n(.*?)^endef", text, re.MULTILINE | re.DOTALL) if make else ()
    ):
        values[name] = ";".join(line for _, line in logical_lines(block))
    pattern = _MAKE_VALUE if make else _SHELL_VALUE
    recipe = False
    for _, line in logical_lines(text):
        if line.strip() and not line.startswith("\t") and not _CONDITION.match(line):
            recipe = bool(_RULE.match(line))
        match = None if recipe else pattern.match(line)
        if not match:
            continue
        value = match[match.lastindex or 1]
        value = re.sub(r"\s+#.*$", "", value) if make else value.strip("\"'")
        if f"$({match[1]})" in value or f"${{{match[1]}}}" in value:
            continue
        if make and match[2] == "+=" and (line[0] not in " \t" or value.startswith("-X")):
            values[match[1]] = f"{values.get(match[1], '')} {value}".strip()
        else:
            values.setdefault(match[1], value)
    return values


def read(script: Script) -> Found:
    """Return the packages that a script builds and those that it runs."""
    if "go" not in script.text.lower():
        return Found(builds=(), uses=())
    known = unstamped({**script.variables, **variables(script.text, make=script.make)})
    builds: list[Build] = []
    uses: list[Use] = []
    words = _listed(script)
    listings = _listings(script)
    for number, call in _calls(script, known):
        where = f"{script.path}:{number}"
        if call.verb == "run":
            uses += list(used(call, where, f"{where} runs it with go run", certain=False))
        else:
            source = Source.BUILD if call.verb == "build" else Source.INSTALL
            for build in built(call, where, source):
                builds.append(replace(build, named=frozenset() if _is_listed(build, listings) else words))
    return Found(builds=tuple(builds), uses=tuple(uses))


def built(call: Call, where: str, source: Source) -> Iterator[Build]:
    """Yield a build for each package of a call."""
    single = len(call.packages) + len(call.paths) == 1
    for package, path in [*((p, "") for p in call.packages), *(("", p) for p in call.paths)]:
        folder = globbed(package)
        if folder.startswith("../") or (folder == "..." and source is not Source.DOCKERFILE):
            continue  # `./...` in a Makefile names no command
        yield Build(
            source=source, where=where, folders=(folder,) if package else (), import_path=path,
            binary=call.output if single else "", ldflags=call.ldflags, tags=call.tags, env=call.env, flags=call.flags,
        )  # fmt: skip


def used(call: Call, where: str, how: str, *, certain: bool) -> Iterator[Use]:
    """Yield a use for each package of a `go run`."""
    for package in call.packages:
        if "\x01" not in package:
            yield Use(where=where, how=how, folders=(package,), files=call.files, certain=certain)
    for path in call.paths:
        yield Use(where=where, how=how, import_path=path, certain=certain)


def _calls(script: Script, known: Mapping[str, str]) -> Iterator[tuple[int, Call]]:
    folder, stack = script.folder, []  # type: tuple[str, list[str]]
    own = dict(known)
    workflow = script.path.endswith((".yml", ".yaml"))
    for number, line in logical_lines(script.text):
        recipe = script.make and line.startswith("\t")
        if script.make and not recipe:
            rule = _RULE.match(line)
            if rule:
                own = {**known, **_automatic(rule[1], rule[2])}
            continue
        if workflow and re.match(r"\s*- ", line):
            folder, stack = ".", []
        placed = workflow and re.match(r"\s*working-directory:\s*[\"']?([\w./-]+)", line)
        if placed:
            folder = posixpath.normpath(placed[1])
        whole = expand(line, own) if "$" in line else line
        if not (_TELLING.search(line) or _TELLING.search(whole) or "$(call" in line):
            continue
        text = _stripped(whole)
        if recipe:
            go_calls, _ = calls(text, script.folder, [])
        else:
            go_calls, folder = calls(text, folder, stack)
        yield from ((number, call) for call in go_calls)


def _automatic(targets: str, needs: str) -> dict[str, str]:
    """Return `$@`, `$<` and `$*` of a rule; the stem of a pattern rule stays unknown."""
    target, first = (targets.split() or [""])[0], (needs.split() or [""])[0]
    return {"@": target.replace("%", "$(stem)"), "<": first.replace("%", "$(stem)"), "*": "$(stem)"}


def _stripped(line: str) -> str:
    """Return the shell command in a line of YAML or of a recipe."""
    return re.sub(r"^\s*(?:-\s+)?(?:(?:run|cmd|command|script|-)\s*:\s*[|>]?[-+]?\s*)?@?", "", line)


def _listed(script: Script) -> frozenset[str]:
    """Return the words that may name what a pattern rule builds."""
    if not script.make:
        return frozenset(re.findall(r"[\w.-]+", _uncommented(script.text)))
    words: set[str] = set()
    aside = False
    for _, line in logical_lines(_uncommented(script.text)):
        if line.strip() and not line.startswith("\t"):
            rule = _RULE.match(line)
            aside = rule is not None and all(_ASIDE_TARGET.fullmatch(target) for target in rule[1].split())
        if not aside:
            words |= set(re.findall(r"[\w.-]+", line))
    return frozenset(words)


def _listings(script: Script) -> tuple[str, ...]:
    """Return the folders that the script lists (`ls cmd`, `$(wildcard cmd/*)`, `for x in cmd/*`)."""
    matches = (_LISTING.search(line) for _, line in logical_lines(_uncommented(script.text)))
    return tuple(match[1] or match[2] or "" for match in matches if match)


def _is_listed(build: Build, listings: tuple[str, ...]) -> bool:
    """Whether a build needs no names: it has no pattern, or the script lists the pattern's folder or an unknown one."""
    glob = build.import_path or "".join(build.folders)
    if "*" not in glob:
        return True
    head = glob.partition("*")[0].rstrip("/").lower()
    return any("$" in listing or head.rpartition("/")[2] in listing.lower() for listing in listings)


def _uncommented(text: str) -> str:
    return re.sub(r"(?m)(?:^|\s)#.*$", "", text)
