"""Licences are named where their own words are found, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gobake.deps.licences import Licences, found_in, licences, named

MIT = """MIT License

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal ...
The above copyright notice and this permission notice shall be included in all copies."""
BSD2 = """Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:"""
BSD3 = f"""{BSD2}
 * Neither the name of Google Inc. nor the names of its contributors may be used to endorse or promote products."""
ISC = """Permission to use, copy, modify, and/or distribute this software for any
purpose with or without fee is hereby granted"""
ISC_KEEPS = ", provided that the above\ncopyright notice and this permission notice appear in all copies."
MPL = "Mozilla Public License, version 2.0\n 1.12. Secondary License: the GNU General Public License, Version 2.0, ..."

TEXTS = {
    "MIT": MIT,
    "BSD-2-Clause": BSD2,
    "BSD-3-Clause": BSD3,
    "Apache-2.0": "Apache License\n                           Version 2.0, January 2004",
    "MPL-2.0": MPL,
    "ISC": ISC + ISC_KEEPS,
    "0BSD": ISC + ".",
    "GPL-2.0": "GNU GENERAL PUBLIC LICENSE\n   Version 2, June 1991",
    "GPL-3.0": "GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007 ... the GNU Affero General Public License version 3",
    "LGPL-2.1": "GNU LESSER GENERAL PUBLIC LICENSE\n Version 2.1, February 1999 ... GNU General Public License version 2",
    "LGPL-3.0": "GNU LESSER GENERAL PUBLIC LICENSE\n Version 3 ... version 3 of the GNU General Public License",
    "AGPL-3.0": "GNU AFFERO GENERAL PUBLIC LICENSE\n  Version 3, 19 November 2007",
    "Unlicense": "This is free and unencumbered software released into the public domain.",
    "CC0-1.0": "CC0 1.0 Universal\n\n CREATIVE COMMONS CORPORATION",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_licence_is_known_by_its_words(name: str) -> None:
    assert named(TEXTS[name]) == (name,)
    assert named("// " + TEXTS[name].replace("\n", "\r\n// ")) == (name,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "All rights reserved.",
        "This project is MIT licensed in spirit.",
        "Permission is hereby granted, free of charge, to any person obtaining a copy of this software, for art only",
        f"{BSD2}\n All advertising materials mentioning features or use of this software must display ...",
    ],
)
def test_other_texts_are_unknown(text: str) -> None:
    assert named(text) == ()
    assert found_in({"LICENSE": text}) == Licences(unknown=("LICENSE",))


def test_several_files_and_several_licences_in_one_are_all_told() -> None:
    found = found_in({"LICENSE": f"{MIT}\n\n{TEXTS['Apache-2.0']}", "LICENSE.docs": "ask us", "COPYING": BSD3})
    assert found == Licences(names=("Apache-2.0", "BSD-3-Clause", "MIT"), unknown=("LICENSE.docs",))


def test_only_licence_files_of_the_folder_itself_are_read(tmp_path: Path) -> None:
    for name in ("LICENSE", "licence.md", "UNLICENSE", "license.go", "README.md", "sub/COPYING", "LICENSES/MIT.txt"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(BSD3 if name == "LICENSE" else TEXTS["Unlicense"] if name == "UNLICENSE" else MIT)
    assert licences(tmp_path) == Licences(names=("BSD-3-Clause", "MIT", "Unlicense"))


def test_a_hostile_licence_file_is_neither_followed_nor_waited_for(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(MIT)
    (tmp_path / "LICENSE").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "COPYING")
    (tmp_path / "LICENSE.big").write_bytes(b"x" * (1 << 20))
    assert licences(tmp_path) == Licences(unknown=("COPYING", "LICENSE", "LICENSE.big"))
    assert licences(tmp_path / "gone") == Licences()
