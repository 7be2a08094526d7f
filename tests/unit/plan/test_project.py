"""What a configuration, or none, and the Go tree mean: services, their names and settings."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobake import recipe
from gobake.config.loading import parse_config
from gobake.config.patterns import COMPONENT
from gobake.config.words import RESERVED_NAMES
from gobake.errors import ConfigError, ProjectError
from gobake.gotool.modules import BuildRoot, Layout, Module
from gobake.gotool.packages import GoTree, Package
from gobake.model import BuildOptions, ExtraFile, Platform, Project, Stamp, Strategy, bake_name
from gobake.plan.project import Overrides, build_options, make_project
from gobake.targets.matrix import Selection, select

HERE = Path("/nowhere/shop")
AMD64 = Platform(os="linux", arch="amd64")


def tree_of(
    *mains: str, module: str = "example.com/shop", root: Path = HERE, workspace: bool = False, go: str = "1.26"
) -> GoTree:
    """A tree with these main packages, by their folders."""
    one = Module(path=module, directory=root, go=go)
    build = BuildRoot(directory=root, workspace=workspace, mains=(one,), replaced=())
    packages = tuple(
        Package(
            import_path=module if folder == "." else f"{module}/{folder}", name="main", directory=PurePosixPath(folder),
            build_root=PurePosixPath("."), cgo=False, embeds=(), imports=(), module=module, runs=True,
            binary=(module if folder == "." else folder).removesuffix("/v2").split("/")[-1],
        )
        for folder in mains
    )  # fmt: skip
    layout = Layout(root=root, context=root, builds=(build,), go_version="1.26", go_requirement="1.26")
    return GoTree(layout=layout, packages=packages)


def made(yaml: str, tree: GoTree, overrides: Overrides | None = None, url: str = "") -> Project:
    config = parse_config(yaml.encode(), tree.layout.root / "gobake.yaml") if yaml else None
    return make_project(config, tree, overrides or Overrides(), url)


def names(*mains: str, module: str = "example.com/shop") -> list[str]:
    return [s.name for s in made("", tree_of(*mains, module=module)).services]


# ---- names of services that nobody named


@pytest.mark.parametrize(
    ("mains", "found"),
    [
        (["."], ["shop"]),
        (["cmd/api", "cmd/worker"], ["api", "worker"]),
        (["cmd/api", "lib/api"], ["api", "lib-api"]),
        (["cmd/api", "api"], ["api", "shop-api"]),
        (["a/x/run", "b/x/run"], ["b-x-run", "x-run"]),
        (["cmd/scratch"], ["cmd-scratch"]),
        (["cmd/default", "cmd/all", "cmd/trace"], ["cmd-all", "cmd-default", "cmd-trace"]),
        (["cmd/api/v2"], ["api"]),
        (["cmd/Big_Name"], ["big_name"]),
        (["cmd/c++"], ["c"]),
        (["cmd/a..b"], ["a-b"]),
        (["cmd/cmd-api", "cmd/api", "lib/api"], ["api", "cmd-api", "lib-api"]),
    ],
)
def test_services_have_the_last_telling_name_and_the_less_prominent_of_two_gets_folders_in_front(
    mains: list[str], found: list[str]
) -> None:
    assert names(*mains) == found


def test_a_module_that_is_called_as_a_strategy_has_another_name() -> None:
    assert names(".", module="scratch") == ["scratch-app"]
    assert names(".", module="example.com/upx") == ["example.com-upx"]


FOLDER = st.lists(
    st.sampled_from(["api", "API", "a.b", "a_b", "a-b", "a+b", "scratch", "api-upx", "cmd", "v2", "~"]),
    min_size=1, max_size=3,
).map("/".join)  # fmt: skip


@given(st.lists(FOLDER, unique=True, min_size=1, max_size=6))
def test_names_are_image_names_and_keep_every_service_and_target_apart(folders: list[str]) -> None:
    project = made("", tree_of(*folders))
    found = [s.name for s in project.services]
    assert len(found) == len(folders)
    assert all(re.fullmatch(COMPONENT, name) for name in found)
    assert not set(found) & set(RESERVED_NAMES)
    matrix = select(project, Selection(every_strategy=True), (AMD64,))
    targets = {t.name for t in matrix.targets}
    assert len(targets) == len(matrix.targets) == len(folders) * len(Strategy)
    assert len({bake_name(name) for name in found}) == len(found)
    assert not {bake_name(name) for name in found} & targets


def test_a_command_that_is_called_as_anothers_target_has_a_name_of_its_own() -> None:
    found = names("cmd/api", "cmd/api-upx")
    assert found[0] == "api"
    assert found[1] != "api-upx"


def test_the_same_folders_give_the_same_names_in_whatever_order() -> None:
    folders = ("cmd/api", "tools/api", "x/tools/api")
    assert sorted(names(*folders)) == sorted(names(*reversed(folders)))


# ---- the project


def test_a_project_without_a_configuration_is_named_after_its_module() -> None:
    assert made("", tree_of(".", module="example.com/shop")).name == "example-com-shop"
    assert made("", tree_of(".", workspace=True)).name == "example-com-shop"


def test_the_command_line_wins_over_the_configuration() -> None:
    yaml = "registry: ghcr.io/acme\nbases: {go: 'golang:1.26-alpine', alpine: 'alpine:3.20'}\n"
    tree = tree_of(".")
    assert made("", tree).bases.go == "golang:1.26"
    said = made(yaml, tree)
    assert (said.registry, said.bases.go, said.bases.alpine) == ("ghcr.io/acme", "golang:1.26-alpine", "alpine:3.20")
    over = made(yaml, tree, Overrides(registry="localhost:5000/", bases={"go": "golang:tip"}))
    assert (over.registry, over.bases.go, over.bases.alpine) == ("localhost:5000", "golang:tip", "alpine:3.20")
    assert made(yaml, tree, Overrides(registry="")).registry == ""


@pytest.mark.parametrize(("said", "requires"), [("1.20", "1.24"), ("1.24.1", "1.24.3"), ("1.9", "1.21")])
def test_a_go_older_than_a_module_requires_is_refused(said: str, requires: str) -> None:
    tree = tree_of(".", go=requires)
    with pytest.raises(
        ConfigError, match=f"Go {said} is older than module example.com/shop requires: go {requires}; "
    ) as e:
        made(f"go: '{said}'\n", tree)
    assert e.value.where
    assert (e.value.where.line, e.value.where.key) == (1, "go")


@pytest.mark.parametrize(
    ("said", "requires"),
    [("1.24", "1.24.3"), ("1.25", "1.24"), ("1.24.3", "1.24.3"), ("1.24.0", "1.24"), ("1.17", "1.18")],
)
def test_a_go_that_is_new_enough_holds(said: str, requires: str) -> None:
    assert made(f"go: '{said}'\n", tree_of(".", go=requires))


def test_the_source_address_of_the_configuration_wins_over_that_of_git() -> None:
    assert made("", tree_of("."), url="https://a.example/x").source_url == "https://a.example/x"
    said = made("source_url: https://b.example/x\n", tree_of("."), url="https://a.example/x")
    assert said.source_url == "https://b.example/x"


def test_a_project_without_a_command_is_refused() -> None:
    with pytest.raises(ProjectError, match="there is no main package to build in /nowhere/shop"):
        made("", tree_of())


# ---- services that the configuration names


def test_settings_reach_the_service_and_the_defaults_reach_all() -> None:
    yaml = """\
defaults: {labels: {team: a}, platforms: [linux/arm64], build_tags: [netgo]}
services:
  api:
    package: ./cmd/api
    strategy: alpine
    labels: {tier: "1"}
    build_env: {CGO_ENABLED: 1, CC: gcc}
    ldflags: ""
    env: {B: "2", A: "1"}
    ports: [8080]
    version_stamp: main.version
  worker: {}
"""
    api, worker = made(yaml, tree_of("cmd/api", "cmd/worker")).services
    assert api.strategy is Strategy.ALPINE
    assert api.labels == (("team", "a"), ("tier", "1"))
    assert api.build == BuildOptions(tags=("netgo",), ldflags="", env=(("CC", "gcc"), ("CGO_ENABLED", "1")))
    assert api.env == (("A", "1"), ("B", "2"))
    assert (api.ports, api.stamps) == (("8080",), (Stamp(variable="main.version", text="{version}"),))
    assert (worker.labels, worker.platforms) == ((("team", "a"),), (Platform(os="linux", arch="arm64"),))
    assert worker.build == BuildOptions(tags=("netgo",))


def test_a_service_is_found_by_folder_import_path_or_its_own_name() -> None:
    tree = tree_of(".", "cmd/api")
    yaml = "services:\n  one: {package: .}\n  two: {package: example.com/shop/cmd/api}\n  api: {}\n"
    assert {s.name: s.package for s in made(yaml, tree).services} == {
        "one": "example.com/shop",
        "two": "example.com/shop/cmd/api",
        "api": "example.com/shop/cmd/api",
    }


@pytest.mark.parametrize(
    ("yaml", "says"),
    [
        ("services: {ap: {}}", r"no main package is called ap.*did you mean api\?"),
        ("services: {run: {}}", "more than one main package is called run; say which with `package"),
        ("services: {x: {package: ./cmd/apo}}", r"there is no Go package in \./cmd/apo; did you mean \./cmd/api\?"),
        ("services: {x: {package: ./nowhere/else}}", r"main packages here: \./"),
    ],
)
def test_a_package_that_is_not_there_is_answered_with_what_is(yaml: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        made(yaml + "\n", tree_of("cmd/api", "a/run", "b/run"))
    assert caught.value.where
    assert caught.value.where.line == 1


def test_a_package_that_is_no_command_is_refused() -> None:
    tree = tree_of("cmd/api")
    library = Package(
        import_path="example.com/shop/lib", name="lib", directory=PurePosixPath("lib"),
        build_root=PurePosixPath("."), cgo=False, embeds=(), imports=(),
    )  # fmt: skip
    tree = GoTree(layout=tree.layout, packages=(*tree.packages, library))
    with pytest.raises(ConfigError, match=r"\./lib is package lib, no command"):
        made("services: {x: {package: ./lib}}\n", tree)


def test_extra_files_must_be_there(tmp_path: Path) -> None:
    yaml = "services: {api: {files: ['conf/a.toml:/etc/a.toml']}}\n"
    with pytest.raises(ConfigError, match=r"there is no conf/a\.toml"):
        made(yaml, tree_of("cmd/api", root=tmp_path))
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "a.toml").touch()
    (api,) = made(yaml, tree_of("cmd/api", root=tmp_path)).services
    assert api.files == (ExtraFile(source=PurePosixPath("conf/a.toml"), target=PurePosixPath("/etc/a.toml")),)


def test_discovery_adds_what_no_service_names_with_the_defaults() -> None:
    yaml = "discover: true\ndefaults: {strategy: alpine}\nservices: {web: {package: ./cmd/api}}\n"
    found = made(yaml, tree_of("cmd/api", "cmd/worker", "cmd/web")).services
    assert {s.name: (s.package.rpartition("/")[2], str(s.strategy)) for s in found} == {
        "web": ("api", "alpine"),
        "cmd-web": ("web", "alpine"),
        "worker": ("worker", "alpine"),
    }


def test_go_is_asked_once_for_each_set_of_options() -> None:
    assert build_options(None) == (BuildOptions(),)
    yaml = "services:\n  a: {build_tags: [x]}\n  b: {build_tags: [x]}\n  c: {}\n"
    config = parse_config(yaml.encode(), HERE / "gobake.yaml")
    assert build_options(config) == (BuildOptions(tags=("x",)), BuildOptions())


def test_a_recipe_has_one_target_for_each_of_many_alike_commands() -> None:
    tree = tree_of("a/run", "b/run", "c/run")
    project = made("", tree)
    text = recipe.render(project, select(project, Selection(), (AMD64,)), tree).dockerfile
    assert all(f" AS {name}-run-scratch\n" in text for name in "abc")
