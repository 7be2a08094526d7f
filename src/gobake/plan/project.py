"""Makes a Project from gobake.yaml and what Go found. Pure: files are read and Go is asked before.

Without a configuration, the repository shows which commands are services (services/).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from gobake.config.service import SERVICE_FIELDS, ServiceConfig, merged
from gobake.config.values import Config
from gobake.config.words import RESERVED_NAMES
from gobake.errors import ConfigError, GobakeError, ProjectError, Where
from gobake.gotool import words
from gobake.gotool.modules import version_key
from gobake.gotool.packages import GoTree, Package, unreadable
from gobake.model import Bases, BuildOptions, Project, Service, Stamp, Strategy, bake_name
from gobake.services.commands import commands
from gobake.services.naming import project_name, service_names, title
from gobake.services.patterns import matches
from gobake.services.rules import Wishes, decide
from gobake.services.values import Evidence, Verdict
from gobake.targets.commands import commands as commands_of
from gobake.targets.own_bases import own_bases
from gobake.text.nearest import did_you_mean
from gobake.versions.modules import with_modules
from gobake.versions.variables import Checked, checked

# Keys of a service that its resolved value has too; the others decide about its programs, stamps and build options.
_KEYS = frozenset(f.name for f in SERVICE_FIELDS) & frozenset(Service.__struct_fields__) - {"package", "stamps"}


class Overrides(Struct, frozen=True, kw_only=True):
    """Values from the command line that override the configuration; None: not given."""

    registry: str | None = None
    bases: Mapping[str, str] = {}


class Told(Struct, frozen=True, kw_only=True):
    """What the repository tells about its commands."""

    evidence: Evidence = Evidence()
    idle: frozenset[str] = frozenset()  # import paths of commands whose main does nothing


def make_project(
    config: Config | None, tree: GoTree, overrides: Overrides, source_url: str = "", told: Told | None = None
) -> Project:
    """Make the project from the Go tree and a configuration, if any. Raises ConfigError and ProjectError."""
    layout = tree.layout
    configured = _configured(config, tree) if config and config.services else ()
    services, left_out = _discovered(config, tree, configured, told or Told())
    services = (*configured, *services)
    if not services:
        raise _nothing(tree, left_out)
    _not_older(config, tree, services)
    go_version = layout.go_version
    if not (config and config.go):
        go_version = layout.go_version_for({layout.context / service.build_root for service in services})
    bases = {"go": f"golang:{go_version}", **(dict(config.bases) if config else {}), **overrides.bases}
    registries = _registries(config, overrides)
    where = {}
    if config:
        keys = [*(f"bases.{name}" for name in config.bases), *(f"services.{s.name}.base" for s in services)]
        where = {key: config.where_of(key) for key in keys}
    others = {service.name for service in left_out}
    everything = with_modules(
        sorted((_known_of_cgo(s, tree) for s in (*services, *left_out)), key=lambda s: s.name), layout
    )
    stamped = checked(everything, config, tree) if config else Checked(services=everything)
    everything = stamped.services
    return Project(
        name=(config.name if config and config.name else "") or _project_name(tree, source_url),
        title="" if config and config.name else _project_title(tree),
        root=layout.root,
        context=layout.context,
        services=tuple(service for service in everything if service.name not in others),
        left_out=tuple(service for service in everything if service.name in others),
        bases=Bases(**bases),
        go_version=go_version,
        registry=registries[0],
        further_registries=registries[1:],
        immutable=(config.push.immutable if config else None) or (),
        source_url=(config.source_url if config and config.source_url else source_url),
        version=(config.version if config else "") or "",
        unstamped=stamped.notes,
        include=config.include if config else (),
        config_file=config.file if config else None,
        own_bases=own_bases(layout.root, bases, services, where),
        unread=tuple((_seen(trouble.directory, tree), trouble.words) for trouble in tree.troubles),
        **({"prebuilt": config.prebuilt} if config and config.prebuilt else {}),
        **({"provenance": config.provenance} if config and config.provenance else {}),
    )


def _registries(config: Config | None, overrides: Overrides) -> tuple[str, ...]:
    """Return the prefixes of image names, at least one, which may be empty."""
    if overrides.registry is not None:
        found = [name.rstrip("/") for name in overrides.registry.split(",")]
    else:
        found = [(config.registry if config else None) or "", *((config.push.registries if config else None) or ())]
    return tuple(dict.fromkeys(found))


def _not_older(config: Config | None, tree: GoTree, services: Sequence[Service]) -> None:
    """Refuse a `go` of gobake.yaml that is older than a module of the services requires. Raises ConfigError."""
    if not (config and config.go):
        return
    roots = {tree.layout.context / service.build_root for service in services}
    modules = [m for build in tree.layout.builds if build.directory in roots for m in build.modules if m.go]
    newest = max(modules, key=lambda module: version_key(module.go), default=None)
    if newest is None or version_key(newest.go) < (1, 21, 0):
        return  # no minimum before Go 1.21
    parts = config.go.count(".") + 1  # golang:1.24 is the last release of 1.24
    if version_key(config.go)[:parts] < version_key(newest.go)[:parts]:
        raise ConfigError(
            f"Go {config.go} is older than module {newest.path} requires: go {newest.go}",
            where=config.where_of("go"),
            remedy=f"write {newest.go} or newer, or remove the key",
        )


def _seen(folder: PurePosixPath, tree: GoTree) -> str:
    """Return a folder of the context, relative to the project's root."""
    return os.path.relpath(tree.layout.context / folder, tree.layout.root).replace(os.sep, "/")


def _nothing(tree: GoTree, left_out: tuple[Service, ...]) -> GobakeError:
    if left_out:
        return ProjectError(
            f"no command in {tree.layout.root} is a service: gobake.yaml excludes them all",
            remedy=f"ask for one by its name, such as `gobake build {left_out[0].name}`, or change services.exclude",
        )
    if tree.troubles:
        return unreadable(tree.layout, tree.troubles[0])
    modules = sorted(m.path for build in tree.layout.builds for m in build.mains)
    where = f"its modules are {', '.join(modules[:8])}{', ...' if len(modules) > 8 else ''}; " if modules else ""
    return ProjectError(
        f"there is no main package to build in {tree.layout.root}",
        remedy=f"gobake builds commands: {where}`CGO_ENABLED=0 go list ./...` shows what Go sees",
    )


def _known_of_cgo(service: Service, tree: GoTree) -> Service:
    return replace(service, uses_cgo=any(package.cgo for package in tree.closure(service.packages)))


def build_options(config: Config | None) -> tuple[BuildOptions, ...]:
    """Return all distinct build options of a configuration; Go is asked for each, because of build constraints."""
    if config is None:
        return (BuildOptions(),)
    found = [_options(merged(service, config.defaults)) for service in config.services]
    return tuple(dict.fromkeys([*found, _options(config.defaults)]))


def identity(project: Project) -> str:
    """Return a short name for folders of this checkout, so that clones of one project stay separate."""
    return f"{project.name}-{hashlib.sha256(str(project.root).encode()).hexdigest()[:8]}"


def _project_name(tree: GoTree, source_url: str) -> str:
    """Return a name from the path of the root's module, or from the common part of a workspace's modules."""
    modules = {m.directory: m.path for build in tree.layout.builds for m in build.mains}
    return project_name(modules.get(tree.layout.root, ""), sorted(modules.values()), source_url, tree.layout.root.name)


def _project_title(tree: GoTree) -> str:
    """Return the last meaningful element of the root module's path, or of the root folder."""
    module = next((m.path for b in tree.layout.builds for m in b.mains if m.directory == tree.layout.root), "")
    return title(module or tree.layout.root.name)


# ---- services that the configuration names


def _configured(config: Config, tree: GoTree) -> tuple[Service, ...]:
    found = []
    for service in config.services:
        said = merged(service, config.defaults)
        chosen, more = commands_of(said, lambda one: _package(one, tree))
        found.append(replace(_service(config, said, chosen, tree.layout.root), programs=more))
    return tuple(found)


def _package(service: ServiceConfig, tree: GoTree) -> Package:
    """Return the main package that a service names, by folder or import path; by default, the service's own name."""
    mains = tree.mains
    if service.package is None:
        named = [m for m in mains if m.binary == service.name]
        if len(named) == 1:
            return named[0]
        names = [] if named else [m.binary for m in mains]
        hint = did_you_mean(service.name, names, "say which with `package: ./cmd/name`")
        raise ConfigError(
            f"{'no' if not named else 'more than one'} main package is called {service.name}",
            where=service.where,
            remedy=hint,
        )
    folder = _folder(service.package, tree)
    for main in mains:
        if main.import_path == service.package or (folder is not None and main.directory == folder):
            return main
    raise _no_main(service, tree, service.where_of("package"))


def _folder(package: str, tree: GoTree) -> PurePosixPath | None:
    if not package.startswith("."):
        return None
    folder = Path(tree.layout.root, package).resolve()
    if not folder.is_relative_to(tree.layout.context):
        return None
    return PurePosixPath(folder.relative_to(tree.layout.context).as_posix())


def _no_main(service: ServiceConfig, tree: GoTree, where: Where) -> ConfigError:
    folder = _folder(service.package or "", tree)
    trouble = tree.trouble_at(folder) if folder is not None else None
    if trouble:
        said = words.first(trouble.words)
        shown = trouble.words if "\n" in trouble.words else ""
        return ConfigError(
            f"Go cannot read {service.package}: {said}", where=where, remedy=words.remedy(trouble.words), words=shown
        )
    for package in tree.packages:
        if package.directory == folder or package.import_path == service.package:
            return ConfigError(
                f"{service.package} is package {package.name}, no command",
                where=where,
                remedy="name a package that says `package main`",
            )
    choices = ["./" + _shown(m, tree) for m in tree.mains]
    here = f"main packages here: {', '.join(choices[:8]) or 'none'}"
    remedy = did_you_mean(service.package or "", choices, here)
    return ConfigError(f"there is no Go package in {service.package}", where=where, remedy=remedy)


def _shown(main: Package, tree: GoTree) -> str:
    absolute = tree.layout.context / main.directory
    return (
        absolute.relative_to(tree.layout.root).as_posix()
        if absolute.is_relative_to(tree.layout.root)
        else main.import_path
    )


def _options(service: ServiceConfig) -> BuildOptions:
    plain = BuildOptions()
    return BuildOptions(
        tags=service.build_tags or (),
        env=tuple(sorted((service.build_env or {}).items())),
        ldflags=plain.ldflags if service.ldflags is None else service.ldflags,
        trimpath=plain.trimpath if service.trimpath is None else service.trimpath,
    )


def _service(config: Config, said: ServiceConfig, package: Package, root: Path) -> Service:
    plain = Service(
        name=said.name,
        package=package.import_path,
        binary=package.binary,
        directory=package.directory,
        build_root=package.build_root,
        build=_options(said),
        why="named in gobake.yaml",
    )
    _no_buildvcs(config, said)
    given = {key: value for key in _KEYS if (value := getattr(said, key)) is not None}
    given |= {key: tuple(sorted(given[key].items())) for key in ("annotations", "labels", "env") if key in given}
    _files_exist(config, root, said)
    return replace(plain, **given, stamps=_stamps(config, said))


def _no_buildvcs(config: Config, said: ServiceConfig) -> None:
    """Reject -buildvcs in GOFLAGS: VCS information must be linked late, or each commit compiles everything again."""
    flags = dict(said.build_env or {}).get("GOFLAGS", "").split()
    found = [flag for flag in flags if re.fullmatch("--?buildvcs(=(true|auto|1|t|T|TRUE|True))?", flag)]
    if found:
        raise ConfigError(
            f"{found[0]} has no effect in GOFLAGS",
            where=config.where_of(f"services.{said.name}.build_env.GOFLAGS"),
            remedy="write `vcs: true`: it gives the same, and another commit compiles nothing again",
        )


def _stamps(config: Config, said: ServiceConfig) -> tuple[Stamp, ...]:
    """Return the stamps of `stamps` and of `version_stamp`, the short form for one."""
    found = dict(said.stamps or {})
    if short := said.version_stamp:
        if short in found:
            raise ConfigError(
                f"{short} is in `stamps` too",
                where=config.where_of(f"services.{said.name}.version_stamp"),
                remedy="take one of them out",
            )
        found[short] = "{version}"
    return tuple(Stamp(variable=variable, text=text) for variable, text in sorted(found.items()))


def _files_exist(config: Config, root: Path, said: ServiceConfig) -> None:
    for file in said.files or ():
        if not (root / file.source).exists():
            raise ConfigError(
                f"there is no {file.source} in {root}",
                where=config.where_of(f"services.{said.name}.files"),
                remedy="paths are relative to the project's root",
            )


# ---- services that nobody named


def _discovered(
    config: Config | None, tree: GoTree, configured: tuple[Service, ...], told: Told
) -> tuple[tuple[Service, ...], tuple[Service, ...]]:
    """Return (services among the commands not named in the configuration, the commands left out)."""
    named = {path for service in configured for path in service.packages}
    mains = {main.import_path: main for main in tree.mains}
    found = [replace(c, empty=c.import_path in told.idle) for c in commands(tree) if c.import_path not in named]
    verdicts = decide(found, told.evidence, _wishes(config))
    if config and not config.discover:
        verdicts = tuple(v if _is_included(config, v) else _unnamed(v) for v in verdicts)
    names = service_names(verdicts, _free, {service.name for service in configured})
    services: list[Service] = []
    left_out: list[Service] = []
    for verdict in verdicts:
        main = mains[verdict.command.import_path]
        said = replace(config.defaults, name=names[main.import_path]) if config else None
        service = _service(config, said, main, tree.layout.root) if config and said else _plain(names, main)
        (services if verdict.shipped else left_out).append(replace(service, why=verdict.why))
    return tuple(services), tuple(left_out)


def _plain(names: Mapping[str, str], main: Package) -> Service:
    return Service(
        name=names[main.import_path],
        package=main.import_path,
        binary=main.binary,
        directory=main.directory,
        build_root=main.build_root,
    )


def _wishes(config: Config | None) -> Wishes:
    if config is None:
        return Wishes()

    def placed(key: str, patterns: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        places = (config.where_of(f"services.{key}.{at}") for at in range(len(patterns)))
        return tuple((p, f"{w.file.name}:{w.line}") for p, w in zip(patterns, places, strict=True))

    lists = config.services
    return Wishes(include=placed("include", lists.include), exclude=placed("exclude", lists.exclude))


def _is_included(config: Config, verdict: Verdict) -> bool:
    command = verdict.command
    return verdict.shipped and any(
        matches(pattern, command.folder, command.import_path) for pattern in config.services.include
    )


def _unnamed(verdict: Verdict) -> Verdict:
    why = verdict.why if verdict.why.startswith("excluded") else "gobake.yaml does not name it"
    return replace(verdict, shipped=False, why=why)


def _free(name: str, taken: set[str]) -> bool:
    """Whether a service can have this name beside the others, also in the bake file.

    Its targets are named NAME-STRATEGY there, with `_` for `.`.
    """
    baked, others = bake_name(name), {bake_name(other) for other in taken}
    targets = {f"{baked}-{strategy}" for strategy in Strategy}
    called = {f"{other}-{strategy}" for other in others for strategy in Strategy}
    return name not in RESERVED_NAMES and baked not in others | called and not targets & others
