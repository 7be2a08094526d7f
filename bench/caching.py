"""The value of caches: bare builders, layer caches, seeds. These measurements empty their engine over and over."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from msgspec.structs import replace

from bench import ground
from bench.builds import CARRIED, ONE, WHOLE, Place
from bench.contestants import Contestant, Gobake, HandWritten
from bench.figures import Results, Sample, Samples, alternated
from bench.ground import Store

LINKS = {"loopback": None, "100 Mbit/s": 100 * ground.MBIT}  # to the registry, bytes per second


def bare(place: Place, rounds: int) -> Results:
    """An empty builder after a one-line edit, with what earlier runs have left in a registry or a file store.

    All import and export, as a branch's run in CI does. Base images come over the loopback in every case. The
    hand-written files have one compile step: with one per service they are slower in any case.
    """
    contestants: dict[str, Contestant] = {
        "gobake": place.gobake(),
        ONE: place.hand("one"),
        CARRIED: place.hand("one", carried=True),
        "ko": place.ko(),
    }
    results: Results = {}
    with ExitStack() as stack:
        stores = {name: stack.enter_context(ground.store()) for name in contestants}
        for name, contestant in contestants.items():
            ground.empty_engine()
            contestant.fill(stores[name])

        def run(name: str, rate: float | None, number: int) -> Sample:
            contestants[name].workspace.edit(f"{number} {rate}")
            ground.empty_engine()
            stores[name].shape(rate)
            try:
                return contestants[name].on_a_runner(stores[name])
            finally:
                stores[name].shape(None)

        for link, rate in LINKS.items():
            runs = {name: partial(run, name, rate) for name in contestants}
            results[link] = alternated(rounds, runs, title=f"{link}, ")
    return results


def save(place: Place, rounds: int) -> Results:
    """Saving Go's caches: in full, and after a one-line edit."""
    ours, carried = place.gobake(), place.hand("one", carried=True)
    carried.build()
    ours.build()

    def full(contestant: Gobake | HandWritten, _: int) -> Sample:
        with ground.store() as store:
            return contestant.save(store)

    with ground.store() as store, ground.store() as other:
        ours.save(store)
        stores: dict[str, tuple[Gobake | HandWritten, Store]] = {"gobake": (ours, store), CARRIED: (carried, other)}

        def edited(name: str, number: int) -> Sample:
            contestant, kept = stores[name]
            contestant.workspace.edit(number)
            contestant.build()
            return contestant.save(kept)

        whole = alternated(rounds, {name: partial(full, it) for name, (it, _) in stores.items()}, title="in full, ")
        after = alternated(rounds, {name: partial(edited, name) for name in stores}, title="edited, ")
    return {"in full": whole, "one line edited": after}


def warm(place: Place, rounds: int) -> Results:
    """A warm builder with repeated one-line edits: a cache store with its policy, and none."""
    with ground.store() as store:
        on, off = place.gobake(), place.gobake()
        on.on_a_runner(store)
        off.build()

        def build(contestant: Gobake, words: tuple[str, ...], number: int) -> Sample:
            contestant.workspace.edit(number)
            return contestant.build(*words)

        runs = {"with a store": partial(build, on, on.store(store, "dev")), "without": partial(build, off, ())}
        return {"one line edited": alternated(rounds, runs)}


def export(place: Place, rounds: int) -> Results:
    """Exporting the layers of all images to an empty registry, with everything built.

    The seconds of a build without an export, measured just before, are subtracted. `min` of the hand-written files has
    the content that gobake's has, those of the images; `max` has the compile steps' layers too.
    """

    def ours(contestant: Gobake, _: int) -> Sample:
        without = contestant.build()
        with ground.store() as store:
            done = contestant.build(*contestant.store(store, "ci-branch"))
            return _more(done, without, store)

    def hand(contestant: HandWritten, _: int) -> Sample:
        without = contestant.build()
        with ground.store() as store:
            done = contestant.build(exports=f"{store.address}/layers")
            return _more(done, without, store)

    gobake, least, most = place.gobake(), place.hand(mode="min"), place.hand(mode="max")
    for contestant in (gobake, least, most):
        contestant.build()
    runs = {
        "gobake": partial(ours, gobake),
        f"{WHOLE}, mode=min": partial(hand, least),
        f"{WHOLE}, mode=max": partial(hand, most),
    }
    found: Samples = alternated(rounds, runs)
    return {"all layers": found}


def _more(done: Sample, without: Sample, store: Store) -> Sample:
    cpu = done.cpu - without.cpu if done.cpu is not None and without.cpu is not None else None
    return replace(done, seconds=max(0.0, done.seconds - without.seconds), cpu=cpu, written=store.written())
