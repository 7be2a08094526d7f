"""The program in the image is the one that Go makes of these sources now, and the image can start it."""

from __future__ import annotations

import itertools
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping

from tests.conftest import Gobake, Tree, commit
from tests.engine.test_cache_verify import in_mount

AMD64 = ("--platform", "linux/amd64")


def says(words: str) -> str:
    return f'package main\n\nfunc main() {{ println("{words}") }}\n'


def answer(image: str) -> str:
    """What a program prints; println writes to standard error."""
    done = subprocess.run(["docker", "run", "--rm", image], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr.strip()


def module(name: str, **more: str) -> Mapping[str, str]:
    return {"go.mod": f"module example.com/{name}\n\ngo 1.26\n", **more}


# ---- the kept folder


def test_a_program_that_moved_into_a_folder_v1_is_the_new_one(gobake: Gobake, tree: Tree) -> None:
    root = tree(
        {**module("stale"), "gobake.yaml": "name: stale-v1\nservices: {api: {package: ./cmd/api}}\n",
         "cmd/api/main.go": says("old")}
    )  # fmt: skip
    gobake.good("build", *AMD64, cwd=root)
    assert answer("api:latest") == "old"
    (root / "cmd/api/v1").mkdir()
    (root / "cmd/api/v1/main.go").write_text(says("new"))
    (root / "cmd/api/main.go").unlink()
    (root / "gobake.yaml").write_text("name: stale-v1\nservices: {api: {package: ./cmd/api/v1}}\n")
    gobake.good("build", *AMD64, cwd=root)
    assert answer("api:latest") == "new"
    # a program that is not what Go left there, although Go itself would confirm it by its first bytes
    mount = "stale-v1-golink-compile-linux-amd64"
    found = in_mount(mount, "sh -c 'sed -i s/new/bad/ /cache/compile/v1 && ls /cache /cache/compile'").split()
    assert "v1" in found
    with (root / "cmd/api/v1/main.go").open("a") as file:
        file.write("// the step runs again, and what it compiles is the same: Go would link nothing\n")
    gobake.good("build", *AMD64, cwd=root)
    assert answer("api:latest") == "new"
    assert [path for path, _ in gobake.last_run(root)["go"][0]["linked"]] == ["example.com/stale/cmd/api/v1"]
    assert "tmp" not in in_mount(mount, "ls /cache").split()


def test_two_checkouts_of_one_name_never_see_each_others_programs(gobake: Gobake, tree: Tree) -> None:
    """In turn, and at the same moment."""
    one = tree({**module("twin"), "gobake.yaml": "name: twins\n", "cmd/api/main.go": says("one")}, "one")
    two = tree({**module("twin"), "gobake.yaml": "name: twins\n", "cmd/api/v1/main.go": says("two")}, "two")
    services = "name: twins\nservices: {{{0}: {{package: {1}}}}}\n"
    (one / "gobake.yaml").write_text(services.format("twin-a", "./cmd/api"))
    (two / "gobake.yaml").write_text(services.format("twin-b", "./cmd/api/v1"))
    for _ in range(2):
        for root in (one, two):
            gobake.good("build", *AMD64, cwd=root)
        assert (answer("twin-a:latest"), answer("twin-b:latest")) == ("one", "two")
        for root, words in ((one, "one"), (two, "two")):
            next(root.rglob("main.go")).write_text(says(words) + "\n// edited\n")
    for root, words in ((one, "first"), (two, "second")):
        next(root.rglob("main.go")).write_text(says(words))
    running = [gobake.start("build", *AMD64, cwd=root) for root in (one, two)]
    told = [process.communicate(timeout=600) for process in running]
    assert [process.returncode for process in running] == [0, 0], told
    assert (answer("twin-a:latest"), answer("twin-b:latest")) == ("first", "second")


# ---- what can be started


def in_registry(registry: str, name: str, tag: str) -> bool:
    request = urllib.request.Request(f"http://{registry}/v2/{name}/manifests/{tag}", method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=30):
            return True
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return False


def test_a_program_that_asks_for_a_loader_is_refused_before_it_is_pushed(
    gobake: Gobake, tree: Tree, registry: str
) -> None:
    """Position-independent without cgo: no setting but the program itself tells that it is dynamic."""
    root = tree(
        {
            **module("pie"),
            "main.go": says("started"),
            "gobake.yaml": "name: pie\nservices:\n  pie: {build_env: {GOFLAGS: -buildmode=pie}}\n",
        }
    )
    commit(root)
    loader = "/lib64/ld-linux-x86-64.so.2"
    for strategy, lacks in (("scratch", "scratch has no loader"), ("alpine", "alpine has musl")):
        words = ("all", "-s", strategy, *AMD64, "--push", "--registry", registry, "--tag", "pie")
        refused = gobake(*words, cwd=root)
        assert refused.code == 4
        assert f"pie is linked dynamically (its ELF interpreter is {loader}) and {lacks}; choose" in refused.err
        assert not in_registry(registry, "pie", f"pie-{strategy}")
    others = gobake("all", "-s", "scratch,distalpine,debian-slim", *AMD64, cwd=root)
    assert others.code == 4
    assert f"not built: pie-scratch: pie is linked dynamically (its ELF interpreter is {loader})" in others.err
    assert answer("pie:latest-distalpine") == answer("pie:latest-debian-slim") == "started"
    files = subprocess.run(
        ["sh", "-c", "docker create --name pie-files pie:latest-distalpine >&2; docker export pie-files | tar t; "
         "docker rm pie-files >&2"], capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert loader.lstrip("/") in files
    assert not [name for name in files if "libc.so" in name]


def test_a_program_compiled_elsewhere_is_looked_at_before_the_build(gobake: Gobake, tree: Tree) -> None:
    root = tree(
        {**module("brought"), "main.go": says("x"), "gobake.yaml": "services: {brought: {strategy: prebuilt}}\n"}
    )
    place = root / "dist/brought-linux-amd64"
    place.parent.mkdir()
    build = ["go", "build", "-o", str(place), "."]
    for env, says_what in (
        ({"GOARCH": "arm64"}, "is for arm64, and not for linux/amd64"),
        ({"GOOS": "darwin"}, "is a macOS program"),
    ):
        subprocess.run(build, cwd=root, env={**gobake.env, **env, "CGO_ENABLED": "0"}, check=True)
        refused = gobake("build", *AMD64, cwd=root)
        assert refused.code == 2
        assert f"dist/brought-linux-amd64 {says_what}; compile it for linux/amd64" in refused.err


# ---- modules that are compiled apart, and a workspace that lacks sums


def test_an_edit_in_one_of_several_modules_runs_the_stage_of_that_module_alone(gobake: Gobake, tree: Tree) -> None:
    """Also where the folders' names are of the kind that mounts are written with."""
    now = time.time_ns()  # else an engine that ran this test before has its results
    folders = {"one": "a, b", "two": "it's", "three": 'c$d "e'}
    root = tree(
        {
            "gobake.yaml": "name: apart\n",
            **{f"{folder}/go.mod": f"module example.com/{name}\n\ngo 1.26\n" for name, folder in folders.items()},
            **{f"{folder}/main.go": says(f"{name} {now}") for name, folder in folders.items()},
        }
    )
    commit(root)
    gobake.good("build", *AMD64, cwd=root)
    cold = gobake.last_run(root)
    assert [answer(f"{name}:latest") for name in folders] == [f"{name} {now}" for name in folders]
    compiles = [s for s in cold["steps"] if s["instruction"].startswith("RUN") and s["stage"].startswith("compile")]
    spans = sorted({(s["started"], s["started"] + s["seconds"]) for s in compiles if s["outcome"] == "executed"})
    assert len(spans) == 3
    assert all(before[1] <= after[0] + 0.1 for before, after in itertools.pairwise(spans))  # one after another
    for name, folder in folders.items():
        (root / folder / "main.go").write_text(says(f"{name} edited {now}"))
        commit(root)
        gobake.good("build", *AMD64, cwd=root)
        run = gobake.last_run(root)
        stages = {s["stage"] for s in run["steps"] if s["outcome"] == "executed" and s["instruction"].startswith("RUN")}
        assert len(stages) == 1
        assert [path for path, _ in run["go"][0]["compiled"]] == [f"example.com/{name}"]
        assert answer(f"{name}:latest") == f"{name} edited {now}"


def test_a_workspace_whose_sums_lack_lines_is_built_as_go_builds_it(gobake: Gobake, tree: Tree) -> None:
    """Each module is tidy by itself; together they need a version of x/mod that neither of them names."""
    text, mod = "golang.org/x/text v0.14.0", "golang.org/x/mod v0.5.1"
    root = tree(
        {
            "gobake.yaml": "name: lacking\n",
            "go.work": "go 1.26\n\nuse (\n\t./a\n\t./b\n)\n",
            "a/go.mod": f"module example.com/a\n\ngo 1.26\n\nrequire {text}\n",
            "a/go.sum": f"{text} h1:ScX5w1eTa3QqT8oi6+ziP7dTV1S2+ALU0bI+0zXKWiQ=\n"
            f"{text}/go.mod h1:18ZOQIKpY8NJVqYksKHtTdi31H5itFRjB5/qKTNYzSU=\n",
            "a/main.go": 'package main\n\nimport "golang.org/x/text/transform"\n\n'
            'func main() {\n\tif transform.Nop != nil {\n\t\tprintln("a")\n\t}\n}\n',
            "b/go.mod": f"module example.com/b\n\ngo 1.26\n\nrequire {mod}\n",
            "b/go.sum": f"{mod} h1:OJxoQ/rynoF0dcCdI7cLPktw/hR2cueqYfjm43oqK38=\n"
            f"{mod}/go.mod h1:5OXOZSfqPIIbmVBIIKWRFfZjPR0E5r58TLhUjH0a2Ro=\n",
            "b/main.go": 'package main\n\nimport "golang.org/x/mod/semver"\n\n'
            'func main() { println("b", semver.Major("v2.1.0")) }\n',
        }
    )
    commit(root)
    ended = gobake.good("build", *AMD64, cwd=root)
    assert (answer("a:latest"), answer("b:latest")) == ("a", "b v2")
    assert re.search(
        r"go\.work\.sum lacks [78] lines, which Go added for this build alone; `go mod download`", ended.out
    )
    assert not (root / "go.work.sum").exists()
