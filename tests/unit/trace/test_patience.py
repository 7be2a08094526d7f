"""A go command of this machine that waits for the network is told and given up; real processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gobake.errors import TransferStalled
from gobake.trace.patience import Waits, run
from gobake.trace.stall_limits import VARIABLE, limit_of, seconds_of

NAMES = "for n in 1 2 3; do echo go: downloading example.com/m$n v1.$n.0 >&2; done; "


def said_of(
    script: str, folder: Path, monkeypatch: pytest.MonkeyPatch, limit: str, *, graph: Path | None = None
) -> tuple[list[str], str]:
    """What was told, and the error; "" where it ended by itself."""
    monkeypatch.setenv(VARIABLE, limit)
    told: list[str] = []
    try:
        run(["sh", "-c", script], cwd=folder, env=os.environ, waits=Waits(graph=graph, tell_after=0.2), say=told.append)
    except TransferStalled as error:
        return told, str(error)
    return told, ""


def test_what_it_says_comes_back_with_its_exit_code(tmp_path: Path) -> None:
    done = run(["sh", "-c", "pwd; echo oh >&2; exit 3"], cwd=tmp_path, env=os.environ)
    assert (done.code, done.out.strip(), done.err) == (3, str(tmp_path.resolve()), "oh\n")


def test_a_command_that_waits_for_modules_is_told_and_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, error = said_of(f"{NAMES} exec sleep 600", tmp_path, monkeypatch, "1s")
    assert len(told) == 1
    assert told[0].startswith("modules: example.com/m3 v1.3.0 has been downloading for ")
    assert told[0].endswith(f"; given up after 1 s ({VARIABLE})")
    assert "example.com/m2 v1.2.0, example.com/m1 v1.1.0" in told[0]
    assert error.startswith("given up: modules: example.com/m3 v1.3.0 ")


def test_a_builder_that_says_nothing_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def error_of(script: str) -> str:
        waits = Waits(says="the builder is silent", tell_after=0.2)
        with pytest.raises(TransferStalled) as raised:
            run(["sh", "-c", script], env=os.environ, waits=waits, say=lambda _: None)
        return str(raised.value)

    monkeypatch.setenv(VARIABLE, "1s")
    assert error_of("exec sleep 600").startswith("given up: the builder is silent for 1 s")
    line = "'#6 12.34 go: downloading example.com/m v1.2.0'"
    assert "m v1.2.0 has been downloading" in error_of(f"echo {line} >&2; exec sleep 600")


def test_a_command_that_compiles_may_be_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = tmp_path / "graph.json"
    graph.write_text("[]")
    assert said_of("sleep 2", tmp_path, monkeypatch, "1s", graph=graph) == ([], "")


def test_a_command_that_goes_on_is_not_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, error = said_of("for n in 1 2 3 4 5 6; do echo $n; sleep 0.3; done", tmp_path, monkeypatch, "1s")
    assert error == ""


@pytest.mark.parametrize(("text", "seconds"), [("90", 90.0), ("5m", 300.0), ("1h", 3600.0), ("none", 0.0), ("x", None)])
def test_times(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("environment", "limit"), [({}, 300.0), ({VARIABLE: "2m"}, 120.0), ({VARIABLE: "soon"}, 300.0)]
)
def test_the_limit_is_of_the_environment(environment: dict[str, str], limit: float) -> None:
    assert limit_of(environment) == limit
