"""`gobake cache`: two projects, one's name the beginning of the other's, share a builder and a cache store."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gobake import engine
from gobake.caching.policy.place import parse_store
from gobake.caching.seeds.memory import Memory, remember
from gobake.caching.seeds.mounts import Mount
from gobake.caching.seeds.save import Saved, Saving, save
from gobake.caching.seeds.seed import SeedKey
from gobake.caching.seeds.session import seeds_in
from gobake.model import Platform
from gobake.registry import Repository
from tests.conftest import Gobake, commit
from tests.engine.conftest import docker

AMD64 = Platform.parse("linux/amd64")
SAID = "said by the program itself"


def program(name: str) -> dict[str, str]:
    return {
        "go.mod": f"module example.com/{name}\n\ngo 1.26\n",
        "main.go": f'package main\n\nfunc main() {{ println("{SAID}", "{name}") }}\n',
        "gobake.yaml": f"name: {name}\n",
    }


@dataclass(frozen=True)
class Two:
    """Both projects, built."""

    gobake: Gobake
    shop: Path
    other: Path


@pytest.fixture(scope="module")
def two(world: Gobake, tmp_path_factory: pytest.TempPathFactory) -> Two:
    roots = []
    for name in ("shop", "shop-api"):
        root = tmp_path_factory.mktemp("two") / name
        root.mkdir()
        for path, text in program(name).items():
            (root / path).write_text(text)
        commit(root)
        world.good("build", "--platform", "linux/amd64", cwd=root)
        roots.append(root)
    return Two(gobake=world, shop=roots[0], other=roots[1])


@pytest.fixture
def repository(registry: str, request: pytest.FixtureRequest) -> str:
    """A repository of the test's own."""
    return f"{registry}/caches/{re.sub(r'[^a-z0-9]+', '-', request.node.name)}-{int(time.time())}"


def save_seed(store: str, project: str, branch: str, root: Path = Path()) -> Saved:
    mounts = tuple(Mount(name=name, id=f"{project}-{name}") for name in ("gomod", "gobuild"))
    return save(
        Saving(
            store=seeds_in(parse_store(store, root)),
            key=SeedKey(project=project, go="1.26", arch="amd64"),
            branch=branch,
            mounts=mounts,
            go_image="golang:1.26",
            builder="",
            platform=AMD64,
            sums=(),
        )
    )


def export_layers(repository: str, tag: str, folder: Path, content: str) -> None:
    """A layer cache, as a bake target would export it."""
    (folder / "Dockerfile").write_text(f"FROM scratch\nCOPY file /\nLABEL x={content}\n")
    (folder / "file").write_text(content)
    form = "mode=max,oci-mediatypes=true,image-manifest=true,compression=zstd"
    cache = f"type=registry,ref={repository}:{tag},{form}"
    docker("buildx", "build", "--quiet", "--output", "type=cacheonly", "--cache-to", cache, str(folder))


def records() -> dict[str, set[str]]:
    """BuildKit's records by the mounts' ids."""
    found: dict[str, set[str]] = {}
    for mount in engine.cache_mounts() or ():
        found.setdefault(mount.id, set()).add(mount.record)
    return found


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(root), *words], check=True)


def listed(two: Two, *words: str, cwd: Path | None = None) -> Any:
    return two.gobake.good("cache", "ls", "--format", "json", *words, cwd=cwd or two.shop).json


# ---- ls


@pytest.mark.smoke
def test_ls_shows_the_mounts_of_this_project_alone(two: Two) -> None:
    told = listed(two)
    assert told["schema"] == 1
    assert [m["id"] for m in told["mounts"]] == ["shop-gobuild", "shop-golink-compile-linux-amd64", "shop-gomod"]
    sizes = {m["name"]: m["bytes"] for m in told["mounts"]}
    assert sizes["gobuild"] > 1_000_000
    assert told["total"]["mounts_bytes"] == sum(sizes.values())
    assert all(m["unused_seconds"] < 3600 for m in told["mounts"])
    assert told["seeds"] is None, "no store was named, so nothing is known of one"
    text = two.gobake.good("cache", "ls", cwd=two.shop).out
    assert "shop-gobuild" in text
    assert "shop-api-gobuild" not in text


def test_ls_of_all_projects_names_each(two: Two) -> None:
    told = listed(two, "--all-projects")
    ours = {m["project"]: m["id"] for m in told["mounts"] if m["name"] == "gobuild"}
    assert ours["shop"] == "shop-gobuild"
    assert ours["shop-api"] == "shop-api-gobuild"
    assert "PROJECT" in two.gobake.good("cache", "ls", "--all-projects", cwd=two.shop).out


def test_ls_says_which_seed_a_mount_began_with_unless_it_began_anew(two: Two) -> None:
    record = next(iter(records()["shop-gobuild"]))
    home = next(Path(two.gobake.env["XDG_CACHE_HOME"]).glob("gobake/shop-????????"))
    digest = "sha256:" + "ab" * 32
    known = {
        "shop-gobuild": Memory(record=record, seed=digest, go="1.26"),
        "shop-gomod": Memory(record="gone", seed=digest, go="1.26"),
    }
    remember(home, "default", known)
    try:
        seeds = {m["name"]: m["seed"] for m in listed(two)["mounts"]}
    finally:
        remember(home, "default", {})
    assert seeds["gobuild"] == digest
    assert seeds["gomod"] is None


def test_ls_shows_seeds_and_layer_caches_of_a_registry(two: Two, repository: str, tmp_path: Path) -> None:
    saved = save_seed(repository, "shop", "main")
    save_seed(repository, "shop-api", "main")
    export_layers(repository, "layers-shop.shop-scratch.amd64.main", tmp_path, repository)
    told = listed(two, "--cache-store", repository)
    (seed,) = told["seeds"]
    assert seed["tag"] == "seed-shop-go1.26-amd64-main"
    assert seed["digest"] == saved.digest
    assert seed["bytes"] == saved.total
    assert seed["live_share"] == 1.0
    assert seed["layers"] == 1
    assert seed["branch"] == "main"
    assert seed["go"].startswith("go1.26")
    assert seed["age_seconds"] < 3600
    assert 0 < seed["compressed_bytes"] < seed["bytes"]
    (layers,) = told["layers"]
    assert layers["branch"] == "main"
    assert layers["compressed_bytes"] > 0
    everyone = listed(two, "--cache-store", repository, "--all-projects")
    assert [s["project"] for s in everyone["seeds"]] == ["shop", "shop-api"]
    text = two.gobake.good("cache", "ls", "--cache-store", repository, cwd=two.shop).out
    assert "100%" in text


def test_a_store_that_does_not_answer_is_told_in_one_line_and_hides_no_mount(two: Two) -> None:
    ended = two.gobake.good("cache", "ls", "--cache-store", "localhost:1/shop-cache", cwd=two.shop)
    assert "shop-gobuild" in ended.out
    (line,) = [line for line in ended.out.splitlines() if "localhost:1" in line]
    assert "cannot be reached" in line
    told = listed(two, "--cache-store", "localhost:1/shop-cache")
    assert told["seeds"] is None
    assert len(told["notes"]) == 1


def test_an_engine_that_does_not_answer_hides_no_seed(two: Two, repository: str) -> None:
    save_seed(repository, "shop", "main")
    nowhere = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}
    ended = two.gobake.good("cache", "ls", "--cache-store", repository, "--format", "json", cwd=two.shop, env=nowhere)
    assert ended.json["mounts"] is None
    assert len(ended.json["seeds"]) == 1
    alone = two.gobake("cache", "ls", cwd=two.shop, env=nowhere)
    assert alone.code == 3


# ---- prune


def test_prune_asks_and_without_a_terminal_refuses(two: Two) -> None:
    before = records()
    ended = two.gobake("cache", "prune", "gomod", cwd=two.shop)
    assert ended.code == 2
    assert "--yes" in ended.err
    dry = two.gobake.good("cache", "prune", "gomod", "--dry-run", cwd=two.shop)
    assert "shop-gomod" in dry.out
    assert two.gobake("cache", "prune", cwd=two.shop).code == 2
    assert records() == before


def test_prune_refuses_what_another_project_owns(two: Two) -> None:
    before = records()
    ended = two.gobake("cache", "prune", "shop-api-gobuild", "--yes", cwd=two.shop)
    assert ended.code == 2
    assert "shop-api" in ended.err
    assert records() == before


def test_prune_of_mounts_needs_no_store_that_answers(two: Two) -> None:
    words = ("cache", "prune", "--larger-than", "1TB", "--yes", "--cache-store", "localhost:1/shop-cache")
    ended = two.gobake(*words, cwd=two.shop)
    assert ended.code == 6, "what could not be seen was not pruned"
    assert "cannot be reached" in ended.err
    assert "nothing to prune" in ended.out


def test_prune_by_age_leaves_what_was_used_lately(two: Two) -> None:
    before = records()
    assert "nothing to prune" in two.gobake.good("cache", "prune", "--older-than", "1h", "--yes", cwd=two.shop).out
    assert records() == before


@pytest.mark.smoke
def test_prune_by_name_deletes_a_mount_of_this_project_alone(two: Two) -> None:
    before = records()
    two.gobake.good("cache", "prune", "gomod", "--yes", cwd=two.shop)
    after = records()
    assert "shop-gomod" not in after
    assert after == {mount: found for mount, found in before.items() if mount != "shop-gomod"}


def index_tags(repository: str) -> set[str]:
    return {tag for tag in Repository(repository).tags() if tag.startswith("index-")}


def test_prune_of_gone_branches_deletes_their_seeds_with_their_indexes(
    two: Two, repository: str, tmp_path: Path
) -> None:
    for project in ("shop", "shop-api"):
        for branch in ("main", "gone"):
            save_seed(repository, project, branch)
    for branch in ("main", "gone"):
        for project in ("shop", "shop-api"):
            tag = f"layers-{project}.{project}-scratch.amd64.{branch}"
            export_layers(repository, tag, tmp_path, f"{repository} {project} {branch}".replace(" ", "-"))
    before = set(Repository(repository).tags())
    words = ("cache", "prune", "--gone-branches", "--cache-store", repository)
    assert "seed-shop-go1.26-amd64-gone" in two.gobake.good(*words, "--dry-run", cwd=two.shop).out
    assert set(Repository(repository).tags()) == before
    two.gobake.good(*words, "--yes", cwd=two.shop)
    after = set(Repository(repository).tags())
    deleted = {"seed-shop-go1.26-amd64-gone", "layers-shop.shop-scratch.amd64.gone"}
    # both seeds of a project hold the same, so its index is still named by the one that stays
    assert before - after == deleted
    two.gobake.good("cache", "prune", "seed-shop-go1.26-amd64-main", "--cache-store", repository, "--yes", cwd=two.shop)
    left = set(Repository(repository).tags())
    gone = after - left
    assert "seed-shop-go1.26-amd64-main" in gone
    assert len(gone) == 2, "the seed and its index"
    others = listed(two, "--cache-store", repository, cwd=two.other)["seeds"]
    assert [seed["live_share"] for seed in others] == [1.0, 1.0], "the other project's indexes are there"


def test_an_image_that_another_tag_names_too_stays(two: Two, repository: str, tmp_path: Path) -> None:
    tags = [f"layers-{project}.api-scratch.amd64.main" for project in ("shop", "shop-api")]
    for tag in tags:
        export_layers(repository, tag, tmp_path, repository)
    ended = two.gobake("cache", "prune", tags[0], "--cache-store", repository, "--yes", cwd=two.shop)
    if len({m.digest for tag in tags if (m := Repository(repository).manifest(tag))}) == 1:
        assert ended.code == 6
        assert f"{tags[1]} is the same image" in ended.err
    assert tags[1] in Repository(repository).tags()


def layout_files(layout: Path) -> set[str]:
    return {file.name for file in (layout / "blobs/sha256").iterdir()}


def test_prune_of_a_folder_deletes_the_blobs_that_only_the_pruned_seed_needed(two: Two, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    save_seed(str(folder), "shop", "main")
    kept = layout_files(folder / "seeds")
    save_seed(str(folder), "shop-api", "main")
    save_seed(str(folder), "shop", "gone")
    two.gobake.good(
        "cache", "prune", "seed-shop-go1.26-amd64-gone", "--cache-store", str(folder), "--yes", cwd=two.shop
    )
    assert [s["branch"] for s in listed(two, "--cache-store", str(folder))["seeds"]] == ["main"]
    two.gobake.good(
        "cache", "prune", "--all", "--larger-than", "1GB", "--cache-store", str(folder), "--yes", cwd=two.shop
    )
    two.gobake.good(
        "cache", "prune", "seed-shop-api-go1.26-amd64-main", "--cache-store", str(folder), "--yes", cwd=two.other
    )
    assert layout_files(folder / "seeds") == kept
    assert len(list((folder / "seeds").glob("index-*.txt"))) == 1
    (seed,) = listed(two, "--cache-store", str(folder))["seeds"]
    assert seed["live_share"] == 1.0


def test_layer_caches_in_a_folder_are_listed_and_pruned_one_by_one(two: Two, tmp_path: Path) -> None:
    store = tmp_path / "store"
    policy = ("--cache-policy", "release", "--cache-store", str(store))
    for root in (two.shop, two.other):
        for branch in ("main", "gone"):
            git(root, "checkout", "-q", "-B", branch)
            two.gobake.good("build", "--platform", "linux/amd64", *policy, cwd=root)
        git(root, "checkout", "-q", "main")
        git(root, "branch", "-q", "-D", "gone")
    told = listed(two, "--cache-store", str(store))["layers"]
    assert {layers["branch"] for layers in told} == {"main", "gone"}
    assert all(layers["compressed_bytes"] > 0 and layers["age_seconds"] < 3600 for layers in told)
    others = listed(two, "--cache-store", str(store), cwd=two.other)["layers"]
    words = ("cache", "prune", "--gone-branches", "--cache-store", str(store))
    for how, count in (("--dry-run", len(told)), ("--yes", len(told) // 2)):
        two.gobake.good(*words, how, cwd=two.shop)
        assert len(listed(two, "--cache-store", str(store))["layers"]) == count
    assert {e["branch"] for e in listed(two, "--cache-store", str(store))["layers"]} == {"main"}
    assert len(listed(two, "--cache-store", str(store), cwd=two.other)["layers"]) == len(others)
    ended = two.gobake.good("build", "--platform", "linux/amd64", *policy, cwd=two.other)
    assert "warning" not in ended.out + ended.err
