"""Builders of several nodes: who answers, which machine is which, where a platform is built, and how one is addressed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from gobake.engine import BakeCall, Builder, Node, bake, imagetools, parse_inspect, usage, views
from gobake.engine import builder as asking
from gobake.engine.nodes import addressed, meant_for, node_for
from gobake.errors import NoBuilder
from gobake.model import Platform
from gobake.proc import command
from gobake.proc.command import Done
from gobake.trace import patience

AMD64, ARM64, ARMV7 = (Platform.parse(text) for text in ("linux/amd64", "linux/arm64", "linux/arm/v7"))


def node(name: str, *platforms: Platform, machine: Platform | None = None, declared: tuple[Platform, ...] = ()) -> Node:
    found = Node(name=name, endpoint="", status="running", buildkit="", platforms=platforms, declared=declared)
    return replace(found, machine=machine)


# ---- who builds what


def test_a_native_node_is_taken_before_one_that_emulates() -> None:
    emulating, native = node("a", AMD64, ARM64, machine=AMD64), node("b", ARM64, machine=ARM64)
    assert node_for(ARM64, [emulating, native]).name == "b"
    assert node_for(AMD64, [native, emulating]).name == "a"


def test_the_node_that_was_made_for_a_platform_is_taken_before_a_native_one() -> None:
    chosen = node("a", ARM64, AMD64, machine=AMD64, declared=(ARM64,))
    assert node_for(ARM64, [node("b", ARM64, machine=ARM64), chosen]).name == "a"


def test_what_no_machine_is_goes_to_one_that_can_run_it_or_else_to_the_first() -> None:
    nodes = [node("a", AMD64, machine=AMD64), node("b", ARM64, ARMV7, machine=ARM64)]
    assert node_for(ARMV7, nodes).name == "b"
    assert node_for(Platform.parse("linux/riscv64"), nodes).name == "a"


def test_of_two_nodes_of_one_architecture_the_second_takes_over_only_if_the_first_is_gone() -> None:
    nodes = [node("a", AMD64, machine=AMD64), node("b", AMD64, machine=AMD64), node("c", ARM64, machine=ARM64)]
    assert meant_for(nodes) == {"a": (AMD64,), "b": (), "c": (ARM64,)}
    assert meant_for(nodes[1:]) == {"b": (AMD64,), "c": (ARM64,)}


def test_nothing_is_decided_for_nodes_that_have_not_started() -> None:
    asleep = node("b", declared=(ARM64,))
    assert meant_for([node("a", AMD64, ARM64, machine=AMD64), asleep]) == {"a": (), "b": (ARM64,)}


# ---- as buildx reports them

FARM = """\
Name:          farm
Driver:        remote

Nodes:
Name:             farm0
Endpoint:         tcp://10.0.0.1:1234
Status:           running
BuildKit version: v0.25.0
Platforms:        linux/amd64*, linux/amd64/v2, linux/arm64

Name:             farm1
Endpoint:         tcp://10.0.0.2:1234
Status:           running
BuildKit version: v0.25.0
Platforms:        linux/arm64*, linux/amd64, linux/amd64/v2

Name:     farm2
Endpoint: tcp://10.0.0.3:1234
Status:   inactive
"""
ALONE = """\
Name:          farm
Driver:        remote

Nodes:
Name:             {name}
Endpoint:         tcp://10.0.0.1:1234
Status:           running
Platforms:        linux/amd64, linux/amd64/v2, linux/arm64
"""


@pytest.fixture
def buildx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """buildx's folder with a builder of three nodes."""
    folder = tmp_path / "buildx"
    (folder / "instances").mkdir(parents=True)
    nodes = [
        {"Name": f"farm{number}", "Endpoint": f"tcp://10.0.0.{number + 1}:1234", "DriverOpts": {"cacert": "/ca.pem"}}
        for number in range(3)
    ]
    (folder / "instances" / "farm").write_text(json.dumps({"Name": "farm", "Driver": "remote", "Nodes": nodes}))
    (folder / ".buildNodeID").write_text("me")
    monkeypatch.setenv("BUILDX_CONFIG", str(folder))
    monkeypatch.setattr(views, "cache_folder", lambda: tmp_path / "cache")
    return folder


def kept(address: str) -> list[dict[str, object]]:
    folder, _, name = address.rpartition("/")
    nodes: list[dict[str, object]] = json.loads((Path(folder) / "instances" / name).read_text())["Nodes"]
    return nodes


def alone(asked: list[str]) -> Callable[[str], Callable[[], str]]:
    def inspect(address: str) -> Callable[[], str]:
        asked.append(str(kept(address)[0]["Name"]))
        return lambda: ALONE.format(name=kept(address)[0]["Name"])

    return inspect


def test_nodes_get_addresses_and_the_builder_that_of_those_that_answer(buildx: Path) -> None:
    asked: list[str] = []
    builder = addressed(parse_inspect(FARM), alone(asked))
    assert [(n.name, n.machine, n.error) for n in builder.nodes] == [
        ("farm0", AMD64, ""),
        ("farm1", AMD64, ""),
        ("farm2", None, "it does not answer"),
    ]
    assert asked == ["farm0", "farm1"], "one that does not answer is not asked again"
    amd64 = {"architecture": "amd64", "os": "linux"}
    shown = [(n["Name"], n["Platforms"]) for n in kept(builder.address)]
    assert shown == [
        ("farm0", [amd64, {**amd64, "variant": "v2"}]),
        ("farm1", [{"architecture": "arm64", "os": "linux"}]),
    ]
    (single,) = kept(builder.nodes[1].address)
    assert (single["Platforms"], single["DriverOpts"]) == (None, {"cacert": "/ca.pem"})
    assert list(builder.places.values()) == list(builder.nodes[:2])


def test_a_view_is_called_as_its_builder_in_a_folder_of_gobakes(buildx: Path) -> None:
    address = addressed(parse_inspect(FARM), alone([])).address
    call = BakeCall(files=(Path("b.json"),), targets=("api",), builder=address)
    assert call.environment["BUILDX_CONFIG"] == address.removesuffix("/farm")
    assert call.words()[call.words().index("--builder") + 1] == "farm"
    assert call.shown().startswith(f"BUILDX_CONFIG={address.removesuffix('/farm')} docker buildx")
    assert (Path(address).parent / ".buildNodeID").read_text() == "me"
    assert addressed(parse_inspect(FARM), alone([])).address == address, "the same nodes have the same address"
    assert (Path(address).parent / "instances" / "farm").stat().st_mode & 0o077 == 0


def test_every_command_of_buildx_is_told_of_a_view(buildx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None gets the address as a name: buildx would know no such builder."""
    address = addressed(parse_inspect(FARM), alone([])).address
    ran: list[tuple[Sequence[str], str]] = []

    def run(words: Sequence[str], *, env: Mapping[str, str], **_: object) -> Done:
        ran.append((words, env["BUILDX_CONFIG"]))
        return Done(code=0, out="r", err="")

    monkeypatch.setattr(command, "run", run)
    monkeypatch.setattr(patience, "run", run)
    monkeypatch.setattr(asking, "docker_command", lambda: "docker")
    usage.cache_mounts(address)
    usage.delete_mount("r", address)
    usage.bootstrap(address)
    imagetools.name_image(["r/a:1"], ["r/a@sha256:1"], address, {})
    bake.build_folder(buildx, buildx, buildx, address)
    assert len(ran) == 5
    for words, folder in ran:
        assert "farm" in words
        assert not [word for word in words if word.startswith(address)]
        assert folder == address.removesuffix("/farm")


def test_views_that_nobody_used_for_two_weeks_are_deleted(buildx: Path) -> None:
    first = Path(addressed(parse_inspect(FARM), alone([])).address).parent
    other = first.parent / "0123456789abcdef"
    other.mkdir()
    for folder in (first, other):
        os.utime(folder, (1, 1))
    addressed(parse_inspect(FARM), alone([]))
    changed = (buildx / "instances" / "farm").read_text().replace("10.0.0.1", "10.0.0.9")
    (buildx / "instances" / "farm").write_text(changed)
    addressed(parse_inspect(FARM), alone([]))
    assert first.is_dir(), "it was used again"
    assert not other.exists()


def test_a_builder_of_one_node_or_one_that_buildx_does_not_keep_stays_as_it_is(buildx: Path) -> None:
    one = parse_inspect(ALONE.format(name="farm0"))
    assert addressed(one, alone([])) == one
    other = replace(parse_inspect(FARM), name="elsewhere")
    assert addressed(other, alone([])) == other


@pytest.mark.parametrize("text", ["{", "[]", '{"Nodes": 1}', '{"Nodes": [{}]}', '{"Nodes": [1]}', ""])
def test_a_file_that_buildx_did_not_write_is_left_alone(buildx: Path, text: str) -> None:
    (buildx / "instances" / "farm").write_text(text)
    assert views.read("farm") is None
    assert views.read("../instances/farm") is None


def test_pods_are_addressed_by_the_node_that_they_belong_to(buildx: Path) -> None:
    pods = FARM.replace("remote", "kubernetes").replace("farm0", "farm0-7d9f").replace("farm1", "farm1-x2k4")

    def inspect(address: str) -> Callable[[], str]:
        name = str(kept(address)[0]["Name"])
        if name == "farm2":
            raise NoBuilder("no pod")
        return lambda: ALONE.format(name={"farm0": "farm0-7d9f", "farm1": "farm1-x2k4"}[name])

    found = addressed(parse_inspect(pods), lambda address: lambda: inspect(address)())
    assert [kept(n.address)[0]["Name"] for n in found.nodes] == ["farm0", "farm1", "farm2"]
    assert [n.machine for n in found.nodes] == [AMD64, AMD64, None]


def test_the_default_platform_is_that_of_the_first_node_even_if_it_is_gone() -> None:
    gone = replace(node("a", declared=(AMD64,)), error="it does not answer")
    assert Builder(name="farm", driver="remote", nodes=(gone, node("b", ARM64))).native == AMD64
