"""A plan of shards as JSON: a matrix for GitHub's `fromJSON`, which all jobs of a pipeline are given.

Each row says what it is a shard of, so that a job that is given the plan of another commit or project notices it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gobake.config.words import SERVICE_NAME
from gobake.errors import GobakeError, UsageError
from gobake.foreign import checks
from gobake.foreign.checks import Unfit
from gobake.model import Platform
from gobake.targets.shards import Shard, ShardPlan

RUNNERS = {"linux/arm64": "ubuntu-24.04-arm"}  # GitHub's own, by platform
USUAL_RUNNER = "ubuntu-24.04"

_LONGEST = 1 << 20  # bytes; GitHub takes no more as an output
_LONGEST_PLATFORM = 40
_MOST = 1000  # shards; GitHub starts at most 256 jobs
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,199}")
_NUMBER = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})")
_REMEDY = "give what `gobake ci matrix` printed"


def as_matrix(plan: ShardPlan, runners: Mapping[str, str]) -> dict[str, Any]:
    """Return the plan as a matrix. ``runners``: labels by platform; they override GitHub's own."""
    return {"include": [_row(plan, shard, {**RUNNERS, **runners}) for shard in plan.shards]}


def _row(plan: ShardPlan, shard: Shard, runners: Mapping[str, str]) -> dict[str, str]:
    platforms = shard.platforms
    lacking = [f"{name}={_joined(own)}" for name, own in shard.parts if own != platforms]
    labels = {runners.get(str(platform), USUAL_RUNNER) for platform in platforms}
    return {
        "shard": f"{plan.number(shard)}/{len(plan.shards)}",
        "name": shard.name,
        "platforms": _joined(platforms),
        "services": " ".join(shard.services),
        "only": " ".join(lacking),
        "runner": labels.pop() if len(labels) == 1 else runners.get("linux/amd64", USUAL_RUNNER),
        "command": "all" if plan.every_strategy else "build",
        "project": plan.project,
        "revision": plan.revision,
        "plan": plan.digest,
    }


def _joined(platforms: tuple[Platform, ...]) -> str:
    return ",".join(map(str, platforms))


def from_matrix(data: bytes) -> ShardPlan | None:
    """Return the plan of a matrix; None if it has no shards, since nothing is to be built. Raises UsageError."""
    try:
        found = checks.items(checks.parsed_object(data, _LONGEST).get("include"))
        if len(found) > _MOST:
            raise Unfit(f"has more than {_MOST} shards")
        rows = [_texts(row) for row in found]
        return _plan(rows) if rows else None
    except Unfit as error:
        raise UsageError(f"the plan of the shards {error}", remedy=_REMEDY) from None
    except KeyError as error:
        raise UsageError(f"the plan of the shards lacks {error}", remedy=_REMEDY) from None


def _texts(row: object) -> dict[str, str]:
    """Return the texts of a row: others may have added what they like."""
    return {key: value for key, value in checks.mapping(row).items() if isinstance(value, str)}


def _plan(rows: list[dict[str, str]]) -> ShardPlan:
    first = rows[0]
    plan = ShardPlan(
        project=checks.label(first["project"]),
        revision=checks.label(first["revision"]),
        every_strategy=first["command"] == "all",
        shards=tuple(map(_shard, rows)),
    )
    numbers = [row["shard"] for row in rows]
    if numbers != [f"{at}/{len(rows)}" for at in range(1, len(rows) + 1)]:
        raise Unfit("has shards that are not numbered in order")
    pieces = [(name, platform) for shard in plan.shards for name, own in shard.parts for platform in own]
    if len(pieces) != len(set(pieces)) or len({shard.name for shard in plan.shards}) != len(rows):
        raise Unfit("has the same twice")
    if {row["plan"] for row in rows} != {plan.digest}:
        raise Unfit("is not as it was made")
    return plan


def _shard(row: dict[str, str]) -> Shard:
    if not _NAME.fullmatch(row["name"]):
        raise Unfit("has a shard with an invalid name")
    lacking = dict(word.partition("=")[::2] for word in row.get("only", "").split())
    parts = []
    for service in row["services"].split(" "):
        if len(service) > SERVICE_NAME.longest or not re.fullmatch(SERVICE_NAME.pattern, service):
            raise Unfit("has an invalid name of a service")
        words = lacking.get(service, row["platforms"]).split(",")
        parts.append((service, tuple(map(_platform, words))))
    return Shard(name=row["name"], parts=tuple(parts))


def _platform(word: str) -> Platform:
    try:
        return Platform.parse(word[:_LONGEST_PLATFORM])
    except GobakeError as error:
        raise Unfit(f"is wrong: {error.what}") from None


def found_in(plan: ShardPlan | None, wanted: str) -> Shard | None:
    """Return the shard that ``I/N`` or a name means; None if it has no work. Raises UsageError.

    There may be fewer shards than were asked for, so that the last of them have none.
    """
    if numbered := _NUMBER.fullmatch(wanted):
        at, of = int(numbered[1]), int(numbered[2])
        several = len(plan.shards) if plan else 0
        if at > of or of < several:
            raise UsageError(f"--shard {wanted}: the plan has {several} shards", remedy=f"1/{several} is its first")
        return plan.shards[at - 1] if plan and at <= several else None
    if plan is None:
        return None
    for shard in plan.shards:
        if shard.name == wanted:
            return shard
    names = ", ".join(shard.name for shard in plan.shards[:8])
    raise UsageError(f"--shard: there is no shard {wanted[:80]!r}", remedy=f"the plan has {names}")
