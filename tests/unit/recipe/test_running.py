"""What an image brings for the program that runs in it: accounts, folders, probes, bases of the project's own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from msgspec.structs import replace

from gobake import recipe
from gobake.errors import ConfigError
from gobake.model import ExtraFile, HealthCheck, OwnBase, Platform, Project, Service, Strategy
from gobake.recipe import accounts, folders
from gobake.targets.matrix import Selection, select
from gobake.targets.own_bases import own_bases
from tests.unit.recipe.test_dockerfile import (
    AMD64,
    ARM64,
    dockerfile,
    everything,
    project,
    service,
    stage,
    stages,
    tree_of,
)

SCRATCH_LIKE = (Strategy.DISTALPINE, Strategy.SCRATCH, Strategy.UPX)
BASE = OwnBase(name="own-base", file=PurePosixPath("build/base.Dockerfile"), runs=True)


def script_of(text: str, name: str) -> str:
    (run,) = [line for line in stage(text, name) if line.startswith("RUN ")]
    return run.partition("target=/base ")[2] or run.removeprefix("RUN ")


# ---- accounts


def ran(script: str, base: Path, out: Path) -> dict[str, str]:
    """What the step writes, run here on a base folder; owners are left out, because only root may set them."""
    here = script.replace("/base/", f"{base}/").replace("/out", str(out))
    owners = " && ".join(part for part in here.split(" && ") if not part.startswith("chown"))
    subprocess.run(["sh", "-c", owners], check=True)
    return {name: (out / "etc" / name).read_text() for name in ("passwd", "group")}


def test_an_image_without_a_base_knows_root_and_its_user(tmp_path: Path) -> None:
    text = dockerfile(service(), strategy=Strategy.SCRATCH)
    found = ran(script_of(text, "account"), tmp_path, tmp_path / "out")
    assert found["passwd"].splitlines() == [
        "root:x:0:0:root:/root:/sbin/nologin",
        "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin",
    ]
    assert found["group"].splitlines() == ["root:x:0:", "nonroot:x:65532:"]
    assert (tmp_path / "out/home/nonroot").stat().st_mode & 0o777 == 0o700


def test_an_image_of_root_has_no_other_account(tmp_path: Path) -> None:
    text = dockerfile(replace(service(), user="0"), strategy=Strategy.SCRATCH)
    found = ran(script_of(text, "account"), tmp_path, tmp_path / "out")
    assert found == {"passwd": "root:x:0:0:root:/root:/sbin/nologin\n", "group": "root:x:0:\n"}
    assert 'ENV HOME="/root"' in stage(text, "api-scratch")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("root:x:0:0::/root:/bin/sh\n", ["root:x:0:0::/root:/bin/sh", "nonroot:x:1000:0:nonroot:/home/nonroot:/sbin/nologin"]),
        ("root:x:0:0::/root:/bin/sh", ["root:x:0:0::/root:/bin/sh", "nonroot:x:1000:0:nonroot:/home/nonroot:/sbin/nologin"]),
        ("a:x:1000:7::/a:/bin/sh\n\n", ["a:x:1000:7::/a:/bin/sh"]),
        ("a:x:10000:1000::/a:/bin/sh\n", ["a:x:10000:1000::/a:/bin/sh", "nonroot:x:1000:0:nonroot:/home/nonroot:/sbin/nologin"]),
        (None, ["root:x:0:0:root:/root:/sbin/nologin", "nonroot:x:1000:0:nonroot:/home/nonroot:/sbin/nologin"]),
    ],
)  # fmt: skip
def test_a_base_is_given_the_account_that_it_lacks_and_keeps_its_own(
    before: str | None, after: list[str], tmp_path: Path
) -> None:
    (tmp_path / "etc").mkdir()
    if before is not None:
        (tmp_path / "etc/passwd").write_text(before)
    text = dockerfile(replace(service(), user="1000"), strategy=Strategy.ALPINE)
    assert "--mount=type=bind,from=account-base,target=/base" in " ".join(stage(text, "account"))
    found = ran(script_of(text, "account"), tmp_path, tmp_path / "out")
    assert found["passwd"].splitlines() == after
    assert found["group"] == "root:x:0:\n"


def test_images_of_one_base_and_user_share_the_step_that_makes_the_account() -> None:
    text = dockerfile(service("api"), service("worker"), replace(service("other"), user="7:8"))
    copies = {
        name: line
        for name in stages(text)
        for line in stage(text, name)
        if line.startswith("COPY --from=account")
    }  # fmt: skip
    for strategy in Strategy:
        assert copies[f"api-{strategy}"] == copies[f"worker-{strategy}"] != copies[f"other-{strategy}"]
    assert len({copies[f"api-{strategy}"] for strategy in SCRATCH_LIKE}) == 1
    assert copies["api-alpine"] == copies["api-prebuilt"]
    assert len(set(copies.values())) == 10  # golang, alpine, debian, distroless and none, for two users


@pytest.mark.parametrize("strategy", list(Strategy))
def test_user_and_home_are_told_and_the_users_own_words_win(strategy: Strategy) -> None:
    text = dockerfile(replace(service(), env=(("HOME", "/data"), ("X", "1"))), strategy=strategy)
    said = [line for line in stage(text, f"api-{strategy}") if line.startswith(("ENV USER", "ENV HOME", "ENV X"))]
    assert said == ['ENV USER="nonroot"', 'ENV HOME="/data"', 'ENV X="1"']


def test_layers_are_as_many_as_without_an_account_where_certificates_come_anyway() -> None:
    found = stage(dockerfile(service(), strategy=Strategy.SCRATCH), "api-scratch")
    assert [line for line in found if line.startswith("COPY")] == [
        "COPY --from=account /out/ /",
        'COPY --from=compile ["/out/static/api/", "/"]',
    ]


# ---- folders


def commands(**settings: Any) -> tuple[str, ...]:
    return folders.script(replace(service(), **settings))


def test_folders_to_write_are_the_users_with_all_that_is_in_them() -> None:
    found = commands(data=("/data", "/srv/my state"), volumes=("/data", "/var/lib/api"), user="1000:50")
    assert found == (
        "mkdir -p /out/data '/out/srv/my state' /out/var/lib/api",
        "chmod 755 /out/data '/out/srv/my state' /out/var/lib/api",
        "chown -R 1000:50 /out/data '/out/srv/my state' /out/var/lib/api",
    )


def test_the_working_folder_is_the_users_and_what_lies_in_it_is_not() -> None:
    assert commands(workdir="/app") == ("mkdir -p /out/app", "chown 65532:65532 /out/app")


@pytest.mark.parametrize("folder", ["/", "/etc", "/usr/local/bin", "/var/lib", "/home"])
def test_a_folder_of_the_system_stays_the_systems(folder: str) -> None:
    assert commands(workdir=folder) == (f"mkdir -p /out{folder}",)


def test_tmp_is_everybodys() -> None:
    assert commands(tmp=True) == ("mkdir -p /out/tmp", "chmod 1777 /out/tmp")


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({"data": ("/var/tmp/x",)}, "chmod 1777 /out/var/tmp"),
        ({"files": (ExtraFile(source=PurePosixPath("a"), target=PurePosixPath("/tmp/a")),)}, "chmod 1777 /out/tmp"),
        ({"data": ("/home/nonroot/x",)}, "chown -R 65532:65532 /out/home/nonroot"),
        ({"workdir": "/home/nonroot/x"}, "chmod 700 /out/home/nonroot"),
    ],
)
def test_a_folder_on_the_way_keeps_the_mode_and_owner_that_it_has_in_a_base(
    settings: dict[str, Any], kept: str
) -> None:
    assert kept in commands(**settings)


def test_folders_come_in_one_layer_with_files_and_volumes_are_told() -> None:
    file = ExtraFile(source=PurePosixPath("a"), target=PurePosixPath("/data/a"))
    text = dockerfile(
        replace(service(), files=(file,), data=("/data",), tmp=True, volumes=("/var/lib/api",)),
        strategy=Strategy.SCRATCH,
    )
    found = stage(text, "api-scratch")
    assert found.count("COPY --from=api-files /out/ /") == 1
    assert 'VOLUME ["/var/lib/api"]' in found
    assert "chown -R 65532:65532 /out/data /out/var/lib/api" in script_of(text, "api-files")


# ---- probes


@pytest.mark.parametrize(
    ("check", "line"),
    [
        (HealthCheck(command=("/usr/local/bin/api", "-health")), 'HEALTHCHECK CMD ["/usr/local/bin/api", "-health"]'),
        (
            HealthCheck(command=("api", 'a "b" $c'), interval="10s", timeout="3s", start_period="1m30s", retries=5),
            'HEALTHCHECK --interval=10s --timeout=3s --start-period=1m30s --retries=5 CMD ["api", "a \\"b\\" $c"]',
        ),
    ],
)
def test_a_probe_is_run_without_a_shell(check: HealthCheck, line: str) -> None:
    for strategy in (Strategy.SCRATCH, Strategy.ALPINE, Strategy.SINGLE_STAGE):
        assert line in stage(dockerfile(replace(service(), healthcheck=check), strategy=strategy), f"api-{strategy}")
    assert "HEALTHCHECK" not in dockerfile(service())


# ---- bases of the project's own


def based(*strategies: Strategy, platforms: tuple[Platform, ...] = (AMD64,)) -> tuple[str, dict[str, Any]]:
    chosen = replace(service(), strategy=Strategy.ALPINE, base="./build/base.Dockerfile")
    of = replace(project(chosen, service("worker")), own_bases=(BASE,))
    matrix = select(of, Selection(strategies=strategies), platforms)
    texts = recipe.render(of, matrix, tree_of(of.services))
    return texts.dockerfile, json.loads(texts.bake)["target"]


def test_a_base_of_ones_own_is_a_target_of_the_same_bake_for_all_platforms() -> None:
    text, targets = based(Strategy.ALPINE, platforms=(AMD64, ARM64))
    assert stage(text, "api-alpine")[0] == "FROM own-base AS api-alpine"
    assert stage(text, "account-base") == ["FROM own-base AS account-base"]
    assert stage(text, "worker-alpine")[0] == "FROM alpine:3.22 AS worker-alpine"
    assert targets["api-alpine"]["contexts"] == {"own-base": "target:_own-base"}
    assert "contexts" not in targets["worker-alpine"]
    assert targets["_own-base"] == {
        "description": "the base image of build/base.Dockerfile",
        "context": ".",
        "dockerfile": "build/base.Dockerfile",
        "platforms": ["linux/amd64", "linux/arm64"],
    }


def test_a_base_of_a_service_holds_for_its_chosen_strategy_alone() -> None:
    text, targets = based(Strategy.SCRATCH, Strategy.DEBIAN_SLIM)
    assert stage(text, "api-debian-slim")[0] == "FROM debian:trixie-slim AS api-debian-slim"
    assert "_own-base" not in targets


def test_a_reference_may_replace_the_base_of_one_service() -> None:
    found = dockerfile(replace(service(), strategy=Strategy.DISTROLESS, base="gcr.io/distroless/base-debian12"))
    assert stage(found, "api-distroless")[0] == "FROM gcr.io/distroless/base-debian12 AS api-distroless"


def test_a_base_of_the_project_may_be_a_dockerfile_too_and_prebuilt_stands_on_it() -> None:
    of = project(service())
    bases = replace(of.bases, alpine="./build/base.Dockerfile")
    of = replace(of, bases=bases, own_bases=(BASE,))
    matrix = select(of, Selection(strategies=(Strategy.PREBUILT,)), (AMD64,))
    texts = recipe.render(of, matrix, tree_of(of.services))
    assert json.loads(texts.bake)["target"]["api-prebuilt"]["contexts"] == {
        "prebuilt": "dist",
        "own-base": "target:_own-base",
    }
    assert stage(texts.dockerfile, "account")[0] == "FROM go AS account"
    assert stages(texts.dockerfile)[0] == "go"


def test_only_a_base_that_runs_something_needs_its_platform() -> None:
    for runs in (True, False):
        chosen = replace(service(), strategy=Strategy.ALPINE, base=f"./{BASE.file}")
        of = replace(project(chosen), own_bases=(replace(BASE, runs=runs),))
        needing = {t.strategy for t in everything(of).targets if t.runs_on_target}
        assert needing == {Strategy.SINGLE_STAGE, *([Strategy.ALPINE] if runs else [])}


def found(root: Path, *services: Service, **bases: str) -> tuple[OwnBase, ...]:
    return own_bases(root, bases, services, {})


def test_each_dockerfile_is_one_base_and_one_with_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.Dockerfile").write_text("FROM alpine\n# RUN nothing\nCOPY x /x\n")
    (tmp_path / "b.Dockerfile").write_text("FROM alpine\n  run apk add git\n")
    one = replace(service("one"), strategy=Strategy.ALPINE, base="./b.Dockerfile")
    two = replace(service("two"), strategy=Strategy.DEBIAN_SLIM, base="./b.Dockerfile")
    assert found(tmp_path, one, two, alpine="./a.Dockerfile", debian="debian:12") == (
        OwnBase(name="own-base", file=PurePosixPath("a.Dockerfile"), runs=False),
        OwnBase(name="own-base-2", file=PurePosixPath("b.Dockerfile"), runs=True),
    )


def test_a_dockerfile_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the Dockerfile a.Dockerfile cannot be read: No such file or directory"):
        found(tmp_path, alpine="./a.Dockerfile")
    (tmp_path / "build").mkdir()
    with pytest.raises(ConfigError, match=r"the Dockerfile build cannot be read: Is a directory"):
        found(tmp_path, alpine="./build")


@pytest.mark.parametrize("strategy", [Strategy.SCRATCH, Strategy.UPX, Strategy.SINGLE_STAGE, Strategy.PREBUILT])
def test_a_strategy_without_a_base_to_replace_is_refused(strategy: Strategy, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=f"the strategy {strategy} of api does not allow another base; set its `strategy`"
    ):
        found(tmp_path, replace(service(), strategy=strategy, base="alpine:3"))


def test_an_account_does_not_depend_on_what_else_is_built() -> None:
    of: Project = project(service())
    (only,) = accounts.accounts(of, everything(of).targets[-1:]).values()
    assert (only.base, only.home, only.certificates) == ("", "/home/nonroot", True)
