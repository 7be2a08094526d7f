"""What images grew by from run to run, which run they are compared with, and what did it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec.structs import replace

from gobake.checkout.requirements import Requirement
from gobake.config.gates import GateConfig, MostGrowth, SizeGate
from gobake.insight.growth import Grown, Growth, ImageGrowth, candidates, course, grown, growths, lineage
from gobake.insight.growth_words import culprit_words, growth_words, module_words
from gobake.insight.scorecard import scorecard, summary_of
from gobake.insight.size_gate import findings
from gobake.insight.verdict import Finding, State
from gobake.runs.record import ContentsRecord, LayerRecord, ModuleRecord, RunRecord, SizeRecord
from gobake.runs.summary import RunSummary
from tests.unit import scoring

ZAP = "go.uber.org/zap"


def module(path: str, version: str = "v1.0.0", size: int = 1000, **packages: int) -> ModuleRecord:
    listed = tuple((f"{path}/{name}", count) for name, count in packages.items())
    return ModuleRecord(module=path, version=version, bytes=size, packages=listed)


def contents(*modules: ModuleRecord, others: int = 0, files: int = 100) -> ContentsRecord:
    program = sum(one.bytes for one in modules)
    layers = (
        LayerRecord(digest="sha256:f", instruction="COPY /files/ /", bytes=files),
        LayerRecord(digest="sha256:p", instruction="COPY /out/static/api/ /", bytes=program // 3),
    )
    return ContentsRecord(layers=layers, program=program, modules=modules, others=others)


def between(before: ContentsRecord, now: ContentsRecord) -> Grown:
    sizes = [sum(layer.bytes for layer in one.layers) for one in (before, now)]
    return grown("run 1", (sizes[0], sizes[1]), before, now)


# ---- two images


def test_the_module_that_explains_the_growth_is_named_with_its_package() -> None:
    before = contents(module("std", "go1.26.1", 9000), module(ZAP, "v1.27.0", 3000, core=2900))
    now = contents(module("std", "go1.26.1", 9030), module(ZAP, "v1.28.0", 5000, core=3000, sinks=1900))
    assert culprit_words(between(before, now)) == f"{ZAP}: 2 kB more, v1.27.0 → v1.28.0, in {ZAP}/sinks"


def test_a_new_module_is_named_before_the_standard_library_that_it_uses_more_of() -> None:
    """protobuf calls methods by reflection, so that the linker keeps those of all packages."""
    before = contents(module("std", "go1.26.6", 6000))
    now = contents(module("std", "go1.26.6", 7550), module("google.golang.org/protobuf", "v1.36.11", 1540))
    assert culprit_words(between(before, now)) == (
        "google.golang.org/protobuf: 1.54 kB more, new in v1.36.11, and standard library: 1.55 kB more"
    )


def test_the_standard_library_is_named_where_nothing_else_explains_it() -> None:
    own = module("example.com/api", "(devel)", 300)
    for other in (own, module("example.com/tiny", "v1.0.1", 301)):
        before = contents(module("std", "go1.26.6", 6000, net=900), own, module("example.com/tiny", size=300))
        now = contents(module("std", "go1.26.6", 9000, net=3900), replace(own, bytes=320), other)
        assert culprit_words(between(before, now)) == "standard library: 3 kB more, in std/net"
    newer = contents(module("std", "go1.27.0", 9000), module("example.com/tiny", "v2.0.0", 400))
    assert culprit_words(between(before, newer)).startswith("standard library: 3 kB more, go1.26.6 → go1.27.0")


def test_a_layer_is_named_if_the_program_does_not_explain_the_growth() -> None:
    before, now = contents(module(ZAP, size=3000)), contents(module(ZAP, size=3010), files=50_000)
    assert culprit_words(between(before, now)) == "the layer COPY /files/ /: 49.9 kB more"
    unread = replace(now, program=None, modules=())
    assert culprit_words(between(before, unread)) == "the layer COPY /files/ /: 49.9 kB more"


def test_without_records_of_both_nothing_is_named() -> None:
    change = grown("run 1", (1000, 2000), None, contents(module(ZAP)))
    assert (culprit_words(change), growth_words(change), change.changed) == ("", "+1 kB, +100.0 %", True)


def test_a_change_of_less_than_a_thousandth_is_none() -> None:
    assert not grown("", (10_000, 10_009), None, None).changed
    assert grown("", (10_000, 9990), None, None).changed
    assert not grown("", (0, 0), None, None).changed


def test_what_the_record_does_not_list_is_not_told_as_new() -> None:
    """A module that is not among the largest may have been there, with at most as much as the last that is listed."""
    before = contents(module("std", size=9000), module("a.example/small", size=400), others=3)
    now = contents(module("std", size=9000), module("b.example/grew", "v2.0.0", size=900), others=3)
    assert [(one.module, one.before, one.bytes) for one in between(before, now).modules] == [
        ("b.example/grew", "", 500),
    ]
    assert "new in" not in culprit_words(between(before, now))


def test_the_culprit_is_right_in_thirty_bumps_with_short_lists() -> None:
    chance = random.Random(11)
    for _ in range(30):
        names = [f"example.com/m{number}" for number in range(12)]
        sizes = {name: chance.randrange(2_000, 90_000) for name in names}
        bumped = chance.choice(names)
        later = {name: size + chance.randrange(-100, 100) for name, size in sizes.items()}
        later[bumped] += chance.randrange(95_000, 200_000)
        lists = []
        for told in (sizes, later):
            listed = sorted(told, key=lambda name: -told[name])[:8]
            modules = [
                module(name, "v1.1.0" if told is later and name == bumped else "v1.0.0", told[name]) for name in listed
            ]
            lists.append(contents(*modules, others=4))
        culprit = between(*lists).culprit
        assert culprit
        assert culprit.module == bumped


def test_the_line_that_brought_it_is_told_or_why_it_is_not() -> None:
    source = Requirement(file="api/go.mod", line=12, commit="3f2a9c1e", date="2026-11-24", subject="Log better")
    one = Growth(module=ZAP, version="v1.28.0", before="v1.27.0", bytes=2000, source=source)
    assert module_words(one).endswith("v1.27.0 → v1.28.0 (api/go.mod:12, 3f2a9c1e 2026-11-24 Log better)")
    unknown = replace(one, source=Requirement(file="go.mod", line=3, unknown="the clone is shallow"))
    assert module_words(unknown).endswith("(go.mod:3, commit unknown: the clone is shallow)")


# ---- runs


def run(at: int, size: int = 1_000_000, told: ContentsRecord | None = None, **more: Any) -> RunRecord:
    sizes = (SizeRecord(platform="linux/amd64", compressed=size, contents=told),)
    target = scoring.target(digest="sha256:1", sizes=sizes)
    return scoring.run(at=at, **{"targets": (target,), **more})


def summary(record: RunRecord) -> RunSummary:
    return summary_of(scorecard(record, []))


FEATURE: dict[str, Any] = {"branch": "feature", "fallbacks": ("feature", "main")}


def test_a_branch_is_compared_with_what_it_goes_into_and_main_with_itself() -> None:
    assert lineage(run(9, **FEATURE)) == ["main", "feature"]
    assert lineage(run(9, fallbacks=("main",))) == ["main"]
    assert lineage(run(9, branch="")) == [""]


def test_growth_is_not_forgotten_by_a_second_push_of_the_branch() -> None:
    main, first, now = run(1), run(2, 1_500_000, **FEATURE), run(3, 1_500_000, **FEATURE)
    ids = candidates(now, [summary(first), summary(main)])
    assert ids == [main.id, first.id]
    (one,) = growths(now, [main, first])
    assert (one.run, one.branch, one.grown.bytes) == (main.id, "main", 500_000)


def test_a_new_branch_without_a_run_of_main_is_compared_with_its_own() -> None:
    before, now = run(1, **FEATURE), run(2, 1_200_000, **FEATURE)
    assert candidates(now, [summary(before)]) == [before.id]


def test_runs_that_failed_or_began_later_or_built_something_else_do_not_count() -> None:
    other = run(1, targets=(scoring.target("worker", digest="sha256:2"),))
    failed, later = run(2, outcome="failed"), run(8)
    assert candidates(run(5), [summary(later), summary(failed), summary(other)]) == []


def test_other_strategies_of_all_are_not_what_a_service_ships() -> None:
    chosen = scoring.target(digest="sha256:1", images=("api:latest-scratch", "api:latest"))
    other = scoring.target(strategy="alpine", digest="sha256:2", images=("api:latest-alpine",))
    before = replace(run(1), targets=(chosen, other))
    assert [one.strategy for one in growths(replace(before, id="9"), [before])] == ["scratch"]


def test_the_course_of_an_image_has_what_changed_at_each_run() -> None:
    small, large = contents(module(ZAP, "v1.0.0", 300)), contents(module(ZAP, "v1.1.0", 900))
    runs = [run(3, 1_100_000, large), run(2, 1_000_000, small), run(1, 1_000_000)]
    points = course(runs[0], runs[1:])
    assert [(one.at, one.bytes, one.grown.changed if one.grown else None) for one in points] == [
        (0, 1_000_000, None),
        (1, 1_000_000, False),
        (2, 1_100_000, True),
    ]
    assert points[2].grown
    assert culprit_words(points[2].grown).startswith(f"{ZAP}: 600 B more, v1.0.0 → v1.1.0")


# ---- the gate


def judged(limits: SizeGate, now: RunRecord, before: RunRecord | None = None) -> list[Finding]:
    growth: tuple[ImageGrowth, ...] = growths(now, [before]) if before else ()
    return list(findings(lambda _: limits, now, growth))


def test_an_image_that_is_too_large_falls_short_and_its_largest_module_is_named() -> None:
    told = contents(ModuleRecord(module="", bytes=10_000), module(ZAP, size=9000))
    (finding,) = judged(SizeGate(max_size=990_000), run(1, told=told))
    assert finding.state is State.SHORT
    assert finding.says == (
        f"api scratch linux/amd64 has 1 MB compressed, at most 990 kB is asked; the largest module is {ZAP}: 9 kB"
    )
    (finding,) = judged(SizeGate(max_size=1_000_000), run(1))
    assert finding.state is State.MET


@pytest.mark.parametrize(
    ("most", "state"),
    [
        (MostGrowth(share=0.05), State.MET),
        (MostGrowth(share=0.0499), State.SHORT),
        (MostGrowth(bytes=50_000), State.MET),
        (MostGrowth(bytes=49_999), State.SHORT),
    ],
)
def test_growth_is_judged_at_just_what_is_asked(most: MostGrowth, state: State) -> None:
    (finding,) = judged(SizeGate(max_growth=most), run(2, 1_050_000), run(1))
    assert finding.state is state


def test_what_grew_too_much_names_the_module_and_the_run() -> None:
    before = run(1, told=contents(module(ZAP, "v1.27.0", 300)))
    (finding,) = judged(
        SizeGate(max_growth=MostGrowth(share=0.05)), run(2, 1_100_000, contents(module(ZAP, "v1.28.0", 99_000))), before
    )
    assert finding.says == (
        f"api scratch linux/amd64 has 1.1 MB compressed, +100 kB, +10.0 % since run {before.id} of main, "
        f"at most +5 % is asked; most of it in {ZAP}: 98.7 kB more, v1.27.0 → v1.28.0"
    )


def test_a_culprit_that_is_not_known_is_said_to_be_that() -> None:
    (finding,) = judged(SizeGate(max_growth=MostGrowth(bytes=0)), run(2, 1_100_000), run(1))
    assert finding.says.endswith("what grew is unknown: the modules and layers of one of them are on no record")


def test_what_is_unknown_fails_nothing() -> None:
    (finding,) = judged(SizeGate(max_growth=MostGrowth(bytes=0)), run(2))
    assert (finding.state, finding.says) == (State.UNTOLD, "how much api scratch linux/amd64 grew is unknown")
    unsized = run(2, targets=(scoring.target(digest="sha256:1", sizes=()),))
    (finding,) = judged(SizeGate(max_size=1), unsized)
    assert (finding.state, finding.says) == (
        State.UNTOLD,
        "the size of api scratch linux/amd64 is unknown, at most 1 B is asked",
    )
    assert judged(SizeGate(max_size="none", max_growth="none"), run(2), run(1)) == []


def test_images_that_are_within_their_limits_take_one_line() -> None:
    targets = tuple(
        scoring.target(name, digest="sha256:1", sizes=(SizeRecord(platform="linux/amd64", compressed=size),))
        for name, size in (("a", 10), ("b", 900), ("c", 20))
    )
    (finding,) = judged(SizeGate(max_size=1000), run(1, targets=targets))
    assert finding.says == (
        "b scratch linux/amd64 has 900 B compressed, at most 1 kB is asked; 2 more are within theirs"
    )


def test_the_limits_of_a_service_are_over_those_of_a_branch_and_options_over_both() -> None:
    from gobake.insight.gate import gate_of

    config = GateConfig(
        max_size=10,
        services={"api": SizeGate(max_size=20)},
        branches={"main": GateConfig(max_size=30, max_growth=MostGrowth(bytes=1))},
    )
    gate = gate_of(config, GateConfig(), "main")
    assert gate.sizes_of("api") == SizeGate(max_size=20, max_growth=MostGrowth(bytes=1))
    assert gate.sizes_of("worker") == SizeGate(max_size=30, max_growth=MostGrowth(bytes=1))
    assert gate_of(config, GateConfig(), "other").sizes_of("worker").max_size == 10
    assert gate_of(config, GateConfig(max_size=5), "main").sizes_of("api").max_size == 5
    assert not gate_of(config, GateConfig(max_size="none", max_growth="none"), "main").asks
