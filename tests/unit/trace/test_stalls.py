"""What stands still in a build is told by name and given up; the builds are recorded ones."""

from __future__ import annotations

import math

import pytest

from gobake.errors import ExitCode, TransferStalled
from gobake.trace.events import Event, EventLog, LogEvent, StatusEvent, VertexEvent
from gobake.trace.golog import BEAT
from gobake.trace.stall_limits import TELL_SECONDS
from gobake.trace.stalls import Patience, Stall, StallKind, Stalls
from tests.unit.recorded import NAMES, recording


class Watched:
    """A build that is watched second by second."""

    def __init__(self, limit: float = 300.0, proxies: str = "") -> None:
        self.told: list[tuple[Stall, str]] = []
        self.patience = Patience((), limit, proxies, lambda stall, text: self.told.append((stall, text)))
        self.ended: float | None = None

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.told]

    @property
    def error(self) -> TransferStalled:
        assert self.patience.error
        return self.patience.error

    def see(self, events: list[Event], now: float) -> None:
        if self.patience.ends(events, now):
            assert self.ended is None, "it is said once"
            self.ended = now


def replayed(name: str, limit: float = 300.0, proxies: str = "") -> Watched:
    """The lines at the moments at which they came, and a look at the clock each second between them."""
    watched, log, now = Watched(limit, proxies), EventLog(), 0.0
    for line in recording(name).splitlines(keepends=True):
        events = log.feed(line)
        then = log.last_moment or now
        for second in range(math.ceil(now), int(then) if now else 0):
            watched.see([], float(second))
        watched.see(events, then)
        now = then
    return watched


def test_a_module_that_does_not_come_is_told_after_twenty_seconds_by_name_and_given_up() -> None:
    seen = replayed("stalled-module", limit=30, proxies="proxy.example.com")
    assert [stall.kind for stall, _ in seen.told] == [StallKind.MODULES]
    assert TELL_SECONDS <= seen.told[0][0].seconds < TELL_SECONDS + 3
    assert seen.texts[0].startswith("modules: rsc.io/quote v1.5.2 has been downloading for 2")
    assert seen.texts[0].endswith(" s, GOPROXY proxy.example.com; given up after 30 s (--stall-timeout)")
    assert "rsc.io/quote v1.5.2" in str(seen.error)
    assert "--stall-timeout" in seen.error.remedy
    assert seen.error.exit_code is ExitCode.BUILD_FAILED


def test_a_pull_that_stands_still_is_told_by_name() -> None:
    seen = replayed("stalled-pull", limit=25)
    assert seen.texts[0].startswith(
        "pulling registry.example.com/library/debian:trixie-slim: no byte of sha256:76950567cd27 for 2"
    )
    assert "registry.example.com/library/debian:trixie-slim" in str(seen.error)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("stalled")])
def test_a_build_that_moves_is_never_told_to_stand_still(name: str) -> None:
    assert replayed(name, limit=25).texts == []


def test_without_a_limit_it_is_told_and_never_given_up() -> None:
    seen = replayed("stalled-module", limit=0)
    assert len(seen.told) == 1
    assert "given up" not in seen.texts[0]
    assert seen.patience.error is None


# ---- one step, by hand


def running(digest: str = "a", name: str = "[compile 2/2] RUN go build") -> VertexEvent:
    return VertexEvent(digest=digest, name=name, started=1.0)


def said(*lines: str, at: float) -> LogEvent:
    return LogEvent(vertex="a", stream=2, data="".join(f"{line}\n" for line in lines).encode(), timestamp=at)


def loading(watched: Watched, *, since: float, until: float) -> None:
    """The compile step's own line every ten seconds, and a look each second."""
    for second in range(int(since), int(until) + 1):
        beat = second > since and (second - since) % 10 == 0
        watched.see([said(BEAT, at=float(second))] if beat else [], float(second))


def test_a_long_silent_compile_is_no_stall() -> None:
    watched = Watched()
    watched.see([running(), said("go: downloading example.com/a v1.0.0", at=2)], 2.0)
    for second in range(3, 1000):
        watched.see([], float(second))
    assert watched.texts == []


def test_a_silent_proxy_before_any_module_is_named_is_told_too() -> None:
    watched = Watched(limit=60, proxies="proxy.example.com")
    watched.see([running()], 0.0)
    loading(watched, since=0, until=61)
    assert watched.texts == [
        "modules: Go has waited 20 s for go.mod files, GOPROXY proxy.example.com; given up after 60 s (--stall-timeout)"
    ]
    assert watched.ended == 60


def test_modules_that_come_one_after_the_other_are_no_stall() -> None:
    watched = Watched()
    watched.see([running()], 0.0)
    for number in range(20):
        start = number * 15.0
        watched.see([said(f"go: downloading example.com/m{number} v1.0.0", at=start + 1)], start + 1)
        loading(watched, since=start + 1, until=start + 15)
    assert watched.texts == []


def test_a_stall_that_moves_again_is_forgotten_and_one_that_lasts_is_told_again() -> None:
    watched = Watched(limit=0)
    watched.see([running(), said("go: downloading example.com/a v1.0.0", at=1)], 1.0)
    loading(watched, since=1, until=90)
    assert [round(stall.seconds) for stall, _ in watched.told] == [20, 80]
    watched.see([said("go: downloading example.com/b v1.0.0", at=91)], 91.0)
    loading(watched, since=91, until=109)
    assert len(watched.told) == 2


def test_what_go_named_shortly_before_is_named_as_well() -> None:
    watched = Watched()
    lines = [f"go: downloading example.com/m{number} v1.{number}.0" for number in range(6)]
    watched.see([running(), said(*lines, at=1)], 1.0)
    loading(watched, since=1, until=25)
    assert "modules: example.com/m5 v1.5.0 has been downloading" in watched.texts[0]
    assert "(or one that Go named before it: example.com/m4 v1.4.0, example.com/m3 v1.3.0, " in watched.texts[0]
    assert "example.com/m1" not in watched.texts[0]


def test_lines_that_arrive_again_for_another_target_or_torn_change_nothing() -> None:
    watched = Watched()
    first = said("go: downloading example.com/a v1.0.0", at=1)
    watched.see([running(), first], 1.0)
    loading(watched, since=1, until=15)
    watched.see([running(), first], 15.5)  # another target has joined
    watched.see([LogEvent(vertex="a", stream=2, data=BEAT[:9].encode(), timestamp=16)], 16.0)
    watched.see([LogEvent(vertex="a", stream=2, data=(BEAT[9:] + "\n").encode(), timestamp=16.1)], 16.1)
    loading(watched, since=16, until=25)
    assert [stall.names for stall, _ in watched.told] == [("example.com/a v1.0.0",)]


def test_a_step_that_has_ended_stands_not_still() -> None:
    watched = Watched()
    watched.see([running(), said("go: downloading example.com/a v1.0.0", at=1)], 1.0)
    loading(watched, since=1, until=15)
    ended = VertexEvent(digest="a", name="[compile 2/2] RUN go build", started=1.0, completed=15.0)
    watched.see([ended], 16.0)
    watched.see([running()], 17.0)  # an old event again
    loading(watched, since=17, until=60)
    assert watched.texts == []


# ---- images


def layer(digest: str, current: int, *, vertex: str = "b") -> StatusEvent:
    return StatusEvent(vertex=vertex, id=f"sha256:{digest * 16}", current=current, total=1000, started=1.0)


def test_layers_that_wait_while_another_one_moves_are_no_stall() -> None:
    stalls = Stalls()
    stalls.feed([running("b", "[app 1/2] FROM docker.io/library/debian:trixie")], 0.0)
    stalls.feed([layer("aaaa", 10)], 1.0)
    for second in range(2, 100):
        stalls.feed([layer("bbbb", second), layer("aaaa", 10)], float(second))
    assert stalls.standing(100.0) == ()
    stood = stalls.standing(130.0)
    assert {stall.names[0] for stall in stood} == {"docker.io/library/debian:trixie"}
    assert {stall.seconds for stall in stood} == {31.0}


def test_unpacking_takes_its_time() -> None:
    stalls = Stalls()
    unpacks = StatusEvent(vertex="b", id="extracting sha256:cccc", started=2.0)
    stalls.feed([running("b", "[app 1/2] FROM debian"), layer("aaaa", 1), unpacks], 1.0)
    assert stalls.standing(500.0) == ()


def test_a_registry_that_does_not_answer_is_told_by_the_image_that_is_asked_for() -> None:
    stalls = Stalls()
    stalls.feed([running("m", "[internal] load metadata for registry.example.com/go:1")], 0.0)
    (stall,) = stalls.standing(25.0)
    assert stall.text() == "registry.example.com/go:1: its registry has not answered for 25 s"
    assert stall.is_certain


def test_a_long_push_is_told_and_ends_no_build() -> None:
    watched = Watched(limit=30)
    name = "[api-scratch] exporting to image"
    watched.see([running("p", name), StatusEvent(vertex="p", id="pushing layers", started=1.0)], 0.0)
    for second in range(1, 400):
        watched.see([], float(second))
    assert watched.texts[0] == "pushing api-scratch has taken 60 s; BuildKit does not report its progress"
    assert watched.patience.error is None


def test_a_layer_that_has_come_or_whose_step_has_ended_stands_not_still() -> None:
    stalls = Stalls()
    stalls.feed([running("b", "[app 1/2] FROM debian:12"), layer("aaaa", 10), layer("bbbb", 10)], 0.0)
    stalls.feed([layer("aaaa", 1000)], 1.0)
    stalls.feed([layer("aaaa", 10)], 2.0)  # an old event again
    assert [stall.names for stall in stalls.standing(30.0)] == [("debian:12", "sha256:bbbbbbbbbbbb")]
    stalls.feed([VertexEvent(digest="b", name="[app 1/2] FROM debian:12", started=1.0, completed=9.0)], 31.0)
    assert stalls.standing(99.0) == ()


def test_a_layer_counts_the_seconds_since_any_layer_moved() -> None:
    stalls = Stalls()
    stalls.feed([running("b", "[app 1/2] FROM debian:12"), layer("aaaa", 10)], 0.0)
    stalls.feed([layer("bbbb", 999)], 10.0)
    stalls.feed([layer("bbbb", 1000)], 15.0)
    assert stalls.standing(34.9) == ()
    assert [stall.seconds for stall in stalls.standing(35.0)] == [20.0]


def test_a_registry_that_is_asked_again_for_layers_is_told_until_one_comes() -> None:
    stalls = Stalls()
    asks = StatusEvent(vertex="b", id="resolve docker.io/library/debian:12", started=1.0)
    stalls.feed([running("b", "[app 1/2] FROM docker.io/library/debian:12@sha256:" + "a" * 64), asks], 5.0)
    assert stalls.standing(24.9) == ()
    (stall,) = stalls.standing(25.0)
    assert (stall.kind, stall.names, stall.seconds) == (StallKind.REGISTRY, ("docker.io/library/debian:12",), 20.0)
    stalls.feed([layer("aaaa", 1)], 26.0)
    assert stalls.standing(30.0) == ()


def test_a_registry_that_has_answered_is_told_no_more() -> None:
    stalls = Stalls()
    asks = StatusEvent(vertex="b", id="resolve docker.io/library/debian:12", started=1.0)
    stalls.feed([running("b", "[app 1/2] FROM debian:12"), asks], 5.0)
    stalls.feed([StatusEvent(vertex="b", id=asks.id, started=1.0, completed=2.0)], 6.0)
    stalls.feed([asks], 7.0)  # an old event again
    assert stalls.standing(99.0) == ()


def test_a_cache_that_does_not_come_is_told_like_an_image() -> None:
    stalls = Stalls()
    stalls.feed([running("m", "[api] importing cache manifest from registry.test/x:cache")], 0.0)
    (stall,) = stalls.standing(20.0)
    assert stall.text() == "registry.test/x:cache: its registry has not answered for 20 s"


def test_an_image_without_a_registry_in_its_name_is_its_last_word() -> None:
    stalls = Stalls()
    stalls.feed([running("m", "[internal] load metadata for debian")], 0.0)
    assert [stall.names for stall in stalls.standing(20.0)] == [("debian",)]


def test_the_longest_stall_is_told_first() -> None:
    stalls = Stalls()
    stalls.feed([running("m", "[internal] load metadata for r.test/late:1")], 9.0)
    stalls.feed([running("n", "[internal] load metadata for r.test/early:1")], 1.0)
    assert [stall.seconds for stall in stalls.standing(50.0)] == [49.0, 41.0]


def test_a_step_that_begins_anew_is_waited_for_anew() -> None:
    stalls = Stalls()
    name = "[internal] load metadata for r.test/go:1"
    stalls.feed([VertexEvent(digest="m", name=name)], 0.0)  # not begun
    assert stalls.standing(60.0) == ()
    stalls.feed([running("m", name)], 60.0)
    stalls.feed([VertexEvent(digest="m", name=name, started=2.0)], 70.0)
    stalls.feed([running("m", name)], 79.0)  # an old event again
    assert [stall.seconds for stall in stalls.standing(90.0)] == [20.0]


def test_the_silence_of_a_compile_that_said_it_loads_packages_counts_for_25_seconds() -> None:
    stalls = Stalls()
    stalls.feed([running()], 0.0)
    stalls.feed([said(BEAT, at=30)], 30.0)
    assert [stall.seconds for stall in stalls.standing(54.9)] == [54.9]
    assert stalls.standing(55.0) == (), "it compiles by now"


def test_any_other_line_says_that_the_modules_have_come() -> None:
    stalls = Stalls()
    stalls.feed([running(), said("go: downloading example.com/a v1.0.0", BEAT, at=1)], 1.0)
    assert [stall.names for stall in stalls.standing(25.0)] == [("example.com/a v1.0.0",)]
    stalls.feed([said("fmt", "", at=2)], 2.0)
    assert stalls.standing(25.0) == ()
    stalls.feed([said(BEAT, at=3)], 3.0)
    assert [(stall.names, stall.seconds) for stall in stalls.standing(25.0)] == [((), 23.0)]


def test_a_push_of_the_only_target_is_of_the_image_and_over_when_it_is() -> None:
    stalls = Stalls()
    pushes = StatusEvent(vertex="p", id="pushing layers", started=1.0)
    stalls.feed([running("p", "exporting to image"), pushes], 0.0)
    assert stalls.standing(59.9) == ()
    (stall,) = stalls.standing(60.0)
    assert (stall.kind, stall.names, stall.is_certain) == (StallKind.PUSH, ("the image",), False)
    stalls.feed([StatusEvent(vertex="p", id="pushing layers", started=1.0, completed=61.0)], 61.0)
    assert stalls.standing(99.0) == ()


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("[internal] load metadata for r.test/go:1", "check the network; --stall-timeout waits longer"),
        ("[compile 2/2] RUN go build", "check the network and `go env GOPROXY`; --stall-timeout waits longer"),
    ],
)
def test_what_to_check_depends_on_what_did_not_come(name: str, remedy: str) -> None:
    watched = Watched(limit=25)
    watched.see([running("a", name)], 1.0)
    watched.see([said(BEAT, at=20)] if "RUN" in name else [], 20.0)
    watched.see([], 26.0)
    assert watched.error.remedy == remedy
    watched.see([], 99.0)
    assert watched.ended == 26.0


def test_a_limit_below_twenty_seconds_is_when_it_is_told() -> None:
    watched = Watched(limit=5)
    watched.see([running("m", "[internal] load metadata for r.test/go:1")], 1.0)
    for second in (2.0, 5.9, 6.9):
        watched.see([], second)
    assert watched.texts == ["r.test/go:1: its registry has not answered for 6 s; given up after 5 s (--stall-timeout)"]
    assert watched.ended == 6.9


def test_the_clock_is_looked_at_once_a_second() -> None:
    watched = Watched(limit=0)
    watched.see([running("m", "[internal] load metadata for r.test/go:1")], 0.5)
    watched.see([], 20.4)
    watched.see([], 21.3)  # less than a second later
    assert watched.texts == []
    watched.see([], 21.4)
    assert len(watched.texts) == 1
