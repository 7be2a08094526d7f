"""The report as JSON, against the schema that `gobake schema report` prints."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from gobake.insight.account import Account
from gobake.insight.causes import Advice, Cause, Explanation, Miss, PackageCause
from gobake.insight.causes import Change as Changed
from gobake.insight.compare import compare
from gobake.insight.scorecard import scorecard, summary_of
from gobake.insight.trend import trend, trends
from gobake.report.figures_json import Report, as_json, schema
from tests.unit.scoring import NAMES, before, hostile, recorded, recorded_summaries, run, summary

EXPLANATION = Explanation(
    run="r",
    misses=(
        Miss(target="api-scratch", platform="linux/amd64", step=1, label="api-scratch compile RUN", cause=Cause.FILES,
             says="main.go changed", changes=(Changed(kind="changed", what="main.go"),)),
    ),
    packages=(PackageCause(platform="linux/amd64", cause=Cause.FILES, says="main.go changed", root="a", packages=("a", "b")),),
    advice=(Advice(kind="changing-file", says="ignore NOTES", seconds=None, runs=3),),
)  # fmt: skip


def _report(name: str) -> Report:
    card, other = scorecard(recorded(name), before(name)), scorecard(recorded("cold"), [])
    course = trend(summary_of(card), recorded_summaries())
    account = Account(card=card, trend=course, compared=compare(card, other), explanation=EXPLANATION)
    return Report(account=account, runs=recorded_summaries(), trends=trends(recorded_summaries()))


def _bare() -> Report:
    return Report(account=Account(card=scorecard(run(), [])))


def _hostile() -> Report:
    card = scorecard(hostile(), [])
    return Report(account=Account(card=card), runs=[summary_of(card)])


REPORTS = [*(_report(name) for name in NAMES), _bare(), _hostile()]


@pytest.mark.parametrize("report", REPORTS, ids=[*NAMES, "nothing known", "hostile"])
def test_a_report_is_what_the_schema_says_and_not_a_key_more(report: Report) -> None:
    document = json.loads(json.dumps(as_json(report), allow_nan=False))
    jsonschema.validate(document, schema())
    jsonschema.validate(document, _closed(schema()))


def test_the_schema_is_a_schema_and_refuses_what_is_no_report() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    document = as_json(_report("edit"))
    for wrong in ({**document, "schema": 2}, {**document, "steps": {}}, {**document, "trend": 3}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema())


def test_every_key_says_what_it_means() -> None:
    def check(node: dict[str, Any]) -> None:
        for key, one in node.get("properties", {}).items():
            assert len(one["description"]) > 1, key
            check(one)
            check(one.get("items", {}))

    check(schema())


def test_the_figures_that_scripts_rely_on_are_where_they_are_said_to_be() -> None:
    document = as_json(_report("edit"))
    card = scorecard(recorded("edit"), before("edit"))
    assert card.go is not None
    assert card.cold is not None
    assert document["schema"] == 1
    assert (document["run"]["id"], document["run"]["outcome"]) == (recorded("edit").id, "done")
    assert document["steps"] == {
        "reused": 69,
        "imported": 0,
        "shared": 118,
        "executed": 34,
        "uncacheable": 83,
        "unknown": 0,
        "hit_rate": card.steps.hit_rate,
        "weighted_hit_rate": card.steps.weighted_hit_rate,
    }
    assert document["go"]["packages"] == {"total": 528, "compiled": 2, "cached": 526, "hit_rate": card.go.hit_rate}
    assert document["go"]["modules"] == {"total": 13, "downloaded": 0}
    seconds = document["seconds"]
    assert seconds["wall"] == recorded("edit").seconds
    assert (seconds["saved"], seconds["cold"]) == (card.saved, card.cold.seconds)
    assert seconds["cold_run"] == recorded("cold").id
    assert seconds["critical_path"] == pytest.approx(sum(s["seconds"] for s in document["critical_path"]), abs=0.1)
    first = recorded("edit").targets[0]
    (shown,) = (t for t in document["targets"] if t["name"] == first.name)
    assert (shown["service"], shown["strategy"], shown["digest"]) == (first.service, first.strategy, first.digest)
    assert shown["platforms"] == ["linux/amd64", "linux/arm64"]
    assert shown["sizes"][0]["compressed_bytes"] == first.sizes[0].compressed


def test_what_is_not_known_is_null_and_not_zero() -> None:
    document = as_json(_bare())
    assert document["go"]["packages"] == {"total": None, "compiled": None, "cached": None, "hit_rate": None}
    assert document["steps"]["hit_rate"] is None
    assert (document["trend"], document["compare"], document["explanation"]) == (None, None, None)


def test_lone_surrogates_do_not_keep_a_report_from_being_written() -> None:
    card = scorecard(run(branch="a\ud800b"), [])
    text = json.dumps(as_json(Report(account=Account(card=card), runs=[summary(1)])), ensure_ascii=False)
    assert "a?b" in text.encode().decode()


def _closed(node: Any) -> Any:
    """The schema with no room for keys that it does not name."""
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value) for key, value in node.items()}
    return {**closed, "additionalProperties": False} if "required" in node and "properties" in node else closed
