"""Evidence -> who is trusted for what. Pure.

| where | what the tree may say | credentials | writes what others read |
|---|---|---|---|
| a CI, an event and a commit of the repository itself | everything | yes | by its policy |
| a CI, a pull request from the repository itself | all but policies, gates | yes | by its policy |
| a CI, a fork's pull request, or whatever is in doubt | its images | no | no |
| a CI that gobake does not know | its images | no | by the command line |
| a terminal, trusted once | everything | yes | by its policy |
| a terminal, never asked or changed since | its images | no | by its policy |

What the tree may not say is taken from the commit that a pull request would be merged into, where the clone has it.
`--trust` says yes for the tree and its credentials, and clears what is in doubt. A fork's pull request never writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gobake.checkout.ci import CIContext, CIProvider
from gobake.config.values import Config
from gobake.trust.keys import EVERY_CLASS, KeyClass, Want, taken, wants

IMAGES_ALONE = frozenset((KeyClass.IMAGE,))


@dataclass(frozen=True, kw_only=True)
class Trust:
    """What the tree that is built may say, and what it is given."""

    classes: frozenset[KeyClass] = EVERY_CLASS
    credentials: bool = True  # logins, tokens, keys of this machine
    why: str = ""  # in words
    left_out: tuple[Want, ...] = ()  # what its gobake.yaml says and does not hold
    source: str = ""  # where what it may not say comes from, in words; "" for nowhere
    askable: bool = False  # a person at a terminal can say yes
    host_code: bool = True  # it may be compiled by this machine's own Go

    def notes(self) -> tuple[str, ...]:
        """For the user: what does not hold, and what helps."""
        if not self.left_out:
            return ()
        keys = ", ".join(want.key for want in self.left_out)
        file = self.left_out[0].where.file.name
        instead = f"; {self.source} says it" if self.source else ""
        return (f"{keys} of {file} {'do' if len(self.left_out) > 1 else 'does'} not hold ({self.why}){instead}",)

    def shown(self) -> str:
        """In one line."""
        given = [kind.value for kind in KeyClass if kind in self.classes]
        says = "in all" if self.classes == EVERY_CLASS else f"where it {', '.join(given)}"
        logins = "the logins that its modules need" if self.credentials else "no logins"
        return f"gobake.yaml holds {says}; given {logins}: {self.why}"

    def as_json(self) -> dict[str, Any]:
        return {
            "tree": sorted(kind.name.lower() for kind in self.classes),
            "credentials": self.credentials,
            "host_code": self.host_code,
            "why": self.why,
            "left_out": [want.key for want in self.left_out],
            "source": self.source or None,
        }


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known beside the tree."""

    around: CIContext
    told: bool = False  # --trust
    remembered: bool = False  # a person has said yes to this tree with what it wants


def decide(evidence: Evidence) -> Trust:
    """Whether the tree is trusted; what it wants is looked at in `apply`."""
    around = evidence.around
    if evidence.told:
        return Trust(why="--trust")
    if around.kind is CIProvider.TERMINAL:
        if evidence.remembered:
            return Trust(why="this project was trusted on this machine")
        return Trust(classes=IMAGES_ALONE, credentials=False, why="nobody has said that it is trusted", askable=True)
    if not around.trusted:
        return _stranger(around.doubt or "a pull request from a fork")
    if around.kind is CIProvider.CI:
        return _stranger("a CI that gobake does not know; --trust says yes")
    if around.pull_request:
        allowed = frozenset((KeyClass.IMAGE, KeyClass.TALKS))
        return Trust(classes=allowed, why="a pull request from the repository itself")
    return Trust(why=f"{around.kind}, {around.event}, and the commit that it names")


def _stranger(why: str) -> Trust:
    return Trust(classes=IMAGES_ALONE, credentials=False, host_code=False, why=why)


def apply(
    trust: Trust, tree: Config | None, base: Config | None, locked: Config | None
) -> tuple[Config | None, tuple[Want, ...], str]:
    """(the configuration that holds, what of the tree's does not, where that comes from instead).

    ``base``: that of the branch that a pull request is for; ``locked``: a file that whoever runs names, which wins.
    """
    other = locked or base
    classes = IMAGES_ALONE if locked else trust.classes
    source = f"{locked.file}" if locked else ("the branch that it is for" if base else "")
    left = tuple(want for want in wants(tree) if want.kind not in classes)
    if not other:
        left = tuple(want for want in left if want.kind is not KeyClass.GATE)
    return taken(tree, other, classes), left, source
