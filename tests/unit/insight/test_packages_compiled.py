"""Why Go compiled packages, where it is less plain: lost entries, modules, several platforms, damaged records."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from gobake.insight.causes import Cause, PackageCause
from gobake.insight.packages import lost, package_causes
from gobake.runs.record import GoRecord, MountRecord, RunRecord
from tests.unit.explaining import COMPILE, GO, compiled, gobuild, run

A, LIB, FMT, YAML = "example.com/p/cmd/a", "example.com/p/lib", "fmt", "gopkg.in/yaml.v3/internal"
IMPORTS = {A: (LIB, FMT), LIB: (FMT, YAML)}
KEYS = {A: "a1", LIB: "l1", FMT: "f1", YAML: "y1"}
FILES = {"cmd/a/main.go": "0" * 16, "lib/lib.go": "0" * 16, "go.mod": "1" * 16}


def made(number: int, keys: dict[str, str], *names: str, files: dict[str, str] | None = None, **more: Any) -> RunRecord:
    """A run that compiled the named packages; ``keys`` and ``files``: what is other than usual."""
    plain = {"go": compiled({**KEYS, **keys}, IMPORTS, *names), "mounts": gobuild(5_000_000, 5_000_000)}
    return run(number, files={**FILES, **(files or {})}, **{**plain, **more})


def first(number: int = 1, **more: Any) -> RunRecord:
    return made(number, {}, *KEYS, **more)


def only(record: RunRecord, *earlier: RunRecord) -> PackageCause:
    (cause,) = package_causes(record, earlier)
    return cause


def told(record: RunRecord, *earlier: RunRecord) -> list[tuple[Cause, str, tuple[str, ...]]]:
    return [(cause.cause, cause.root, cause.packages) for cause in package_causes(record, earlier)]


def with_modules(record: RunRecord, *modules: tuple[str, str]) -> RunRecord:
    return replace(record, inputs=replace(record.inputs, modules=modules))


# ---- which packages belong together


def test_the_cause_of_most_packages_comes_first_then_by_root_and_platform() -> None:
    now = made(2, {A: "a2", LIB: "l2", YAML: "y2"}, A, LIB, YAML, files={"cmd/a/main.go": "2" * 16})
    now = with_modules(now, ("gopkg.in/yaml.v3", "v2"))
    then = with_modules(first(), ("gopkg.in/yaml.v3", "v1"))
    assert told(now, then) == [(Cause.FILES, YAML, (YAML, LIB)), (Cause.FILES, A, (A,))]
    twice = replace(now, go=(replace(now.go[0], platform="linux/arm64"), *now.go))
    both = replace(then, go=(replace(then.go[0], platform="linux/arm64"), *then.go))
    assert [(cause.root, cause.platform) for cause in package_causes(twice, [both])] == [
        *((YAML, "linux/amd64"), (YAML, "linux/arm64")),
        *((A, "linux/amd64"), (A, "linux/arm64")),
    ]


def test_what_was_compiled_for_another_platform_was_never_compiled_for_this_one() -> None:
    then = first()
    arm = replace(then, go=(replace(then.go[0], platform="linux/arm64"),))
    cause = only(made(2, {}, *KEYS), arm)
    assert (cause.cause, cause.says) == (Cause.FIRST_RUN, "no run on record compiled for this platform")


def test_a_run_that_compiled_nothing_has_no_cause() -> None:
    assert told(made(2, {}), first()) == []
    assert told(made(2, {}, no_cache=True), first()) == []


def test_a_package_follows_from_the_first_of_the_list_too() -> None:
    web = "example.com/p/web"
    keys = {**KEYS, web: "w1"}
    then = made(1, {}, go=compiled(keys, {}, *keys))
    go = compiled({**keys, LIB: "l2", web: "w2"}, {web: (LIB,)}, LIB, web)
    assert told(made(2, {}, files={"lib/lib.go": "2" * 16}, go=go), then) == [(Cause.FILES, LIB, (LIB, web))]


def test_a_new_go_is_the_cause_of_edited_packages_too_if_they_import_others() -> None:
    keys = {name: f"{key}x" for name, key in KEYS.items()}
    now = made(2, keys, *KEYS, files={"cmd/a/main.go": "2" * 16}, go_version="1.27")
    assert told(now, first()) == [(Cause.GO_VERSION, "", (A, LIB, FMT, YAML))]


def test_imports_that_a_record_numbers_wrongly_are_left_out() -> None:
    work = GoRecord(
        platform="linux/amd64",
        packages=2,
        compiled=((A, 1.0), (LIB, 1.0)),
        linked=(),
        imports=((-1, 1, 2), (99,)),
        actions=((A, "a2"), (LIB, "l2")),
    )
    now = made(2, {}, files={"lib/lib.go": "2" * 16}, go=(work,))
    assert told(now, first()) == [(Cause.FILES, LIB, (LIB, A))]


def test_packages_that_import_each_other_end() -> None:
    """As only a damaged record says."""
    work = compiled({A: "a2", LIB: "l2"}, {A: (LIB,), LIB: (A,)}, A, LIB)
    assert told(made(2, {}, files={"lib/lib.go": "2" * 16}, go=work), first()) == [(Cause.FILES, LIB, (LIB, A))]


def test_a_package_that_imports_two_edited_ones_is_counted_once() -> None:
    now = made(2, {A: "a2", LIB: "l2", YAML: "y2"}, A, LIB, YAML, files={"lib/lib.go": "2" * 16})
    now = with_modules(now, ("gopkg.in/yaml.v3", "v2"))
    causes = package_causes(now, [with_modules(first(), ("gopkg.in/yaml.v3", "v1"))])
    assert sorted(name for cause in causes for name in cause.packages) == sorted((A, LIB, YAML))


# ---- lost entries


def test_a_package_is_lost_if_any_earlier_run_had_its_key() -> None:
    edited = made(2, {LIB: "l2"}, LIB, files={"lib/lib.go": "2" * 16})
    back = made(3, {}, LIB)
    assert lost(back, back.go[0], [edited, first()]) == {LIB}
    assert lost(back, back.go[0], [edited]) == set()
    assert only(back, edited, first()).cause is Cause.PRUNED


def test_a_package_without_a_key_is_not_known_to_be_lost() -> None:
    now = made(2, {}, FMT)
    keyless = replace(now.go[0], actions=tuple((name, "") for name in KEYS))
    assert lost(now, keyless, [replace(first(), go=(keyless,))]) == set()
    assert lost(now, replace(now.go[0], actions=()), [first()]) == set()


def test_what_an_earlier_run_with_no_cache_threw_away_is_told_as_that() -> None:
    def built(number: int, *names: str, platform: str = "linux/amd64", **more: object) -> RunRecord:
        record = run(number, go=compiled(KEYS, {}, *names), mounts=gobuild(5_000_000, 5_000_000), **more)  # type: ignore[arg-type]
        return replace(record, go=tuple(replace(work, platform=platform) for work in record.go))

    warm, anew = built(1, *KEYS), built(2, *KEYS, platform="linux/arm64", no_cache=True)
    (cause,) = package_causes(built(3, *KEYS), [anew, warm])
    assert (cause.cause, cause.says) == (Cause.NO_CACHE, f"--no-cache in run {anew.id} emptied the cache mounts")
    # it compiled them itself, so that they were lost later
    (cause,) = package_causes(built(3, *KEYS), [built(2, *KEYS, no_cache=True), warm])
    assert cause.cause is Cause.PRUNED
    # and so it is if they came back after it, or if it was another builder
    (cause,) = package_causes(built(4, *KEYS), [built(3, *KEYS), anew, warm])
    assert cause.cause is Cause.PRUNED
    (cause,) = package_causes(built(3, *KEYS, machine="1"), [replace(anew, machine="2"), replace(warm, machine="1")])
    assert cause.cause is Cause.PRUNED


def test_what_is_built_on_a_lost_package_and_did_change_has_its_own_cause() -> None:
    now = made(2, {A: "a2"}, A, FMT, files={"cmd/a/main.go": "2" * 16})
    assert told(now, first()) == [(Cause.PRUNED, "", (FMT,)), (Cause.FILES, A, (A,))]
    unknown = made(2, {A: "a2"}, A, FMT, files={"README": "2" * 16, "NOTES": "2" * 16})
    assert told(unknown, first()) == [(Cause.PRUNED, "", (FMT,)), (Cause.UNKNOWN, "", (A,))]


@pytest.mark.parametrize(
    ("now", "then", "more", "says"),
    [
        (gobuild(0, 1), gobuild(0, 1), {}, f"the cache mount gobuild was filled in run {run(1).id} and is gone"),
        (gobuild(0, 1), gobuild(0, 0), {}, "the cache mount gobuild was empty"),
        (gobuild(1, 1), gobuild(0, 9), {}, "Go's cache had lost them"),
        (gobuild(0, 1), gobuild(0, 9), {"machine": "2"}, "this builder had never compiled them: its Go cache was cold"),
        ((MountRecord(name="gomod", id="p-gobuild", before=0),), gobuild(0, 9), {}, "Go's cache had lost them"),
        ((MountRecord(name="gobuild", id="q-gobuild", before=0),), gobuild(0, 9), {}, "the cache mount gobuild was empty"),
    ],
    ids=["filled a little", "left empty", "not empty", "other builder", "other mount", "other project"],
)  # fmt: skip
def test_the_mount_tells_how_packages_were_lost(
    now: tuple[MountRecord, ...], then: tuple[MountRecord, ...], more: dict[str, Any], says: str
) -> None:
    cause = only(made(2, {}, *KEYS, mounts=now, machine="1"), first(mounts=then, **{"machine": "1", **more}))
    assert cause.says.startswith(says)


def test_a_mount_that_another_builder_filled_is_not_gone() -> None:
    here = first(1, mounts=gobuild(None, None), machine="1")
    there = first(2, mounts=gobuild(0, 9), machine="2")
    cause = only(made(3, {}, *KEYS, mounts=gobuild(0, 9), machine="1"), there, here)
    assert (cause.cause, cause.says) == (Cause.PRUNED, "the cache mount gobuild was empty")


# ---- modules

MODULE = "gopkg.in/yaml.v3"


@pytest.mark.parametrize(
    ("now", "then", "says"),
    [
        (((MODULE, "v2"),), ((MODULE, "v1"),), f"module {MODULE} v1 → v2"),
        (((MODULE, "v2"),), (), f"module {MODULE} is new"),
        ((), ((MODULE, "v1"),), f"module {MODULE} is gone"),
        (((MODULE, "v2"), (MODULE, "v1")), ((MODULE, "v1"),), f"module {MODULE} v1 → v1, v2"),
    ],
)
def test_a_module_of_another_version_is_told(
    now: tuple[tuple[str, str], ...], then: tuple[tuple[str, str], ...], says: str
) -> None:
    cause = only(with_modules(made(2, {YAML: "y2"}, YAML), *now), with_modules(first(), *then))
    assert (cause.cause, cause.says, cause.root) == (Cause.FILES, says, YAML)


def test_the_module_of_the_user_s_own_packages_is_no_cause_and_neither_is_one_that_stayed() -> None:
    now = with_modules(made(2, {A: "a2"}, A, files={"cmd/a/main.go": "2" * 16}), ("example.com/p", "v2"))
    assert only(now, with_modules(first(), ("example.com/p", "v1"))).says == "cmd/a/main.go changed"
    own = with_modules(made(2, {A: "a2"}, A), ("example.com/p", "v2"))
    assert only(own, with_modules(first(), ("example.com/p", "v1"))).cause is Cause.UNKNOWN
    same = with_modules(made(2, {YAML: "y2"}, YAML), (MODULE, "v1"))
    assert only(same, with_modules(first(), (MODULE, "v1"))).cause is Cause.UNKNOWN


def test_a_vendored_file_is_of_the_package_below_vendor_alone() -> None:
    files = {"vendor/gopkg.in/yaml.v3/y.go": "2" * 16, "notvendor/fmt/f.go": "2" * 16}
    assert only(made(2, {YAML: "y2"}, YAML, files=files), first()).cause is Cause.UNKNOWN
    below = {f"sub/vendor/{YAML}/y.go": "2" * 16, "README": "2" * 16}
    assert only(made(2, {YAML: "y2"}, YAML, files=below), first()).says == f"sub/vendor/{YAML}/y.go is new"


# ---- what concerns a package from outside


def test_settings_of_the_link_compile_nothing() -> None:
    now = made(2, {FMT: "f2"}, FMT, arguments={"tags": "x", "ldflags": "-s"})
    assert only(now, first()).cause is Cause.UNKNOWN
    cause = only(made(2, {FMT: "f2"}, FMT, arguments={"tags": "y", "env:CC": "clang"}), first())
    assert (cause.cause, cause.says) == (Cause.ARGUMENT, "environment variable CC and tags changed")
    assert [change.what for change in cause.changes] == ["environment variable CC", "tags"]


def test_another_image_of_go_is_told_with_both() -> None:
    moved = only(made(2, {FMT: "f2"}, FMT, base="2"), first())
    assert moved.says == f"{GO} stands for another image: sha256:111111111111 → sha256:222222222222"
    other = only(made(2, {FMT: "f2"}, FMT, base="2", go_base="golang:2"), first())
    assert other.says == f"Go's image golang:2 was {GO}: sha256:111111111111 → sha256:222222222222"
    assert (other.changes[0].before, other.changes[0].after) == (f"sha256:{'1' * 64}", f"sha256:{'2' * 64}")


def test_a_base_that_is_not_go_s_or_not_known_compiles_nothing() -> None:
    now = made(2, {FMT: "f2"}, FMT, base="2")
    elsewhere = (replace(now.steps[0], stage="a-scratch"), *now.steps[1:])
    assert only(replace(now, steps=elsewhere), first()).cause is Cause.UNKNOWN
    blind = replace(first().inputs, bases=())
    assert only(now, first(inputs=blind)).cause is Cause.UNKNOWN


def test_another_go_command_is_told_where_both_are_known() -> None:
    now = made(2, {FMT: "f2"}, FMT, compile_text=f"{COMPILE} -race")
    cause = only(now, first())
    assert (cause.cause, cause.says) == (Cause.INSTRUCTION, "the go command of the compile step is another")
    assert only(now, replace(first(), steps=first().steps[:2])).cause is Cause.UNKNOWN
    assert only(made(2, {FMT: "f2"}, FMT), first()).cause is Cause.UNKNOWN


def test_the_only_file_that_changed_is_told_and_one_of_several_is_not() -> None:
    cause = only(made(2, {FMT: "f2"}, FMT, files={"assets/x.bin": "2" * 16}), first())
    assert (cause.cause, cause.root, cause.says) == (Cause.FILES, FMT, "assets/x.bin is new")
    two = only(made(2, {FMT: "f2"}, FMT, files={"assets/x.bin": "2" * 16, "assets/y.bin": "2" * 16}), first())
    assert (two.cause, two.says) == (Cause.UNKNOWN, "nothing on record tells why")


def test_module_files_are_told_of_any_package_before_other_files() -> None:
    files = {"go.mod": "2" * 16, "assets/x.bin": "2" * 16}
    cause = only(made(2, {FMT: "f2"}, FMT, files=files), first())
    assert (cause.cause, cause.says) == (Cause.FILES, "go.mod changed")


def test_files_that_one_of_the_runs_did_not_look_at_are_no_cause() -> None:
    now = made(2, {A: "a2"}, A, files={"cmd/a/main.go": "2" * 16})
    assert only(now, first(inputs=replace(first().inputs, files=()))).cause is Cause.UNKNOWN
    assert only(replace(now, inputs=replace(now.inputs, files=())), first()).cause is Cause.UNKNOWN


# ---- what is compared with


def test_a_package_is_compared_with_the_last_run_that_had_it() -> None:
    without = made(2, {}, files={"cmd/a/main.go": "2" * 16}, go=compiled({LIB: "l1"}, {}, LIB))
    now = made(3, {A: "a2"}, A, files={"cmd/a/main.go": "2" * 16})
    assert only(now, without, first()).says == "cmd/a/main.go changed"


def test_of_a_new_package_the_importing_one_is_the_cause_however_far_above() -> None:
    imports = {A: ("new/x",), "new/x": ("new/y",)}
    go = compiled({**KEYS, A: "a2", "new/x": "x", "new/y": "y"}, imports, A, "new/x", "new/y")
    now = made(2, {}, files={"cmd/a/main.go": "2" * 16}, go=go)
    assert told(now, first()) == [(Cause.FILES, A, (A, "new/x", "new/y"))]


def test_a_new_package_of_a_new_go_or_with_files_of_its_own_has_that_cause() -> None:
    imports = {A: (LIB,), LIB: ()}
    go = compiled({A: "a2", LIB: "l2"}, imports, A, LIB)
    old = made(1, {}, go=compiled({A: "a1"}, {}, A), files={})
    new_lib = made(2, {}, go=go, files={"lib/new.go": "2" * 16})
    assert told(new_lib, old) == [(Cause.FILES, LIB, (LIB, A))]
    assert told(made(2, {}, go=go, go_version="1.27"), old) == [(Cause.GO_VERSION, "", (A, LIB))]
