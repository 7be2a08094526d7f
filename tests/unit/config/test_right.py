"""gobake.yaml that is right: what it means, and where it says it."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from msgspec.structs import asdict

from gobake.config.caches import CACHE_FIELDS, LAYER_FIELDS, SEED_FIELDS, Backend, CacheConfig
from gobake.config.fields import Field
from gobake.config.finding import load_config
from gobake.config.json_schema import schema
from gobake.config.loading import parse_config
from gobake.config.service import ServiceConfig, merged
from gobake.config.values import Config
from gobake.errors import ConfigError
from gobake.model import ExtraFile, HealthCheck, Platform, Smoke, Strategy
from tests.conftest import REPOSITORY

FILE = Path("gobake.yaml")
FULL = """\
name: shop
registry: ghcr.io/acme/
go: 1.20
source_url: https://github.com/acme/shop
include: [./schema/*.graphql, "assets/**"]
prebuilt: out/{arch}{variant}/{service}
provenance: false
discover: true
bases:
  go: golang:1.26-alpine
  alpine: localhost:5000/library/alpine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
defaults:
  platforms: [linux/amd64, linux/aarch64]
  labels: {team: payments, tier: "1"}
  env: {TZ: UTC}
services:
  api:
    package: ./cmd/api/
    strategy: distroless
    strategies: [scratch, distroless]
    platforms: [linux/arm/v7]
    tags: [stable, 1.10, "{{major}}.{{ minor }}", "x-{{branch}}"]
    build_tags: [netgo]
    ldflags: -s -w -X main.channel=$CHANNEL
    trimpath: false
    build_env: {CGO_ENABLED: 1, CC: "zig cc -target x86_64-linux-musl"}
    version_stamp: github.com/acme/shop/internal/build.Version
    entrypoint: [/usr/local/bin/api, serve]
    args: [--listen, ":8080", no, ""]
    ports: [8080, 53/udp, 9090/tcp]
    user: 1000:50
    labels: {tier: "2", 'com.acme/owner': 'O''Neil "the \\ boss" ${x} %{y}'}
    env: {PORT: 0x10, DEBUG: on, EMPTY: ""}
    files:
      - config/app.toml:/etc/app.toml
      - {source: ./my assets, target: /srv/assets}
    workdir: /data/
    health: /healthz?full=1
    zoneinfo: true
    base: ./build/base.Dockerfile
    data: [/data, /srv/state/]
    tmp: true
    volumes: [/data]
    healthcheck: {command: [/usr/local/bin/api, -health], interval: 10s, timeout: 1m30s, start_period: 500ms, retries: 5}
    smoke: {args: [--store, memory], env: {B: 1, A: x}, path: /readyz, port: 9090, timeout: 1m30s}
    stamps: {main.commit: "{revision}", main.odd: "$X {{}} ü it's {date}"}
    annotations: {"index:com.acme/team": "a b", com.acme.tier: 2}
    compression: zstd
  worker:
push: {registries: [docker.io/acme/, "localhost:5000"], immutable: [v*, "[0-9]*"]}
"""


def config(text: str) -> Config:
    return parse_config(text.encode(), FILE)


def service(text: str) -> ServiceConfig:
    """The service of a configuration with one, from the flow mapping of its settings."""
    return config(f"services: {{api: {{{text}}}}}").services[0]


def defaults(text: str) -> ServiceConfig:
    return config(f"defaults: {{{text}}}").defaults


# ---- meaning


def test_every_key_of_the_file_is_read() -> None:
    full = config(FULL)
    assert (full.name, full.registry, full.go, full.source_url) == (
        "shop",
        "ghcr.io/acme",
        "1.20",
        "https://github.com/acme/shop",
    )
    assert (full.push.registries, full.push.immutable) == (("docker.io/acme", "localhost:5000"), ("v*", "[0-9]*"))
    assert full.include == ("schema/*.graphql", "assets/**")
    assert (full.prebuilt, full.provenance, full.discover) == ("out/{arch}{variant}/{service}", "false", True)
    assert set(full.bases) == {"go", "alpine"}
    assert full.defaults.platforms == (Platform(os="linux", arch="amd64"), Platform(os="linux", arch="arm64"))


def test_every_key_of_a_service_is_read() -> None:
    api, worker = config(FULL).services
    read = {name: value for name, value in asdict(api).items() if name not in ("where", "places")}
    assert read == {
        "name": "api",
        "package": "./cmd/api",
        "strategy": Strategy.DISTROLESS,
        "strategies": (Strategy.SCRATCH, Strategy.DISTROLESS),
        "platforms": (Platform(os="linux", arch="arm", variant="v7"),),
        "tags": ("stable", "1.10", "{{major}}.{{ minor }}", "x-{{branch}}"),
        "build_tags": ("netgo",),
        "ldflags": "-s -w -X main.channel=$CHANNEL",
        "trimpath": False,
        "build_env": {"CGO_ENABLED": "1", "CC": "zig cc -target x86_64-linux-musl"},
        "vcs": None,
        "version_stamp": "github.com/acme/shop/internal/build.Version",
        "stamps": {"main.commit": "{revision}", "main.odd": "$X {{}} ü it's {date}"},
        "entrypoint": ("/usr/local/bin/api", "serve"),
        "args": ("--listen", ":8080", "no", ""),
        "ports": ("8080", "53/udp", "9090"),
        "user": "1000:50",
        "annotations": {"index:com.acme/team": "a b", "com.acme.tier": "2"},
        "compression": "zstd",
        "labels": {"tier": "2", "com.acme/owner": 'O\'Neil "the \\ boss" ${x} %{y}'},
        "env": {"PORT": "0x10", "DEBUG": "on", "EMPTY": ""},
        "files": (
            ExtraFile(source=PurePosixPath("config/app.toml"), target=PurePosixPath("/etc/app.toml")),
            ExtraFile(source=PurePosixPath("my assets"), target=PurePosixPath("/srv/assets")),
        ),
        "workdir": "/data",
        "health": "/healthz?full=1",
        "zoneinfo": True,
        "base": "./build/base.Dockerfile",
        "data": ("/data", "/srv/state"),
        "tmp": True,
        "volumes": ("/data",),
        "healthcheck": HealthCheck(
            command=("/usr/local/bin/api", "-health"),
            interval="10s",
            timeout="1m30s",
            start_period="500ms",
            retries=5,
        ),
        "smoke": Smoke(
            args=("--store", "memory"), env=(("A", "x"), ("B", "1")), path="/readyz", port=9090, timeout="1m30s"
        ),
        "binaries": None,
    }
    assert (worker.name, worker.package, worker.strategy) == ("worker", None, None)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "{}", "\ufeff", "defaults:\n", "~"])
def test_a_file_that_says_nothing_finds_services_itself(text: str) -> None:
    empty = config(text)
    assert empty.services == ()
    assert empty.discover
    assert empty.defaults == ServiceConfig(name="", where=empty.defaults.where)


def test_listed_services_are_the_only_ones_unless_others_are_asked_for() -> None:
    assert not config("services: {api: }").discover
    assert config("discover: true\nservices: {api: }").discover


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("user: 0", "user", "0"),
        ("user: 1000650000", "user", "1000650000"),
        ("workdir: /", "workdir", "/"),
        ('workdir: ""', "workdir", ""),
        ('health: ""', "health", ""),
        ('version_stamp: ""', "version_stamp", ""),
        ('ldflags: ""', "ldflags", ""),
        ("platforms: []", "platforms", ()),
        ("package: .", "package", "."),
        ("package: github.com/acme/go.tools/cmd/x_y", "package", "github.com/acme/go.tools/cmd/x_y"),
        ("ports: [65535]", "ports", ("65535",)),
        ("trimpath: FALSE", "trimpath", False),
        ("args: [a, a]", "args", ("a", "a")),
        ("tags: [v1.0, 07, no]", "tags", ("v1.0", "07", "no")),
        ("package: ./.github/tools/x.y", "package", "./.github/tools/x.y"),
    ],
)
def test_values_at_the_edge_of_what_is_allowed(text: str, key: str, value: object) -> None:
    assert getattr(service(text), key) == value


@pytest.mark.parametrize("word", ["no", "on", "yes", "1.20", "0x10", "1e3", "12:30:45", "2001-01-01", "010", ".5", "="])
def test_text_is_taken_as_it_is_written(word: str) -> None:
    assert service(f"env: {{A: {word}}}").env == {"A": word}


@pytest.mark.parametrize(
    "reference",
    ["alpine", "acme/api:1", "ghcr.io/acme/api:V1.0_x", "localhost/x", "host:5000/a__b/c--d", "[::1]:5000/x"],
)
def test_references_and_prefixes_follow_the_distribution_grammar(reference: str) -> None:
    assert config(f"bases: {{upx: '{reference}'}}").bases == {"upx": reference}


@pytest.mark.parametrize("prefix", ["acme", "ghcr.io", "ghcr.io/acme", "localhost:5000/x", "my-host:5000", "localhost"])
def test_registry_prefixes(prefix: str) -> None:
    assert config(f"registry: {prefix}").registry == prefix


def test_settings_can_be_shared_by_anchors_and_merge_keys() -> None:
    shared = config(
        "defaults: {env: &env {A: 1, B: 2}}\n"
        "services:\n"
        "  api: &api {ports: [80], env: {<<: *env, B: 3}}\n"
        "  web: {<<: [*api, {zoneinfo: true, ports: [81]}], user: 1}\n"
        "  raw: *api\n"
    )
    api, web, raw = shared.services
    assert api.env == {"A": "1", "B": "3"}
    assert (web.ports, web.env, web.zoneinfo, web.user) == (("80",), api.env, True, "1")
    assert raw.ports == ("80",)


# ---- defaults


def test_what_a_service_leaves_unsaid_comes_from_the_defaults() -> None:
    common = defaults("strategy: alpine, ports: [80], args: [x], health: /up, zoneinfo: true, tags: [a]")
    result = merged(service("ports: [81], args: [], health: '', zoneinfo: false, package: ./x"), common)
    assert (result.strategy, result.ports, result.args) == (Strategy.ALPINE, ("81",), ())
    assert (result.health, result.zoneinfo, result.tags) == ("", False, ("a",))
    assert (result.name, result.package, result.user) == ("api", "./x", None)


@pytest.mark.parametrize("key", ["labels", "env", "build_env"])
def test_labels_and_environments_are_joined_key_by_key(key: str) -> None:
    result = merged(service(f"{key}: {{B: own, C: own}}"), defaults(f"{key}: {{A: all, B: all}}"))
    assert getattr(result, key) == {"A": "all", "B": "own", "C": "own"}
    assert getattr(merged(service(""), defaults(f"{key}: {{A: all}}")), key) == {"A": "all"}
    assert getattr(merged(service(f"{key}: {{A: own}}"), defaults("")), key) == {"A": "own"}


def test_a_merged_service_knows_where_each_of_its_settings_was_written() -> None:
    text = "defaults:\n  ports: [80, 81]\n  env:\n    A: 1\nservices:\n  api:\n    ports: [82]\n    env:\n      B: 2\n"
    whole = config(text)
    result = merged(whole.services[0], whole.defaults)
    lines = {key: result.where_of(key).line for key in ("ports", "ports.0", "ports.1", "env.A", "env.B", "user")}
    assert lines == {"ports": 7, "ports.0": 7, "ports.1": 7, "env.A": 4, "env.B": 9, "user": 6}


def test_values_cannot_be_changed() -> None:
    api = service("env: {A: 1}")
    assert api.env is not None
    with pytest.raises(TypeError):
        api.env["A"] = "2"  # type: ignore[index]
    with pytest.raises(AttributeError, match="immutable"):
        api.name = "web"  # type: ignore[misc]


# ---- places


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("name", "gobake.yaml:1:7: name"),
        ("bases", "gobake.yaml:9:1: bases"),
        ("bases.go", "gobake.yaml:10:7: bases.go"),
        ("bases.upx", "gobake.yaml:9:1: bases.upx"),
        ("services.api", "gobake.yaml:17:3: services.api"),
        ("services.api.package", "gobake.yaml:18:14: services.api.package"),
        ("services.api.files", "gobake.yaml:34:5: services.api.files"),
        ("services.api.files.1.target", "gobake.yaml:36:39: services.api.files.1.target"),
        ("services.api.env.PORT", "gobake.yaml:33:17: services.api.env.PORT"),
        ("services.worker.package", "gobake.yaml:49:3: services.worker.package"),
        ("services.worker.platforms", "gobake.yaml:13:3: defaults.platforms"),
        ("nothing", "gobake.yaml: nothing"),
    ],
)
def test_later_stages_can_point_at_every_key(key: str, place: str) -> None:
    assert str(config(FULL).where_of(key)) == place


def test_a_service_points_at_its_own_keys() -> None:
    api, worker = config(FULL).services
    assert str(api.where) == "gobake.yaml:17:3: services.api"
    assert str(api.where_of("package")) == "gobake.yaml:18:14: services.api.package"
    assert str(api.where_of("labels.com.acme/owner")) == "gobake.yaml:32:43: services.api.labels.com.acme/owner"
    assert str(worker.where_of("package")) == "gobake.yaml:49:3: services.worker.package"


# ---- files


def test_the_file_in_the_root_is_read_or_the_one_that_is_named(tmp_path: Path) -> None:
    assert load_config(tmp_path) is None
    (tmp_path / "gobake.yaml").write_text("name: here")
    (tmp_path / "other.yaml").write_text("name: there")
    here, there = load_config(tmp_path), load_config(tmp_path, tmp_path / "other.yaml")
    assert here is not None
    assert there is not None
    assert (here.name, there.name, there.file) == ("here", "there", tmp_path / "other.yaml")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: (root / "gobake.yaml").mkdir(), "gobake.yaml: cannot be read: Is a directory"),
        (lambda root: (root / "gobake.yml").touch(), "gobake.yml: is not read under this name; call it gobake.yaml"),
    ],
)
def test_a_file_that_cannot_serve_is_not_passed_over(make: Any, message: str, tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_config(tmp_path)


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"other.yaml: there is no such file; check --config"):
        load_config(tmp_path, tmp_path / "other.yaml")


def test_the_example_is_right() -> None:
    example = load_config(REPOSITORY / "examples" / "shop")
    assert example is not None
    assert [s.name for s in example.services] == ["api", "worker", "shopctl", "migrate"]


def test_the_schema_admits_all_of_it() -> None:
    assert not list(Draft202012Validator(schema()).iter_errors(yaml.safe_load(FULL)))


# ---- caches


def test_every_key_of_cache_is_read() -> None:
    found = config(
        """
        cache:
          policy: ./ci/cache.yaml
          store: ghcr.io/acme/shop-cache
          main_branch: trunk
          branches: {"release/*": release}
          layers: {mode: min, compression: gzip, backends: [store, {type: s3, bucket: b, region: r}]}
          seeds: {unused_days: 30, budget: 1.5GiB, layers: 4}
        """
    ).cache
    assert (found.policy, found.store, found.main_branch) == ("./ci/cache.yaml", "ghcr.io/acme/shop-cache", "trunk")
    assert dict(found.branches) == {"release/*": "release"}
    assert (found.layers.mode, found.layers.compression) == ("min", "gzip")
    assert found.layers.backends == (
        Backend(type="store"),
        Backend(type="s3", attributes=(("bucket", "b"), ("region", "r"))),
    )
    assert (found.seeds.unused_days, found.seeds.budget, found.seeds.layers) == (30, 3 << 29, 4)


def test_without_cache_the_defaults_hold() -> None:
    assert config("").cache == CacheConfig()
    assert (CacheConfig().seeds.unused_days, CacheConfig().seeds.budget, CacheConfig().seeds.layers) == (14, None, 8)


@pytest.mark.parametrize(
    ("said", "size"), [("4GB", 4 * 10**9), ("500 MiB", 500 << 20), ("10kB", 10_000), ("7", 7), ("2TB", 2 * 10**12)]
)
def test_sizes_have_units(said: str, size: int) -> None:
    assert config(f"cache: {{seeds: {{budget: {said}}}}}").cache.seeds.budget == size


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("store: https://ghcr.io/acme/cache", "is a URL; leave https:// away"),
        ("store: s3://bucket", "'s3://bucket' is neither a registry's repository nor a folder"),
        ("store: ghcr.io/acme/cache:tag", "is no cache store"),
        ("store: './a,mode=max'", "is no cache store"),
        ("seeds: {budget: 4 bananas}", "is no size; a number with a unit, such as 4GB"),
        ("seeds: {unused_days: 0}", "is no number of days from 1 to 3650"),
        ("seeds: {layers: 8.5}", "is no number of layers from 1 to 100"),
        ("layers: {export: true}", "unknown key 'export'"),
        ("layers: {backends: [s3]}", "s3 needs bucket"),
        ("layers: {backends: [{type: gha, bucket: b}]}", "'bucket' is no attribute of gha"),
        ("layers: {backends: [{type: gha, token: geheim}]}", "token is a secret and does not belong into a file"),
        ("layers: {backends: [{type: gha, scope: x}]}", "scope is gobake's own to write"),
        ("layers: {backends: [{type: s3, bucket: 'b,mode=min', region: r}]}", "is no attribute of a cache backend"),
        ("layers: {backends: [{bucket: b}]}", "type is missing"),
        ("main_branch: a..b", "is no branch"),
    ],
)
def test_a_mistake_in_cache_is_named(said: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as raised:
        config(f"cache: {{{said}}}")
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(("under", "table"), [("", CACHE_FIELDS), ("layers", LAYER_FIELDS), ("seeds", SEED_FIELDS)])
def test_every_example_and_default_of_cache_is_right(under: str, table: tuple[Field, ...]) -> None:
    for field in table:
        for value in (field.example, field.default):
            if value is not None:
                inner = f"{{{field.name}: {value}}}"
                text = f"cache: {{{under}: {inner}}}" if under else f"cache: {inner}"
                config(text)
                assert not list(Draft202012Validator(schema()).iter_errors(yaml.safe_load(text)))
