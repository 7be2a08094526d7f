"""Go is asked, and compiles, under one description: platform variants, settings, flags; this machine's never leak in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Gobake
from tests.engine.cases.making import (
    Repository,
    calling,
    git,
    go_mod,
    program,
    program_of,
    said,
    settings_of,
    told,
)


def _levels(tag: str) -> dict[str, str]:
    """A program with a file behind a build tag, which imports a package that nothing else needs."""
    return {
        "main.go": "package main\n\nfunc main() { println(level()) }\n",
        "plain.go": f'//go:build !{tag}\n\npackage main\n\nfunc level() string {{ return "as plain as it gets" }}\n',
        "special.go": f'//go:build {tag}\n\npackage main\n\nimport "example.com/levels/internal/special"\n\n'
        "func level() string { return special.Name }\n",
        "internal/special/special.go": 'package special\n\nconst Name = "as special as it gets"\n',
    }


PLAIN, SPECIAL = b"as plain as it gets", b"as special as it gets"


def test_a_platforms_variant_chooses_files_and_what_they_import(world: Gobake, repository: Repository) -> None:
    root = repository(_levels("amd64.v3"), module="example.com/levels")
    world.good("build", "--platform", "linux/amd64,linux/amd64/v3", cwd=root)
    assert said("levels:latest", options=("--platform", "linux/amd64")) == PLAIN.decode()
    plain, special = (program_of("levels:latest", p) for p in ("linux/amd64", "linux/amd64/v3"))
    assert (PLAIN in plain, SPECIAL in plain) == (True, False)
    assert (PLAIN in special, SPECIAL in special) == (False, True)


@pytest.mark.parametrize(
    ("tag", "config"),
    [
        ("amd64.v2", "build_env: {GOAMD64: v2}"),
        ("beta", "build_env: {GOFLAGS: -tags=beta}"),
        ("goexperiment.jsonv2", "build_env: {GOEXPERIMENT: jsonv2}"),
        ("beta", "build_tags: [beta]"),
    ],
)
def test_settings_of_a_service_choose_files_and_what_they_import(
    world: Gobake, repository: Repository, tag: str, config: str
) -> None:
    root = repository(_levels(tag), module="example.com/levels", config=f"services:\n  levels:\n    {config}\n")
    world.good("build", "--tag", "settings", cwd=root)
    assert SPECIAL in program_of("levels:settings")


def test_the_arm_level_of_a_platform_chooses_files(world: Gobake, repository: Repository) -> None:
    root = repository(_levels("arm.7"), module="example.com/levels")
    world.good("build", "--tag", "arm", "--platform", "linux/arm/v6,linux/arm/v7", cwd=root)
    assert PLAIN in program_of("levels:arm", "linux/arm/v6")
    assert SPECIAL in program_of("levels:arm", "linux/arm/v7")


WORKSPACE = {
    "go.work": "go 1.26\n\nuse ./serving\n\nuse ./lib\n",
    "serving/go.mod": go_mod("example.com/serving"),
    "serving/main.go": calling("example.com/lib", "lib.Name"),
    "lib/go.mod": go_mod("example.com/lib"),
    "lib/lib.go": 'package lib\n\nconst Name = "from the workspace"\n',
}


def test_flags_of_this_machine_change_no_build_of_any_strategy(
    world: Gobake, repository: Repository, tmp_path: Path
) -> None:
    """GOFLAGS=-mod=mod, which Go refuses in a workspace, by the environment and as `go env -w` keeps it."""
    root = repository(WORKSPACE, module="")
    kept = tmp_path / "goenv"
    kept.write_text("GOFLAGS=-mod=mod\nGOAMD64=v3\nGOEXPERIMENT=jsonv2\nCGO_ENABLED=1\nGOOS=windows\n")
    for env in ({"GOFLAGS": "-mod=mod"}, {"GOENV": str(kept)}):
        world.good("all", "-s", "scratch,alpine,prebuilt", cwd=root, env=env)
        for strategy in ("scratch", "alpine", "prebuilt"):
            assert said(f"serving:latest-{strategy}") == "from the workspace"
            told_by_go = settings_of(f"serving:latest-{strategy}", tmp_path)
            assert told_by_go["GOAMD64"] == "v1"
            assert told_by_go["CGO_ENABLED"] == "0"
            assert "GOEXPERIMENT" not in told_by_go


def test_settings_in_the_environment_of_this_machine_do_not_reach_prebuilt(
    world: Gobake, repository: Repository, tmp_path: Path
) -> None:
    root = repository({"main.go": program("as configured")}, module="example.com/configured")
    leaking = {"GOAMD64": "v3", "GOEXPERIMENT": "jsonv2", "GO111MODULE": "off", "GOARCH": "arm64", "GOOS": "windows"}
    world.good("all", "-s", "scratch,prebuilt", "--platform", "linux/amd64", cwd=root, env=leaking)
    first, second = (settings_of(f"configured:latest-{s}", tmp_path) for s in ("scratch", "prebuilt"))
    assert said("configured:latest-prebuilt") == "as configured"
    assert first == second
    assert first["GOAMD64"] == "v1"


# ---- flags of the linker


def test_an_empty_value_in_ldflags_stays_empty_beside_a_version(world: Gobake, repository: Repository) -> None:
    root = repository(
        {
            "main.go": 'package main\n\nvar (\n\tversion = "none"\n\tpre     = "dev"\n\tchannel = "edge"\n\tnote    = ""\n)\n\n'
            'func main() { println(version + "|" + channel + "|" + pre + "|" + note) }\n'
        },
        module="example.com/stamped",
        config="services:\n  stamped:\n    version_stamp: main.version\n"
        "    ldflags: \"-s -w -X main.pre= -X 'main.note=a = b' -X main.channel=stable\"\n",
    )
    git(root.parent, "init", "-q", "-b", "main", root.name)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    git(root, "tag", "v1.0.0")
    world.good("build", cwd=root)
    assert said("stamped:latest") == "v1.0.0|stable||a = b"
    config = root / "gobake.yaml"
    config.write_text("name: cases\nservices:\n  stamped: {version_stamp: main.version, ldflags: '-X main.pre='}\n")
    world.good("build", cwd=root)
    assert said("stamped:latest").startswith("v1.0.0")
    assert "|edge||" in said("stamped:latest")


def test_ldflags_that_the_linker_refuses_are_told_in_its_words(world: Gobake, repository: Repository) -> None:
    root = repository(
        {"main.go": program("never")},
        module="example.com/mistaken",
        config="services:\n  mistaken:\n    ldflags: -no-such-flag\n",
    )
    ended = world("build", cwd=root)
    assert ended.code == 4
    assert "no-such-flag" in told(ended)
