"""Files of `gobake render` are good for plain `docker buildx bake`, whatever lies beside them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.conftest import Gobake
from tests.engine.cases.making import Repository, program, said, told


def bake(root: Path, *words: str) -> str:
    """Plain bake, and once more where containerd's garbage collection took what several images at once unpacked: gobake
    does the same for its own builds."""
    for _ in range(2):
        done = subprocess.run(
            ["docker", "buildx", "bake", *words], cwd=root, capture_output=True, text=True, check=False
        )
        if done.returncode == 0 or not re.search(r"parent snapshot \S+ does not exist", done.stderr):
            break
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_service_a_strategy_and_all_are_baked_without_gobake(world: Gobake, repository: Repository) -> None:
    """`all` holds no image whose program was to be compiled outside, and was not."""
    root = repository(
        {"cmd/rendered/main.go": program("rendered"), "cmd/second/main.go": program("second")},
        module="example.com/baking",
        config="defaults:\n  strategies: [scratch, alpine, prebuilt]\n",
    )
    world.good("render", cwd=root)
    for target in ("rendered", "scratch", "all", "default"):
        bake(root, target, "--set", f"*.labels.asked={target}")
    assert said("rendered:latest") == "rendered"
    assert said("second:latest-alpine") == "second"


def test_render_without_any_configuration_bakes_every_group(world: Gobake, repository: Repository) -> None:
    """Each group of the bake file names only what can be built here."""
    root = repository({"main.go": program("plain")}, module="example.com/plain")
    world.good("render", cwd=root)
    for group in ("plain", "all", "default", "scratch"):
        printed = bake(root, group, "--print")
        assert "dist" not in printed.replace("distalpine", "").replace("distroless", "")


BESIDE = {
    "compose.yaml": "services:\n  db:\n    image: postgres:17\n  beside:\n    build:\n      context: .\n"
    "      dockerfile: deploy/beside.Dockerfile\n    image: beside:compose\n",
    "docker-bake.hcl": 'group "default" {\n  targets = ["docs"]\n}\n\ntarget "docs" {\n  context = "deploy"\n'
    '  dockerfile = "docs.Dockerfile"\n  tags = ["docs:own"]\n}\n',
    "deploy/beside.Dockerfile": "FROM scratch\nCOPY compose.yaml /compose.yaml\n",
    "deploy/docs.Dockerfile": "FROM scratch\nCOPY docs.Dockerfile /docs\n",
}


def test_other_bake_and_compose_files_beside_are_warned_of(world: Gobake, repository: Repository) -> None:
    root = repository({**BESIDE, "cmd/beside/main.go": program("by gobake")}, module="example.com/composed")
    ended = world.good("render", cwd=root)
    assert "compose.yaml" in told(ended)
    assert "docker-bake.hcl" in told(ended)
    bake(root, "-f", "docker-bake.json", "beside")
    assert said("beside:latest") == "by gobake"
    for name in ("compose.yaml", "docker-bake.hcl"):
        (root / name).unlink()
    for name in ("docker-bake.override.json", "docker-compose.yml"):
        (root / name).write_text("{}" if name.endswith("json") else "services: {}\n")
        assert name in told(world.good("render", cwd=root))
        (root / name).unlink()
    ended = world.good("render", cwd=root)
    assert not any(word in ended.err for word in ("compose", "docker-bake"))


def test_gobakes_own_build_is_no_matter_of_the_files_beside(world: Gobake, repository: Repository) -> None:
    root = repository({**BESIDE, "cmd/beside/main.go": program("by gobake itself")}, module="example.com/composed")
    world.good("build", "--tag", "alone", cwd=root)
    assert said("beside:alone") == "by gobake itself"
