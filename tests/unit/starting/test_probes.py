"""What a service is asked when its image is started."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gobake.model import HealthCheck, Platform, Service, Smoke
from gobake.starting.probes import Probe, Way, is_emulated, limits, probe_of, seconds_of, unasked
from tests.unit.recipe.test_dockerfile import service

CHECK = HealthCheck(command=("/usr/local/bin/api", "-health"))


def with_(**settings: object) -> Service:
    return replace(service(), **settings)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (with_(), "it runs"),
        (with_(ports=("53/udp",)), "it runs"),
        (with_(health="/healthz"), "it runs"),  # on no port that anybody knows
        (with_(ports=("53/udp", "8080", "9090")), "a connection to port 8080 or 9090"),
        (with_(ports=("8080",), health="/healthz"), "GET /healthz on port 8080"),
        (with_(ports=("8080",), healthcheck=CHECK), "its HEALTHCHECK"),
        (with_(ports=("8080",), health="/healthz", healthcheck=CHECK), "GET /healthz on port 8080"),
        (with_(health="/healthz", healthcheck=CHECK), "its HEALTHCHECK"),
        (with_(ports=("8080",), health="/a", smoke=Smoke(path="/b", port=9090)), "GET /b on port 9090"),
        (with_(ports=("8080",), health="/a", smoke=Smoke(path="")), "a connection to port 8080"),
        (with_(ports=("8080",), smoke=Smoke(port=9090)), "a connection to port 9090"),
        (with_(healthcheck=CHECK, smoke=Smoke(port=9090)), "a connection to port 9090"),
        (with_(ports=("8080",), health="/a", smoke=Smoke(command=("/bin/api", "--version"))), "/bin/api --version"),
    ],
)
def test_the_settings_decide_what_is_asked(asked: Service, said: str) -> None:
    assert str(probe_of(asked)) == said


def test_arguments_and_environment_are_those_of_the_start() -> None:
    smoke = Smoke(args=("--store", "memory"), env=(("A", "x"),), timeout="1m30s")
    assert probe_of(with_(smoke=smoke)) == Probe(
        way=Way.RUNS, args=("--store", "memory"), env=(("A", "x"),), seconds=90.0
    )
    # a command is complete
    assert probe_of(with_(smoke=replace(smoke, command=("/bin/api",)))).args is None


def test_where_no_port_can_be_asked_it_only_has_to_run() -> None:
    assert unasked(probe_of(with_(ports=("8080",), health="/"))).way is Way.RUNS
    assert unasked(probe_of(with_(healthcheck=CHECK))).way is Way.HEALTHCHECK


@pytest.mark.parametrize(
    ("text", "seconds"), [("", 0.0), ("10s", 10.0), ("1m30s", 90.0), ("500ms", 0.5), ("1.5h", 5400.0)]
)
def test_durations_are_those_of_go(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("own", "wished", "emulated", "expected"),
    [
        (0.0, 0.0, False, (10.0, 2.0)),
        (0.0, 0.0, True, (60.0, 6.0)),
        (30.0, 0.0, True, (30.0, 6.0)),
        (30.0, 1.0, False, (1.0, 1.0)),
    ],
)
def test_the_command_line_wins_over_the_service_and_that_over_the_default(
    own: float, wished: float, emulated: bool, expected: tuple[float, float]
) -> None:
    found = limits(Probe(way=Way.RUNS, seconds=own), wished, emulated=emulated)
    assert (found.seconds, found.settled) == expected


@pytest.mark.parametrize(
    ("platform", "architecture", "emulated"),
    [
        ("linux/amd64", "amd64", False),
        ("linux/amd64/v3", "amd64", False),
        ("linux/386", "amd64", False),
        ("linux/arm64", "amd64", True),
        ("linux/arm/v7", "arm64", False),
        ("linux/amd64", "arm64", True),
        ("linux/amd64", "", False),  # an engine that does not tell
    ],
)
def test_a_platform_is_emulated_where_the_processor_does_not_run_it(
    platform: str, architecture: str, emulated: bool
) -> None:
    assert is_emulated(Platform.parse(platform), architecture) is emulated
