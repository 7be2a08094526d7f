"""What a pipeline is written for where nothing else is said: what the project, its repository and pip tell."""

from __future__ import annotations

import re
from pathlib import Path

from gobake.checkout import git
from gobake.config.finding import load_config
from gobake.pipelines.options import GITLAB_REGISTRY, Options, System
from gobake.pipelines.source import installed_from

_GITHUB = re.compile(r"https://github\.com/([A-Za-z0-9-]+)/")
_GO_FILES = ("go.work", "go.mod")


def top(root: Path) -> Path:
    """Return the top of the repository, which is the project's own folder without git."""
    return git.top_of(root) or root


def options(system: System, root: Path, config_file: Path | None) -> Options:
    """Return the options of a first pipeline; `registry` and `install` are "" if they are not known."""
    above = top(root)
    config, checkout = load_config(root, config_file), git.look(root)
    store = (config.cache.store if config and config.cache else "") or ""
    return Options(
        registry=(config.registry if config else "") or _registry(system, checkout.source_url),
        install=installed_from(),
        branch=(config.cache.main_branch if config and config.cache else "") or checkout.default_branch or "main",
        cache_store="" if store.startswith((".", "/", "~")) else store,
        folder="" if root == above else root.relative_to(above).as_posix(),
        go_version_file=next(
            ((root / name).relative_to(above).as_posix() for name in _GO_FILES if (root / name).is_file()), ""
        ),
    )


def _registry(system: System, source_url: str) -> str:
    if system is System.GITLAB:
        return GITLAB_REGISTRY
    owner = _GITHUB.match(source_url)
    return f"ghcr.io/{owner[1].lower()}" if owner else ""
