"""The VCS information that a plain `go build` writes into a program, linked in by gobake for `vcs: true`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from gobake.checkout.git import Checkout, Look
from gobake.errors import ProjectError
from gobake.gotool import modfile
from gobake.model import Project, Service
from gobake.versions.goversion import DEVELOPMENT, Tags, code_folder, go_version, lies_right


def told(look: Look, seen: Checkout, project: Project, ours: Iterable[Path]) -> Mapping[str, str]:
    """Return, by build argument, a text with revision, time, modified flag and version of the main module.

    Empty if no service has `vcs` or there is no commit. ``ours``: files that gobake has written into the work tree.
    """
    services = {s.vcs_variable: s for s in (*project.services, *project.left_out) if s.vcs}
    if not services or not seen.revision:
        return {}
    modified = look.modified(ours)
    tags = Tags(here=look.tags(f"--points-at={seen.revision}"), before=look.tags(f"--merged={seen.revision}"))
    root = _module_at(look.top)
    values = {}
    for name, service in services.items():
        version = _version(look, seen, project, service, root, tags)
        if modified and version != DEVELOPMENT:
            version += "+dirty"
        values[name] = f"{seen.revision} {seen.commit_date} {str(modified).lower()} {version}"
    return values


def _version(look: Look, seen: Checkout, project: Project, service: Service, root: str, tags: Tags) -> str:
    folder = code_folder(root, service.module) if root else None
    place = look.place(project.context / service.module_directory)
    if folder is None or not lies_right(folder, service.module, place):
        return DEVELOPMENT
    return go_version(service.module, folder, tags, seen.revision, seen.commit_time)


def _module_at(top: Path | None) -> str:
    """Return the path of the module at the repository's top; "" for none, and then Go finds no version."""
    try:
        return modfile.read(top / "go.mod").module if top and (top / "go.mod").is_file() else ""
    except ProjectError:
        return ""
