"""Turns names of any form into unique registry tags.

A tag has at most 128 characters of [A-Za-z0-9_.-] (distribution specification), and file systems may ignore case: a
name that must change to fit gets a hash of the original.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from gobake.model import Platform

LONGEST = 128
_HASH = 12  # characters: 48 bits
_PLAIN = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_-])?")
_HASHED = re.compile(rf"-[0-9a-f]{{{_HASH}}}$")  # looks like a changed name, so it is changed too


def tag_part(name: str, longest: int = 60) -> str:
    """A name as a part of a tag: unchanged if it is plain, else the nearest valid text and a hash.

    Different names give different parts, and a name gives the same part everywhere.
    """
    plain = _PLAIN.fullmatch(name) and ".." not in name and not _HASHED.search(name)
    if plain and len(name) <= longest:
        return name
    near = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")
    return f"{near[: longest - _HASH - 1].rstrip('-') or 'x'}-{_hash(name)}"


def tag(kind: str, *parts: str) -> str:
    """``KIND-PART.PART.PART``, for bake targets, platforms and branches in this order.

    Only the last part may contain a dot, so that different lists of parts give different tags.
    """
    return fitted(f"{kind}-{'.'.join(parts)}")


def fitted(whole: str) -> str:
    """The tag, or if it is too long, its beginning and a hash of all of it, so that it stays unique."""
    if len(whole) <= LONGEST:
        return whole
    return f"{whole[: LONGEST - _HASH - 1].rstrip('.-')}-{_hash(whole)}"


def platform_part(platforms: Sequence[Platform]) -> str:
    """``amd64_arm64``, so that shards of a matrix that build different platforms write different tags."""
    return "_".join(f"{p.arch}{p.variant}" for p in sorted(platforms))


def digest_part(*values: str) -> str:
    """A short hash of values that are too long for a tag."""
    return _hash("\n".join(values))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]
