"""What a small build beside the user's own says in one line when it fails."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from gobake.caching.seeds import solve
from gobake.credentials import EventRedactor, Redactor, Secret

EXIT_CODE = "ERROR: failed to build: failed to solve: exit code: 1"
REFUSED = (  # by distribution 2.8, which lists its reasons
    f"ERROR: failed to solve: failed to push localhost:5000/{'a/' * 100}cache:index-1: errors:\n"
    "digest invalid: provided digest did not match uploaded content\n"
    "manifest blob unknown: blob unknown to registry\n"
)


def failing(wrote: str, ended: str = EXIT_CODE) -> list[str]:
    """The events of a bake whose only step wrote something and failed."""
    step = {"digest": "sha256:1", "name": "RUN go build", "started": "2026-01-01T00:00:00Z"}
    data = base64.b64encode(wrote.encode()).decode()
    log = {"vertex": "sha256:1", "stream": 2, "data": data, "timestamp": "2026-01-01T00:00:01Z"}
    failed = {**step, "completed": "2026-01-01T00:00:02Z", "error": "exit code: 1"}
    events = ({"vertexes": [step]}, {"logs": [log]}, {"vertexes": [failed]})
    return [*map(json.dumps, events), *ended.splitlines()]


def error_of(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    wrote: str,
    secrets: Sequence[Secret] = (),
    begun: list[str] | None = None,
    ended: str = EXIT_CODE,
) -> str:
    class Failed:
        failed = True
        refused = None

        def __init__(self, *_: object) -> None:
            pass

        def __iter__(self) -> Iterator[str]:
            return iter(failing(wrote, ended))

        def begin(self) -> None:
            if begun is not None:
                begun.append(wrote)

        def stop(self) -> None:
            pass

    monkeypatch.setattr(solve, "Bake", Failed)
    monkeypatch.setattr(solve, "BakeCall", lambda **words: SimpleNamespace(**words))
    redact = EventRedactor(Redactor(secrets)).line
    return solve.solve({"t": {}}, folder, builder="", seconds=60, given=solve.Given(redact=redact)).error


def test_the_step_itself_has_the_last_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert error_of(monkeypatch, tmp_path, "one\nseed: no space left\n") == "seed: no space left"


def test_what_a_server_said_to_go_does_not_hide_what_go_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wrote = (
        "go: downloading m v1.0.0\ngo: m@v1.0.0: reading https://h/m.zip: 401 Unauthorized\n\tserver response: who?\n"
    )
    assert error_of(monkeypatch, tmp_path, wrote) == "go: m@v1.0.0: reading https://h/m.zip: 401 Unauthorized"


def test_a_step_that_wrote_nothing_leaves_the_word_to_buildx(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert error_of(monkeypatch, tmp_path, "") == "failed to solve: exit code: 1"


def test_a_secret_that_the_step_wrote_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wrote = f"{'x' * 270} reading https://me:hunter-22-hunter@host/m.zip\n"  # the line is cut within the password
    said = error_of(monkeypatch, tmp_path, wrote, [Secret(value="hunter-22-hunter")])
    assert "hunter" not in said


def test_what_a_registry_lists_below_its_error_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ended = "ERROR: failed to push host/cache:index-1: errors:\ndenied: no\nunauthorized: who are you?\n"
    said = error_of(monkeypatch, tmp_path, "", ended=ended)
    assert said == "failed to push host/cache:index-1: errors: denied: no unauthorized: who are you?"


@pytest.mark.parametrize(
    ("wrote", "ended"),
    [
        ("runc run failed: container process is already dead\n", EXIT_CODE),
        ("runc run failed: cannot start an already running container\n", EXIT_CODE),
        ("", "ERROR: failed to solve: could not lock /store/seeds/index.json.lock"),
        ("", "ERROR: failed to solve: rename /store/ingest/1/startedat.tmp /store/ingest/1/startedat: no such file"),
        ("", REFUSED),
        ("seed: gobuild holds nothing of what it held when it was listed; save again\n", EXIT_CODE),
    ],
    ids=["runc", "runc again", "lock", "ingest", "registry", "empty mount"],
)
def test_what_goes_well_a_moment_later_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrote: str, ended: str
) -> None:
    monkeypatch.setattr(solve, "_PAUSE", 0.001)
    begun: list[str] = []
    assert 0 < len(error_of(monkeypatch, tmp_path, wrote, begun=begun, ended=ended)) <= 300
    assert len(begun) == 6


def test_what_does_not_is_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begun: list[str] = []
    error_of(monkeypatch, tmp_path, "seed: no space left\n", begun=begun)
    assert len(begun) == 1
