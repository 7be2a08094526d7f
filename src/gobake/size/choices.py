"""What can be chosen about a service's program, one thing at a time, and which build tags its sources know.

Reads the first lines of sources; otherwise pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gobake.errors import UsageError
from gobake.gotool.packages import GoTree, Package
from gobake.model import BuildOptions, Platform, Service
from gobake.targets.matrix import UPX_ARCHITECTURES
from gobake.text.nearest import did_you_mean

ALL = "all"
STRIP, TRIMPATH, TAGS, UPX = "strip", "trimpath", "tags", "upx"
RESOLVERS = ("netgo", "osusergo")  # Go's own tags: the net and os/user packages without C
MOST_TAGS = 8  # that are measured unless they are named
_FLAGS = re.compile(r"(?<!\S)-[sw](?!\S)")
# GOARCH -> Go's variable for its level, and the levels; https://go.dev/wiki/MinimumRequirements
_LEVELS = {"amd64": ("GOAMD64", ("v1", "v2", "v3", "v4")), "arm64": ("GOARM64", ("v8.0", "v8.1", "v9.0"))}
GROUPS = (STRIP, TRIMPATH, *RESOLVERS, TAGS, UPX, *(variable for variable, _ in _LEVELS.values()))


class Compiles(StrEnum):
    """How much a choice compiles again."""

    NOTHING = "nothing"
    SOME = "the packages that it changes, and those that import them"
    ALL = "all packages"


class Choice(Struct, frozen=True, kw_only=True):
    """One thing changed about a program."""

    name: str  # as --choices names it
    change: str  # in words: without -trimpath
    build: BuildOptions
    packed: bool  # by UPX
    compiles: Compiles


def settled(service: Service, platform: Platform) -> tuple[Service, Platform]:
    """Return both with the level of amd64 in the service's environment, where choices change it."""
    if platform.arch != "amd64" or not platform.variant:
        return service, platform
    env = {**dict(service.build.env), "GOAMD64": platform.variant}
    build = replace(service.build, env=tuple(sorted(env.items())))
    return replace(service, build=build), replace(platform, variant="")


def choices(service: Service, platform: Platform, tags: Iterable[str], *, packed: bool) -> tuple[Choice, ...]:
    """Return what can be chosen. ``packed``: whether the program that ships is packed by UPX."""
    service, platform = settled(service, platform)
    shipped = shipping(service, packed=packed)
    found = [
        _stripped(shipped),
        _trimmed(shipped),
        *(_tagged(shipped, tag, tag) for tag in RESOLVERS),
        *(_tagged(shipped, tag, f"{TAGS}={tag}") for tag in tags),
    ]
    if platform.arch in UPX_ARCHITECTURES:
        found.append(replace(shipped, name=UPX, change=_change(packed, "UPX"), packed=not packed))
    return (*found, *_levels(shipped, platform))


def shipping(service: Service, *, packed: bool) -> Choice:
    """The program as it ships: nothing changed."""
    return Choice(name="", change="as shipped", build=service.build, packed=packed, compiles=Compiles.NOTHING)


def _change(now: bool, what: str) -> str:
    return f"{'without' if now else 'with'} {what}"


def _stripped(shipped: Choice) -> Choice:
    flags = shipped.build.ldflags.split()
    now = {"-s", "-w"} <= set(flags)
    others = " ".join(_FLAGS.sub(" ", shipped.build.ldflags).split()) if now else shipped.build.ldflags
    ldflags = others if now else " ".join([*(flag for flag in ("-s", "-w") if flag not in flags), others]).strip()
    build = replace(shipped.build, ldflags=ldflags)
    again = build.stripped != shipped.build.stripped  # then the compiler writes debug information, or none
    return replace(
        shipped,
        name=STRIP,
        change=_change(now, "-s -w"),
        build=build,
        compiles=Compiles.ALL if again else Compiles.NOTHING,
    )


def _trimmed(shipped: Choice) -> Choice:
    now = shipped.build.trimpath
    build = replace(shipped.build, trimpath=not now)
    return replace(shipped, name=TRIMPATH, change=_change(now, "-trimpath"), build=build, compiles=Compiles.ALL)


def _tagged(shipped: Choice, tag: str, name: str) -> Choice:
    tags = shipped.build.tags
    now = tag in tags
    others = tuple(one for one in tags if one != tag) if now else (*tags, tag)
    build = replace(shipped.build, tags=others)
    return replace(shipped, name=name, change=_change(now, f"-tags {tag}"), build=build, compiles=Compiles.SOME)


def _levels(shipped: Choice, platform: Platform) -> Iterator[Choice]:
    if platform.arch not in _LEVELS:
        return
    variable, levels = _LEVELS[platform.arch]
    env = dict(shipped.build.env)
    for level in levels:
        if level != env.get(variable, levels[0]):
            build = replace(shipped.build, env=tuple(sorted({**env, variable: level}.items())))
            name = f"{variable}={level}"
            yield replace(shipped, name=name, change=name, build=build, compiles=Compiles.ALL)


# ---- selecting


def selected(names: Sequence[str], known: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the tags to measure, and those of ``known`` that are too many. ``names``: what --choices was given.

    Raises UsageError for what cannot be a tag.
    """
    named = [name.removeprefix(f"{TAGS}=") for name in names if name.startswith(f"{TAGS}=")]
    for tag in named:
        if not _TAG.fullmatch(tag) or len(tag) > _LONGEST:
            raise UsageError(f"--choices: invalid build tag {tag!r}", remedy="letters, digits, dots and underscores")
    several = known if ALL in names or TAGS in names else ()
    tags = dict.fromkeys((*named, *several[:MOST_TAGS]))
    return tuple(tags), tuple(tag for tag in several if tag not in tags)


def chosen(names: Sequence[str], all_choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """Return the choices with these names or of these groups, in their own order. Raises UsageError."""
    wanted = set()
    for name in names:
        found = [one for one in all_choices if name in (ALL, one.name, one.name.partition("=")[0])]
        if not found and name != TAGS:
            known = (ALL, *GROUPS, *(one.name for one in all_choices))
            remedy = did_you_mean(name, known, f"one of {', '.join(dict.fromkeys((ALL, *_groups(all_choices))))}")
            raise UsageError(f"--choices: there is nothing to choose about {name!r}", remedy=remedy)
        wanted |= {one.name for one in found}
    return tuple(one for one in all_choices if one.name in wanted)


def _groups(all_choices: Iterable[Choice]) -> Iterator[str]:
    return (one.name.partition("=")[0] for one in all_choices)


# ---- build tags

_MOST_FILES, _HEAD = 5000, 1 << 14  # sources that are looked at, and how many bytes of each
_MOST_KNOWN = 200
_LONGEST = 60  # characters of a tag
_CONSTRAINT = re.compile(r"^//go:build[ \t]+(.*)$", re.MULTILINE)
_PACKAGE = re.compile(r"^package\b", re.MULTILINE)
_TAG = re.compile(r"[\w.]+", re.ASCII)
_SYSTEMS = frozenset(
    "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris wasip1 windows "
    "zos".split()
)
_MACHINES = frozenset(
    "386 amd64 amd64p32 arm arm64 arm64be armbe loong64 mips mips64 mips64le mips64p32 mips64p32le mipsle ppc ppc64 "
    "ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm".split()
)
# What Go itself decides, and the one word by which files are left out of every build
_GOS = frozenset(("unix", "cgo", "gc", "gccgo", "race", "msan", "asan", "boringcrypto", "ignore"))
_VERSIONED = re.compile(r"go1(\.\d+)*|goexperiment\..+")


def tags_of(tree: GoTree, service: Service, platform: Platform) -> tuple[str, ...]:
    """Return the build tags in the files of the service's own packages, by name."""
    found: set[str] = set()
    looked = 0
    for package in tree.closure(service.packages):
        for file in _sources(tree.layout.context, package, platform):
            looked += 1
            if looked > _MOST_FILES or len(found) > _MOST_KNOWN:
                break
            found |= tags_in(_head(file))
    return tuple(sorted(found - set(RESOLVERS)))[:_MOST_KNOWN]


def tags_in(text: str) -> set[str]:
    """Return the tags in a source's build constraint that a user of Go chooses."""
    package = _PACKAGE.search(text)
    constraint = _CONSTRAINT.search(text, 0, package.start() if package else len(text))
    return {tag for tag in _TAG.findall(constraint[1]) if _chosen_by_users(tag)} if constraint else set()


def _chosen_by_users(tag: str) -> bool:
    beginning = tag.partition(".")[0]  # amd64.v3
    return not (tag in _GOS or {tag, beginning} & (_SYSTEMS | _MACHINES) or _VERSIONED.fullmatch(tag)) and (
        len(tag) <= _LONGEST
    )


def _sources(context: Path, package: Package, platform: Platform) -> Iterator[Path]:
    """Yield the sources that a build for this platform may compile."""
    try:
        names = sorted(file.name for file in (context / package.directory).iterdir())
    except OSError:
        return
    others = (_SYSTEMS | _MACHINES) - {platform.os, platform.arch}
    for name in names:
        stem, _, suffix = name.rpartition(".")
        words = stem.split("_")
        if suffix == "go" and words[-1] != "test" and name[0] not in "._" and not others & set(words[1:][-2:]):
            yield context / package.directory / name


def _head(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return ""
