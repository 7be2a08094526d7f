"""Decides from the evidence how far a tree is trusted. Pure.

| where | trusted settings of the tree | credentials | writes what others read |
|---|---|---|---|
| a CI, an event and a commit of the repository itself | all | yes | by its policy |
| a CI, a pull request from the repository itself | all but policies, gates | yes | by its policy |
| a CI, a fork's pull request, or any doubt | its images | no | no |
| a CI that gobake does not know | its images | no | by the command line |
| a terminal, trusted once | all | yes | by its policy |
| a terminal, not trusted, or changed since | its images | no | by its policy |

Other settings come from the commit that a pull request would be merged into, if the clone has it. `--trust` trusts the
tree and gives it credentials, and settles doubts. A fork's pull request never writes.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from gobake.checkout.ci import CIContext, CIProvider
from gobake.config.values import Config
from gobake.trust.keys import EVERY_CLASS, KeyClass, Want, taken, wants

IMAGES_ALONE = frozenset((KeyClass.IMAGE,))


class Trust(Struct, frozen=True, kw_only=True):
    """Which settings of the tree are trusted, and what its build gets."""

    classes: frozenset[KeyClass] = EVERY_CLASS  # of the trusted settings
    credentials: bool = True  # it gets logins, tokens and keys of this machine
    why: str = ""  # for people
    left_out: tuple[Want, ...] = ()  # the ignored settings of its gobake.yaml
    source: str = ""  # where settings come from instead, for people; "" for nowhere
    askable: bool = False  # a person at a terminal can be asked
    host_code: bool = True  # this machine's own Go may compile it

    def notes(self) -> tuple[str, ...]:
        """Return a note on the ignored settings, if any."""
        if not self.left_out:
            return ()
        keys = ", ".join(want.key for want in self.left_out)
        file = self.left_out[0].where.file.name
        instead = f"; set by {self.source}" if self.source else ""
        return (f"{keys} of {file} {'are' if len(self.left_out) > 1 else 'is'} ignored ({self.why}){instead}",)

    def shown(self, *, configured: bool = True) -> str:
        """Return the decision in one line. ``configured``: there is a gobake.yaml that it is about."""
        given = [kind.value for kind in KeyClass if kind in self.classes]
        scope = "in full" if self.classes == EVERY_CLASS else f"where it {', '.join(given)}"
        logins = "the logins that its modules need" if self.credentials else "no logins"
        if not configured:
            return f"the build gets {logins}: {self.why}"
        return f"gobake.yaml is trusted {scope}; its build gets {logins}: {self.why}"

    def as_json(self) -> dict[str, Any]:
        return {
            "tree": sorted(kind.name.lower() for kind in self.classes),
            "credentials": self.credentials,
            "host_code": self.host_code,
            "why": self.why,
            "left_out": [want.key for want in self.left_out],
            "source": self.source or None,
        }


class Evidence(Struct, frozen=True, kw_only=True):
    """What is known from outside of the tree."""

    around: CIContext
    told: bool = False  # --trust
    remembered: bool = False  # a person has trusted this tree with its present settings


def decide(evidence: Evidence) -> Trust:
    """Decide whether the tree is trusted; `apply` then selects its settings."""
    around = evidence.around
    if evidence.told:
        return Trust(why="--trust")
    if around.kind is CIProvider.TERMINAL:
        if evidence.remembered:
            return Trust(why="this project was trusted on this machine")
        return Trust(classes=IMAGES_ALONE, credentials=False, why="nobody has trusted it yet", askable=True)
    if not around.trusted:
        return _stranger(around.doubt or "a pull request from a fork")
    if around.kind is CIProvider.CI:
        return _stranger("a CI that gobake does not know; give --trust to trust it")
    if around.pull_request:
        allowed = frozenset((KeyClass.IMAGE, KeyClass.TALKS))
        return Trust(classes=allowed, why="a pull request from the repository itself")
    return Trust(why=f"{around.kind}, {around.event}, and the commit that it names")


def _stranger(why: str) -> Trust:
    return Trust(classes=IMAGES_ALONE, credentials=False, host_code=False, why=why)


def apply(
    trust: Trust, tree: Config | None, base: Config | None, locked: Config | None
) -> tuple[Config | None, tuple[Want, ...], str]:
    """Return the effective configuration, the tree's ignored settings, and where settings come from instead.

    ``base``: the configuration of a pull request's target branch; ``locked``: that of --locked, which overrides it.
    """
    other = locked or base
    classes = IMAGES_ALONE if locked else trust.classes
    source = f"{locked.file}" if locked else ("the target branch" if base else "")
    left = tuple(want for want in wants(tree) if want.kind not in classes)
    if not other:
        left = tuple(want for want in left if want.kind is not KeyClass.GATE)
    return taken(tree, other, classes), left, source
