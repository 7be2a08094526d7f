"""What the build reads is in the build, and nothing stale: names of every kind, links, modes, dates, headers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import Gobake, Tree, commit
from tests.engine.conftest import docker

MOD = "module example.com/{}\n\ngo 1.26\n"


def says(image: str) -> str:
    done = subprocess.run(["docker", "run", "--rm", image], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr  # println writes to standard error


def aged(root: Path) -> None:
    """All files of one date, long ago."""
    for file in root.rglob("*.go"):
        os.utime(file, (1_500_000_000, 1_500_000_000))


def test_names_of_every_kind_are_built_in_several_strategies_and_links_are_followed(world: Gobake, tree: Tree) -> None:
    odd = "Order, [x] $HOME 'it' übung"
    yaml = {
        "services": {
            "odd": {
                "package": "example.com/odd",
                "strategies": ["scratch", "alpine", "single-stage"],
                "files": ["config:/etc/app"],
            }
        }
    }
    root = tree(
        {
            "go.work": f'go 1.26\n\nuse "./{odd}"\n',
            f"{odd}/go.mod": MOD.format("odd"),
            f"{odd}/main.go": 'package main\n\nimport _ "embed"\n\n//go:embed p/\\[slug\\].html\nvar page string\n\n'
            "func main() { println(page, shared) }\n",
            f"{odd}/p/[slug].html": "a page",
            "_common/shared.go": 'package main\n\nconst shared = "linked"\n',
            "config/profiles/prod [1].toml": "prod",
            "gobake.yaml": json.dumps(yaml, ensure_ascii=False),
        }
    )
    (root / odd / "shared.go").symlink_to("../_common/shared.go")
    (root / "config/current.toml").symlink_to("profiles/prod [1].toml")
    world.good("all", "--tag", "odd", "--platform", "linux/amd64", cwd=root)
    for strategy in ("scratch", "alpine", "single-stage"):
        assert says(f"odd:odd-{strategy}") == "a page linked\n"
    assert docker("run", "--rm", "--entrypoint", "cat", "odd:odd-alpine", "/etc/app/current.toml") == "prod"
    (root / "_common/shared.go").write_text('package main\n\nconst shared = "edited"\n')
    world.good("build", "odd", "--tag", "odd", "--platform", "linux/amd64", cwd=root)
    assert says("odd:odd") == "a page edited\n"
    assert {"shared.go"} == {Path(path).name for path, _ in _changed(world, root)}


def _changed(world: Gobake, root: Path) -> set[tuple[str, str]]:
    """Files of the last run's compile that are other than in the run before."""
    now = world.last_run(root)["inputs"]["files"]
    runs = world.good("runs", "ls", "--format", "json", cwd=root).json["runs"]
    then = world.good("runs", "show", runs[1]["id"], "--format", "json", cwd=root).json["inputs"]["files"]
    return set(map(tuple, now)) - set(map(tuple, then))


def test_the_mask_of_a_clone_is_in_no_image_and_in_no_key(world: Gobake, tree: Tree, tmp_path: Path) -> None:
    yaml = "services: {masked: {files: ['etc:/etc/masked']}}\n"
    origin = tree(
        {
            "go.mod": MOD.format("masked"),
            "main.go": "package main\n\nfunc main() {}\n",
            "etc/app.toml": "a",
            "etc/run.sh": "b",
            "gobake.yaml": yaml,
        },
        name="masked",
    )
    (origin / "etc/run.sh").chmod(0o755)
    commit(origin)
    digests, compiled = set(), list[set[str]]()
    for mask in ("022", "002", "077"):
        clone = tmp_path / f"clone-{mask}" / "masked"
        subprocess.run(["sh", "-c", f"umask {mask} && git clone -q '{origin}' '{clone}'"], check=True)
        world.good("build", "--tag", "masked", "--platform", "linux/amd64", cwd=clone)
        record = world.last_run(clone)
        digests.add(record["targets"][0]["digest"])
        steps = [s for s in record["steps"] if s["stage"] == "compile" and "go build" in s["instruction"]]
        compiled.append({s["outcome"] for s in steps} - {"shared"})
    assert len(digests) == 1
    assert compiled[1:] == [{"reused"}, {"reused"}]


def test_an_edit_arrives_whatever_dates_and_sizes_say(world: Gobake, tree: Tree) -> None:
    root = tree(
        {
            "go.mod": MOD.format("stale"),
            "main.go": 'package main\n\nimport "example.com/stale/one"\n\nfunc main() { println(one.V) }\n',
            "one/v.go": 'package one\n\nconst V = "old"\n',
            "two/v.go": 'package two\n\nconst V = "two"\n',
        },
        name="stale",
    )
    aged(root)
    world.good("build", "--tag", "t", "--platform", "linux/amd64", cwd=root)
    assert says("stale:t") == "old\n"
    (root / "one/v.go").write_text('package one\n\nconst V = "new"\n')
    aged(root)
    world.good("build", "--tag", "t", "--platform", "linux/amd64", cwd=root)
    assert says("stale:t") == "new\n"
    # Go's package index is keyed by names, sizes and dates: it would ask for the package that is gone
    shutil.rmtree(root / "one")
    (root / "main.go").write_text((root / "main.go").read_text().replace("one", "two"))
    aged(root)
    world.good("build", "--tag", "t", "--platform", "linux/amd64", cwd=root)
    assert says("stale:t") == "two\n"


def test_a_header_that_go_does_not_key_arrives_and_only_its_package_is_compiled(world: Gobake, tree: Tree) -> None:
    root = tree(
        {
            "go.mod": MOD.format("header"),
            "main.go": 'package main\n\nimport (\n\t"example.com/header/field"\n\t"example.com/header/other"\n)\n\n'
            "func main() { println(field.Value(), other.X) }\n",
            "other/other.go": "package other\n\nvar X = 1\n",
            "field/value.go": "package field\n\nfunc Value() int64\n",
            "field/value_amd64.s": '#include "textflag.h"\n#include "../asmconst/constants.h"\n\n'
            "TEXT ·Value(SB), NOSPLIT, $0-8\n\tMOVQ $CONSTANT, AX\n\tMOVQ AX, ret+0(FP)\n\tRET\n",
            "asmconst/constants.h": "#define CONSTANT 41\n",
        },
        name="header",
    )
    world.good("build", "--tag", "t", "--platform", "linux/amd64", cwd=root)
    assert says("header:t") == "41 1\n"
    (root / "asmconst/constants.h").write_text("#define CONSTANT 42\n")
    world.good("build", "--tag", "t", "--platform", "linux/amd64", cwd=root)
    assert says("header:t") == "42 1\n"
    compiled = {path for work in world.last_run(root)["go"] for path, _ in work["compiled"]}
    assert compiled <= {"example.com/header/field", "example.com/header"}


_PLAIN = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")


def test_a_folder_that_nobody_may_read_is_entered_neither_by_gobake_nor_by_bake(world: Gobake, tree: Tree) -> None:
    root = tree(
        {
            "go.mod": MOD.format("closed"),
            "cmd/closed/main.go": 'package main\n\nfunc main() { println("open") }\n',
            "config/a.toml": "a",
            "pgdata/x": "",
            "cmd/closed/pgdata/y": "",
            "gobake.yaml": "services: {closed: {files: ['config/a.toml:/etc/a.toml']}}\n",
            "compose.yaml": "services: {db: {image: nothing}}\n",
        },
        name="closed",
    )
    for folder in (root / "pgdata", root / "cmd/closed/pgdata"):
        os.chown(folder, 999, 999)
        folder.chmod(0o700)
    gobake = [*_PLAIN, sys.executable, "-m", "gobake"]
    built = [*gobake, "build", "--tag", "t", "--platform", "linux/amd64", "--progress", "quiet"]
    subprocess.run(built, cwd=root, env=dict(world.env), check=True)
    assert says("closed:t") == "open\n"
    rendered = subprocess.run(
        [*gobake, "render", "--platform", "linux/amd64"],
        cwd=root,
        env=dict(world.env),
        check=True,
        capture_output=True,
        text=True,
    )
    assert "bake reads compose.yaml too" in rendered.stderr
    docker("image", "rm", "closed:t")
    bake = [*_PLAIN, "docker", "buildx", "bake", "-f", "docker-bake.json", "closed-scratch"]
    subprocess.run(bake, cwd=root, env={**world.env, "TAG": "t"}, check=True, capture_output=True)
    assert says("closed:t-scratch") == "open\n"
    assert docker("create", "--name", "closed-t", "closed:t-scratch")
    try:
        assert docker("cp", "-q", "closed-t:/etc/a.toml", str(root / "out")) == ""
        assert (root / "out").read_text() == "a"
    finally:
        docker("rm", "closed-t")
