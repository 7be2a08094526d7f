"""Images that are started: what is told of each, and that nothing is left, whatever happens."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from gobake.engine import containers
from gobake.errors import EmulationMissing, ExitCode, NoEngine
from gobake.starting.asking import is_near
from gobake.starting.probes import Probe, Way
from gobake.starting.smoke import Smoked, error_of, line, start_all, total
from gobake.starting.start import Image, Stopped
from gobake.starting.verdict import Outcome
from tests.unit.starting.playing import ARM64, Played, answering, image

HTTP = Probe(way=Way.HTTP, path="/healthz", ports=(8080,))
PORT = Probe(way=Way.PORT, ports=(8080,))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Played]:
    def played(port: int = 0) -> Played:
        found = Played(port)
        monkeypatch.setattr(containers, "_asked", found.asked)
        monkeypatch.setattr(containers, "docker_command", lambda: "docker")
        return found

    return played


def smoked(*images: Image) -> tuple[Smoked, ...]:
    return start_all([(one.name, one) for one in images], lambda _: None, lambda: False)


def test_each_image_is_told_of_and_nothing_is_left(engine: Callable[..., Played]) -> None:
    there = engine()
    told = list[str]()
    images = [image(name) for name in ("runs", "exits-0", "exits-2", "missing", "runs", "runs", "runs", "runs")]
    found = start_all([(one.name, one) for one in images], told.append, lambda: False)
    assert [one.outcome for one in found[:4]] == ["passed", "passed", "failed", "failed"]
    assert sorted(told)[:2] == [
        "smoke: exits-0 for linux/amd64: it exited 0 after 0.5 s",
        "smoke: exits-2 for linux/amd64: failed: it ended with exit code 2",
    ]
    assert (there.there, there.most) == ({}, 4)
    assert total(found) == "smoke: 6 images started"


def test_a_failure_shows_the_last_lines_and_has_its_own_exit_code(engine: Callable[..., Played]) -> None:
    engine()
    error = error_of(smoked(image("runs"), image("exits-2")))
    assert error is not None
    assert (error.exit_code, error.words) == (ExitCode.NOT_STARTED, "one\nlast")  # nothing that a terminal interprets
    assert str(error).startswith("smoke: exits-2 for linux/amd64: it ended with exit code 2; `docker run` it")
    several = error_of(smoked(image("exits-1"), image("exits-2"), image("runs")))
    assert str(several).startswith("2 of 3 images do not start; the first: exits-1 for linux/amd64: ")
    assert several is not None
    assert several.words.splitlines() == [
        *("exits-1 for linux/amd64: it ended with exit code 1", "  one", "  last"),
        *("exits-2 for linux/amd64: it ended with exit code 2", "  one", "  last"),
    ]
    assert error_of(smoked(image("runs"))) is None


def test_a_platform_without_an_emulator_is_skipped_unless_it_is_all(engine: Callable[..., Played]) -> None:
    engine()
    foreign = image("foreign", platform=ARM64, emulated=True)
    found = smoked(image("runs"), foreign)
    assert line(found[1]) == (
        "smoke: foreign for linux/arm64, emulated: skipped: the engine has no emulator for this platform"
    )
    assert error_of(found) is None
    assert total(found) == "smoke: 1 image started, 1 skipped"
    assert isinstance(error_of(found[1:]), EmulationMissing)
    known = image("foreign", platform=ARM64, emulated=True, emulator=True)
    assert smoked(known)[0].outcome is Outcome.FAILED


def test_a_path_is_asked_until_it_answers_well(engine: Callable[..., Played]) -> None:
    with answering([503, 404, 204]) as port:
        there = engine(port)
        (found,) = smoked(image("runs", HTTP))
        assert found.outcome is Outcome.PASSED
        assert found.start.seconds is not None
        assert list(there.made[0]["ExposedPorts"]) == ["8080/tcp"]
    with answering([500]) as port:
        engine(port)
        (found,) = smoked(image("runs", HTTP))
        assert found.start.verdict.text.endswith("within 1 s, its last answer was status 500")


def test_a_port_has_to_stay_open(engine: Callable[..., Played]) -> None:
    """The engine's proxy accepts for a container in which nobody listens, and hangs up."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        engine(listening.getsockname()[1])
        assert smoked(image("runs", PORT))[0].outcome is Outcome.PASSED
    engine(1)  # nobody listens
    assert smoked(image("runs", PORT))[0].outcome is Outcome.FAILED


def test_after_ctrl_c_nothing_is_left(engine: Callable[..., Played]) -> None:
    there = engine()
    with pytest.raises(Stopped):
        start_all([("a", image("runs"))] * 9, lambda _: None, lambda: bool(there.made))
    assert there.there == {}
    assert len(there.made) < 9


def test_without_an_engine_nothing_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise NoEngine("the engine does not answer: gone")

    monkeypatch.setattr(containers, "_asked", gone)
    monkeypatch.setattr(containers, "docker_command", lambda: "docker")
    with pytest.raises(NoEngine, match="gone"):
        smoked(*[image("runs")] * 9)


ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
tun0\t0000A8C0\t0100000A\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


@pytest.mark.parametrize(
    ("address", "near"),
    [("172.17.0.2", True), ("172.18.0.2", False), ("192.168.1.2", False), ("", False), ("x", False)],
)
def test_only_networks_of_this_machine_are_asked_directly(address: str, *, near: bool) -> None:
    assert is_near(address, ROUTES) is near
    assert not is_near(address, "")
