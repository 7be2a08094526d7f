"""Files that changed, in the order in which a reader wants them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gobake.insight.causes import Change
from gobake.insight.files import changes, ordered, owner, says
from gobake.insight.modules import module_of
from tests.unit.explaining import compiled, run

NAMES = ("README", "cmd/a/main.go", "go.mod", "lib/go.sum", "lib/lib.go", "lib/x.txt", "main.go", "new/new.go")


def test_a_file_is_added_removed_or_changed() -> None:
    now, then = {"same": "1", "other": "2", "new": "1"}, {"same": "1", "other": "1", "gone": "1"}
    assert changes(now, then) == (
        Change(kind="removed", what="gone", before="1"),
        Change(kind="added", what="new", after="1"),
        Change(kind="changed", what="other", before="1", after="2"),
    )


def test_a_compile_is_explained_by_sources_that_were_compiled_then_others_module_files_and_the_rest() -> None:
    record = run(1, go=compiled({}, {}, "example.com/p/lib", "example.com/p"))
    folders = (*record.inputs.packages, ("example.com/p", "."))
    record = replace(record, inputs=replace(record.inputs, packages=folders))
    found = tuple(Change(kind="changed", what=name) for name in NAMES)
    assert [change.what for change in ordered(found, record, compiles=True)] == [
        *("lib/lib.go", "main.go"),
        *("cmd/a/main.go", "new/new.go"),
        *("go.mod", "lib/go.sum"),
        *("README", "lib/x.txt"),
    ]
    assert ordered(found, record, compiles=False) == found


def test_changes_are_said_by_the_first_of_them() -> None:
    new, gone = Change(kind="added", what="a.go"), Change(kind="removed", what="b.go")
    assert says([]) == ""
    assert says([new]) == "a.go is new"
    assert says([gone, new]) == "b.go is gone, and 1 more"
    assert says([Change(kind="changed", what="c.go"), new, gone]) == "c.go changed, and 2 more"


def test_a_file_above_all_packages_belongs_to_none() -> None:
    assert owner("README", {"lib": "p/lib"}) == ""
    assert owner("other/x.go", {"lib": "p/lib"}) == ""
    assert owner("other/x.go", {".": "p"}) == "p"


@pytest.mark.parametrize(
    ("package", "module"),
    [
        ("rsc.io/quote/v3", "rsc.io/quote/v3"),
        ("rsc.io/quote/v3/buggy", "rsc.io/quote/v3"),
        ("rsc.io/quote/buggy", "rsc.io/quote"),
        ("rsc.io/quoted", ""),
        ("fmt", ""),
        ("", ""),
    ],
)
def test_a_package_is_of_the_module_with_the_longest_path(package: str, module: str) -> None:
    assert module_of(package, {"rsc.io/quote", "rsc.io/quote/v3"}) == module
