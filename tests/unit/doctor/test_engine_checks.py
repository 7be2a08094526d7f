"""What docker and buildx tell of themselves, judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest
from msgspec.structs import replace

from gobake.doctor.engine_checks import of_builder, of_clock, of_collection, of_info, of_platforms, of_versions, unused
from gobake.doctor.findings import Finding, Fix, State
from gobake.engine import Builder, CacheMount, CollectRule, EngineInfo, Node
from gobake.model import BuildOptions, Platform, Service, Strategy, Target

AMD, ARM = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")
NODE = Node(name="one", endpoint="unix:///x", status="running", buildkit="v0.25.0", platforms=(AMD,))
DOCKER = Builder(name="default", driver="docker", nodes=(NODE,))
REMOTE = replace(DOCKER, name="far", driver="remote")
INFO = EngineInfo(engine="28.5.2", buildx="v0.29.1", store='[["driver-type","io.containerd.snapshotter.v1"]]')


def states(found: Iterator[Finding]) -> list[tuple[str, State]]:
    return [(one.topic, one.state) for one in found]


def test_versions_of_today_are_fine() -> None:
    assert states(of_versions(DOCKER, INFO)) == [("engine", State.FINE), ("buildx", State.FINE)]
    assert states(of_versions(REMOTE, replace(INFO, engine=""))) == [("buildx", State.FINE), ("node one", State.FINE)]


@pytest.mark.parametrize(
    ("builder", "info", "topic", "state", "words"),
    [
        (DOCKER, replace(INFO, engine="26.1.5+dfsg1"), "engine", State.NOTE, "no active sessions"),
        (DOCKER, replace(INFO, engine="20.10.24"), "engine", State.NOTE, "no BuildKit by default"),
        (DOCKER, replace(INFO, engine=""), "engine", State.UNKNOWN, "unknown"),
        (DOCKER, replace(INFO, buildx="v0.11.2"), "buildx", State.PROBLEM, "too old"),
        (DOCKER, replace(INFO, buildx=""), "buildx", State.UNKNOWN, "unknown"),
        (replace(REMOTE, nodes=(replace(NODE, buildkit="v0.13.1"),)), INFO, "node one", State.NOTE, "sessions"),
    ],
)
def test_versions_that_are_known_for_something_are_named(
    builder: Builder, info: EngineInfo, topic: str, state: State, words: str
) -> None:
    (found,) = [one for one in of_versions(builder, info) if one.topic == topic]
    assert found.state is state
    assert words in found.text


def test_the_image_store_decides_whether_several_platforms_are_kept() -> None:
    assert states(of_builder(DOCKER, INFO)) == [("builder", State.FINE), ("image store", State.FINE)]
    classic = list(of_builder(DOCKER, replace(INFO, store="overlay2")))
    assert classic[1].state is State.NOTE
    assert "containerd-snapshotter" in classic[1].remedy
    assert states(of_builder(REMOTE, EngineInfo()))[1] == ("image store", State.FINE)


def farm(*nodes: Node) -> Builder:
    """A builder whose nodes can be addressed."""
    placed = (replace(n, machine=n.platforms[0], address=f"/views/{n.name}/farm") for n in nodes)
    return replace(REMOTE, name="farm", nodes=tuple(placed))


def test_nodes_of_different_versions_are_noted() -> None:
    two = replace(NODE, name="two", buildkit="v0.26.1")
    (found,) = [one for one in of_versions(farm(NODE, two), INFO) if one.topic == "nodes"]
    assert (found.state, found.text) == (State.NOTE, "of different versions: one v0.25.0, two v0.26.1")
    silent = replace(NODE, name="three", buildkit="", error="it does not answer")
    alike = farm(NODE, replace(NODE, name="two", buildkit="v0.25.9"), silent)
    assert "node three" not in [one.topic for one in of_versions(alike, INFO)], "that it is silent is told elsewhere"
    assert not [one for one in of_versions(alike, INFO) if one.topic == "nodes"]


def test_of_several_nodes_it_is_told_which_is_native_and_which_emulates() -> None:
    targets = [service(Strategy.SINGLE_STAGE)]
    both = farm(replace(NODE, platforms=(AMD, ARM)), replace(NODE, name="two", platforms=(ARM,)))
    assert [one.text for one in of_platforms(both, targets, AMD)] == [
        "linux/amd64: native on one",
        "linux/arm64: native on two",
    ]
    emulating = farm(replace(NODE, platforms=(AMD, ARM)), replace(NODE, name="two"))
    assert [one.state for one in of_platforms(emulating, targets, AMD)] == [State.FINE, State.NOTE]


def test_each_node_collects_its_own_garbage() -> None:
    limited = farm(*(replace(NODE, name=name, rules=(CollectRule(limit=10_000_000_000),)) for name in ("one", "two")))
    own = [
        CacheMount(record="r", id="m", size=4_000_000_000, created="", used="", node=name) for name in ("one", "two")
    ]
    assert [one.state for one in of_collection(limited, own)] == [State.FINE]


def test_nodes_that_fail_are_problems_and_those_that_sleep_can_be_started() -> None:
    failing, sleeping = replace(NODE, name="two", error="no route"), replace(NODE, name="three", status="inactive")
    found = list(of_builder(replace(REMOTE, nodes=(NODE, failing, sleeping)), INFO))
    assert [(one.state, one.fix) for one in found[:2]] == [(State.PROBLEM, None), (State.NOTE, Fix.START_NODES)]
    assert found[0].text == "node two of far: no route"
    assert "2 nodes" in found[2].text


def service(strategy: Strategy, *, cgo: bool = False) -> Target:
    one = Service(
        name="api",
        package="example.com/api",
        binary="api",
        directory=PurePosixPath(),
        build_root=PurePosixPath(),
        build=BuildOptions(env=(("CGO_ENABLED", "1"),)) if cgo else BuildOptions(),
    )
    return Target(service=one, strategy=strategy, platforms=(AMD, ARM))


def test_a_platform_needs_a_node_only_where_something_of_it_runs() -> None:
    plain = list(of_platforms(DOCKER, [service(Strategy.SCRATCH)], AMD))
    assert [one.state for one in plain] == [State.FINE, State.FINE]
    running = list(of_platforms(DOCKER, [service(Strategy.SINGLE_STAGE)], AMD))
    assert [one.state for one in running] == [State.FINE, State.PROBLEM]
    assert "api-single-stage run programs of it" in running[1].text
    emulated = replace(DOCKER, nodes=(replace(NODE, platforms=(AMD, ARM)),))
    assert [one.state for one in of_platforms(emulated, [service(Strategy.SCRATCH, cgo=True)], AMD)] == [
        State.FINE,
        State.NOTE,
    ]


def mount(size: int, used: str) -> CacheMount:
    return CacheMount(record="r", id="shop-gobuild", size=size, created="", used=used)


def test_limits_of_garbage_collection_are_compared_with_the_mounts() -> None:
    limited = replace(DOCKER, nodes=(replace(NODE, rules=(CollectRule(limit=10_000_000_000),)),))
    fresh = "2 minutes ago"
    assert states(of_collection(DOCKER, [])) == [("garbage collection", State.UNKNOWN)]
    for size, state in ((1, State.FINE), (6_000_000_000, State.NOTE), (11_000_000_000, State.PROBLEM)):
        assert states(of_collection(limited, [mount(size, fresh)])) == [("garbage collection", state)]


def test_mounts_of_a_month_ago_can_be_deleted_and_unknown_ones_stay() -> None:
    old, fresh, untold = mount(1, "6 weeks ago"), mount(1, "2 weeks ago"), mount(1, "")
    assert unused([old, fresh, untold]) == [old]
    (_, found) = of_collection(DOCKER, [old, fresh, untold])
    assert found.fix is Fix.PRUNE_OLD
    assert found.text.startswith("1 of this project's cache mounts")


def test_clocks_are_compared() -> None:
    at = "2026-11-30T03:00:00.123456789Z"
    assert states(of_info({"SystemTime": at}, 1796007600.0)) == [("clock", State.FINE)]
    (behind,) = of_info({"SystemTime": at}, 1796007700.0)
    assert behind.text == "the engine's clock is 100 s behind this machine's"
    assert states(of_info({"SystemTime": "soon"}, 0.0)) == [("clock", State.UNKNOWN)]
    assert list(of_clock("ghcr.io", "Mon, 30 Nov 2026 03:00:00 GMT", 1796007610.0)) == []
    (ahead,) = of_clock("ghcr.io", "Mon, 30 Nov 2026 03:00:00 GMT", 1796007700.0)
    assert ahead.text == "this machine's clock is 100 s ahead of that of ghcr.io"
    assert list(of_clock("ghcr.io", "yesterday", 0.0)) == []


def test_warnings_of_the_engine_are_notes() -> None:
    found = list(of_info({"SystemTime": "", "Warnings": ["WARNING: No swap limit support"]}, 0.0))
    assert (found[1].state, found[1].text) == (State.NOTE, "WARNING: No swap limit support")
