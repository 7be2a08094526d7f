"""How a build gets modules: which of this machine's logins it gets, and which not without trust."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from gobake import recipe
from gobake.credentials import Access, Folders, gather, offered
from gobake.credentials.hosts import of_project
from gobake.gotool import host
from gobake.plan.build_plan import BuildPlan
from gobake.plan.discover import Opened


def access_of(plan: BuildPlan, scratch: Path, settings: Callable[[], str]) -> tuple[Access, str]:
    """Return (what the build gets, a note about what it does not get without trust).

    A project that needs no other modules gets nothing.
    """
    opened, home = plan.opened, plan.home
    if not recipe.downloads(plan.matrix, opened.tree):
        return Access(), ""
    if opened.trust.credentials:
        return module_access(opened, home, scratch, settings), ""
    root = opened.project.root
    gifts = offered(root, os.environ, of_project(opened.tree.layout, settings()))
    if gifts and opened.trust.askable and not plan.request.dry_run:
        from gobake.trust import asking  # rarely needed

        if asking.asks() and asking.ask(root, opened.written, gifts):
            trusted = replace(opened, trust=replace(opened.trust, credentials=True))
            return module_access(trusted, home, scratch, settings), ""
    remedy = "; `gobake trust`, or --trust, gives it" if opened.trust.askable else ""
    note = f"the build is not given: {', '.join(gifts)} ({opened.trust.why}){remedy}" if gifts else ""
    return module_access(opened, home, scratch, settings), note


def module_access(
    opened: Opened, home: Path, scratch: Path, settings: Callable[[], str] = host.module_settings
) -> Access:
    """Return the access to modules. Raises ConfigError for what gobake.yaml names and does not exist."""
    goenv = settings()
    return gather(
        opened.config,
        opened.project.root,
        goenv,
        Folders(kept=home / "trusted", scratch=scratch),
        os.environ,
        of_project(opened.tree.layout, goenv) if opened.trust.credentials else None,
    )
