"""What every image gets beside its program: an account for its user, a home, and certificates if the base has none.

A stage on the builder's platform makes them, and several images share it. Nothing runs on the image's platform.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from gobake.model import Project, Strategy, Target

_WITHOUT_CERTIFICATES = (Strategy.DEBIAN_SLIM, Strategy.DISTALPINE, Strategy.SCRATCH, Strategy.UPX)
# The accounts of an image without a base, as in distroless.
_ROOT = "root:x:0:0:root:/root:/sbin/nologin"
_ROOT_GROUP = "root:x:0:"


class Account(Struct, frozen=True, kw_only=True):
    """A stage whose /out has /etc/passwd, /etc/group and a home for one user on one base."""

    stage: str
    base: str  # the reference or named context of the base; "" for none
    uid: str
    gid: str
    name: str
    home: str
    certificates: bool

    @property
    def script(self) -> tuple[str, ...]:
        """Shell commands for a RUN step; /base is the base image, if there is one."""
        user = f"{self.name}:x:{self.uid}:{self.gid}:{self.name}:{self.home}:/sbin/nologin"
        write = _added if self.base else _new
        return (
            f"mkdir -p /out/etc /out{self.home}",
            f"chown {self.uid}:{self.gid} /out{self.home} && chmod 700 /out{self.home}",
            *write("passwd", self.uid, _ROOT, user),
            *write("group", self.gid, _ROOT_GROUP, f"nonroot:x:{self.gid}:"),
        )


def base_name(target: Target, project: Project) -> str:
    """Return the name of a target's base in a FROM line: a reference, or the named context of an own base."""
    return target.own_base.name if target.own_base else project.base(target.service, target.strategy)


def accounts(project: Project, targets: Iterable[Target]) -> dict[str, Account]:
    """Return the accounts by target name. Equal ones share a stage: `account`, `account-2` ... in order of targets."""
    stages: dict[tuple[str, str, str, bool], Account] = {}
    by_target: dict[str, Account] = {}
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
        by_target[target.name] = stages[key]
    return by_target


def _new(file: str, number: str, root: str, line: str) -> tuple[str, ...]:
    """Return a command that writes root, and the user or group unless that is root."""
    lines = [root] if number == "0" else [root, line]
    return (f"printf '%s\\n' {' '.join(lines)} >/out/etc/{file}",)


def _added(file: str, number: str, root: str, line: str) -> tuple[str, ...]:
    """Return commands that copy the base's file, complete its last line, and add the id if it is missing."""
    return (
        f"{{ grep . /base/etc/{file} 2>/dev/null || echo {root}; }} >/out/etc/{file}",
        f"{{ cut -d: -f3 /out/etc/{file} | grep -qx {number} || echo {line} >>/out/etc/{file}; }}",
    )
