"""From a folder to a project: find it, read its configuration, ask Go. Every command begins here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gobake.caching.policy.choice import CacheSettings, choose
from gobake.caching.policy.options import CacheOptions
from gobake.checkout import git
from gobake.config.caches import CacheConfig
from gobake.config.finding import load_config
from gobake.config.values import Config
from gobake.credentials.logins import without_logins
from gobake.engine import host_platform
from gobake.errors import ConfigError, GoMissing, ProjectError
from gobake.gotool import cgo_alone, host, list_cache
from gobake.gotool import modules as gomod
from gobake.gotool.asking import Query, queries
from gobake.gotool.packages import GoTree
from gobake.model import Platform, Project
from gobake.paths import data_folder
from gobake.plan.project import Overrides, Told, build_options, identity, make_project
from gobake.plan.request import ProjectRequest
from gobake.plan.trust import Established, establish, surroundings
from gobake.plan.versions import Said, Versions
from gobake.plan.versions import choose as choose_version
from gobake.services.commands import commands, idle, module_folders, package_folders
from gobake.trust.deciding import Trust
from gobake.versions import vcs
from gobake.versions.modules import VERSION


class Opened(Struct, frozen=True, kw_only=True):
    """A project, and what was found while opening it."""

    project: Project
    tree: GoTree
    config: Config | None
    checkout: git.Checkout
    modules: Mapping[str, str]  # versions of modules with their own tags, by variable of the bake file
    vcs: Mapping[str, str]  # VCS information as Go writes it, for programs that want it; by variable of the bake file
    host_go: str | None  # path of the host's go command, if it is new enough
    trust: Trust = Trust()
    written: Config | None = None  # the content of the tree's own gobake.yaml, whether it applies or not
    vouched: bool = False  # by the user

    def within(self, namespace: str) -> Opened:
        """Return the project with its mounts and steps in a namespace (caching/policy/namespaces.py)."""
        return replace(self, project=replace(self.project, namespace=namespace))


def open_project(request: ProjectRequest) -> Opened:
    """Find and read a project. Raises ConfigError, ProjectError, GoMissing, NotTrusted."""
    root = gomod.find_root(_start(request))
    written = load_config(root, request.config_file)  # until trust is established, only used for what describes images
    options = build_options(written)
    goflags = (dict(option.env).get("GOFLAGS", "") for option in options)
    gowork = (written.defaults.build_env or {}).get("GOWORK", "") if written else ""
    layout = gomod.layout(root, (written.go if written else None) or "", goflags, gowork)
    at_root = next((m.path for build in layout.builds for m in build.mains if m.directory == root), "")
    with git.Look(root, at_root) as look:
        go = host.host_go(layout)
        if request.on_host and not go:
            raise _no_go(layout)
        asked = queries(_platforms(request, written), options)
        tree = list_cache.survey(layout, asked, go, ask=not request.remembered) if go else None
        if tree is None and request.remembered:
            raise ProjectError(f"{root}: Go's answer is not remembered", remedy="run `gobake plan` once")
        seen = look.checkout()
        held = establish(root, written, request, seen)
        config = held.config
        if tree is None:
            tree = _asked_in_a_container(request, held, layout, asked)
        if not commands(tree) and not tree.troubles:
            cgo_alone.refuse(layout)
        overrides = Overrides(registry=request.registry, bases=request.bases)
        project = make_project(
            config, tree, overrides, seen.source_url, told(tree) if config is None or config.discover else Told()
        )
        modules = {
            service.version_variable: look.description(seen, project.context / service.module_directory, service.module)
            for service in (*project.services, *project.left_out)
            if service.version_variable != VERSION
        }
        opened = Opened(
            project=project,
            tree=tree,
            config=config,
            checkout=seen,
            modules=modules,
            vcs={},
            host_go=go,
            trust=held.trust,
            written=held.written,
            vouched=request.trust,
        )
        return replace(opened, vcs=vcs.told(look, seen, project, _own_files(opened, request)))


def _no_go(layout: gomod.Layout) -> GoMissing:
    version = f" {layout.go_requirement.removeprefix('go')} or newer" if layout.go_requirement else ""
    return GoMissing(f"this machine has no Go{version}", remedy="install it: this is answered by Go itself")


def _asked_in_a_container(
    request: ProjectRequest, held: Established, layout: gomod.Layout, asked: Sequence[Query]
) -> GoTree:
    from gobake.plan import go_container  # rarely needed

    config = held.config
    image = request.bases.get("go") or (config.bases.get("go") if config else None) or f"golang:{layout.go_version}"
    if held.trust.credentials:
        return go_container.survey(layout, asked, image, request.builder, host.module_settings)
    return go_container.survey(layout, asked, image, request.builder, lambda: without_logins(host.module_settings()))


def _own_files(opened: Opened, request: ProjectRequest) -> Iterator[Path]:
    """Yield the paths that gobake itself writes, which may be in the work tree."""
    yield opened.project.root / ".gobake"
    yield opened.project.root / "gobake.images.json"
    yield history_folder(opened, request)
    store = opened.config.cache.store if opened.config else None
    if opened.config and store and store[0] in "./~":
        yield (opened.config.file.parent.absolute() / Path(store).expanduser()).resolve()


def versions_of(opened: Opened, request: ProjectRequest, tag: str) -> Versions:
    """Return the versions of a build with this tag."""
    said = Said(tag=tag, version=request.version)
    return choose_version(opened.project, opened.checkout, {**opened.modules, **opened.vcs}, said)


def told(tree: GoTree) -> Told:
    """Return what the repository tells about its commands."""
    from gobake.services.finding import gather  # not needed if a configuration names all services

    found = commands(tree)
    if not found:
        return Told()
    evidence = gather(tree.layout.root, found, package_folders(tree), module_folders(tree))
    return Told(evidence=evidence, idle=idle(tree))


def history_folder(opened: Opened, request: ProjectRequest) -> Path:
    """Return the folder of the project's records.

    A configured folder has a subfolder per project, so that checkouts of one project share a history. Otherwise every
    checkout has its own.
    """
    project = opened.project
    written = opened.config.history.folder if opened.config else None
    if request.history:
        return request.history.expanduser().absolute() / project.name
    if written:
        below = (opened.config.file.parent if opened.config else project.root).absolute()
        return below / Path(written).expanduser() / project.name
    return data_folder() / "runs" / identity(project)


def choose_caches(opened: Opened, wish: CacheOptions, environ: Mapping[str, str]) -> CacheSettings:
    """Return the caches that a run in this environment reads and writes. Raises ConfigError for a policy file."""
    config = opened.config.cache if opened.config else CacheConfig()
    around = surroundings(environ, opened.checkout, config.main_branch or "", vouched=opened.vouched)
    try:
        return choose(opened.project, config, around, wish)
    except ConfigError as error:
        if error.where or wish.policy or not (opened.config and config.policy):
            raise
        where = opened.config.where_of("cache.policy")
        raise ConfigError(error.what, where=where, remedy=error.remedy, words=error.words) from None


def _start(request: ProjectRequest) -> Path:
    """Return the start of the search: -C, or the folder of the gobake.yaml given by --config if -C is absent."""
    file = request.config_file
    if file is None:
        return request.directory
    if not file.is_file():
        raise ConfigError(f"there is no file {file}", remedy="check --config")
    at_home = request.directory == Path() and file.name == gomod.CONFIG_FILE
    return file.resolve().parent if at_home else request.directory


def _platforms(request: ProjectRequest, config: Config | None) -> Sequence[Platform]:
    found = set(request.platforms)
    if config:
        for service in (*config.services, config.defaults):
            found |= set(service.platforms or ())
    return sorted(found or {host_platform()})
