"""Garbage collection rules, ages and sizes as the docker client writes them."""

from __future__ import annotations

import pytest

from gobake.engine import CollectRule, elapsed, parse_inspect
from gobake.engine.gc_limits import collection_warning
from gobake.text.amounts import size_in_bytes

HEAD = "Name:   default\nDriver: docker\n\nNodes:\nName:             default\nEndpoint:         default\nStatus:           running\n"
NEW = """GC Policy rule#0:
 All:            false
 Filters:        type==source.local,type==exec.cachemount,type==source.git.checkout
 Keep Duration:  48h0m0s
 Max Used Space: 3.346GiB
GC Policy rule#1:
 All:            false
 Keep Duration:  1440h0m0s
 Reserved Space: 24.21GiB
 Max Used Space: 188.1GiB
 Min Free Space: 47.5GiB
GC Policy rule#2:
 All:            true
 Filters:        type==source.local
 Max Used Space: 1GiB
"""
OLD = """GC Policy rule#0:
 All:           false
 Keep Bytes:    2.5GiB
"""


def test_rules_that_reach_cache_mounts_are_read_from_newer_and_older_buildx() -> None:
    (node,) = parse_inspect(HEAD + NEW).nodes
    assert node.rules == (
        CollectRule(limit=int(3.346 * 2**30), unused_seconds=48 * 3600),
        CollectRule(limit=int(188.1 * 2**30), unused_seconds=1440 * 3600),
    )
    assert parse_inspect(HEAD + OLD).nodes[0].rules == (CollectRule(limit=int(2.5 * 2**30)),)
    assert parse_inspect(HEAD).nodes[0].rules == ()
    two = parse_inspect(HEAD + NEW + "\nName:  second\nEndpoint: x\n" + OLD)
    assert [len(n.rules) for n in two.nodes] == [2, 1]


def test_a_limit_below_what_the_mounts_need_is_warned_of_once() -> None:
    builder = parse_inspect(HEAD + NEW)
    assert collection_warning(builder, 3 * 10**9) == ""
    warning = collection_warning(builder, 5 * 10**9)
    assert "not used for 48 h" in warning
    assert "3.6 GB" in warning
    assert "need 5.0 GB" in warning
    assert "\n" not in warning
    assert "not used" not in collection_warning(parse_inspect(HEAD + OLD), 5 * 10**9)
    assert collection_warning(parse_inspect(HEAD), 5 * 10**12) == "", "a builder that tells no rule has no warning"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Less than a second ago", 0),
        ("1 second ago", 1),
        ("17 seconds ago", 17),
        ("About a minute ago", 60),
        ("5 minutes ago", 300),
        ("About an hour ago", 3600),
        ("47 hours ago", 47 * 3600),
        ("13 days ago", 13 * 86_400),
        ("2 weeks ago", 14 * 86_400),
        ("3 months ago", 90 * 86_400),
        ("2 years ago", 730 * 86_400),
        ("", None),
        ("never", None),
    ],
)
def test_ages_are_read_as_the_docker_client_words_them(text: str, seconds: float | None) -> None:
    assert elapsed(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2 * 10**9), ("1.5GiB", int(1.5 * 2**30)), ("512kB", 512_000), ("10 B", 10), ("2", None), ("big", None)],
)
def test_sizes_are_read_in_decimal_and_binary_units(text: str, size: int | None) -> None:
    assert size_in_bytes(text) == size
