"""`gobake deps`, as a user types it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from gobake.errors import ExitCode, GoMissing
from gobake.size.values import ModuleSize, PackageSize, ProgramSize, SizeReport, WithoutModule
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
    assert "--size" in error("deps", "-C", str(root), "--tree", "--size", "x.json")
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


def report(
    tmp_path: Path, name: str, package: str, basis: str, packages: dict[str, int], *without: WithoutModule
) -> Path:
    """A report of `gobake size`."""
    modules = tuple(
        ModuleSize(module="m", version="", bytes=size, packages=(PackageSize(package=path, bytes=size),))
        for path, size in packages.items()
    )
    program = ProgramSize(
        path="/x",
        bytes=sum(packages.values()),
        packed_bytes=None,
        arch="amd64",
        go="go1.26",
        package=package,
        basis=basis,
        bss=0,
        modules=modules,
        kinds=(),
        without=without or None,
    )
    file = tmp_path / f"{name}.json"
    file.write_bytes(msgspec.json.encode(SizeReport(name=name, image=None, program=program)))
    return file


def test_bytes_are_those_of_measured_programs(root: Path, tmp_path: Path) -> None:
    sizes = {"example.com/p/cmd/one": 10, "example.org/x": 1000, "example.org/z/v": 400, "encoding/hex": 70, "fmt": 9}
    one = report(tmp_path, "one", "example.com/p/cmd/one", "twin", sizes)
    options = ("--offline", "-p", "linux/amd64", "--size", str(one))
    found = json.loads(good("deps", "-C", str(root), *options, "--format", "json"))
    strict("deps")(found)
    told = {module["path"][-1]: module for module in found["modules"]}
    assert {name: module["bytes"] for name, module in told.items()} == {"x": 1000, "y": 0, "z": 400}
    assert told["x"]["without"]["bytes"] == 1400
    assert told["y"]["without"]["bytes"] == 79  # the linker kept nothing of y itself
    said = good("deps", "-C", str(root), *options)
    assert re.search(r"example.org/x {2,}v0.0.0 +1 +unknown +1 kB +-2 packages, -1.4 kB", said)
    assert "bytes in 1 measured program" in said
    two = good(
        "deps",
        "-C",
        str(root),
        *options,
        "--size",
        str(report(tmp_path, "two", "example.com/p/cmd/two", "twin", {"example.org/z": 5})),
    )
    assert re.search(r"example.org/z .* 405 B ", two)


def test_bytes_that_go_are_those_of_the_linker_where_they_are_known(root: Path, tmp_path: Path) -> None:
    def told(packages: int) -> str:
        gone = WithoutModule(module="example.org/x", packages=packages, standard_packages=1, bytes=2500)
        file = report(tmp_path, "one", "example.com/p/cmd/one", "twin", {"example.org/x": 1000}, gone)
        return good("deps", "-C", str(root), "--offline", "-p", "linux/amd64", "--size", str(file))

    assert re.search(r"example.org/x .* -2 packages, -2.5 kB {2,}", told(3))
    assert re.search(r"example.org/x .* -2 packages, -1 kB or more", told(4))  # of other sources than these


def test_what_is_not_measured_is_not_taken_for_it(root: Path, tmp_path: Path) -> None:
    estimated = report(tmp_path, "a", "example.com/p/cmd/one", "functions", {"example.org/x": 1})
    other = report(tmp_path, "b", "example.com/other", "twin", {"example.org/x": 1})
    broken = tmp_path / "c.json"
    broken.write_text("{}")
    command = ("deps", "-C", str(root), "--offline", "-p", "linux/amd64", "--size")
    assert "holds no measured bytes" in error(*command, str(estimated))
    assert "is of example.com/other for amd64: no chosen service" in error(*command, str(other))
    assert "is not a report of `gobake size --format json`" in error(*command, str(broken))
    assert "cannot be read" in error(*command, str(tmp_path / "none.json"))
