"""`gobake metrics` as a user types it: printed, served, pushed."""

from __future__ import annotations

import base64
import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from gobake.cli import gobake as program
from gobake.errors import ExitCode, GobakeError, UsageError
from gobake.report.prometheus import push
from gobake.report.prometheus.collector import MOST_BRANCHES, Meter
from gobake.report.prometheus.exposition import text
from gobake.report.prometheus.server import Address, address
from gobake.runs.record import RunRecord
from gobake.runs.store import RunStore
from tests.conftest import Gobake, Tree
from tests.unit.invoked import history_of
from tests.unit.report.test_prometheus_exposition import read, values
from tests.unit.scoring import hostile, recorded, run, step

HELLO = {"go.mod": "module example.com/hello\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"}

Metrics = Callable[..., Result]


@pytest.fixture
def root(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home" / "data"))
    monkeypatch.delenv("GOBAKE_PUSH_GATEWAY", raising=False)
    return tree(HELLO)


@pytest.fixture
def store(root: Path) -> Iterator[RunStore]:
    with history_of(root) as opened:
        yield opened


@pytest.fixture
def metrics(root: Path) -> Metrics:
    return lambda *words: CliRunner().invoke(program, ["metrics", "-C", str(root), *words])


def _good(result: Result) -> str:
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.stdout


def _error(result: Result, code: ExitCode = ExitCode.USAGE) -> str:
    assert isinstance(result.exception, GobakeError), f"{result.output}\n{result.exception!r}"
    assert result.exception.exit_code == code
    said = str(result.exception)
    assert "\n" not in said
    return said


# ---- printed


def test_the_last_run_of_each_branch_is_printed_and_all_are_summed(metrics: Metrics, store: RunStore) -> None:
    store.add(run(step(1, "executed", 1.0), at=0, seconds=5.0), [])
    store.add(run(step(1, "reused"), at=1, seconds=6.0), [])
    store.add(run(step(1, "executed", 1.0), at=2, seconds=7.0, branch="feature", outcome="failed"), [])
    said = _good(metrics())
    assert values(said, "gobake_run_seconds", branch="main") == [6.0]
    assert values(said, "gobake_run_seconds", branch="feature") == [7.0]
    assert values(said, "gobake_run_success", branch="feature") == [0]
    assert values(said, "gobake_runs_total", project="example-com-hello", outcome="done") == [2]
    assert values(said, "gobake_executed_steps_total") == [2]
    assert values(said, "gobake_build_seconds_total") == [18.0]


def test_without_runs_it_says_what_to_do(metrics: Metrics) -> None:
    assert _error(metrics()).endswith("; build something: gobake build")
    assert "no run is on record" in _error(metrics("--push", "http://localhost:9"))


def test_a_damaged_run_hides_no_other(metrics: Metrics, store: RunStore) -> None:
    store.add(run(at=0), [])
    store.add(run(at=1), [])
    store._cache.set(run(at=1).id, {"schema": 1, "id": 3})
    said = _good(metrics())
    assert values(said, "gobake_run_info", run=run(at=0).id) == [1]
    assert values(said, "gobake_runs_total", outcome="done") == [1]


def test_a_report_prints_the_metrics_of_its_run(root: Path, store: RunStore, tmp_path: Path) -> None:
    for name in ("cold", "warm"):
        store.add(recorded(name), [])
    file = tmp_path / "gobake.prom"
    words = ["report", "cold", "-C", str(root), "--format", "prometheus", "--output", str(file)]
    _good(CliRunner().invoke(program, [words[0], recorded("cold").id, *words[2:]]))
    assert values(file.read_text(), "gobake_run_seconds") == [recorded("cold").seconds]
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".part")] == []


# ---- the meter


def test_only_the_branches_that_were_built_last_are_shown(store: RunStore) -> None:
    for at in range(MOST_BRANCHES + 3):
        store.add(run(at=at, branch=f"b{at}"), [])
    said = text(Meter("hello").read(store))
    shown = {dict(labels)["branch"] for metric, labels in read(said) if metric == "gobake_run_info"}
    assert shown == {f"b{at}" for at in range(3, MOST_BRANCHES + 3)}


def test_a_run_is_read_once_and_a_new_one_is_seen(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.add(run(step(1, "executed", 1.0), at=0), [])
    asked: list[str] = []
    before = RunStore.get

    def get(self: RunStore, name: str) -> RunRecord:
        asked.append(name)
        return before(self, name)

    monkeypatch.setattr(RunStore, "get", get)
    meter = Meter("hello")
    first = text(meter.read(store))
    assert asked
    asked.clear()
    assert text(meter.read(store)) == first
    assert asked == []
    store.add(run(step(1, "reused"), at=1, seconds=3.0), [])
    assert values(text(meter.read(store)), "gobake_run_seconds") == [3.0]
    assert set(asked) == {run(at=0).id, run(at=1).id}  # the earlier one tells what the reused step costs


def test_a_counter_does_not_fall_when_a_run_is_deleted(store: RunStore) -> None:
    store.add(run(step(1, "executed", 1.0), at=0), [])
    store.add(run(at=1), [])
    meter = Meter("hello")
    meter.read(store)
    store.remove(run(at=1).id)
    said = text(meter.read(store))
    assert values(said, "gobake_runs_total", outcome="done") == [2]
    assert values(said, "gobake_run_info", run=run(at=0).id) == [1]


def test_hostile_branches_that_look_alike_do_not_break_a_scrape(store: RunStore) -> None:
    store.add(run(at=0, branch="x"), [])
    store.add(run(at=1, branch="x\x1b[0m"), [])
    store.add(replace(hostile(), id=run(at=2).id), [])
    assert values(text(Meter("hello").read(store)), "gobake_run_info", branch="x") == [1]


# ---- served


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("9469", Address(host="127.0.0.1", port=9469)),
        ("0.0.0.0:80", Address(host="0.0.0.0", port=80)),
        ("[::1]:0", Address(host="::1", port=0)),
        ("localhost:1", Address(host="localhost", port=1)),
    ],
)
def test_an_address_to_listen_on(written: str, meant: Address) -> None:
    assert address(written) == meant


@pytest.mark.parametrize("written", ["", "x", ":9469", "::1:80", "a:b", "1:2:3", "65536", "-1", "9469 ", "h\x1b:80"])
def test_what_is_no_address_is_told(written: str) -> None:
    with pytest.raises(UsageError, match=r"invalid address .*; write 9469"):
        address(written)


def test_to_listen_and_to_push_do_not_go_together(metrics: Metrics) -> None:
    assert "leave one out" in _error(metrics("--listen", "0", "--push", "http://x"))


def test_a_port_that_is_taken_is_told(metrics: Metrics) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = _error(metrics("--listen", str(port)))
    assert said == (
        f"--listen: 127.0.0.1:{port} is not available: address already in use; name another port, or 0 for any free one"
    )


@contextmanager
def _listening(gobake: Gobake, root: Path) -> Iterator[str]:
    process = gobake.start("metrics", "--listen", "0", cwd=root)
    try:
        assert process.stderr is not None
        yield process.stderr.readline().split("/metrics")[0]
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def _get(url: str, **headers: str) -> tuple[int, str, str]:
    request = urllib.request.Request(url, headers=headers, method=headers.pop("method", "GET"))
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, reply.headers["Content-Type"], reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def test_it_serves_what_the_store_holds_now_and_ends_quietly(gobake: Gobake, root: Path, store: RunStore) -> None:
    with _listening(gobake, root) as url:
        status, kind, said = _get(f"{url}/metrics")
        assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert values(said, "gobake_runs_total", outcome="done") == [0]
        store.add(recorded("bare"), [])
        assert values(_get(f"{url}/metrics")[2], "gobake_steps", outcome="imported") == [11]
        newer = _get(f"{url}/metrics", Accept="application/openmetrics-text; version=1.0.0")
        assert newer[1].startswith("application/openmetrics-text")
        assert newer[2].endswith("# EOF\n")
        assert _get(f"{url}/healthz")[::2] == (200, "ok\n")
        assert _get(f"{url}/etc/passwd")[::2] == (404, "there are /metrics and /healthz\n")
        assert _get(f"{url}/metrics", method="POST")[0] == 405
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as rude:
            rude.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
            rude.recv(100)
        assert _get(f"{url}/healthz")[0] == 200


def test_a_history_that_goes_away_is_told_at_the_scrape_and_may_come_back(
    gobake: Gobake, root: Path, store: RunStore
) -> None:
    store.add(run(), [])
    with _listening(gobake, root) as url:
        away = store.folder.with_name("away")
        store.folder.rename(away)
        store.folder.write_text("no folder")
        status, _, said = _get(f"{url}/metrics")
        assert status == 503
        assert (said.count("\n"), "the history cannot be read" in said) == (1, True)
        assert _get(f"{url}/healthz")[0] == 200
        store.folder.unlink()
        away.rename(store.folder)
        assert values(_get(f"{url}/metrics")[2], "gobake_run_seconds") == [10.0]


# ---- pushed


@dataclass
class Gateway:
    """A push gateway of few words, which keeps what it was sent."""

    url: str
    sent: list[tuple[str, str, str, str]]  # method, path, authorization, body
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    says: bytes = b""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            kept.sent.append((self.command, self.path, self.headers.get("Authorization", ""), body))
            self.send_response(kept.status)
            for name, value in kept.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(kept.says)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        kept = Gateway(url=f"127.0.0.1:{server.server_port}", sent=[])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield kept
        server.shutdown()
        thread.join()


def test_the_last_run_is_pushed_into_the_group_of_its_branch(
    metrics: Metrics, store: RunStore, gateway: Gateway
) -> None:
    store.add(recorded("cold"), [])
    store.add(recorded("warm"), [])
    assert _good(metrics("--push", f"http://{gateway.url}/sub/")) == f"run {recorded('warm').id} pushed\n"
    ((method, path, authorization, body),) = gateway.sent
    assert (method, path, authorization) == ("PUT", "/sub/metrics/job/gobake/project/shop/branch/main", "")
    assert values(body, "gobake_run_seconds") == [recorded("warm").seconds]
    assert values(body, "gobake_runs_total") == []


@pytest.mark.parametrize("branch", ["feature/x", "", "..", "a b", "ü", 'q"\\', "%2f"])
def test_a_branch_that_means_something_in_a_path_is_sent_as_base64(gateway: Gateway, branch: str) -> None:
    push.push(gateway.url, "x 1\n", project="shop", branch=branch)
    key, _, value = gateway.sent[0][1].removeprefix("/metrics/job/gobake/project/shop/").partition("/")
    assert key == "branch@base64"
    assert base64.urlsafe_b64decode(value if value != "=" else "").decode() == branch


def test_credentials_of_the_address_are_sent_and_never_shown(
    metrics: Metrics, store: RunStore, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(run(), [])
    monkeypatch.setenv("GOBAKE_PUSH_GATEWAY", f"http://me:s%40cret@{gateway.url}")
    _good(metrics())
    assert gateway.sent[0][2] == "Basic " + base64.b64encode(b"me:s@cret").decode()
    gateway.status, gateway.says = 401, b"no \x1b[31m entry\r\nhere"
    said = _error(metrics(), ExitCode.REGISTRY)
    assert said.startswith(f"http://{gateway.url}: the push gateway answered 401 (no entry here); give user")
    assert "cret" not in said


def test_a_redirect_is_told_and_not_followed(metrics: Metrics, store: RunStore, gateway: Gateway) -> None:
    store.add(run(), [])
    gateway.status, gateway.headers = 302, (("Location", f"http://{gateway.url}/else"),)
    assert "answered 302; name the address that it points to" in _error(
        metrics("--push", gateway.url), ExitCode.REGISTRY
    )
    assert len(gateway.sent) == 1


def test_a_gateway_that_is_not_there_is_told(metrics: Metrics, store: RunStore) -> None:
    store.add(run(), [])
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{closed.getsockname()[1]}"
        said = _error(metrics("--push", where), ExitCode.REGISTRY)
    assert said == f"http://{where}: the push gateway cannot be reached: Connection refused; check --push"


def test_a_gateway_that_is_silent_is_not_waited_for(
    metrics: Metrics, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(run(), [])
    monkeypatch.setattr(push, "_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        said = _error(metrics("--push", f"127.0.0.1:{silent.getsockname()[1]}"), ExitCode.REGISTRY)
    assert said.endswith("the push gateway did not answer within 0.2 s")


@pytest.mark.parametrize(
    "url",
    ["http://", "ftp://x", "http://x:port", "http://x y", "http://x/?q=1", "http://[::1", "http://\x1b[0m", "://"],
)
def test_what_is_no_address_of_a_gateway_is_told(metrics: Metrics, store: RunStore, url: str) -> None:
    store.add(run(), [])
    assert _error(metrics("--push", url)) == "--push: invalid address of a push gateway; write http://HOST:9091"
