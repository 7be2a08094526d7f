"""The builder from the view of a plan: its abilities, or assumptions about them before it is asked."""

from __future__ import annotations

from msgspec import Struct

from gobake.caching.layers.plan import Builders
from gobake.engine import Builder, BuilderQuery, EngineInfo, Node, host_platform
from gobake.model import Platform, Target


class PlannedBuilder(Struct, frozen=True, kw_only=True):
    """The builder that is to execute a plan."""

    answer: Builder  # what it reports, or what is assumed
    name: str = ""  # as given by --builder
    info: EngineInfo = EngineInfo()  # of the engine; not needed for builders outside it
    asked: bool = True  # False: the answer is assumed

    @property
    def driver(self) -> str:
        return self.answer.driver

    @property
    def native(self) -> Platform:
        """The platform that it builds for by default."""
        return self.answer.native

    @property
    def sessions_last(self) -> bool:
        """See `Builder.sessions_last`."""
        return self.answer.sessions_last(self.info)

    @property
    def keeps_images(self) -> bool:
        """Whether a plain build ends up in the engine's own image store."""
        return self.answer.keeps_images

    @property
    def shown(self) -> str:
        """One line for users."""
        platforms = ", ".join(map(str, self.answer.platforms))
        if not self.asked:
            return (
                f"not asked: planned as for a Docker Engine on this machine ({platforms}); --builder names one to ask"
            )
        return f"{self.answer.name} ({self.driver}) for {platforms}"

    def runs(self, target: Target) -> bool:
        """Whether it can run what the target's build runs on the target platforms; an assumed builder can."""
        return not self.asked or not target.runs_on_target or set(target.platforms) <= set(self.answer.platforms)

    @property
    def exporting(self) -> Builders:
        """What layer caches depend on; an assumed builder exports all of them."""
        if not self.asked:
            return Builders()
        stores = not self.keeps_images or self.answer.holds_platforms
        return Builders(
            several_nodes=len(self.answer.nodes) > 1,
            inside_docker=self.keeps_images,
            exports=stores or self.info.holds_platforms,
        )


def assumed(native: Platform | None = None) -> PlannedBuilder:
    """Return an assumed Docker Engine on this machine, or on one of another platform."""
    node = Node(name="", endpoint="", status="", buildkit="", platforms=(native or host_platform(),))
    return PlannedBuilder(answer=Builder(name="", driver="docker", nodes=(node,)), asked=False)


def answered(query: BuilderQuery) -> PlannedBuilder:
    """Return the builder as it reports itself. Raises NoEngine, NoBuildx, NoBuilder."""
    builder = query.builder()
    if not builder.keeps_images:
        return PlannedBuilder(answer=builder, name=query.name)
    query.learn_plugin()
    return PlannedBuilder(answer=builder, name=query.name, info=query.info())
