"""Saves a builder's cache mounts as a seed: list them, choose what is new, write it as one more layer.

The current seed stays in force until the new one is complete: its tag moves last. If another save moved the tag
meanwhile, this one starts again on top of it.

No registry moves a tag on a condition. So where the builder pushes by digest, the tag moves right after a look at it;
another look, once others that looked before have moved it, shows whether this seed was lost.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from gobake.caching.seeds import seed as seeds
from gobake.caching.seeds.mounts import Mount, halves_of, namespace_of
from gobake.caching.seeds.restore import patience, restore
from gobake.caching.seeds.seed import Seed, SeedKey
from gobake.caching.seeds.solve import Solved, files_of, solve, write_dockerfile
from gobake.caching.seeds.store import Image, SeedStore
from gobake.caching.seeds.units import (
    DAY_SECONDS,
    CacheFile,
    Kind,
    Retention,
    SavePlan,
    Shape,
    lacking,
    modules_in_use,
    plan_save,
    read_index,
    read_listing,
    write_index,
)
from gobake.caching.store import oci_layout as layouts
from gobake.caching.store import ownership
from gobake.engine import cache_mounts, remove_images
from gobake.errors import RegistryRefused
from gobake.files import shipped
from gobake.model import Platform
from gobake.paths import scratch_folder

TRIES = 3  # against concurrent saves
TRIES_OF_SHARDS = 8  # several shards of a matrix save at the same time; each time at least one succeeds
SETTLING_SECONDS = 3.0  # and more if a registry takes longer to move a tag
SAVE_SECONDS = 1800.0
LOOK_SECONDS = 20.0
_LOSES = 0.1  # mounts that lack a larger share of the seed are filled from it before a whole new seed is written
# buildx 0.13 lets the engine push, which only pushes images it keeps; later versions let BuildKit push
_PUSHED_BY_DOCKER = "tag does not exist"
_SOURCES = ("main.go", "pack.go", "restore.go", "go.mod")


class Saving(Struct, frozen=True, kw_only=True):
    """What to save, and where."""

    store: SeedStore
    key: SeedKey
    branch: str  # a valid part of a tag
    mounts: tuple[Mount, ...]
    go_image: str
    builder: str
    platform: Platform  # of the node whose mounts are saved
    sums: tuple[str, ...]  # texts of the go.sum files
    inputs: str = ""  # digest of the compile's inputs
    parents: tuple[str, ...] = ()  # tags of the fallback branches' seeds, for a branch without a seed
    keeping: Retention = Retention()
    node: str = ""  # whose mounts these are, of a builder with several
    shared: bool = False  # the seed is also that of other nodes
    linked: tuple[str, ...] = ()  # names of the mounts in which this node has linked programs, of a shared seed
    by_digest: bool = False  # the builder pushes images without tags

    @property
    def whose(self) -> str:
        """For messages."""
        return f" of node {self.node}" if self.node else ""

    @property
    def gobuild(self) -> str:
        """The id of the gobuild mount, without which there is nothing to save; "" if there is none."""
        return next((mount.id for mount in self.mounts if mount.name == "gobuild"), "")

    @property
    def tag(self) -> str:
        return self.key.tag(self.branch)


class Saved(Struct, frozen=True, kw_only=True):
    """The result of a save."""

    shape: Shape
    tag: str
    why: str
    seconds: float
    digest: str = ""  # of the seed in force now
    written: int | None = 0  # packed bytes that were new to the store; None unknown
    size: int = 0  # bytes of the new units, unpacked
    total: int = 0  # bytes of the whole seed, unpacked
    layers: int = 0
    left_out: int = 0


def save(asked: Saving) -> Saved:
    """Save the mounts as the branch's seed. Raises RegistryRefused if the mounts cannot be read or the seed cannot be
    written."""
    if not asked.gobuild:
        raise RegistryRefused("the builder has no gobuild mount of this project", remedy="build, then save again")
    begun = time.monotonic()
    tries = TRIES_OF_SHARDS if asked.by_digest else TRIES
    for attempt in range(tries):
        found = in_force(asked)
        part = _looked(asked, found.half if found else "")
        # a seed without its other part is useless, so nothing is built on it
        before = found if found and (part or not found.half) else None
        with scratch_folder() as scratch:
            folder = _workplace(scratch)
            chosen, go = plan(asked, before, folder)
            if chosen.shape is Shape.NOTHING:
                return _told(asked, chosen, before, begun, written=0)
            if attempt < tries - 1 and _moved(asked, found):
                continue
            after = _write(asked, chosen, go, before, folder)
            if after is not None and asked.by_digest:
                after = _in_force_for_good(asked, found, after)
        if after is not None:
            known = {*(before.blobs if before else ()), *(part.blobs if part else ())}
            images = [after, _looked(asked, _half_tag(asked, chosen))]
            return _told(asked, chosen, before, begun, written=_new(images, known), after=after)
    raise RegistryRefused(
        f"other saves moved {asked.store.named(asked.tag)} {tries} times during this one", remedy="save again"
    )


def in_force(asked: Saving) -> Seed | None:
    """The seed of the branch, or else of its first fallback branch that has one."""
    for tag in (asked.tag, *asked.parents):
        found = asked.store.seed(tag, asked.key, LOOK_SECONDS)
        if isinstance(found, Seed):
            return found
    return None


def _half_tag(asked: Saving, plan: SavePlan) -> str:
    """The tag of the part that a plan writes; "" if it writes none."""
    return seeds.half_tag(asked.tag, plan.half) if plan.half else ""


def _looked(asked: Saving, tag: str) -> Image | None:
    """The image of a tag; None if there is none, or for no tag."""
    return asked.store.look(tag, LOOK_SECONDS) if tag else None


def _new(images: Iterable[Image | None], known: Collection[str]) -> int:
    """Packed bytes of the layers that are not among the ``known`` digests."""
    sizes = {blob: size for i in images if i for blob, size in zip(i.blobs, i.layers, strict=True)}
    return sum(size for blob, size in sizes.items() if blob not in known)


def _moved(asked: Saving, before: Seed | None) -> bool:
    """Whether another save has replaced the seed that this save started from."""
    now = in_force(asked)
    return (now.digest if now else "") != (before.digest if before else "")


def _workplace(folder: Path) -> Path:
    for name in _SOURCES:
        (folder / name).write_bytes((shipped.folder("cache") / "seed" / name).read_bytes())
    (folder / "index").touch()
    return folder


def plan(asked: Saving, before: Seed | None, folder: Path) -> tuple[SavePlan, str]:
    """What to save, and the Go version that made it. If the mounts lack too much of the seed, fills them first and
    lists them again."""
    here, held, go = _list(asked, before, folder)
    chosen = _choose(asked, before, here, held)
    if chosen.shape is Shape.WHOLE and held and before and _loses(asked, here, held):
        # what this node has linked is newer
        mounts = [mount for mount in asked.mounts if mount.name not in asked.linked]
        restore(asked.store, before, mounts, builder=asked.builder, platforms=[asked.platform])
        here, held, go = _list(asked, before, folder)
        chosen = _choose(asked, before, here, held)
    return chosen, go


def _loses(asked: Saving, here: Sequence[CacheFile], held: Sequence[CacheFile]) -> bool:
    """Whether a whole new seed of the mounts would lose too much: of a seed that nodes share, anything at all."""
    if asked.shared:
        return lacking(here, held, _today(), asked.keeping) > 0
    return lacking(here, [u for u in held if u.kind is not Kind.PROGRAM], _today(), asked.keeping) > _LOSES


def _choose(
    asked: Saving, before: Seed | None, here: Sequence[CacheFile], held: Sequence[CacheFile] | None
) -> SavePlan:
    return plan_save(
        here,
        held,
        layers=before.layers if before else 0,
        used_modules=modules_in_use(asked.sums),
        today=_today(),
        keeping=asked.keeping,
    )


def _today() -> int:
    return int(time.time()) // DAY_SECONDS


def _list(
    asked: Saving, before: Seed | None, folder: Path
) -> tuple[tuple[CacheFile, ...], tuple[CacheFile, ...] | None, str]:
    """The units of the mounts, those of the current seed (None: unknown), and the Go version."""
    index = seeds.index_tag(before.index) if before and before.index else ""
    kept = _kept_index(asked.store, index)
    ask_index = bool(index) and asked.store.folder is None
    output = {"list": f"type=local,dest={folder / 'list'}"}
    solved = _bake(asked, folder, output, _Made(index=index if ask_index else ""))
    if solved.error and ask_index:  # perhaps the index is gone; the seed's content is then unknown
        kept, ask_index = "", False
        solved = _bake(asked, folder, output, _Made())
    if solved.error:
        raise RegistryRefused(f"the cache mounts cannot be read: {solved.error}")
    found = files_of(folder / "list", ["units", "go-version", "index"])
    text = found["index"] if ask_index else kept
    trusted = bool(before) and hashlib.sha256(text.encode()).hexdigest() == (before.index if before else "")
    go = found["go-version"].split()
    try:
        units = read_listing(found["units"])
    except ValueError:
        raise RegistryRefused("the cache mounts cannot be read: they hold a file that Go does not write") from None
    return units, read_index(text) if trusted else None, go[2] if len(go) > 2 else ""


def _write(asked: Saving, plan: SavePlan, go: str, before: Seed | None, folder: Path) -> Image | None:
    """Write the seed; return its image, without a tag if pushed by digest, or None if another save moved the tag."""
    index = write_index(plan.index)
    digest = hashlib.sha256(index.encode()).hexdigest()
    grown = before if plan.shape is Shape.GROWN else None
    half = _half_tag(asked, plan)
    for name, paths in (("units", plan.paths), ("half", plan.half)):
        (folder / name).write_text("".join(f"{path}\n" for path in paths))
    (folder / "index").write_text(index)
    labels = seeds.SeedLabels(
        key=asked.key,
        go=go,
        branch=asked.branch,
        sums=seeds.sums_digest(asked.sums),
        inputs=asked.inputs,
        index=digest,
        saved=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        size=plan.total,
        half=grown.half if grown else half,
        half_programs=grown.half_programs if grown else tuple(plan.half_programs),
    ).texts
    if asked.store.folder is not None:
        _keep_index(asked.store, seeds.index_tag(digest), index)
    tags = {"seed": asked.tag, "half": half, "index": seeds.index_tag(digest)}
    # what a new seed needs must exist before it replaces another one; and two exports to one folder collide where they
    # write the same layer, here the restoring program
    in_turn = plan.half and (before or asked.store.folder)
    for names in [("half",), ("seed", "index")] if in_turn else [("half", "seed", "index")]:
        chosen = {name: tags[name] for name in names if tags[name]}
        made = _Made(labels=labels, before=grown, half_programs=plan.half_programs, size=plan.size)
        pushed = _put(asked, folder, chosen, made).get("seed", "")
    if asked.by_digest:
        return _looked(asked, pushed)
    found = _looked(asked, asked.tag)
    return found if found and found.labels.get("dev.gobake.seed.index") == digest else None


def _in_force_for_good(asked: Saving, found: Seed | None, image: Image) -> Image | None:
    """Move the tag to a seed; None if another save moved it before, or will have moved it from the same seed."""
    began = time.monotonic()
    if _moved(asked, found):
        return None
    asked.store.name(image.digest, asked.tag, asked.builder)
    time.sleep(max(SETTLING_SECONDS, 2 * (time.monotonic() - began)))
    now = _looked(asked, asked.tag)
    return image if now and set(image.blobs) <= set(now.blobs) else None


class _Made(Struct, frozen=True, kw_only=True):
    """Values of a target of the save Dockerfile."""

    labels: Mapping[str, str] = {}
    before: Seed | None = None  # the seed that gets one more layer
    half_programs: Collection[str] = ()
    index: str = ""  # tag of the index to read
    size: int | None = None  # bytes written, unpacked; None for none

    @property
    def seconds(self) -> float:
        """Timeout of the target."""
        return SAVE_SECONDS if self.size is None else patience(None, self.size)


def _put(asked: Saving, folder: Path, tags: Mapping[str, str], made: _Made) -> Mapping[str, str]:
    """Write images to the store; return their digests. Raises RegistryRefused if that fails."""
    for kept in (False, *[True] * TRIES):
        solved = _bake(asked, folder, _outputs(asked, tags, kept=kept), made)
        if kept:  # a concurrent save whose image this removes tries again
            remove_images([f"{asked.store.place}:{tag}" for tag in tags.values()])
        if _PUSHED_BY_DOCKER not in solved.error:
            break
    if solved.error:
        raise RegistryRefused(f"{asked.store.named(asked.tag)} cannot be written: {solved.error}")
    return solved.digests


def _outputs(asked: Saving, tags: Mapping[str, str], *, kept: bool) -> dict[str, str]:
    outputs = {name: asked.store.output(tag, kept=kept) for name, tag in tags.items() if name != "index"}
    if "seed" in tags and asked.by_digest:
        outputs["seed"] = asked.store.output("")
    if "index" in tags and asked.store.folder is None:
        # gobake reads the index too, so it is packed in a format that Python unpacks
        outputs["index"] = asked.store.output(tags["index"], "compression=gzip", kept=kept)
    return outputs


def _bake(asked: Saving, folder: Path, outputs: dict[str, str], made: _Made) -> Solved:
    """Bake targets of the save Dockerfile: ``list``, ``seed``, ``half`` and ``index``, each with its output."""
    before, index = made.before, made.index
    cache_mounts(asked.builder)  # waits: while BuildKit measures a mount, a step gets an empty one instead
    write_dockerfile(
        folder,
        "save.Dockerfile",
        mounts=asked.mounts,
        halves=halves_of(asked.mounts, made.half_programs),
        go=asked.go_image,
        gobuild=asked.gobuild,
        indexed=bool(index),
        grown=before is not None,
        layer=f"{1 + (before.layers if before else 0):04}",  # a restore reads layers from last to first
    )
    stages = {"list": "list", "index": "index", "half": "half", "seed": "grown" if before else "units"}
    contexts = {"index": asked.store.context(index)} if index else {}
    contexts |= {"before": asked.store.context(before.digest)} if before else {}
    targets = {
        name: {
            "dockerfile": "save.Dockerfile",
            "target": stages[name],
            "platforms": [str(asked.platform)],
            "contexts": contexts,
            "output": [output],
            **({"labels": made.labels} if name == "seed" else {}),
        }
        for name, output in outputs.items()
    }
    return solve(targets, folder, builder=asked.builder, seconds=made.seconds, namespace=namespace_of(asked.mounts))


def _told(
    asked: Saving, plan: SavePlan, before: Seed | None, begun: float, *, written: int | None, after: Image | None = None
) -> Saved:
    """The result of a save; ``after``: the image of the new seed, None if none was written."""
    layers = before.all_layers if before else 0
    if after:
        layers = layers + 1 if plan.shape is Shape.GROWN else 1 + bool(plan.half)
    return Saved(
        shape=plan.shape,
        tag=asked.tag,
        why=plan.why,
        seconds=time.monotonic() - begun,
        digest=after.digest if after else before.digest if before else "",
        written=written,
        size=plan.size,
        total=plan.total,
        layers=layers,
        left_out=plan.left_out,
    )


# ---- indexes: in a registry an image of one file, in a folder a file


def _kept_index(store: SeedStore, name: str) -> str:
    if not (store.folder and name):
        return ""
    try:
        return store.inside.read(f"{name}.txt", seeds.LARGEST_INDEX).decode("utf-8", "replace")
    except OSError:
        return ""


def _keep_index(store: SeedStore, name: str, text: str) -> None:
    """Write an index to a store that is a folder. Raises RegistryRefused, also where a link would lead elsewhere."""
    try:
        ownership.make(store.inside)
        layouts.require_plain(store.inside)
        store.inside.write(f"{name}.txt", text.encode())
    except OSError as error:
        raise RegistryRefused(f"{store.layout} cannot be written: {error.strerror}") from None
