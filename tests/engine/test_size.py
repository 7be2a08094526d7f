"""Where the bytes of images and programs are: as the registry counts them, whole, and without compiling anything."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gobake.engine import parse_du
from tests.conftest import Gobake, commit

SERVICES = ("api", "migrate", "shopctl", "worker")
PLATFORMS = ("linux/amd64", "linux/arm64")


@pytest.fixture(scope="module")
def prefix(world: Gobake, shop: Path, registry: str) -> str:
    """All services of the example in the registry and in the engine."""
    prefix = f"{registry}/size"
    world.good("build", "--platform", ",".join(PLATFORMS), "--registry", prefix, "--push", cwd=shop)
    return prefix


def raw(reference: str) -> bytes:
    words = ["docker", "buildx", "imagetools", "inspect", "--raw", reference]
    return subprocess.run(words, capture_output=True, check=True).stdout


def bytes_in_registry(reference: str, platform: str) -> int:
    """Manifest, configuration and layers."""
    index: Any = json.loads(raw(reference))
    wanted = platform.split("/")[1]
    entry = next(one for one in index["manifests"] if one["platform"]["architecture"] == wanted)
    manifest = raw(f"{reference.rpartition(':')[0]}@{entry['digest']}")
    told = json.loads(manifest)
    return len(manifest) + sum(int(part["size"]) for part in (told["config"], *told["layers"]))


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("service", SERVICES)
def test_every_byte_of_a_service_is_told_and_nothing_is_compiled_for_it(
    world: Gobake, shop: Path, prefix: str, service: str, platform: str
) -> None:
    words = ("size", service, "--registry", prefix, "-p", platform, "--format", "json")
    told = world.good(*words, cwd=shop).json
    image, program = told["image"], told["program"]
    assert image["compressed_bytes"] == bytes_in_registry(f"{prefix}/{service}:latest", platform)
    assert image["layers"][-1]["bytes"] == program["bytes"]  # the layer with nothing else
    assert program["basis"] == "twin"
    assert program["arch"] == platform.split("/")[1]
    assert sum(one["bytes"] for one in program["modules"]) == program["bytes"]
    kinds = {one["kind"]: one["bytes"] for one in program["kinds"]}
    assert sum(kinds.values()) == program["bytes"]
    assert kinds.get("unattributed", 0) <= 0.03 * program["bytes"]
    assert told["twin"]["packages"] > 50
    assert told["twin"]["compiled"] == 0


def test_the_account_is_that_of_the_twin_and_not_of_the_build(world: Gobake, shop: Path, prefix: str) -> None:
    """A layer of the build contains Go's account of the build, which compiled something."""
    file = shop / "worker" / "extra.go"
    file.write_text('package main\n\nvar another = len(programName)\n\nconst programName = "worker"\n')
    try:
        words = ("worker", "--registry", prefix)
        world.good("build", *words, "--platform", "linux/amd64", cwd=shop)
        told = world.good("size", *words, "-p", "linux/amd64", "--format", "json", cwd=shop).json
    finally:
        file.unlink()
    assert (told["program"]["basis"], told["twin"]["compiled"]) == ("twin", 0)


def test_an_image_is_told_the_same_from_the_registry_as_from_the_engine(world: Gobake, shop: Path, prefix: str) -> None:
    reference = f"{prefix}/migrate:latest"
    words = ("size", reference, "-p", "linux/amd64", "--format", "json")
    in_engine = world.good(*words, cwd=shop).json
    subprocess.run(["docker", "image", "rm", "--force", reference], capture_output=True, check=True)
    assert world.good(*words, cwd=shop).json == in_engine
    assert in_engine["program"]["basis"] == "functions"


def test_a_service_whose_sources_changed_is_not_described_by_guesses(world: Gobake, shop: Path, prefix: str) -> None:
    file = shop / "shopctl" / "extra.go"
    file.write_text('package main\n\nimport "os"\n\nfunc init() { os.Getenv("A_TEXT_OF_ANOTHER_PROGRAM") }\n')
    try:
        words = ("size", "shopctl", "--registry", prefix, "-p", "linux/amd64", "--format", "json")
        told = world.good(*words, cwd=shop).json
    finally:
        file.unlink()
    assert told["program"]["basis"] == "functions"
    assert "another program than its twin" in told["notes"][0]


def test_an_image_that_grows_by_a_module_fails_the_gate_which_names_it(world: Gobake, shop: Path, prefix: str) -> None:
    words = ("build", "worker", "--registry", prefix, "--platform", "linux/amd64", "--max-growth", "5%")
    first = world.good(*words, cwd=shop)
    assert "gate: " in first.err
    before = world.last_run(shop)["targets"][0]["sizes"][0]["contents"]
    assert before["modules"][0]["module"] == "std"
    module, source = shop / "worker" / "go.mod", shop / "worker" / "grow.go"
    there = module.read_text()
    module.write_text(f"{there}\nrequire google.golang.org/protobuf v1.36.11\n")
    source.write_text(
        'package main\n\nimport (\n\t"google.golang.org/protobuf/proto"\n'
        '\t"google.golang.org/protobuf/types/known/structpb"\n)\n\n'
        'func init() { println(proto.Size(structpb.NewStringValue("x"))) }\n'
    )
    commit(shop, "Count with protobuf")
    try:
        ended = world(*words, cwd=shop)
        assert ended.code == 5, ended.err
        told = world.good(
            *("size", "worker", "--registry", prefix, "-p", "linux/amd64", "--against", "last~1"), cwd=shop
        ).out
        of_commit = world("size", "worker", "--registry", prefix, "-p", "linux/amd64", "--against", "HEAD~1", cwd=shop)
    finally:
        module.write_text(there)
        source.unlink()
        commit(shop, "Back")
    line = next(one for one in ended.err.splitlines() if one.startswith("gate: fell short: max-growth: worker scratch"))
    assert "most of it in google.golang.org/protobuf: " in line
    assert "new in v1.36.11" in line
    found = world.last_run(shop)["targets"][0]["sizes"][0]["contents"]
    assert {one["module"] for one in found["modules"]} - {one["module"] for one in before["modules"]} == {
        "google.golang.org/protobuf"
    }
    plain = " ".join(told.split())
    assert "more than run " in plain
    assert re.search(r"\(worker/go.mod:\d+, [0-9a-f]{8} \d{4}-\d\d-\d\d Count with protobuf\)", plain), plain
    assert of_commit.code == 0, of_commit.err  # a run on record built the commit before, for both platforms


def test_a_packed_program_is_told_as_it_was_before(world: Gobake, shop: Path, prefix: str) -> None:
    words = ("migrate", "--registry", prefix)
    world.good("build", *words, "--platform", "linux/amd64", "-s", "scratch,upx", cwd=shop)
    plain, packed = (
        world.good("size", *words, "-p", "linux/amd64", "-s", strategy, "--format", "json", cwd=shop).json
        for strategy in ("scratch", "upx")
    )
    program = packed["program"]
    assert program["packed_bytes"] == packed["image"]["layers"][-1]["bytes"] < program["bytes"]
    assert program["kinds"] == plain["program"]["kinds"]
    assert program["modules"] == plain["program"]["modules"]
    assert program["basis"] == "twin"


TAGGED = {
    "quick.go": '//go:build quick\n\npackage main\n\nimport _ "text/template"\n',
    "broken.go": "//go:build broken\n\npackage main\n\nvar first = missing\n\nvar second = missing\n",
}


def mounts() -> dict[str, int]:
    """The cache mounts of the builder with their sizes; none is being measured when a build begins."""
    told = subprocess.run(["docker", "buildx", "du", "--verbose"], capture_output=True, text=True, check=True).stdout
    return {mount.id: mount.size for mount in parse_du(told).mounts}


def test_choices_are_measured_one_by_one_and_a_later_build_finds_its_caches_as_they_were(
    world: Gobake, shop: Path, prefix: str
) -> None:
    words = ("migrate", "--registry", prefix)
    for name, text in TAGGED.items():
        (shop / "migrate" / name).write_text(text)
    try:
        world.good("build", *words, "--platform", "linux/amd64", cwd=shop)
        before = mounts()
        told = world.good(
            *("size", *words, "-p", "linux/amd64", "--choices", "upx,trimpath,tags,netgo", "--format", "json"), cwd=shop
        )
        assert mounts() == before
        world.good("build", *words, "--platform", "linux/amd64", cwd=shop)
        record = world.last_run(shop)
    finally:
        for name in TAGGED:
            (shop / "migrate" / name).unlink()
    assert [one for go in record["go"] for one in (*go["compiled"], *go["linked"])] == []
    found = told.json["choices"]
    assert found["same"]
    assert found["shipped"]["bytes"] == told.json["program"]["bytes"]
    assert found["shipped"]["compiled"] == 0
    choices = {one["name"]: one for one in found["choices"]}
    assert list(choices) == ["trimpath", "netgo", "tags=broken", "tags=quick", "upx"]
    assert choices["trimpath"]["compiled"] == choices["trimpath"]["packages"] == found["shipped"]["packages"]
    assert choices["trimpath"]["bytes"] > found["shipped"]["bytes"]  # the paths of the builder
    assert choices["tags=broken"]["bytes"] is None
    assert choices["tags=broken"]["error"].endswith("broken.go:5:13: undefined: missing")
    assert 1 <= choices["tags=quick"]["compiled"] <= 15
    assert choices["tags=quick"]["bytes"] > found["shipped"]["bytes"]
    assert choices["upx"]["compiled"] == 0
    assert choices["upx"]["bytes"] < found["shipped"]["bytes"]
    said = told.err.splitlines()
    assert "5 choices to build" in said[0]
    assert said[1].startswith("1 of 5: without -trimpath compiles all packages")
