"""`gobake size` of what needs no engine: programs, layouts, archives; and what it says of anything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Gobake
from tests.unit.binary.programs import link
from tests.unit.images.making import Layout, layer


@pytest.fixture(scope="module")
def stripped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return link(tmp_path_factory.mktemp("programs"), "shipped", ldflags="-s -w")


def in_layout(folder: Path, program: bytes) -> Path:
    made = Layout()
    made.roots = [made.image((layer({"app": program}),), ("COPY app /",))]
    return made.in_folder(folder)


def test_a_program_is_told_in_all_formats(gobake: Gobake, stripped: Path, tmp_path: Path) -> None:
    told = gobake.good("size", str(stripped), "--format", "json", cwd=tmp_path).json
    assert told["program"]["bytes"] == stripped.stat().st_size
    assert sum(module["bytes"] for module in told["program"]["modules"]) == told["program"]["bytes"]
    text = gobake.good("size", str(stripped), cwd=tmp_path).out
    assert "of the program: standard library" in text
    assert "its functions still name their packages" in text
    assert "| standard library | go1." in gobake.good("size", str(stripped), "--format", "markdown", cwd=tmp_path).out


def test_an_image_is_told_with_the_program_that_it_starts(gobake: Gobake, stripped: Path, tmp_path: Path) -> None:
    folder = in_layout(tmp_path / "layout", stripped.read_bytes())
    told = gobake.good("size", str(folder), "--format", "json", cwd=tmp_path).json
    assert told["image"]["bytes"] == told["program"]["bytes"] == stripped.stat().st_size
    assert told["program"]["path"] == "/app"
    assert told["image"]["layers"][0]["instruction"] == "COPY app /"


def test_growth_beyond_the_limit_is_exit_code_5_and_names_the_module(
    gobake: Gobake, stripped: Path, tmp_path: Path
) -> None:
    told = gobake.good("size", str(stripped), "--format", "json", cwd=tmp_path).json
    for module in told["program"]["modules"]:
        if module["module"] == "example.com/dep.v2":
            module["bytes"] -= 1000
            module["replaced"] = "./older"
    told["program"]["bytes"] -= 1000
    before = tmp_path / "before.json"
    before.write_text(json.dumps(told))
    words = ("size", str(stripped), "--against", str(before))
    assert gobake(*words, "--max-growth", "1kB", cwd=tmp_path).code == 0
    ended = gobake(*words, "--max-growth", "999B", cwd=tmp_path)
    assert ended.code == 5
    assert "too large by 1 B; what grew most is example.com/dep.v2: 1 kB more, ./older → ./dep" in ended.err
    assert gobake("size", str(stripped), "--max-size", "1MB", cwd=tmp_path).code == 5


def test_what_cannot_be_measured_is_one_line(gobake: Gobake, stripped: Path, tmp_path: Path) -> None:
    script, damaged = tmp_path / "script", tmp_path / "damaged"
    script.write_text("#!/bin/sh\n")
    damaged.write_bytes(stripped.read_bytes()[:5000])
    cases = {
        ("./script",): "./script is neither a program nor an image: not an ELF file, and no archive",
        ("./damaged",): "./damaged is a truncated ELF file",
        ("./missing",): "./missing cannot be read: No such file or directory",
        (".//",): ". is not an OCI layout: it has no readable index.json",
        ("./damaged", "--max-growth", "5%"): "--max-growth needs something to compare with",
        ("./damaged", "--against", "./script", "--max-growth", "x"): "--max-growth: invalid size 'x'",
        ("./damaged", "--without"): "--without is for services of a project",
        ("Not An Image",): "'Not An Image' is not the name of an image",
    }
    for words, said in cases.items():
        ended = gobake("size", *words, cwd=tmp_path)
        assert (ended.code, ended.out) == (2, ""), words
        assert ended.err.startswith(f"error: {said}")
        assert len(ended.err.splitlines()) == 1
