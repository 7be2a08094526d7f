"""Policies: gobake's own, a user's, and which one holds where."""

from __future__ import annotations

from pathlib import Path

import pytest

from gobake.caching.policy import namespaces
from gobake.caching.policy.choice import CacheSettings, choose
from gobake.caching.policy.load import POLICY_NAMES, load_policy
from gobake.caching.policy.options import CacheOptions
from gobake.caching.policy.policy import Policy, Save, SaveOn
from gobake.caching.policy.policy_file import parse_policy
from gobake.checkout.ci import CIContext, CIProvider
from gobake.config.caches import CacheConfig
from gobake.config.loading import parse_config
from gobake.errors import ConfigError
from gobake.model import Bases, Project

OWN = {name: load_policy(name, Path()) for name in POLICY_NAMES}
FORK = CIContext(kind=CIProvider.GITHUB, branch="feature", base_branch="main", pull_request=True, fork=True)
GOOD = """\
layers: {import: true, export: true}
mounts: {trusted: true}
seeds: {restore: false}
history: {read: true, write: false}
"""


def project(registry: str = "", root: str = "/shop") -> Project:
    return Project(
        name="shop",
        root=Path(root),
        context=Path(root),
        services=(),
        bases=Bases(go="golang:1.26"),
        go_version="1.26",
        registry=registry,
        config_file=Path(root) / "gobake.yaml",
    )


def chosen(
    around: CIContext, *, config: str = "", policy: str = "", store: str = "", registry: str = ""
) -> CacheSettings:
    section = (
        parse_config(f"cache: {{{config}}}".encode(), Path("/shop/gobake.yaml")).cache if config else CacheConfig()
    )
    return choose(project(registry), section, around, CacheOptions(policy=policy, store=store, said_from=Path("/here")))


def terminal(branch: str = "feature") -> CIContext:
    return CIContext(kind=CIProvider.TERMINAL, branch=branch)


def branch(name: str = "feature") -> CIContext:
    return CIContext(kind=CIProvider.GITHUB, branch=name)


# ---- what they say


def test_a_terminal_writes_nothing_and_starts_from_seeds() -> None:
    dev = OWN["dev"]
    assert not dev.writes
    assert dev.seeds.restore
    assert dev.mounts.trusted


def test_a_branch_in_ci_writes_layers_and_main_saves_seeds_for_all() -> None:
    policy = OWN["ci-branch"]
    assert (policy.layers.imports, policy.layers.exports) == (True, True)
    assert (policy.layers.mode, policy.layers.compression) == ("auto", "zstd")
    assert (policy.seeds.save, policy.seeds.save_on) == (Save.COMPILED, SaveOn.MAIN)


def test_a_pull_request_reads_and_never_writes_and_its_mounts_are_kept_apart() -> None:
    policy = OWN["ci-pull-request"]
    assert policy.layers.imports
    assert policy.seeds.restore
    assert not policy.writes
    assert not policy.mounts.trusted


def test_a_release_writes_on_every_branch() -> None:
    assert OWN["release"].layers.exports
    assert OWN["release"].seeds.save_on is SaveOn.EVERY_BRANCH


@pytest.mark.parametrize("policy", OWN.values(), ids=str)
def test_read_only_takes_every_way_to_write_away(policy: Policy) -> None:
    clamped = policy.read_only()
    assert not clamped.writes
    assert not clamped.mounts.trusted
    assert clamped.layers.imports is policy.layers.imports


# ---- a file of the user's


def test_a_users_policy_says_what_it_must_and_has_defaults_for_the_rest(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)
    mine = load_policy("mine.yaml", tmp_path)
    assert (mine.name, mine.layers.mode, mine.seeds.save) == ("mine.yaml", "auto", Save.NEVER)


@pytest.mark.parametrize(
    ("change", "where", "says"),
    [
        (("export: true", "exports: true"), ":1:24: layers.exports", "unknown key 'exports'; did you mean 'export'?"),
        (("trusted: true", "trusted: maybe"), ":2:19: mounts.trusted", "must be true or false"),
        (("restore: false", "restore: false, save: often"), ":3:31: seeds.save", "one of never, compiled, always"),
        (("history: {read: true, write: false}\n", ""), ":1:1", "history is missing"),
        (("import: true, ", ""), ":1:1: layers", "import is missing"),
    ],
)
def test_a_mistake_is_named_with_its_place(change: tuple[str, str], where: str, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_policy(GOOD.replace(*change).encode(), Path("mine.yaml"), "mine")
    assert str(raised.value).startswith(f"mine.yaml{where}")
    assert says in str(raised.value)


def test_a_policy_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown cache policy 'relase'; one of dev, ci-branch"):
        load_policy("relase", tmp_path)
    with pytest.raises(ConfigError, match=r"there is no such file"):
        load_policy("./relase.yaml", tmp_path)


# ---- which one holds


@pytest.mark.parametrize(
    ("around", "name"),
    [
        (terminal(), "dev"),
        (branch(), "ci-branch"),
        (CIContext(kind=CIProvider.GITLAB, tag="v1"), "release"),
        (CIContext(kind=CIProvider.GITLAB, branch="f", pull_request=True), "ci-pull-request"),
        (CIContext(kind=CIProvider.CI, branch="f"), "ci-pull-request"),
    ],
)
def test_without_a_word_the_environment_decides(around: CIContext, name: str) -> None:
    assert chosen(around).policy.name == name


def test_command_line_goes_before_branches_and_these_before_the_configured_policy() -> None:
    config = 'policy: ci-pull-request, branches: {"release/*": release, "*": dev}'
    assert chosen(branch("release/1"), config=config, policy="ci-branch").policy.name == "ci-branch"
    assert chosen(branch("release/1"), config=config).policy.name == "release"
    assert chosen(branch("x"), config=config).policy.name == "dev"
    assert chosen(terminal("release/1"), config=config).policy.name == "ci-pull-request"


@pytest.mark.parametrize(
    "around",
    [
        CIContext(kind=CIProvider.GITHUB, branch="release/1", base_branch="main", pull_request=True),
        CIContext(kind=CIProvider.GITHUB, branch="release/1", base_branch="main", pull_request=True, fork=True),
        CIContext(kind=CIProvider.GITHUB, branch="release/1", doubt="nobody knows whose it is"),
    ],
    ids=["a pull request", "a fork's", "in doubt"],
)
def test_a_branch_that_nobody_has_agreed_to_gets_no_policy_by_its_name(around: CIContext) -> None:
    assert chosen(around, config='branches: {"release/*": release}').policy.name == "ci-pull-request"


def test_settings_of_gobake_yaml_hold_over_those_of_the_policy() -> None:
    layers = chosen(branch(), config="layers: {compression: gzip, mode: min}").policy.layers
    assert (layers.compression, layers.mode, layers.exports) == ("gzip", "min", True)


@pytest.mark.parametrize(
    ("config", "policy", "store", "mode"),
    [
        ("seeds: {}", "ci-branch", "ghcr.io/acme/cache", "min"),
        ("seeds: {}", "ci-pull-request", "ghcr.io/acme/cache", "min"),
        ("seeds: {}", "ci-branch", "", "max"),
        ("layers: {mode: max}", "ci-branch", "ghcr.io/acme/cache", "max"),
        ("seeds: {}", "seedless.yaml", "ghcr.io/acme/cache", "max"),
    ],
    ids=["seeds", "as a reader expects it", "no store", "said by the user", "no seeds"],
)
def test_the_compile_stays_out_of_layer_caches_where_seeds_warm_the_mounts(
    config: str, policy: str, store: str, mode: str, tmp_path: Path
) -> None:
    (tmp_path / "seedless.yaml").write_text(GOOD)
    section = parse_config(f"cache: {{{config}}}".encode(), Path("/shop/gobake.yaml")).cache
    wish = CacheOptions(policy=policy, store=store, said_from=tmp_path)
    choice = choose(project(), section, branch(), wish)
    assert choice.settled().policy.layers.mode == mode
    assert choice.settled(sessions_last=False).policy.layers.mode == "max"


@pytest.mark.parametrize("policy", ["release", "ci-branch"])
def test_a_fork_never_writes_whatever_is_asked(policy: str) -> None:
    choice = chosen(FORK, policy=policy, registry="ghcr.io/acme")
    assert not choice.policy.writes
    assert not choice.policy.mounts.trusted
    assert choice.own == ""
    assert choice.notes == (f"policy {policy} writes, and a pull request from a fork may not: caches are read only",)


def test_a_forks_own_policy_needs_no_remark() -> None:
    assert chosen(FORK).notes == ()


def test_a_policy_that_writes_nothing_and_uses_mains_mounts_is_told_to_a_fork_too() -> None:
    choice = chosen(FORK, policy="dev")
    assert choice.notes == ("policy dev writes, and a pull request from a fork may not: caches are read only",)
    assert not choice.policy.mounts.trusted


# ---- the store


def test_a_terminal_has_no_store_and_ci_has_one_beside_the_images() -> None:
    assert chosen(terminal(), registry="ghcr.io/acme").store is None
    assert chosen(branch()).store is None
    store = chosen(branch(), registry="ghcr.io/acme").store
    assert store
    assert store.reference("x") == "ghcr.io/acme/shop-cache:x"


def test_where_there_is_no_store_the_reason_is_told() -> None:
    assert chosen(terminal(), registry="ghcr.io/acme").why_store == "none is configured"
    assert chosen(branch()).why_store == "there is no registry to keep it in"
    assert chosen(branch(), registry="ghcr.io/acme").why_store == "beside the images"


def test_a_folder_is_seen_from_where_it_is_written() -> None:
    for given, folder in (
        ({"config": "store: .gobake/cache"}, "/shop/.gobake/cache"),
        ({"store": "./cache"}, "/here/cache"),
        ({"store": "/var/cache/shop"}, "/var/cache/shop"),
    ):
        store = chosen(branch(), **given).store
        assert store
        assert store.folder == Path(folder)
        assert store.shown == folder


def test_a_policy_that_was_read_before_is_the_same_and_a_changed_one_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD.replace("export: true", "export: true, backends: [store, {type: s3, bucket: b, region: r}]"))
    first = load_policy("mine.yaml", tmp_path)
    assert load_policy("mine.yaml", tmp_path) == first
    file.write_text(GOOD.replace("trusted: true", "trusted: false"))
    assert load_policy("mine.yaml", tmp_path) == parse_policy(file.read_bytes(), file, "mine.yaml") != first


# ---- namespaces


def test_a_run_whose_mounts_are_kept_apart_is_told_why() -> None:
    assert "no layers are read" in namespaces.told("untrusted")[0]
    assert "neither main nor protected" in namespaces.told("branch")[0]
    assert namespaces.told("") == ()
