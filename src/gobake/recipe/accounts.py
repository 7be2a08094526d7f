"""What every image gets before its program: an account for its user, a home, and certificates where the base has none.

A stage on the building machine's platform makes them, and several images share it: nothing runs on the platform that
an image is for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gobake.model import Project, Strategy, Target

_WITHOUT_CERTIFICATES = (Strategy.DEBIAN_SLIM, Strategy.DISTALPINE, Strategy.SCRATCH, Strategy.UPX)
# The accounts of an image without a base, as distroless has them.
_ROOT = "root:x:0:0:root:/root:/sbin/nologin"
_ROOT_GROUP = "root:x:0:"


@dataclass(frozen=True, kw_only=True)
class Account:
    """A stage whose /out has /etc/passwd, /etc/group and a home for one user on one base."""

    stage: str
    base: str  # the reference or the named context that the accounts come from; "" for none
    uid: str
    gid: str
    name: str
    home: str
    certificates: bool

    @property
    def script(self) -> tuple[str, ...]:
        """Commands for the shell of a RUN step; /base is the base image, where there is one."""
        user = f"{self.name}:x:{self.uid}:{self.gid}:{self.name}:{self.home}:/sbin/nologin"
        write = _added if self.base else _new
        return (
            f"mkdir -p /out/etc /out{self.home}",
            f"chown {self.uid}:{self.gid} /out{self.home} && chmod 700 /out{self.home}",
            *write("passwd", self.uid, _ROOT, user),
            *write("group", self.gid, _ROOT_GROUP, f"nonroot:x:{self.gid}:"),
        )


def base_name(target: Target, project: Project) -> str:
    """What a FROM line calls the base of a target: a reference, or the named context of a base of the project's own."""
    return target.own_base.name if target.own_base else project.base(target.service, target.strategy)


def accounts(project: Project, targets: Iterable[Target]) -> dict[str, Account]:
    """By target; equal ones are one, and are called `account`, `account-2` ... in the order of the targets."""
    stages: dict[tuple[str, str, str, bool], Account] = {}
    found: dict[str, Account] = {}
    for target in targets:
        service = target.service
        key = (base_name(target, project), service.uid, service.gid, target.strategy in _WITHOUT_CERTIFICATES)
        if key not in stages:
            number = len(stages) + 1
            stages[key] = Account(
                stage="account" if number == 1 else f"account-{number}",
                base=key[0],
                uid=service.uid,
                gid=service.gid,
                name=service.account,
                home=service.home,
                certificates=key[3],
            )
        found[target.name] = stages[key]
    return found


def _new(file: str, number: str, root: str, line: str) -> tuple[str, ...]:
    """Root, and the user or group unless that is root."""
    lines = [root] if number == "0" else [root, line]
    return (f"printf '%s\\n' {' '.join(lines)} >/out/etc/{file}",)


def _added(file: str, number: str, root: str, line: str) -> tuple[str, ...]:
    """What the base has, every line with an end, and one more where it lacks the number."""
    return (
        f"{{ grep . /base/etc/{file} 2>/dev/null || echo {root}; }} >/out/etc/{file}",
        f"{{ cut -d: -f3 /out/etc/{file} | grep -qx {number} || echo {line} >>/out/etc/{file}; }}",
    )
