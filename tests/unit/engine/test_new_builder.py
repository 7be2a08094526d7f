"""The commands and settings of a new builder."""

from __future__ import annotations

import shlex
import tomllib
from typing import Any

from msgspec.structs import replace

from gobake.engine.new_builder import (
    NewBuilder,
    NewNode,
    Registry,
    commands,
    driver_options,
    registries_of,
    settings_text,
)
from gobake.model import Platform

AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")
# docker/buildx v0.36, driver/*/factory.go: what each driver takes, besides env.NAME
ACCEPTED = {
    "docker-container": {"network", "image", "memory", "restart-policy", "default-load"},
    "remote": {"servername", "cacert", "cert", "key", "default-load"},
    "kubernetes": {
        *("image", "namespace", "replicas", "requests.cpu", "requests.memory", "requests.ephemeral-storage"),
        *("persistent-volume-claim.requests.storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage"),
        *("rootless", "schedulername", "serviceaccount", "nodeselector", "annotations", "labels", "tolerations"),
        *("loadbalance", "qemu.install", "qemu.image", "buildkit-root-volume-memory", "default-load", "timeout"),
    },
}


def builder(driver: str = "docker-container", *nodes: NewNode, **more: Any) -> NewBuilder:
    plain: dict[str, Any] = {"name": "farm", "driver": driver, "nodes": nodes or (NewNode(),), "keep": 50_000_000_000}
    return NewBuilder(**{**plain, **more})


def shown(new: NewBuilder) -> list[str]:
    return [shlex.join(words) for words in commands(new, "b.toml")]


def test_a_builder_of_one_node() -> None:
    assert shown(builder(use=True)) == [
        "buildx create --name farm --driver docker-container --use --config b.toml",
    ]


def test_further_nodes_are_appended() -> None:
    nodes = NewNode(platforms=(AMD64,), endpoint="tcp://a:1"), NewNode(platforms=(ARM64,), endpoint="tcp://b:1")
    assert shown(builder("remote", *nodes, use=True)) == [
        "buildx create --name farm --driver remote --use --platform linux/amd64 tcp://a:1",
        "buildx create --name farm --driver remote --append --platform linux/arm64 tcp://b:1",
    ], "a remote BuildKit has settings of its own"


def test_pods_are_on_machines_of_their_platform_and_have_volumes() -> None:
    new = builder("kubernetes", NewNode(platforms=(ARM64,)), storage="50Gi", replicas=3, namespace="ci")
    assert driver_options(new, new.nodes[0]) == {
        "namespace": "ci",
        "replicas": "3",
        "loadbalance": "sticky",
        "persistent-volume-claim.requests.storage": "50Gi",
        "nodeselector": "kubernetes.io/arch=arm64",
    }
    assert driver_options(builder("kubernetes"), NewNode()) == {}
    assert driver_options(new, NewNode(platforms=(AMD64, ARM64))).keys() == driver_options(new, NewNode()).keys()


def test_every_driver_takes_its_options() -> None:
    for driver, names in ACCEPTED.items():
        new = builder(driver, NewNode(platforms=(AMD64,)), storage="1Gi", replicas=2, namespace="ci", host_network=True)
        assert driver_options(new, new.nodes[0]).keys() <= names


def test_cache_mounts_are_kept_up_to_one_limit_like_all_else() -> None:
    rules = tomllib.loads(settings_text(builder(), ()))["worker"]["oci"]["gcpolicy"]
    assert [rule.get("filters") for rule in rules] == [["type==source.local", "type==source.git.checkout"], None]
    assert rules[1] == {"all": True, "reservedSpace": "25GB", "maxUsedSpace": "50GB", "minFreeSpace": "10%"}
    small = tomllib.loads(settings_text(builder(keep=1), ()))["worker"]["oci"]["gcpolicy"]
    assert small[1]["maxUsedSpace"] == "1GB"


def told(**configs: Any) -> dict[str, Any]:
    return {"RegistryConfig": {"IndexConfigs": configs}}


def test_mirrors_and_insecure_registries_are_those_of_the_engine() -> None:
    info = told(
        **{
            "docker.io": {
                "Mirrors": ["http://localhost:5000/", "https://user:word@mirror.example.com/hub/"],
                "Secure": True,
            },
            "old.example.com:5000": {"Mirrors": [], "Secure": False},
            "quay.io": {"Mirrors": None, "Secure": True},
        }
    )
    found = registries_of(info)
    assert found == (
        Registry(name="docker.io", mirrors=("localhost:5000", "mirror.example.com/hub")),
        Registry(name="localhost:5000", http=True),
        Registry(name="old.example.com:5000", insecure=True),
    )
    assert tomllib.loads(settings_text(builder(), found))["registry"] == {
        "docker.io": {"mirrors": ["localhost:5000", "mirror.example.com/hub"]},
        "localhost:5000": {"http": True},
        "old.example.com:5000": {"insecure": True},
    }


def test_another_machine_does_not_get_mirrors_of_this_ones_loopback_address() -> None:
    found = (Registry(name="docker.io", mirrors=("localhost:5000",)), Registry(name="old.example.com", insecure=True))
    elsewhere = builder("docker-container", NewNode(endpoint="ssh://arm"))
    for new in (elsewhere, builder("kubernetes")):
        assert tomllib.loads(settings_text(new, found))["registry"] == {"old.example.com": {"insecure": True}}
    here = replace(elsewhere, nodes=(NewNode(endpoint="unix:///run/docker.sock"),))
    assert "docker.io" in settings_text(here, found)


def test_what_no_engine_would_tell_is_left_out() -> None:
    assert registries_of({}) == registries_of({"RegistryConfig": []}) == registries_of(told(x=1)) == ()
    hostile = 'a"]\nhttp = true'
    assert registries_of(told(**{hostile: {"Secure": False}})) == ()
    assert registries_of(told(**{"docker.io": {"Mirrors": [f"http://{hostile}", 7], "Secure": True}})) == ()
