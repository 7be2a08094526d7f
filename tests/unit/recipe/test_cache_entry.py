"""Entries of cache-from and cache-to: buildx's texts and back."""

from __future__ import annotations

import pytest

from gobake.recipe.cache_entry import INLINE, CacheEntry


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("type=registry,ref=ghcr.io/acme/cache:x,mode=max", "ghcr.io/acme/cache:x"),
        ("type=local,src=/store/layers/x", "x"),
        ("type=local,dest=/store/layers/y,mode=max", "y"),
        ("type=gha,scope=z,timeout=5m", "z"),
        ("type=s3,bucket=acme,name=n", "n"),
        ("type=inline", "inline"),
    ],
)
def test_a_text_is_the_same_after_it_was_an_entry(text: str, name: str) -> None:
    entry = CacheEntry.parse(text)
    assert (str(entry), entry.name) == (text, name)


def test_attributes_are_told_by_name() -> None:
    entry = CacheEntry.of("registry", ref="a=b", mode="min")
    assert (entry.get("ref"), entry.get("mode"), entry.get("scope")) == ("a=b", "min", "")
    assert CacheEntry.parse("type=inline") == INLINE
