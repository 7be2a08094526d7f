"""Which program is in an image, whatever its folder is called and whatever an earlier build left."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.conftest import Gobake
from tests.engine.cases.making import (
    BOTH,
    Repository,
    git,
    go_mod,
    images_by_package,
    program,
    put,
    said,
    services,
    settings_of,
)


def test_folders_of_api_versions_are_services_of_their_own(world: Gobake, repository: Repository) -> None:
    texts = {"cmd/api/v1": "api one", "cmd/api/v2": "api two", "cmd/worker/v1": "worker one"}
    root = repository(
        {f"{folder}/main.go": program(text) for folder, text in texts.items()}, module="example.com/versions"
    )
    world.good("all", "-s", "scratch,alpine", "--platform", BOTH, "--tag", "versions", cwd=root)
    images = images_by_package(world, root, "versions")
    for folder, text in texts.items():
        image = images[f"example.com/versions/{folder}"]
        assert said(image) == text
        assert said(f"{image}-alpine") == text
        assert said(image, options=("--platform", "linux/arm64")) == text


def test_names_that_look_like_a_version_a_file_or_each_other_get_their_own_programs(
    world: Gobake, repository: Repository
) -> None:
    folders = (
        "",
        "cmd/one/v0",
        "cmd/two/v01",
        "cmd/three/v10",
        "cmd/four",
        "cmd/four/v2",
        "cmd/v2.go",
        "cmd/v3",
        "cmd/v1",
    )
    module = "example.com/lookalikes/v3"
    root = repository({f"{folder}/main.go".lstrip("/"): program(f"I am {folder}") for folder in folders}, module=module)
    world.good("build", "--tag", "lookalikes", cwd=root)
    images = images_by_package(world, root, "lookalikes")
    assert len(set(images.values())) == len(folders)
    for folder in folders:
        assert said(images[f"{module}/{folder}".rstrip("/")]) == f"I am {folder}".strip()


def test_a_program_that_moved_is_never_taken_from_where_it_was(world: Gobake, repository: Repository) -> None:
    """Into a folder of a version, to another version, back, to a folder of another name of the same length."""
    root = repository({"cmd/api/main.go": program("number 0")}, module="example.com/moving")
    world.good("build", "--tag", "moved", cwd=root)
    places = ("cmd/api/v1", "cmd/api/v2", "cmd/api/v0", "cmd/api", "svc/api", "cmd/api/v1", "cmd/api")
    file = root / "cmd/api/main.go"
    for number, place in enumerate(places, start=1):
        (root / place).mkdir(parents=True, exist_ok=True)
        file = file.rename(root / place / "main.go")
        file.write_text(program(f"number {number}"))
        world.good("build", "--tag", "moved", cwd=root)
        images = images_by_package(world, root, "moved")
        assert said(images[f"example.com/moving/{place}"]) == f"number {number}"


def test_two_checkouts_of_one_project_never_see_each_others_programs(world: Gobake, repository: Repository) -> None:
    one = repository({"cmd/api/main.go": program("of one")}, module="example.com/pair", folder="one")
    other = repository({"cmd/api/v1/main.go": program("of other")}, module="example.com/pair", folder="other")
    for _ in range(2):
        for root, folder, text in ((one, "cmd/api", "of one"), (other, "cmd/api/v1", "of other")):
            world.good("build", "--tag", root.name, cwd=root)
            assert said(images_by_package(world, root, root.name)[f"example.com/pair/{folder}"]) == text


def test_modules_named_like_packages_of_go_build_where_go_builds_them(world: Gobake, repository: Repository) -> None:
    """Only folders of the standard library that hold packages are taken: container, archive and debug are none."""
    for name in ("container", "archive"):
        root = repository({"main.go": program(name)}, module=name, folder=name)
        world.good("build", cwd=root)
        assert said(f"{name}:latest") == name


def test_all_that_go_mod_may_say_today_is_understood(world: Gobake, repository: Repository, tmp_path: Path) -> None:
    more = (
        "\ntoolchain go1.26.1\n\ngodebug (\n\tdefault=go1.24\n\tpanicnil=1\n)\n\ntool example.com/current/v3/internal/gen\n"
        "\nignore (\n\t./frontend\n\tnode_modules\n)\n\nexclude example.com/bad v1.0.0\n"
        "\nretract (\n\tv3.0.0 // broken\n\t[v3.1.0, v3.1.9]\n)\n"
    )
    root = repository(
        {
            "go.mod": "// Deprecated: just a comment.\nmodule example.com/current/v3 // with a comment\n\ngo 1.26.0\n"
            + more,
            "main.go": program("up to date"),
            "internal/gen/main.go": program("a tool"),
            "frontend/broken/main.go": "package main\n\nfunc main() { this is no Go }\n",
            "web/node_modules/left/main.go": "nonsense\n",
        },
    )
    assert services(world, root) == ["current"]
    world.good("build", cwd=root)
    assert said("current:latest") == "up to date"
    assert "panicnil=1" in settings_of("current:latest", tmp_path)["DefaultGODEBUG"]


def test_seven_platforms_of_one_program_are_one_index(world: Gobake, repository: Repository, tmp_path: Path) -> None:
    platforms = ["386", "arm/v6", "arm/v7", "arm64", "ppc64le", "riscv64", "s390x"]
    root = repository({"main.go": program("anywhere")}, module="example.com/anywhere")
    world.good("build", "--platform", ",".join(f"linux/{p}" for p in platforms), cwd=root)
    sizes = world.last_run(root)["targets"][0]["sizes"]
    assert sorted(size["platform"].removeprefix("linux/").removesuffix("/v8") for size in sizes) == platforms
    assert said("anywhere:latest", options=("--platform", "linux/386")) == "anywhere"
    for level in ("6", "7"):
        told = settings_of("anywhere:latest", tmp_path, f"linux/arm/v{level}")
        assert told["GOARM"].split(",")[0] == level


def test_other_names_of_platforms_mean_the_same(world: Gobake, repository: Repository) -> None:
    root = repository({"main.go": program("anywhere")}, module="example.com/anywhere")
    plan = world.good("plan", "--format", "json", "--platform", "linux/aarch64,linux/x86_64", cwd=root).json
    (target,) = plan["targets"]
    assert sorted(p.removesuffix("/v8") for p in target["platforms"]) == sorted(BOTH.split(","))


def test_a_submodule_in_a_linked_worktree_is_compiled_and_stamped(
    world: Gobake, repository: Repository, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    put(library, {"go.mod": go_mod("example.com/sub"), "sub.go": 'package sub\n\nconst Name = "of a submodule"\n'})
    git(tmp_path, "init", "-q", "-b", "main", "library")
    git(library, "add", "-A")
    git(library, "commit", "-q", "-m", "a library")
    root = repository(
        {
            "go.mod": go_mod(
                "example.com/trees",
                "\nrequire example.com/sub v0.0.0\n\nreplace example.com/sub => ./third_party/sub\n",
            ),
            "main.go": 'package main\n\nimport "example.com/sub"\n\nvar version = "none"\n\n'
            "func main() { println(version, sub.Name) }\n",
        },
        config="services:\n  trees:\n    version_stamp: main.version\n",
    )
    git(root.parent, "init", "-q", "-b", "main", root.name)
    git(root, "submodule", "add", "-q", str(library), "third_party/sub")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    git(root, "tag", "v1.4.0")
    (root / "later.txt").write_text("later\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "second")
    linked = tmp_path / "linked"
    git(root, "worktree", "add", "-q", str(linked), "v1.4.0")
    git(linked, "submodule", "update", "-q", "--init")
    world.good("build", cwd=linked)
    assert said("trees:latest") == "v1.4.0 of a submodule"
    record = world.last_run(linked)
    assert record["revision"] == git(linked, "rev-parse", "HEAD")
    assert record["branch"] == ""
    inspect = ["docker", "image", "inspect", "-f", "{{json .Config.Labels}}", "trees:latest"]
    labels = json.loads(subprocess.run(inspect, capture_output=True, text=True, check=True).stdout)
    assert labels["org.opencontainers.image.version"] == "v1.4.0"
    assert labels["org.opencontainers.image.revision"] == record["revision"]
