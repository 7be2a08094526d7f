"""What others read of gobake stays as it is, byte for byte: recipes (else every layer cache misses once), schemas, the
plan, and what reports say of the recorded runs.

A change that is meant is written down in CHANGELOG.md; then `GOBAKE_WRITE_CONTRACTS=1 pytest tests/unit/test_contracts.py`
writes the texts anew, and their difference tells what users will see.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from gobake.cli import gobake
from gobake.runs.record import RunRecord
from gobake.runs.store import RunStore
from tests.conftest import copy_shop
from tests.unit.invoked import good
from tests.unit.scoring import NAMES, recorded

FOLDER = Path(__file__).parent / "contracts"
REPORTS = {
    "report.txt": ("report", "last"),
    "report.json": ("report", "last", "--format", "json"),
    "report.md": ("report", "last", "--format", "markdown"),
    "report-several.txt": ("report", "--last", "9"),
    "report-compared.txt": ("report", "last", "--compare", "20261125-053208-da7135"),
    "explain.txt": ("explain",),
    "explain.json": ("explain", "--format", "json"),
    "runs.txt": ("runs", "ls"),
    "runs.json": ("runs", "ls", "--format", "json"),
    "metrics.txt": ("metrics",),
}
Said = Callable[..., str]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """gobake on the example workspace, with the recorded runs as its history."""
    shop = copy_shop(tmp_path_factory.mktemp("contracts") / "shop")
    history = shop.parent / "history"
    with RunStore(history / "shop") as store:
        for name in NAMES:
            store.add(replace(recorded(name), project="shop"), [])
    environment = {"GOBAKE_HISTORY": str(history), "TZ": "UTC", "COLUMNS": "110", "GOBAKE_TRUST": "1"}

    def invoke(*words: str) -> str:
        text = good(CliRunner().invoke(gobake, [*words, "-C", str(shop)], env=environment))
        return text.replace(str(shop), "/shop").replace(str(history), "/history")

    return invoke


def holds(name: str, text: str) -> None:
    file = FOLDER / name
    if os.environ.get("GOBAKE_WRITE_CONTRACTS"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", REPORTS)
def test_reports_say_the_same_of_the_recorded_runs(said: Said, name: str) -> None:
    holds(name, said(*REPORTS[name]))


@pytest.mark.parametrize(("name", "words"), [("gobake.schema.json", ()), ("report.schema.json", ("report",))])
def test_schemas_are_the_same(name: str, words: tuple[str, ...]) -> None:
    holds(name, good(CliRunner().invoke(gobake, ["schema", *words])))


def test_records_have_the_same_fields() -> None:
    """Schema 1 gets further fields, each with a default, and loses none."""
    text = json.dumps(msgspec.json.schema(RunRecord), indent=2) + "\n"
    holds("record.schema.json", re.sub(r'\n *"description": .*', "", text))  # docstrings are free


@pytest.mark.parametrize("policy", ["", "ci-branch"])
def test_recipes_are_the_same(tmp_path: Path, policy: str) -> None:
    """Rendered beside the project, where the paths in it are not of this machine."""
    caches = ("--cache-policy", policy, "--registry", "ghcr.io/acme") if policy else ()
    project = copy_shop(tmp_path / "shop")
    words = ["render", *caches, "-C", str(project), "--force", "--quiet"]
    good(CliRunner().invoke(gobake, words, env={"GOBAKE_TRUST": "1"}))
    for name in ("gobake.Dockerfile", "gobake.Dockerfile.dockerignore", "docker-bake.json"):
        holds(f"recipe{'-' + policy if policy else ''}/{name}", (project / name).read_text(encoding="utf-8"))
