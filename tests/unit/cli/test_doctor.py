"""`gobake doctor` where there is neither engine nor project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gobake.cli import gobake
from gobake.errors import ExitCode
from tests.conftest import Tree
from tests.unit.cli.test_commands import run
from tests.unit.report.test_schemas import strict


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No docker, and no network to ask."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("GOPROXY", "off")


def test_what_is_missing_is_told_each_with_its_remedy(tree: Tree) -> None:
    root = tree({"README.md": "nothing"})
    result = CliRunner().invoke(gobake, ["doctor", "-C", str(root), "--format", "json"], standalone_mode=False)
    assert result.return_value == ExitCode.NO_ENGINE
    found = json.loads(result.output)
    strict("doctor")(found)
    engine = next(one for one in found["findings"] if one["topic"] == "engine")
    assert engine["state"] == "problem"
    assert "there is no docker command on PATH" in engine["text"]
    assert engine["remedy"]
    project = next(one for one in found["findings"] if one["topic"] == "project")
    assert project["state"] == "unknown"
    assert found["counts"]["problem"] >= 1


def test_the_text_has_a_line_for_each_finding(tree: Tree) -> None:
    root = tree({"README.md": "nothing"})
    lines = run("doctor", "-C", str(root)).output.splitlines()
    assert lines[0].startswith("problem  engine ")
    assert lines[1].strip().startswith("install Docker")
    assert " problem" in lines[-1]
