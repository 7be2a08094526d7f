"""`gobake registry` against a registry of the tests' own that speaks HTTP."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gobake.cli import gobake as gobake_command
from tests.conftest import Tree, commit
from tests.unit.cli.test_commands import error, good
from tests.unit.invoked import history_of
from tests.unit.registry.test_client import Reply, Server
from tests.unit.report.test_schemas import strict
from tests.unit.retention.registries import DAY, Registry
from tests.unit.scoring import run as recorded
from tests.unit.scoring import target

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="no go on this machine")

HELLO = {"go.mod": "module example.com/hello\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"}


class Registries:
    """Several repositories behind HTTP."""

    def __init__(self) -> None:
        self.of: dict[str, Registry] = {}
        self.server = Server(self._answer)
        self.host = self.server.host

    def __getitem__(self, name: str) -> Registry:
        return self.of.setdefault(name, Registry())

    def _answer(self, method: str, path: str, _headers: dict[str, str], _body: bytes) -> Reply:
        match = re.fullmatch(r"/v2/(.+)/(tags|manifests|blobs|referrers)/([^?]+)(?:\?.*)?", path)
        registry = self.of.get(match[1]) if match else None
        if not match or registry is None:
            return 404, {}, b""
        if match[2] == "tags":
            return 200, {}, json.dumps({"tags": registry.tags()}).encode()
        if match[2] == "manifests" and method == "DELETE":
            registry.delete(match[3])
            return 202, {}, b""
        found = None
        if match[2] != "referrers":
            found = registry.manifest_bytes(match[3]) if match[2] == "manifests" else registry.blobs.get(match[3])
        return (200, {}, found) if found is not None else (404, {}, b"")


@pytest.fixture
def registries() -> Iterator[Registries]:
    found = Registries()
    yield found
    found.server.stop()


@pytest.fixture
def hello(tree: Tree, registries: Registries, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A project with two tags of two platforms each, one of which they share, and a cache in its store."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("GOBAKE_REGISTRY", f"{registries.host}/acme")
    monkeypatch.setenv("GOBAKE_CACHE_STORE", f"{registries.host}/acme/cache")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    root = tree(HELLO, name="hello")
    commit(root)
    images, now = registries["acme/hello"], time.time()
    shared = images.image(layers=("arm64",), made=now - 40 * DAY)
    for tag, age in (("v1", 40), ("v2", 20)):
        images.index(tag, of=[images.image(layers=("base", tag), made=now - age * DAY), shared])
    registries["acme/cache"].seed("main", now - 40 * DAY, project="example-com-hello")
    return root


def test_tags_are_listed_with_what_they_are(hello: Path, registries: Registries) -> None:
    text = good("registry", "ls", "-C", str(hello))
    assert f"{registries.host}/acme/hello" in text
    assert re.search(r"v1 +image +[0-9a-f]{12} +40 days", text)
    assert re.search(r"seed-example-com-hello-go1.26-amd64-main +seed ", text)
    assert "2 tags, 5 manifests that can be found" in text
    found = json.loads(good("registry", "ls", "-C", str(hello), "--format", "json"))
    strict("registry")(found)
    images, cache = found["repositories"]
    assert [one["tag"] for one in images["tags"]] == ["v1", "v2"]
    assert {one["kind"] for one in cache["tags"]} == {"seed", "part"}
    assert 1000 < images["tags"][0]["own_bytes"] < images["tags"][0]["bytes"]


def test_the_dry_run_lists_what_the_real_run_deletes(hello: Path, registries: Registries) -> None:
    words = ("registry", "prune", "-C", str(hello), "--older-than", "30d", "--format", "json")
    planned = json.loads(good(*words, "--dry-run"))
    strict("registry")(planned)
    assert not registries["acme/hello"].deleted
    done = json.loads(good(*words, "--yes"))
    strict("registry")(done)
    assert planned["repositories"] == done["repositories"]
    assert registries["acme/hello"].tags() == ("v2",)
    assert registries["acme/cache"].tags() == ()
    deleted = [one["digest"] for of in done["repositories"] for one in of["deleted"]]
    assert deleted == registries["acme/hello"].deleted + registries["acme/cache"].deleted


def test_what_goes_and_what_stays_is_shown_before_the_question(hello: Path, registries: Registries) -> None:
    text = good("registry", "prune", f"{registries.host}/acme/hello", "-C", str(hello), "--keep-tags=1", "--dry-run")
    assert re.search(r"v1 +image +[0-9a-f]{12} .* not one of the 1 newest", text)
    assert "1 tag stays: one of the 1 newest" in text
    assert text.endswith("nothing was deleted: --dry-run\n")
    assert "acme/cache" not in text


def test_nobody_is_asked_without_a_terminal(hello: Path, registries: Registries) -> None:
    refused = error("registry", "prune", "-C", str(hello), "--older-than", "30d")
    assert refused.startswith("nobody can be asked whether to delete this")
    assert "with --format json nobody is asked" in error(
        "registry", "prune", "-C", str(hello), "--older-than", "30d", "--format", "json"
    )
    assert not registries["acme/hello"].deleted


def test_a_no_deletes_nothing(hello: Path, registries: Registries, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gobake.cli.registry.click.confirm", lambda _: False)
    monkeypatch.setattr("gobake.cli.registry.sys.stdin.isatty", lambda: True, raising=False)
    from gobake.cli import registry as command

    assert not command._confirmed(3)
    assert not registries["acme/hello"].deleted


def test_deployments_and_runs_of_late_hold_what_they_name(hello: Path, registries: Registries, tmp_path: Path) -> None:
    v1 = registries["acme/hello"].named["v1"]
    words = ("registry", "prune", f"{registries.host}/acme/hello", "-C", str(hello), "--tags", "*", "--yes")
    (tmp_path / "compose.yaml").write_text(f"services: {{api: {{image: {registries.host}/acme/hello:v2}}}}\n")
    images = (f"{registries.host}/acme/hello:latest",)
    with history_of(hello) as store:
        store.add(recorded(started=time.time() - DAY, targets=(target("hello", images=images, digest=v1),)), None)
    text = good(*words, "--deployed", str(tmp_path / "compose.yaml"))
    assert "1 tag stays: of a run of late" in text
    assert f"1 tag stays: deployed: {tmp_path / 'compose.yaml'}" in text
    assert registries["acme/hello"].tags() == ("v1", "v2")
    good(*words, "--keep-runs", "12h", "--deployed", str(tmp_path / "compose.yaml"))
    assert registries["acme/hello"].tags() == ("v2",)


def test_what_a_run_pushed_without_a_tag_is_found_and_goes(hello: Path, registries: Registries) -> None:
    images = registries["acme/hello"]
    old = images.index(of=[images.image(layers=("untagged",))])
    names = (f"{registries.host}/acme/hello:latest",)
    with history_of(hello) as store:
        store.add(recorded(started=time.time() - 30 * DAY, targets=(target("hello", images=names, digest=old),)), None)
    text = good("registry", "prune", "-C", str(hello), "--untagged", "--yes")
    assert "2 of 2 deleted" in text
    assert old not in images.manifests
    assert images.tags() == ("v1", "v2")


def test_a_repository_that_refuses_hides_no_other(hello: Path, registries: Registries) -> None:
    registries["acme/cache"].manifests[registries["acme/cache"].named["seed-example-com-hello-go1.26-amd64-main"]] = (
        b"{"
    )
    words = ["registry", "prune", "-C", str(hello), "--older-than", "30d", "--yes"]
    ended = CliRunner().invoke(gobake_command, words, standalone_mode=False)
    assert ended.return_value == 6
    assert "nothing goes: seed-example-com-hello-go1.26-amd64-main cannot be read" in ended.stdout
    assert registries["acme/hello"].tags() == ("v2",)
    assert len(registries["acme/cache"].tags()) == 3


def test_a_history_that_cannot_be_read_forbids_deleting_and_not_looking(
    hello: Path, registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOBAKE_CACHE_STORE", "127.0.0.1:1/acme/cache")
    name = f"{registries.host}/acme/hello"
    assert "v1" in good("registry", "ls", name, "-C", str(hello))
    assert "127.0.0.1:1 cannot be reached" in error(
        "registry", "prune", name, "-C", str(hello), "--tags", "v1", "--yes"
    )
    assert registries["acme/hello"].tags() == ("v1", "v2")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "what is to be pruned is not said"),
        (("ghcr.io/acme/api:v1", "--untagged"), "invalid repository 'ghcr.io/acme/api:v1'; write it without a tag"),
        (("./cache", "--untagged"), "invalid repository './cache'"),
        (("--untagged", "--deployed", "/nowhere"), "--deployed: /nowhere: No such file or directory"),
    ],
)
def test_what_is_wrong_is_said(words: tuple[str, ...], message: str, hello: Path) -> None:
    assert message in error("registry", "prune", "-C", str(hello), *words)


def test_a_project_without_repositories_is_told_what_to_name(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOBAKE_REGISTRY", "GOBAKE_CACHE_STORE"):
        monkeypatch.delenv(name, raising=False)
    assert "the project has no repository" in error("registry", "ls", "-C", str(tree(HELLO)))


def test_the_group_answers_other_words() -> None:
    said = CliRunner().invoke(gobake_command, ["registry", "rm"]).output
    assert "try gobake registry prune" in said
