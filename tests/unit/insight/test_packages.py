"""Why Go compiled packages, by keys and imports; and advice."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gobake.insight.advice import advise
from gobake.insight.causes import Cause, PackageCause
from gobake.insight.files import owner
from gobake.insight.packages import package_causes
from gobake.runs.record import CacheRecord, MountRecord, RunRecord
from tests.unit.explaining import GO, compiled, gobuild, run

A, LIB, FMT, YAML = "example.com/p/cmd/a", "example.com/p/lib", "fmt", "gopkg.in/yaml.v3/internal"
IMPORTS = {A: (LIB, FMT), LIB: (FMT, YAML)}
KEYS = {A: "a1", LIB: "l1", FMT: "f1", YAML: "y1"}
ALL = (A, LIB, FMT, YAML)
FILES = {"cmd/a/main.go": "0" * 16, "lib/lib.go": "0" * 16, "go.mod": "1" * 16}


def before(**more: object) -> RunRecord:
    return run(1, files=FILES, go=compiled(KEYS, IMPORTS, *ALL), mounts=gobuild(0, 5_000_000), **more)  # type: ignore[arg-type]


def after(keys: dict[str, str], *names: str, files: dict[str, str] | None = None, **more: object) -> RunRecord:
    more = {"mounts": gobuild(5_000_000, 5_000_000), **more}
    return run(2, files={**FILES, **(files or {})}, go=compiled({**KEYS, **keys}, IMPORTS, *names), **more)  # type: ignore[arg-type]


def told(record: RunRecord, *earlier: RunRecord) -> list[tuple[Cause, str, tuple[str, ...]]]:
    return [(cause.cause, cause.root, cause.packages) for cause in package_causes(record, earlier)]


def only(record: RunRecord, *earlier: RunRecord) -> PackageCause:
    (cause,) = package_causes(record, earlier)
    return cause


def test_an_edited_package_brings_those_that_import_it() -> None:
    record = after({LIB: "l2", A: "a2"}, LIB, A, files={"lib/lib.go": "2" * 16})
    assert told(record, before()) == [(Cause.FILES, LIB, (LIB, A))]
    assert only(record, before()).says == "lib/lib.go changed"
    assert only(record, before()).seconds == 2.0


def test_two_edited_packages_are_two_causes() -> None:
    record = after({LIB: "l2", A: "a2"}, LIB, A, files={"lib/lib.go": "2" * 16, "cmd/a/main.go": "2" * 16})
    assert told(record, before()) == [(Cause.FILES, A, (A,)), (Cause.FILES, LIB, (LIB,))]


def test_an_embedded_file_belongs_to_the_package_above_it() -> None:
    record = after({A: "a2"}, A, files={"cmd/a/static/deep/x.html": "2" * 16})
    assert told(record, before()) == [(Cause.FILES, A, (A,))]


def test_a_module_of_another_version() -> None:
    now = after({YAML: "y2", LIB: "l2", A: "a2"}, YAML, LIB, A, files={"go.mod": "2" * 16})
    now = replace(now, inputs=replace(now.inputs, modules=(("gopkg.in/yaml.v3", "v3.0.2"),)))
    then = before()
    then = replace(then, inputs=replace(then.inputs, modules=(("gopkg.in/yaml.v3", "v3.0.1"),)))
    cause = only(now, then)
    assert (cause.cause, cause.root, cause.says) == (Cause.FILES, YAML, "module gopkg.in/yaml.v3 v3.0.1 → v3.0.2")
    assert cause.packages == (YAML, A, LIB)


def test_a_vendored_package_is_its_files_below_vendor() -> None:
    there = f"vendor/{YAML}/y.go"
    record = after({YAML: "y2", LIB: "l2", A: "a2"}, YAML, LIB, A, files={there: "2" * 16, "README": "2" * 16})
    assert told(record, before()) == [(Cause.FILES, YAML, (YAML, A, LIB))]
    assert only(record, before()).says == f"{there} is new"


def test_another_go_folds_everything_into_one() -> None:
    keys = {name: f"{key}x" for name, key in KEYS.items()}
    cause = only(after(keys, *ALL, go_version="1.27"), before())
    assert (cause.cause, cause.root, len(cause.packages)) == (Cause.GO_VERSION, "", 4)
    moved = only(after(keys, *ALL, base="2"), before())
    assert (moved.cause, moved.changes[0].what) == (Cause.BASE, GO)


def test_a_setting_of_the_compile() -> None:
    keys = {name: f"{key}x" for name, key in KEYS.items()}
    cause = only(after(keys, *ALL, arguments={"tags": "x", "env:GOAMD64": "v3"}), before())
    assert (cause.cause, cause.says) == (Cause.ARGUMENT, "environment variable GOAMD64 changed")


def test_a_cold_mount_is_told_from_an_edit() -> None:
    record = after({A: "a2"}, *ALL, files={"cmd/a/main.go": "2" * 16}, mounts=gobuild(0, 5_000_000))
    assert told(record, before()) == [(Cause.PRUNED, "", (LIB, FMT, YAML)), (Cause.FILES, A, (A,))]


@pytest.mark.parametrize(
    ("now", "then", "says"),
    [
        (gobuild(0, 1), gobuild(0, 5_000_000), f"the cache mount gobuild was filled in run {run(1).id} and is gone"),
        (gobuild(0, 1), gobuild(0, 0), "the cache mount gobuild was empty"),
        (gobuild(0, 1), gobuild(None, None), "the cache mount gobuild was empty"),
        (gobuild(4_000_000, 1), gobuild(0, 5_000_000), "Go's cache had lost them: what is not used for days"),
        (gobuild(None, None), gobuild(0, 5_000_000), "Go's cache had lost them: what is not used for days"),
    ],
    ids=["filled before", "never filled", "not known", "filled now", "not known now"],
)
def test_packages_that_were_lost_are_told_by_what_became_of_the_mount(
    now: tuple[MountRecord, ...], then: tuple[MountRecord, ...], says: str
) -> None:
    cause = only(after({}, *ALL, mounts=now), replace(before(), mounts=then))
    assert cause.cause is Cause.PRUNED
    assert cause.says.startswith(says)


def test_go_mod_is_a_cause_of_the_packages_of_the_tree() -> None:
    """Another go line there may change what a source means."""
    changed = {"go.mod": "2" * 16, "go.sum": "2" * 16, "README": "2" * 16}
    cause = only(after({A: "a2"}, A, files=changed), before())
    assert (cause.cause, cause.root, cause.packages) == (Cause.FILES, A, (A,))
    assert [change.what for change in cause.changes] == ["go.mod", "go.sum"]
    unknown = only(after({A: "a2"}, A, files={"README": "2" * 16, "NOTES": "2" * 16}), before())
    assert unknown.cause is Cause.UNKNOWN


@pytest.mark.parametrize(
    ("path", "package"),
    [
        ("lib/lib.go", "p/lib"),
        ("lib/deep/er/x.txt", "p/lib"),
        ("library/x.go", "p"),
        ("x.go", "p"),
        ("deep/x.go", "p"),
    ],
)
def test_a_file_belongs_to_the_nearest_package_above_it(path: str, package: str) -> None:
    assert owner(path, {".": "p", "lib": "p/lib"}) == package
    assert owner(path, {"lib": "p/lib"}) == (package if package == "p/lib" else "")


def test_a_builder_that_never_compiled() -> None:
    record = after({}, *ALL, mounts=gobuild(0, 1), machine="2")
    assert only(record, before(machine="1")).cause is Cause.OTHER_BUILDER


def test_no_cache_and_no_earlier_run() -> None:
    assert only(after({}, *ALL, no_cache=True), before()).cause is Cause.NO_CACHE
    assert only(after({}, *ALL)).cause is Cause.FIRST_RUN


def test_a_package_that_is_imported_for_the_first_time() -> None:
    imports = {A: (LIB, FMT, "net/http")}
    go = compiled({**KEYS, A: "a2", "net/http": "h"}, imports, A, "net/http")
    record = run(2, files={**FILES, "cmd/a/main.go": "2" * 16}, go=go)
    assert told(record, before()) == [(Cause.FILES, A, (A, "net/http"))]


# ---- advice


def kinds(*records: RunRecord) -> list[str]:
    return [advice.kind for advice in advise(records)]


def test_a_file_that_changes_in_every_run() -> None:
    runs = [run(n, "rree", files={**FILES, "lib/build.txt": f"{n:016}"}) for n in (4, 3, 2, 1)]
    (advice,) = advise(runs)
    assert (advice.kind, advice.runs, advice.seconds) == ("changing-file", 3, 3.0)
    assert "lib/build.txt" in advice.says
    assert kinds(*runs[:3]) == []
    sources = [run(n, "rree", files={**FILES, "lib/lib.go": f"{n:016}"}) for n in (4, 3, 2, 1)]
    assert kinds(*sources) == []


def test_a_tag_that_moves() -> None:
    runs = [run(n, base=str(n)) for n in (3, 2, 1)]
    (advice,) = advise(runs)
    assert (advice.kind, advice.runs, advice.seconds) == ("moving-base", 2, 2.0)
    assert kinds(*runs[:2]) == []


def test_exports_that_cost_more_than_they_save() -> None:
    export = CacheRecord(direction="export", target="a-scratch", ref="r", seconds=4.0)
    (advice,) = advise([run(n, "rrrr", caches=(export,)) for n in (3, 2, 1)])
    assert (advice.kind, advice.runs, advice.seconds) == ("costly-export", 3, 12.0)


def test_a_mount_that_was_collected() -> None:
    record = after({}, *ALL, mounts=gobuild(0, 5_000_000))
    (advice,) = advise([record, before()])
    assert (advice.kind, advice.runs, advice.seconds) == ("collected-mount", 1, 1.0)  # the compile step took a second
    assert kinds(after({}), before()) == []
    assert kinds(replace(record, no_cache=True), before()) == []
    quick = replace(record.go[0], compiled=tuple((name, 0.125) for name, _ in record.go[0].compiled))
    assert (
        kinds(replace(record, go=(quick,)), before()) == []
    )  # the packages alone would have been spared: half a second
