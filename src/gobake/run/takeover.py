"""After a build that failed: whether nodes of the builder stopped answering, and others take over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from gobake.engine import BuilderQuery
from gobake.errors import GobakeError, NoBuilder
from gobake.model import Target
from gobake.plan.builder import PlannedBuilder, answered

if TYPE_CHECKING:
    from gobake.run.session import Session


class Lost(Struct, frozen=True, kw_only=True):
    """Nodes that answered when the build began, and do not answer now."""

    names: tuple[str, ...]
    before: PlannedBuilder
    now: PlannedBuilder | None  # the nodes that are left; None for none

    @property
    def what(self) -> str:
        nodes = "nodes" if len(self.names) > 1 else "node"
        return f"{nodes} {', '.join(self.names)} of builder {self.before.answer.name} stopped answering"

    @property
    def others(self) -> str:
        return ", ".join(node.name for node in self.now.answer.working) if self.now else ""

    def refusal(self, targets: Sequence[Target]) -> GobakeError | None:
        """Why the nodes that are left cannot build the targets; None if they can."""
        if self.now is None:
            return NoBuilder(f"{self.what}, and no other node answers", remedy="`docker buildx ls` shows their state")
        able = self.now.answer.platforms
        stuck = [target for target in targets if not self.now.runs(target)]
        if not stuck:
            return None
        lacking = ", ".join(sorted({str(p) for target in stuck for p in target.platforms if p not in able}))
        return NoBuilder(
            f"{self.what}, and no other node can run programs of {lacking} for {stuck[0].name}",
            remedy="start the node again, or name the platforms that the others can build with --platform",
        )


def lost(before: PlannedBuilder, chosen: str) -> Lost | None:
    """Ask a builder of several nodes again; return what was lost, None for nothing. ``chosen``: the name that the user
    gave it."""
    if not before.answer.places:
        return None
    were = [node.name for node in before.answer.working]
    try:
        with BuilderQuery(chosen) as query:
            now = answered(query)
    except GobakeError:
        return Lost(names=tuple(were), before=before, now=None)
    there = {node.name for node in now.answer.working}
    names = tuple(name for name in were if name not in there)
    return Lost(names=names, before=before, now=now) if names else None


def take_over(session: Session, loss: Lost) -> None:
    """Let the nodes that are left build, and fill their mounts if they are cold."""
    assert loss.now
    ready = session.ready
    plan = replace(ready.plan, builder=loss.now)
    session.ready = replace(ready, plan=plan, call=replace(ready.call, builder=loss.now.name))
    if ready.care:
        ready.care.move(plan)
        ready.care.warm(session.say)
