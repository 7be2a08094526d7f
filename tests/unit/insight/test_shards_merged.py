"""Which runs are the shards of a plan, and the one record of all of them, from the records of a real run."""

from __future__ import annotations

import io
import itertools
import json
from contextlib import redirect_stdout
from typing import Any

import pytest
from msgspec.structs import replace

from gobake.errors import UsageError
from gobake.insight import shards_joined
from gobake.insight.account import account
from gobake.insight.card import work_of
from gobake.insight.explain import explain
from gobake.insight.shards_chosen import Wanted, choose
from gobake.report.figures_markdown import as_markdown
from gobake.report.figures_text import print_report
from gobake.report.quantities import seconds_text
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import RunRecord, ShardRecord, TargetRecord, from_json, new_id, to_json
from tests.unit.scoring import recorded

COLD = recorded("cold")
PLATFORMS = tuple(sorted({p for target in COLD.targets for p in target.platforms}))
SERVICES = tuple(sorted({target.service for target in COLD.targets}))
HALVES = (SERVICES[:2], SERVICES[2:])
NAMES = tuple(f"{platform.replace('/', '-')}-{at}" for platform in PLATFORMS for at in (1, 2))
WANTED = Wanted(project=COLD.project, revision=COLD.revision)
ids = (new_id(1.8e9 + at) for at in itertools.count())


def shard_of(number: int, plan: str = "ab", **changes: Any) -> ShardRecord:
    shard = ShardRecord(
        plan=plan,
        number=number,
        of=len(NAMES),
        name=NAMES[number - 1],
        shards=NAMES,
        parts=tuple((service, PLATFORMS) for service in SERVICES),
    )
    return replace(shard, **changes)


def part(number: int, salt: str = "", **changes: Any) -> RunRecord:
    """The run of a shard: what the recorded run did for some of its services and one platform."""
    platform, services = PLATFORMS[(number - 1) // 2], HALVES[(number - 1) % 2]
    mine = [target for target in COLD.targets if target.service in services]
    names = {target.name for target in mine}
    at = [i for i, step in enumerate(COLD.steps) if step.target in names and step.platform in ("", platform)]
    place = {old: new for new, old in enumerate(at)}
    found = replace(
        COLD,
        id=next(ids),
        shard=shard_of(number),
        seconds=10.0 * number,
        targets=tuple(pushed(target, platform, salt) for target in mine),
        steps=tuple(
            replace(COLD.steps[i], needs=tuple(place[n] for n in COLD.steps[i].needs if n in place)) for i in at
        ),
        go=tuple(work for work in COLD.go if work.platform == platform),
    )
    return replace(found, **changes)


def pushed(target: TargetRecord, platform: str, salt: str = "") -> TargetRecord:
    digest = f"sha256:{target.name} {platform}{salt}"
    sizes = tuple(size for size in target.sizes if size.platform == platform)
    where = (f"ghcr.io/acme/{target.service}@{digest}",)
    return replace(target, platforms=(platform,), digest=digest, sizes=sizes, pushed=where)


def shards() -> list[RunRecord]:
    return [part(number) for number in (1, 2, 3, 4)]


def refused(records: list[RunRecord], *, strict: bool = True, wanted: Wanted = WANTED) -> str:
    with pytest.raises(UsageError) as error:
        choose(records, wanted, strict=strict)
    assert "\n" not in str(error.value)
    return str(error.value)


# ---- which runs


def test_the_shards_of_a_plan_are_found_in_any_order() -> None:
    found = shards()
    chosen = choose([found[2], COLD, found[0], found[3], found[1]], WANTED, strict=True)
    assert list(chosen.runs) == found
    assert chosen.targets[COLD.targets[0].name].keys() == set(PLATFORMS)
    assert not chosen.notes


def test_a_missing_shard_is_named() -> None:
    one, two, three, _ = shards()
    assert f"1 of 4 shards lacks a successful run: {NAMES[3]};" in refused([one, two, three])
    failed = part(4, outcome=RunOutcome.FAILED)
    assert f"{NAMES[3]} (failed in run {failed.id})" in refused([one, two, three, failed])
    assert "nothing is tagged" in refused([one])


def test_of_a_shard_that_ran_again_the_newest_success_counts_and_it_is_said() -> None:
    one, two, three, four = shards()
    again = part(4, salt="x")
    failed = part(4, outcome=RunOutcome.FAILED)
    chosen = choose([failed, again, four, one, two, three], WANTED, strict=True)
    assert chosen.runs[3] == again
    assert chosen.notes == (f"shard {NAMES[3]} ran again with another result: run {again.id} counts, not {four.id}",)
    same = part(4)
    assert not choose([one, two, three, four, same], WANTED, strict=True).notes


def test_a_shard_of_another_commit_project_or_plan_is_named() -> None:
    found = shards()
    for changes, says in (
        ({"revision": "f" * 40}, "is of commit ffffffffffff, and this is"),
        ({"project": "other"}, "is of the project 'other', and this is"),
        ({"shard": shard_of(3, "cd")}, "is of another plan of shards"),
        ({"shard": shard_of(3, name="x")}, "contradicts the others"),
        ({"shard": shard_of(3, parts=())}, "contradicts the others"),
        ({"shard": replace(shard_of(3), number=-7)}, "contradicts the others"),
    ):
        stranger = replace(part(3), **changes)
        assert says in refused([*found[:2], found[3], stranger, part(3)])


def test_in_a_history_other_runs_are_passed_over() -> None:
    old = [replace(part(number), revision="e" * 40) for number in (1, 2, 3, 4)]
    other = [replace(part(number), shard=shard_of(number, "cd")) for number in (1, 2)]
    found = shards()
    assert list(choose([*old, *other, *found], WANTED, strict=False).runs) == found
    named = Wanted(project=COLD.project, revision=COLD.revision, plan="cd")
    assert "2 of 4 shards lack a successful run" in refused([*other, *found], strict=False, wanted=named)
    assert "no run of a shard of commit" in refused([*old], strict=False)


def test_a_target_that_is_not_pushed_or_lacks_a_platform_is_named() -> None:
    one, two, three, four = shards()
    unpushed = replace(four, targets=(*four.targets[:-1], replace(four.targets[-1], pushed=())))
    assert "is not pushed; nothing is tagged: build the shards with --push" in refused([one, two, three, unpushed])
    lacking = replace(four, targets=four.targets[:-1])
    assert f"no shard has {four.targets[-1].name} for {PLATFORMS[1]}" in refused([one, two, three, lacking])
    twice = replace(four, targets=(*four.targets, *three.targets))
    assert f"for {PLATFORMS[1]} is in shard 3/4" in refused([one, two, three, twice])


# ---- one record


def joined() -> RunRecord:
    found = shards()
    head = replace(COLD, id=next(ids), targets=shards_joined.targets(found), shard=None, started=COLD.started + 100)
    return shards_joined.join(found, head)


def test_one_record_has_what_all_shards_did() -> None:
    record = joined()
    assert {(t.name, t.platforms) for t in record.targets} == {(t.name, PLATFORMS) for t in COLD.targets}
    assert {len(target.sizes) for target in record.targets} == {len(PLATFORMS)}
    assert len(record.steps) == sum(len(run.steps) for run in shards())
    assert all(0 <= need < len(record.steps) for step in record.steps for need in step.needs)
    assert record.seconds == 40.0
    assert [(one.name, one.seconds) for one in record.joined] == [(n, 10.0 * at) for at, n in enumerate(NAMES, 1)]


def test_what_two_shards_compiled_is_compiled_once() -> None:
    whole = {work.platform: work for work in COLD.go}
    for work in joined().go:
        assert dict(work.compiled) == dict(whole[work.platform].compiled)
        assert {c.package: c.packages for c in work.commands} == {
            c.package: c.packages for c in whole[work.platform].commands
        }
        names = [path for path, _ in work.compiled]
        for command in work.commands:
            known = next(c for c in whole[work.platform].commands if c.package == command.package)
            before = [path for path, _ in whole[work.platform].compiled]
            assert {names[at] for at in command.compiled} == {before[at] for at in known.compiled}


def test_facts_of_one_machine_stay_only_if_all_shards_had_it() -> None:
    found = shards()
    assert shards_joined.join(found, COLD).machine == COLD.machine
    found[1] = replace(found[1], machine="other", bare=None)
    record = shards_joined.join(found, COLD)
    assert (record.machine, record.bare) == ("", None)


def test_every_report_reads_it_as_the_run_of_all_targets() -> None:
    record = joined()
    assert from_json(json.loads(json.dumps(to_json(record)))) == record
    found = account(record, [COLD], [])
    assert work_of(record) == work_of(COLD)
    assert found.card.steps.hit_rate is not None
    assert found.card.go
    whole = account(COLD, [], []).card.go
    assert whole
    assert (found.card.go.compiled, found.card.go.total) == (whole.compiled, whole.total)
    assert NAMES[3] in as_markdown(found)
    assert explain(record, [COLD]).run == record.id


def test_a_report_tells_summed_and_elapsed_seconds_apart() -> None:
    record = joined()
    said = io.StringIO()
    with redirect_stdout(said):
        print_report(account(record, [COLD], []), color="never")
    text = " ".join(said.getvalue().split())
    took = seconds_text(100.0)
    assert f"4 shards took {took}, summed, the longest ({NAMES[3]}) 40.0 s; merged {took} after the first began" in text
    assert "40.0 s wall" in text
