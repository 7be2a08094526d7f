"""Annotations are where they belong, and nowhere else."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from gobake.model import Platform, Project, Target
from gobake.recipe import Places
from gobake.recipe.annotations import annotate, of_descriptor, of_index
from gobake.recipe.bakefile import render
from gobake.targets.matrix import Matrix
from tests.unit.recipe.test_bake import AMD64, ARM64, project, service

TITLE = "org.opencontainers.image.title"
NOTES = (
    ("com.acme.both", "b"),
    ("index:com.acme.index", "i"),
    ("manifest:com.acme.manifest", "m"),
    ("index:org.opencontainers.image.title", "the ${API}"),
    ("manifest-descriptor[linux/arm64]:com.acme.place", "p"),
)
BOTH = (AMD64, ARM64)


def of(*platforms: Platform, provenance: str = "false") -> tuple[Project, Target]:
    api = replace(service(), annotations=NOTES, labels=(("org.opencontainers.image.vendor", "acme"), ("plain", "no")))
    return replace(project(api), provenance=provenance), Target(service=api, strategy=api.strategy, platforms=platforms)


def found(*platforms: Platform, provenance: str = "false", attested: bool = True) -> list[str]:
    listed = annotate(*of(*platforms, provenance=provenance), attested=attested)
    return [one for one in listed if "acme" in one or "title" in one]


def test_several_platforms_have_an_index_and_manifests() -> None:
    assert sorted(found(*BOTH)) == [
        "index,manifest:com.acme.both=b",
        "index,manifest:org.opencontainers.image.vendor=acme",
        "index:com.acme.index=i",
        f"index:{TITLE}=the $${{API}}",
        "manifest-descriptor[linux/arm64]:com.acme.place=p",
        "manifest:com.acme.manifest=m",
        f"manifest:{TITLE}=api",
    ]


@pytest.mark.parametrize(("provenance", "attested"), [("false", True), ("min", False)])
def test_one_platform_without_an_attestation_has_only_a_manifest(provenance: str, attested: bool) -> None:
    listed = found(AMD64, provenance=provenance, attested=attested)
    assert not [one for one in listed if one.startswith("index")]
    assert "manifest:com.acme.both=b" in listed


def test_an_attestation_beside_one_platform_makes_an_index() -> None:
    assert sorted(found(AMD64, provenance="min")) == sorted(found(*BOTH))


def test_an_index_made_of_parts_has_what_the_build_would_have_given_it() -> None:
    values = {"VERSION": "v1", "REVISION": "abc", "CREATED": "2026-01-01T00:00:00Z"}
    assert of_index(*of(AMD64), values) == {
        "org.opencontainers.image.title": "the ${API}",
        "org.opencontainers.image.version": "v1",
        "org.opencontainers.image.revision": "abc",
        "org.opencontainers.image.created": "2026-01-01T00:00:00Z",
        "org.opencontainers.image.vendor": "acme",
        "com.acme.both": "b",
        "com.acme.index": "i",
    }
    assert of_descriptor(*of(AMD64, ARM64), AMD64, values) == {}
    assert of_descriptor(*of(AMD64, ARM64), ARM64, values) == {"com.acme.place": "p"}


@pytest.mark.parametrize(
    ("output", "by_digest", "words"),
    [
        ("type=image", False, "type=image,source-date-epoch=${EPOCH}"),
        (
            "type=image,push=true",
            False,
            "type=image,push=true,compression=zstd,oci-mediatypes=true,source-date-epoch=${EPOCH}",
        ),
        (
            "type=image,push=true",
            True,
            'type=image,push=true,"name=${PREFIX}api,docker.io/acme/api",push-by-digest=true,name-canonical=true,'
            "compression=zstd,oci-mediatypes=true,source-date-epoch=${EPOCH}",
        ),
    ],
)
def test_compression_and_names_are_those_of_a_push(output: str, by_digest: bool, words: str) -> None:
    api = replace(service(), compression="zstd")
    target = Target(service=api, strategy=api.strategy, platforms=BOTH, further_prefixes=("docker.io/acme/",))
    places = Places(context=".", dockerfile="x", prebuilt="dist", output=output, by_digest=by_digest)
    baked = json.loads(render(project(api), Matrix(targets=(target,)), places))["target"][target.name]
    assert baked["output"] == [words]
    assert bool(baked["tags"]) is not by_digest


@pytest.mark.parametrize(("by_digest", "oci"), [(True, True), (False, False)])
def test_a_manifest_that_is_pushed_by_digest_is_the_same_alone_and_in_an_index(by_digest: bool, oci: bool) -> None:
    """BuildKit writes Docker's kind of a manifest for one platform, and OCI's for an index with annotations."""
    target = Target(service=service(), strategy=service().strategy, platforms=(AMD64,))
    places = Places(context=".", dockerfile="x", prebuilt="dist", output="type=image,push=true", by_digest=by_digest)
    baked = json.loads(render(project(service()), Matrix(targets=(target,)), places))["target"][target.name]
    assert ("oci-mediatypes=true" in baked["output"][0]) is oci
