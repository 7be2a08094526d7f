"""Records of runs in the cache store: which are read, which are deleted, and that nothing private is among them."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gobake.caching.kept.contents import What, parse_tag
from gobake.caching.policy.place import CacheStore
from gobake.caching.store import history
from gobake.caching.store.history import KEPT, READ, RemoteHistory, begun, packed, run_of, tag_of, travel, unpacked
from gobake.insight.history import Records, prompt_summary, summaries
from gobake.insight.scorecard import scorecard, summary_of
from gobake.runs.archive import Entry, to_line
from gobake.runs.journal import Journal
from gobake.runs.record import RunRecord, ShardRecord, UnreadableRecord
from gobake.runs.store import RunStore
from tests.unit.caching.test_layers_plan import choice
from tests.unit.registry.test_client import Handle, Reply, Server, serve
from tests.unit.scoring import recorded, run

__all__ = ["serve"]  # a fixture


def of(folder: Path | None, /, **more: Any) -> RemoteHistory:
    plain: dict[str, Any] = {
        "store": CacheStore(folder=folder),
        "project": "shop",
        "fallbacks": ("feature/x", "main"),
        "own": "feature/x",
        "reads": True,
        "writes": True,
    }
    return RemoteHistory(**{**plain, **more})


def sent(folder: Path, *records: RunRecord, branch: str = "main") -> None:
    for record in records:
        of(folder, own=branch).send(record, summary_of(scorecard(record, ())))


def got(travelling: RemoteHistory, *known: str, before: str = "9") -> list[str]:
    travelling.begin(lambda: known)
    return [entry.record.id for entry in travelling.arrived(before)]


# ---- names


@pytest.mark.parametrize("branch", ["main", "feature/x", "v1.2", "a.b.c", "x" * 200, "ü"])
def test_a_tag_tells_its_run_and_fits_a_registry(branch: str) -> None:
    tag = tag_of("shop", run().id, branch)
    assert run_of(tag, "shop") == run().id
    assert len(tag) <= 128
    assert history.by_branch([tag], "shop", ("other", branch)) == {branch: [(run().id, tag)]}


@pytest.mark.parametrize(
    "tag",
    ["", "history-shop", "history-shop.main", "history-shop.20261124.main", "layers-shop.20261124-201500-3fa9c1.main"],
)
def test_what_is_no_run_of_the_project_is_none(tag: str) -> None:
    assert run_of(tag, "shop") == ""


def test_a_project_whose_name_goes_on_is_another() -> None:
    assert run_of(tag_of("shop-api", run().id, "main"), "shop") == ""
    assert run_of(tag_of("shop", run().id, "main"), "shop-api") == ""


def test_the_list_of_a_store_tells_what_it_is_and_when_it_was_made() -> None:
    entry = parse_tag(tag_of("shop", run().id, "v1.2"), What.HISTORY)
    assert (entry.project, entry.branch, entry.made) == ("shop", "v1.2", 1795551300.0)


# ---- who reads and who writes


@pytest.mark.parametrize(
    ("policy", "reads", "writes"),
    [("dev", True, False), ("ci-branch", True, True), ("ci-pull-request", True, False), ("release", True, True)],
)
def test_the_policy_says_who_writes(policy: str, reads: bool, writes: bool) -> None:
    found = travel(choice(policy=policy), "shop")
    assert found
    assert (found.reads, found.writes) == (reads, writes)


def test_without_a_store_there_is_nothing_to_do() -> None:
    assert travel(replace(choice(policy="ci-branch"), store=None), "shop") is None


def test_a_run_that_may_not_write_or_did_not_go_well_writes_nothing(tmp_path: Path) -> None:
    of(tmp_path, writes=False).send(run(), None)
    of(tmp_path, own="").send(run(), None)
    of(tmp_path).send(run(outcome="failed"), None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("run_id", "seconds"), [("19700102-000001-abcdef", 86_401.0), ("yesterday", None), ("19701302-000001-abcdef", None)]
)
def test_a_run_began_when_its_id_says(run_id: str, seconds: float | None) -> None:
    assert history.begun(run_id) == seconds


def test_what_was_not_fetched_has_not_arrived(tmp_path: Path) -> None:
    sent(tmp_path, run())
    assert of(tmp_path).arrived("9") == []


def test_who_does_not_wait_gets_what_there_is_and_no_remark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gone = threading.Event()

    class Slow:
        def tags(self) -> list[str]:
            gone.wait(30)
            return []

        def read(self, _tag: str) -> None:
            """Nothing is there."""

    going = of(tmp_path)
    monkeypatch.setattr(going, "_place", Slow)
    going.begin(lambda: ())
    assert (going.arrived("9", wait=False), going.notes) == ([], [])
    gone.set()
    assert (going.arrived("9"), going.notes) == ([], [])


# ---- a folder


def test_a_bare_runner_gets_the_newest_of_its_branch_and_of_main(tmp_path: Path) -> None:
    sent(tmp_path, *(run(at=at) for at in range(READ + 3)))
    sent(tmp_path, run(at=50), branch="feature/x")
    sent(tmp_path, run(at=51), branch="feature/other")
    of(tmp_path, own="main", project="other").send(run(at=52, project="other"), None)
    newest = [run(at=at).id for at in range(3, READ + 3)]
    assert got(of(tmp_path)) == [*newest, run(at=50).id]
    assert got(of(tmp_path), *newest[1:]) == [newest[0], run(at=50).id]
    assert got(of(tmp_path, reads=False)) == []


def test_no_run_that_began_later_becomes_the_last_one(tmp_path: Path) -> None:
    sent(tmp_path, run(at=1), run(at=3))
    assert got(of(tmp_path), before=run(at=2).id) == [run(at=1).id]


def test_records_and_figures_come_as_they_were_and_are_merged_once(tmp_path: Path) -> None:
    sent(tmp_path / "store", recorded("cold"), recorded("warm"))
    for _ in range(2):
        going = of(tmp_path / "store", project=recorded("cold").project, own="main")
        going.begin(lambda: ())
        journal = Journal(tmp_path / "runs")
        journal.merge(going.arrived("9"))
    with RunStore(tmp_path / "runs") as store:
        assert store.get(recorded("warm").id) == replace(recorded("warm"), root="", command=())
        assert summaries(store, 1) == [summary_of(scorecard(recorded("warm"), ()))]
        with pytest.raises(UnreadableRecord, match="no readable events"):
            store.events(recorded("warm").id)


def test_what_is_here_already_stays_as_it_is(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "runs")
    journal.merge([Entry(record=run(seconds=99.0))])
    assert (
        journal.keep(
            run(seconds=3.0),
            ["event\n"],
            lambda record: prompt_summary(record, Records(journal.store)) if journal.store else None,
        )
        == []
    )
    Journal(tmp_path / "runs").merge([Entry(record=run(seconds=99.0))])
    with RunStore(tmp_path / "runs") as store:
        assert (store.get(run().id).seconds, store.events(run().id)) == (3.0, "event\n")


def test_old_runs_are_deleted_a_few_at_a_time(tmp_path: Path) -> None:
    for at in range(KEPT + 10):
        of(tmp_path).send(run(at=0, id=f"20261124-2015{at:02}-3fa9c1"), None)
    names = sorted(p.name.split(".")[1] for p in (tmp_path / "history").iterdir())
    assert names == [f"20261124-2015{at:02}-3fa9c1" for at in range(10, KEPT + 10)]


def test_a_run_deletes_a_few_more_than_it_adds_and_the_oldest_first(tmp_path: Path) -> None:
    ids = [f"20261124-2015{at:02}-3fa9c1" for at in range(KEPT + 11)]
    place = tmp_path / "history"
    place.mkdir()
    for run_id in ids[:-1]:
        (place / f"{tag_of('shop', run_id, 'feature/x')}.jsonl.gz").write_bytes(packed(run(id=run_id), None))
    of(tmp_path).send(run(id=ids[-1]), None)
    assert sorted(p.name.split(".")[1] for p in place.iterdir()) == ids[4:]


def test_many_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    writers = [threading.Thread(target=sent, args=(tmp_path, run(at=at))) for at in range(12)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(list((tmp_path / "history").glob("history-*"))) == 12


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no gzip",
        gzip.compress(b"no json", mtime=0),
        gzip.compress(to_line(Entry(record=run(at=9))), mtime=0),
        gzip.compress(to_line(Entry(record=replace(run(at=0), schema=9))), mtime=0),
        packed(run(at=0), None)[:-12],
        packed(run(at=0, project="other"), None),
        packed(run(at=2), None),
    ],
    ids=["empty", "no gzip", "no JSON", "none at all", "a newer schema", "torn", "another project's", "another run's"],
)
def test_what_is_no_record_is_passed_over(tmp_path: Path, data: bytes) -> None:
    sent(tmp_path, run(at=0), run(at=1))
    (tmp_path / "history" / f"{tag_of('shop', run(at=0).id, 'main')}.jsonl.gz").write_bytes(data)
    going = of(tmp_path)
    assert got(going) == [run(at=1).id]
    assert going.notes == []


def test_a_record_that_unpacks_to_gigabytes_is_not_unpacked() -> None:
    with pytest.raises(UnreadableRecord, match="has more than 4 MiB, unpacked"):
        unpacked(gzip.compress(b" " * (5 << 20)))


def test_a_folder_that_cannot_be_written_costs_a_line(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("")
    going = of(tmp_path)
    assert got(going) == []
    going.send(run(), None)
    (line,) = going.notes
    assert line.startswith(f"the history in the cache store is left out: {tmp_path}/history: ")
    assert "\n" not in line


# ---- private


def test_nothing_of_the_machine_or_of_values_travels() -> None:
    secret = "hunter2-token"
    record = run(root=f"/home/{secret}", command=("gobake", "build", "--tag", secret))
    assert secret not in gzip.decompress(packed(record, None)).decode()
    plain = gzip.decompress(packed(recorded("cold"), summary_of(scorecard(recorded("cold"), ())))).decode()
    assert recorded("cold").root not in plain
    assert json.loads(plain)["events"] is None


# ---- a registry


class Registry:
    """One repository in memory, as the distribution specification has it."""

    def __init__(self, *, deletes: bool = True) -> None:
        self.blobs: dict[str, bytes] = {}
        self.tags: dict[str, bytes] = {}
        self.deletes = deletes

    def __call__(self, method: str, path: str, _headers: dict[str, str], body: bytes) -> Reply:
        import hashlib
        from urllib.parse import parse_qs, urlsplit

        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        name = path.rpartition("/")[2]
        if "/tags/list" in path:
            return 200, {}, json.dumps({"tags": sorted(self.tags)}).encode()
        if method == "POST":
            return 202, {"Location": "/v2/acme/cache/blobs/uploads/1?state=x"}, b""
        if "/uploads/" in path:
            assert parse_qs(urlsplit(path).query)["digest"] == [digest]
            self.blobs[digest] = body
            return 201, {}, b""
        if "/blobs/" in path:
            return (200, {}, self.blobs[name]) if name in self.blobs else (404, {}, b"")
        if method == "PUT":
            self.tags[name] = body
            return 201, {}, b""
        if method == "DELETE":
            if not self.deletes:
                return 405, {}, b""
            self.tags = {tag: m for tag, m in self.tags.items() if f"sha256:{hashlib.sha256(m).hexdigest()}" != name}
            return 202, {}, b""
        return (200, {}, self.tags[name]) if name in self.tags else (404, {}, b"")


def at(server: Server, **more: Any) -> RemoteHistory:
    return of(None, **{"store": CacheStore(repository=f"{server.host}/acme/cache"), "own": "main", **more})


Serve = Callable[[Handle], Server]


def test_runs_lie_in_a_registry_as_artifacts_of_their_own(serve: Serve) -> None:
    kept = Registry()
    server = serve(kept)
    for number in range(3):
        at(server).send(run(at=number), summary_of(scorecard(run(at=number), ())))
    assert sorted(kept.tags) == [tag_of("shop", run(at=number).id, "main") for number in range(3)]
    manifest = json.loads(kept.tags[tag_of("shop", run().id, "main")])
    assert manifest["artifactType"] == "application/vnd.gobake.run.v1+json+gzip"
    assert got(at(server), run(at=1).id) == [run(at=0).id, run(at=2).id]


def test_old_runs_are_deleted_from_a_registry_and_no_other_tag(serve: Serve) -> None:
    kept = Registry()
    server = serve(kept)
    kept.tags["layers-shop.api.all.main"] = kept.tags["seed-x"] = b"{}"
    for number in range(KEPT + 2):
        at(server).send(run(id=f"20261124-2015{number:02}-3fa9c1"), None)
    assert len(kept.tags) == KEPT + 2
    assert {"layers-shop.api.all.main", "seed-x"} <= set(kept.tags)


def test_a_registry_that_does_not_delete_costs_no_line(serve: Serve) -> None:
    kept = Registry(deletes=False)
    going = at(serve(kept))
    for number in range(KEPT + 2):
        going.send(run(id=f"20261124-2015{number:02}-3fa9c1"), None)
    assert (len(kept.tags), going.notes) == (KEPT + 2, [])


@pytest.mark.parametrize(
    ("status", "says"), [(403, "not allowed to read it"), (500, "the registry answered 500"), (200, "is not JSON")]
)
def test_a_registry_that_refuses_costs_a_line(serve: Serve, status: int, says: str) -> None:
    going = at(serve(lambda *_: (status, {}, b"<html>")))
    assert got(going) == []
    going.send(run(), None)
    (line,) = going.notes
    assert says in line


@pytest.mark.parametrize("place", ["http://127.0.0.1:1/upload", "https://{host}/upload", "//evil.example/upload"])
def test_uploads_that_go_elsewhere_are_refused(serve: Serve, place: str) -> None:
    server = serve(lambda *_: (202, {"Location": place.replace("{host}", server.host)}, b""))
    going = at(server)
    going.send(run(), None)
    assert "it wants uploads elsewhere" in going.notes[0]


def test_a_registry_that_is_silent_is_waited_for_a_few_seconds(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "SECONDS", 0.3)
    gone = threading.Event()
    waited_for = []

    def silent(*_: object) -> Reply:
        waited_for.append(gone.wait(30))
        return 200, {}, b'{"tags":[]}'

    going = at(serve(silent))
    assert got(going) == []
    going.send(run(), None)
    assert waited_for == [], "it went on before the registry said a word"
    gone.set()
    (line,) = going.notes
    assert "did not answer within 0.3 s" in line


def test_a_store_of_a_folder_is_no_repository(tmp_path: Path) -> None:
    found = travel(replace(choice(policy="ci-branch"), store=CacheStore(folder=tmp_path)), "shop")
    assert found
    assert found.store == CacheStore(folder=tmp_path)


@pytest.fixture(autouse=True)
def _no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


def test_a_shard_deletes_no_other_shard_that_waits_for_the_merge(tmp_path: Path) -> None:
    ids = [f"20261124-2015{at:02}-3fa9c1" for at in range(KEPT + 11)]
    shard = ShardRecord(plan="ab", number=1, of=40, name="a", shards=("a",), parts=())
    started = begun(ids[-1])
    assert started
    for run_id in ids:
        of(tmp_path).send(run(id=run_id, started=started, shard=shard), None)
    assert len(list((tmp_path / "history").iterdir())) == len(ids)
    of(tmp_path).send(run(id=f"20261126{ids[-1][8:]}", started=started + 2 * 86_400, shard=shard), None)
    assert len(list((tmp_path / "history").iterdir())) < len(ids)
