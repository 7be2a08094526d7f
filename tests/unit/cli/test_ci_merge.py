"""`gobake ci merge` against a registry of the test's own: everything or nothing is tagged, whatever fails."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from msgspec.structs import replace

from gobake import engine
from gobake.caching.store.history import packed, tag_of
from gobake.errors import RegistryRefused, UsageError
from gobake.runs import archive
from gobake.runs.archive import Entry
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import RunRecord, ShardRecord, TargetRecord, new_id
from tests.conftest import Tree, commit
from tests.unit.checkout.test_snapshot import git
from tests.unit.cli.test_commands import run
from tests.unit.invoked import history_of
from tests.unit.registry.test_client import Reply, Server

SERVICES = tuple(f"s{at:02}" for at in range(20))
PLATFORMS = ("linux/amd64", "linux/arm64")
NAMES = ("linux-amd64-1", "linux-amd64-2", "linux-arm64-1", "linux-arm64-2")
KIND = "application/vnd.oci.image.manifest.v1+json"


class Registry:
    """Manifests by repository and digest, tags, and faults on the way: answers, and connections that break."""

    def __init__(self) -> None:
        self.manifests: dict[tuple[str, str], bytes] = {}
        self.tags: dict[tuple[str, str], str] = {}
        self.failed = 0  # times
        self.faults: list[int] = []  # status of the next answers; 0 for a good one, 1 for a broken connection

    def __call__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        fault = self.faults.pop() if self.faults else 0
        self.failed += bool(fault)
        if fault == 1:
            raise ConnectionResetError
        if fault:
            return fault, {"Retry-After": "0"}, b"{}"
        repository, _, reference = path.removeprefix("/v2/").partition("/manifests/")
        if method == "PUT":
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            self.manifests[repository, digest] = body
            if reference != digest:
                self.tags[repository, reference] = digest
            return 201, {}, b""
        digest = self.tags.get((repository, reference), reference)
        found = self.manifests.get((repository, digest))
        if found is None:
            return 404, {}, b""
        kind = json.loads(found).get("mediaType", KIND)
        return 200, {"Content-Type": kind, "Docker-Content-Digest": digest}, found

    def put(self, repository: str, text: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(text).hexdigest()}"
        self.manifests[repository, digest] = text
        return digest

    def platforms(self, repository: str, tag: str) -> list[str]:
        """The platforms whose manifests are there."""
        index = json.loads(self.manifests[repository, self.tags[repository, tag]])
        return [
            f"{m['platform']['os']}/{m['platform']['architecture']}"
            for m in index["manifests"]
            if (repository, m["digest"]) in self.manifests
        ]


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def host(registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    def without_buildx(*_: object) -> Any:
        raise RegistryRefused("buildx does not reach it either")

    monkeypatch.setattr(engine, "name_image", without_buildx)
    monkeypatch.setattr(engine, "inspect_image", without_buildx)
    server = Server(registry)
    try:
        yield server.host
    finally:
        server.stop()


@pytest.fixture
def root(tree: Tree) -> Path:
    mains = {f"cmd/{name}/main.go": f'package main\n\nfunc main() {{ println("{name}") }}\n' for name in SERVICES}
    found = tree({"go.mod": "module example.com/many\n\ngo 1.26\n", "gobake.yaml": "name: many\n", **mains})
    commit(found)
    return found


class Shards:
    """The runs of all shards, as their jobs left them."""

    def __init__(self, root: Path, registry: Registry, host: str, folder: Path) -> None:
        self.root, self.registry, self.host, self.folder = root, registry, host, folder
        self.revision = git(root, "rev-parse", "HEAD").strip()
        self.count = 0

    def build(self, number: int, salt: str = "", **changes: Any) -> Path:
        platform, half = PLATFORMS[(number - 1) // 2], (number - 1) % 2
        own = SERVICES[half * 10 : half * 10 + 10]
        shard = ShardRecord(
            plan="ab",
            number=number,
            of=4,
            name=NAMES[number - 1],
            shards=NAMES,
            parts=tuple((service, PLATFORMS) for service in SERVICES),
        )
        self.count += 1
        record = RunRecord(
            id=new_id(1.8e9 + self.count),
            started=1.8e9 + self.count,
            seconds=10.0,
            outcome=RunOutcome.DONE,
            command=(),
            project="many",
            root="",
            revision=self.revision,
            branch="main",
            targets=tuple(self._target(service, platform, salt) for service in own),
            shard=shard,
        )
        file = self.folder / f"{self.count}.jsonl.gz"
        archive.write(file, iter([Entry(record=replace(record, **changes))]))
        return file

    def _target(self, service: str, platform: str, salt: str) -> TargetRecord:
        config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": f"sha256:{'a' * 64}", "size": 1}
        text = {"schemaVersion": 2, "mediaType": KIND, "config": config, "layers": [], "annotations": {}}
        text["annotations"] = {"is": f"{service} {platform} {salt}"}
        digest = self.registry.put(f"many/{service}", json.dumps(text).encode())
        return TargetRecord(
            name=f"{service}-scratch",
            service=service,
            strategy="scratch",
            platforms=(platform,),
            images=(f"hostile.example.com/{service}:evil",),
            digest=digest,
            pushed=(f"{self.host}/many/{service}@{digest}",),
        )

    def merge(self, *files: Path, words: tuple[str, ...] = ()) -> Result:
        where = ("--registry", f"{self.host}/many", "--tag", "v1", "-C", str(self.root))
        return run("ci", "merge", *where, *words, *map(str, files))


@pytest.fixture
def shards(root: Path, registry: Registry, host: str, tmp_path: Path) -> Shards:
    return Shards(root, registry, host, tmp_path)


def test_all_shards_become_one_image_for_all_platforms_and_one_run(
    shards: Shards, registry: Registry, tmp_path: Path
) -> None:
    file = tmp_path / "gobake.images.json"
    words = ("--images-file", str(file))
    result = shards.merge(*(shards.build(number) for number in (3, 1, 4, 2)), words=words)
    images = json.loads(file.read_text())["images"]
    assert [image["service"] for image in images] == list(SERVICES)
    assert all(image["reference"].endswith(image["digest"]) and image["names"] for image in images)
    assert result.exit_code == 0, result.output
    assert set(registry.tags) == {(f"many/{service}", "v1") for service in SERVICES}
    for service in SERVICES:
        assert registry.platforms(f"many/{service}", "v1") == list(PLATFORMS)
        digest = registry.tags[f"many/{service}", "v1"]
        assert f"pushed {shards.host}/many/{service}:v1@{digest}" in result.stdout
    with history_of(shards.root) as store:
        (record,) = store.recent(5)
    assert {target.digest for target in record.targets} == set(registry.tags.values())
    assert len(record.joined) == 4
    assert not record.shard


def test_a_record_decides_no_names_and_no_repository(shards: Shards, registry: Registry) -> None:
    files = [shards.build(number) for number in (1, 2, 3, 4)]
    result = run("ci", "merge", "--registry", f"{shards.host}/other", "-C", str(shards.root), *map(str, files))
    assert "give the same --registry as to the build; nothing is tagged" in str(result.exception)
    assert not registry.tags
    assert "hostile" not in result.output


def test_without_a_part_in_the_registry_nothing_is_tagged(shards: Shards, registry: Registry) -> None:
    files = [shards.build(number) for number in (1, 2, 3, 4)]
    lost = next(key for key, text in registry.manifests.items() if b"s13 linux/arm64" in text)
    del registry.manifests[lost]
    result = shards.merge(*files)
    assert result.exit_code
    assert not registry.tags


def test_a_shard_of_another_commit_is_refused_and_runs_of_others_are_no_shards(shards: Shards, tmp_path: Path) -> None:
    files = [shards.build(number) for number in (1, 2, 3)]
    result = shards.merge(*files, shards.build(4, revision="f" * 40))
    assert "shard 4/4 (linux-arm64-2, run" in str(result.exception)
    assert "is of commit ffffffffffff" in str(result.exception)
    plain = shards.build(4, shard=None)
    assert "holds no run of a shard" in str(shards.merge(*files, plain).exception)
    junk = tmp_path / "junk.gz"
    junk.write_bytes(b"junk")
    assert "is not an archive" in str(shards.merge(*files, junk).exception)


def test_without_files_the_shards_come_from_the_history_and_from_a_cache_store(
    shards: Shards, registry: Registry, tmp_path: Path
) -> None:
    for number in (1, 2, 3, 4):
        imported = run("runs", "import", str(shards.build(number)), "-C", str(shards.root))
        assert imported.exit_code == 0, imported.output
    assert shards.merge().exit_code == 0
    assert len(registry.tags) == len(SERVICES)
    store = tmp_path / "store"
    (store / "history").mkdir(parents=True)
    for number in (1, 2, 3, 4):
        (entry,) = archive.read(shards.build(number, salt="stored"))
        assert isinstance(entry, Entry)
        file = store / "history" / f"{tag_of('many', entry.record.id, 'main')}.jsonl.gz"
        file.write_bytes(packed(entry.record, None))
    result = shards.merge(words=("--cache-store", str(store)))
    assert result.exit_code == 0, result.output
    assert "shard linux-amd64-1 ran again with another result" in result.stdout


def test_a_shard_is_tagged_by_no_other_command(shards: Shards) -> None:
    assert run("runs", "import", str(shards.build(1)), "-C", str(shards.root)).exit_code == 0
    result = run("push", "-C", str(shards.root), "--tag", "v1")
    assert "is a shard of several; `gobake ci merge` tags all of them" in str(result.exception)
    assert "shard 1/4 (linux-amd64-1)" in run("report", "-C", str(shards.root)).stdout


def test_a_hostile_record_names_no_services_by_patterns(shards: Shards, registry: Registry) -> None:
    files = [shards.build(number) for number in (1, 2, 3, 4)]
    for parts in ((("./...", PLATFORMS),), (("x" * 500, PLATFORMS),), (("s00", ("linux/\x1b[31m" * 400,)),)):
        result = shards.merge(*(_changed(file, parts) for file in files))
        assert isinstance(result.exception, UsageError)
        assert len(str(result.exception)) < 1000
    assert not registry.tags


def _changed(file: Path, parts: Any) -> Path:
    (entry,) = archive.read(file)
    assert isinstance(entry, Entry)
    assert entry.record.shard
    record = replace(entry.record, shard=replace(entry.record.shard, parts=parts))
    archive.write(file, iter([Entry(record=record)]))
    return file


def test_a_plan_without_shards_is_nothing_to_merge(shards: Shards) -> None:
    result = shards.merge(words=("--shards-file", '{"include": []}'))
    assert result.exit_code == 0
    assert "there is nothing to merge" in result.stderr


def test_a_hundred_faults_never_tag_an_image_without_a_platform_and_lose_nothing(
    shards: Shards, registry: Registry
) -> None:
    """The registry fails, a shard is killed, another runs again; each merge that fails is followed by another."""
    chance = random.Random(7)
    files = [shards.build(1), shards.build(2), shards.build(3), shards.build(4, outcome=RunOutcome.KILLED, targets=())]
    assert "linux-arm64-2 (killed in run" in str(shards.merge(*files).exception)
    files += [shards.build(4), shards.build(2, salt="again")]
    while registry.failed < 100:
        some = [chance.choice((429, 500, 503, 404, 1)) for _ in range(20)]
        registry.faults = chance.sample([*some, *([0] * 100)], 120)
        shards.merge(*files)
        for repository, tag in registry.tags:
            assert registry.platforms(repository, tag) == list(PLATFORMS)
    registry.faults = []
    result = shards.merge(*files)
    assert result.exit_code == 0, result.output
    assert set(registry.tags) == {(f"many/{service}", "v1") for service in SERVICES}
    for service in SERVICES[10:]:
        index = json.loads(registry.manifests[f"many/{service}", registry.tags[f"many/{service}", "v1"]])
        assert b"again" in registry.manifests[f"many/{service}", index["manifests"][0]["digest"]]
    assert "shard linux-amd64-2 ran again with another result" in result.stdout
