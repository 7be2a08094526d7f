"""Layer caches of every target: refs, their order, and the exact words of BuildKit's backends."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePosixPath

import pytest
from msgspec.structs import replace

from gobake.caching.layers import oci_folder
from gobake.caching.layers.plan import Builders, LayerPlan, layer_caches
from gobake.caching.layers.record import begin
from gobake.caching.policy.choice import CacheSettings
from gobake.caching.policy.load import load_policy
from gobake.caching.policy.place import CacheStore
from gobake.checkout.ci import CIContext, CIProvider
from gobake.config.loading import parse_config
from gobake.model import Bases, Platform, Project, Service, Strategy
from gobake.recipe import bakefile
from gobake.recipe.bakefile import Places
from gobake.recipe.cache_entry import CacheEntry
from gobake.targets.matrix import Selection, select
from gobake.targets.shards import By, split, work_of

AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")
BOTH = (AMD64, ARM64)
STORE = CacheStore(repository="ghcr.io/acme/shop-cache")
PULL_REQUEST = CIContext(kind=CIProvider.GITHUB, branch="feature/x", base_branch="next", pull_request=True)
BRANCH = CIContext(kind=CIProvider.GITHUB, branch="feature")


def project(*names: str, registry: str = "") -> Project:
    services = tuple(
        Service(
            name=name,
            package=f"example.com/shop/{name}",
            binary=name,
            directory=PurePosixPath(name),
            build_root=PurePosixPath("."),
            strategies=(Strategy.SCRATCH, Strategy.ALPINE),
        )
        for name in names or ("api",)
    )
    return Project(
        name="shop",
        root=Path("/shop"),
        context=Path("/shop"),
        services=services,
        bases=Bases(go="golang:1.26"),
        go_version="1.26",
        registry=registry,
    )


def choice(
    around: CIContext = BRANCH,
    *,
    policy: str = "ci-branch",
    store: CacheStore | None = STORE,
    layers: str = "mode: max",
) -> CacheSettings:
    said = parse_config(f"cache: {{layers: {{{layers}}}}}".encode(), Path("gobake.yaml")).cache.layers
    settled = load_policy(policy, Path()).with_layers(said).settled(stored=store is not None)
    return CacheSettings(policy=settled, why="", surroundings=around, store=store, why_store="")


def planned(
    caches: CacheSettings,
    *services: str,
    platforms: tuple[Platform, ...] = BOTH,
    builder: Builders | None = None,
    every: bool = False,
    registry: str = "",
) -> LayerPlan:
    found = project(*services, registry=registry)
    matrix = select(found, Selection(platforms=platforms, every_strategy=every), platforms)
    return layer_caches(found, matrix, caches, builder or Builders(), "v1")


def exported(plan: LayerPlan, target: str) -> tuple[CacheEntry, ...]:
    return tuple(entry for _, entries in plan.targets[target].exports for entry in entries)


def refs(entries: tuple[CacheEntry, ...]) -> list[str]:
    return [entry.name.removeprefix("ghcr.io/acme/shop-cache:layers-") for entry in entries]


# ---- refs


def test_every_target_exports_to_a_ref_of_its_own() -> None:
    plan = planned(choice(), "api", "worker", "a.b", "a-b", every=True)
    names = [entry.name for target in plan.targets for entry in exported(plan, target)]
    assert len(names) == 4 * 2 + 1
    assert len(set(names)) == len(names)


def test_imports_come_from_the_own_branch_then_the_base_then_main() -> None:
    plan = planned(choice(PULL_REQUEST, policy="ci-pull-request"))
    assert refs(plan.targets["api-scratch"].imports) == [
        "shop.api-scratch.all.feature-x-217d2bf51f16",
        "shop.api-scratch.all.next",
        "shop.api-scratch.all.main",
    ]
    assert exported(plan, "api-scratch") == ()


def test_a_forks_pull_request_does_not_read_a_branch_that_has_its_branchs_name() -> None:
    plan = planned(choice(replace(PULL_REQUEST, branch="secret", fork=True), policy="ci-pull-request"))
    assert refs(plan.targets["api-scratch"].imports) == ["shop.api-scratch.all.next", "shop.api-scratch.all.main"]


def test_a_run_without_a_branch_has_nowhere_to_write() -> None:
    plan = planned(choice(CIContext(kind=CIProvider.TERMINAL)))
    assert refs(plan.targets["api-scratch"].imports) == ["shop.api-scratch.all.main"]
    assert all(not cache.exports for cache in plan.targets.values())


def test_one_platform_has_a_ref_of_its_own_and_also_reads_that_of_all() -> None:
    plan = planned(choice(), platforms=(ARM64,))
    assert refs(exported(plan, "api-scratch")) == ["shop.api-scratch.arm64.feature"]
    assert refs(plan.targets["api-scratch"].imports) == [
        "shop.api-scratch.arm64.feature",
        "shop.api-scratch.all.feature",
        "shop.api-scratch.arm64.main",
        "shop.api-scratch.all.main",
    ]


@pytest.mark.parametrize("by", By)
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 40])
def test_no_two_shards_write_the_same_ref(by: By, count: int) -> None:
    platforms = (*BOTH, Platform.parse("linux/arm/v7"), Platform.parse("linux/riscv64"))
    found = project("api", "worker", "web")
    whole = select(found, Selection(platforms=platforms, every_strategy=True), ())
    written: list[str] = []
    for shard in split(work_of(whole.targets, {}), by, count):
        selection = Selection(services=shard.services, parts=shard.parts, every_strategy=True)
        plan = layer_caches(found, select(found, selection, ()), choice(), Builders())
        written += [entry.name for target in plan.targets for entry in exported(plan, target)]
    assert len(set(written)) == len(written) > 0


def test_without_the_results_of_all_steps_the_compile_is_in_no_ref() -> None:
    plan = planned(choice(layers="mode: min"), "api", "worker")
    assert list(plan.targets) == ["api-scratch", "worker-scratch"]
    assert plan.exporters == ()
    assert plan.later == ("api-scratch--layers", "worker-scratch--layers")
    assert exported(plan, "api-scratch")[0].get("mode") == "min"


def test_the_compile_has_a_ref_for_every_set_of_services() -> None:
    names = {refs(exported(planned(choice(), *s), "trace"))[0] for s in (("api",), ("worker",), ("api", "worker"))}
    assert len(names) == 3
    assert refs(exported(planned(choice(), "api"), "trace"))[0] in names
    assert all(name.startswith("shop.compile_") for name in names)


def test_several_nodes_export_each_its_platform_by_a_target_that_makes_no_image() -> None:
    found = project()
    matrix = select(found, Selection(platforms=BOTH), BOTH)
    plan = layer_caches(found, matrix, choice(), Builders(several_nodes=True))
    assert plan.exporters == ("trace--linux-amd64", "trace--linux-arm64")
    assert plan.later == ("api-scratch--linux-amd64", "api-scratch--linux-arm64")
    places = Places(context=".", dockerfile="Dockerfile", prebuilt="dist")
    targets = json.loads(bakefile.render(found, matrix, places, plan.targets))["target"]
    assert "cache-to" not in targets["api-scratch"]
    one = targets["api-scratch--linux-arm64"]
    assert (one["inherits"], one["platforms"], one["output"]) == (["api-scratch"], ["linux/arm64"], ["type=cacheonly"])
    assert refs(tuple(map(CacheEntry.parse, one["cache-to"]))) == ["shop.api-scratch.arm64.feature"]
    assert refs(tuple(map(CacheEntry.parse, targets["api-scratch"]["cache-from"])))[:2] == [
        "shop.api-scratch.amd64.feature",
        "shop.api-scratch.arm64.feature",
    ]


def test_several_nodes_that_build_one_platform_export_it_with_the_image() -> None:
    plan = planned(choice(), platforms=(ARM64,), builder=Builders(several_nodes=True))
    assert [platform for platform, _ in plan.targets["api-scratch"].exports] == [None]
    assert (plan.exporters, plan.later) == ((), ("api-scratch--layers",))


def test_a_policy_that_does_not_import_reads_nothing() -> None:
    caches = choice()
    caches = replace(caches, policy=replace(caches.policy, layers=replace(caches.policy.layers, imports=False)))
    plan = planned(caches)
    assert all(cache.exports and not cache.imports for cache in plan.targets.values())


def test_a_plan_can_do_without_what_it_would_read() -> None:
    plan = planned(choice()).without_imports()
    assert all(cache.exports and not cache.imports for cache in plan.targets.values())


# ---- the bake file


def test_a_bake_file_has_caches_only_when_they_are_given() -> None:
    found = project()
    matrix = select(found, Selection(platforms=BOTH), BOTH)
    places = Places(context=".", dockerfile="Dockerfile", prebuilt="dist")
    assert "cache-" not in bakefile.render(found, matrix, places)
    plan = layer_caches(found, matrix, choice(), Builders())
    targets = json.loads(bakefile.render(found, matrix, places, plan.targets))["target"]
    assert (plan.exporters, plan.later) == ((), ("api-scratch--layers",))
    after = targets["api-scratch--layers"]
    assert (after["inherits"], after["output"], after["tags"]) == (["api-scratch"], ["type=cacheonly"], [])
    assert after["cache-to"] == [*map(str, exported(plan, "api-scratch"))]
    assert targets["trace"]["cache-to"] == [*map(str, exported(plan, "trace"))]
    assert "cache-to" not in targets["api-scratch"]
    assert targets["trace"]["cache-from"] == [*map(str, plan.targets["trace"].imports)]
    assert "cache-to" not in targets["_base"]


def test_an_inline_cache_is_written_with_the_image() -> None:
    found = project(registry="ghcr.io/acme")
    matrix = select(found, Selection(platforms=BOTH), BOTH)
    plan = layer_caches(found, matrix, choice(layers="backends: [inline]"), Builders())
    assert (plan.exporters, plan.later) == ((), ())
    places = Places(context=".", dockerfile="Dockerfile", prebuilt="dist")
    targets = json.loads(bakefile.render(found, matrix, places, plan.targets))["target"]
    assert targets["api-scratch"]["cache-to"] == ["type=inline"]
    assert "api-scratch--layers" not in targets


# ---- BuildKit's words (moby/buildkit README.md, "Export cache")

FIT = "compression=zstd,oci-mediatypes=true,image-manifest=true,ignore-error=true"
TAG = "layers-shop.api-scratch.all.feature"
MAIN = "layers-shop.api-scratch.all.main"


def words(
    layers: str = "mode: max", *, store: CacheStore | None = STORE, registry: str = ""
) -> tuple[list[str], list[str]]:
    """(cache-from, cache-to) of one target."""
    plan = planned(choice(store=store, layers=layers), registry=registry)
    return [*map(str, plan.targets["api-scratch"].imports)], [*map(str, exported(plan, "api-scratch"))]


def test_registry() -> None:
    assert words() == (
        [f"type=registry,ref=ghcr.io/acme/shop-cache:{TAG}", f"type=registry,ref=ghcr.io/acme/shop-cache:{MAIN}"],
        [f"type=registry,ref=ghcr.io/acme/shop-cache:{TAG},mode=max,{FIT}"],
    )


def test_local(tmp_path: Path) -> None:
    store = CacheStore(folder=tmp_path)
    assert words(store=store) == ([], [f"type=local,dest={tmp_path}/layers/{TAG},mode=max,{FIT}"])
    oci_folder.prepare(tmp_path, [MAIN])
    (oci_folder.layout(tmp_path, MAIN) / "index.json").write_text("{}")
    assert words(store=store)[0] == [f"type=local,src={tmp_path}/layers/{MAIN}"]


def test_gha() -> None:
    assert words("backends: [{type: gha, timeout: 5m}]", store=None) == (
        [f"type=gha,scope={TAG},timeout=5m", f"type=gha,scope={MAIN},timeout=5m"],
        [f"type=gha,scope={TAG},mode=max,timeout=5m,ignore-error=true"],
    )


def test_s3() -> None:
    given = "{type: s3, bucket: acme, region: eu-west-1, prefix: shop/, touch_refresh: 48h}"
    assert words(f"backends: [{given}]", store=None) == (
        [f"type=s3,bucket=acme,region=eu-west-1,prefix=shop/,name={name}" for name in (TAG, MAIN)],
        [f"type=s3,bucket=acme,region=eu-west-1,prefix=shop/,touch_refresh=48h,name={TAG},mode=max,ignore-error=true"],
    )


def test_azblob() -> None:
    given = "{type: azblob, account_url: https://acme.blob.core.windows.net, container: builds}"
    at = "type=azblob,account_url=https://acme.blob.core.windows.net,container=builds"
    assert words(f"backends: [{given}]", store=None) == (
        [f"{at},name={name}" for name in (TAG, MAIN)],
        [f"{at},name={TAG},mode=max,ignore-error=true"],
    )


def test_inline_lies_in_the_image() -> None:
    assert words("backends: [inline]", store=None, registry="ghcr.io/acme") == (
        ["type=registry,ref=ghcr.io/acme/api:v1"],
        ["type=inline"],
    )
    assert words("backends: [inline]", store=None) == ([], [])


def test_several_backends_are_read_and_written_in_their_order() -> None:
    imports, exports = words("backends: [store, gha]")
    assert [line.split(",")[0] for line in imports] == ["type=registry"] * 2 + ["type=gha"] * 2
    assert [line.split(",")[0] for line in exports] == ["type=registry", "type=gha"]


def test_without_a_store_nothing_is_read_or_written() -> None:
    assert words(store=None) == ([], [])


# ---- builders that cannot


def test_what_docker_engine_lacks_is_left_out_and_said() -> None:
    given = choice(layers="backends: [store, {type: s3, bucket: a, region: b}]")
    plan = planned(given, builder=Builders(inside_docker=True))
    assert all(entry.type != "s3" for cache in plan.targets.values() for entry in cache.imports)
    assert plan.notes == ("cache backend s3: the BuildKit of Docker Engine lacks it; use another builder",)


def test_the_classic_image_store_only_imports() -> None:
    plan = planned(choice(), builder=Builders(inside_docker=True, exports=False))
    assert plan.targets["api-scratch"].imports
    assert not plan.targets["api-scratch"].exports
    assert "containerd image store" in plan.notes[0]


# ---- a folder


def test_a_folder_that_cannot_be_written_costs_the_export_and_not_the_build(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    caches = choice(store=CacheStore(folder=tmp_path / "file"))
    plan = begin(planned(caches), caches)
    assert all(not cache.exports for cache in plan.targets.values())
    assert plan.notes[0].startswith(f"layers are not exported: {tmp_path}/file cannot be written")


def test_layouts_share_their_blobs(tmp_path: Path) -> None:
    oci_folder.prepare(tmp_path, ["a", "b"])
    oci_folder.prepare(tmp_path, ["b"])
    (oci_folder.layout(tmp_path, "a") / "blobs/sha256/1").write_text("a layer")
    assert (oci_folder.layout(tmp_path, "b") / "blobs/sha256/1").read_text() == "a layer"


def test_a_layout_that_was_copied_without_its_link_is_made_anew(tmp_path: Path) -> None:
    (oci_folder.layout(tmp_path, MAIN) / "blobs/sha256").mkdir(parents=True)
    (oci_folder.layout(tmp_path, MAIN) / "index.json").write_text("{}")
    oci_folder.prepare(tmp_path, [MAIN])
    assert (oci_folder.layout(tmp_path, MAIN) / "blobs").is_symlink()
    assert oci_folder.tags(tmp_path) == frozenset()


def keep(blobs: Path, content: bytes) -> str:
    """A blob; its digest."""
    name = hashlib.sha256(content).hexdigest()
    (blobs / name).write_bytes(content)
    return f"sha256:{name}"


def test_sweeping_deletes_old_blobs_that_no_index_leads_to(tmp_path: Path) -> None:
    oci_folder.prepare(tmp_path, ["a"])
    blobs = tmp_path / "layers/blobs/sha256"
    dead = keep(blobs, b"12345").removeprefix("sha256:")
    manifest = {"config": {"digest": keep(blobs, b"{}")}, "layers": [{"digest": keep(blobs, b"kept")}]}
    named = {"digest": keep(blobs, json.dumps(manifest).encode())}
    (oci_folder.layout(tmp_path, "a") / "index.json").write_text(json.dumps({"manifests": [named]}))
    now = (blobs / dead).stat().st_mtime
    assert oci_folder.sweep(tmp_path, now + 60) == 0  # perhaps of a run that is at work
    assert oci_folder.sweep(tmp_path, now + 2 * 24 * 3600) == 5
    assert len(list(blobs.iterdir())) == 3
    assert not (blobs / dead).exists()


@pytest.mark.parametrize(
    "index", ["", "[]", '{"manifests": [{}]}', '{"manifests": [{"digest": "sha256:' + "0" * 64 + '"}]}']
)
def test_sweeping_touches_nothing_where_an_index_cannot_be_read(tmp_path: Path, index: str) -> None:
    oci_folder.prepare(tmp_path, ["a"])
    keep(tmp_path / "layers/blobs/sha256", b"12345")
    (oci_folder.layout(tmp_path, "a") / "index.json").write_text(index)
    assert oci_folder.sweep(tmp_path, 1e12) == 0
