"""What goes into a build, by digest: what `gobake explain` compares from run to run.

Files are read while buildx starts; what is changed in that very moment may be recorded other than it was built.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from pathlib import Path

from gobake.matrix import Matrix
from gobake.opening import Opened
from gobake.recipe.admitted import admitted
from gobake.runs.record import InputsRecord, digests

_DIGITS = 16  # of a file's sha256: 64 bits, for telling a change and not for trust
_PLAIN = 0o644  # permissions of most files


def look(opened: Opened, matrix: Matrix, variables: Mapping[str, str], prebuilt: Path | None = None) -> InputsRecord:
    """All but the bases, which only the build resolves. ``variables``: those of the bake file that no secret is in.
    ``prebuilt``: the folder of the binaries that were compiled outside."""
    project, tree = opened.project, opened.tree
    context = project.context
    used = {package.import_path: package for service in matrix.services for package in tree.closure([service.package])}
    modules = {pair for build in tree.layout.builds for module in build.modules for pair in module.requires}
    files = admitted(project, matrix, tree) if matrix.compiles else ()
    return InputsRecord(
        variables=digests(variables),
        files=tuple((file.relative_to(context).as_posix(), _digest(file)) for file in files),
        packages=tuple((path, used[path].directory.as_posix()) for path in sorted(used)),
        modules=tuple(sorted(modules)),
        prebuilt=_all_in(prebuilt) if prebuilt else (),
    )


def _all_in(folder: Path) -> tuple[tuple[str, str], ...]:
    found = (file for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else ()
    return tuple(sorted((file.relative_to(folder).as_posix(), _digest(file)) for file in found))


def _digest(file: Path) -> str:
    """ "" for what cannot be read: the build will say so. The permissions count where they are no plain file's, since
    they count for BuildKit."""
    try:
        seen = hashlib.sha256(file.read_bytes())
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError:
        return ""
    if mode != _PLAIN:
        seen.update(f"\0{mode:o}".encode())
    return seen.hexdigest()[:_DIGITS]
