"""The inputs of a build as digests, which `gobake explain` compares from run to run.

The files are the staged ones, so the record matches what was built.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from gobake.context.admitted import used_roots
from gobake.context.staging import Copy, Staged
from gobake.plan.discover import Opened
from gobake.runs.record import InputsRecord, digests
from gobake.targets.matrix import Matrix

_DIGITS = 16  # of a file's sha256: 64 bits detect changes, but are not for trust


def look(
    opened: Opened, matrix: Matrix, variables: Mapping[str, str], staged: Staged, prebuilt: Path | None = None
) -> InputsRecord:
    """Return all inputs except the bases, which only the build resolves.

    ``variables``: the bake file's variables that contain no secret. ``prebuilt``: the folder of binaries compiled
    outside.
    """
    tree = opened.tree
    used = {package.import_path: package for service in matrix.services for package in tree.closure(service.packages)}
    modules = {pair for build in used_roots(matrix, tree) for module in build.modules for pair in module.requires}
    return InputsRecord(
        variables=digests(variables),
        files=_shortened(staged.read) if matrix.compiles else (),
        copied=_shortened(staged.copied),
        packages=tuple((path, used[path].directory.as_posix()) for path in sorted(used)),
        modules=tuple(sorted(modules)),
        prebuilt=_all_in(prebuilt) if prebuilt else (),
    )


def _all_in(folder: Path) -> tuple[tuple[str, str], ...]:
    found = (file for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else ()
    return tuple(sorted((file.relative_to(folder).as_posix(), _digest(file)) for file in found))


def _shortened(copies: Iterable[Copy]) -> tuple[tuple[str, str], ...]:
    return tuple((copy.path, _with_mode(copy.digest, executable=copy.executable)) for copy in copies)


def _digest(file: Path) -> str:
    """Return the file's digest; "" if it is unreadable, which the build will report."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()[:_DIGITS]
    except OSError:
        return ""


def _with_mode(digest: str, *, executable: bool) -> str:
    """Return a digest that includes whether a file is executable, because that counts for BuildKit."""
    return hashlib.sha256(f"{digest}\0755".encode()).hexdigest()[:_DIGITS] if executable else digest[:_DIGITS]
