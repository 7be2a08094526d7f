"""What sources in C, assembly and cgo's comments mention."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobake.context.mentions import Mentions, folders, mentions, places


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('#include "x.h"', "x.h"),
        ('  #  include  "../a/x y.h" // why', "../a/x y.h"),
        ('#import "x.h"', "x.h"),
        ('#embed "x.bin"', "x.bin"),
        ('%include "x.i"', "x.i"),
        ('.include "x.s"', "x.s"),
        ('\t.incbin "x.bin"', "x.bin"),
        ('__asm__(".incbin \\"x.bin\\"");', "x.bin"),
    ],
)
def test_included_files_are_found(line: str, name: str) -> None:
    assert mentions(f"int a;\n{line}\nint b;\n", go=False).quoted == (name,)


def test_only_the_comment_of_cgo_counts_in_go() -> None:
    text = 'package x\n\n// #include "a.h"\n// #cgo CFLAGS: -I${SRCDIR}/../include -DX="1 2"\nimport "C"\n'
    assert mentions(text, go=True) == Mentions(quoted=("a.h",), words=("-I${SRCDIR}/../include", "-DX=1 2"))
    assert mentions(text.replace('import "C"', 'import "D"'), go=True) == Mentions()


def test_a_block_comment_and_constraints_of_cgo_lines_are_read() -> None:
    text = (
        'package x\n\n/*\n#cgo linux,amd64 LDFLAGS: -L./lib -lfoo ${SRCDIR}/libbar.a\n#include <z.h>\n*/\nimport "C"\n'
    )
    said = mentions(text, go=True)
    assert said.angled == ("z.h",)
    assert list(folders(said.words, "-L")) == ["./lib"]
    assert list(places(said.words)) == ["${SRCDIR}/libbar.a"]


def test_places_stand_behind_commas_and_signs_of_equality() -> None:
    words = ("-Wl,--version-script=${SRCDIR}/x.map,-T,y.ld", "-Tz.ld", "-lfoo", "-DX=a.b")
    assert list(places(words)) == ["${SRCDIR}/x.map", "y.ld", "z.ld"]


def test_folders_may_be_a_word_of_their_own() -> None:
    assert list(folders(("-I", "a", "-Ib", "-isystem", "c"), "-I")) == ["a", "b"]
    assert list(folders(("-isystem", "c", "-I"), "-isystem")) == ["c"]


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    mentions(text, go=False)
    mentions(text + '\nimport "C"\n', go=True)
