"""Stamps and VCS information for a program compiled on this machine, as the late stages add them in a container."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from gobake.config import stamps
from gobake.files import shipped
from gobake.model import Service

_LINKER = "linker.j2"  # a shell script without a placeholder
_VCS = "GOBAKE_VCS"


class Linked(Struct, frozen=True, kw_only=True):
    """Additional settings of a `go build`."""

    ldflags: str
    flags: tuple[str, ...]
    env: Mapping[str, str]


def linked(service: Service, values: Mapping[str, str], version: Callable[[], str]) -> Linked:
    """Return the settings for a service. ``values``: by build argument; ``version``: asks go, which few stamps need."""
    go = version() if any(p.placeholder == stamps.GO for s in service.stamps for p in stamps.pieces(s.text)) else ""
    words = [service.build.ldflags] if service.build.ldflags else []
    words += [
        f"-X {stamps.quoted(f'{stamp.variable}={stamps.filled(service, stamp, values, go)}')}"
        for stamp in service.stamps
    ]
    script = str(shipped.folder("bake") / _LINKER)
    return Linked(
        ldflags=" ".join(words),
        flags=(f"-toolexec=sh {stamps.quoted(script)}",) if service.vcs else (),
        env={_VCS: values.get(service.vcs_variable, "")} if service.vcs else {},
    )
