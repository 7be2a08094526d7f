"""What a run records of its new images: read once, taken over afterwards, and never a reason to fail."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from gobake.errors import NoEngine
from gobake.images import sources
from gobake.model import Platform, Strategy, Target
from gobake.run import contents
from gobake.run.contents import with_contents
from gobake.runs.journal import Journal
from gobake.runs.record import ContentsRecord, LayerRecord, SizeRecord
from gobake.runs.store import RunStore
from tests.unit import scoring
from tests.unit.images.making import Layout, layer
from tests.unit.recipe.test_dockerfile import service

SIZE = SizeRecord(platform="linux/amd64", compressed=900)
REQUEST: Any = SimpleNamespace(tag="latest", load=False, push=False)


class Saved:
    """Stands for the engine's archive of images."""

    def __init__(self, opened: sources.Opened) -> None:
        self._opened = opened
        self.asked: list[str] = []

    def opened(self, reference: str, _platform: Platform) -> sources.Opened:
        self.asked.append(reference)
        return self._opened


def target(strategy: Strategy = Strategy.SCRATCH) -> Target:
    return Target(service=service("api"), strategy=strategy, platforms=(Platform.parse("linux/amd64"),))


def names(*targets: Target) -> dict[str, str]:
    return {one.name: one.image("", "latest") for one in targets}


def ready(history: Path, *targets: Target) -> Any:
    plan = SimpleNamespace(
        matrix=SimpleNamespace(targets=targets),
        project=SimpleNamespace(prefix=""),
        builder=SimpleNamespace(keeps_images=True),
    )
    return SimpleNamespace(plan=plan, journal=Journal(history))


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Saved:
    made = Layout()
    made.roots = [made.image((layer({"usr/local/bin/api": b"#!/bin/sh\n"}),), ("COPY /out/ /",))]
    found = Saved(sources.layout(made.in_folder(tmp_path / "layout"), None))
    monkeypatch.setattr(sources, "saved_by_engine", lambda _references, _scratch: found)
    return found


def test_new_images_are_read_in_their_chosen_strategy(tmp_path: Path, saved: Saved) -> None:
    one, other = target(), target(Strategy.ALPINE)
    sizes = {one.name: (SIZE,), other.name: (SIZE,)}
    found = with_contents(REQUEST, ready(tmp_path / "runs", one, other), sizes, names(one, other))
    assert saved.asked == ["api:latest"]
    assert found[other.name] == (SIZE,)
    told = found[one.name][0].contents
    assert told
    assert (told.program, [layer.instruction for layer in told.layers]) == (None, ["COPY /out/ /"])


def test_an_image_with_the_layers_of_a_recent_run_is_not_read_again(
    tmp_path: Path, saved: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = [one.digest for one in saved.opened("", Platform.parse("linux/amd64")).image.layers]
    known = ContentsRecord(
        program=7, layers=tuple(LayerRecord(digest=digest, instruction="", bytes=1) for digest in digests)
    )
    before = scoring.target(digest="sha256:1", sizes=(replace(SIZE, contents=known),))
    with RunStore(tmp_path / "runs") as store:
        store.add(scoring.run(targets=(before,)), [])
    monkeypatch.setattr(contents, "by_functions", lambda *_: pytest.fail("it was read"))
    one = target()
    found = with_contents(REQUEST, ready(tmp_path / "runs", one), {one.name: (SIZE,)}, names(one))
    assert found[one.name][0].contents == known


def test_what_is_known_already_asks_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "saved_by_engine", lambda *_: pytest.fail("it was asked"))
    one = target()
    sizes = {one.name: (replace(SIZE, contents=ContentsRecord()),)}
    assert with_contents(REQUEST, ready(tmp_path / "runs", one), sizes, names(one)) == sizes


def test_an_engine_that_does_not_answer_leaves_the_sizes_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> sources.Saved:
        raise NoEngine("it is gone")

    monkeypatch.setattr(sources, "saved_by_engine", refused)
    one = target()
    sizes = {one.name: (SIZE,)}
    assert with_contents(REQUEST, ready(tmp_path / "runs", one), sizes, names(one)) == sizes
