"""Modules, workspaces and vendor folders count in the build as they count for `go build` in that folder."""

from __future__ import annotations

import os

from tests.conftest import Gobake
from tests.engine.cases.making import (
    Repository,
    calling,
    go,
    go_mod,
    program,
    said,
    told,
)


def test_a_replaced_folder_that_is_not_there_matters_only_to_who_needs_it(
    world: Gobake, repository: Repository
) -> None:
    replaced = (
        "\nreplace example.com/experiment => ../scratchpad/experiment\n"
        "\nreplace example.com/other v1.2.3 => ./not/here\n"
    )
    root = repository(
        {
            "go.mod": go_mod("example.com/leftover", replaced),
            "main.go": program("hello"),
            "go.work": "go 1.26\n\nuse .\n\nreplace example.com/third => ../gone\n",
        }
    )
    world.good("build", cwd=root)
    assert said("leftover:latest") == "hello"
    (root / "go.mod").write_text(go_mod("example.com/leftover", "\nrequire example.com/experiment v0.0.0\n" + replaced))
    (root / "main.go").write_text(calling("example.com/experiment", "experiment.Name"))
    ended = world("build", cwd=root)
    assert ended.code in (2, 4)
    assert "scratchpad/experiment" in told(ended)
    assert "Traceback" not in ended.err


def test_a_service_of_a_workspace_with_settings_of_its_own_sees_the_workspace(
    world: Gobake, repository: Repository
) -> None:
    root = repository(
        {
            "go.work": "go 1.26\n\nuse ./services/billing\n\nuse ./shared\n",
            "services/billing/go.mod": go_mod("example.com/billing"),
            "services/billing/gobake.yaml": "name: cases\nservices:\n  billing:\n    ports: [8080]\n",
            "services/billing/main.go": calling("example.com/shared", "shared.Name"),
            "shared/go.mod": go_mod("example.com/shared"),
            "shared/shared.go": 'package shared\n\nconst Name = "shared"\n',
        },
        module="",
    )
    (root / "gobake.yaml").unlink()
    ended = world("build", cwd=root / "services/billing")
    if ended.code == 0:
        assert said("billing:latest") == "shared"
        return
    assert ended.code == 2
    assert "go.work" in told(ended)
    assert "gobake.yaml" in told(ended)


def test_a_module_that_the_workspace_above_does_not_use_is_built_by_itself(
    world: Gobake, repository: Repository
) -> None:
    """Go refuses there, unless GOWORK=off says what is meant; a folder with a gobake.yaml of its own says it too."""
    root = repository(
        {
            "go.work": "go 1.26\n\nuse ./shared\n",
            "alone/go.mod": go_mod("example.com/alone"),
            "alone/main.go": program("alone"),
            "shared/go.mod": go_mod("example.com/shared"),
            "shared/shared.go": "package shared\n",
        },
        module="",
    )
    (root / "gobake.yaml").rename(root / "alone/gobake.yaml")
    assert go(root / "alone", "build", "-o", os.devnull, ".").returncode != 0
    assert go(root / "alone", "build", "-o", os.devnull, ".", env={"GOWORK": "off"}).returncode == 0
    world.good("build", cwd=root / "alone")
    assert said("alone:latest") == "alone"


QUOTE = {"go.mod": "\nrequire rsc.io/quote v1.2.0\n", "main.go": calling("rsc.io/quote", "quote.Hello()")}


def test_a_vendor_folder_beside_go_work_counts_only_without_it(world: Gobake, repository: Repository) -> None:
    root = repository(
        {
            "go.mod": go_mod("example.com/mixed", QUOTE["go.mod"]),
            "main.go": QUOTE["main.go"],
            "tools/go.mod": go_mod("example.com/mixed/tools"),
            "tools/tools.go": "package tools\n",
        },
        config="",
    )
    for words in (("mod", "tidy"), ("mod", "vendor")):
        done = go(root, *words)
        assert done.returncode == 0, done.stderr
    (root / "go.work").write_text("go 1.26\n\nuse .\n\nuse ./tools\n")
    world("cache", "prune", "gomod", "--yes", cwd=root)
    world.good("build", cwd=root)
    assert said("mixed:latest") == "Hello, world."
    assert [m[0] for m in world.last_run(root)["modules"]] == ["rsc.io/quote"]
    (root / "tools/tools.go").write_text("package tools\n\nconst More = 1\n")
    (root / "main.go").write_text(QUOTE["main.go"].replace("println(", 'println("again", '))
    world.good("build", cwd=root)
    assert said("mixed:latest") == "again Hello, world."
    assert world.last_run(root)["modules"] == []
    world.good("build", cwd=root, env={"GOWORK": "off", "GOPROXY": "off"})
    assert world.last_run(root)["modules"] == []
    dockerfile = world.good("render", "--to", str(root.parent / "rendered"), cwd=root, env={"GOWORK": "off"})
    assert dockerfile.code == 0
    assert "gomod" not in (root.parent / "rendered/gobake.Dockerfile").read_text()


def test_a_vendor_folder_of_the_workspace_needs_no_download(world: Gobake, repository: Repository) -> None:
    root = repository(
        {
            "go.work": "go 1.26\n\nuse .\n\nuse ./lib\n",
            "go.mod": go_mod("example.com/packed", "\nrequire example.com/dep v1.0.0\n"),
            "main.go": 'package main\n\nimport (\n\t"example.com/dep"\n\t"example.com/lib"\n)\n\nfunc main() { println(dep.Name, lib.Name) }\n',
            "lib/go.mod": go_mod("example.com/lib"),
            "lib/lib.go": 'package lib\n\nconst Name = "of the workspace"\n',
            "vendor/modules.txt": "## workspace\n# example.com/dep v1.0.0\n## explicit; go 1.26\nexample.com/dep\n",
            "vendor/example.com/dep/dep.go": 'package dep\n\nconst Name = "vendored"\n',
        },
        module="",
    )
    assert go(root, "build", "-o", os.devnull, ".", env={"GOPROXY": "off"}).returncode == 0
    world.good("build", cwd=root, env={"GOPROXY": "off"})
    assert said("packed:latest") == "vendored of the workspace"
    assert world.last_run(root)["modules"] == []


def test_whether_vendor_counts_is_decided_as_go_decides_it(world: Gobake, repository: Repository) -> None:
    """By the go line, from 1.14 on, and by -mod among the flags."""
    require = "\nrequire example.com/dep v1.0.0\n\nreplace example.com/dep => ./dep\n"
    root = repository(
        {
            "main.go": calling("example.com/dep", "dep.Name"),
            "dep/go.mod": "module example.com/dep\n\ngo 1.13\n",
            "dep/dep.go": 'package dep\n\nconst Name = "of the folder"\n',
            "vendor/modules.txt": "# example.com/dep v1.0.0 => ./dep\n## explicit; go 1.13\nexample.com/dep\n"
            "# example.com/dep => ./dep\n",
            "vendor/example.com/dep/dep.go": 'package dep\n\nconst Name = "vendored"\n',
        }
    )
    with_flag = "services:\n  deciding:\n    build_env: {GOFLAGS: -mod=mod}\n"
    for line, config, expected in (
        ("go 1.26", "", "vendored"),
        ("go 1.26", with_flag, "of the folder"),
        ("go 1.13", "", "of the folder"),
    ):
        (root / "go.mod").write_text(f"module example.com/deciding\n\n{line}\n{require}")
        (root / "gobake.yaml").write_text(f"name: cases\nbases: {{go: 'golang:1.26'}}\n{config}")
        world.good("build", cwd=root)
        assert said("deciding:latest") == expected, line + config
