"""What benchmarks keep, how they alternate, how tables are printed from them, and the pace of the shaped link."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from bench import choosing, figures, tables
from bench.__main__ import CASES
from bench.figures import Figures, Sample
from harness.link import Link, Pace


def made(**fields: object) -> Figures:
    samples = {"gobake": [Sample(seconds=s, written=5) for s in (1.0, 9.0, 2.0)], "ko": [Sample(seconds=4.0)] * 3}
    given = {
        "case": "edited",
        "what": "one line edited",
        "command": "make bench",
        "date": "2026-11-29",
        "machine": "2 cores; load 1.0",
        "rounds": 3,
        "results": {"loopback": samples},
    }
    return Figures(**{**given, **fields})  # type: ignore[arg-type]


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    figures.write(made(), tmp_path)
    assert figures.read("edited", tmp_path) == made()


def test_medians_and_ratios_are_of_what_was_measured() -> None:
    found = made()
    assert (found.median("loopback", "gobake"), found.ratio("loopback", "gobake", "ko")) == (2.0, 0.5)
    assert found.median("loopback", "gobake", "written") == 5
    with pytest.raises(KeyError, match="written of ko"):
        found.median("loopback", "ko", "written")


def test_every_other_round_is_in_reverse_order(capsys: pytest.CaptureFixture[str]) -> None:
    order: list[str] = []

    def run(name: str, number: int) -> Sample:
        order.append(f"{name}{number}")
        return Sample(seconds=number)

    found = figures.alternated(3, {"a": lambda number: run("a", number), "b": lambda number: run("b", number)})
    assert order == ["a0", "b0", "b1", "a1", "a2", "b2"]
    assert [sample.seconds for sample in found["b"]] == [0, 1, 2]
    assert capsys.readouterr().out.count("\n") == 6


@pytest.mark.parametrize("case", sorted(file.stem for file in figures.FOLDER.iterdir()))
def test_kept_figures_are_of_a_case_that_there_is_and_of_enough_rounds(case: str) -> None:
    assert case in CASES
    found = figures.read(case)
    assert (found.case, found.command) == (case, f'make bench ARGS="{case}"')
    assert found.rounds >= (
        1 if case in tables.PIPELINES else 3
    )  # one of a pipeline by hand takes half an hour, and is said
    once = {"never planned before"}  # what can only be measured once in a run
    for situation, samples in found.results.items():
        assert all(len(of_one) == (1 if situation in once else found.rounds) for of_one in samples.values())


def test_a_row_says_the_units_of_each_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = {"one line edited": {name: [Sample(seconds=s)] for name, s in (("gobake", 0.5), ("ko", 12.4))}}
    figures.write(made(results=results), tmp_path)
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    assert tables._row(figures.read("edited", tmp_path), "one line edited") == "**0.50 s** | - | - | 12 s (24.8) | -"


def test_what_a_command_takes_beyond_another_is_of_the_same_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = {choosing.COMPARE: (5.0, 90.0, 6.0), choosing.ALL: (2.0, 88.0, 2.0)}
    results = {"eight": {name: [Sample(seconds=s) for s in seconds] for name, seconds in pairs.items()}}
    kept = {one: figures.read(one) for one in ("startup", "history")}
    for one in (*kept.values(), made(case="compare", results=results)):
        figures.write(one, tmp_path)
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    monkeypatch.setattr(figures, "read", lambda case: _read(case, tmp_path))
    row = tables.commands().splitlines()[-1]
    assert row == "| `gobake compare` of a service in eight strategies, beyond `gobake all` | 3.0 s |"


_read = figures.read


def test_bytes_of_images_are_compared_as_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def of(size: int) -> list[Sample]:
        return [Sample(seconds=3.0, size=size)] * 3

    compressed = {choosing.SCRATCH: of(980_000), choosing.SMALLEST: of(847_000), choosing.ON_KOS_BASE: of(1_360_000)}
    results = {
        "compressed": {**compressed, choosing.KO: of(1_960_000)},
        "unpacked": {choosing.SCRATCH: of(2_100_000), choosing.WITH_CERTIFICATES: of(2_090_000)},
    }
    found = made(case="image", results=results)
    assert "0.98 MB" in figures.table(found, None)[1]
    assert figures.table(found, found)[4].split() == ["compressed", "ko", "1.96", "MB", "0.5", "(kept:", "0.5)"]
    figures.write(found, tmp_path)
    monkeypatch.setattr(figures, "FOLDER", tmp_path / "empty")
    assert tables.image() == ""
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    monkeypatch.setattr(figures, "read", lambda case: _read(case, tmp_path))
    assert "847 kB with `upx`, 980 kB with `scratch`, 1.36 MB with `distroless`, and 1.96 MB from ko" in tables.image()
    assert "are 1.005 times its program" in tables.image()


def test_bytes_of_one_direction_follow_one_another_at_the_rate() -> None:
    pace = Pace()
    assert pace.wait(100, 1000.0, now=5.0) == pytest.approx(0.1)
    assert pace.wait(100, 1000.0, now=5.05) == pytest.approx(0.15)  # after the first
    assert pace.wait(100, 1000.0, now=9.0) == pytest.approx(0.1)  # the line was free
    assert pace.wait(10**9, None, now=9.0) == 0.0


def test_a_link_carries_both_directions_to_their_ends() -> None:
    text = bytes(range(256)) * 4096
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_echo, args=(server,), daemon=True).start()
        link = Link(server.getsockname()[1])
        link.rate = 1e9
        link.start()
        try:
            with socket.create_connection(("127.0.0.1", link.port), timeout=20) as near:
                threading.Thread(target=_send, args=(near, text), daemon=True).start()
                got = b"".join(iter(lambda: near.recv(1 << 16), b""))
        finally:
            link.stop()
    assert got == text


def _send(connection: socket.socket, text: bytes) -> None:
    connection.sendall(text)
    connection.shutdown(socket.SHUT_WR)


def _echo(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        while data := connection.recv(1 << 16):
            connection.sendall(data)
