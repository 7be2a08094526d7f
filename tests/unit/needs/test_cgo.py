"""Files that a compile without cgo leaves out."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from gobake.needs.evidence import left_out_without_cgo

CGO = 'package store\n\n// int one(void);\nimport "C"\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("store.go", CGO),
        ("store_cgo.go", f"//go:build cgo\n\n{CGO}"),
        ("store_linux.go", f"//go:build linux && cgo\n\n{CGO}"),
    ],
)
def test_a_file_that_only_cgo_takes_is_found_with_its_line(name: str, text: str) -> None:
    (found,) = left_out_without_cgo(text, PurePosixPath(name))
    assert found.line == 1 + text.partition('import "C"')[0].count("\n")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("store_windows.go", CGO),
        ("store_arm64.go", CGO),
        ("store.go", f"//go:build cgo && libsqlite3\n\n{CGO}"),
        ("store.go", f"//go:build !cgo\n\n{CGO}"),
        ("store.go", f"//go:build ignore\n\n{CGO}"),
        ("store.go", "package store\n"),
    ],
)
def test_what_other_conditions_keep_out_is_not_blamed_on_cgo(name: str, text: str) -> None:
    assert left_out_without_cgo(text, PurePosixPath(name)) == ()
