"""Small wrong changes: where they are made, and which tests are asked about them. None is tried here."""

from __future__ import annotations

import ast
import textwrap

import pytest

from bench import mutants
from bench.mutants import ROOMS, TOP, changes_of, drawn


def changed(text: str) -> list[str]:
    """The program after each change, in order."""
    source = textwrap.dedent(text).encode()
    return [change.applied(source).decode().strip() for change in changes_of("x.py", source)]


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("a == b", ["a != b"]),
        ("a < b <= c", ["a <= b <= c", "a < b < c"]),
        ("a is not None", ["a is None"]),
        ("a not in b", ["a in b"]),
        ("a in b", ["a not in b"]),
        ("a and b and c", ["a or b and c"]),
        ("x = a or b", ["x = a and b"]),
        ("not a", ["a"]),
        ("x = True", ["x = False"]),
        ("x = 3", ["x = 4"]),
        ("x = 0.5", ["x = 1.5"]),
        ('x = "text"', []),
        ("assert a == b", []),
        ("zip(a, b, strict=True)", []),
        ("sorted(a, reverse=True)", ["sorted(a, reverse=False)"]),
        ("x: int = 1", ["x: int = 2"]),
        ("x: Literal[1]", []),
    ],
)
def test_one_thing_is_turned_round_at_a_time(text: str, others: list[str]) -> None:
    assert changed(text) == others


def test_results_become_none_and_what_is_in_them_is_changed_too() -> None:
    assert changed("def f():\n    return a == b") == ["def f():\n    return None", "def f():\n    return a != b"]
    assert changed("def f():\n    return None") == []


def test_a_word_is_found_behind_brackets_line_breaks_and_comments() -> None:
    assert changed("x = (\n    f(a)  # this or that\n    or (b)\n)") == [
        "x = (\n    f(a)  # this or that\n    and (b)\n)"
    ]


def test_letters_of_several_bytes_move_nothing() -> None:
    assert changed('x = "äöü" == y') == ['x = "äöü" != y']


def test_what_is_for_type_checkers_and_readers_is_left_alone() -> None:
    text = """
        @dataclass(frozen=True)
        class A:
            x: int = 1

        if TYPE_CHECKING:
            y = 2

        def f(a: Literal[1], b: int = 3) -> Literal[2]: ...
    """
    programs = changed(text)
    assert len(programs) == 2
    assert "x: int = 2" in programs[0]
    assert "b: int = 4" in programs[1]


def test_a_seed_draws_the_same_changes_again() -> None:
    first = drawn(["trust"], 12, 1)
    assert len(first["trust"]) == 12
    assert drawn(["trust"], 12, 1) == first
    assert drawn(["trust"], 12, 2) != first
    assert {change.file for change in drawn(["trust"], 1000, 1, "keys")["trust"]} == {"trust/keys.py"}


@pytest.mark.parametrize("room", ROOMS)
def test_every_change_is_a_program_and_tells_its_line(room: str) -> None:
    for change in drawn([room], 40, 1)[room]:
        source = (TOP / "src" / "gobake" / change.file).read_bytes()
        ast.parse(change.applied(source))
        assert change.shown(source).startswith(f"{change.file}:{change.line}: ")
        assert source[: change.begin].count(b"\n") + 1 == change.line


def test_the_tests_of_a_module_come_before_those_of_its_room() -> None:
    own, rest = mutants.tests_of("caching/store/tags.py", "caching")
    assert "tests/unit/caching/test_store_tags.py" in own
    assert "tests/unit/caching/test_layers_plan.py" in rest
    assert not set(own) & set(rest)
    assert all(mutants.tests_of("", room) for room in ROOMS)
