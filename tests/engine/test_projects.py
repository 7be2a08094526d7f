"""Go repositories as they come: no configuration, many services, no Go on the host, cgo, vendored, hostile strings."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import Gobake, Tree, commit
from tests.engine.conftest import docker, without_go

BOTH = "linux/amd64,linux/arm64"


def twenty_services() -> dict[str, str]:
    """A repository without configuration: twenty commands, an internal package, a local module by replace."""
    files = {
        "go.mod": "module example.com/fleet\n\ngo 1.26\n\nrequire example.com/shared v0.0.0\n\n"
        "replace example.com/shared => ./shared\n",
        "internal/greet/greet.go": 'package greet\n\nimport "example.com/shared"\n\n'
        'func Hello(who string) string { return shared.Prefix() + " " + who }\n',
        "shared/go.mod": "module example.com/shared\n\ngo 1.26\n",
        "shared/shared.go": 'package shared\n\nimport _ "embed"\n\n//go:embed prefix.txt\nvar prefix string\n\n'
        "func Prefix() string { return prefix }\n",
        "shared/prefix.txt": "hello from",
        "shared/shared_test.go": 'package shared\n\nimport "testing"\n\nfunc TestPrefix(t *testing.T) {}\n',
        "tools/gen/main.go": "//go:build ignore\n\npackage main\n\nfunc main() {}\n",
        "testdata/broken/main.go": "this is no Go\n",
    }
    for number in range(20):
        files[f"cmd/service{number:02d}/main.go"] = (
            'package main\n\nimport (\n\t"fmt"\n\n\t"example.com/fleet/internal/greet"\n)\n\n'
            f'func main() {{ fmt.Println(greet.Hello("service{number:02d}")) }}\n'
        )
    return files


@pytest.mark.smoke
def test_twenty_services_without_configuration(gobake: Gobake, tree: Tree) -> None:
    root = tree(twenty_services(), "fleet")
    commit(root)
    gobake.good("build", "--platform", BOTH, cwd=root)
    first = gobake.last_run(root)
    assert [t["service"] for t in first["targets"]] == [f"service{n:02d}" for n in range(20)]
    for work in first["go"]:
        paths = [path for path, _ in work["compiled"]]
        assert len(paths) == len(set(paths))
        assert len(work["linked"]) == 20
    assert docker("run", "--rm", "service07:latest") == "hello from service07"
    assert docker("run", "--rm", "--platform", "linux/arm64", "service19:latest") == "hello from service19"
    (root / "shared/shared_test.go").write_text("package shared\n")
    (root / "README.md").write_text("a readme\n")
    commit(root, "test and README")
    gobake.good("build", "--platform", BOTH, cwd=root)
    assert [s["name"] for s in gobake.last_run(root)["steps"] if s["outcome"] == "executed"] == []
    file = root / "cmd/service03/main.go"
    file.write_text(file.read_text().replace('"service03"', '"the third"'))
    gobake.good("build", "--platform", BOTH, cwd=root)
    for work in gobake.last_run(root)["go"]:
        assert [path for path, _ in work["compiled"]] == ["example.com/fleet/cmd/service03"]
        assert [path for path, _ in work["linked"]] == ["example.com/fleet/cmd/service03"]
    assert docker("run", "--rm", "service03:latest") == "hello from the third"


def test_a_host_without_go_asks_in_a_container(gobake: Gobake, tree: Tree) -> None:
    root = tree(twenty_services(), "nogo")
    plan = gobake.good("plan", "--format", "json", cwd=root, env={"PATH": without_go()}).json
    assert len(plan["targets"]) == 20
    ended = gobake.good("all", "service01", cwd=root, env={"PATH": without_go()})
    assert "left out" in ended.out  # prebuilt: nothing compiled outside
    assert docker("run", "--rm", "service01:latest-alpine") == "hello from service01"


def test_modules_without_a_workspace_are_compiled_each_in_its_own_folder(gobake: Gobake, tree: Tree) -> None:
    main = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("NAME") }\n'
    root = tree(
        {f"{n}/go.mod": f"module example.com/{n}\n\ngo 1.26\n" for n in ("one", "two")}
        | {f"{n}/main.go": main.replace("NAME", n) for n in ("one", "two")}
    )
    gobake.good("build", cwd=root)
    assert docker("run", "--rm", "one:latest") == "one"
    assert docker("run", "--rm", "two:latest") == "two"


def test_a_module_replaced_by_a_folder_outside_of_the_project(gobake: Gobake, tree: Tree) -> None:
    root = tree(
        {
            "app/go.mod": "module example.com/app\n\ngo 1.26\n\nrequire example.com/lib v0.0.0\n\nreplace example.com/lib => ../lib\n",
            "app/main.go": 'package main\n\nimport "example.com/lib"\n\nfunc main() { println(lib.Name) }\n',
            "lib/go.mod": "module example.com/lib\n\ngo 1.26\n",
            "lib/lib.go": 'package lib\n\nconst Name = "lib"\n',
        }
    )
    gobake.good("build", cwd=root / "app")
    done = subprocess.run(["docker", "run", "--rm", "app:latest"], capture_output=True, text=True, check=True)
    assert done.stderr == "lib\n"


def test_vendored_modules_need_no_download(gobake: Gobake, tree: Tree) -> None:
    root = tree(
        {
            "go.mod": "module example.com/app\n\ngo 1.26\n\nrequire example.com/dep v1.0.0\n",
            "main.go": 'package main\n\nimport (\n\t"fmt"\n\n\t"example.com/dep"\n)\n\nfunc main() { fmt.Println(dep.Name) }\n',
            "vendor/modules.txt": "# example.com/dep v1.0.0\n## explicit; go 1.26\nexample.com/dep\n",
            "vendor/example.com/dep/dep.go": 'package dep\n\nconst Name = "vendored"\n',
        }
    )
    gobake.good("build", cwd=root, env={"GOPROXY": "off"})
    assert docker("run", "--rm", "app:latest") == "vendored"
    assert gobake.last_run(root)["modules"] == []


CGO = (
    "package main\n\n// #include <stdlib.h>\n// static int twice(int x) { return 2 * abs(x); }\n"
    'import "C"\n\nimport "fmt"\n\nfunc main() { fmt.Println(C.twice(-21)) }\n'
)


@pytest.mark.parametrize("base", ["golang:1.26", "golang:1.26-alpine"])
def test_distalpine_brings_the_loader_and_libraries_of_a_dynamic_binary(gobake: Gobake, tree: Tree, base: str) -> None:
    root = tree(
        {
            "go.mod": "module example.com/dynamic\n\ngo 1.26\n",
            "main.go": CGO,
            "gobake.yaml": f"name: dynamic-{'musl' if 'alpine' in base else 'glibc'}\nbases: {{go: '{base}'}}\n"
            "services:\n  dynamic:\n    strategy: distalpine\n    build_env: {CGO_ENABLED: '1'}\n",
        }
    )
    gobake.good("build", "--platform", "linux/amd64", cwd=root)
    assert docker("run", "--rm", "dynamic:latest") == "42"
    refused = gobake("all", "-s", "scratch", cwd=root)
    assert refused.code == 2  # the user's own package uses cgo, so that no compile is needed to tell
    assert "linked dynamically" in refused.err


HOSTILE = """$(touch /pwned) `touch /pwned` ${HOME} %{if true}x%{endif} "quoted" 'single' back\\slash \\"""


def test_hostile_strings_stay_strings_and_nothing_is_executed(gobake: Gobake, tree: Tree) -> None:
    text = json.dumps(HOSTILE)
    config = (
        "services:\n  echo:\n    strategy: debian-slim\n"
        f"    env: {{EVIL: {text}}}\n    labels: {{evil: {text}}}\n    args: [{text}]\n"
        f"    build_env: {{EVIL_BUILD: {text}}}\n"
        "    ldflags: \"-s -w -X 'main.said=$(touch /pwned)${HOME}%{if true}'\"\n"
    )
    root = tree(
        {
            "go.mod": "module example.com/echo\n\ngo 1.26\n",
            "main.go": 'package main\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nvar said = ""\n\nfunc main() {\n'
            '\t_, err := os.Stat("/pwned")\n\tfmt.Print(os.Args[1], "\\n", os.Getenv("EVIL"), "\\n", said, "\\n", os.IsNotExist(err))\n}\n',
            "gobake.yaml": config,
        }
    )
    gobake.good("build", cwd=root)
    printed = docker("run", "--rm", "echo:latest").splitlines()
    assert printed == [HOSTILE, HOSTILE, "$(touch /pwned)${HOME}%{if true}", "true"]
    assert json.loads(docker("image", "inspect", "-f", "{{json .Config.Labels}}", "echo:latest"))["evil"] == HOSTILE
    gobake.good("render", cwd=root)
    again = subprocess.run(["docker", "buildx", "bake"], cwd=root, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert docker("run", "--rm", "echo:latest").splitlines()[0] == HOSTILE


def test_configuration_reaches_the_image(gobake: Gobake, tree: Tree) -> None:
    root = tree(
        {
            "go.mod": "module example.com/tool\n\ngo 1.26\n",
            "main.go": 'package main\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nvar version = "dev"\n\nfunc main() {\n'
            '\tdata, _ := os.ReadFile("settings.txt")\n\tfmt.Println(version, os.Getuid(), string(data), os.Args[1:])\n}\n',
            "settings.txt": "from a file",
            "gobake.yaml": "services:\n  tool:\n    tags: [stable]\n    version_stamp: main.version\n    user: '1234:1234'\n"
            "    workdir: /etc/tool\n    files: ['settings.txt:/etc/tool/settings.txt']\n    ports: [8080]\n    args: [--flag]\n",
        }
    )
    commit(root)
    subprocess.run(["git", "-C", str(root), "tag", "v1.2.3"], check=True)
    gobake.good("build", cwd=root)
    assert docker("run", "--rm", "tool:stable") == "v1.2.3 1234 from a file [--flag]"
    assert "8080/tcp" in docker("image", "inspect", "-f", "{{json .Config.ExposedPorts}}", "tool:latest")
    compiled = gobake.last_run(root)["go"][0]["compiled"]
    assert compiled
    subprocess.run(["git", "-C", str(root), "tag", "-d", "v1.2.3"], check=True, capture_output=True)
    subprocess.run(["git", "-C", str(root), "tag", "v1.2.4"], check=True)
    gobake.good("build", cwd=root)
    assert docker("run", "--rm", "tool:latest").startswith("v1.2.4 ")
    work = gobake.last_run(root)["go"][0]
    assert work["compiled"] == []
    assert [path for path, _ in work["linked"]] == ["example.com/tool"]


def test_a_binary_compiled_outside(gobake: Gobake, tree: Tree) -> None:
    root = tree(
        {
            "go.mod": "module example.com/tool\n\ngo 1.26\n",
            "main.go": 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("inside") }\n',
            "outside/main.go": 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("outside") }\n',
            "gobake.yaml": "prebuilt: out/{os}/{arch}/{service}\nservices:\n  tool: {strategy: prebuilt}\n",
        }
    )
    command = ["go", "build", "-o", "out/linux/amd64/tool", "./outside"]
    subprocess.run(command, cwd=root, env={**os.environ, "CGO_ENABLED": "0"}, check=True)
    gobake.good("build", "--platform", BOTH, cwd=root)
    assert docker("run", "--rm", "tool:latest") == "outside"
    assert docker("run", "--rm", "--platform", "linux/arm64", "tool:latest") == "inside"


def test_two_runs_in_one_project_at_the_same_time_both_finish(gobake: Gobake, tree: Tree) -> None:
    root = tree(twenty_services(), "twice")
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(gobake, "build", "--platform", BOTH, "--tag", tag, cwd=root) for tag in ("a", "b")]
        ended = [run.result() for run in runs]
    assert [e.code for e in ended] == [0, 0], ended[0].err + ended[1].err
    assert docker("run", "--rm", "service00:a") == docker("run", "--rm", "service00:b")
    assert len(gobake.good("runs", "ls", "--format", "json", cwd=root).json["runs"]) == 2


def test_json_progress_is_one_event_a_line(gobake: Gobake, tree: Tree) -> None:
    root = tree(twenty_services(), "lines")
    ended = gobake.good("build", "service00", "--progress", "json", cwd=root)
    events = [json.loads(line) for line in ended.out.splitlines()]
    assert all(event["schema"] == 1 for event in events)
    kinds = [event["event"] for event in events]
    assert kinds[0] == "start"
    assert "step-end" in kinds


def test_quiet_says_nothing(gobake: Gobake, tree: Tree) -> None:
    ended = gobake.good("build", "service00", "--quiet", cwd=tree(twenty_services(), "lines"))
    assert (ended.out, ended.err) == ("", "")


def test_a_dry_run_builds_nothing(gobake: Gobake, tree: Tree) -> None:
    root = tree(twenty_services(), "dry")
    ended = gobake.good("build", "--dry-run", "--tag", "never", cwd=root)
    assert "docker buildx bake" in ended.out
    assert docker("images", "-q", "service00:never") == ""
    assert gobake("runs", "show", cwd=root).code == 2
