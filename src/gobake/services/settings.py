"""Translates what build files say about a service into keys of gobake.yaml. Pure: the caller knows which files exist.

Settings that gobake cannot honour (a value from a build variable, another init system, a shell script as entrypoint)
are left out and reported in `notes`.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gobake.config import patterns
from gobake.model import is_system_folder
from gobake.services.shell import MARK, OWN, globbed
from gobake.services.values import Build, Image, Verdict

Value = str | bool | tuple[str, ...] | dict[str, str]

_TEMPLATE = re.compile(r"v?\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
# gobake's placeholders by the names that release tools and build variables use
_STAMPS = (
    (re.compile(r"IsGitDirty"), "{dirty}"),
    (re.compile(r"meta|suffix|prefix|state|dirty|runtime|stage", re.IGNORECASE), "\x01?\x02"),
    (re.compile(r"short|abbrev", re.IGNORECASE), "{short_revision}"),
    (re.compile(r"commit_?date|date|time", re.IGNORECASE), "{date}"),
    (re.compile(r"branch", re.IGNORECASE), "{branch}"),
    (re.compile(r"commit|revision|sha|hash", re.IGNORECASE), "{revision}"),
    (re.compile(r"version|tag", re.IGNORECASE), "{version}"),
)
# A variable with the version of something: `KUBECTL_VERSION`, unless the project is kubectl
_VERSION_OF = re.compile(r"(\w+?)_(?:VERSION|TAG|COMMIT|SHA)", re.IGNORECASE)
# Created when a container starts, or symbolic links in distributions
_NOT_ITS_OWN = re.compile("/(?:proc|sys|dev|var/run|var/lock|bin|sbin|lib)(?:/|$)")
_LINKED = frozenset(("ldflags", "stamps"))  # keys that come from -ldflags
_INIT = frozenset(("sh", "bash", "ash", "tini", "dumb-init", "env", "su-exec", "gosu", "dlv", "go"))
_BASES = (("alpine", "alpine"), ("distroless", "distroless"), ("debian", "debian-slim"), ("ubuntu", "debian-slim"))


class Settings(Struct, frozen=True, kw_only=True):
    """Keys of a service in order, and notes on what was left out."""

    keys: dict[str, Value] = {}
    notes: tuple[str, ...] = ()


def settings(
    verdict: Verdict, program: str, exists: Callable[[str], bool], has: Callable[[str], bool] = lambda _: True
) -> Settings:
    """Return the settings of a service whose program gobake puts at ``program``.

    ``exists``: whether a path relative to the root exists. ``has``: whether the program has a variable; the linker
    ignores missing ones.
    """
    notes: list[str] = []
    keys: dict[str, Value] = {}
    keys |= _best_compiled([_of_module(build, verdict.command.module) for build in verdict.builds], has, notes)
    if verdict.images:
        keys |= _image(verdict, program, exists, notes)
    return Settings(keys=keys, notes=tuple(" ".join(globbed(note).split()) for note in notes))


# ---- how it is compiled


def _of_module(build: Build, module: str) -> Build:
    """Take `$(PKG)` in `-X $(PKG)/version.x` for the module, and mark versions of other programs as unknown."""
    text = re.sub("(-X[ =][\"']?)\x01[^\x02]*\x02/", rf"\1{module}/", build.ldflags)
    return replace(
        build, ldflags=MARK.sub(lambda mark: "\x01?\x02" if _is_of_another(mark[1], module) else mark[0], text)
    )


def _is_of_another(variable: str, module: str) -> bool:
    match = _VERSION_OF.fullmatch(variable)
    if not match or re.fullmatch(OWN, f"{match[1]}_", re.IGNORECASE):
        return False
    return match[1].replace("_", "").lower() not in re.sub(r"[-_.]", "", module.lower())


def _best_compiled(builds: Sequence[Build], has: Callable[[str], bool], notes: list[str]) -> dict[str, Value]:
    """Return the settings of the first build with flags or tags.

    If it has no linker flags, as with `{{ .Env.LDFLAGS }}` of a release tool, they come from a build in another file.
    Further builds in the same file are variants of the program.
    """
    first = next((build for build in builds if build.ldflags or build.tags), None)
    if not first:
        return {}
    noted: list[str] = []
    keys = _compiled(first, has, noted)
    if not _LINKED & set(keys):
        linked, others = _linked_elsewhere((b for b in builds if _file(b) != _file(first)), has)
        keys, noted = {**keys, **linked}, others or noted
    notes += noted
    return keys


def _linked_elsewhere(builds: Iterable[Build], has: Callable[[str], bool]) -> tuple[dict[str, Value], list[str]]:
    """Return the linker settings of the first build with stamps, else of the first with any; and notes on them."""
    candidates: list[tuple[dict[str, Value], list[str]]] = []
    for build in builds:
        notes: list[str] = []
        linked = {key: value for key, value in _compiled(build, has, notes).items() if key in _LINKED}
        if "stamps" in linked:
            return linked, notes
        candidates += [(linked, notes)] if linked else []
    return candidates[0] if candidates else ({}, [])


def _file(build: Build) -> str:
    return build.where.rpartition(":")[0]


def _compiled(build: Build, has: Callable[[str], bool], notes: list[str]) -> dict[str, Value]:
    keys: dict[str, Value] = {}
    tags = tuple(tag for tag in build.tags if re.fullmatch(patterns.BUILD_TAG, tag))
    if tags:
        keys["build_tags"] = tags
    constant: list[str] = []
    stamps: dict[str, str] = {}
    for flag, value in _flags(build.ldflags):
        if flag != "-X":
            constant += [flag, value] if value else [flag]
            continue
        name, _, text = value.partition("=")
        text = text.replace("v{version}", "{version}")
        if not re.fullmatch(patterns.STAMP, name) or not _is_stamp(text):
            notes.append(f"-X {name} of {build.where} has a value that gobake does not know")
        elif text and has(name):
            stamps[name] = text
    plain = [word for word in constant if not MARK.search(word)]
    if len(plain) < len(constant):
        notes.append(f"ldflags of {build.where} come from a variable that gobake does not know")
    if set(plain) - {"-s", "-w"}:
        keys["ldflags"] = shlex.join(plain)
    if stamps:
        keys["stamps"] = stamps
    return keys


def _flags(ldflags: str) -> Iterator[tuple[str, str]]:
    """Yield (flag, value); known templates and variables are replaced by gobake's placeholders."""
    text = _TEMPLATE.sub(lambda match: _word(match[1]), MARK.sub(lambda match: _word(match[1]), ldflags))
    try:
        words = iter(shlex.split(text))
    except ValueError:
        return
    for word in words:
        flag, equals, value = word.partition("=")
        if flag in ("-X", "--X"):
            yield "-X", value if equals else next(words, "")
        elif flag in ("-extldflags", "-linkmode", "-buildid", "-extld", "-r", "-I", "-T") and not equals:
            yield flag, next(words, "")
        else:
            yield word, ""


def _word(name: str) -> str:
    """Return gobake's placeholder for `.Version` of a template or a variable's name; a mark if there is none."""
    if "Env." in name or (len(name.split()) > 1 and not name.startswith("date")):
        return "\x01?\x02"
    return next((word for pattern, word in _STAMPS if pattern.search(name)), "\x01?\x02")


def _is_stamp(text: str) -> bool:
    return not re.search("[\x01{}'\"]", re.sub(r"\{(?:short_revision|date|branch|revision|version|dirty)\}", "", text))


# ---- how it runs


def _image(verdict: Verdict, program: str, exists: Callable[[str], bool], notes: list[str]) -> dict[str, Value]:
    image = verdict.images[0]
    programs = frozenset({verdict.command.binary, *(build.binary for build in verdict.builds)})
    if _starts_another(image, programs):
        notes.append(
            f"{image.file} starts {(image.entrypoint or image.args)[0]}: its ports and arguments are not this program's"
        )
        image = replace(image, entrypoint=(), args=(), ports=(), volumes=())
    keys: dict[str, Value] = dict(_started(image, program, notes))
    ports = tuple(dict.fromkeys(p for p in image.ports if re.fullmatch(patterns.PORT, p)))
    if ports:
        keys["ports"] = ports
    user = "0" if image.user == "root" else image.user
    if re.fullmatch(patterns.USER, user):
        keys["user"] = user
    elif user and user != "nonroot":
        notes.append(f"USER {user} of {image.file}: the image has a user nonroot (65532)")
    files = _files(image, exists, programs)
    if files:
        keys["files"] = files
    below = [target for _, _, target in (f.partition(":") for f in files) if image.workdir not in ("", "/")]
    if any(target.startswith(f"{image.workdir}/") for target in below):
        keys["workdir"] = image.workdir
    keys |= _volumes(image, notes)
    return keys


def _volumes(image: Image, notes: list[str]) -> dict[str, Value]:
    """Return `volumes` for the program's own folders, and `tmp` for /tmp."""
    keys: dict[str, Value] = {"tmp": True} if "/tmp" in image.volumes else {}
    own: list[str] = []
    for folder in (v for v in image.volumes if v != "/tmp" and re.fullmatch(patterns.ABSOLUTE_PATH, v)):
        if is_system_folder(folder) or _NOT_ITS_OWN.match(folder):
            notes.append(f"VOLUME {folder} of {image.file} is a system folder")
        else:
            own.append(folder)
    return keys | ({"volumes": tuple(own)} if own else {})


def _starts_another(image: Image, programs: frozenset[str]) -> bool:
    """Whether an image with several programs starts another one than this."""
    words = image.entrypoint or image.args
    name = posixpath.basename(words[0]) if words else ""
    copied = {where for taken, where in image.takes if taken in programs and where != image.file}
    started = {where for taken, where in image.takes if taken == name and where != image.file}
    return bool(copied and started) and name not in programs and not copied & started


def _started(image: Image, program: str, notes: list[str]) -> dict[str, Value]:
    """Return `entrypoint` and `args` if ENTRYPOINT and CMD start the program itself."""
    entrypoint, args = image.entrypoint, image.args
    words = entrypoint or args
    if not words:
        return {}
    name = posixpath.basename(words[0])
    if name in _INIT or name.endswith(".sh") or any("*" in word for word in (*entrypoint, *args)):
        notes.append(
            f"{'ENTRYPOINT' if entrypoint else 'CMD'} of {image.file} starts {words[0]}; gobake starts the program"
        )
        return {}
    keys: dict[str, Value] = {}
    if not entrypoint:
        args = args[1:]
    elif len(entrypoint) > 1:
        keys["entrypoint"] = (program, *entrypoint[1:])
    if args:
        keys["args"] = args
    return keys


def _files(image: Image, exists: Callable[[str], bool], programs: frozenset[str]) -> tuple[str, ...]:
    """Return the copied files and folders of the project except for sources and programs."""
    lines: dict[str, None] = {}
    for source, target in image.files:
        if posixpath.basename(source) in programs or posixpath.basename(target) in programs:
            continue
        if source == "." or source.startswith("..") or source.endswith((".go", "go.mod", "go.sum")):
            continue
        here = (posixpath.normpath(posixpath.join(folder, source)) for folder in (".", image.folder))
        place = next((path for path in here if path != "." and exists(path)), None)
        line = f"{place}:{target}"
        if place and re.fullmatch(patterns.FILE, line):
            lines[line] = None
    return tuple(lines)


def strategy_hint(verdict: Verdict) -> tuple[str, str]:
    """Return (strategy, reason) that fits the base of a Dockerfile; ("", "") if none does."""
    for image in verdict.images:
        strategy = next((strategy for word, strategy in _BASES if word in image.base), "")
        if strategy:
            return strategy, f"{image.file} is FROM {image.base}"
    return "", ""
