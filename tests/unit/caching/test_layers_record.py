"""What a run's record says of layer caches, and the lines that follow from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from gobake.caching.layers import oci_folder
from gobake.caching.layers.plan import LayerPlan
from gobake.caching.layers.record import begin, cache_notes, end, export_note, to_export
from gobake.caching.policy.choice import CacheSettings
from gobake.caching.policy.load import load_policy
from gobake.caching.policy.place import CacheStore
from gobake.checkout.ci import CIContext, CIProvider
from gobake.recipe import TargetCache
from gobake.recipe.cache_entry import CacheEntry
from gobake.runs.outcomes import Outcome, RunOutcome
from gobake.runs.record import CacheRecord, RunRecord, StepRecord, from_json, to_json
from gobake.trace.caches import CacheTransfer, cache_transfers
from gobake.trace.names import parse_name
from gobake.trace.steps import Step, Trace, steps
from tests.unit.recorded import read

TAG = "layers-api-scratch.all.main"


def choice(store: CacheStore) -> CacheSettings:
    around = CIContext(kind=CIProvider.TERMINAL, branch="main")
    return CacheSettings(policy=load_policy("ci-branch", Path()), why="", surroundings=around, store=store)


def cache(imports: tuple[str, ...], *exports: str) -> TargetCache:
    def entries(lines: tuple[str, ...]) -> tuple[CacheEntry, ...]:
        return tuple(map(CacheEntry.parse, lines))

    return TargetCache(imports=entries(imports), exports=((None, entries(exports)),))


def plan(*lines: str, imports: tuple[str, ...] = ()) -> LayerPlan:
    return LayerPlan(targets={name: cache(imports, *lines) for name in ("api-scratch", "api-alpine")})


def run(number: int, *, export: float | None = None, steps: tuple[tuple[str, str, float], ...] = ()) -> RunRecord:
    exported = () if export is None else (CacheRecord(direction="export", target="t", ref="r", seconds=export),)
    return RunRecord(
        id=str(number),
        started=0.0,
        seconds=1.0,
        outcome=RunOutcome.DONE,
        command=(),
        project="shop",
        root="/",
        caches=exported,
        steps=tuple(
            StepRecord(
                target="t",
                name=n,
                stage="",
                platform="",
                instruction="",
                digest=n,
                outcome=Outcome(o),
                started=0.0,
                seconds=s,
            )
            for n, o, s in steps
        ),
    )


def test_refs_are_those_that_gobake_gave() -> None:
    store = CacheStore(repository="registry.test/cache")
    lines = ("type=registry,ref=registry.test/cache:x,mode=max", "type=gha,scope=y,mode=max")
    records = end(cache_transfers(read("exported")), plan(*lines), choice(store), 0.0)
    assert [(r.direction, r.target, r.ref, r.error) for r in records] == [
        ("export", "api-alpine", "registry.test/cache:x", ""),
        ("export", "api-scratch", "registry.test/cache:x", ""),
    ]
    assert all(r.bytes is None and r.layers and r.seconds for r in records)  # events tell no bytes


def test_a_missing_import_is_recorded_and_not_told() -> None:
    given = plan(imports=("type=registry,ref=x",))
    (record,) = end(cache_transfers(read("import-missing")), given, choice(CacheStore(repository="x")), 0.0)
    assert (record.direction, record.found, record.error) == ("import", False, "")
    assert cache_notes(from_json(to_json(run(1)))) == []


def test_ignored_errors_are_one_line() -> None:
    records = end(
        cache_transfers(read("export-refused")), plan("type=registry,ref=x"), choice(CacheStore(repository="x")), 0.0
    )
    noted = RunRecord(
        id="1", started=0.0, seconds=1.0, outcome=RunOutcome.DONE, command=(), project="", root="", caches=records
    )
    assert from_json(json.loads(json.dumps(to_json(noted)))) == noted
    (note,) = cache_notes(noted)
    assert note.startswith("warning: writing the cache x and 1 more failed and was skipped: ")
    assert "connection refused" in note


def test_bytes_of_a_folder_are_what_was_written_and_each_layer_counts_once(tmp_path: Path) -> None:
    oci_folder.prepare(tmp_path, [TAG])
    blobs = tmp_path / "layers/blobs/sha256"
    (blobs / ("ab" * 32)).write_bytes(b"12345")
    written = (blobs / ("ab" * 32)).stat().st_mtime
    given = plan(f"type=local,dest={tmp_path}/layers/{TAG}")
    transfers = [
        CacheTransfer(exported=True, target=t, place="client directory", seconds=1.0, layers=("sha256:" + "ab" * 32,))
        for t in ("api-alpine", "api-scratch")
    ]
    assert [(r.ref, r.bytes) for r in end(transfers, given, choice(CacheStore(folder=tmp_path)), written - 1)] == [
        (TAG, 5),
        (TAG, 0),
    ]
    assert [r.bytes for r in end(transfers, given, choice(CacheStore(folder=tmp_path)), written + 1)] == [0, 0]


def test_a_plan_that_writes_to_no_folder_stays_as_it_is(tmp_path: Path) -> None:
    registry = plan("type=registry,ref=ghcr.io/acme/cache:x")
    assert begin(registry, choice(CacheStore(repository="ghcr.io/acme/cache"))) == registry
    assert begin(registry, choice(CacheStore(folder=tmp_path))) == registry
    assert list(tmp_path.iterdir()) == []


def test_the_folders_of_a_plan_are_made_before_the_build(tmp_path: Path) -> None:
    given = plan(f"type=local,dest={tmp_path}/layers/{TAG}")
    assert begin(given, choice(CacheStore(folder=tmp_path))) == given
    assert (tmp_path / "layers" / TAG).is_dir()


def test_an_import_that_buildkit_names_by_its_kind_gets_the_name_that_gobake_gave() -> None:
    given = plan(imports=("type=local,src=/store/layers/a", "type=registry,ref=registry.test/cache:b"))

    def told(place: str) -> str:
        read_from = CacheTransfer(exported=False, target="api-scratch", place=place)
        (record,) = end([read_from], given, choice(CacheStore(repository="x")), 0.0)
        assert (record.direction, record.target, record.found) == ("import", "api-scratch", True)
        assert (record.bytes, record.layers) == (None, None)
        return record.ref

    assert told("local:1234") == "a"
    assert told("registry.test/cache:b") == "registry.test/cache:b"
    assert told("registry:1234") == "registry:1234", "a registry is always named by its reference"
    assert told("gha:1234") == "gha:1234"


def test_an_import_of_a_target_that_only_exports_is_one_of_the_target_whose_layers_it_exports() -> None:
    given = plan("type=local,dest=/store/layers/b", imports=("type=local,src=/store/layers/a",))
    read_from = CacheTransfer(exported=False, target="api-scratch--layers", place="local:1234")
    (record,) = end([read_from], given, choice(CacheStore(repository="x")), 0.0)
    assert (record.target, record.ref) == ("api-scratch", "a")


def test_a_transfer_of_a_target_that_the_plan_lacks_keeps_buildkits_words() -> None:
    (record,) = end(
        [CacheTransfer(exported=True, target="odd", place="registry")], plan(), choice(CacheStore(repository="x")), 0.0
    )
    assert (record.target, record.ref) == ("odd", "registry")


def test_one_failure_is_told_without_more_of_them() -> None:
    failed = CacheRecord(direction="import", target="t", ref="first", seconds=1.0, error="denied")
    later = CacheRecord(direction="import", target="t", ref="second", seconds=1.0, error="no answer")
    assert cache_notes(replace(run(1), caches=(failed,))) == [
        "warning: reading the cache first failed and was skipped: denied"
    ]
    assert cache_notes(replace(run(1), caches=(failed, later))) == [
        "warning: reading the cache first and 1 more failed and was skipped: denied"
    ]


# ---- what is there already is not written again

SHARED = "type=registry,ref=registry.test/recorded/shop:cache"


def exporters(name: str, line: str) -> tuple[str, ...]:
    caches = {target: cache((SHARED,), f"{line},mode=max") for target in ("api-alpine", "api-scratch")}
    log = read(name)
    return to_export(LayerPlan(targets=caches), cache_transfers(log), steps(log, bare=True))


def test_a_target_whose_every_step_came_from_the_ref_that_it_writes_is_not_exported() -> None:
    assert exporters("imported-again", SHARED) == ()
    assert exporters("imported", SHARED) == ("api-scratch--layers",)  # a COPY of it was executed


def test_what_came_from_another_branch_is_exported_to_its_own() -> None:
    assert exporters("imported-again", f"{SHARED}-of-a-branch") == ("api-alpine--layers", "api-scratch--layers")


def test_what_was_built_or_found_on_the_builder_is_exported() -> None:
    for name in ("cold", "warm"):
        assert exporters(name, SHARED) == ("api-alpine--layers", "api-scratch--layers")


@pytest.mark.parametrize(
    ("outcome", "written"),
    [(Outcome.IMPORTED, False), (Outcome.REUSED, True), (Outcome.EXECUTED, True), (Outcome.SHARED, True)],
)
def test_only_what_came_from_the_ref_itself_needs_no_export_to_it(outcome: Outcome, written: bool) -> None:
    """What the builder had may be in no ref: the ref was there, and holds what it holds."""
    seen = Trace(
        steps=tuple(
            Step(name=parse_name(text, frozenset(("api-scratch",))), key=text, digests=(text,), outcome=one)
            for text, one in (
                ("[api-scratch api-scratch 1/2] WORKDIR /srv", Outcome.IMPORTED),
                ("[api-scratch api-scratch 2/2] COPY --from=compile /out/api /", outcome),
            )
        )
    )
    given = LayerPlan(targets={"api-scratch": cache((SHARED,), f"{SHARED},mode=max")})
    read_from = [CacheTransfer(exported=False, target="api-scratch", place="registry.test/recorded/shop:cache")]
    assert to_export(given, read_from, seen) == ("api-scratch--layers",) * written


@pytest.mark.parametrize(
    "transfer",
    [
        CacheTransfer(exported=True, target="api-scratch", place="registry.test/recorded/shop:cache"),
        CacheTransfer(
            exported=False, target="api-scratch", place="registry.test/recorded/shop:cache", error="no answer"
        ),
    ],
    ids=["only written", "could not be read"],
)
def test_a_ref_that_was_not_read_is_written(transfer: CacheTransfer) -> None:
    text = "[api-scratch api-scratch 1/1] WORKDIR /srv"
    step = Step(name=parse_name(text, frozenset(("api-scratch",))), key=text, digests=(text,), outcome=Outcome.IMPORTED)
    given = LayerPlan(targets={"api-scratch": cache((SHARED,), f"{SHARED},mode=max")})
    assert to_export(given, [transfer], Trace(steps=(step,))) == ("api-scratch--layers",)


def test_with_mode_min_the_compile_does_not_count_for_no_ref_holds_it() -> None:
    def made(text: str, outcome: Outcome) -> Step:
        name = parse_name(text, frozenset(("api-alpine", "api-scratch", "trace")))
        digest = "compile" if "RUN go build" in text else text
        return Step(name=name, key=text, digests=(digest,), outcome=outcome)

    seen = Trace(
        steps=(
            made("[api-alpine compile 2/2] RUN go build", Outcome.SHARED),
            made("[api-alpine api-alpine 1/1] COPY --from=compile /out/api /", Outcome.IMPORTED),
            made("[api-scratch compile 2/2] RUN go build", Outcome.EXECUTED),
            made("[api-scratch api-scratch 1/1] COPY --from=compile /out/api /", Outcome.EXECUTED),
            made("[trace compile 2/2] RUN go build", Outcome.SHARED),
        )
    )
    caches = {name: cache((SHARED,), f"{SHARED},mode=min") for name in ("api-alpine", "api-scratch")}
    read_from = [
        CacheTransfer(exported=False, target=name, place="registry.test/recorded/shop:cache") for name in caches
    ]
    assert to_export(LayerPlan(targets=caches, mode="min"), read_from, seen) == ("api-scratch--layers",)
    assert to_export(LayerPlan(targets=caches, mode="max"), read_from, seen) == (
        "api-alpine--layers",
        "api-scratch--layers",
    )


# ---- is it worth it?


def test_exports_that_cost_more_than_imports_saved_are_pointed_out() -> None:
    runs = [run(n, export=4.0) for n in range(3)]
    assert export_note(runs).startswith(
        "exporting layer caches took 12.0 s in the last 3 runs, and imports saved 0.0 s"
    )


def test_what_imports_saved_is_what_the_steps_took_when_they_were_executed_less_the_import() -> None:
    runs = [run(n, export=100.0, steps=(("compile", "imported", 1.0),)) for n in range(3)]
    assert export_note([*runs, run(9, steps=(("compile", "executed", 60.0),))]).startswith(
        "exporting layer caches took 300.0 s in the last 3 runs, and imports saved 177.0 s"
    )


def test_exports_that_pay_are_not() -> None:
    runs = [run(n, export=4.0, steps=(("compile", "imported", 1.0),)) for n in range(3)]
    assert export_note([*runs, run(9, steps=(("compile", "executed", 60.0),))]) == ""


def test_nothing_is_claimed_of_too_few_runs_or_of_steps_whose_cost_is_not_known() -> None:
    assert export_note([run(1, export=100.0), run(2, export=100.0)]) == ""
    assert export_note([run(n, export=4.0, steps=(("compile", "imported", 1.0),)) for n in range(3)]) == ""


def test_exports_run_side_by_side_so_that_the_longest_counts() -> None:
    two = (
        CacheRecord(direction="export", target="a", ref="a", seconds=3.0),
        CacheRecord(direction="export", target="b", ref="b", seconds=5.0),
    )
    runs = [replace(run(n), caches=two) for n in range(3)]
    assert "took 15.0 s" in export_note(runs)
