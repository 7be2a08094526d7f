"""Records to score: real ones, and built-up ones of few steps."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from gobake.insight.card import RunSummary
from gobake.insight.scorecard import scorecard, summary_of
from gobake.runs.record import RunRecord, SizeRecord, StepRecord, TargetRecord, from_json

RECORDED = Path(__file__).parent / "recorded" / "runs"
NAMES = ("bare", "exported", "edit", "warm", "cold")  # newest first

HOSTILE = (
    "<script>alert(1)</script> \x1b[31mred\x1b[0m \x1b]0;title\x07 | a `b` *c* [d](http://e.example) ![i](x) @team "
    'www.evil.example\r\n# heading\n</details> $x$ "quoted" \u202eturned'
)


@cache
def recorded(name: str) -> RunRecord:
    return from_json(json.loads(gzip.decompress((RECORDED / f"{name}.json.gz").read_bytes())))


def before(name: str) -> list[RunRecord]:
    """The real runs before one, newest first."""
    return [recorded(n) for n in NAMES[NAMES.index(name) + 1 :]]


def recorded_summaries() -> list[RunSummary]:
    return [summary_of(scorecard(recorded(name), before(name))) for name in NAMES]


def step(at: int, outcome: str, seconds: float | None = 0.0, **more: Any) -> StepRecord:
    """A step of api-scratch, with a digest and an instruction of its own."""
    plain: dict[str, Any] = {
        "target": "api-scratch",
        "name": f"[api-scratch compile] RUN {at}",
        "stage": "compile",
        "platform": "linux/amd64",
        "instruction": f"RUN {at}",
        "digest": f"sha256:{at}",
        "outcome": outcome,
        "started": float(at),
        "seconds": seconds,
        "site": f"api-scratch linux/amd64 compile {at} RUN",
    }
    return StepRecord(**{**plain, **more})


def target(service: str = "api", strategy: str = "scratch", **more: Any) -> TargetRecord:
    plain: dict[str, Any] = {
        "name": f"{service}-{strategy}",
        "service": service,
        "strategy": strategy,
        "platforms": ("linux/amd64",),
        "images": (f"{service}:latest",),
        "sizes": (SizeRecord(platform="linux/amd64", compressed=4_490_000, uncompressed=11_000_000),),
    }
    return TargetRecord(**{**plain, **more})


def run(*steps: StepRecord, at: int = 0, **more: Any) -> RunRecord:
    """A run of api-scratch; ``at``: which in the order of runs."""
    plain: dict[str, Any] = {
        "id": f"20261124-2015{at:02}-3fa9c1",
        "started": 1795551330.0 + at,
        "seconds": 10.0,
        "outcome": "done",
        "command": ("gobake", "build"),
        "project": "shop",
        "root": "/shop",
        "branch": "main",
        "revision": "a" * 40,
        "targets": (target(),),
    }
    return RunRecord(**{**plain, **more}, steps=steps)


def summary(at: int, **more: Any) -> RunSummary:
    return replace(summary_of(scorecard(run(at=at), [])), **more)


def hostile() -> RunRecord:
    """A real run in which every name that others choose is hostile."""
    plain = recorded("bare")
    return replace(
        plain,
        branch=HOSTILE,
        revision=HOSTILE,
        builder=HOSTILE,
        cache_policy=HOSTILE,
        failure=HOSTILE,
        targets=tuple(
            replace(t, service=f"{HOSTILE}{at}", strategy=HOSTILE, images=(HOSTILE,))
            for at, t in enumerate(plain.targets)
        ),
        steps=tuple(replace(s, site=f"{HOSTILE} {s.site}", name=f"{HOSTILE} {s.name}") for s in plain.steps),
        seeds=tuple(replace(s, name=HOSTILE, error=HOSTILE, action=HOSTILE) for s in plain.seeds),
        mounts=tuple(replace(m, name=HOSTILE) for m in plain.mounts),
        caches=tuple(replace(c, ref=HOSTILE, target=HOSTILE) for c in plain.caches),
    )
