"""The builder from the view of a plan: its abilities, or assumptions about them before it is asked."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from gobake.caching.layers.plan import Builders
from gobake.engine import Builder, BuilderQuery, EngineInfo, Node, host_platform, node_for
from gobake.model import Platform, Target


class Share(Struct, frozen=True, kw_only=True):
    """A platform, and the node of a builder that builds for it."""

    platform: Platform
    node: Node

    @property
    def shown(self) -> str:
        machine = self.node.machine
        native = machine and machine.arch == self.platform.arch
        return f"{self.platform} on {self.node.name}" + ("" if native or not machine else f" ({machine.arch})")


class PlannedBuilder(Struct, frozen=True, kw_only=True):
    """The builder that is to execute a plan."""

    answer: Builder  # what it reports, or what is assumed
    name: str = ""  # as given by --builder, or the address of its nodes that answer; "" for the current one
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

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each node that a build leaves out."""
        several = len(self.answer.nodes) > 1
        return tuple(
            f"node {node.name} of builder {self.answer.name} is left out: {node.error}"
            for node in self.answer.nodes
            if node.error and several
        )

    def shares(self, platforms: Iterable[Platform]) -> tuple[Share, ...]:
        """Return which node builds for which platform, of a builder whose nodes can be addressed; else nothing."""
        nodes = tuple(self.answer.places.values())
        return tuple(Share(platform=platform, node=node_for(platform, nodes)) for platform in platforms if nodes)

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
        return PlannedBuilder(answer=builder, name=builder.address or query.name)
    query.learn_plugin()
    return PlannedBuilder(answer=builder, name=query.name, info=query.info())
