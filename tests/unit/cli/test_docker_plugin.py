"""`docker gobake`, as the docker command calls it."""

from __future__ import annotations

import json
import os
import sys

import pytest

from gobake import __version__
from gobake.cli import docker_plugin


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    found: list[list[str]] = []
    monkeypatch.setattr(docker_plugin, "main", lambda: found.append(sys.argv))
    monkeypatch.setattr(os, "environ", {})
    return found


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["/home/u/.docker/cli-plugins/docker-gobake", *words])
    docker_plugin.plugin()


def test_docker_is_told_what_the_plugin_is(
    monkeypatch: pytest.MonkeyPatch, calls: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    called(monkeypatch, "docker-cli-plugin-metadata")
    about = json.loads(capsys.readouterr().out)
    assert (about["SchemaVersion"], about["Version"]) == ("0.1.0", __version__)
    assert about["Vendor"]
    assert about["ShortDescription"]
    assert calls == []


@pytest.mark.parametrize("before", [("gobake",), ()])
def test_the_words_after_the_name_are_those_of_gobake(
    monkeypatch: pytest.MonkeyPatch, calls: list[list[str]], before: tuple[str, ...]
) -> None:
    called(monkeypatch, *before, "build", "gobake", "--push")
    assert calls == [["docker gobake", "build", "gobake", "--push"]]


def test_docker_s_own_options_hold_for_the_docker_commands(
    monkeypatch: pytest.MonkeyPatch, calls: list[list[str]]
) -> None:
    called(monkeypatch, "--context", "gobake", "-H", "ssh://x", "--config=/c", "gobake", "plan")
    assert calls == [["docker gobake", "plan"]]
    given = {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}
    assert given == {"DOCKER_CONTEXT": "gobake", "DOCKER_HOST": "ssh://x", "DOCKER_CONFIG": "/c"}


def test_options_of_docker_that_gobake_does_not_know_are_refused(
    monkeypatch: pytest.MonkeyPatch, calls: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        called(monkeypatch, "--tlsverify", "gobake", "plan")
    assert stopped.value.code == 2
    assert "docker --tlsverify gobake" in capsys.readouterr().err
    assert calls == []
