"""`gobake cache` on the command line, as far as it needs no engine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gobake import engine
from gobake.caching import verify
from gobake.caching.seeds import save, save_each
from gobake.caching.seeds.units import Shape
from gobake.caching.store.tags import tag_part
from gobake.caching.verify import Verdict, Verified
from gobake.checkout.ci import ALL_TAGS
from gobake.cli import gobake as gobake_command
from gobake.cli.param_types import Age, Size
from gobake.engine import CacheMount, usage
from gobake.errors import UsageError
from gobake.model import Platform
from gobake.report.caches import age_text, verified_as_json
from tests.conftest import Gobake, Tree, commit
from tests.security import stores
from tests.security.pretended import Pretended
from tests.unit.invoked import error, good

HELLO = {"go.mod": "module example.com/hello\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"}


@pytest.mark.parametrize(("text", "seconds"), [("90m", 5400), ("12h", 43_200), ("14d", 1_209_600), ("2w", 1_209_600)])
def test_an_age_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert Age().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "14", "d", "-1d", "1y", "1.5d"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"invalid age .*; write"):
        Age().convert(text, None, None)


def test_a_size_has_a_unit() -> None:
    assert Size().convert("2GB", None, None) == 2_000_000_000
    with pytest.raises(UsageError, match=r"invalid size .*; write"):
        Size().convert("2", None, None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "unknown"), (0, "less than a minute"), (61, "1 minute"), (7300, "2 hours"), (86_400 * 3.9, "3 days")],
)
def test_ages_are_shown_in_whole_units(seconds: float | None, text: str) -> None:
    assert age_text(seconds) == text


def verified(shipped: str, kept: str, relinked: str, clean: str, again: str = "") -> Verified:
    return Verified(
        service="api",
        platform=Platform.parse("linux/amd64"),
        shipped=shipped,
        kept=kept,
        relinked=relinked,
        clean=clean,
        again=again,
    )


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (verified("a", "a", "a", "a"), Verdict.SAME),
        (verified("b", "a", "a", "a", "a"), Verdict.LAYER),
        (verified("b", "b", "a", "a", "a"), Verdict.PROGRAM),
        (verified("a", "b", "a", "a", "a"), Verdict.PROGRAM),
        (verified("a", "a", "b", "a", "a"), Verdict.OBJECT),
        (verified("b", "b", "b", "a", "a"), Verdict.OBJECT),
        (verified("b", "b", "b", "a", "c"), Verdict.UNSTABLE),
    ],
)
def test_the_verdict_names_what_is_at_fault(found: Verified, verdict: Verdict) -> None:
    assert found.verdict is verdict
    assert verified_as_json([found])["services"][0]["agree"] == (verdict is Verdict.SAME)


def test_prune_does_nothing_that_was_not_said(gobake: Gobake, tree: Tree) -> None:
    ended = gobake("cache", "prune", cwd=tree(HELLO))
    assert ended.code == 2
    assert "--older-than" in ended.err


def test_a_store_that_is_none_is_refused(gobake: Gobake, tree: Tree) -> None:
    ended = gobake("cache", "ls", "--cache-store", "https://ghcr.io/acme", cwd=tree(HELLO))
    assert ended.code == 2
    assert "invalid cache store" in ended.err


@pytest.mark.parametrize(
    "place",
    ["https://ghcr.io/acme", "ghcr.io/acme:tag", "acme/UPPER", "a b", "~someone/cache", "~", "./a,b", "two\nlines"],
)
@pytest.mark.parametrize("words", [("cache", "save", "--to"), ("cache", "ls", "--cache-store")], ids=["to", "store"])
def test_a_place_that_is_none_is_refused_in_one_line_wherever_it_is_written(
    gobake: Gobake, tree: Tree, words: tuple[str, ...], place: str
) -> None:
    ended = gobake(*words, place, cwd=tree(HELLO))
    assert ended.code == 2
    (line,) = ended.err.splitlines()
    assert f"{words[-1]}: invalid cache store {place!r}; a repository without tag" in line


def test_a_seed_can_go_below_home(gobake: Gobake, tree: Tree, tmp_path: Path) -> None:
    nowhere = {"HOME": str(tmp_path), "DOCKER_HOST": "unix:///nonexistent/docker.sock"}
    ended = gobake("cache", "save", "--to", "~/seeds", cwd=tree(HELLO), env=nowhere)
    assert ended.code == 3, "the place is fine, and the engine does not answer"


def test_help_names_what_there_is(gobake: Gobake, tree: Tree) -> None:
    ended = gobake.good("cache", "--help", cwd=tree(HELLO))
    for verb in ("ls", "prune", "verify"):
        assert verb in ended.out


# ---- branches that are gone


@pytest.fixture
def docker(tmp_path: Path) -> Pretended:
    return Pretended(tmp_path / "docker")


def test_what_tags_share_is_of_no_branch_that_could_be_gone(gobake: Gobake, tree: Tree, docker: Pretended) -> None:
    """Releases are built for Git tags, which all have one branch."""
    root = tree(HELLO)
    commit(root)
    subprocess.run(["git", "-C", str(root), "branch", "feature/x"], check=True)
    kept = ("main", tag_part("feature/x"), tag_part(ALL_TAGS))
    store = stores.make(root.parent / "store", (*kept, "topic"))
    words = ("cache", "prune", "--gone-branches", "--cache-store", str(store))
    gobake.good(*words, "-y", cwd=root, env=docker.env)
    told = gobake.good("cache", "ls", "--format", "json", "--cache-store", str(store), cwd=root, env=docker.env).out
    assert "topic" not in told
    for branch in kept:
        assert stores.seed_tag(branch) in told
        assert stores.layer_tag(branch) in told


@pytest.mark.parametrize("answer", ["-y", "--yes"])
def test_a_prune_asks_unless_it_is_told_not_to(gobake: Gobake, tree: Tree, docker: Pretended, answer: str) -> None:
    root = tree(HELLO)
    store = stores.make(root.parent / "store")
    words = ("cache", "prune", stores.seed_tag("topic"), "--cache-store", str(store))
    ended = gobake(*words, cwd=root, env=docker.env)
    assert (ended.code, "nobody can be asked" in ended.err) == (2, True)
    assert "nothing was deleted" in gobake.good(*words, "--dry-run", cwd=root, env=docker.env).out
    assert "1 of 1 deleted" in gobake.good(*words, answer, cwd=root, env=docker.env).out
    assert (
        "there is nothing to prune"
        in gobake.good(
            "cache", "prune", "--older-than", "2w", "--cache-store", str(store), answer, cwd=root, env=docker.env
        ).out
    )


def test_a_clone_that_knows_a_part_of_the_branches_prunes_none(gobake: Gobake, tree: Tree, docker: Pretended) -> None:
    whole = tree(HELLO, "whole")
    commit(whole)
    commit(whole, "another")
    root = whole.parent / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{whole}", str(root)], check=True)
    store = stores.make(root.parent / "store")
    words = ("cache", "prune", "--gone-branches", "-y", "--cache-store", str(store))
    ended = gobake(*words, cwd=root, env=docker.env)
    assert ended.code == 2
    assert "this clone is shallow" in ended.err
    assert "git fetch --unshallow" in ended.err
    told = gobake.good("cache", "ls", "--cache-store", str(store), cwd=root, env=docker.env).out
    assert "topic" in told


# ---- what is saved and verified


Cache = Callable[..., Result]


@pytest.fixture
def cache(tree: Tree, docker: Pretended, monkeypatch: pytest.MonkeyPatch) -> Cache:
    """`gobake cache` in this process, where docker is pretended."""
    root = tree(HELLO)
    commit(root)
    for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "GOBAKE_PLATFORM", "GOBAKE_BASE"):
        monkeypatch.delenv(name, raising=False)
    return lambda verb, *words, **env: CliRunner().invoke(
        gobake_command, ["cache", verb, "-C", str(root), *words], env={**docker.env, **env}
    )


@pytest.mark.parametrize(
    ("words", "env", "platform", "go"),
    [
        ((), {}, "linux/amd64", ""),
        (("--platform", "linux/arm64"), {}, "linux/arm64", ""),
        (("--base", "go=golang:1.27"), {}, "linux/amd64", "golang:1.27"),
        (
            (),
            {"GOBAKE_PLATFORM": "linux/arm64,linux/amd64", "GOBAKE_BASE": "go=golang:1.25"},
            "linux/arm64",
            "golang:1.25",
        ),
    ],
    ids=["the builder's own", "another platform", "another Go", "by the environment"],
)
def test_one_platform_is_verified_with_the_bases_that_are_named(
    words: tuple[str, ...],
    env: dict[str, str],
    platform: str,
    go: str,
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[verify.Verifying] = []

    def as_asked(one: verify.Verifying) -> tuple[Verified, ...]:
        asked.append(one)
        return ()

    monkeypatch.setattr(verify, "verify", as_asked)
    told = json.loads(good(cache("verify", "hello", *words, "--format", "json", "-q", **env)))
    assert (told["schema"], told["services"]) == (1, [])
    (one,) = asked
    assert (str(one.platform), one.services) == (platform, ("hello",))
    assert one.opened.project.bases.go == (go or one.anew.project.bases.go)


def test_two_platforms_are_not_verified_at_once(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "verify", lambda _: pytest.fail("it begins"))
    assert "one platform is verified at a time" in error(cache("verify", "--platform", "linux/amd64,linux/arm64"))


def test_what_was_saved_is_told_as_json_or_in_a_line(
    cache: Cache, docker: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [CacheMount(record="r", id="example-com-hello-gobuild", size=9_000_000, created="", used="")]
    asked: list[save.Saving] = []

    def saved(one: save.Saving) -> save.Saved:
        asked.append(one)
        return save.Saved(
            shape=Shape.GROWN, tag=one.tag, why="2 units are new", seconds=1.0, digest="sha256:1", layers=3
        )

    monkeypatch.setattr(save_each, "save", saved)
    monkeypatch.setattr(engine, "builder_mounts", lambda *_: listed)
    told = json.loads(good(cache("save", "--to", "ghcr.io/acme/cache", "--format", "json")))
    assert (told["schema"], told["store"], told["tag"]) == (1, "ghcr.io/acme/cache", asked[0].tag)
    assert (told["shape"], told["layers"], told["why"]) == ("grown", 3, "2 units are new")
    assert asked[0].tag.endswith("-main")
    assert "ghcr.io/acme/cache" in good(cache("save", "--to", "ghcr.io/acme/cache", "--branch", "next"))
    assert asked[1].tag.endswith("-next")
    assert [parent.rpartition("-")[2] for parent in asked[1].parents] == ["main"]
    assert good(cache("save", "--to", "ghcr.io/acme/cache", "-q")) == ""
    assert "there is no cache store" in error(cache("save"))
    monkeypatch.setattr(engine, "builder_mounts", lambda *_: [])
    assert "has no Go caches of example-com-hello" in error(cache("save", "--to", "ghcr.io/acme/cache"))


def test_a_builder_that_does_not_list_its_mounts_is_not_an_empty_one(
    cache: Cache, docker: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "cache_mounts", lambda _: None)
    for words in (("save", "--to", "./store"), ("ls",), ("prune", "--all", "--dry-run")):
        assert "the builder does not list its cache mounts; try again" in error(cache(*words))
    beside = cache("ls", "--cache-store", "./store")
    assert beside.exit_code == 0
    assert "cache mounts are unknown: the builder does not list its cache mounts" in beside.output
