"""Tables and prose on terminals of several widths, and in a pipe."""

from __future__ import annotations

import io

import pytest

from gobake.text.layout import Table, arranged, cells, width_of_terminal, wrapped

RUNS = Table(
    columns=("RUN", "BRANCH", "TIME", "SERVICES"),
    rows=(("20261125-053311", "main", "94.9 s", "api, worker and 3 more"), ("20261125-053243", "next", "9.9 s", "-")),
    left=2,
    words=frozenset({"SERVICES"}),
)
SIZES = Table(
    columns=("SIZE", "alpine", "scratch", "upx"),
    rows=(("api", "6.1 MB", "4.5 MB", "-"), ("worker", "7.2 MB", "5.6 MB", "1.2 MB")),
    alike=True,
)


def lines(table: Table, width: int | None) -> list[str]:
    return [line.text for line in arranged(table, width)]


def test_a_row_is_a_line_where_it_fits_and_in_a_pipe() -> None:
    expected = [
        "RUN              BRANCH    TIME  SERVICES",
        "20261125-053311  main    94.9 s  api, worker and 3 more",
        "20261125-053243  next     9.9 s  -",
    ]
    assert lines(RUNS, None) == lines(RUNS, 55) == expected


def test_columns_that_do_not_fit_go_on_in_the_next_line() -> None:
    assert lines(RUNS, 40) == [
        "RUN              BRANCH    TIME",
        "  SERVICES",
        "20261125-053311  main    94.9 s",
        "  api, worker and 3 more",
        "20261125-053243  next     9.9 s",
        "  -",
    ]


def test_a_cell_that_is_too_wide_is_broken_between_words() -> None:
    assert lines(RUNS, 20)[3:7] == ["20261125-053311", "  main    94.9 s", "  api, worker and 3", "    more"]


def test_columns_that_are_alike_stand_below_each_other() -> None:
    assert lines(SIZES, 24) == [
        "SIZE    alpine  scratch",
        "api     6.1 MB   4.5 MB",
        "worker  7.2 MB   5.6 MB",
        "SIZE       upx",
        "api          -",
        "worker  1.2 MB",
    ]


def test_a_name_is_never_cut() -> None:
    name = "a-service-with-a-name-of-exactly-forty-c"
    table = Table(columns=("SERVICE", "TIME"), rows=((name, "1.0 s"),))
    assert lines(table, 20) == ["SERVICE", "  TIME", name, "  1.0 s"]


def test_a_line_knows_its_row() -> None:
    assert [line.row for line in arranged(RUNS, 40)] == [None, None, 0, 0, 1, 1]


def test_a_table_without_rows_is_not_printed() -> None:
    assert arranged(Table(columns=("A",), rows=()), 80) == []


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("one two three", None, ["one two three"]),
        ("one two three", 13, ["one two three"]),
        ("one two three", 12, ["one two", "  three"]),
        ("took 1.4 s in all", 9, ["took", "  1.4 s", "  in all"]),
        ("linux/amd64,linux/arm64", 14, ["linux/amd64,", "  linux/arm64"]),
        ("a word-of-twenty-signs-", 10, ["a", "  word-of-twenty-signs-"]),
        ("  two leading spaces", 14, ["  two leading", "  spaces"]),
        ("1,054 s", 5, ["1,054 s"]),
    ],
)
def test_prose_breaks_between_words(text: str, width: int | None, expected: list[str]) -> None:
    assert wrapped(text, width, 2) == expected


def test_what_stands_before_the_text_counts() -> None:
    assert wrapped("one two", 14, 7, used=7) == ["one two"]
    assert wrapped("one two", 13, 7, used=7) == ["one", "       two"]
    assert wrapped("fourteen-signs", 20, 4, used=10) == ["", "    fourteen-signs"]


def test_wide_signs_take_two_columns() -> None:
    assert cells("日本") == 4
    assert cells("e\u0301") == 1
    assert wrapped("日本 日本", 8) == ["日本", "日本"]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_only_a_terminal_has_a_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert width_of_terminal(io.StringIO()) is None
    assert width_of_terminal(_Terminal()) == 60
    monkeypatch.setenv("COLUMNS", "1")
    assert width_of_terminal(_Terminal()) == 20
    monkeypatch.setenv("COLUMNS", "wide")
    assert width_of_terminal(_Terminal()) == 80
