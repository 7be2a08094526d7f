"""Containers: what the engine is asked for, and its answers."""

from __future__ import annotations

import json

import pytest

from gobake.engine import api
from gobake.engine.containers import Refused, State, Wish, body, last_lines, left_over, own_memory, state
from gobake.model import Platform

AMD64 = Platform.parse("linux/amd64")
# GET /containers/ID/json of Docker 28.5.2, without what nobody reads
RUNS = """{"State": {"Status": "running", "Running": true, "Paused": false, "Restarting": false, "OOMKilled": false, "Dead":
false, "Pid": 8526, "ExitCode": 0, "Error": "", "StartedAt": "2026-11-30T03:57:28.001127258Z", "FinishedAt":
"0001-01-01T00:00:00Z"}, "NetworkSettings": {"Ports": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32909"}]},
"Gateway": "10.213.4.1", "IPAddress": "10.213.4.2", "Networks": {"bridge": {"IPAMConfig": null, "Gateway": "10.213.4.1",
"IPAddress": "10.213.4.2", "DNSNames": null}}}}"""
ENDED = """{"State": {"Status": "exited", "Running": false, "OOMKilled": false, "Dead": false, "Pid": 0, "ExitCode": 137,
"Error": "", "StartedAt": "2026-11-30T03:57:28.001127258Z", "FinishedAt": "2026-11-30T03:57:38.426770994Z"}}"""
# its memory_stats with control groups of version 1; those of version 2 have other names
VERSION_1 = {"memory_stats": {"usage": 4538368, "stats": {"cache": 2592768, "mapped_file": 1880064, "rss": 1433600}}}
VERSION_2 = {"memory_stats": {"usage": 9_000_000, "stats": {"anon": 3_000_000, "file": 5_000_000, "shmem": 250_000}}}


def test_a_running_container_is_read() -> None:
    found = state(json.loads(RUNS))
    assert (found.running, found.health, found.address, found.ports) == (True, "", "10.213.4.2", {8080: 32909})
    assert found.started == pytest.approx(1796011048.001127)
    assert found.finished == 0.0


def test_a_container_that_ended_is_read() -> None:
    found = state(json.loads(ENDED))
    assert (found.running, found.code, found.out_of_memory) == (False, 137, False)
    assert found.finished - found.started == pytest.approx(10.425644)


def test_what_few_containers_have_is_read() -> None:
    told = {"Running": False, "OOMKilled": True, "FinishedAt": "2026-11-30T04:57:38.5+01:00"}
    network = {"Ports": {"53/udp": [{"HostPort": "5353"}], "8080/tcp": None}}
    found = state({"State": told | {"Health": {"Status": "healthy"}}, "NetworkSettings": network})
    assert (found.out_of_memory, found.health, found.ports) == (True, "healthy", {})
    assert found.finished == pytest.approx(1796011058.5)


@pytest.mark.parametrize("answer", [None, [], {}, {"State": None}, {"State": {"Running": 1, "ExitCode": "x"}}])
def test_another_answer_is_refused(answer: object) -> None:
    with pytest.raises(Refused):
        state(answer)


def test_memory_leaves_out_what_the_kernel_caches_of_files() -> None:
    assert own_memory(VERSION_2) == 3_250_000
    assert own_memory(VERSION_1) == 1_433_600
    assert own_memory({"memory_stats": {}}) is None  # an engine without that control group


def test_logs_are_unframed() -> None:
    frame = b"\1\0\0\0\0\0\0\6one\ntw" + b"\2\0\0\0\0\0\0\1!" + b"\1\0\0\0\0\0\0\2o\n"
    assert last_lines(frame, 9) == ["one", "tw!o"]
    assert last_lines(frame, 1) == ["tw!o"]
    assert last_lines(b"plain\ntext\n", 9) == ["plain", "text"]
    assert last_lines(b"\1\0\0\0\xff\xff\xff\xffcut", 9) == ["cut"]
    assert last_lines(b"", 9) == []


def test_a_container_gets_no_more_than_docker_run_gives() -> None:
    made = body(Wish(image="api:latest", platform=AMD64, ports={8080: 0}, env=(("A", "x=y"),)), 1000.0)
    host = made.pop("HostConfig")
    assert made["Labels"].pop("gobake.process")
    assert made == {
        "Image": "api:latest",
        "Env": ["A=x=y"],
        "Labels": {"gobake.until": "4600"},
        "ExposedPorts": {"8080/tcp": {}},
        "Healthcheck": {"Test": ["NONE"]},
    }
    assert host.pop("PortBindings") == {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}
    assert set(host) == {"Memory", "PidsLimit", "LogConfig", "ReadonlyRootfs"}
    assert host["ReadonlyRootfs"] is False


def test_a_container_may_get_less() -> None:
    wish = Wish(image="a", platform=AMD64, read_only=True, capabilities=False, user="1:1", probe_seconds=0.5)
    made = body(wish, 0.0)
    assert made["User"] == "1:1"
    assert made["Healthcheck"] == {"Interval": 500_000_000}
    host = made["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["SecurityOpt"]) == (True, ["ALL"], ["no-new-privileges"])


def test_a_command_is_run_in_place_of_entrypoint_and_arguments() -> None:
    made = body(Wish(image="a", platform=AMD64, entrypoint=("/bin/a",), args=("--version",)), 0.0)
    assert (made["Entrypoint"], made["Cmd"]) == (["/bin/a"], ["--version"])
    assert body(Wish(image="a", platform=AMD64, entrypoint=("/bin/a",)), 0.0)["Cmd"] == []
    assert "Entrypoint" not in body(Wish(image="a", platform=AMD64, args=()), 0.0)


def test_only_containers_whose_time_is_over_are_left_over() -> None:
    listed = [
        {"Id": "old", "Labels": {"gobake.until": "999"}},
        {"Id": "new", "Labels": {"gobake.until": "1001"}},
        {"Id": "odd", "Labels": {"gobake.until": "-1"}},
        {"Id": "none", "Labels": None},
        "text",
    ]
    assert left_over(listed, 1000.0) == ["old"]
    assert left_over({"message": "no"}, 1000.0) == []


@pytest.mark.parametrize(
    ("endpoint", "elsewhere"),
    [
        ("unix:///var/run/docker.sock", False),
        ("tcp://127.0.0.1:2375", False),
        ("tcp://localhost:2375", False),
        ("tcp://[::1]:2375", False),
        ("tcp://docker:2376", True),
        ("ssh://me@build.example.com", True),
        ("ssh://localhost@build.example.com", True),
        ("", True),
    ],
)
def test_an_engine_on_another_machine_is_known(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, *, elsewhere: bool
) -> None:
    monkeypatch.setattr(api, "_chosen_endpoint", lambda: endpoint)
    assert api.is_elsewhere() is elsewhere


def test_defaults_of_a_state_say_nothing() -> None:
    assert State(running=False).ports == {}
