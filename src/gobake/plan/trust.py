"""The trust of one run: reads the environment, remembered answers and what the tree wants; asks if it may."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from gobake.checkout import git
from gobake.checkout.ci import CIContext, CIProvider, look
from gobake.config.finding import load_config
from gobake.config.values import Config
from gobake.errors import ConfigError, UsageError
from gobake.gotool.modules import CONFIG_FILE
from gobake.trust import remembered
from gobake.trust.deciding import Evidence, Trust, apply, decide
from gobake.trust.keys import EVERY_CLASS

if TYPE_CHECKING:
    from gobake.plan.request import ProjectRequest


class Established(Struct, frozen=True, kw_only=True):
    """The settings that apply, and why."""

    config: Config | None
    trust: Trust
    written: Config | None = None  # the tree's settings, whether they apply or not


def establish(root: Path, tree: Config | None, request: ProjectRequest, checkout: git.Checkout) -> Established:
    """Decide which settings apply.

    Raises ConfigError for a locked file, NotTrusted if a person must agree and nobody can be asked.
    """
    locked = _locked(request.locked, root) if request.locked else None
    chosen = tree is not None and request.config_file is not None and not _inside(request.config_file, root)
    written = None if chosen else tree
    around = surroundings(os.environ, checkout, vouched=request.trust)
    evidence = Evidence(around=around, told=request.trust, remembered=_remembered(around, root, written))
    trust = decide(evidence)
    if chosen:  # the user named a file of their own
        held = _held(replace(trust, classes=EVERY_CLASS), tree, None, locked)
        return replace(held, trust=replace(held.trust, classes=trust.classes))
    base = None if trust.classes == EVERY_CLASS else _base(root, around)
    held = _held(trust, tree, base, locked)
    if held.trust.left_out and trust.askable and not locked and not request.lenient:
        from gobake.trust import asking  # rarely needed

        if not asking.asks() or not asking.ask(root, written):
            raise asking.refused(root, held.trust.left_out)
        held = _held(decide(replace(evidence, remembered=True)), tree, base, locked)
    return replace(held, written=written)


def surroundings(
    environ: Mapping[str, str], checkout: git.Checkout, main_branch: str = "", *, vouched: bool = False
) -> CIContext:
    """Return the CI system or terminal of a run, without doubts if the user vouches for the tree."""
    around = look(environ, checkout, main_branch)
    return replace(around, doubt="") if vouched else around


def _remembered(around: CIContext, root: Path, tree: Config | None) -> bool:
    return around.kind is CIProvider.TERMINAL and remembered.is_trusted(root, tree)


def _held(trust: Trust, tree: Config | None, base: Config | None, locked: Config | None) -> Established:
    config, left, source = apply(trust, tree, base, locked)
    return Established(config=config, trust=replace(trust, left_out=left, source=source))


def _base(root: Path, around: CIContext) -> Config | None:
    """Return gobake.yaml of a pull request's base commit, if the clone has it and it is valid; else None."""
    text = git.text_at(root, around.base_revision, CONFIG_FILE) if around.base_revision else None
    if text is None:
        return None
    from gobake.config.loading import parse_config  # imports YAML

    try:
        return parse_config(text.encode(), root / CONFIG_FILE)
    except ConfigError:
        return None


def _locked(file: Path, root: Path) -> Config:
    """Read the locked file; its relative paths start at its own folder. Raises UsageError."""
    if _inside(file, root):
        raise UsageError(
            f"--locked {file} lies in the tree that is built, which could change it", remedy="keep it outside"
        )
    config = load_config(root, file)
    assert config is not None  # a named file exists, or an error was raised
    home = file.resolve().parent
    private = config.private
    return replace(
        config,
        private=replace(
            private,
            netrc=_from(home, private.netrc),
            ssh=_from(home, private.ssh),
            known_hosts=_from(home, private.known_hosts),
            ca_bundle=_from(home, private.ca_bundle),
        ),
        cache=replace(
            config.cache,
            store=_from(home, config.cache.store, "."),
            policy=_from(home, config.cache.policy, "."),
            branches=_all_from(home, config.cache.branches),
        ),
        history=replace(config.history, folder=_from(home, config.history.folder)),
    )


def _all_from(home: Path, named: Mapping[str, str]) -> dict[str, str]:
    return {pattern: _from(home, policy, ".") or policy for pattern, policy in named.items()}


def _from(home: Path, path: str | None, begins: str = "") -> str | None:
    """Make a relative path of the file absolute; return anything else unchanged."""
    words = ("none", "agent")
    if path is None or path in words or path.startswith(("/", "~")) or not path.startswith(begins):
        return path
    return str(home / path)


def _inside(file: Path, root: Path) -> bool:
    """Whether a file is in the tree: in the project's folder or the repository around it."""
    top = git.top_of(root) or root
    return file.resolve().is_relative_to(top.resolve()) or file.absolute().is_relative_to(top.absolute())
