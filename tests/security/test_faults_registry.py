"""A registry that stops in the middle: one line says so, nothing is deleted but what was named, and runs lose nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gobake.caching.kept import contents
from gobake.caching.policy.place import CacheStore
from gobake.caching.store import history as histories
from gobake.caching.store.history import RemoteHistory, packed
from gobake.errors import RegistryRefused
from gobake.plan import discover
from gobake.plan.request import ProjectRequest
from gobake.registry import Repository
from tests.conftest import Gobake, Tree
from tests.security.failing_registry import REFUSING, WAYS, FailingRegistry
from tests.security.faults import HELLO, here, one_line, works
from tests.security.pretended import Pretended
from tests.unit.scoring import run

PROJECT = "example-com-hello"
KIND = "application/vnd.gobake.run.v1+json+gzip"
every_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
def registry() -> Iterator[FailingRegistry]:
    started = FailingRegistry()
    yield started
    started.stop()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "LOOK_SECONDS", 1.0)
    monkeypatch.setattr(histories, "SECONDS", 1.0)
    monkeypatch.setattr("gobake.caching.kept.delete.DELETE_SECONDS", 1.0)


@pytest.fixture
def project(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Opened once; and a docker that is only pretended."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name, value in Pretended(tmp_path / "docker").env.items():
        monkeypatch.setenv(name, value)
    root = tree(HELLO)
    opened = discover.open_project(ProjectRequest(directory=root))
    monkeypatch.setattr(discover, "open_project", lambda _: opened)
    return root


def tag(branch: str) -> str:
    return f"layers-{PROJECT}.hello-scratch.amd64.{branch}"


def filled(registry: FailingRegistry) -> FailingRegistry:
    for branch in ("main", "topic"):
        registry.put(tag(branch), "application/octet-stream", f"layers of {branch}".encode())
    return registry


@every_way
@pytest.mark.parametrize("well", [0, 1])
def test_cache_ls_says_in_a_line_what_it_could_not_see(
    registry: FailingRegistry, project: Path, way: str, well: int
) -> None:
    store = f"{filled(registry).host}/acme/cache"
    asked = ("cache", "ls", "-C", str(project), "--cache-store", store)
    registry.fails(way, after=well)
    ended = here(*asked, *([] if well == 0 else ["--format", "json"]))
    if well == 0:
        (line,) = (line for line in works(ended).splitlines() if line.startswith("cache store "))
        assert line.count(registry.host) == 2
    else:
        assert [e["tag"] for e in ended.json["layers"]] == [tag("main"), tag("topic")]
        assert any(e["error"] for e in ended.json["layers"])
    registry.mends()
    assert tag("topic") in works(here(*asked))


@every_way
@pytest.mark.parametrize("well", [0, 2, 4])
def test_cache_prune_deletes_nothing_that_was_not_named(
    registry: FailingRegistry, project: Path, way: str, well: int
) -> None:
    store = f"{filled(registry).host}/acme/cache"
    asked = ("cache", "prune", tag("topic"), "--yes", "-C", str(project), "--cache-store", store)
    registry.fails(way, after=well)
    ended = here(*asked)
    assert "Traceback" not in ended.err
    assert ended.code in (0, 2, 6)
    assert (ended.code == 0) == (tag("topic") not in registry.tags)
    if ended.code:
        assert registry.host in ended.err or "cannot be read" in ended.err
    assert tag("main") in registry.tags
    registry.mends()
    if ended.code:
        works(here(*asked))
    assert registry.tags == [tag("main")]


def travel(registry: FailingRegistry) -> RemoteHistory:
    return RemoteHistory(
        store=CacheStore(repository=f"{registry.host}/acme/cache"),
        project="shop",
        fallbacks=("main",),
        own="main",
        reads=True,
        writes=True,
    )


@every_way
@pytest.mark.parametrize("well", [0, 1, 3])
def test_a_history_that_stops_on_its_way_is_a_note(registry: FailingRegistry, way: str, well: int) -> None:
    """What came whole is used, what did not is left out; and a run that cannot be sent is still done."""
    there = [run(at=at) for at in range(3)]
    for record in there:
        registry.put(histories.tag_of("shop", record.id, "main"), KIND, packed(record, None))
    registry.fails(way, after=well)
    coming = travel(registry)
    coming.begin(set)
    found = [entry.record.id for entry in coming.arrived("9")]
    assert set(found) <= {record.id for record in there}
    assert len(coming.notes) == 1
    assert "\n" not in coming.notes[0]
    sending = travel(registry)
    sending.send(run(at=9), None)
    assert len(sending.notes) == (way in REFUSING)
    registry.mends()
    again = travel(registry)
    again.send(run(at=9), None)
    again.begin(set)
    assert {record.id for record in there} | {run(at=9).id} == {e.record.id for e in again.arrived("9")}
    assert again.notes == []


@pytest.mark.parametrize("way", REFUSING)
@pytest.mark.parametrize("well", range(5))
def test_what_is_pushed_half_is_not_there(registry: FailingRegistry, way: str, well: int) -> None:
    """A tag is there when all that it names is."""
    registry.fails(way, after=well)
    with pytest.raises(RegistryRefused) as refused:
        Repository(f"{registry.host}/acme/cache", seconds=1.0).push("tag", b"content", KIND)
    assert "\n" not in str(refused.value)
    assert registry.tags == []
    registry.mends()
    assert Repository(f"{registry.host}/acme/cache", seconds=5.0).push("tag", b"content", KIND)
    assert registry.tags == ["tag"]


@pytest.mark.parametrize("way", ["half a body", "500"])
def test_a_build_goes_well_whatever_its_store_does(
    gobake: Gobake, tree: Tree, registry: FailingRegistry, tmp_path: Path, way: str
) -> None:
    """Restoring, histories and saving: the whole of a run, with a registry that answers nothing well."""
    root, docker = tree(HELLO), Pretended(tmp_path / "docker")
    registry.fails(way, after=0)
    words = ("build", "--cache-store", f"{registry.host}/acme/cache", "--cache-policy", "ci-branch")
    ended = gobake(*words, cwd=root, env=docker.env)
    told = works(ended) + ended.err
    assert told.count("left out") <= 1
    assert gobake.last_run(root)["outcome"] == "done"


def test_a_save_without_a_builder_that_answers_is_one_line(
    gobake: Gobake, tree: Tree, registry: FailingRegistry, tmp_path: Path
) -> None:
    root, docker = tree(HELLO), Pretended(tmp_path / "docker")
    registry.fails("reset", after=0)
    ended = gobake("cache", "save", "--to", f"{registry.host}/acme/cache", cwd=root, env=docker.env)
    one_line(ended, 2, 6)
