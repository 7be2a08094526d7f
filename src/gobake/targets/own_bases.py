"""The project's own bases: images built from its Dockerfiles in the same bake."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from gobake.errors import ConfigError, Where
from gobake.model import REPLACEABLE, OwnBase, Service, is_dockerfile

_RUN = re.compile(r"^\s*RUN\b", re.IGNORECASE | re.MULTILINE)


def own_bases(
    root: Path, bases: Mapping[str, str], services: Iterable[Service], where: Mapping[str, Where | None]
) -> tuple[OwnBase, ...]:
    """Return the Dockerfiles that `bases` and the services name, each once, numbered in the order of their paths.

    ``where``: the places of ``bases.NAME`` and ``services.NAME.base``. Raises ConfigError for an unreadable file, and
    for a base of a service whose strategy does not allow one.
    """
    keys: dict[PurePosixPath, str] = {}
    for name, base in bases.items():
        if is_dockerfile(base):
            keys.setdefault(PurePosixPath(base), f"bases.{name}")
    for service in services:
        key = f"services.{service.name}.base"
        if service.base and service.strategy not in REPLACEABLE:
            raise ConfigError(
                f"the strategy {service.strategy} of {service.name} does not allow another base",
                where=where.get(key),
                remedy=f"set its `strategy` to {', '.join(REPLACEABLE[:-1])} or {REPLACEABLE[-1]}",
            )
        if is_dockerfile(service.base):
            keys.setdefault(PurePosixPath(service.base), key)
    return tuple(
        OwnBase(
            name="own-base" if number == 1 else f"own-base-{number}",
            file=file,
            runs=bool(_RUN.search(_text(root, file, where.get(keys[file])))),
        )
        for number, file in enumerate(sorted(keys), start=1)
    )


def _text(root: Path, file: PurePosixPath, where: Where | None) -> str:
    try:
        return (root / file).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigError(
            f"the Dockerfile {file} cannot be read: {error.strerror}",
            where=where,
            remedy=f"paths are relative to {root}",
        ) from None
