"""The program in the image is the one that Go makes of these sources now, and the image can start it."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping

from tests.conftest import Gobake, Tree, commit
from tests.engine.test_cache_commands import in_mount

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
    gobake.good("all", "-s", "distalpine,debian-slim", *AMD64, cwd=root)
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
        ({"GOOS": "darwin"}, "is a program of macOS, and no program for Linux"),
    ):
        subprocess.run(build, cwd=root, env={**gobake.env, **env, "CGO_ENABLED": "0"}, check=True)
        refused = gobake("build", *AMD64, cwd=root)
        assert refused.code == 2
        assert f"dist/brought-linux-amd64 {says_what}; compile it for linux/amd64" in refused.err
