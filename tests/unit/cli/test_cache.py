"""`gobake cache` on the command line, as far as it needs no engine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gobake.caching.store.tags import tag_part
from gobake.caching.verify import Verdict, Verified
from gobake.checkout.ci import ALL_TAGS
from gobake.cli.cache import Duration, Size
from gobake.errors import UsageError
from gobake.model import Platform
from gobake.report.caches import age_text, verified_as_json
from tests.conftest import Gobake, Tree, commit
from tests.security import stores
from tests.security.pretended import Pretended

HELLO = {"go.mod": "module example.com/hello\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"}


@pytest.mark.parametrize(("text", "seconds"), [("90m", 5400), ("12h", 43_200), ("14d", 1_209_600), ("2w", 1_209_600)])
def test_an_age_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "14", "d", "-1d", "1y", "1.5d"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no age; write"):
        Duration().convert(text, None, None)


def test_a_size_has_a_unit() -> None:
    assert Size().convert("2GB", None, None) == 2_000_000_000
    with pytest.raises(UsageError, match="is no size; write"):
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
    assert "is no cache store" in ended.err


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
    assert f"{words[-1]}: {place!r} is no cache store; a repository without tag" in line


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
    """Releases are built for Git tags, which all have one lineage."""
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
