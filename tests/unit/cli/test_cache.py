"""`gobake cache` on the command line, as far as it needs no engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from gobake.caching.verify import Verdict, Verified
from gobake.cli.cache import Duration, Size
from gobake.errors import UsageError
from gobake.model import Platform
from gobake.report.caches import age_text, verified_as_json
from tests.conftest import Gobake, Tree

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
