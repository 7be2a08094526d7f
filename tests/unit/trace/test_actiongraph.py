"""Go's action graphs; the excerpts are those of go 1.26 for two commands and a package that they share."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobake.trace.actiongraph import GoCommand, PackageWork, parse


def action(mode: str, package: str, nanoseconds: int | None = None) -> dict[str, object]:
    ran = nanoseconds is not None
    return {"ID": 1, "Mode": mode, "Package": package, "NeedBuild": True, "Cmd": ["/go/tool/compile -o x"] if ran else None,
            **({"CmdReal": 9 * nanoseconds, "CmdUser": nanoseconds - 1, "CmdSys": 1} if nanoseconds else {})}  # fmt: skip


def graph(*actions: dict[str, object]) -> str:
    return json.dumps([action("go build", ""), *actions, action("built-in package", "unsafe"), action("nop", "")])


API, WORKER, GREET = "example.test/shop/api", "example.test/shop/worker", "example.test/shop/greet"
COLD = graph(
    action("link-install", API),
    action("link", API, 109_966_691),
    action("build", API, 7_030_438),
    action("build check cache", API),
    action("build", GREET, 4_000_000),
    action("build", "fmt", 30_000_000),
)
EDIT = graph(
    action("link", API, 100_000_000), action("build", API, 7_000_000), action("build", GREET), action("build", "fmt")
)
WARM = graph(action("link", API), action("build", API), action("build", GREET), action("build", "fmt"))


def test_a_cold_build_compiles_and_links_everything() -> None:
    work = parse([COLD])
    assert work.packages_total == 3
    assert work.compiled == (
        PackageWork(import_path=API, seconds=0.007030438),
        PackageWork(import_path=GREET, seconds=0.004),
        PackageWork(import_path="fmt", seconds=0.03),
    )
    assert work.linked == (PackageWork(import_path=API, seconds=0.109966691),)


def test_seconds_are_the_processors_and_the_clocks_only_where_go_tells_no_other() -> None:
    waited = {"ID": 2, "Mode": "build", "Package": API, "Cmd": ["compile"], "CmdReal": 60_000_000_000}
    assert parse([json.dumps([waited])]).seconds == 60.0
    assert parse([json.dumps([waited | {"CmdUser": 1_500_000_000, "CmdSys": 500_000_000}])]).seconds == 2.0


def test_the_graph_tells_what_a_package_imports_and_what_a_command_consists_of() -> None:
    """Numbered as Go does: a link needs all packages of its command, a build those that it imports."""
    work = parse(
        [
            json.dumps(
                [
                    {"ID": 1, "Mode": "link", "Package": API, "Deps": [2, 3, 4]},
                    {"ID": 2, "Mode": "build", "Package": API, "Deps": [3, 5], "ActionID": "aaa"},
                    {"ID": 3, "Mode": "build", "Package": GREET, "Deps": [4], "ActionID": "ggg"},
                    {"ID": 4, "Mode": "build", "Package": "fmt", "Deps": [], "ActionID": "fff"},
                    {"ID": 5, "Mode": "build check cache", "Package": API, "Deps": None},
                ]
            )
        ]
    )
    assert work.imports == {API: {GREET}, GREET: {"fmt"}, "fmt": frozenset()}
    assert work.actions == {API: "aaa", GREET: "ggg", "fmt": "fff"}
    assert work.commands == (GoCommand(import_path=API, packages=frozenset({API, GREET, "fmt"})),)


def test_an_edit_compiles_one_package_and_takes_the_others_from_the_cache() -> None:
    work = parse([EDIT])
    assert ([w.import_path for w in work.compiled], work.cached, len(work.linked)) == ([API], 2, 1)
    assert work.seconds == pytest.approx(0.107)


def test_a_warm_build_does_nothing() -> None:
    work = parse([WARM])
    assert (work.packages_total, work.cached, work.compiled, work.linked, work.seconds) == (3, 3, (), (), 0.0)


def test_go_list_never_links_although_its_graph_has_links() -> None:
    assert parse([graph(action("link", API), action("build", API, 5))]).linked == ()


def test_of_two_go_commands_a_package_counts_once() -> None:
    work = parse(
        [
            EDIT,
            graph(action("link", WORKER, 1), action("build", WORKER, 1), action("build", GREET), action("build", API)),
        ]
    )
    assert work.packages_total == 4
    assert [w.import_path for w in work.compiled] == [API, WORKER]
    assert [w.import_path for w in work.linked] == [API, WORKER]


@pytest.mark.parametrize("text", ["", "{", "{}", "[1, null]", '[{"Mode": "build", "Package": 3}]', "[" * 100_000])
def test_what_is_no_graph_adds_nothing(text: str) -> None:
    assert parse([text, WARM]) == parse([WARM])


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["Mode", "Package", "Cmd", "CmdReal", "CmdUser", "CmdSys"]),
            st.sampled_from(["build", "link", 3, None, True, 1.5, []]),
        )
    )
)
def test_any_json_is_read(actions: list[dict[str, object]]) -> None:
    work = parse([json.dumps(actions)])
    assert work.cached >= 0
