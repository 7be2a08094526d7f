"""A matrix on several runners: each pushes its shard by digest, and a merge tags all of them, or nothing."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import faults
from gobake.errors import ExitCode
from tests.conftest import Gobake, commit
from tests.engine.conftest import docker
from tests.engine.test_builders import BOTH, remote

SERVICES = ("api", "job", "web")
FILES = {
    "go.mod": "module example.com/tiny\n\ngo 1.26\n",
    "gobake.yaml": "name: tiny\nprovenance: min\n",
    "lib/lib.go": 'package lib\n\nvar Name = "tiny"\n',
    **{
        f"cmd/{name}/main.go": 'package main\n\nimport "example.com/tiny/lib"\n\n'
        f'func main() {{ println(lib.Name, "{name}") }}\n'
        for name in SERVICES
    },
}


class Pipeline:
    """The jobs of a pipeline, each with a history of its own."""

    def __init__(self, gobake: Gobake, root: Path, registry: str, builder: str, folder: Path) -> None:
        self.gobake, self.root, self.builder, self.folder = gobake, root, builder, folder
        self.prefix = f"{registry}/{folder.parent.name}"  # an engine may have been used before
        words = ("--platform", BOTH, "--shards", "4", "--format", "json")
        self.plan: dict[str, Any] = json.loads(gobake.good("ci", "matrix", *words, cwd=root).out)
        self.file = folder / "shards.json"
        self.file.write_text(json.dumps(self.plan))

    def build(self, number: int) -> Path:
        """Run a shard; return the archive with its run."""
        history, archive = self.folder / f"history{number}", self.folder / f"shard{number}.jsonl.gz"
        words = ("--shard", f"{number}/4", "--shards-file", str(self.file), "--push", "--tag", "v1")
        where = ("--registry", self.prefix, "--builder", self.builder, "--history", str(history))
        self.gobake.good("build", *words, *where, cwd=self.root)
        self.gobake.good("runs", "export", "last", "-o", str(archive), "--history", str(history), cwd=self.root)
        return archive

    def merged(self, *archives: Path) -> tuple[str, ...]:
        words = ("--registry", self.prefix, "--tag", "v1", "--builder", self.builder, "--shards-file", str(self.file))
        return ("ci", "merge", *words, *map(str, archives))

    def tags(self, service: str) -> list[str]:
        try:
            with urllib.request.urlopen(f"http://{self.prefix.replace('/', '/v2/', 1)}/{service}/tags/list") as answer:
                return sorted(json.load(answer)["tags"] or [])
        except urllib.error.HTTPError:
            return []

    def index(self, reference: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            docker("buildx", "imagetools", "inspect", "--builder", self.builder, "--raw", reference)
        )
        return found


@pytest.fixture(scope="module")
def pipeline(world: Gobake, registry: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    root = tmp_path_factory.mktemp("tiny")
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    commit(root)
    folder = tmp_path_factory.mktemp("jobs")
    with remote("runner", folder, None) as builder:
        yield Pipeline(world, root, registry, builder, folder)


@pytest.fixture(scope="module")
def archives(pipeline: Pipeline) -> list[Path]:
    """Of the runs of all shards, as the jobs hand them on."""
    return [pipeline.build(number) for number in (1, 2, 3, 4)]


def test_shards_set_no_tags_and_without_all_of_them_nothing_is_tagged(pipeline: Pipeline, archives: list[Path]) -> None:
    ended = pipeline.gobake(*pipeline.merged(*archives[:3]), cwd=pipeline.root)
    assert ended.code == ExitCode.USAGE
    lacking = pipeline.plan["include"][3]["name"]
    assert f"1 of 4 shards lacks a successful run: {lacking}" in ended.err
    assert [pipeline.tags(service) for service in SERVICES] == [[], [], []]


def test_merged_shards_are_what_one_build_pushes(pipeline: Pipeline, archives: list[Path]) -> None:
    archives[1] = pipeline.build(2)  # a rerun of one shard
    ended = pipeline.gobake.good(*pipeline.merged(*archives), cwd=pipeline.root)
    assert f"pushed {pipeline.prefix}/api:v1@sha256:" in ended.out
    words = ("--platform", BOTH, "--push", "--tag", "whole", "--builder", pipeline.builder)
    pipeline.gobake.good("build", *words, "--registry", pipeline.prefix, cwd=pipeline.root)
    for service in SERVICES:
        assert pipeline.tags(service) == ["v1", "whole"]
        merged, whole = (pipeline.index(f"{pipeline.prefix}/{service}:{tag}") for tag in ("v1", "whole"))
        assert merged["annotations"] == whole["annotations"]
        assert _images(merged) == _images(whole)
        assert _attested(merged) == _attested(whole) == set(_images(whole).values())


def test_the_merge_is_one_run_with_what_all_shards_did(pipeline: Pipeline) -> None:
    """The run before the last is the merge; the last one built all of it at once."""
    record = json.loads(pipeline.gobake.good("runs", "show", "last~1", "--format", "json", cwd=pipeline.root).out)
    assert len(record["joined"]) == 4
    assert {work["platform"] for work in record["go"]} == set(BOTH.split(","))
    assert all(len(work["commands"]) == len(SERVICES) for work in record["go"])
    assert all(target["platforms"] == BOTH.split(",") for target in record["targets"])
    report = pipeline.gobake.good("report", "last~1", cwd=pipeline.root).out
    assert "4 shards took" in report


@pytest.mark.usefixtures("archives")
def test_a_builder_that_pushes_by_digest_saves_a_seed_without_a_tag_first(pipeline: Pipeline) -> None:
    store, place = f"{pipeline.prefix}/cache", ("--builder", pipeline.builder)
    ended = pipeline.gobake.good("cache", "save", *place, "--to", store, "--branch", "main", cwd=pipeline.root)
    assert "written whole" in ended.out
    words = ("cache", "ls", *place, "--cache-store", store, "--format", "json")
    told = json.loads(pipeline.gobake.good(*words, cwd=pipeline.root).out)
    assert [seed["branch"] for seed in told["seeds"]] == ["main"]


def _images(index: dict[str, Any]) -> dict[str, str]:
    manifests = [m for m in index["manifests"] if m["platform"]["os"] != "unknown"]
    return {f"{m['platform']['os']}/{m['platform']['architecture']}": m["digest"] for m in manifests}


def _attested(index: dict[str, Any]) -> set[str]:
    """The images that attestations are about."""
    return {m["annotations"]["vnd.docker.reference.digest"] for m in index["manifests"] if "annotations" in m}


def test_whatever_a_registry_does_no_tag_lacks_a_platform_and_nothing_is_lost(
    world: Gobake, registry: str, tmp_path: Path
) -> None:
    """One shard is killed too; `python -m bench.faults` does it with twenty services and a hundred faults."""
    with faults.pipeline(len(SERVICES), 30, tmp_path, registry, world.env) as made:
        faults.outlive(made)
        assert len(made.faulty.met) >= 20
        assert {"429", "500", "503", "reset", "404"} <= {*made.faulty.met}
