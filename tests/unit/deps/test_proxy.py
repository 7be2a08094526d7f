"""What a module proxy tells, and what is known without one. Go asks; the proxy is a folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from gobake import memo
from gobake.gotool import list_cache, upgrades
from gobake.gotool.upgrades import Upgrade, Upgrades
from tests.conftest import Tree
from tests.unit.cli.test_commands import error, good
from tests.unit.deps.proxy import TIME, publish, use

X = "module example.org/x\n\ngo 1.21\n"
PROJECT = {
    "go.mod": "module example.com/p\n\ngo 1.21\n\nrequire example.org/x v1.0.0\n",
    "main.go": 'package main\n\nimport _ "example.org/x"\n\nfunc main() {}\n',
}


def go() -> str:
    found = shutil.which("go")
    assert found
    return found


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "proxy"
    code = {"x.go": "package x\n", "LICENSE": "This is free and unencumbered software released into the public domain."}
    retracting = f"// Deprecated: use example.org/y instead.\n{X}\nretract v1.0.0 // it loses data\n"
    publish(
        folder,
        "example.org/x",
        {"v1.0.0": {"go.mod": X, **code}, "v1.1.0": {"go.mod": X, **code}, "v1.2.0": {"go.mod": retracting, **code}},
    )
    use(monkeypatch, folder, tmp_path / "modules")
    return folder


@pytest.fixture
def root(tree: Tree, proxy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that requires an old version, whose go.sum Go has written."""
    import subprocess

    monkeypatch.setattr(list_cache, "_SETTLED_SECONDS", -1000.0)  # at rest although just written
    folder = tree(PROJECT)
    subprocess.run([go(), "mod", "download", "example.org/x"], cwd=folder, check=True, capture_output=True)
    subprocess.run([go(), "mod", "tidy"], cwd=folder, check=True, capture_output=True)
    shutil.rmtree(folder.parent / "modules")  # as on a machine that has not fetched them
    return folder


def test_newer_retracted_and_deprecated_versions_are_known(proxy: Path) -> None:
    found = upgrades.upgrades([("example.org/x", "v1.0.0"), ("example.org/x", "v1.2.0")], go())
    assert found == Upgrades(
        of={
            ("example.org/x", "v1.0.0"): Upgrade(
                time=TIME,
                newer="v1.2.0",
                newer_time=TIME,
                retracted=("it loses data",),
                deprecated="use example.org/y instead.",
            ),
            ("example.org/x", "v1.2.0"): Upgrade(time=TIME, deprecated="use example.org/y instead."),
        }
    )
    shutil.rmtree(proxy)  # an answer counts for some hours
    assert upgrades.upgrades([("example.org/x", "v1.2.0"), ("example.org/x", "v1.0.0")], go()) == found
    with memo.empty():
        gone = upgrades.upgrades([("example.org/x", "v1.0.0"), ("example.org/x", "v1.2.0")], go())
    assert gone.error


def test_one_module_that_nobody_knows_leaves_the_others_known(proxy: Path) -> None:
    found = upgrades.upgrades([("example.org/x", "v1.1.0"), ("example.org/z", "v1.0.0")], go())
    assert found.of.keys() == {("example.org/x", "v1.1.0")}
    assert "example.org/z" in found.error


def test_a_go_that_does_not_run_or_answers_nonsense_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gobake.gotool.host.own_settings", lambda _go: {})
    assert upgrades.upgrades([("a", "v1")], "/nowhere/go").error
    script = tmp_path / "go"
    script.write_text("#!/bin/sh\necho '{broken'\n")
    script.chmod(0o755)
    assert upgrades.upgrades([("b", "v1")], str(script)).error
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(upgrades, "_SECONDS", 0.2)
    assert "0.2 s" in upgrades.upgrades([("c", "v1")], str(script)).error


def test_the_command_tells_what_the_proxy_knows(root: Path) -> None:
    before = _state(root)
    said = good("deps", "-C", str(root))
    row = next(line for line in said.splitlines() if line.startswith("example.org/x"))
    assert "Unlicense" in row
    assert row.endswith("v1.2.0")
    assert "example.org/x v1.0.0 is retracted: it loses data" in said
    assert "example.org/x is deprecated: use example.org/y instead." in said
    assert _state(root) == before


def test_without_network_nothing_is_fetched_and_nothing_about_versions_is_said(root: Path, proxy: Path) -> None:
    assert "modules of" in error("deps", "-C", str(root), "--offline")
    good("deps", "-C", str(root))  # fetches the module
    shutil.rmtree(proxy)
    offline = good("deps", "-C", str(root), "--offline")
    assert "NEWER" not in offline
    with memo.empty():
        unreachable = good("deps", "-C", str(root))
    assert "unknown" in next(line for line in unreachable.splitlines() if line.startswith("example.org/x"))
    assert "what is newer is not known of all modules" in unreachable


def test_requirements_that_no_package_needs_are_named(root: Path, tree: Tree) -> None:
    good("deps", "-C", str(root))
    main = PROJECT["main.go"].replace("main() {}", "main() { println() }").replace('import _ "example.org/x"\n', "")
    tree({"main.go": main})
    before = _state(root)
    said = good("deps", "-C", str(root))
    assert "example.com/p requires what no package of it needs on any platform: example.org/x v1.0.0" in said
    assert _state(root) == before


def test_a_test_or_another_platform_may_need_a_requirement(root: Path, tree: Tree) -> None:
    good("deps", "-C", str(root))
    tree({"main.go": "package main\n\nfunc main() {}\n", "x_windows.go": 'package main\n\nimport _ "example.org/x"\n'})
    assert "on any platform" not in good("deps", "-C", str(root))


def _state(root: Path) -> Mapping[str, str]:
    return {str(file): file.read_text() for file in sorted(root.rglob("*")) if file.is_file()}
