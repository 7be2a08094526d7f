"""Identifies a step across runs.

BuildKit merges equal steps of several stages and targets and reports them under any of their names, which changes
between runs; with a single platform it leaves the platform out of the name. So names do not identify steps:

- a key identifies the same work: the step's instruction and those of all steps that it builds on. The platform is not
  in it: of a base image that several projects use, BuildKit shows the platform as the build did that named it first;
- a place identifies a step that may have changed, by several readings of its position, the strictest first.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Hashable, Sequence

from msgspec import Struct

from gobake.runs.record import RunRecord, StepRecord

GO_STAGES = ("go", "go-native")
FILES = "--from=files "  # of a COPY from the context of services' files
COMPILES = re.compile(r"(compile|stamp)(-\d+)?(\.\d+)?")  # stages whose work is for all services
_CONTEXT = re.compile(r"--mount=type=bind(?!,from=)")


def step_keys(record: RunRecord) -> list[str]:
    """A key for every step, equal in all targets, stages and runs; "" for a step that needs itself."""
    keys = [""] * len(record.steps)
    for at in in_order([step.needs for step in record.steps]):
        step = record.steps[at]
        text = "\n".join((step.instruction, *sorted({keys[n] for n in step.needs if n < len(keys)})))
        keys[at] = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()
    return keys


def in_order(needs: Sequence[Collection[int]]) -> list[int]:
    """Numbers in an order in which each follows all that it needs; cycles, found only in a damaged record, are left
    out."""
    users: dict[int, list[int]] = defaultdict(list)
    waiting = [0] * len(needs)
    for number, wanted in enumerate(needs):
        for need in {n for n in wanted if 0 <= n < len(needs)}:
            users[need].append(number)
            waiting[number] += 1
    ready = [number for number, count in enumerate(waiting) if not count]
    for number in ready:
        for user in users[number]:
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    return ready


def is_base(step: StepRecord) -> bool:
    """Whether a step fetches an image, which may never have been executed here, if another project fetched it."""
    return step.instruction.startswith("FROM ")


def platform_of(step: StepRecord, platforms: Sequence[str]) -> str:
    """The platform of a step of a target with these platforms; BuildKit does not name it if there is only one."""
    return step.platform or (platforms[0] if len(platforms) == 1 else "")


class Place(Struct, frozen=True, kw_only=True):
    """The place of a step."""

    target: str
    platform: str
    stage: str
    index: int  # of the instruction in its stage; 0 is unknown
    verb: str
    text: str

    @property
    def kind(self) -> str:
        """`compile` of compile-2, `single-stage` of api-single-stage; else the stage itself."""
        found = COMPILES.fullmatch(self.stage)
        if found:
            return found[1]
        return "single-stage" if self.stage.endswith("single-stage") else self.stage

    @property
    def compiles(self) -> bool:
        """Whether Go compiles in it."""
        return self.verb == "RUN" and self.kind in ("compile", "stamp", "single-stage")

    @property
    def reads_context(self) -> bool:
        """Whether it reads files of the build context."""
        if self.verb in ("COPY", "ADD"):
            return "--from=" not in self.text or FILES in self.text
        return self.verb == "RUN" and bool(_CONTEXT.search(self.text))

    def readings(self) -> tuple[Hashable, ...]:
        """Keys for finding the place in another run, the strictest first."""
        return (
            ("own text", self.target, self.platform, self.stage, self.text),
            ("own site", self.target, self.platform, self.stage, self.index, self.verb),
            ("text", self.platform, self.stage, self.text),
            ("site", self.platform, self.stage, self.index, self.verb),
            ("merged", self.target, self.platform, self.index, self.text),
            *((("compile", self.target, self.platform, self.kind),) if self.compiles else ()),
            *((("base", self.target, self.platform),) if self.verb == "FROM" and self.stage not in GO_STAGES else ()),
        )
