"""Tags that never move (`push.immutable`): one that exists keeps its image, whatever is built."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from gobake.errors import RegistryRefused
from gobake.foreign.oci import Manifest
from gobake.registry import Repository, parts
from gobake.text.printable import one_line

_AT_ONCE = 8
_SECONDS = 30.0
_REVISION = "org.opencontainers.image.revision"


def never_moving(names: Sequence[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the names whose tag matches one of the patterns."""
    return tuple(n for n in names if any(fnmatch.fnmatchcase(parts(n)[2], pattern) for pattern in patterns))


def require_free(names: Sequence[str], revision: str) -> None:
    """Refuse a build whose immutable tags exist, unless their images are of the commit that is built.

    Whether such an image is the very same is known once it is built, see `require_same`. ``revision``: of the commit;
    "" if no image will do, as for a tree with changes. Raises RegistryRefused, also if a registry does not tell.
    """
    if not names:
        return
    with ThreadPoolExecutor(min(_AT_ONCE, len(names))) as pool:
        for name, there in zip(names, pool.map(_manifest, names), strict=True):
            if there is None:
                continue
            theirs = one_line(there.annotations.get(_REVISION, ""), 64)
            if not revision or theirs != revision:
                raise RegistryRefused(
                    f"{name} exists already and never moves (push.immutable): it is {there.digest}"
                    + (f" of commit {theirs}" if theirs else ""),
                    remedy="choose another tag; nothing was built",
                )


def require_same(names: Sequence[str], digest: str) -> tuple[str, ...]:
    """Refuse to move immutable tags; return those that exist, with the same image.

    An image is the same if it is for all platforms; the attestations beside it tell when it was built. ``digest``: of
    what the tags would name, in the same repository; "" for an image that is not made yet. Raises RegistryRefused.
    """
    kept = []
    for name in names:
        there = _manifest(name)
        if there is None:
            continue
        kept.append(name)
        if there.digest != digest and not (digest and _images(there) & _images(_manifest_of(name, digest))):
            raise RegistryRefused(
                f"{name} exists already and never moves (push.immutable): it is {there.digest}"
                + (f", and the build made {digest}" if digest else ""),
                remedy="choose another tag",
            )
    return tuple(kept)


def _images(manifest: Manifest | None) -> set[frozenset[str]]:
    """Return the one set of the digests of an index's images; no set if it is no index, or has none."""
    entries = manifest.manifests if manifest else ()
    digests = frozenset(entry.digest for entry in entries if entry.platform.get("os") != "unknown")
    return {digests} if digests else set()


def _manifest_of(name: str, digest: str) -> Manifest | None:
    return Repository(parts(name)[0], seconds=_SECONDS).manifest(digest)


def _manifest(name: str) -> Manifest | None:
    repository, _, tag = parts(name)
    return Repository(repository, seconds=_SECONDS).manifest(tag)
