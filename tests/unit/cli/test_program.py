"""gobake as a program: its exit codes, what goes to stdout and what to stderr; none of it needs an engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gobake import __version__
from tests.conftest import Ended, Gobake, Tree

MAIN = "package main\n\nfunc main() {}\n"
FILES = {"go.mod": "module example.com/shop\n\ngo 1.21\n", "cmd/api/main.go": MAIN, "cmd/worker/main.go": MAIN}
RENDERED = ("gobake.Dockerfile", "gobake.Dockerfile.dockerignore", "docker-bake.json")


def refused(ended: Ended) -> str:
    """The one line that a user reads, with nothing on stdout."""
    assert ended.code == 2, f"{ended.out}\n{ended.err}"
    assert ended.out == ""
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1
    return ended.err


def test_help_and_version_go_to_stdout(gobake: Gobake, tmp_path: Path) -> None:
    assert "render" in gobake.good("--help", cwd=tmp_path).out
    assert gobake.good("-h", cwd=tmp_path).out == gobake.good("--help", cwd=tmp_path).out
    assert __version__ in gobake.good("--version", cwd=tmp_path).out


def test_an_unknown_command_is_answered_with_the_nearest(gobake: Gobake, tmp_path: Path) -> None:
    assert refused(gobake("biuld", cwd=tmp_path)) == "error: unknown command 'biuld'; did you mean build?\n"
    assert "`gobake --help` lists them" in refused(gobake("zzz", cwd=tmp_path))
    assert "unknown command 'clean'; try gobake cache prune" in refused(gobake("clean", cwd=tmp_path))
    assert "unknown command 'du'; try gobake cache ls" in refused(gobake("cache", "du", cwd=tmp_path))
    assert "unknown command 'lss'; did you mean ls?" in refused(gobake("runs", "lss", cwd=tmp_path))


def test_a_plan_in_json_is_json_alone(gobake: Gobake, tree: Tree) -> None:
    plan = gobake.good("plan", "--all", "--platform", "linux/arm64", "--format", "json", cwd=tree(FILES)).json
    assert plan["schema"] == 1
    assert len(plan["targets"]) == 14
    assert {tuple(t["platforms"]) for t in plan["targets"]} == {("linux/arm64",)}


def test_the_project_is_found_from_a_folder_below_and_with_c(gobake: Gobake, tree: Tree, tmp_path: Path) -> None:
    root = tree(FILES)
    here = gobake.good("plan", cwd=root / "cmd" / "api").out
    assert here == gobake.good("plan", "-C", str(root), cwd=tmp_path).out
    assert "api-scratch" in here


def test_options_may_come_from_the_environment(gobake: Gobake, tree: Tree) -> None:
    env = {"GOBAKE_PLATFORM": "linux/s390x", "GOBAKE_TAG": "v7", "GOBAKE_REGISTRY": "localhost:5000/x"}
    target = gobake.good("plan", "api", "--format", "json", cwd=tree(FILES), env=env).json["targets"][0]
    assert target["platforms"] == ["linux/s390x"]
    assert target["images"] == ["localhost:5000/x/api:v7"]


def test_rendering_twice_writes_the_same_bytes_from_wherever(gobake: Gobake, tree: Tree, tmp_path: Path) -> None:
    root = tree(FILES)
    gobake.good("render", "--platform", "linux/amd64", cwd=root)
    first = {name: (root / name).read_bytes() for name in RENDERED}
    gobake.good("render", "--platform", "linux/amd64", "-C", str(root), cwd=tmp_path)
    assert {name: (root / name).read_bytes() for name in RENDERED} == first
    assert str(root).encode() not in b"".join(first.values())


@pytest.mark.parametrize("name", RENDERED)
def test_a_file_that_somebody_else_wrote_is_kept(gobake: Gobake, tree: Tree, name: str) -> None:
    root = tree({**FILES, name: "mine\n"})
    assert "is not gobake's; write elsewhere with --to DIR" in refused(gobake("render", cwd=root))
    assert (root / name).read_text() == "mine\n"
    assert [n for n in RENDERED if (root / n).exists()] == [name]
    gobake.good("render", "--force", cwd=root)
    assert (root / name).read_text() != "mine\n"


def test_quiet_says_nothing(gobake: Gobake, tree: Tree) -> None:
    ended = gobake.good("render", "--quiet", cwd=tree(FILES))
    assert (ended.out, ended.err) == ("", "")


def test_what_is_left_out_of_a_recipe_is_told_on_stderr(gobake: Gobake, tree: Tree) -> None:
    ended = gobake.good("render", "api", "--platform", "linux/s390x", cwd=tree(FILES))
    assert ended.err == (
        "left out: api in upx: UPX cannot pack s390x\n"
        "in no group: api in prebuilt: no dist/{service}-{os}-{arch}; `-s prebuilt` puts them in\n"
    )
    assert "7 targets" in ended.out


def test_init_writes_once_and_what_it_wrote_changes_nothing(gobake: Gobake, tree: Tree) -> None:
    root = tree(FILES)
    before = gobake.good("plan", "--all", "--format", "json", cwd=root).json["targets"]
    assert "2 services" in gobake.good("init", cwd=root).out
    text = (root / "gobake.yaml").read_text()
    after = gobake.good("plan", "--all", "--format", "json", cwd=root).json["targets"]
    assert [{**t, "why": ""} for t in after] == [{**t, "why": ""} for t in before]
    assert "is there already; --force replaces it" in refused(gobake("init", cwd=root))
    assert gobake.good("init", "--stdout", cwd=root).out == text


def test_the_schema_is_json(gobake: Gobake, tmp_path: Path) -> None:
    assert "properties" in json.loads(gobake.good("schema", cwd=tmp_path).out)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("plan", "--platfrom", "linux/amd64"), "platform"),
        (("plan", "--platform", "linux/amd46"), "amd46"),
        (("plan", "--platform", "windows/amd64"), "linux only"),
        (("plan", "--strategy", "scrach"), "did you mean scratch?"),
        (("plan", "--format", "xml"), "xml"),
        (("plan", "--tag", "a b"), "--tag: invalid image tag 'a b'"),
        (("plan", "--registry", "https://x"), "invalid prefix of image names"),
        (("plan", "--base", "rust=x"), "unknown base 'rust'"),
        (("plan", "--base", "go"), "write NAME=REF"),
        (("plan", "--base", "go=-x"), "invalid image reference"),
        (("plan", "apo"), "did you mean api?"),
        (("plan", "--config", "nowhere.yaml"), "there is no file nowhere.yaml"),
        (("plan", "-C", "nowhere"), "is not a folder"),
        (("build", "--push", "--load"), "exclude each other"),
        (("build", "--progress", "loud"), "loud"),
    ],
)
def test_wrong_words_end_with_2_and_one_line(gobake: Gobake, tree: Tree, words: tuple[str, ...], says: str) -> None:
    assert says in refused(gobake(*words, cwd=tree(FILES)))


def test_a_mistake_in_the_configuration_is_named_with_its_line(gobake: Gobake, tree: Tree) -> None:
    root = tree({**FILES, "gobake.yaml": "services:\n  api:\n    strategy: scrach\n"})
    assert "gobake.yaml:3:15: services.api.strategy" in refused(gobake("plan", cwd=root))


def test_a_folder_without_go_is_named(gobake: Gobake, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "there is no Go module in" in refused(gobake("plan", cwd=tmp_path / "empty"))


def test_a_reader_that_goes_away_is_answered_with_silence(gobake: Gobake, tree: Tree) -> None:
    process = gobake.start("plan", "--all", cwd=tree(FILES))
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)
    assert err == ""


# ---- caches


def test_a_rendered_bake_file_has_caches_only_if_a_policy_is_named(gobake: Gobake, tree: Tree) -> None:
    root = tree(FILES)
    words = ("render", "-s", "scratch", "--cache-store", "ghcr.io/acme/shop-cache", "--force")
    gobake.good(*words, cwd=root)
    assert "cache-" not in (root / "docker-bake.json").read_text()
    gobake.good(*words, "--cache-policy", "ci-pull-request", cwd=root)
    target = json.loads((root / "docker-bake.json").read_text())["target"]["api-scratch"]
    assert target["cache-from"][-1].startswith(
        "type=registry,ref=ghcr.io/acme/shop-cache:layers-example-com-shop.api-scratch."
    )
    assert "cache-to" not in target


def test_a_policy_of_ones_own_is_a_file_seen_from_the_current_folder(gobake: Gobake, tree: Tree) -> None:
    policy = "layers: {import: false, export: false}\nmounts: {trusted: true}\n"
    root = tree({**FILES, "ci/mine.yaml": policy + "seeds: {restore: false}\nhistory: {read: false, write: false}\n"})
    plan = gobake.good("plan", "-C", "..", "--cache-policy", "mine.yaml", "--format", "json", cwd=root / "ci").json
    assert (plan["caches"]["policy"], plan["caches"]["why"]) == ("mine.yaml", "--cache-policy")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--cache-policy", "relase"), "unknown cache policy 'relase'; one of dev, ci-branch, ci-pull-request"),
        (("--cache-policy", "a,b"), "--cache-policy: invalid cache policy 'a,b'"),
        (("--cache-store", "ghcr.io/acme:tag"), "--cache-store: invalid cache store 'ghcr.io/acme:tag'"),
        (
            ("--cache-store", "https://ghcr.io/acme"),
            "invalid cache store 'https://ghcr.io/acme'; a repository without tag",
        ),
    ],
)
def test_a_policy_or_store_that_is_none_is_refused(
    gobake: Gobake, tree: Tree, words: tuple[str, ...], says: str
) -> None:
    assert says in refused(gobake("plan", *words, cwd=tree(FILES)))
