"""Files that are whole or not there, and know it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobake.files import whole


@given(st.text(st.characters(codec=None, categories=None)))
def test_what_was_sealed_comes_back(text: str) -> None:
    encoded = text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    assert whole.unsealed(whole.sealed(encoded)) == encoded


@given(st.integers(0), st.integers(1, 255))
def test_one_wrong_byte_breaks_the_seal(at: int, change: int) -> None:
    content = bytearray(whole.sealed('{"seconds": 10}'))
    content[at % len(content)] ^= change
    with pytest.raises(ValueError, match="damaged"):
        whole.unsealed(bytes(content))


def test_what_cannot_be_written_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        whole.write(tmp_path / "folder", b"new")
    assert [f.name for f in tmp_path.iterdir()] == ["folder"]
