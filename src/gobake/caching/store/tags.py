"""Names that are no tags -> tags of a registry that no two of them share.

A tag has at most 128 characters of [A-Za-z0-9_.-] (distribution specification), and a folder may not tell upper case
from lower case: whatever is changed to fit gets a hash of what it was.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from gobake.model import Platform

LONGEST = 128
_HASH = 12  # characters: 48 bits
_PLAIN = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_-])?")
_HASHED = re.compile(rf"-[0-9a-f]{{{_HASH}}}$")  # looks like one that was changed: it must not be taken for it


def tag_part(name: str, longest: int = 60) -> str:
    """A name of any form as a part of a tag: itself where it is plain, else as near to it as a tag can be, and a hash.

    Two names never become the same, and one becomes the same everywhere.
    """
    plain = _PLAIN.fullmatch(name) and ".." not in name and not _HASHED.search(name)
    if plain and len(name) <= longest:
        return name
    near = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")
    return f"{near[: longest - _HASH - 1].rstrip('-') or 'x'}-{_hash(name)}"


def tag(kind: str, *parts: str) -> str:
    """``KIND-PART.PART.PART``: of bake targets, platforms and branches, in this order.

    Only the last part may hold a dot, so that no two lists of parts meet in one tag.
    """
    return fitted(f"{kind}-{'.'.join(parts)}")


def fitted(whole: str) -> str:
    """A tag that may be too long: cut, and with a hash of all of it, so that no two meet at their beginnings."""
    if len(whole) <= LONGEST:
        return whole
    return f"{whole[: LONGEST - _HASH - 1].rstrip('.-')}-{_hash(whole)}"


def platform_part(platforms: Sequence[Platform]) -> str:
    """``amd64_arm64``: shards of a matrix that build other platforms write elsewhere."""
    return "_".join(f"{p.arch}{p.variant}" for p in sorted(platforms))


def digest_part(*values: str) -> str:
    """A short name for values that are too long for a tag."""
    return _hash("\n".join(values))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]
