"""What a run asks and starts when the one before it has found out everything already: counted, with the real thing."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from gobake.gotool import list_cache
from tests.conftest import Gobake, Tree
from tests.engine.conftest import docker

FILES = {"go.mod": "module example.com/still\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"}


class Counted:
    """The real buildx plugin and the real go command behind scripts that write down how they were called."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "calls"
        self.config = folder / "docker"
        shutil.copytree(os.environ["DOCKER_CONFIG"], self.config)
        plugin = self.config / "cli-plugins" / "docker-buildx"
        real = docker(
            "info", "--format", '{{range .ClientInfo.Plugins}}{{if eq .Name "buildx"}}{{.Path}}{{end}}{{end}}'
        )
        plugin.unlink(missing_ok=True)
        plugin.parent.mkdir(exist_ok=True)
        self.bin = folder / "bin"
        self.bin.mkdir()
        go = shutil.which("go")
        for script, program in ((plugin, real), (self.bin / "go", go)):
            script.write_text(f'#!/bin/sh\necho "{script.name} $1 $2" >> {self._log}\nexec {program} "$@"\n')
            script.chmod(0o755)

    def calls(self) -> list[str]:
        """Since the last time."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        self._log.write_text("")
        return [line for line in lines if not line.startswith("go env")]


@pytest.fixture
def counted(tmp_path: Path) -> Counted:
    (tmp_path / "counted").mkdir()
    return Counted(tmp_path / "counted")


@pytest.mark.smoke
def test_a_run_with_nothing_to_find_out_starts_one_program_and_sees_every_change(
    gobake: Gobake, tree: Tree, counted: Counted
) -> None:
    root = tree(FILES, "still")
    env = {"DOCKER_CONFIG": str(counted.config), "PATH": f"{counted.bin}:{os.environ['PATH']}"}
    words = ("build", "--platform", "linux/amd64")

    gobake.good(*words, cwd=root, env=env)
    first = counted.calls()
    assert any(call.startswith("docker-buildx buildx inspect") for call in first)
    assert any(call.startswith("docker-buildx buildx bake") for call in first)
    assert "go list -e" in first

    time.sleep(list_cache._SETTLED_SECONDS)  # the files are old enough now for Go's answer to be remembered
    gobake.good(*words, cwd=root, env=env)
    counted.calls()
    gobake.good(*words, cwd=root, env=env)
    assert counted.calls() == ["docker-buildx bake --progress"]
    before = gobake.last_run(root)
    assert before["outcome"] == "done"
    assert (before["driver"], before["engine"]) == ("docker", docker("version", "--format", "{{.Server.Version}}"))
    assert before["buildx"]
    assert before["nodes"]

    (root / "main.go").write_text(f'package main\n\nfunc main() {{ println("changed by {os.getpid()}") }}\n')
    gobake.good(*words, cwd=root, env=env)
    assert counted.calls() == ["docker-buildx bake --progress"]  # Go is not asked about what is below the imports
    after = gobake.last_run(root)
    assert [g["linked"][0][0] for g in after["go"]] == ["example.com/still"]
    assert after["targets"][0]["digest"] != before["targets"][0]["digest"]

    (root / "main.go").write_text('package main\n\nimport "os"\n\nfunc main() { os.Exit(0) }\n')
    gobake.good(*words, cwd=root, env=env)
    assert counted.calls() == ["go list -e", "docker-buildx bake --progress"]


def test_a_build_by_the_plugin_alone_tells_its_failure_as_any_other(gobake: Gobake, tree: Tree) -> None:
    root = tree(FILES, "broken")
    gobake.good("build", cwd=root)
    (root / "main.go").write_text("package main\n\nfunc main() { undefined() }\n")
    ended = gobake("build", cwd=root)
    assert ended.code == 4
    assert "main.go:3:15" in ended.err
    (root / "main.go").write_text(FILES["main.go"])
    gobake.good("build", cwd=root)
    assert [r["outcome"] for r in gobake.good("runs", "ls", "--format", "json", cwd=root).json["runs"]] == [
        "done",
        "failed",
        "done",
    ]
