"""The trust of one run: looks around, at what was said before, and at what the tree wants; asks where it may."""

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
    """What holds of a configuration, and why."""

    config: Config | None
    trust: Trust
    written: Config | None = None  # what the tree says, whether it holds or not


def establish(root: Path, tree: Config | None, request: ProjectRequest, checkout: git.Checkout) -> Established:
    """Raises ConfigError for a locked file, NotTrusted where a person must say yes and nobody can be asked."""
    locked = _locked(request.locked, root) if request.locked else None
    chosen = tree is not None and request.config_file is not None and not _inside(request.config_file, root)
    written = None if chosen else tree
    around = surroundings(os.environ, checkout, vouched=request.trust)
    evidence = Evidence(around=around, told=request.trust, remembered=_remembered(around, root, written))
    trust = decide(evidence)
    if chosen:  # whoever runs named a file of their own
        held = _held(replace(trust, classes=EVERY_CLASS), tree, None, locked)
        return replace(held, trust=replace(held.trust, classes=trust.classes))
    base = None if trust.classes == EVERY_CLASS else _base(root, around)
    held = _held(trust, tree, base, locked)
    if held.trust.left_out and trust.askable and not locked and not request.lenient:
        from gobake.trust import asking  # seldom needed

        if not asking.asks() or not asking.ask(root, written):
            raise asking.refused(root, held.trust.left_out)
        held = _held(decide(replace(evidence, remembered=True)), tree, base, locked)
    return replace(held, written=written)


def surroundings(
    environ: Mapping[str, str], checkout: git.Checkout, main_branch: str = "", *, vouched: bool = False
) -> CIContext:
    """What CI or terminal a run is in. What whoever runs vouches for is in no doubt."""
    around = look(environ, checkout, main_branch)
    return replace(around, doubt="") if vouched else around


def _remembered(around: CIContext, root: Path, tree: Config | None) -> bool:
    return around.kind is CIProvider.TERMINAL and remembered.is_trusted(root, tree)


def _held(trust: Trust, tree: Config | None, base: Config | None, locked: Config | None) -> Established:
    config, left, source = apply(trust, tree, base, locked)
    return Established(config=config, trust=replace(trust, left_out=left, source=source))


def _base(root: Path, around: CIContext) -> Config | None:
    """gobake.yaml of the commit that a pull request would be merged into, where the clone has it; one that is wrong is
    of no use."""
    text = git.text_at(root, around.base_revision, CONFIG_FILE) if around.base_revision else None
    if text is None:
        return None
    from gobake.config.loading import parse_config  # with all of YAML

    try:
        return parse_config(text.encode(), root / CONFIG_FILE)
    except ConfigError:
        return None


def _locked(file: Path, root: Path) -> Config:
    """Its relative paths are seen from its own folder."""
    if _inside(file, root):
        raise UsageError(
            f"--locked {file} lies in the tree that is built, which could change it", remedy="keep it outside"
        )
    config = load_config(root, file)
    assert config is not None  # a named file is there, or an error was raised
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
    """A relative path of the file, absolute; what is none stays."""
    words = ("none", "agent")
    if path is None or path in words or path.startswith(("/", "~")) or not path.startswith(begins):
        return path
    return str(home / path)


def _inside(file: Path, root: Path) -> bool:
    """Whether a file is a part of the tree: of the project's folder, or of the repository around it."""
    top = git.top_of(root) or root
    return file.resolve().is_relative_to(top.resolve()) or file.absolute().is_relative_to(top.absolute())
