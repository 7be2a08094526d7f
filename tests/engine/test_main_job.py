"""The main job on the example workspace: every strategy, two architectures, and what the caches do afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from gobake.model import Strategy
from tests.conftest import Gobake, commit
from tests.engine.conftest import answer_of, docker

BOTH = "linux/amd64,linux/arm64"
SERVICES = ("api", "migrate", "shopctl", "worker")
EVERY = ",".join(Strategy)


def outcomes(record: dict[str, Any]) -> dict[str, int]:
    """Distinct steps by outcome, as the summary counts them."""
    found: dict[str, str] = {}
    for step in record["steps"]:
        if step["outcome"] != "uncacheable" and (step["outcome"] != "shared" or step["digest"] not in found):
            found[step["digest"]] = step["outcome"]
    return {outcome: list(found.values()).count(outcome) for outcome in set(found.values())}


def executed(record: dict[str, Any]) -> list[str]:
    return sorted({s["name"] for s in record["steps"] if s["outcome"] == "executed"})


@pytest.fixture(scope="module")
def built(world: Gobake, shop: Path) -> dict[str, Any]:
    """Every strategy of the example, once for this module."""
    ended = world.good("all", "-s", EVERY, "--platform", BOTH, cwd=shop)
    assert "32 targets" in ended.out.replace("\n", " ")
    return world.last_run(shop)


def test_every_service_is_built_in_every_strategy_for_both_platforms(built: dict[str, Any]) -> None:
    assert {(t["service"], t["strategy"]) for t in built["targets"]} == {
        (n, str(s)) for n in SERVICES for s in Strategy
    }
    assert all(t["platforms"] == BOTH.split(",") for t in built["targets"])
    assert all(t["digest"].startswith("sha256:") for t in built["targets"])
    assert built["outcome"] == "done"


def test_go_compiles_once_a_platform_for_all_of_them(built: dict[str, Any]) -> None:
    compiles = [s for s in built["steps"] if s["stage"] == "compile" and s["instruction"].startswith("RUN")]
    if os.environ.get("GOBAKE_ENGINE_SUITE") != "trixie":  # buildx 0.13 gives every target digests of its own
        assert len({s["digest"] for s in compiles}) == 2
    assert len({s["digest"] for s in compiles if s["outcome"] == "executed"}) <= 2
    for work in built["go"]:
        assert work["packages"] > 200
        assert len({path for path, _ in work["compiled"]}) == len(work["compiled"]) <= work["packages"]


@pytest.mark.emulation
@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("platform", BOTH.split(","))
def test_every_image_starts_and_answers(built: dict[str, Any], strategy: str, platform: str) -> None:
    assert answer_of(f"api:latest-{strategy}", platform, 8080, "/healthz").strip() == "ok"
    assert answer_of(f"worker:latest-{strategy}", platform, 8081, "/healthz").strip() == "ok"
    for tool in ("shopctl", "migrate"):
        said = docker("run", "--rm", "--platform", platform, f"{tool}:latest-{strategy}", "--version")
        assert said.startswith(tool)
        if strategy != "prebuilt":
            assert built["revision"][:7] in said


def test_certificates_and_time_zones_are_there(built: dict[str, Any]) -> None:
    for strategy in ("scratch", "distalpine", "debian-slim", "upx"):
        assert int("".join(filter(str.isdigit, docker("run", "--rm", f"api:latest-{strategy}", "--check-ca")))) > 100
        assert "Europe/Berlin" in answer_of(f"api:latest-{strategy}", "linux/amd64", 8080, "/time?zone=Europe/Berlin")


def test_a_scratch_image_is_hardly_larger_than_its_binary(built: dict[str, Any], tmp_path: Path) -> None:
    container = docker("create", "worker:latest-scratch")
    try:
        docker("export", "-o", str(tmp_path / "files.tar"), container)
        docker("cp", f"{container}:/usr/local/bin/worker", str(tmp_path / "worker"))
        docker("cp", f"{container}:/etc/ssl/certs/ca-certificates.crt", str(tmp_path / "certificates"))
    finally:
        docker("rm", container)
    binary, certificates = (tmp_path / "worker").stat().st_size, (tmp_path / "certificates").stat().st_size
    assert _bytes_in(tmp_path / "files.tar") <= 1.02 * binary + certificates
    if os.environ.get("GOBAKE_ENGINE_SUITE") != "trixie":  # docker 26.1 saves no single platform
        assert _layer_bytes("worker:latest-scratch", tmp_path) <= 1.02 * binary + certificates


def _bytes_in(archive: Path) -> int:
    with tarfile.open(archive) as files:
        return sum(member.size for member in files.getmembers())


def _layer_bytes(image: str, folder: Path) -> int:
    docker("save", "-o", str(folder / "saved.tar"), "--platform", "linux/amd64", image)
    total = 0
    with tarfile.open(folder / "saved.tar") as saved:
        manifest = json.load(saved.extractfile("manifest.json"))  # type: ignore[arg-type]
        for name in manifest[0]["Layers"]:
            with tarfile.open(fileobj=saved.extractfile(name)) as layer:
                total += sum(member.size for member in layer.getmembers())
    return total


def test_labels_say_title_revision_and_strategy(built: dict[str, Any]) -> None:
    labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", "api:latest-scratch"))
    assert labels["org.opencontainers.image.title"] == "api"
    assert labels["org.opencontainers.image.revision"] == built["revision"]
    assert labels["dev.gobake.strategy"] == "scratch"


def test_building_again_executes_nothing(built: dict[str, Any], world: Gobake, shop: Path) -> None:
    world.good("all", "-s", EVERY, "--platform", BOTH, cwd=shop)
    again = world.last_run(shop)
    assert executed(again) == []
    assert {t["name"]: t["digest"] for t in again["targets"]} == {t["name"]: t["digest"] for t in built["targets"]}


def test_a_line_changed_in_one_command_compiles_and_links_that_command_only(
    built: dict[str, Any], world: Gobake, shop: Path
) -> None:
    file = shop / "migrate" / "main.go"
    before = file.read_text()
    file.write_text(before + "\nfunc init() { edited++ }\n\nvar edited int\n")
    try:
        world.good("build", "--platform", BOTH, cwd=shop, env={"GOBAKE_TAG": "edited"})
        record = world.last_run(shop)
    finally:
        file.write_text(before)
    assert [[path for path, _ in work["compiled"]] for work in record["go"]] == [["example.com/shop/migrate"]] * 2
    # the work tree is dirty now, so the version that the commands are stamped with has changed too
    assert all("example.com/shop/migrate" in [path for path, _ in work["linked"]] for work in record["go"])


def test_without_a_stamp_only_the_edited_command_is_linked(world: Gobake, tmp_path: Path, shop: Path) -> None:
    root = _unstamped(shop, tmp_path / "shop")
    world.good("build", "--platform", BOTH, cwd=root)
    (root / "worker" / "edited.go").write_text("package main\n\nvar edited = 1\n\nfunc init() { edited++ }\n")
    world.good("build", "--platform", BOTH, cwd=root)
    record = world.last_run(root)
    for work in record["go"]:
        assert [path for path, _ in work["compiled"]] == ["example.com/shop/worker"]
        assert [path for path, _ in work["linked"]] == ["example.com/shop/worker"]
    copied = [s for s in record["steps"] if s["outcome"] == "executed" and s["instruction"].startswith("COPY")]
    assert {s["target"] for s in copied} - {"trace"} == {"worker-scratch"}


@pytest.mark.smoke
def test_a_commit_that_touches_a_readme_executes_nothing(world: Gobake, tmp_path: Path, shop: Path) -> None:
    root = _unstamped(shop, tmp_path / "shop")
    world.good("build", "--platform", BOTH, cwd=root)
    first = world.last_run(root)
    (root / "README.md").write_text("another text\n")
    commit(root, "README only")
    world.good("build", "--platform", BOTH, cwd=root)
    second = world.last_run(root)
    assert second["revision"] != first["revision"]
    assert executed(second) == []


@pytest.mark.smoke
@pytest.mark.emulation
def test_the_chosen_strategy_runs_on_both_platforms(world: Gobake, shop: Path) -> None:
    world.good("build", "--platform", BOTH, "--tag", "smoke", cwd=shop)
    for platform in BOTH.split(","):
        assert docker("run", "--rm", "--platform", platform, "shopctl:smoke", "--version").startswith("shopctl")
        assert answer_of("api:smoke", platform, 8080, "/healthz").strip() == "ok"


@pytest.mark.smoke
def test_rendered_files_build_with_plain_bake_and_share_the_cache(world: Gobake, tmp_path: Path, shop: Path) -> None:
    root = _unstamped(shop, tmp_path / "shop")
    world.good("build", cwd=root)
    said = world.good("render", cwd=root)
    assert "docker-bake.json" in said.out
    first = (root / "docker-bake.json").read_bytes(), (root / "gobake.Dockerfile").read_bytes()
    world.good("render", cwd=root)
    assert ((root / "docker-bake.json").read_bytes(), (root / "gobake.Dockerfile").read_bytes()) == first
    printed = json.loads(docker("buildx", "bake", "-f", str(root / "docker-bake.json"), "--print"))
    assert set(printed["group"]["default"]["targets"]) == {f"{name}-scratch" for name in SERVICES}
    done = subprocess.run(
        ["docker", "buildx", "bake", "--progress", "plain", "default"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "CACHED" in done.stderr
    compile_lines = [line for line in done.stderr.splitlines() if " compile " in line and "RUN" in line]
    number = compile_lines[0].split()[0]
    assert f"{number} CACHED" in done.stderr


def test_services_and_strategies_are_groups(world: Gobake, tmp_path: Path, shop: Path) -> None:
    world.good("render", "--to", str(tmp_path), cwd=shop)
    bake = json.loads((tmp_path / "docker-bake.json").read_text())
    everywhere = set(Strategy) - {Strategy.PREBUILT}  # nobody compiled it outside
    assert set(bake["group"]) == {"default", "all", *SERVICES, *map(str, everywhere)}
    assert set(bake["group"]["api"]["targets"]) == {f"api-{strategy}" for strategy in everywhere}


def test_the_command_can_be_pasted(world: Gobake, shop: Path) -> None:
    ended = world.good("build", "shopctl", "--verbose", cwd=shop)
    line = next(line for line in ended.err.splitlines() if " docker buildx bake " in line)
    environment = {**os.environ, "BUILDX_BAKE_ENTITLEMENTS_FS": "0", "GOBAKE_GOENV": ""}
    done = subprocess.run(line, shell=True, cwd=shop, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _unstamped(shop: Path, to: Path) -> Path:
    """The example without its configuration: every main package a service, and no version stamp."""
    import shutil

    shutil.copytree(shop, to, ignore=shutil.ignore_patterns(".git"))
    (to / "gobake.yaml").unlink()
    commit(to)
    return to
