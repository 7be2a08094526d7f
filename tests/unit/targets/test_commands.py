"""Several commands in one image: which packages they are, and where each strategy has them from."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest
from msgspec.structs import replace

from gobake import recipe
from gobake.config.loading import parse_config
from gobake.errors import ConfigError
from gobake.gotool.packages import GoTree
from gobake.model import Program, Project, Strategy
from gobake.recipe.stages import compile_stages
from gobake.targets.commands import commands
from gobake.targets.matrix import Selection, select
from tests.unit.plan.test_project import made, tree_of
from tests.unit.recipe.test_dockerfile import AMD64, instructions, stage

TREE = tree_of("server", "etcdctl", "tools/util")


def service(yaml: str, tree: GoTree = TREE) -> tuple[str, tuple[Program, ...]]:
    (found,) = made(f"services: {{etcd: {{{yaml}}}}}", tree).services
    return found.package, found.programs


def program(name: str, folder: str, binary: str = "") -> Program:
    return Program(
        name=name,
        package=f"example.com/shop/{folder}",
        binary=binary or folder.rpartition("/")[2],
        directory=PurePosixPath(folder),
    )


# ---- which packages


@pytest.mark.parametrize(
    "yaml",
    [
        "binaries: [./server, ./etcdctl, ./tools/util/]",
        "binaries: [server, etcdctl, util]",
        "binaries: [example.com/shop/server, {package: etcdctl}, example.com/shop/tools/util]",
    ],
)
def test_commands_are_named_as_go_calls_them_or_by_their_package(yaml: str) -> None:
    assert service(yaml) == (
        "example.com/shop/server",
        (program("etcdctl", "etcdctl"), program("util", "tools/util")),
    )


def test_a_command_may_have_another_name_in_the_image() -> None:
    _, programs = service("binaries: [./server, {package: ./etcdctl, name: Ctl-2}]")
    assert programs == (program("Ctl-2", "etcdctl"),)


def test_a_command_of_an_image_is_no_service_of_its_own() -> None:
    found = made("discover: true\nservices: {etcd: {binaries: [server, etcdctl]}}", TREE)
    assert [s.name for s in found.services] == ["etcd", "util"]


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("binaries: [server], package: ./server", "`binaries` already names the package; remove `package`"),
        ("binaries: [server, etcdcli]", "no main package is called etcdcli; did you mean etcdctl?"),
        ("binaries: [server, ./nothing]", "there is no Go package in ./nothing"),
        ("binaries: [server, {package: etcdctl, name: etcd}]", "two programs in the image of etcd are named etcd"),
        ("binaries: [server, etcdctl, ./etcdctl]", "two programs in the image of etcd are named etcdctl"),
    ],
)  # fmt: skip
def test_what_cannot_be_one_image_is_refused_where_it_is_written(yaml: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as raised:
        service(yaml)
    assert raised.value.where is not None
    assert raised.value.where.line == 1
    assert "services.etcd." in raised.value.where.key


def test_commands_of_modules_that_no_go_build_reaches_together_are_refused() -> None:
    apart = {m.binary: replace(m, build_root=PurePosixPath(m.binary)) for m in TREE.mains}
    config = parse_config(b"services: {etcd: {binaries: [server, etcdctl]}}", Path("gobake.yaml"))
    with pytest.raises(ConfigError, match=r"etcdctl and .*/server are in modules without a common go.work"):
        commands(config.services[0], lambda one: apart[one.name])


# ---- in each strategy


def of() -> Project:
    yaml = "services: {etcd: {binaries: [server, {package: etcdctl, name: ctl}]}, util: }"
    return made(yaml, TREE)


def dockerfile(strategy: Strategy) -> str:
    project = of()
    matrix = select(project, Selection(strategies=(strategy,), services=("etcd",)), (AMD64,))
    return recipe.render(project, matrix, TREE).dockerfile


def test_one_go_build_makes_all_commands_of_all_services() -> None:
    matrix = select(of(), Selection(), (AMD64,))
    (found,) = compile_stages(matrix)
    assert [(c.name, c.file, c.linked) for c in found.commands] == [
        ("etcd", "etcd", "server"),
        ("etcd+ctl", "ctl", "etcdctl"),
        ("util", "util", "util"),
    ]
    text = recipe.render(of(), matrix, TREE).dockerfile
    (run,) = [line for line in stage(text, "compile") if line.startswith("RUN")]
    assert run.count("go build ") == 1
    for words in ("compile/server etcd &&", "compile/etcdctl etcd+ctl ctl &&", "compile/util util &&"):
        assert f"take /cache/golink/{words}" in run


@pytest.mark.parametrize(
    ("strategy", "line"),
    [
        (Strategy.SCRATCH, 'COPY --from=compile ["/out/static/etcd/", "/out/static/etcd+ctl/", "/"]'),
        (Strategy.ALPINE, 'COPY --from=compile ["/out/musl/etcd/", "/out/musl/etcd+ctl/", "/"]'),
        (
            Strategy.DISTALPINE,
            'COPY --from=compile ["/out/any/etcd/", "/out/any/etcd+ctl/", "/out/libraries/etcd/", '
            '"/out/libraries/etcd+ctl/", "/"]',
        ),
    ],
)
def test_an_image_has_them_in_one_layer_and_starts_the_first(strategy: Strategy, line: str) -> None:
    found = stage(dockerfile(strategy), f"etcd-{strategy}")
    assert line in found
    assert 'ENTRYPOINT ["/usr/local/bin/etcd"]' in found


def test_all_of_them_are_packed() -> None:
    (run,) = [line for line in stage(dockerfile(Strategy.UPX), "etcd-upx-pack") if line.startswith("RUN")]
    assert "upx -qq -1 --lzma /out/usr/local/bin/etcd /out/usr/local/bin/ctl &&" in run


def test_a_single_stage_builds_each() -> None:
    (run,) = [line for line in instructions(dockerfile(Strategy.SINGLE_STAGE)) if "target=/run/compiled" in line]
    assert run.endswith("-o /usr/local/bin/ctl example.com/shop/etcdctl")
    assert "-o /usr/local/bin/etcd example.com/shop/server && go build " in run


def test_prebuilt_is_refused_with_its_reason() -> None:
    with pytest.raises(ConfigError, match="etcd cannot be built in prebuilt: it has several commands"):
        dockerfile(Strategy.PREBUILT)
    matrix = select(of(), Selection(every_strategy=True), (AMD64,))
    assert [note.partition(":")[0] for note in matrix.left_out] == ["etcd in prebuilt"]
