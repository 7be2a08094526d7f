"""Nodes that stop answering in the middle of a build: they are named, and others take over if they can."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest
from msgspec.structs import replace

from gobake.engine import Builder, Node
from gobake.errors import NoBuilder
from gobake.model import BuildOptions, Platform, Service, Strategy, Target
from gobake.plan.builder import PlannedBuilder
from gobake.run import takeover
from gobake.run.takeover import Lost, lost

AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")


def planned(*nodes: Node) -> PlannedBuilder:
    return PlannedBuilder(answer=Builder(name="farm", driver="remote", nodes=nodes), name="/views/1/farm")


def node(name: str, machine: Platform, error: str = "") -> Node:
    found = Node(name=name, endpoint="", status="", buildkit="", platforms=(machine,), error=error)
    return replace(found, machine=machine, address=f"/views/{name}/farm")


def running(*platforms: Platform) -> Target:
    """A target whose build runs programs of its platforms."""
    at = PurePosixPath()
    one = Service(
        name="api", package="example.com/api", binary="api", directory=at, build_root=at, build=BuildOptions()
    )
    return Target(service=one, strategy=Strategy.SINGLE_STAGE, platforms=platforms)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[PlannedBuilder | NoBuilder]:
    """What the builder answers now."""
    answers: list[PlannedBuilder | NoBuilder] = []

    def answered(_query: object) -> PlannedBuilder:
        found = answers[0]
        if isinstance(found, NoBuilder):
            raise found
        return found

    class Query:
        def __init__(self, _chosen: str) -> None: ...
        def __enter__(self) -> Query:
            return self

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(takeover, "BuilderQuery", Query)
    monkeypatch.setattr(takeover, "answered", answered)
    return answers


A, B = node("a", AMD64), node("b", ARM64)
GONE = node("b", ARM64, error="it does not answer")


def test_a_node_that_answered_and_does_no_longer_is_lost(now: list[Any]) -> None:
    now.append(planned(A, GONE))
    found = lost(planned(A, B), "farm")
    assert found
    assert (found.names, found.others) == (("b",), "a")
    assert found.what == "node b of builder farm stopped answering"


def test_nothing_is_lost_where_all_answer_or_the_node_was_gone_before(now: list[Any]) -> None:
    now.append(planned(A, B))
    assert lost(planned(A, B), "farm") is None
    now[0] = planned(A, GONE)
    assert lost(planned(A, GONE), "farm") is None


def test_a_builder_of_one_node_is_not_asked_again(now: list[Any]) -> None:
    assert lost(planned(replace(A, address="")), "farm") is None


def test_if_nobody_answers_the_error_names_them(now: list[Any]) -> None:
    now.append(NoBuilder("no node of builder farm answers"))
    found = lost(planned(A, B), "farm")
    assert found
    assert str(found.refusal(())) == (
        "nodes a, b of builder farm stopped answering, and no other node answers; `docker buildx ls` shows their state"
    )


def test_what_only_the_lost_node_could_run_is_refused_in_one_line() -> None:
    loss = Lost(names=("b",), before=planned(A, B), now=planned(A, GONE))
    assert loss.refusal([running(AMD64)]) is None
    assert str(loss.refusal([running(AMD64, ARM64)])) == (
        "node b of builder farm stopped answering, and no other node can run programs of linux/arm64 for api-single-stage; "
        "start the node again, or name the platforms that the others can build with --platform"
    )
