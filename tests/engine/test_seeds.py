"""Seeds with a real BuildKit and registry: what is saved, what a bare builder gets back, and what faults do."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gobake.caching.kept import delete, prune
from gobake.caching.kept.contents import What, stored
from gobake.caching.policy.place import parse_store
from gobake.caching.seeds import save as saving
from gobake.caching.seeds import seed
from gobake.caching.seeds.mounts import Mount, mounts_among, mounts_of
from gobake.caching.seeds.restore import Restored, restore
from gobake.caching.seeds.save import Saved, Saving, save
from gobake.caching.seeds.seed import Seed, SeedKey
from gobake.caching.seeds.session import seeds_in
from gobake.caching.seeds.units import Retention, Shape
from gobake.engine import cache_mounts, host_platform
from gobake.errors import RegistryRefused
from gobake.gotool.sums import sum_texts
from gobake.model import Platform, Project
from gobake.plan.discover import open_project
from gobake.plan.request import ProjectRequest
from gobake.targets.matrix import Selection, select
from tests.conftest import Gobake
from tests.engine.caches import edit, forget_mounts, make_bare, requests, small_project

BOTH = "linux/amd64,linux/arm64"


@pytest.fixture
def repository(registry: str, tmp_path: Path) -> str:
    return f"{registry}/cache-of/{tmp_path.name.lower().strip('_')}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, world: Gobake) -> Iterator[tuple[Path, Path]]:
    """A small project that was built once, and a folder that holds what its mounts held then."""
    made = small_project(tmp_path_factory.mktemp("seeds"))
    world.good("build", "--platform", BOTH, cwd=made)
    kept = tmp_path_factory.mktemp("kept")
    save(asked(made, str(kept)))
    yield made, kept
    forget_mounts(f"{made.name}-")


@pytest.fixture
def root(built: tuple[Path, Path]) -> Path:
    """The project with mounts that hold just what its first build left."""
    made, kept = built
    forget_mounts(f"{made.name}-")
    assert get_back(asked(made, str(kept), mounts=mounts_of_both(made))).error == ""
    return made


def mounts_of_both(root: Path) -> tuple[Mount, ...]:
    project = open_project(ProjectRequest(directory=root, trust=True)).project
    platforms = [Platform.parse(p) for p in BOTH.split(",")]
    return mounts_of(project, select(project, Selection(), platforms))


def asked(root: Path, place: str, branch: str = "main", **fields: object) -> Saving:
    opened = open_project(ProjectRequest(directory=root, trust=True))
    platform = host_platform()
    found = Saving(
        store=seeds_in(parse_store(place, root)),
        key=SeedKey(project=opened.project.name, go=opened.project.go_version, arch=platform.arch),
        branch=branch,
        mounts=_listed(opened.project),
        go_image=opened.project.bases.go,
        builder="",
        platform=platform,
        sums=sum_texts(opened.tree),
    )
    return replace(found, **fields)


def _listed(project: Project) -> tuple[Mount, ...]:
    """Where the engine does not name what a build has filled, it does a moment later."""
    for _ in range(5):
        found = mounts_among(project, cache_mounts() or ())
        if any(mount.name == "gobuild" for mount in found):
            break
        time.sleep(1)
    return found


def in_force(what: Saving) -> Seed:
    found = saving.in_force(what)
    assert found is not None
    return found


def get_back(what: Saving, found: Seed | None = None) -> Restored:
    return restore(what.store, found or in_force(what), what.mounts, builder="", platforms=[what.platform])


def compiled(world: Gobake, root: Path) -> tuple[list[str], list[str], int]:
    """Build, and tell which packages were compiled and linked, and how many modules were downloaded."""
    world.good("build", "--platform", BOTH, cwd=root)
    record = world.last_run(root)
    packages = sorted({path for work in record["go"] for path, _ in work["compiled"]})
    linked = sorted({path for work in record["go"] for path, _ in work["linked"]})
    return packages, linked, len(record["modules"])


@pytest.mark.parametrize("kind", ["registry", "folder"])
def test_a_bare_builder_compiles_only_what_was_edited(
    world: Gobake, root: Path, repository: str, tmp_path: Path, kind: str
) -> None:
    what = asked(root, repository if kind == "registry" else str(tmp_path / "store"))
    saved = save(what)
    assert saved.shape is Shape.WHOLE
    assert saved.total == saved.size > 10_000_000
    for _ in range(3):
        forget_mounts(f"{root.name}-")
        back = get_back(what)
        assert (back.error, back.size) == ("", saved.total)
        edit(root)
        found = compiled(world, root)
        if _mounts(f"{root.name}-gobuild") == 1:
            break  # else BuildKit's garbage collection measured it just then, and the build got an empty one: buildkit#883
    assert _mounts(f"{root.name}-gobuild") == 1
    assert found == (["example.com/small/cmd/one"], ["example.com/small/cmd/one"], 0)


def _mounts(name: str) -> int:
    return len([mount for mount in cache_mounts() or () if mount.id == name])


def test_saving_the_same_again_writes_nothing(root: Path, repository: str) -> None:
    what = asked(root, repository)
    first = save(what)
    with requests() as seen:
        again = save(what)
    assert (again.shape, again.digest, again.written) == (Shape.NOTHING, first.digest, 0)
    assert seen.writes("cache-of/") == []
    assert seen.of("cache-of/")  # the log is the right one


def test_whole_saves_of_the_same_content_are_the_same_bytes(root: Path, repository: str, tmp_path: Path) -> None:
    folders = [asked(root, str(tmp_path / name)) for name in ("one", "two")]
    for what in (*folders, asked(root, repository)):
        assert save(what).shape is Shape.WHOLE
    seeds = [in_force(what) for what in (*folders, asked(root, repository))]
    assert seeds[0].blobs == seeds[1].blobs == seeds[2].blobs
    assert len(seeds[0].blobs) == 2, "the program that restores, and half of the units"
    halves = [what.store.look(found.half, 10) for what, found in zip(folders, seeds, strict=False)]
    assert halves[0]
    assert halves[1]
    assert halves[0].blobs == halves[1].blobs
    assert halves[0].blobs[0] == seeds[0].blobs[0]
    assert halves[0].blobs[1] != seeds[0].blobs[1]


def test_a_seed_that_is_written_anew_with_the_same_content_adds_nothing(root: Path, tmp_path: Path) -> None:
    what = asked(root, str(tmp_path / "store"))
    first = save(what)
    layout = tmp_path / "store" / "seeds"
    before = {file.name for file in (layout / "blobs/sha256").iterdir()}
    for index in layout.glob("index-*.txt"):
        index.unlink()  # then nobody knows what the seed holds
    again = save(what)
    assert (first.shape, again.shape) == (Shape.WHOLE, Shape.WHOLE)
    assert (first.written or 0) > 1_000_000
    assert again.written == 0
    new = [file for file in (layout / "blobs/sha256").iterdir() if file.name not in before]
    assert sum(file.stat().st_size for file in new) < 10_000, "a manifest and a configuration, with the time"


def test_a_save_anew_uploads_no_layer_that_the_registry_has(root: Path, repository: str) -> None:
    save(asked(root, repository))
    with requests() as seen:
        other = save(asked(root, repository, branch="other"))  # knows nothing of main's
    assert other.shape is Shape.WHOLE
    assert len(seen.of("cache-of/", "POST")) <= 3, "configurations: its own, its half's, its index's"


def test_an_edit_adds_one_small_layer(world: Gobake, root: Path, repository: str) -> None:
    what = asked(root, repository)
    first = save(what)
    edit(root)
    compiled(world, root)
    with requests() as seen:
        second = save(what)
    assert (first.layers, second.shape, second.layers) == (2, Shape.GROWN, 3)
    assert 0 < (second.written or 0) < (first.written or 0) / 20
    assert 0 < seen.blob_bytes("cache-of/") < (first.written or 0) / 20  # the index, and no layer of the seed
    forget_mounts(f"{root.name}-")
    assert get_back(what).size == second.total
    assert compiled(world, root)[0] == []


def test_a_long_chain_is_written_anew(world: Gobake, root: Path, repository: str) -> None:
    what = asked(root, repository, keeping=Retention(layers=2))
    for expected in ((Shape.WHOLE, 2), (Shape.GROWN, 3), (Shape.WHOLE, 2)):
        saved = save(what)
        assert (saved.shape, saved.layers) == expected
        edit(root)
        compiled(world, root)


def test_a_seed_is_not_written_anew_from_mounts_that_hold_less(world: Gobake, root: Path, repository: str) -> None:
    what = asked(root, repository, keeping=Retention(layers=1))
    whole = save(what)
    forget_mounts(f"{root.name}-")
    edit(root)
    world.good("build", "one", "--platform", "linux/arm64", cwd=root)  # of one platform only
    here = asked(root, repository, keeping=Retention(layers=1), mounts=what.mounts)
    again = save(here)
    assert again.shape is Shape.WHOLE
    assert again.total > whole.total * 0.95


def test_the_budget_is_kept(root: Path, repository: str) -> None:
    saved = save(asked(root, repository, keeping=Retention(budget=5_000_000)))
    assert saved.total <= 5_000_000
    assert saved.left_out > 0


def test_a_branch_grows_from_the_seed_of_main(world: Gobake, root: Path, repository: str) -> None:
    main = asked(root, repository)
    save(main)
    edit(root)
    compiled(world, root)
    branch = replace(main, branch="feature", parents=(main.tag,))
    saved = save(branch)
    assert (saved.shape, saved.layers) == (Shape.GROWN, 3)
    assert in_force(main).all_layers == 2


def test_two_saves_at_once_leave_a_whole_seed(root: Path, repository: str) -> None:
    what = asked(root, repository)
    ended: list[Saved] = []
    threads = [threading.Thread(target=lambda: ended.append(save(what))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == 2
    found = in_force(what)
    assert found.digest in {e.digest for e in ended}
    forget_mounts(f"{root.name}-")
    assert get_back(what).size == found.size


def test_another_save_meanwhile_is_built_upon(
    world: Gobake, root: Path, repository: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seed moves between this save's look and its write."""
    what = asked(root, repository)
    save(what)
    edit(root)
    compiled(world, root)
    others: list[str] = []
    plan = saving.plan

    def plan_and_be_overtaken(*words: object) -> object:
        made = plan(*words)  # type: ignore[arg-type]
        if not others:
            others.append("begun")
            others.append(save(what).digest)
        return made

    monkeypatch.setattr(saving, "plan", plan_and_be_overtaken)
    mine = save(what)
    assert mine.shape is Shape.NOTHING  # the other one has written the same already
    assert mine.digest == others[1] == in_force(what).digest


def test_an_interrupted_save_leaves_the_old_seed(root: Path, repository: str, world: Gobake) -> None:
    what = asked(root, repository)
    before = save(what)
    edit(root)
    compiled(world, root)

    def too_short(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saving, "_write", too_short)
        with pytest.raises(KeyboardInterrupt):
            save(what)
    assert in_force(what).digest == before.digest


def test_a_save_anew_that_ends_between_its_two_images_leaves_the_old_seed(
    root: Path, repository: str, world: Gobake, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = asked(root, repository, keeping=Retention(layers=1))
    before = save(what)
    edit(root)
    compiled(world, root)
    put = saving._put
    written: list[str] = []

    def put_one(asked: Saving, folder: Path, tags: dict[str, str], *more: Any) -> Any:
        if written:
            raise KeyboardInterrupt
        written.extend(tags)
        return put(asked, folder, tags, *more)

    monkeypatch.setattr(saving, "_put", put_one)
    with pytest.raises(KeyboardInterrupt):
        save(what)
    assert written == ["half"]
    assert in_force(what).digest == before.digest
    forget_mounts(f"{root.name}-")
    assert get_back(what).size == before.total


def named(entry: dict[str, Any]) -> str:
    """The name of an entry of a layout's index."""
    return str((entry.get("annotations") or {}).get("org.opencontainers.image.ref.name", ""))


def test_a_seed_whose_other_half_is_gone_is_told_and_not_built_upon(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = asked(root, str(tmp_path / "store"))
    first = save(what)
    layout = what.store.layout
    index = json.loads((layout / "index.json").read_text())
    half = in_force(what).half
    index["manifests"] = [entry for entry in index["manifests"] if not named(entry).endswith(half)]
    (layout / "index.json").write_text(json.dumps(index))
    assert get_back(what).error == f"its other part, {what.store.named(half)}, is gone"
    plan, planned = saving.plan, []

    def counted(*words: Any) -> Any:
        planned.append(words)
        return plan(*words)

    monkeypatch.setattr(saving, "plan", counted)
    again = save(what)
    assert (again.shape, again.size, len(planned)) == (Shape.WHOLE, first.size, 1)
    forget_mounts(f"{root.name}-")
    back = get_back(what)
    assert (back.error, back.size) == ("", first.total)


@pytest.mark.parametrize(
    ("change", "why"),
    [({"project": "other"}, "of the project"), ({"arch": "riscv64"}, "machines"), ({"go": "1.25"}, "of go1.26")],
)
def test_a_seed_for_something_else_is_not_used(root: Path, repository: str, change: dict[str, str], why: str) -> None:
    what = asked(root, repository)
    save(what)
    image = what.store.look(what.tag, 10)
    assert image is not None
    told = seed.read_seed("t", image.digest, 1, None, image.labels, replace(what.key, **change))
    assert isinstance(told, str)
    assert why in told


@pytest.mark.parametrize("kind", ["registry", "folder"])
def test_a_seed_is_listed_and_pruned_with_its_other_half(
    root: Path, repository: str, tmp_path: Path, kind: str
) -> None:
    what = asked(root, repository if kind == "registry" else str(tmp_path / "store"))
    saved = save(what)
    there = stored(what.store)
    (entry,) = there.of(What.SEED)
    half = what.store.look(entry.half, 10)
    assert half is not None
    assert (entry.error, entry.layers) == ("", 2)
    assert (entry.compressed or 0) > sum(half.layers) > (saved.written or 0) / 4
    chosen = prune.choose(prune.items((), there.entries, time.time()), prune.Wanted(), [entry.project])
    assert [item.name for item in chosen] == [entry.tag]
    assert delete.prune_store(what.store, chosen, there).deleted == chosen
    assert stored(what.store).entries == ()
    if what.store.folder:
        assert list(what.store.layout.glob("blobs/sha256/*")) == list(what.store.layout.glob("index-*")) == []


# ---- faults, the last of which leaves a layer half in the engine's store


def layer_of_its_own(world: Gobake, root: Path, built: tuple[Path, Path], what: Saving) -> Path:
    """The largest file of a seed that is saved now, and that no other test's seed has: BuildKit keeps a layer that it
    got half of, and does not go on with one of a folder (contentutil, `unsupported offset`)."""
    edit(root)
    compiled(world, root)
    save(what)
    blobs = [folder / "seeds" / "blobs" / "sha256" for folder in (built[1], Path(what.store.place))]
    others = {file.name for file in blobs[0].iterdir()}
    return max((f for f in blobs[1].iterdir() if f.name not in others), key=lambda f: f.stat().st_size)


def test_a_corrupt_layer_is_told_and_spoils_nothing(
    world: Gobake, root: Path, built: tuple[Path, Path], tmp_path: Path
) -> None:
    what = asked(root, str(tmp_path / "store"))
    largest = layer_of_its_own(world, root, built, what)
    data = bytearray(largest.read_bytes())
    assert len(data) > 1_000_000
    data[len(data) // 2] ^= 0xFF
    largest.write_bytes(data)
    make_bare()
    assert get_back(what).error
    edit(root)
    assert "example.com/small/cmd/one" in compiled(world, root)[0]


def test_a_truncated_layer_is_told(world: Gobake, root: Path, built: tuple[Path, Path], tmp_path: Path) -> None:
    what = asked(root, str(tmp_path / "store"))
    largest = layer_of_its_own(world, root, built, what)
    largest.write_bytes(largest.read_bytes()[:1000])
    make_bare()
    assert get_back(what).error


def test_a_seed_that_is_gone_is_told(root: Path, repository: str) -> None:
    what = asked(root, repository)
    save(what)
    back = get_back(what, replace(in_force(what), digest="sha256:" + "0" * 64))
    assert "failed to resolve" in back.error


def test_a_registry_that_is_down_is_told(root: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(RegistryRefused, match="refused"):
        save(asked(root, f"localhost:{port}/cache"))


def test_a_registry_that_trickles_is_not_waited_for(
    root: Path, repository: str, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = asked(root, repository)
    save(what)
    found = replace(in_force(what), half="")  # what tells of its half comes slowly too
    make_bare()  # the engine has a copy of what it saved
    monkeypatch.setattr("gobake.caching.seeds.restore.LEAST_SECONDS", 4.0)
    monkeypatch.setattr("gobake.caching.seeds.restore.SLOWEST", 1e9)
    with trickle(int(registry.rpartition(":")[2])) as port:
        slow = replace(what, store=seeds_in(parse_store(repository.replace(registry, f"localhost:{port}"), root)))
        begun = time.monotonic()
        back = get_back(slow, found)
        assert "longer than 4 s" in back.error
        assert time.monotonic() - begun < 60  # it ended at all


class trickle:  # noqa: N801 (a context manager)
    """A proxy on loopback that hands on a thousand bytes a second of every answer."""

    def __init__(self, port: int) -> None:
        self.port = port

    def __enter__(self) -> int:
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        port: int = self.listener.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            threading.Thread(target=self._carry, args=(client, server, 0.0), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, client, 1.0), daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket, pause: float) -> None:
        with contextlib.suppress(OSError), source, target:
            while data := source.recv(1000):
                target.sendall(data)
                time.sleep(pause)
