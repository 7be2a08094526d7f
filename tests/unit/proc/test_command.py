"""The door to other programs: how they are started, waited for and ended. Real processes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from gobake.proc import command, orphans
from gobake.proc.command import Done, Heard, Late, NotStarted, Running
from gobake.proc.groups import Stream
from gobake.proc.orphans import MARK
from tests.unit.proc.test_orphans import alive, all_gone

ENVIRONMENT: Mapping[str, str] = {"PATH": os.environ["PATH"]}
# a shell and a child of it, both deaf to what asks them to end; the file has the id of the child
STUBBORN = "trap '' INT TERM; sleep 600 & echo $! >$1; echo begun; wait; wait"


def sh(script: str, *words: str) -> list[str]:
    return ["sh", "-c", script, "sh", *words]


def test_what_it_says_comes_back_with_its_exit_code(tmp_path: Path) -> None:
    done = command.run(sh("pwd; cat; printf 'a\\nlast\\n\\n' >&2; exit 3"), env=ENVIRONMENT, seconds=20, cwd=tmp_path)
    assert (done.code, done.out, done.err) == (3, f"{tmp_path.resolve()}\n", "a\nlast\n\n")
    assert done.last == "last"
    assert Done(code=1).last == ""


def test_it_is_given_its_input_and_no_other() -> None:
    assert command.run(["cat"], env=ENVIRONMENT, seconds=20, given="word").out == "word"
    assert command.run(["cat"], env=ENVIRONMENT, seconds=20).out == ""


def test_it_has_the_environment_that_was_handed_in_and_the_mark_of_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_THE_USER", "secret")
    monkeypatch.setattr(orphans, "_mark", "this-run")
    said = command.run(["env"], env={**ENVIRONMENT, "OF_THE_CALLER": "x"}, seconds=20).out.splitlines()
    assert {f"{MARK}=this-run", "OF_THE_CALLER=x"} <= set(said)
    assert not any(line.startswith("OF_THE_USER") for line in said)


def test_what_is_no_text_is_replaced() -> None:
    assert command.run(sh(r"printf '\377\n'"), env=ENVIRONMENT, seconds=20).out == "\ufffd\n"


def test_a_program_that_is_not_there_is_told_from_one_that_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(NotStarted) as absent:
        command.run(["no-such-program"], env=ENVIRONMENT, seconds=20)
    assert absent.value.missing
    (tmp_path / "text").write_text("no program")
    with pytest.raises(NotStarted) as refused:
        Running([str(tmp_path / "text")], env=ENVIRONMENT)
    assert (refused.value.missing, refused.value.why) == (False, "Permission denied")


def test_one_that_takes_too_long_is_killed() -> None:
    began = time.monotonic()
    running = Running(sh("trap '' TERM; echo $$; exec sleep 600"), env=ENVIRONMENT)
    with pytest.raises(Late, match=r"sh did not end within 0\.2 s"):
        running.wait(0.2)
    assert time.monotonic() - began < 10


def test_nobody_waits_for_what_a_killed_program_left_behind(tmp_path: Path) -> None:
    """Its child holds the pipes open."""
    file = tmp_path / "pid"
    began = time.monotonic()
    with pytest.raises(Late):
        command.run(sh("sleep 600 & echo $! >$1; wait", str(file)), env=ENVIRONMENT, seconds=0.5)
    assert time.monotonic() - began < 10
    os.kill(int(file.read_text()), signal.SIGKILL)


def test_an_answer_that_nobody_wants_is_not_waited_for() -> None:
    running = Running(["sleep", "600"], env=ENVIRONMENT)
    running.drop()
    running.drop()
    ended = Running(["echo", "said"], env=ENVIRONMENT)
    assert ended.wait(20).out == "said\n"
    ended.drop()
    assert ended.wait(20).out == "said\n"


def test_what_a_followed_program_says_is_looked_at_while_it_runs() -> None:
    seen: list[tuple[list[str], list[str]]] = []

    def look(heard: Heard) -> None:
        seen.append((list(heard.out), list(heard.err)))

    done = command.follow(sh("echo one; sleep 1; echo two >&2; exit 4"), env=ENVIRONMENT, look=look, every=0.2)
    assert (["one\n"], []) in seen
    assert done == Done(code=4, out="one\n", err="two\n")


def test_a_followed_program_ends_with_what_looking_raises(tmp_path: Path) -> None:
    file = tmp_path / "pid"

    def look(heard: Heard) -> None:
        if heard.out:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        command.follow(sh("echo $$ >$1; echo; exec sleep 600", str(file)), env=ENVIRONMENT, look=look, every=0.1)
    assert all_gone([int(file.read_text())])


def test_a_program_can_be_spoken_to_as_the_other_end_of_a_connection(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    with command.plugged(sh("echo $$ >$1; exec cat", str(file)), env=ENVIRONMENT) as plug:
        plug.settimeout(20)
        plug.sendall(b"word")
        assert plug.recv(100) == b"word"
    assert all_gone([int(file.read_text())])


# ---- groups


def begun(stream: Stream) -> threading.Thread:
    """Its first line is there, and the others are read."""
    lines = stream.lines()
    assert next(lines) == "begun\n"
    thread = threading.Thread(target=lambda: list(lines))
    thread.start()
    return thread


def test_lines_of_both_outputs_come_in_their_order() -> None:
    stream = Stream(sh("echo one; echo two >&2; echo three; exit 5"), env=ENVIRONMENT)
    assert list(stream.lines()) == ["one\n", "two\n", "three\n"]
    assert stream.exit_code == 5
    stream.stop()
    stream.kill()


def test_a_stopped_program_may_end_in_its_own_way() -> None:
    stream = Stream(sh("trap 'echo cancelled; exit 7' INT; echo begun; while :; do sleep 0.1; done"), env=ENVIRONMENT)
    lines = stream.lines()
    assert next(lines) == "begun\n"
    assert os.getpgid(stream.pid) == stream.pid != os.getpgrp()
    stream.stop()
    assert list(lines) == ["cancelled\n"]
    assert stream.exit_code == 7


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_one_that_does_not_end_is_killed_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr("gobake.proc.groups.STOP_SECONDS", 0.3)
    file = tmp_path / "pid"
    stream = Stream(sh(STUBBORN, str(file)), env=ENVIRONMENT)
    reading = begun(stream)
    child = int(file.read_text())
    assert alive(child)
    getattr(stream, way)()
    reading.join(20)
    assert all_gone([stream.pid, child])
    assert stream.exit_code == -signal.SIGKILL
