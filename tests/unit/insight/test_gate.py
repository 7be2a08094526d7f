"""The gate: what a run must reach, what excuses it, and what is said where the evidence does not tell."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from gobake.config.gates import Exemption, GateConfig
from gobake.errors import ExitCode, GateFailed
from gobake.insight.card import GoFigures, RunSummary, Scorecard, StepFigures, work_of
from gobake.insight.causes import Cause, Explanation, Miss, PackageCause
from gobake.insight.gate import Gate, gate_of, judge
from gobake.insight.scorecard import summary_of
from gobake.insight.verdict import Check, Finding, State, Verdict
from gobake.run.gate import Past, judge_or_fail
from gobake.runs.outcomes import Outcome, SeedAction
from gobake.runs.record import CacheRecord, InputsRecord, RunRecord, SeedRecord, StepRecord, TargetRecord

ALL = frozenset(Exemption)


def steps(reused: int = 0, imported: int = 0, executed: int = 0, unknown: int = 0) -> StepFigures:
    counted = reused + imported + executed
    rate = (reused + imported) / counted if counted else None
    return StepFigures(reused=reused, imported=imported, executed=executed, unknown=unknown, hit_rate=rate)


def target(
    service: str = "api", strategy: str = "scratch", platforms: tuple[str, ...] = ("linux/amd64",)
) -> TargetRecord:
    return TargetRecord(
        name=f"{service}-{strategy}", service=service, strategy=strategy, platforms=platforms, images=()
    )


def run(**given: Any) -> RunRecord:
    told = {
        "id": "20261125-120000-ffffff",
        "started": 1000.0,
        "seconds": 10.0,
        "outcome": "done",
        "command": ("build",),
        "project": "shop",
        "root": "",
        "branch": "feature",
        "fallbacks": ("feature", "develop", "main"),
        "go_version": "1.26",
        "targets": (target(),),
        "inputs": InputsRecord(modules=(("github.com/google/uuid", "v1.6.0"),)),
    }
    return RunRecord(**{**told, **given})


def cached(outcome: str, instruction: str = "RUN go build") -> StepRecord:
    return StepRecord(
        target="api-scratch", name="", stage="", platform="", instruction=instruction, digest="", outcome=Outcome(outcome),
        started=0.0, seconds=0.0,
    )  # fmt: skip


def card(figures: StepFigures | None = None, go: GoFigures | None = None, **given: Any) -> Scorecard:
    figures = figures or steps(reused=9, executed=1)
    hits = (cached("reused"),) if figures.reused else ()
    return Scorecard(run=run(**{"steps": hits, **given}), steps=figures, go=go)


def past(number: int, seconds: float = 10.0, branch: str = "feature", **given: Any) -> RunSummary:
    """An earlier run, the higher the number the older, as the store tells it."""
    summary = summary_of(
        card(id=f"20261125-110000-{number:06x}", started=900.0 - number, seconds=seconds, branch=branch)
    )
    return replace(summary, **{"work": work_of(run()), **given})


def only(gate: Gate, judged: Scorecard, earlier: list[RunSummary] | None = None) -> Finding:
    (finding,) = judge(gate, judged, earlier or []).findings
    return finding


# ---- rates


@pytest.mark.parametrize(("executed", "state"), [(2, State.MET), (3, State.SHORT)])
def test_a_rate_is_reached_at_just_what_is_asked(executed: int, state: State) -> None:
    finding = only(Gate(min_hit_rate=0.8), card(steps(reused=7, imported=1, executed=executed)))
    assert finding.state is state
    assert finding.asked == 0.8
    assert finding.reached == 8 / (8 + executed)


def test_the_noise_of_decimal_fractions_fails_nobody() -> None:
    asked = 0.1 + 0.2
    assert asked > 0.3
    assert only(Gate(min_hit_rate=asked), card(steps(reused=3, executed=7))).state is State.MET
    most = 10.0 * (1 + 0.13)
    assert most < 11.3
    earlier = [past(n, 10.0) for n in (1, 2, 3)]
    assert only(Gate(max_seconds_regression=0.13), card(seconds=11.3), earlier).state is State.MET


def test_what_was_reached_is_not_rounded_up_to_what_is_asked() -> None:
    finding = only(Gate(min_hit_rate=0.8), card(steps(reused=7999, executed=2001)))
    assert finding.state is State.SHORT
    assert finding.says == "79.9 % of the steps came from a cache (7999 of 10000), 80 % is asked"


def test_a_run_without_a_step_that_counts_fails_nothing_and_says_so() -> None:
    finding = only(Gate(min_hit_rate=0.8), card(steps(unknown=4)))
    assert finding.state is State.UNTOLD
    assert finding.reached is None
    assert finding.why == "4 steps were cached, and from where is not known"


def test_a_run_without_steps_is_told_from_one_of_unknown_steps() -> None:
    verdict = judge(Gate(min_hit_rate=0.8), card(steps()), [])
    assert verdict.passed
    assert [(finding.check, finding.why) for finding in verdict.untold] == [(Check.HIT_RATE, "no step")]


def test_cached_steps_of_unknown_origin_fail_nothing_where_they_could_make_the_difference() -> None:
    finding = only(Gate(min_hit_rate=0.8), card(steps(reused=1, executed=1, unknown=8)))
    assert finding.state is State.UNTOLD
    assert finding.why == "from where 8 more were cached is not known; with them it would be 90 %"


def test_they_do_not_help_a_run_that_falls_short_with_them_too() -> None:
    assert only(Gate(min_hit_rate=0.8), card(steps(reused=1, executed=5, unknown=2))).state is State.SHORT


def test_go_packages_have_a_rate_of_their_own() -> None:
    gate = Gate(min_go_hit_rate=0.9)
    warm, cold = GoFigures(total=500, compiled=50, linked=1), GoFigures(total=500, compiled=51, linked=1)
    assert only(gate, card(go=warm)).state is State.MET
    finding = only(gate, card(go=cold))
    assert (finding.check, finding.state) == (Check.GO_HIT_RATE, State.SHORT)
    assert finding.says == "89.8 % of the Go packages came from a cache (449 of 500), 90 % is asked"


@pytest.mark.parametrize("go", [None, GoFigures(total=0, compiled=0, linked=0)])
def test_go_work_that_is_unknown_fails_no_rate_and_is_said_to_be_unknown(go: GoFigures | None) -> None:
    finding = only(Gate(min_go_hit_rate=0.9), card(go=go))
    assert finding.state is State.UNTOLD
    assert "nothing is known of Go's work" in finding.why


def test_a_gate_that_asks_nothing_finds_nothing() -> None:
    assert not Gate(exempt=ALL).asks
    assert judge(Gate(), card(), []) == Verdict()


# ---- seconds


def test_seconds_are_compared_with_the_median_of_the_last_runs() -> None:
    before = [past(1, 10.0), past(2, 100.0), past(3, 8.0)]
    gate = Gate(max_seconds_regression=0.2)
    assert only(gate, card(seconds=12.0), before).state is State.MET
    finding = only(gate, card(seconds=12.5), before)
    assert (finding.state, finding.reached, finding.asked) == (State.SHORT, 12.5, 12.0)
    assert finding.says == (
        "it took 12.5 s, and the last 3 runs of feature took 10.0 s by their median: +25 %, at most +20 % is asked"
    )


@pytest.mark.parametrize(
    ("unlike", "compared"),
    [({}, True), ({"services": ("api", "web")}, False), ({"services": ("web",)}, False), ({"targets": 2}, False)],
    ids=["the same", "more services", "another service", "more targets"],
)
def test_runs_of_before_targets_were_kept_are_alike_by_services_and_number(
    unlike: dict[str, Any], compared: bool
) -> None:
    before = [past(n, 10.0, work="", **unlike) for n in (1, 2, 3)]
    finding = only(Gate(max_seconds_regression=0.2), card(seconds=99.0), before)
    assert finding.state is (State.SHORT if compared else State.UNTOLD)


def test_with_few_runs_a_regression_is_not_told() -> None:
    finding = only(Gate(max_seconds_regression=0.2), card(seconds=500.0), [past(1), past(2)])
    assert finding.state is State.UNTOLD
    assert finding.why == "earlier runs that built the same targets: 2, and 3 are needed"


def test_a_branch_without_enough_runs_is_compared_with_that_of_its_base_and_then_main() -> None:
    mains = [past(n, 20.0, "main") for n in (3, 4, 5)]
    gate = Gate(max_seconds_regression=0.2)
    assert only(gate, card(seconds=22.0), [past(1, 1.0), *mains]).state is State.MET
    develop = [past(n, 5.0, "develop") for n in (6, 7, 8)]
    finding = only(gate, card(seconds=22.0), [*mains, *develop])
    assert finding.state is State.SHORT
    assert "runs of develop" in finding.says


def test_only_the_last_ten_runs_count() -> None:
    before = [past(n, 10.0) for n in range(1, 11)] + [past(n, 1.0) for n in range(11, 50)]
    assert only(Gate(max_seconds_regression=0.2), card(seconds=11.0), before).state is State.MET


@pytest.mark.parametrize(
    "other",
    [
        {"work": "other"},
        {"outcome": "failed"},
        {"branch": "elsewhere"},
        {"started": 2000.0},
        {"work": "", "targets": 7},
    ],
    ids=str,
)
def test_other_work_failed_runs_other_branches_and_later_runs_are_not_compared_with(other: dict[str, Any]) -> None:
    before = [replace(past(n), **other) for n in range(5)]
    assert only(Gate(max_seconds_regression=0.2), card(seconds=99.0), before).state is State.UNTOLD


@pytest.mark.parametrize(
    ("usual", "took", "state", "says"),
    [
        (10.0, 12.512, State.SHORT, "+25.2 %"),  # rounded up: what is too long never looks short enough
        (10.0, 10.0, State.MET, "+0 %"),
        (10.0, 7.488, State.MET, "-25.1 %"),
        (10.0, 30.0, State.SHORT, "+200 %"),
        (0.5, 0.75, State.SHORT, "+50 %"),
        (0.0, 0.0, State.MET, "no longer"),
        (0.0, 1.0, State.SHORT, "longer"),
    ],
)
def test_it_is_said_how_much_longer_a_run_took(usual: float, took: float, state: State, says: str) -> None:
    finding = only(Gate(max_seconds_regression=0.2), card(seconds=took), [past(n, usual) for n in (1, 2, 3)])
    assert finding.state is state
    assert f" s by their median: {says}, at most +20 % is asked" in finding.says


def test_a_run_that_began_at_the_same_time_is_compared_with() -> None:
    before = [replace(past(n), started=run().started) for n in range(5)]
    assert only(Gate(max_seconds_regression=0.2), card(seconds=99.0), before).state is State.SHORT


def test_the_run_itself_is_none_of_its_earlier_ones() -> None:
    before = [replace(past(n), id=run().id) for n in range(5)]
    assert only(Gate(max_seconds_regression=0.2), card(), before).state is State.UNTOLD


def test_runs_outside_of_git_are_compared_with_each_other() -> None:
    before = [past(n, 5.0, "") for n in range(3)]
    judged = card(seconds=9.0, branch="", fallbacks=("main",))
    assert only(Gate(max_seconds_regression=0.2), judged, before).state is State.SHORT


def test_the_same_targets_for_other_platforms_are_other_work() -> None:
    both = run(targets=(target(platforms=("linux/amd64", "linux/arm64")),))
    assert work_of(both) != work_of(run())
    assert work_of(run(targets=(target("b"), target("a")))) == work_of(run(targets=(target("a"), target("b"))))


# ---- require-cache

CACHE = Gate(require_cache=True)


def imported(error: str = "", found: bool = True) -> CacheRecord:
    return CacheRecord(direction="import", target="api-scratch", ref="r/c:main", seconds=0.1, found=found, error=error)


def test_an_import_that_failed_falls_short_however_much_was_reused() -> None:
    finding = only(CACHE, card(caches=(imported("connection refused"), imported("denied"))))
    assert finding.state is State.SHORT
    assert finding.says == "layer cache r/c:main and 1 more could not be read: connection refused"


def test_a_seed_that_was_refused_falls_short() -> None:
    seed = SeedRecord(action=SeedAction.REFUSED, name="r/c:seed", error="it took longer than 30 s")
    assert only(CACHE, card(seeds=(seed,))).says == "seed r/c:seed could not be read: it took longer than 30 s"


def test_a_seed_may_be_refused_without_a_word() -> None:
    seed = SeedRecord(action=SeedAction.REFUSED, name="r/c:seed")
    assert only(CACHE, card(seeds=(seed,))).says == "seed r/c:seed could not be read: refused"


def test_a_cache_that_is_not_there_yet_and_an_export_that_failed_fail_nothing() -> None:
    export = CacheRecord(direction="export", target="api-scratch", ref="r/c:main", seconds=0.1, error="denied")
    saved = SeedRecord(action=SeedAction.NOT_SAVED, name="r/c:seed", error="denied")
    assert only(CACHE, card(caches=(imported(found=False), export), seeds=(saved,))).state is State.MET


def test_nothing_from_a_cache_falls_short_where_there_were_earlier_runs() -> None:
    cold = card(steps(executed=9), GoFigures(total=5, compiled=5, linked=1))
    finding = only(CACHE, cold, [past(1)])
    assert finding.state is State.SHORT
    assert finding.says == "none of 9 steps came from a cache, although run 20261125-110000-000001 was there"
    assert only(CACHE, cold, [past(1, outcome="failed")]).state is State.UNTOLD


def test_unknown_go_work_is_no_evidence_that_a_cache_was_used() -> None:
    finding = only(CACHE, card(steps(executed=9)), [past(1)])
    assert finding.state is State.SHORT
    assert "what Go's own cache did is unknown" in finding.says


@pytest.mark.parametrize("outcome", ["reused", "imported", "unknown"])
def test_one_step_from_a_cache_is_evidence(outcome: str) -> None:
    assert only(CACHE, card(steps(executed=9), steps=(cached(outcome),)), [past(1)]).state is State.MET


@pytest.mark.parametrize("step", [cached("executed"), cached("shared"), cached("reused", "FROM alpine")])
def test_what_was_executed_or_shared_and_a_base_image_are_no_evidence(step: StepRecord) -> None:
    assert only(CACHE, card(steps(executed=9), steps=(step,)), [past(1)]).state is State.SHORT


def test_one_go_package_from_a_cache_is_evidence_and_a_run_without_work_needs_none() -> None:
    go = GoFigures(total=5, compiled=4, linked=1)
    assert only(CACHE, card(steps(executed=9), go), [past(1)]).state is State.MET
    assert only(CACHE, card(steps()), [past(1)]).state is State.MET


def test_no_cache_uses_none_whatever_the_events_say() -> None:
    finding = only(CACHE, card(no_cache=True, steps=(cached("reused"),)))
    assert (finding.state, finding.says) == (State.SHORT, "no cache was used: --no-cache")


# ---- exemptions

COLD = steps(executed=9)


def test_a_first_run_may_be_cold_where_that_is_said() -> None:
    gate = Gate(min_hit_rate=0.8, require_cache=True)
    assert not judge(gate, card(COLD), []).passed
    verdict = judge(replace(gate, exempt=frozenset({Exemption.FIRST_RUN})), card(COLD), [])
    assert verdict.passed
    (rate,) = verdict.exempt
    assert rate.why == "first-run: no earlier run of these services is on record"


def test_other_services_and_other_branches_make_no_earlier_run() -> None:
    gate = Gate(min_hit_rate=0.8, exempt=frozenset({Exemption.FIRST_RUN}))
    others = (past(1, services=("worker",)), past(1, branch="elsewhere"), past(1, outcome="failed"))
    for other in others:
        assert judge(gate, card(COLD), [other]).passed
    assert not judge(gate, card(COLD), [past(1, branch="main")]).passed


@pytest.mark.parametrize(
    ("name", "before", "why"),
    [
        (Exemption.GO_VERSION, {"go_version": "1.25"}, "Go 1.26, and run 20261125-110000-000001 had 1.25"),
        (Exemption.MODULES, {"modules": "other"}, "other modules are asked for than in run 20261125-110000-000001"),
    ],
)
def test_a_change_that_makes_caches_useless_excuses_the_first_run_after_it(
    name: Exemption, before: dict[str, Any], why: str
) -> None:
    gate = Gate(min_hit_rate=0.8, require_cache=True, exempt=frozenset({name}))
    changed = past(1, **before)
    verdict = judge(gate, card(COLD), [changed])
    assert [(f.check, f.why) for f in verdict.exempt] == [(c, f"{name}: {why}") for c in (Check.HIT_RATE, Check.CACHE)]
    assert not judge(gate, card(COLD), [past(0), changed]).passed, "the next run has no excuse"
    assert not judge(replace(gate, exempt=ALL - {name}), card(COLD), [changed]).passed


@pytest.mark.parametrize("unknown", [{"go_version": ""}, {"modules": ""}])
def test_what_an_earlier_run_does_not_tell_excuses_nothing(unknown: dict[str, Any]) -> None:
    assert not judge(Gate(min_hit_rate=0.8, exempt=ALL), card(COLD), [past(1, **unknown)]).passed


def test_a_cache_that_is_broken_is_excused_by_a_first_run_alone() -> None:
    gate, broken = Gate(require_cache=True, exempt=ALL), card(caches=(imported("denied"),))
    assert judge(gate, broken, []).passed
    assert not judge(gate, broken, [replace(past(1), go_version="1.25", modules="other")]).passed


def test_what_was_reached_needs_no_excuse() -> None:
    assert judge(Gate(min_hit_rate=0.8, exempt=ALL), card(), []).exempt == ()


# ---- file and command line


def test_the_command_line_wins_over_the_branch_and_the_branch_over_the_file() -> None:
    config = GateConfig(
        min_hit_rate=0.5,
        min_go_hit_rate=0.5,
        max_seconds_regression=0.5,
        exempt=ALL,
        branches={
            "release/*": GateConfig(min_hit_rate=0.6, min_go_hit_rate=0.6, exempt=frozenset()),
            "*": GateConfig(),
        },
    )
    wish = GateConfig(min_hit_rate=0.7, require_cache=True)
    assert gate_of(config, wish, "release/1") == Gate(
        min_hit_rate=0.7, min_go_hit_rate=0.6, max_seconds_regression=0.5, require_cache=True
    )
    assert gate_of(config, GateConfig(), "main").min_hit_rate == 0.5
    assert gate_of(config, GateConfig(), "").exempt == ALL


def test_none_takes_a_limit_away() -> None:
    config = GateConfig(min_hit_rate=0.5, require_cache=True)
    assert not gate_of(config, GateConfig(min_hit_rate="none", require_cache=False), "main").asks


# ---- what is said

EXPLAINED = Explanation(
    run=run().id,
    misses=(
        Miss(
            target="a", platform="", step=1, label="a compile RUN", cause=Cause.FILES, says="main.go changed", seconds=1
        ),
        Miss(target="b", platform="", step=2, label="b\x1b[2J RUN", cause=Cause.BASE, says="base\nmoved", seconds=9),
    ),
    packages=(
        PackageCause(platform="linux/amd64", cause=Cause.FILES, says="main.go changed", root="m", packages=("m", "n")),
    ),
)


def test_what_falls_short_is_said_with_its_causes_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    gate = Gate(min_hit_rate=0.8, min_go_hit_rate=0.9)
    with pytest.raises(GateFailed) as raised:
        judge_or_fail(gate, card(COLD), Past(), lambda: EXPLAINED)
    assert raised.value.exit_code == ExitCode.GATE_FAILED
    assert str(raised.value) == (
        "the gate failed: min-hit-rate: 0 % of the steps came from a cache (0 of 9), 80 % is asked; "
        "`gobake explain` says why"
    )
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "gate: fell short: min-hit-rate: 0 % of the steps came from a cache (0 of 9), 80 % is asked",
        "gate: not known: min-go-hit-rate: the hit rate of Go packages is unknown, 90 % is asked "
        "(nothing is known of Go's work in this run)",
        "  because b RUN: base moved",
        "  because a compile RUN: main.go changed",
        "  because Go linux/amd64: main.go changed (2 packages)",
    ]


def test_a_run_that_passes_is_not_explained(capsys: pytest.CaptureFixture[str]) -> None:
    def never() -> Explanation:
        raise AssertionError("it was explained")

    assert judge_or_fail(Gate(min_hit_rate=0.8), card(), Past(), never).passed
    assert "gate: reached: min-hit-rate: 90 % of the steps" in capsys.readouterr().err


def test_quiet_says_only_what_falls_short(capsys: pytest.CaptureFixture[str]) -> None:
    judge_or_fail(Gate(min_hit_rate=0.8, min_go_hit_rate=0.8), card(), Past(), None, quiet=True)
    assert capsys.readouterr().err == ""


def test_hostile_words_in_a_record_reach_neither_terminal_nor_error(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = imported("denied\x1b[2J\x1b]0;title\x07\nerror: all is well")
    with pytest.raises(GateFailed) as raised:
        judge_or_fail(CACHE, card(caches=(hostile,)), Past(), None)
    for text in (str(raised.value), *capsys.readouterr().err.splitlines()):
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "denied error: all is well" in text
