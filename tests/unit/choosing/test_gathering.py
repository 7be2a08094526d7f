"""Images of the engine, read from one archive: each layer once, and each image once in its life."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest
from msgspec.structs import replace

from gobake import memo
from gobake.binary.libc import Libc
from gobake.choosing import gathering
from gobake.choosing.gathering import gather, wanted
from gobake.choosing.places import Place, Program
from gobake.engine import images as engine_images
from gobake.errors import UsageError
from gobake.images import tree
from gobake.model import Bases, Platform, Project, Service, Strategy, Target
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import RunRecord, SizeRecord, TargetRecord
from tests.unit.binary.programs import link
from tests.unit.images.making import Layout, layer

AMD64 = Platform(os="linux", arch="amd64")
BASE = layer({"bin/sh": b"shell", "lib/apk/db/installed": b"P:musl\n\nP:busybox\n", "etc/passwd": b"root", "tmp": None})
ACCOUNT = layer({"etc/passwd": b"nonroot"})
APP = layer({"app": b"#!/bin/sh\n"})
STEPS = ("ADD file in /", "COPY /out/ / # buildkit", "COPY /out/musl/one/ / # buildkit")


def service(name: str) -> Service:
    return Service(
        name=name, package=f"p/{name}", binary=name, directory=PurePosixPath(name), build_root=PurePosixPath()
    )


TARGETS = [
    Target(service=service(name), strategy=Strategy.ALPINE, platforms=(AMD64,), suffixed=True)
    for name in ("one", "two")
]
PROJECT = Project(
    name="p",
    root=Path("/p"),
    context=Path("/p"),
    services=tuple(target.service for target in TARGETS),
    bases=Bases(go="golang:1.26"),
    go_version="1.26",
)


def record(*, digests: Sequence[str] = ("sha256:1", "sha256:2"), failure: str = "") -> RunRecord:
    targets = tuple(
        TargetRecord(
            name=target.name,
            service=target.service.name,
            strategy=str(target.strategy),
            platforms=("linux/amd64",),
            images=(),
            digest=digest,
            sizes=(SizeRecord(platform="linux/amd64", compressed=None, uncompressed=99),),
            failure=failure if target.service.name == "two" else "",
        )
        for target, digest in zip(TARGETS, digests, strict=True)
    )
    return RunRecord(
        id="20261129-000000-000aaaaaa",
        started=0.0,
        seconds=1.0,
        outcome=RunOutcome.DONE,
        command=(),
        project="p",
        root="/p",
        targets=targets,
    )


class Engine:
    """What `docker save` writes, and how often it and the layers were read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, how: str = "gzip", there: bool = True) -> None:
        self.saved: list[list[str]] = []
        self.listed: list[str] = []
        self.how, self.there = how, there
        monkeypatch.setattr("gobake.images.sources.engine.save_images", self.save)
        original = tree.listed

        def listed(blobs: object, digest: str, keep: object) -> tree.Listed:
            self.listed.append(digest)
            return original(blobs, digest, keep)  # type: ignore[arg-type]

        monkeypatch.setattr(tree, "listed", listed)

    def save(self, references: Sequence[str], file: Path) -> bool:
        self.saved.append(list(references))
        made = Layout()
        for name in references:
            image = made.image((BASE, ACCOUNT, APP), STEPS, how=self.how)
            made.roots.append(image | {"annotations": {"io.containerd.image.name": f"docker.io/library/{name}"}})
        made.in_archive(file)
        return self.there


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return scratch


def test_images_that_share_layers_are_read_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch)
    images = wanted(TARGETS, record(), "", "latest")
    one, two = gather(PROJECT, images, [], folder)
    assert engine.saved == [["one:latest-alpine", "two:latest-alpine"]]
    assert len(engine.listed) == 3
    assert (one.seen, one.base, one.unpacked) == (two.seen, "alpine:3.22", 99)
    found = one.seen.facts
    assert (found.files, found.shell, found.packages.count, found.passwd) == (4, "/bin/sh", 2, True)
    assert found.libc == Libc(kind="")  # the program is a script
    assert one.compressed == one.seen.stored == sum(part.size for part in one.seen.layers) + _around(engine, folder)
    assert not (folder / "program").exists()


def _around(engine: Engine, folder: Path) -> int:
    """The bytes of manifest and configuration."""
    made = Layout()
    image = made.image((BASE, ACCOUNT, APP), STEPS, how=engine.how)
    manifest = made.blobs[image["digest"].removeprefix("sha256:")]
    return len(manifest) + int(json.loads(manifest)["config"]["size"])


def test_an_image_is_read_once_in_its_life(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch)
    first = gather(PROJECT, wanted(TARGETS, record(), "", "latest"), [], folder)
    again = gather(PROJECT, wanted(TARGETS, record(digests=("sha256:1", "sha256:3")), "", "latest"), [], folder)
    assert engine.saved == [["one:latest-alpine", "two:latest-alpine"], ["two:latest-alpine"]]
    assert again == first
    with memo.empty():
        assert gather(PROJECT, wanted(TARGETS, record(), "", "latest"), [], folder) == first
    assert len(engine.saved) == 3


def test_without_a_digest_or_with_a_strange_memory_it_is_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(monkeypatch)
    for _ in range(2):
        gather(PROJECT, wanted(TARGETS, record(digests=("", "sha256:2")), "", "latest"), [], folder)
    assert engine.saved[1] == ["one:latest-alpine"]
    memo.remember("image", ("sha256:2", "linux/amd64"), gathering._FACTS, {"layers": "none"})
    gather(PROJECT, wanted(TARGETS, record(digests=("", "sha256:2")), "", "latest"), [], folder)
    assert engine.saved[2] == ["one:latest-alpine", "two:latest-alpine"]


def test_layers_that_are_not_stored_packed_have_no_size(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(monkeypatch, how="")
    one, _ = gather(PROJECT, wanted(TARGETS, record(), "", "latest"), [], folder)
    assert (one.seen.stored, one.compressed) == (None, None)


def test_an_image_that_was_deleted_meanwhile_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(monkeypatch, there=False)
    with pytest.raises(UsageError, match="does not have all images that were built"):
        gather(PROJECT, wanted(TARGETS, record(), "", "latest"), [], folder)


def test_targets_that_were_not_built_are_not_looked_at() -> None:
    assert [one.image for one in wanted(TARGETS, record(failure="no"), "ghcr.io/acme/", "v1")] == [
        "ghcr.io/acme/one:v1-alpine"
    ]


def test_every_name_of_the_engine_goes_to_one_save(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words: list[list[str]] = []

    class Done:
        code, err = 0, ""

    def run(said: list[str], **_: object) -> Done:
        words.append(said)
        return Done()

    monkeypatch.setattr("gobake.engine.images.command.run", run)
    assert engine_images.save_images(("a:1", "b:2"), tmp_path / "file")
    assert words[0][1:] == ["save", "--output", str(tmp_path / "file"), "a:1", "b:2"]


def test_the_modules_of_programs_are_read_when_they_are_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(monkeypatch)
    images = wanted(TARGETS, record(), "", "latest")
    plain = gather(PROJECT, images, [], folder)[0].seen
    assert plain.program == Program(path="app", layer=2, bytes=10, modules=None)
    assert plain.places == (
        Place(layer=0, path="/lib", bytes=18),
        Place(layer=0, path="/bin", bytes=5),
        Place(layer=1, path="/etc", bytes=7),
    )
    full = gather(PROJECT, images, [], folder, modules=True)[0].seen
    assert len(engine.saved) == 2  # what is remembered does not have them
    assert full == replace(plain, program=Program(path="app", layer=2, bytes=10, modules=()))  # it is a script
    assert gather(PROJECT, images, [], folder, modules=True)[0].seen == full
    assert gather(PROJECT, images, [], folder)[0].seen == full
    assert len(engine.saved) == 2


def test_the_modules_of_a_go_program_are_those_of_its_functions(folder: Path) -> None:
    file = link(folder, "shipped", ldflags="-s -w")
    found = gathering._modules(file)
    assert {one.module for one in found} >= {"std", "", "example.com/dep.v2"}
    assert sum(one.bytes for one in found) == file.stat().st_size
