"""Which step of another run is the same step.

BuildKit merges equal steps of several stages and targets, and reports them under the name of any of these, another one
in the next run; it leaves the platform out of names where there is one. So a step is never known by its name:

- by its key, where the very same work is wanted: its instruction and those of all that it builds on;
- by its place, where the step may have changed: from the strictest reading of where it stands to the widest.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Hashable, Sequence

from msgspec import Struct

from gobake.runs.record import RunRecord, StepRecord

GO_STAGES = ("go", "go-native")
FILES = "--from=files "  # of a COPY from the context that services' files come from
_COMPILES = re.compile(r"(compile|stamp)(-\d+)?(\.\d+)?")
_CONTEXT = re.compile(r"--mount=type=bind(?!,from=)")


def step_keys(record: RunRecord) -> list[str]:
    """A name for every step that is the same whatever target, stage and run show it; "" for one that needs itself."""
    keys = [""] * len(record.steps)
    for at in in_order([step.needs for step in record.steps]):
        step = record.steps[at]
        text = "\n".join(
            (
                step.platform if is_base(step) else "",
                step.instruction,
                *sorted({keys[n] for n in step.needs if n < len(keys)}),
            )
        )
        keys[at] = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()
    return keys


def in_order(needs: Sequence[Collection[int]]) -> list[int]:
    """Numbers after all that they need; what needs itself, as only a damaged record says, is left out."""
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
    """Whether it fetches an image. One that another project fetched was never executed here."""
    return step.instruction.startswith("FROM ")


class Place(Struct, frozen=True, kw_only=True):
    """One step, by what it is."""

    target: str
    platform: str
    stage: str
    index: int  # of the instruction in its stage; 0 is unknown
    verb: str
    text: str

    @property
    def kind(self) -> str:
        """`compile` of compile-2, `single-stage` of api-single-stage; else the stage itself."""
        found = _COMPILES.fullmatch(self.stage)
        if found:
            return found[1]
        return "single-stage" if self.stage.endswith("single-stage") else self.stage

    @property
    def compiles(self) -> bool:
        """Whether Go is at work in it."""
        return self.verb == "RUN" and self.kind in ("compile", "stamp", "single-stage")

    @property
    def reads_context(self) -> bool:
        """Whether files of the build context go into it."""
        if self.verb in ("COPY", "ADD"):
            return "--from=" not in self.text or FILES in self.text
        return self.verb == "RUN" and bool(_CONTEXT.search(self.text))

    def readings(self) -> tuple[Hashable, ...]:
        """What may be looked for, the strictest first."""
        return (
            ("own text", self.target, self.platform, self.stage, self.text),
            ("own site", self.target, self.platform, self.stage, self.index, self.verb),
            ("text", self.platform, self.stage, self.text),
            ("site", self.platform, self.stage, self.index, self.verb),
            ("merged", self.target, self.platform, self.index, self.text),
            *((("compile", self.target, self.platform, self.kind),) if self.compiles else ()),
            *((("base", self.target, self.platform),) if self.verb == "FROM" and self.stage not in GO_STAGES else ()),
        )
