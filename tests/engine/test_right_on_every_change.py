"""After every change of a workspace, the programs in the images are those that `go build` of a fresh clone makes.

One builder, whose mounts, layers and memory stay warm throughout, and two checkouts of one project on it. The changes
follow from a seed: GOBAKE_TEST_SEED and GOBAKE_TEST_CHANGES try others than those that run in CI.
"""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.conftest import Gobake
from tests.engine.changes.checkouts import Checkout
from tests.engine.changes.kinds import KINDS, break_it
from tests.engine.changes.model import Model
from tests.engine.changes.reference import Reference, programs_in

SEED = int(os.environ.get("GOBAKE_TEST_SEED", "20"))
CHANGES = int(os.environ.get("GOBAKE_TEST_CHANGES", "75"))


class Story:
    """Two checkouts, and what happened to them so far."""

    def __init__(self, folder: Path, dice: Random) -> None:
        self.dice = dice
        self.checkouts = [Checkout.make(folder / name / "ever") for name in ("here", "there")]
        self.current = self.checkouts[0]
        self.earlier: list[Model] = []
        self.told: list[str] = []
        self.counts: Counter[str] = Counter()
        self._waiting: list[str] = []

    def go_on(self) -> str:
        """The next change; gives the GOAMD64 that the step is built for."""
        dice, model = self.dice, self.current.model
        words = []
        if dice.random() < 0.15:
            self.current = next(c for c in self.checkouts if c is not self.current)
            words.append("switch the checkout")
        elif dice.random() < 0.15:
            self.current.switch(dice)
            words.append("switch the branch")
        elif self.earlier and dice.random() < 0.08:
            self.current.change(dice.choice(self.earlier))
            words.append("go back to an earlier state")
        else:
            words.append(self._change(model))
        if not self.current.model.broken:
            self.earlier.append(self.current.model)
        if dice.random() < 0.5:
            self.current.equal_times()
            words.append("equal times")
        level = "v2" if dice.random() < 0.1 else "v1"
        if level == "v2":
            words.append("another level")
        self.counts.update(words)
        self.told.append(
            f"{len(self.told) + 1}. {', '.join(words)} ({self.current.root.parent.name}, {self.current.branch})"
        )
        return level

    def _change(self, model: Model) -> str:
        """What is broken is mended first. Every kind comes once before one comes again."""
        if not self._waiting:
            self._waiting = [kind.__name__ for kind in KINDS]
            self.dice.shuffle(self._waiting)
        if model.broken:
            self.current.change(replace(model, broken=""))
            return "mend it"
        name = self._waiting.pop()
        kind = next(kind for kind in KINDS if kind.__name__ == name)
        self.current.change(kind(model, self.dice))
        return name.replace("_", " ")

    def __str__(self) -> str:
        return f"seed {SEED}:\n" + "\n".join(self.told)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return Reference(tmp_path_factory.mktemp("reference"), ("v1", "v2"))


def test_the_program_in_the_image_is_that_of_a_fresh_clone_after_every_change(
    world: Gobake, reference: Reference, tmp_path: Path
) -> None:
    story = Story(tmp_path, Random(SEED))
    agreed, refused = 0, 0
    with ThreadPoolExecutor(1) as pool:
        for step in range(CHANGES):
            level = story.go_on()
            root, model = story.current.root, story.current.model
            expected = pool.submit(reference.build, root, level, model.tagged)
            platform = "linux/amd64/v2" if level == "v2" else "linux/amd64"
            ended = world("build", "--tag", f"step-{step}", "--platform", platform, "--quiet", cwd=root)
            built = expected.result()
            if built.failure:
                assert ended.code in (2, 4), f"go build fails:\n{built.failure}\ngobake ends with {ended.code}\n{story}"
                assert "Traceback" not in ended.err, ended.err
                refused += 1
                continue
            assert ended.code == 0, f"gobake ends with {ended.code}:\n{ended.err}\n{story}"
            assert programs_in(f"step-{step}") == built.programs, str(story)
            agreed += 1
    print(f"\nseed {SEED}: {agreed} changes with equal programs, {refused} refused by both")
    print("\n".join(f"{count:4d} {kind}" for kind, count in sorted(story.counts.items())))
    if CHANGES >= 75:
        assert all(story.counts[kind.__name__.replace("_", " ")] >= 2 for kind in KINDS)
        assert refused >= story.counts[break_it.__name__.replace("_", " ")] >= 2
        assert all(story.counts[w] >= 8 for w in ("switch the checkout", "switch the branch", "another level"))
