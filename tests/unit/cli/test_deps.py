"""`gobake deps`, as a user types it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gobake.errors import ExitCode, GoMissing
from gobake.text.layout import cells
from tests.conftest import Tree
from tests.unit.cli.test_commands import error, good, run
from tests.unit.deps.test_removed import SERVICES
from tests.unit.report.test_schemas import strict


@pytest.fixture
def root(tree: Tree) -> Path:
    return tree(SERVICES)


def test_the_table_has_a_line_for_each_module(root: Path) -> None:
    lines = good("deps", "-C", str(root), "--offline").splitlines()
    rows = {line.split()[0].rpartition("/")[2]: line for line in lines if re.match(r"example.org/. {2,}v0", line)}
    assert set(rows) == {"x", "y", "z"}
    assert "-2 packages" in rows["x"]
    assert "needed by example.org/x" in rows["z"]
    assert "unknown" in rows["x"]
    assert rows["z"].endswith("all 2")
    assert "Go ignores 1 replace line by a folder in the go.mod of dependencies (--format json lists them)" in lines
    assert any(line.startswith("example.org/z stays without imports of your own: ") for line in lines)


def test_a_service_and_a_platform_can_be_chosen(root: Path) -> None:
    said = good("deps", "-C", str(root), "--offline", "two", "--platform", "linux/arm64,linux/amd64")
    assert "example.org/z" in said
    assert "example.org/x" not in said
    assert "1 service on linux/amd64, linux/arm64 links" in said


def test_json_is_as_its_schema_says(root: Path) -> None:
    check = strict("deps")
    found = json.loads(good("deps", "-C", str(root), "--offline", "--format", "json"))
    check(found)
    check(json.loads(good("deps", "-C", str(root), "--why", "example.org/z", "--format", "json")))
    (z,) = [module for module in found["modules"] if module["path"] == "example.org/z"]
    assert z["needed_by"]["path"] == ["example.com/p/cmd/one", "example.org/x", "example.org/z/v"]
    (ignored,) = found["ignored_replaces"]
    assert ignored == {"in": "example.org/x", "module": "example.org/z", "version": None, "by": "../other"}
    assert (z["without"], z["compile"]["seconds"], z["upgrade"]) == (None, None, None)


def test_why_shows_the_paths_of_each_service(root: Path) -> None:
    assert good("deps", "-C", str(root), "--why", "example.org/z").splitlines() == [
        "one:",
        "  example.com/p/cmd/one → example.org/x → example.org/z/v",
        "two:",
        "  example.com/p/cmd/two → example.org/z",
    ]
    assert "encoding/hex" in good("deps", "-C", str(root), "--why", "encoding/hex")


def test_the_tree_begins_at_each_service(root: Path) -> None:
    assert good("deps", "-C", str(root), "--tree").splitlines() == [
        "one",
        "├── example.org/x v0.0.0, 1 package",
        "│   └── example.org/z v0.0.0, 2 packages",
        "└── example.org/y v0.0.0, 1 package",
        "two",
        "└── example.org/z v0.0.0, 2 packages",
    ]


def test_what_is_not_linked_is_said_with_the_nearest_name(root: Path) -> None:
    said = error("deps", "-C", str(root), "--why", "example.org/zz")
    assert said == "no service links a module or package 'example.org/zz'; did you mean example.org/z?"
    assert "there is no service 'tow'" in error("deps", "-C", str(root), "tow")
    assert "--tree" in error("deps", "-C", str(root), "--tree", "--format", "json")
    assert "--why" in error("deps", "-C", str(root), "--why", "example.org/z", "--format", "dot")


def test_without_go_it_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = run("deps", "-C", str(root))
    assert isinstance(found.exception, GoMissing)
    assert found.exception.exit_code == ExitCode.NO_ENGINE
    assert "this machine has no Go 1.21 or newer" in str(found.exception)


def test_a_go_that_is_too_old_is_as_none_and_no_container_is_asked(root: Path, tree: Tree) -> None:
    tree({"go.mod": SERVICES["go.mod"].replace("go 1.21", "go 1.99")})
    found = run("deps", "-C", str(root))
    assert isinstance(found.exception, GoMissing)
    assert "this machine has no Go 1.99 or newer" in str(found.exception)


def test_a_broken_go_mod_is_one_line(root: Path, tree: Tree) -> None:
    tree({"go.mod": "module example.com/p\n\ngo 1.21\n\nreqire x\n"})
    said = error("deps", "-C", str(root))
    assert "go.mod:5" in said
    assert "\n" not in said


@pytest.mark.parametrize("width", [60, 80])
def test_the_table_fits_a_terminal(root: Path, width: int) -> None:
    from gobake.deps.account import Known, account
    from gobake.deps.costs import Costs
    from gobake.deps.gathering import licences_of
    from gobake.gotool.upgrades import Upgrades
    from gobake.report.deps_text import lines
    from tests.unit.deps.test_removed import listed

    known = Known(costs=Costs(), licences=licences_of, upgrades=Upgrades(error="no network"))
    found = account("p", listed(root), known)
    assert all(cells(line) <= width for line in lines(found, width))
