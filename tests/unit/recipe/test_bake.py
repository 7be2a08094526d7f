"""docker-bake.json: groups, targets, tags and labels, and strings that are no templates."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from msgspec.structs import replace

from gobake.model import Bases, Platform, Project, Service, Stamp, Strategy
from gobake.recipe import Places
from gobake.recipe.bakefile import render
from gobake.targets.matrix import Selection, select

AMD64, ARM64 = Platform(os="linux", arch="amd64"), Platform(os="linux", arch="arm64")
ALL = Selection(every_strategy=True)


def service(name: str = "api") -> Service:
    return Service(
        name=name,
        package=f"example.com/shop/cmd/{name}",
        binary=name,
        directory=PurePosixPath(f"cmd/{name}"),
        build_root=PurePosixPath("."),
    )


def project(*services: Service) -> Project:
    here = Path("/nowhere/shop")
    return Project(
        name="shop", root=here, context=here, services=services, bases=Bases(go="golang:1.26"), go_version="1.26"
    )


def baked(of: Project, chosen: Selection = ALL, *platforms: Platform) -> dict[str, Any]:
    places = Places(context=".", dockerfile="gobake.Dockerfile", prebuilt="dist")
    found = json.loads(render(of, select(of, chosen, platforms or (AMD64,)), places))
    assert isinstance(found, dict)
    return found


def target(of: Project, name: str, *platforms: Platform) -> dict[str, Any]:
    found = baked(of, ALL, *platforms)["target"][name]
    assert isinstance(found, dict)
    return found


def test_every_target_of_the_matrix_is_a_target() -> None:
    found = set(baked(project(service("api"), service("worker")))["target"])
    assert found == {f"{s}-{x}" for s in ("api", "worker") for x in Strategy} | {"_base", "trace"}


def test_there_is_a_group_for_every_service_every_strategy_all_and_the_chosen_ones() -> None:
    groups = baked(project(service("api"), replace(service("worker"), strategy=Strategy.ALPINE)))["group"]
    assert set(groups) == {"default", "all", "api", "worker", *Strategy}
    assert groups["default"]["targets"] == ["api-scratch", "worker-alpine"]
    assert groups["upx"]["targets"] == ["api-upx", "worker-upx"]
    assert len(groups["all"]["targets"]) == 16
    assert groups["worker"]["targets"] == [f"worker-{s}" for s in Strategy]


def test_the_default_group_holds_everything_where_no_chosen_strategy_is_selected() -> None:
    found = baked(project(service()), Selection(strategies=(Strategy.UPX, Strategy.ALPINE)))
    assert found["group"]["default"]["targets"] == ["api-alpine", "api-upx"]


def test_every_member_of_a_group_is_a_target() -> None:
    found = baked(project(service("a.b"), service("7up"), service("c__d")))
    for group in found["group"].values():
        assert set(group["targets"]) <= set(found["target"])
    assert {"a_b", "7up", "c__d"} <= set(found["group"])


def test_the_chosen_strategy_has_the_plain_tag_and_the_configured_ones_too() -> None:
    of = project(replace(service(), tags=("stable", "v1")))
    assert target(of, "api-alpine")["tags"] == ["${PREFIX}api:${TAG}-alpine"]
    assert target(of, "api-scratch")["tags"] == [
        "${PREFIX}api:${TAG}-scratch",
        "${PREFIX}api:${TAG}",
        "${PREFIX}api:stable",
        "${PREFIX}api:v1",
    ]


def test_the_registry_is_the_default_of_the_prefix() -> None:
    assert baked(project(service()))["variable"]["PREFIX"]["default"] == ""
    of = replace(project(service()), registry="ghcr.io/acme")
    assert baked(of)["variable"]["PREFIX"]["default"] == "ghcr.io/acme/"


def test_platforms_are_in_order_and_the_index_is_annotated_only_where_there_is_one() -> None:
    one, two = target(project(service()), "api-scratch"), target(project(service()), "api-scratch", ARM64, AMD64)
    assert one["platforms"] == ["linux/amd64"]
    assert one["annotations"][0] == "manifest:org.opencontainers.image.title=api"
    assert two["platforms"] == ["linux/amd64", "linux/arm64"]
    assert two["annotations"][0] == "index,manifest:org.opencontainers.image.title=api"


def test_labels_tell_of_the_image_and_the_users_own_win() -> None:
    of = replace(project(replace(service(), health="/healthz", labels=(("org.opencontainers.image.title", "mine"),))))
    labels = target(replace(of, source_url="https://example.com/shop"), "api-upx")["labels"]
    assert labels["org.opencontainers.image.title"] == "mine"
    assert labels["org.opencontainers.image.source"] == "https://example.com/shop"
    assert labels["org.opencontainers.image.revision"] == "${REVISION}"
    assert (labels["dev.gobake.strategy"], labels["dev.gobake.health"]) == ("upx", "/healthz")


def test_a_users_string_is_no_template() -> None:
    hostile = "${TAG} %{if true} $(touch /x) `y` \\ \" '"
    labels = target(project(replace(service(), labels=(("odd", hostile),))), "api-scratch")["labels"]
    assert labels["odd"] == "$${TAG} %%{if true} $(touch /x) `y` \\ \" '"


def test_the_version_is_an_argument_only_where_it_is_linked_in() -> None:
    of = project(replace(service(), stamps=(Stamp(variable="main.version", text="{version}"),)))
    assert target(of, "api-scratch")["args"] == {"VERSION": "${VERSION}"}
    assert "args" not in target(of, "api-prebuilt")
    assert "args" not in target(project(service()), "api-scratch")


def test_prebuilt_targets_see_their_folder_as_a_context() -> None:
    assert target(project(service()), "api-prebuilt")["contexts"] == {"prebuilt": "dist"}
    only = baked(project(service()), Selection(strategies=(Strategy.PREBUILT,)))
    assert "trace" not in only["target"]


@pytest.mark.parametrize(("version", "told"), [("1.2", "1.2"), ("", "dev"), ("1${x}", "1$${x}")])
def test_the_version_of_a_project_is_the_default_of_its_variable(version: str, told: str) -> None:
    assert baked(replace(project(service()), version=version))["variable"]["VERSION"] == {"default": told}


def test_letters_of_any_alphabet_stay_readable() -> None:
    named = replace(project(service()), source_url="https://example.com/größe")
    matrix = select(named, ALL, (AMD64, ARM64))
    assert "größe" in render(named, matrix, Places(context=".", dockerfile="Dockerfile", prebuilt="dist"))


def test_provenance_is_off_unless_it_is_asked_for() -> None:
    assert baked(project(service()))["target"]["_base"]["attest"] == ["type=provenance,disabled=true"]


@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_provenance_that_is_asked_for_is_made(mode: str) -> None:
    asked = baked(replace(project(service()), provenance=mode))["target"]["_base"]
    assert asked["attest"] == [f"type=provenance,mode={mode}"]


def test_secrets_are_named_and_left_out_where_nobody_has_them() -> None:
    base = baked(project(service()))["target"]["_base"]
    assert base["secret"] == [
        "id=goenv,env=GOBAKE_GOENV",
        '${GOBAKE_NETRC == "" ? "" : "id=netrc,env=GOBAKE_NETRC"}',
        '${GOBAKE_ENV == "" ? "" : "id=env,env=GOBAKE_ENV"}',
        '${GOBAKE_CA == "" ? "" : "id=ca,src=${GOBAKE_CA}"}',
        '${GOBAKE_KNOWN_HOSTS == "" ? "" : "id=known_hosts,src=${GOBAKE_KNOWN_HOSTS}"}',
    ]
    assert base["ssh"] == ['${GOBAKE_SSH == "" ? "" : "default=${GOBAKE_SSH}"}']


def test_a_project_that_reads_no_other_modules_asks_for_no_credentials() -> None:
    of = project(service())
    places = Places(context=".", dockerfile="gobake.Dockerfile", prebuilt="dist")
    found = json.loads(render(of, select(of, ALL, (AMD64,)), places, downloads=False))
    assert found["target"]["_base"]["secret"] == ["id=goenv,env=GOBAKE_GOENV"]
    assert "ssh" not in found["target"]["_base"]
    assert not [name for name in found["variable"] if name.startswith("GOBAKE_")]


def test_nothing_that_a_commit_changes_is_in_the_file() -> None:
    found = baked(project(service()))
    of_the_machine = {"GOBAKE_NETRC", "GOBAKE_ENV", "GOBAKE_CA", "GOBAKE_KNOWN_HOSTS", "GOBAKE_SSH"}
    per_build = {"PREFIX", "TAG", "VERSION", "REVISION", "CREATED", "EPOCH", "TRACE"}
    assert set(found["variable"]) == per_build | of_the_machine
    assert {found["variable"][name]["default"] for name in of_the_machine} == {""}
    assert found["target"]["api-scratch"]["output"] == ["type=image,source-date-epoch=${EPOCH}"]
