"""The commands that need no engine, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from gobake.cli import gobake
from gobake.cli.param_types import Seconds
from gobake.errors import ConfigError, GobakeError, ProjectError, UsageError
from tests.conftest import REPOSITORY, Tree

TWO = {
    "go.mod": "module example.com/two\n\ngo 1.26\n",
    "cmd/one/main.go": "package main\n\nfunc main() {}\n",
    "cmd/other/main.go": "package main\n\nfunc main() {}\n",
}


def run(*words: str) -> Result:
    return CliRunner().invoke(gobake, words)


def good(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.stdout


def error(*words: str) -> str:
    result = run(*words)
    assert result.exception is not None
    assert result.exit_code != 0
    return str(result.exception) if isinstance(result.exception, GobakeError) else result.output


def test_help_names_every_command() -> None:
    text = good("--help")
    for command in ("build", "all", "plan", "render", "init", "schema", "runs"):
        assert command in text


@pytest.mark.parametrize("command", ["build", "all", "plan", "render", "init", "schema", "runs"])
def test_every_command_has_a_help_text(command: str) -> None:
    assert "Usage:" in good(command, "--help")


def test_a_command_that_does_not_exist_is_answered_with_the_nearest() -> None:
    assert "did you mean build?" in error("biuld")


def test_a_plan_in_text_names_targets_stages_and_mounts(tree: Tree) -> None:
    text = good("plan", "-C", str(tree(TWO)), "--all", "--platform", "linux/amd64,linux/arm64")
    assert "one go build per platform for one, other" in text
    assert "two-gobuild" in text
    assert "one-distalpine" in text
    assert "14 targets for linux/amd64, linux/arm64: 2 services in 7 strategies" in text


def test_a_plan_in_json_says_why_and_which_images(tree: Tree) -> None:
    plan = json.loads(good("plan", "-C", str(tree(TWO)), "--format", "json", "--registry", "ghcr.io/acme", "-t", "v1"))
    assert plan["schema"] == 1
    target = plan["targets"][0]
    assert (target["name"], target["service"], target["strategy"]) == ("one-scratch", "one", "scratch")
    assert target["images"] == ["ghcr.io/acme/one:v1"]
    assert plan["compile"][0]["services"] == ["one", "other"]


def test_a_plan_of_one_service_in_two_strategies(tree: Tree) -> None:
    plan = json.loads(good("plan", "-C", str(tree(TWO)), "--format", "json", "-s", "alpine,upx", "other"))
    assert [t["name"] for t in plan["targets"]] == ["other-alpine", "other-upx"]
    assert [s["services"] for s in plan["compile"]] == [["other"]]


def test_rendering_twice_writes_the_same_bytes(tree: Tree) -> None:
    root = tree(TWO)
    names = ("gobake.Dockerfile", "gobake.Dockerfile.dockerignore", "docker-bake.json")
    good("render", "-C", str(root))
    first = [(root / name).read_bytes() for name in names]
    good("render", "-C", str(root))
    assert [(root / name).read_bytes() for name in names] == first


def test_a_foreign_bake_file_is_not_overwritten_without_force(tree: Tree) -> None:
    root = tree({**TWO, "docker-bake.json": '{"target": {}}'})
    assert "is not gobake's" in error("render", "-C", str(root))
    assert (root / "docker-bake.json").read_text() == '{"target": {}}'
    good("render", "-C", str(root), "--force")
    assert "one-scratch" in (root / "docker-bake.json").read_text()


def test_what_a_rendered_file_is_told_stands_in_it(tree: Tree) -> None:
    root = tree(TWO)
    words = ("--registry", "ghcr.io/acme", "--tag", "v1", "--version", "1.0", "--base", "alpine=alpine:3.21")
    good("render", "-C", str(root), "-s", "alpine", *words, "--cache-policy", "ci-branch", "--cache-store", "./store")
    bake = json.loads((root / "docker-bake.json").read_text())
    told = {name: variable["default"] for name, variable in bake["variable"].items()}
    assert (told["PREFIX"], told["TAG"], told["VERSION"]) == ("ghcr.io/acme/", "v1", "1.0")
    assert "FROM alpine:3.21" in (root / "gobake.Dockerfile").read_text()
    assert "cache-from" not in bake["target"]["one-alpine"], "nothing lies in that folder"
    good("render", "-C", str(root), "-s", "alpine")
    plain = json.loads((root / "docker-bake.json").read_text())["variable"]
    assert (plain["PREFIX"]["default"], plain["TAG"]["default"]) == ("", "latest")


def test_an_inline_cache_lies_in_the_image_of_the_tag(tree: Tree) -> None:
    root = tree({**TWO, "gobake.yaml": "cache: {layers: {backends: [inline]}}\n"})
    words = ("--registry", "ghcr.io/acme", "--tag", "v1", "--cache-policy", "ci-branch")
    good("render", "-C", str(root), "-s", "alpine", *words)
    target = json.loads((root / "docker-bake.json").read_text())["target"]["one-alpine"]
    assert target["cache-from"] == ["type=registry,ref=ghcr.io/acme/one:v1-alpine"]


def test_init_keeps_a_file_that_is_there_unless_it_is_forced(tree: Tree) -> None:
    root = tree({**TWO, "gobake.yaml": "name: mine\n"})
    assert "is there already; --force replaces it" in error("init", "-C", str(root))
    assert (root / "gobake.yaml").read_text() == "name: mine\n"
    assert "services:" in good("init", "-C", str(root), "--stdout")
    assert (root / "gobake.yaml").read_text() == "name: mine\n"
    good("init", "-C", str(root), "--force")
    assert "services:" in (root / "gobake.yaml").read_text()


def test_rendered_groups_hold_prebuilt_only_where_its_binaries_lie_or_it_is_asked_for(tree: Tree) -> None:
    root = tree(TWO)

    def prebuilt(*words: str) -> set[str]:
        good("render", "-C", str(root), "--platform", "linux/amd64", *words)
        groups = json.loads((root / "docker-bake.json").read_text())["group"]
        return {name for group in groups.values() for name in group["targets"] if name.endswith("-prebuilt")}

    assert prebuilt() == set()
    assert prebuilt("-s", "prebuilt,scratch") == {"one-prebuilt", "other-prebuilt"}
    (root / "dist").mkdir()
    (root / "dist/one-linux-amd64").write_text("")
    assert prebuilt() == {"one-prebuilt"}


@pytest.mark.parametrize("name", ["compose.yaml", "docker-compose.yml", "docker-bake.hcl", "docker-bake.override.json"])
def test_rendering_warns_of_what_bake_reads_beside(tree: Tree, name: str) -> None:
    root = tree({**TWO, name: ""})
    said = good("render", "-C", str(root))
    assert "next: docker buildx bake -f docker-bake.json" in said


def test_rendering_elsewhere_points_back_to_the_project(tree: Tree, tmp_path: Path) -> None:
    root = tree(TWO)
    good("render", "-C", str(root), "--to", str(tmp_path / "out"))
    bake = json.loads((tmp_path / "out/docker-bake.json").read_text())
    assert (tmp_path / "out" / bake["target"]["_base"]["context"]).resolve() == root.resolve()


def test_init_writes_a_configuration_that_means_what_was_found(tree: Tree) -> None:
    root = tree(TWO)
    before = json.loads(good("plan", "-C", str(root), "--format", "json"))
    assert "2 services" in good("init", "-C", str(root))
    after = json.loads(good("plan", "-C", str(root), "--format", "json"))
    assert [t["package"] for t in after["targets"]] == [t["package"] for t in before["targets"]]
    assert "is there already" in error("init", "-C", str(root))
    assert good("init", "-C", str(root), "--stdout") == (root / "gobake.yaml").read_text()


def test_the_schema_is_a_schema() -> None:
    schema = json.loads(good("schema"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"services": {"api": {"package": "./cmd/api"}}}, schema)


def test_the_schema_of_policies_takes_gobakes_own_and_no_others() -> None:
    schema = json.loads(good("schema", "policy"))
    jsonschema.Draft202012Validator.check_schema(schema)
    files = sorted((REPOSITORY / "cache").glob("*.yaml"))
    assert len(files) > 3
    for file in files:
        jsonschema.validate(yaml.safe_load(file.read_text()), schema)
    for wrong in ({"layers": {"exports": True}}, {"mounts": {"trusted": "yes"}}, {"seeds": None}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**yaml.safe_load(files[0].read_text()), **wrong}, schema)


@pytest.mark.parametrize(
    ("words", "kind", "says"),
    [
        (("plan", "--platform", "linux/amd46"), UsageError, "amd46"),
        (("plan", "--strategy", "scrach"), UsageError, "did you mean scratch?"),
        (("plan", "--base", "golang=x"), UsageError, "unknown base 'golang'"),
        (("plan", "--base", "go=UPPER CASE"), UsageError, "invalid image reference"),
        (("plan", "--tag", "a tag"), UsageError, "--tag: invalid image tag"),
        (("plan", "--registry", "https://x"), UsageError, "invalid prefix of image names"),
        (("plan", "nobody"), UsageError, "no service 'nobody'"),
        (("plan", "on"), UsageError, "did you mean one?"),
        (("plan", "--config", "nowhere.yaml"), ConfigError, "nowhere.yaml"),
        (("build", "--push", "--load"), UsageError, "exclude each other"),
    ],
)
def test_wrong_words_are_answered_with_what_to_do(tree: Tree, words: tuple[str, ...], kind: type, says: str) -> None:
    result = run(words[0], "-C", str(tree(TWO)), *words[1:])
    assert isinstance(result.exception, kind), result.output
    assert says in str(result.exception)


def test_a_folder_without_go_is_no_project(tmp_path: Path) -> None:
    result = run("plan", "-C", str(tmp_path))
    assert isinstance(result.exception, ProjectError)
    assert "go mod init" in str(result.exception)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90.0), ("90s", 90.0), ("5m", 300.0), ("1h", 3600.0), ("none", 0.0)]
)
def test_times_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert Seconds().convert(text, None, None) == seconds


def test_what_is_no_time_is_refused(tree: Tree) -> None:
    assert "--stall-timeout: invalid time '5 parsecs'; write 90s, 5m or 1h, or none" in error(
        "build", "-C", str(tree(TWO)), "--stall-timeout", "5 parsecs"
    )
