"""What services took is read from the records of real runs."""

from __future__ import annotations

from msgspec.structs import replace

from gobake.insight.shard_seconds import recorded_seconds
from gobake.runs.outcomes import RunOutcome
from tests.unit.scoring import recorded


def test_a_cold_run_tells_the_seconds_of_each_service_and_platform() -> None:
    record = recorded("cold")
    found = recorded_seconds([record])
    assert found.keys() == {(t.service, platform) for t in record.targets for platform in t.platforms}
    assert all(seconds > 0 for seconds in found.values())


def test_the_median_of_the_last_runs_counts_and_failed_ones_do_not() -> None:
    cold, warm = recorded("cold"), recorded("edit")
    one = recorded_seconds([cold])
    assert recorded_seconds([warm, cold, cold]) == one
    assert recorded_seconds([replace(cold, outcome=RunOutcome.FAILED)]) == {}
    assert recorded_seconds([]) == {}
