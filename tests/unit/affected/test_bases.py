"""Base images that have moved under their tags."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from gobake.affected.bases import moved, references
from gobake.model import Bases, Platform, Project, Service, Strategy, Target
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import InputsRecord, RunRecord

GO, ALPINE = "golang:1.26", "alpine:3.22"
OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def service(name: str, **more: object) -> Service:
    place = PurePosixPath()
    return Service(name=name, package=name, binary=name, directory=place, build_root=place, **more)  # type: ignore[arg-type]


def target(name: str, strategy: Strategy, **more: object) -> Target:
    one = service(name, strategy=strategy, **more)
    return Target(service=one, strategy=strategy, platforms=(Platform.parse("linux/amd64"),))


PROJECT = Project(name="p", root=Path("/p"), context=Path("/p"), services=(), bases=Bases(go=GO), go_version="1.26")
RECORD = RunRecord(
    id="20261130-100000-000000001", started=1.0, seconds=1.0, outcome=RunOutcome.DONE, command=(), project="p", root="/p",
    inputs=InputsRecord(bases=((f"docker.io/library/{ALPINE}", OLD), (f"docker.io/library/{GO}", OLD))),
)  # fmt: skip
API, WEB = target("api", Strategy.SCRATCH), target("web", Strategy.ALPINE)


def test_every_target_has_the_golang_image_and_its_own() -> None:
    assert references(PROJECT, API) == {GO}
    assert references(PROJECT, WEB) == {GO, ALPINE}
    assert references(PROJECT, target("x", Strategy.UPX)) == {GO, ALPINE}
    assert references(PROJECT, target("x", Strategy.ALPINE, base="./Dockerfile.base")) == {GO}
    assert references(PROJECT, target("x", Strategy.ALPINE, base=f"alpine@{OLD}")) == {GO}


def test_a_base_that_moved_is_a_reason_for_those_that_use_it() -> None:
    found = moved(PROJECT, [API, WEB], RECORD, {GO: OLD, ALPINE: NEW}.__getitem__)
    assert {name: [one.text for one in reasons] for name, reasons in found.items()} == {
        "api": [],
        "web": ["alpine:3.22 is sha256:bbbbbbbbbbbb now, was sha256:aaaaaaaaaaaa"],
    }
    compiled = moved(PROJECT, [API, WEB], RECORD, {GO: NEW, ALPINE: OLD}.__getitem__)
    assert {name: len(reasons) for name, reasons in compiled.items()} == {"api": 1, "web": 1}


def test_what_is_unknown_is_no_reason() -> None:
    assert not any(moved(PROJECT, [API, WEB], RECORD, lambda _: "").values())
    other = target("x", Strategy.ALPINE, base="ghcr.io/acme/base:1")
    assert not any(moved(PROJECT, [other], RECORD, lambda _: OLD if "ghcr" not in _ else NEW).values())
    assert moved(PROJECT, [], RECORD, lambda _: NEW) == {}
