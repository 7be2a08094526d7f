"""The figures of runs, on real records and on built-up ones whose figures can be told by hand."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from gobake.insight.scorecard import made_of, scorecard, summary_of
from gobake.insight.work import pieces
from gobake.runs.outcomes import SeedAction
from gobake.runs.record import CacheRecord, GoCommandRecord, GoRecord, InputsRecord, SeedRecord, digests
from tests.unit.scoring import before, recorded, run, step, target

# ---- real runs


def test_a_cold_run_hits_nothing_and_compiles_everything() -> None:
    card = scorecard(recorded("cold"), [])
    assert (card.steps.reused, card.steps.imported, card.steps.executed) == (0, 0, 103)
    assert (card.steps.hit_rate, card.steps.weighted_hit_rate) == (0.0, 0.0)
    assert card.steps.shared == 257
    assert card.go is not None
    assert (card.go.total, card.go.compiled, card.go.linked) == (528, 528, 8)
    assert (card.modules_total, card.modules_downloaded) == (13, 13)
    assert card.work is not None
    assert card.work.seconds == 0.0


def test_a_warm_run_hits_everything_and_saves_what_the_cold_one_cost() -> None:
    card = scorecard(recorded("warm"), before("warm"))
    assert (card.steps.reused, card.steps.executed) == (103, 0)
    assert (card.steps.hit_rate, card.steps.weighted_hit_rate) == (1.0, 1.0)
    assert card.go is not None
    assert (card.go.compiled, card.go.hit_rate) == (0, 1.0)
    assert (card.modules_total, card.modules_downloaded) == (13, 0)
    cold = {s.digest: s.seconds or 0.0 for s in recorded("cold").steps if s.outcome == "executed"}
    assert card.work is not None
    assert card.work.unknown == 0
    assert card.work.steps == pytest.approx(sum(cold.values()), rel=0.1)


def test_after_an_edit_go_compiles_one_package_a_platform() -> None:
    card = scorecard(recorded("edit"), before("edit"))
    assert card.go is not None
    assert (card.go.compiled, card.go.linked) == (2, 2)
    assert {(c.service, c.go.compiled) for c in card.commands} == {
        ("api", 0),
        ("migrate", 0),
        ("shopctl", 0),
        ("worker", 1),
    }
    compiled = sum(s for w in recorded("cold").go for path, s in w.compiled if path != "example.com/shop/worker")
    assert card.work is not None
    assert card.work.packages == pytest.approx(compiled)
    worker = next(part for part in card.services if part.name == "worker")
    api = next(part for part in card.services if part.name == "api")
    assert worker.steps.hit_rate is not None
    assert api.steps.hit_rate is not None
    assert worker.steps.hit_rate < api.steps.hit_rate


def test_a_bare_run_imports_and_pays_for_its_seed() -> None:
    card = scorecard(recorded("bare"), before("bare"))
    assert (card.steps.imported, card.steps.executed, card.steps.reused) == (11, 10, 0)
    assert card.steps.hit_rate == pytest.approx(11 / 21)
    assert card.steps.weighted_hit_rate is not None
    assert card.steps.weighted_hit_rate < 0.3  # what was imported is cheap; the compiling was done
    assert card.work is not None
    seed = recorded("bare").seeds[0].seconds
    assert card.work.cost == pytest.approx(seed + 1.887 + 0.099, abs=0.01)


@pytest.mark.parametrize("name", ["cold", "warm", "edit", "exported", "bare"])
def test_no_part_and_no_chain_takes_longer_than_the_run(name: str) -> None:
    card = scorecard(recorded(name), before(name))
    wall = recorded(name).seconds
    assert 0 < (card.critical_seconds or 0) <= wall
    for part in (*card.services, *card.strategies, *card.platforms):
        assert 0 <= part.seconds <= wall


def test_the_critical_path_of_a_cold_run_goes_through_the_compile() -> None:
    record = recorded("cold")
    path = [record.steps[at] for at in scorecard(record, []).critical_path]
    assert [s.stage for s in path][:4] == ["go", "compile", "compile", "stamp"]
    assert path[-2].stage == "api-upx-pack"  # packing is slow
    ends = [(s.started or 0) + (s.seconds or 0) for s in path]
    assert all(one < other for one, other in pairwise(ends))


# ---- steps


def test_work_that_targets_share_counts_once() -> None:
    card = scorecard(run(step(1, "executed", 4.0), step(1, "shared", target="api-alpine"), step(2, "reused")), [])
    assert (card.steps.executed, card.steps.shared, card.steps.reused) == (1, 1, 1)
    assert card.steps.hit_rate == 0.5


def test_housekeeping_and_steps_that_were_never_reached_are_in_no_rate() -> None:
    card = scorecard(run(step(1, "reused"), step(2, "uncacheable"), step(3, "unknown", started=None)), [])
    assert (card.steps.hit_rate, card.steps.uncacheable, card.steps.unknown) == (1.0, 1, 0)


def test_a_hit_of_unknown_origin_is_in_no_rate() -> None:
    card = scorecard(run(step(1, "unknown"), step(2, "executed")), [])
    assert (card.steps.unknown, card.steps.hit_rate) == (1, 0.0)


def test_without_steps_nothing_is_known() -> None:
    card = scorecard(run(), [])
    assert (card.steps.hit_rate, card.steps.weighted_hit_rate, card.go) == (None, None, None)
    assert (card.critical_path, card.critical_seconds, card.modules_downloaded) == ((), None, None)


def test_the_weighted_rate_weighs_by_what_steps_last_took() -> None:
    first = run(step(1, "executed", 30.0), step(2, "executed", 5.0))
    second = run(step(1, "reused"), step(2, "executed", 10.0), at=1)
    third = run(step(1, "reused"), step(2, "reused"), step(3, "executed", 20.0), at=2)
    assert scorecard(second, [first]).steps.weighted_hit_rate == 0.75
    assert scorecard(third, [second, first]).steps.weighted_hit_rate == pytest.approx(40 / 60)


def test_a_reused_step_that_no_record_executed_leaves_the_weighted_rate_unknown() -> None:
    card = scorecard(run(step(1, "reused"), step(2, "executed", 1.0)), [])
    assert (card.steps.hit_rate, card.steps.weighted_hit_rate, card.work) == (0.5, None, None)


def test_a_base_image_that_was_there_before_gobake_weighs_nothing() -> None:
    first = run(step(0, "reused", instruction="FROM golang"), step(1, "executed", 3.0))
    second = run(step(0, "reused", instruction="FROM golang"), step(1, "reused"), step(2, "executed", 1.0))
    assert scorecard(second, [first]).steps.weighted_hit_rate == 0.75


def test_a_step_is_found_again_under_another_stage_but_not_on_other_ground() -> None:
    """BuildKit names a step that stages share after any one of them."""
    first = run(step(1, "executed", 8.0), step(2, "executed", 2.0, needs=(0,), stage="one", instruction="COPY a b"))
    same = run(step(1, "reused"), step(2, "reused", needs=(0,), stage="two", instruction="COPY a b"))
    other = run(step(5, "reused"), step(2, "reused", needs=(0,), stage="one", instruction="COPY a b"))
    assert scorecard(same, [first]).work == replace(scorecard(same, [first]).work, steps=10.0, unknown=0)  # type: ignore[type-var]
    assert scorecard(other, [first]).work is None


def test_a_failed_or_canceled_step_tells_no_cost() -> None:
    failed = run(step(1, "executed", 9.0, error="exit code 1"), step(2, "executed", 9.0, canceled=True))
    assert scorecard(run(step(1, "reused"), step(2, "reused")), [failed]).work is None


# ---- the critical path


def test_the_critical_path_is_the_longest_chain() -> None:
    card = scorecard(
        run(
            step(0, "executed", 5.0, started=0.0),
            step(1, "executed", 3.0, started=5.0, needs=(0,)),
            step(2, "executed", 7.0, started=0.0),
            step(3, "executed", 2.0, started=8.0, needs=(1, 2)),
        ),
        [],
    )
    assert (card.critical_path, card.critical_seconds) == ((0, 1, 3), 10.0)


def test_work_that_several_show_is_that_of_the_one_that_took_longest() -> None:
    same = {"digest": "sha256:same"}
    record = run(step(0, "shared", 9.0, **same), step(1, "executed", 1.0, **same), step(2, "executed", 5.0, **same))
    (piece,) = pieces(record)
    assert (piece.outcome, piece.at, piece.shown) == ("executed", 2, (0, 1, 2))


def test_the_critical_path_leads_through_the_sibling_that_did_the_work() -> None:
    card = scorecard(
        run(
            step(0, "executed", 5.0, target="web-scratch"),
            step(0, "shared", 0.0),
            step(2, "executed", 1.0, started=5.0, needs=(1,)),
        ),
        [],
    )
    assert (card.critical_path, card.critical_seconds) == ((0, 2), 6.0)


def test_time_in_which_two_steps_of_a_chain_overlap_counts_once() -> None:
    card = scorecard(run(step(0, "executed", 9.0), step(1, "executed", 10.0, needs=(0,))), [])
    assert (card.critical_path, card.critical_seconds) == ((0, 1), 11.0)


def test_a_record_whose_steps_need_each_other_or_nothing_that_exists_is_survived() -> None:
    circle = run(
        step(0, "reused", 1.0, digest="", needs=(1,)),
        step(1, "reused", 1.0, digest="", needs=(0, 99, -3)),
        step(2, "executed", 2.0, digest=""),
    )
    card = scorecard(circle, [circle])
    assert (card.critical_path, card.critical_seconds) == ((2,), 2.0)


# ---- Go


def _go(*, compiled: tuple[tuple[str, float], ...] = (), actions: tuple[str, ...] = ()) -> GoRecord:
    return GoRecord(
        platform="linux/amd64",
        packages=3,
        compiled=compiled,
        linked=(("shop/api", 0.5),) if compiled else (),
        actions=tuple((path, "key") for path in actions),
        commands=(GoCommandRecord(package="shop/api", packages=3, compiled=tuple(range(len(compiled)))),),
    )


ALL = ("fmt", "rsc.io/quote/v3", "shop/api")


def test_packages_out_of_gos_cache_save_what_they_last_took() -> None:
    first = run(step(1, "executed", 9.0), go=(_go(compiled=(("fmt", 2.0), ("rsc.io/quote/v3", 3.0)), actions=ALL),))
    second = run(step(2, "executed", 1.0), go=(_go(compiled=(("shop/api", 1.0),), actions=ALL),))
    saved = scorecard(second, [first]).work
    assert saved is not None
    assert (saved.packages, saved.seconds) == (5.0, 5.0)


def test_a_reused_compile_step_saves_no_packages_besides() -> None:
    first = run(step(1, "executed", 9.0), go=(_go(compiled=(("fmt", 2.0),), actions=ALL),))
    saved = scorecard(run(step(1, "reused"), go=(_go(),)), [first]).work
    assert saved is not None
    assert (saved.steps, saved.packages) == (9.0, 0)


def test_a_command_belongs_to_the_services_of_its_package() -> None:
    targets = (target("api", package="shop/api"), target("worker", package="shop/worker"))
    card = scorecard(run(go=(_go(compiled=(("shop/api", 1.0),)),), targets=targets), [])
    (command,) = card.commands
    assert (command.service, command.go.compiled, command.go.linked, command.go.seconds) == ("api", 1, 1, 1.5)


def test_modules_are_those_that_packages_are_of() -> None:
    modules = (("rsc.io/quote", "v1"), ("rsc.io/quote/v3", "v3"), ("unused.example/x", "v1"), ("shop", "v0"))
    inputs = InputsRecord(modules=modules, packages=(("shop/api", "api"),))
    first = run(step(1, "executed"), go=(_go(compiled=(("fmt", 1.0),), actions=ALL),), inputs=inputs)
    assert scorecard(first, []).modules_total == 1
    reused = run(step(1, "reused"), go=(_go(),), inputs=inputs)
    assert scorecard(reused, [first]).modules_total == 1
    assert scorecard(reused, []).modules_total == 3  # that go.mod files name, without the user's own


def test_go_without_a_record_is_unknown() -> None:
    assert scorecard(run(step(1, "executed")), []).go is None


@pytest.mark.parametrize("searched", [True, False])
def test_packages_are_those_of_the_last_five_runs_that_asked_for_the_same_modules(searched: bool) -> None:
    inputs = InputsRecord(modules=(("rsc.io/quote/v3", "v3"), ("b", "v1")), packages=(("shop/api", "api"),))
    reused = run(go=(_go(),), inputs=inputs)
    compiled = run(go=(_go(compiled=(("rsc.io/quote/v3", 1.0),)),), inputs=inputs)
    quiet = [reused] * (4 if searched else 5)
    assert scorecard(reused, [*quiet, compiled]).modules_total == (1 if searched else 2)


@pytest.mark.parametrize("unlike", [{"modules": (("b", "v2"),)}, {"packages": (("shop/web", "web"),)}])
def test_packages_of_a_run_with_other_modules_or_sources_tell_nothing(unlike: dict[str, Any]) -> None:
    inputs = InputsRecord(modules=(("rsc.io/quote/v3", "v3"), ("b", "v1")), packages=(("shop/api", "api"),))
    other = run(go=(_go(compiled=(("rsc.io/quote/v3", 1.0),)),), inputs=replace(inputs, **unlike))
    assert scorecard(run(go=(_go(),), inputs=inputs), [other]).modules_total == 2


def test_a_target_may_tell_its_main_package_by_a_digest_or_have_several_programs() -> None:
    plain = target("api", package="shop/api", programs=("shop/ctl",))
    older = target("api", arguments=(*digests({"package": "shop/api"}), *digests({"tags": "x"})))
    assert made_of(plain, "shop/api")
    assert made_of(plain, "shop/ctl")
    assert not made_of(plain, "shop/web")
    assert made_of(older, "shop/api")
    assert not made_of(older, "shop/web")


def test_commands_are_listed_by_service_and_platform_with_their_own_links() -> None:
    def work(platform: str) -> GoRecord:
        commands = tuple(GoCommandRecord(package=name, packages=2, compiled=(0,)) for name in ("shop/web", "shop/api"))
        linked = (("shop/api", 0.5), ("shop/web", 0.25))
        return GoRecord(platform=platform, packages=3, compiled=(("fmt", 1.0),), linked=linked, commands=commands)

    targets = (
        target("web", package="shop/web"),
        target("api", package="shop/api"),
        target("api", "upx", package="shop/api"),
    )
    card = scorecard(run(go=(work("linux/arm64"), work("linux/amd64")), targets=targets), [])
    assert [(c.service, c.platform, c.go.linked, c.go.seconds) for c in card.commands] == [
        ("api", "linux/amd64", 1, 1.5),
        ("api", "linux/arm64", 1, 1.5),
        ("web", "linux/amd64", 1, 1.25),
        ("web", "linux/arm64", 1, 1.25),
    ]
    assert card.go is not None
    assert (card.go.total, card.go.compiled, card.go.linked, card.go.seconds) == (6, 2, 4, 3.5)


# ---- parts


def test_steps_belong_to_the_parts_of_their_target() -> None:
    targets = (target("api"), target("web", "upx", platforms=("linux/amd64", "linux/arm64")))
    card = scorecard(
        run(
            step(0, "executed", 4.0),
            step(1, "executed", 2.0, target="web-upx", platform="linux/arm64"),
            step(2, "executed", 1.0, target="trace", platform=""),
            step(3, "reused", 1.0, platform="", started=9.0),
            step(4, "executed", 1.0, target="web-upx", platform=""),
            targets=targets,
        ),
        [],
    )
    assert [(p.name, p.steps.executed, p.steps.reused, p.seconds) for p in card.services] == [
        ("api", 1, 1, 5.0),
        ("web", 2, 0, 3.0),
    ]
    assert [(p.name, p.steps.executed) for p in card.strategies] == [("scratch", 1), ("upx", 2)]
    # without a platform in its name a step is of its target's only one
    assert [(p.name, p.steps.executed, p.steps.reused) for p in card.platforms] == [
        ("linux/amd64", 1, 1),
        ("linux/arm64", 1, 0),
    ]


# ---- saved


def test_nothing_is_said_to_be_saved_where_no_cost_of_what_was_cached_is_known() -> None:
    cached = run(step(9, "executed", 1.0), go=(_go(actions=ALL),))
    compiled = run(go=(_go(compiled=(("fmt", 2.0),)),))
    assert scorecard(cached, []).work is None
    found = scorecard(cached, [compiled]).work
    assert found is not None
    assert (found.steps, found.packages, found.unknown) == (0.0, 2.0, 0)


def test_cached_steps_without_a_known_cost_are_counted_beside_those_with_one() -> None:
    first = run(step(1, "executed", 5.0))
    found = scorecard(run(step(1, "reused"), step(2, "reused")), [first]).work
    assert found is not None
    assert (found.steps, found.packages, found.cost, found.unknown) == (5.0, 0, 0.0, 1)


def test_a_run_that_took_nothing_from_a_cache_saved_nothing() -> None:
    found = scorecard(run(step(1, "executed", 5.0)), []).work
    assert found is not None
    assert (found.seconds, found.unknown) == (0.0, 0)


def test_caches_that_cost_more_than_they_save_save_less_than_nothing() -> None:
    first = run(step(1, "executed", 2.0))
    caches = (
        CacheRecord(direction="import", target="a", ref="r", seconds=1.0),
        CacheRecord(direction="export", target="a", ref="r", seconds=6.0),
        CacheRecord(direction="export", target="b", ref="r", seconds=4.0),
        CacheRecord(direction="export", target="c", ref="r", seconds=None),
    )
    card = scorecard(
        run(
            step(1, "imported", 0.5),
            caches=caches,
            seeds=(SeedRecord(action=SeedAction.RESTORED, name="s", seconds=3.0),),
        ),
        [first],
    )
    assert card.work is not None
    assert (card.work.steps, card.work.cost, card.work.seconds) == (1.5, 10.0, -8.5)


# ---- digests


def test_a_digest_tells_modules_apart_and_holds_no_more_than_lists_need() -> None:
    card = scorecard(recorded("edit"), before("edit"))
    digest = summary_of(card)
    assert (digest.services, digest.targets, digest.compiled) == (("api", "migrate", "shopctl", "worker"), 32, 2)
    assert digest.hit_rate == card.steps.hit_rate
    assert digest.saved == card.saved is not None
    other = replace(card, run=replace(card.run, inputs=replace(card.run.inputs, modules=(("a", "v1"),))))
    assert summary_of(other).modules not in ("", digest.modules)
    assert len(digest.modules) == 16
    assert summary_of(scorecard(run(), [])).modules == ""


def test_a_command_that_names_packages_that_were_not_compiled_is_counted_without_them() -> None:
    """As only a damaged record says."""
    work = GoRecord(
        platform="linux/amd64",
        packages=3,
        compiled=(("a", 1.0), ("b", 2.0)),
        linked=(),
        commands=(GoCommandRecord(package="example.com/shop/api", packages=3, compiled=(-1, 0, 1, 2)),),
    )
    api = target(package="example.com/shop/api")
    (command,) = scorecard(run(go=(work,), targets=(api,)), []).commands
    assert (command.service, command.go.compiled, command.go.seconds) == ("api", 2, 3.0)


def test_a_project_without_modules_has_none() -> None:
    inputs = InputsRecord(packages=(("example.com/notes/cmd/web", "cmd/web"),))
    assert scorecard(run(inputs=inputs), []).modules_total == 0
    assert scorecard(run(), []).modules_total is None  # its inputs were not examined
