"""What of a recorded run is pushed, and under which names."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gobake.errors import UsageError
from gobake.pushing.recorded import NOTHING, Names, built, document, names_of, source_of, with_pushed
from gobake.report import schemas
from tests.unit import scoring

DIGEST = f"sha256:{'1' * 64}"
CHOSEN = scoring.target(
    digest=DIGEST, images=("ghcr.io/acme/api:v1", "ghcr.io/acme/api:latest", "docker.io/acme/api:v1"), pushed=()
)
OTHER = scoring.target(name="api-alpine", strategy="alpine", digest=DIGEST, images=("ghcr.io/acme/api:v1-alpine",))


def test_an_image_keeps_the_names_that_its_run_gave_it() -> None:
    of_ghcr = ("ghcr.io/acme/api:v1", "ghcr.io/acme/api:latest")
    assert names_of(CHOSEN, Names()) == (*of_ghcr, "docker.io/acme/api:v1", "docker.io/acme/api:latest")


@pytest.mark.parametrize(
    ("wanted", "chosen", "other"),
    [
        (Names(tags=("v2",), prefixes=("r.example/",)), ["r.example/api:v2"], ["r.example/api:v2-alpine"]),
        (Names(tags=("v2",)), ["ghcr.io/acme/api:v2", "docker.io/acme/api:v2"], ["ghcr.io/acme/api:v2-alpine"]),
        (
            Names(prefixes=("r.example/", "s.example/")),
            ["r.example/api:v1", "r.example/api:latest", "s.example/api:v1", "s.example/api:latest"],
            ["r.example/api:v1-alpine", "s.example/api:v1-alpine"],
        ),
        (
            Names(tags=("v2",), further=("docker.io/acme/", "r.example/")),
            ["ghcr.io/acme/api:v2", "docker.io/acme/api:v2", "r.example/api:v2"],
            ["ghcr.io/acme/api:v2-alpine", "docker.io/acme/api:v2-alpine", "r.example/api:v2-alpine"],
        ),
    ],
)
def test_other_names_keep_the_suffix_of_the_strategy(wanted: Names, chosen: list[str], other: list[str]) -> None:
    assert list(names_of(CHOSEN, wanted)) == chosen
    assert list(names_of(OTHER, wanted)) == other


def test_a_name_without_a_registry_is_refused() -> None:
    with pytest.raises(UsageError, match=r"api:latest names no registry; give --registry PREFIX"):
        names_of(replace(CHOSEN, images=("api:latest",)), Names())
    assert names_of(replace(CHOSEN, images=("api:latest",)), Names(prefixes=("a.b/",))) == ("a.b/api:latest",)


def test_the_first_registry_that_has_the_image_is_its_source() -> None:
    pushed = (f"ghcr.io/acme/api@{DIGEST}", f"docker.io/acme/api@{DIGEST}", "ghcr.io/acme/api:v1")
    assert source_of(replace(CHOSEN, pushed=pushed)) == "ghcr.io/acme/api"
    assert source_of(CHOSEN) == ""


def test_images_that_were_not_made_are_left_out_and_none_at_all_is_an_error() -> None:
    failed = replace(OTHER, failure="it does not compile")
    assert built(scoring.run(targets=(CHOSEN, failed, replace(CHOSEN, digest="")))) == (CHOSEN,)
    with pytest.raises(UsageError, match="made no images"):
        built(scoring.run(targets=(failed,)))


def test_the_file_names_every_image_by_digest_and_tags() -> None:
    record = scoring.run(targets=(CHOSEN, OTHER))
    done = with_pushed(record, {CHOSEN.name: (f"ghcr.io/acme/api@{DIGEST}", "ghcr.io/acme/api:v1")})
    assert document(done) == {
        "schema": 1,
        "run": record.id,
        "project": record.project,
        "revision": record.revision,
        "images": [
            {
                "service": "api",
                "strategy": "scratch",
                "platforms": list(CHOSEN.platforms),
                "digest": DIGEST,
                "reference": f"ghcr.io/acme/api@{DIGEST}",
                "names": ["ghcr.io/acme/api:v1"],
            }
        ],
    }
    assert set(NOTHING) == set(document(done)) == set(schemas.schema("images")["properties"])
    assert document(record)["images"] == NOTHING["images"]
