"""What programs say of their version, in images: one project, built at one commit after the other."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.conftest import Gobake, Tree, commit
from tests.engine.conftest import docker
from tests.unit.versions.test_vcs import by_go

ODD = "it's $HOME `id` ü {}"
CONFIG = """\
bases: {go: golang:1.26-alpine}
defaults: {strategies: [scratch, single-stage, prebuilt]}
services:
  api:
    stamps:
      main.version: "{version}"
      main.commit: "{revision} {short_revision} {branch} {dirty}"
      main.date: "{date}"
      main.odd: "it's $HOME `id` ü {{}}"
  tool: {vcs: true}
  worker: {version_stamp: main.version}
"""
FILES = {
    "go.mod": "module example.com/shop\n\ngo 1.24\n",
    "go.work": "go 1.24\n\nuse (\n\t.\n\t./tool\n)\n",
    "api/main.go": "package main\n\nvar version, commit, date, odd string\n\n"
    'func main() { println(version + "|" + commit + "|" + date + "|" + odd) }\n',
    "worker/main.go": "package main\n\nvar version string\n\nfunc main() { println(version) }\n",
    "tool/go.mod": "module example.com/shop/tool\n\ngo 1.24\n",
    "tool/main.go": "package main\n\nfunc main() {}\n",
    "gobake.yaml": CONFIG,
}
MAKE = ("all", "-s", "scratch,single-stage,prebuilt", "--platform", "linux/amd64")


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def said(image: str) -> str:
    """println writes to stderr."""
    return subprocess.run(["docker", "run", "--rm", image], capture_output=True, text=True, check=True).stderr.strip()


def told(image: str, folder: Path) -> str:
    """Revision, time, modified and version that the program of an image holds."""
    container = docker("create", image)
    program = folder / "program"
    docker("cp", f"{container}:/usr/local/bin/tool", str(program))
    docker("rm", container)
    lines = subprocess.run(["go", "version", "-m", str(program)], capture_output=True, text=True, check=True).stdout
    words = [line.split() for line in lines.splitlines()]
    settings = dict(word.split("=", 1) for kind, *rest in words if kind == "build" for word in rest[:1] if "=" in word)
    version = next(word[2] for word in words if word[0] == "mod")
    return " ".join([settings["vcs.revision"], settings["vcs.time"], settings["vcs.modified"], version])


def work(gobake: Gobake, root: Path) -> tuple[list[Any], list[str]]:
    """What was compiled and what was linked in the last run."""
    (found,) = gobake.last_run(root)["go"]
    return found["compiled"], sorted(path for path, _ in found["linked"])


def test_stamps_arrive_and_another_commit_links_only_what_tells_it(gobake: Gobake, tree: Tree, tmp_path: Path) -> None:
    root = tree(FILES)
    commit(root)
    git(root, "tag", "v1.2.3")
    git(root, "tag", "tool/v0.4.0")
    gobake.good(*MAKE, cwd=root)
    for strategy in ("scratch", "single-stage", "prebuilt"):
        head = git(root, "log", "-1", "--format=%H %h")
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(git(root, "log", "-1", "--format=%ct"))))
        assert said(f"worker:latest-{strategy}") == "v1.2.3"
        assert said(f"api:latest-{strategy}") == f"v1.2.3|{head} main false|{date}|{ODD}"
        assert told(f"tool:latest-{strategy}", tmp_path) == by_go(root / "tool")
    labels = docker(
        "image", "inspect", "-f", '{{index .Config.Labels "org.opencontainers.image.version"}}', "tool:latest"
    )
    assert labels == "v0.4.0"

    (root / "README").write_text("more")
    commit(root)
    git(root, "tag", "tool/v0.4.1")
    gobake.good("build", "--version", "v1.2.3", "--platform", "linux/amd64", cwd=root)
    assert work(gobake, root) == ([], ["example.com/shop/api", "example.com/shop/tool"])
    steps = [step for step in gobake.last_run(root)["steps"] if step["instruction"].startswith("RUN ")]
    assert {step["stage"] for step in steps if step["outcome"] in ("executed", "shared")} == {"stamp.2", "stamp.3"}
    assert {step["stage"] for step in steps if step["outcome"] == "reused"} >= {"compile", "stamp"}
    assert told("tool:latest", tmp_path) == by_go(root / "tool")
    assert said("worker:latest") == "v1.2.3"
    assert said("api:latest").startswith(f"v1.2.3|{git(root, 'rev-parse', 'HEAD')} ")

    bake = {**os.environ, "VERSION": "v9", "REVISION": "abc", "CREATED": "now"}
    gobake.good("render", "-s", "scratch", cwd=root)
    subprocess.run(["docker", "buildx", "bake", "api-scratch"], cwd=root, env=bake, capture_output=True, check=True)
    assert said("api:latest") == f"v9|abc   |now|{ODD}"
