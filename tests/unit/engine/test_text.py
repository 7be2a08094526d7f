"""What the docker client says, read without one: builders, refusals, sizes, and the command as it is shown."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from gobake.engine import BakeCall, EngineInfo, one_a_line, parse_info, parse_inspect, refusal, require_image_store
from gobake.engine.images import ImageSize, _manifest_sizes
from gobake.errors import EngineTooOld, GobakeError, NoBuilder, NoBuildx, NoEngine
from gobake.model import Platform

AMD64, ARM64 = Platform(os="linux", arch="amd64"), Platform(os="linux", arch="arm64")

DOCKER = """\
Name:          default
Driver:        docker
Last Activity: 2026-11-24 20:00:00 +0000 UTC

Nodes:
Name:             default
Endpoint:         default
Status:           running
BuildKit version: v0.22.0
Platforms:        linux/amd64, linux/amd64/v2, linux/386
Labels:
 org.mobyproject.buildkit.worker.moby.host-gateway-ip: 172.17.0.1
 org.mobyproject.buildkit.worker.snapshotter:          overlayfs
GC Policy rule#0:
 All:            false
 Keep Duration:  48h0m0s
"""

CONTAINER = """\
Name:          farm
Driver:        docker-container

Nodes:
Name:                  farm0
Endpoint:              unix:///var/run/docker.sock
Driver Options:        network="host" image="moby/buildkit:v0.25.0"
Status:                running
BuildKit daemon flags: --allow-insecure-entitlement=network.host
BuildKit version:      v0.25.0
Platforms:             linux/amd64*, linux/arm64*, wasi/wasm, windows/amd64

Name:     farm1
Endpoint: tcp://10.0.0.2:1234
Error:    cannot connect: connection refused
"""


# ---- builders


def test_the_engines_own_builder_is_read() -> None:
    builder = parse_inspect(DOCKER)
    assert (builder.name, builder.driver, builder.error) == ("default", "docker", "")
    (node,) = builder.nodes
    assert (node.name, node.status, node.buildkit, node.snapshotter) == ("default", "running", "v0.22.0", "overlayfs")
    assert builder.native == AMD64
    assert builder.keeps_images
    assert builder.holds_platforms


def test_a_builder_of_several_nodes_is_read_with_the_error_of_the_one_that_is_away() -> None:
    builder = parse_inspect(CONTAINER)
    assert (builder.name, builder.driver) == ("farm", "docker-container")
    assert [(n.name, n.error) for n in builder.nodes] == [
        ("farm0", ""),
        ("farm1", "cannot connect: connection refused"),
    ]
    assert builder.platforms == (AMD64, ARM64)  # without what no Go image is built for
    assert not builder.keeps_images


@pytest.mark.parametrize(
    ("engine", "last"), [("26.1.5+dfsg1", False), ("27.0.3", True), ("28.5.2+dfsg4", True), ("", True)]
)
def test_sessions_of_the_engines_own_builder_last_from_docker_27(engine: str, last: bool) -> None:
    assert parse_inspect(DOCKER).sessions_last(EngineInfo(engine=engine)) is last


@pytest.mark.parametrize(
    ("buildkit", "last"), [("v0.13.2", False), ("v0.14.0-rc1", True), ("v0.25.0", True), ("v0.0.0+unknown", True)]
)
def test_sessions_of_other_builders_last_from_buildkit_0_14(buildkit: str, last: bool) -> None:
    builder = parse_inspect(CONTAINER.replace("version:      v0.25.0", f"version: {buildkit}"))
    assert builder.sessions_last(EngineInfo(engine="26.1.5")) is last


def test_a_builder_whose_engine_is_away_has_an_error_of_its_own() -> None:
    builder = parse_inspect("Name:   default\nDriver: docker\nError:  Cannot connect to the Docker daemon\n")
    assert (builder.error, builder.nodes) == ("Cannot connect to the Docker daemon", ())
    assert builder.native.os == "linux"


def test_no_text_at_all_is_no_builder() -> None:
    builder = parse_inspect("")
    assert (builder.name, builder.driver, builder.nodes) == ("", "", ())


# ---- the engine


def test_the_engines_facts_are_read() -> None:
    info = parse_info(
        '{"ServerVersion": "28.2.2", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]], '
        '"ClientInfo": {"Plugins": [{"Name": "compose", "Version": "2"}, {"Name": "buildx", "Version": "v0.24.0"}]}}'
    )
    assert (info.engine, info.buildx) == ("28.2.2", "v0.24.0")
    assert info.holds_platforms
    require_image_store(info)


def test_an_engine_without_the_containerd_store_cannot_hold_several_platforms() -> None:
    info = parse_info(
        '{"ServerVersion": "24.0", "DriverStatus": [["Backing Filesystem", "extfs"]], "ClientInfo": null}'
    )
    assert info == EngineInfo(engine="24.0", store='[["Backing Filesystem", "extfs"]]')
    with pytest.raises(EngineTooOld, match="containerd-snapshotter"):
        require_image_store(info)


# ---- refusals


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("docker: unknown command: docker buildx\n\nRun 'docker --help'\n", NoBuildx, "no buildx plugin"),
        ("docker: 'buildx' is not a docker command.\nSee 'docker --help'\n", NoBuildx, "install docker-buildx"),
        ("unknown shorthand flag: 'f' in -f\n", NoBuildx, "no buildx plugin"),
        ('ERROR: no builder "farm" found\n', NoBuilder, 'no builder "farm" found; `docker buildx ls`'),
        (
            "ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n",
            NoEngine,
            "no Docker Engine answers: Cannot connect to the Docker daemon at unix:///var/run/docker.sock",
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock\n",
            NoEngine,
            "no Docker Engine answers: permission denied",
        ),
        ("warning: odd\nERROR: no space in the heavens\nsee the manual\n", NoEngine, "failed: no space in the heavens"),
        ("", NoEngine, "`docker buildx inspect` failed: no reason given"),
    ],
)
def test_a_refusal_is_told_in_the_clients_own_words(text: str, kind: type[GobakeError], says: str) -> None:
    error = refusal(text, ("buildx", "inspect", "farm"))
    assert type(error) is kind
    assert says in str(error)
    assert error.exit_code == 3
    assert "\n" not in str(error)


# ---- sizes


def manifest(arch: str = "amd64", **more: object) -> dict[str, object]:
    return {
        "Kind": "image",
        "Available": True,
        "Size": {"Content": 100, "Total": 300},
        "ImageData": {"Platform": {"os": "linux", "architecture": arch}, "Size": {"Unpacked": 200}},
        **more,
    }


def test_sizes_are_told_a_platform_each() -> None:
    assert list(_manifest_sizes([manifest(), manifest("arm64")])) == [
        ImageSize(platform=AMD64, compressed=100, uncompressed=200),
        ImageSize(platform=ARM64, compressed=100, uncompressed=200),
    ]


def test_attestations_and_what_is_not_there_have_no_size() -> None:
    windows = {"Platform": {"os": "windows", "architecture": "amd64"}}
    odd = [
        manifest(Kind="attestation"),
        manifest(Available=False),
        manifest(ImageData=windows),
        manifest(ImageData=None),
        {},
    ]
    assert list(_manifest_sizes(odd)) == []


def test_an_image_that_was_not_unpacked_has_an_unknown_size_and_not_zero() -> None:
    data = {"Platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}, "Size": {"Unpacked": 0}}
    (size,) = _manifest_sizes([manifest(ImageData=data, Size=None)])
    assert size == ImageSize(platform=ARM64, compressed=None, uncompressed=None)


# ---- the command


def test_the_command_that_is_shown_can_be_pasted_and_holds_no_secret() -> None:
    call = BakeCall(
        files=(Path("/home/a b/docker-bake.json"),),
        targets=("api-scratch", "trace"),
        builder="farm",
        no_cache=True,
        variables={"VERSION": "v1; rm -rf $HOME", "TAG": "latest"},
        secrets={"GOBAKE_GOENV": "GOPROXY=https://user:password@example.com"},
    )
    shown = call.shown()
    assert shlex.split(shown) == [
        "TAG=latest",
        "VERSION=v1; rm -rf $HOME",
        *("docker", "buildx", "bake", "--no-cache", "--builder", "farm", "--progress", "rawjson"),
        *("--file", "/home/a b/docker-bake.json", "api-scratch", "trace"),
    ]
    assert "password" not in shown
    assert shown.startswith("TAG=latest VERSION='v1; rm -rf $HOME' docker buildx bake ")


def test_a_plain_command_has_no_needless_words() -> None:
    assert (
        BakeCall(files=(Path("x.json"),), targets=("a",)).shown()
        == "docker buildx bake --progress rawjson --file x.json a"
    )


def test_objects_that_buildx_indents_become_one_line_each() -> None:
    lines = [
        "{\n",
        '  "vertexes": [\n',
        "    {\n",
        '      "name": "a b"\n',
        "    }\n",
        "  ]\n",
        "}\n",
        "ERROR: x\n",
        '{"logs":[]}\n',
    ]
    assert list(one_a_line(lines)) == ['{"vertexes": [{"name": "a b"}]}\n', "ERROR: x\n", '{"logs":[]}\n']


def test_an_object_that_was_cut_off_is_not_lost() -> None:
    assert list(one_a_line(["{\n", '  "name": 1\n'])) == ["{\n", '"name": 1\n']
