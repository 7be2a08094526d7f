"""Decides what goes from a repository, and why the rest stays. Pure.

A registry deletes by digest, and all tags of a digest go with it. So manifests are decided on: those that a tag needs
which goes, without those that anything needs which stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct

from gobake.retention.graph import OF_CACHES, Contents, Graph, Kind, Node, about

# what was pushed by digest may get its tag later, and the index of a seed is pushed before the seed
GRACE_SECONDS = 24 * 3600.0


class Wanted(Struct, frozen=True, kw_only=True):
    """What may go. All given conditions must hold."""

    tags: tuple[str, ...] = ()  # patterns of tags that may go; () all
    keep: tuple[str, ...] = ()  # patterns of tags that stay
    keep_tags: int | None = None  # this many of the newest images stay
    older_than: float | None = None  # seconds
    untagged: bool = False  # manifests without a tag alone


class Held(Struct, frozen=True, kw_only=True):
    """What stays because of something outside of the registry: digest or tag, with who names it."""

    digests: Mapping[str, str] = {}
    tags: Mapping[str, str] = {}
    times: Mapping[str, float] = {}  # when a digest was last pushed, by the records of all runs


class Judged(Struct, frozen=True, kw_only=True):
    """A tag, or a manifest without a tag that nothing else needs."""

    tag: str  # "" for none
    digest: str
    kind: Kind
    goes: bool
    why: str
    made: float | None = None


class Going(Struct, frozen=True, kw_only=True):
    """A manifest to delete, with its tags."""

    digest: str
    tags: tuple[str, ...]
    kind: Kind
    size: int  # bytes of it and of what nothing that stays has
    why: str


class Decision(Struct, frozen=True, kw_only=True):
    """What goes, in the order in which it is deleted, and what becomes of each tag."""

    repository: str
    going: tuple[Going, ...] = ()
    judged: tuple[Judged, ...] = ()
    refused: str = ""  # why nothing goes

    @property
    def digests(self) -> frozenset[str]:
        return frozenset(going.digest for going in self.going)


def decide(contents: Contents, wanted: Wanted, held: Held, projects: Collection[str], now: float) -> Decision:
    """Decide for one repository. ``projects``: those whose caches may go."""
    graph = Graph(contents)
    tops = _tops(contents, graph, held)
    judge = _Judge(wanted=wanted, held=held, projects=projects, now=now, newest=_newest(tops, wanted))
    chosen = {top: judge.choice(top) for top in tops}
    chosen |= _leftovers(contents, chosen, now)
    staying = [(top.digest, top.name) for top, (goes, _) in chosen.items() if not goes]
    kept = graph.reach([*staying, *((digest, why) for digest, why in held.digests.items())])
    if why := _unknown(contents):
        return Decision(repository=contents.name, judged=_judged(chosen, kept, refused=True), refused=why)
    return Decision(
        repository=contents.name,
        going=tuple(_going(contents, graph, chosen, kept)),
        judged=_judged(chosen, kept, refused=False),
    )


class _Top(Struct, frozen=True, kw_only=True):
    """What is chosen: a tag, or a manifest without one."""

    tag: str
    digest: str
    node: Node
    made: float | None

    @property
    def name(self) -> str:
        return self.tag or self.digest


_Choices = dict[_Top, tuple[bool, str]]


def _tops(contents: Contents, graph: Graph, held: Held) -> list[_Top]:
    """All tags, without those that go and stay with what they are about, and manifests that have no tag."""
    places = [(tag, digest) for tag, digest in sorted(contents.tags.items()) if not about(tag)]
    places += [("", digest) for digest in graph.tops()]
    found = []
    for tag, digest in places:
        node = contents.nodes.get(digest) or Node(digest=digest, kind=Kind.ARTIFACT)
        if tag and node.kind is Kind.PART:
            continue
        found.append(_Top(tag=tag, digest=digest, node=node, made=held.times.get(digest, node.made)))
    return found


def _newest(tops: Sequence[_Top], wanted: Wanted) -> frozenset[str]:
    """The digests that --keep-tags keeps: the newest of those that may go; one of unknown age counts as new."""
    if wanted.keep_tags is None:
        return frozenset()
    images = [top for top in tops if top.tag and top.node.kind not in OF_CACHES and _may_go(top.tag, wanted)]
    images.sort(key=lambda top: (top.made is None, top.made or 0.0, top.tag), reverse=True)
    return frozenset(list(dict.fromkeys(top.digest for top in images))[: wanted.keep_tags])


def _may_go(tag: str, wanted: Wanted) -> bool:
    return not any(fnmatchcase(tag, p) for p in wanted.keep) and (
        not wanted.tags or any(fnmatchcase(tag, p) for p in wanted.tags)
    )


class _Judge(Struct, frozen=True, kw_only=True):
    wanted: Wanted
    held: Held
    projects: Collection[str]
    now: float
    newest: frozenset[str]

    def choice(self, top: _Top) -> tuple[bool, str]:
        """Return (whether it goes, why)."""
        if why := self.held.tags.get(top.tag) or self.held.digests.get(top.digest):
            return False, why
        if not top.tag:
            return self._untagged(top)
        if self.wanted.untagged:
            return False, "only what has no tag was asked for"
        if any(fnmatchcase(top.tag, pattern) for pattern in self.wanted.keep):
            return False, "--keep"
        if not _may_go(top.tag, self.wanted):
            return False, "--tags does not name it"
        if top.node.kind in OF_CACHES:
            return self._cache(top)
        if top.digest in self.newest:
            return False, f"one of the {self.wanted.keep_tags} newest"
        return self._aged(top, self.wanted.older_than)

    def _untagged(self, top: _Top) -> tuple[bool, str]:
        """What no run on record pushed may be part of an index that nothing names, but that is in use."""
        if top.digest not in self.held.times:
            return False, "no tag, and no run on record pushed it"
        goes, why = self._aged(top, max(self.wanted.older_than or 0.0, GRACE_SECONDS))
        return goes, f"no tag, {why}"

    def _cache(self, top: _Top) -> tuple[bool, str]:
        """A cache is in use whatever there is beside it, so that it goes by its age, or if it is named."""
        owner = top.node.project
        if owner is not None and owner not in self.projects:
            return False, f"of the project {owner}" if owner else "of an unknown project"
        named = self.wanted.tags and self.wanted.keep_tags is None
        if self.wanted.older_than is None and not named:
            return False, f"a {top.node.kind} goes by --older-than"
        return self._aged(top, self.wanted.older_than)

    def _aged(self, top: _Top, limit: float | None) -> tuple[bool, str]:
        if limit is None:
            most = self.wanted.keep_tags
            return True, "named by --tags" if most is None else f"not one of the {most} newest"
        if top.made is None:
            return False, "of unknown age"
        days = (self.now - top.made) / 86_400
        return self.now - top.made > limit, f"{days:.0f} day{'' if round(days) == 1 else 's'} old"


def _leftovers(contents: Contents, chosen: _Choices, now: float) -> _Choices:
    """Parts of seeds and artifacts about images, which have tags, but that belong to nothing that is there."""
    found: _Choices = {}
    seeds = [top.node for top in chosen if top.node.kind is Kind.SEED]
    needed = {tag for seed in seeds for tag in seed.parts or ()}
    unsure = any(seed.parts is None for seed in seeds)
    for tag, digest in sorted(contents.tags.items()):
        node = contents.nodes.get(digest) or Node(digest=digest, kind=Kind.ARTIFACT)
        top = _Top(tag=tag, digest=digest, node=node, made=node.made)
        if node.kind is Kind.PART and not about(tag) and tag not in needed:
            old = not unsure and node.made is not None and now - node.made > GRACE_SECONDS
            found[top] = (old, "no seed has it" if old else "it may be of a seed that is being saved")
        elif (subject := about(tag)) and subject not in contents.nodes and subject not in contents.unread:
            found[top] = (True, "what it is about is gone")
    return found


def _unknown(contents: Contents) -> str:
    """Why it is not known what must stay; "" if it is. What cannot be read may need anything."""
    for name, why in sorted(contents.unread.items()):
        return f"{name} cannot be read, and it may need any of the others: {why}"
    return ""


def _judged(chosen: _Choices, kept: Mapping[str, str], *, refused: bool) -> tuple[Judged, ...]:
    found = []
    for top, (goes, why) in chosen.items():
        if goes and top.digest in kept:
            goes, why = False, f"{kept[top.digest]} needs it"
        found.append(
            Judged(
                tag=top.tag,
                digest=top.digest,
                kind=top.node.kind,
                goes=goes and not refused,
                why=why,
                made=top.made,
            )
        )
    return tuple(found)


def _going(contents: Contents, graph: Graph, chosen: _Choices, kept: Mapping[str, str]) -> Iterator[Going]:
    """What goes: indexes before what they list, so that an interrupted run leaves no tag that cannot be pulled."""
    why = {top.digest: reason for top, (goes, reason) in chosen.items() if goes and top.digest not in kept}
    roots = [(top.digest, top.name) for top, (goes, _) in chosen.items() if goes]
    order = {digest: top for digest, top in graph.above_first(roots, kept).items() if digest in contents.nodes}
    names = contents.names()
    counted = set(graph.bytes_of(digest for digest in contents.nodes if digest not in order))
    for digest in order:
        own = {blob: size for blob, size in graph.bytes_of([digest]).items() if blob not in counted}
        counted |= own.keys()
        yield Going(
            digest=digest,
            tags=tuple(names.get(digest, ())),
            kind=contents.nodes[digest].kind,
            size=sum(own.values()),
            why=why.get(digest) or f"only {order[digest]} needs it",
        )
