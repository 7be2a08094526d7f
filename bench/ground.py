"""The environment of measurements: an engine that may be emptied, temporary registries, clocks and counters.

Emptying an engine deletes its content, so only a private engine of the harness is accepted. A registry here starts
empty and exists for one measurement: the bytes of its storage are the bytes that were written.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import platform
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gobake.runs.outcomes import Outcome
from gobake.trace import golog
from gobake.trace.events import EventLog
from gobake.trace.steps import steps
from harness.link import Link
from harness.network import free_port

LONGEST = 3600.0  # seconds that one command may take


def run(*command: str, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = LONGEST) -> bytes:
    """Run a command to its end and return its stderr. After the timeout it is ended with its children."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except BaseException as error:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise SystemExit(f"{' '.join(command)} took more than {timeout:.0f} s in {cwd}") from None
        raise
    if process.returncode:
        output = (stderr or stdout).decode("utf-8", "replace")[-3000:]
        raise SystemExit(f"{' '.join(command)} failed in {cwd}:\n{output}")
    return stderr


def asked(*command: str, timeout: float = 60) -> str:
    """Run a short command and return its output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}")
    return done.stdout.strip()


# ---- the engine


def require_private_engine() -> None:
    """Raise SystemExit unless the engine is private: these measurements prune everything."""
    state = os.environ.get("GOBAKE_HARNESS_STATE", "")
    if not state or not os.environ.get("GOBAKE_ENGINE_SUITE") or not os.environ.get("DOCKER_HOST"):
        raise SystemExit(
            "these measurements delete all images and caches of their engine, so they run on a private one only: "
            "make bench"
        )


def download_for_real() -> None:
    """Use this machine's own GOPROXY instead of the harness's proxy, which caches."""
    if own := os.environ.pop("GOBAKE_HARNESS_GOPROXY", ""):
        os.environ["GOPROXY"] = own


def empty_engine() -> None:
    """Delete all build caches, cache mounts and images, for a cold builder."""
    asked("docker", "buildx", "prune", "--all", "--force", timeout=600)
    asked("docker", "system", "prune", "--all", "--force", "--volumes", timeout=600)
    asked("docker", "buildx", "prune", "--all", "--force", timeout=600)  # content that the images had still referred to
    images = asked("docker", "image", "ls", "--all", "--quiet").split()
    total = asked("docker", "buildx", "du").splitlines()[-1].split()[-1]
    if images or total != "0B":
        raise SystemExit(f"the engine is not empty after pruning: {len(images)} images, {total} of build cache")


def delete(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def own_home() -> Iterator[dict[str, str]]:
    """Yield the environment of a machine that has never built anything: empty caches of Go and gobake."""
    with tempfile.TemporaryDirectory(prefix="gobake-bench-home-", ignore_cleanup_errors=True) as folder:
        kept = {name: f"{folder}/{name.lower()}" for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}
        yield {**kept, "GOMODCACHE": f"{folder}/gomod", "GOCACHE": f"{folder}/gobuild", "GOFLAGS": "-modcacherw"}


def machine() -> str:
    """Return one line that describes the machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    engine = asked("docker", "version", "--format", "{{.Server.Version}}")
    buildx = asked("docker", "buildx", "version").split()[1]
    go = asked("go", "env", "GOVERSION")
    return (
        f"{os.cpu_count()} cores ({model}), {memory:.0f} GB, Linux {platform.release()}, Docker {engine}, "
        f"buildx {buildx}, {go}; load {os.getloadavg()[0]:.1f} at the beginning"
    )


# ---- time


@dataclass(kw_only=True)
class Spent:
    """The times measured by `clock`."""

    seconds: float = 0.0
    cpu: float = 0.0


@contextlib.contextmanager
def clock() -> Iterator[Spent]:
    """Measure wall time, and CPU time, which depends far less on other users of the machine."""
    spent = Spent()
    engine, client, began = _engine_cpu(), _client_cpu(), time.perf_counter()
    yield spent
    spent.seconds = time.perf_counter() - began
    spent.cpu = _engine_cpu() - engine + _client_cpu() - client


def _client_cpu() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def _engine_cpu() -> float:
    """Return the CPU seconds of dockerd and its descendants, which include the processes of build steps."""
    state = json.loads(Path(os.environ["GOBAKE_HARNESS_STATE"], "state.json").read_text())
    wanted, ticks = {int(state["processes"]["dockerd"]["pid"])}, 0
    processes = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = file.read_text().rpartition(")")[2].split()
            processes[int(file.parent.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    while wanted:
        ticks += sum(processes.get(pid, (0, 0))[1] for pid in wanted)
        wanted = {pid for pid, (parent, _) in processes.items() if parent in wanted}
    return ticks / os.sysconf("SC_CLK_TCK")


# ---- registries, and what else is kept elsewhere

MBIT = 1e6 / 8  # bytes per second


@dataclass(frozen=True, kw_only=True)
class Store:
    """An empty registry on the loopback interface, and a folder for files, both behind one link."""

    address: str  # localhost:PORT of the registry, through the link
    files: str  # http://localhost:PORT of the files, through the same link
    storage: Path
    folder: Path
    links: tuple[Link, ...]

    def written(self) -> int:
        """Return the bytes in the registry's storage and of the files."""
        blobs = (file for file in self.storage.rglob("data") if file.is_file())
        return sum(file.stat().st_size for file in (*blobs, *self.folder.iterdir()))

    def shape(self, rate: float | None) -> None:
        """Limit each direction to ``rate`` bytes per second, or not at all."""
        for link in self.links:
            link.rate = rate


class _Files(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and keeps what is PUT there."""

    def do_PUT(self) -> None:
        left = int(self.headers["Content-Length"])
        with Path(self.translate_path(self.path)).open("wb") as file:
            while left and (data := self.rfile.read(min(left, 1 << 20))):
                file.write(data)
                left -= len(data)
        self.send_response(201)
        self.end_headers()

    def log_request(self, code: object = "-", size: object = "-") -> None:
        pass


@contextlib.contextmanager
def store() -> Iterator[Store]:
    program = shutil.which("docker-registry")
    if not program:
        raise SystemExit("docker-registry is not on PATH; the harness has it: make bench")
    with tempfile.TemporaryDirectory(prefix="gobake-bench-store-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        storage, files = folder / "storage", folder / "files"
        storage.mkdir()
        files.mkdir()
        handler = functools.partial(_Files, directory=str(files))
        server = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        links = tuple(Link(port) for port in (stack.enter_context(_registry(program, folder)), server.server_port))
        for link in links:
            link.start()
            stack.callback(link.stop)
        yield Store(
            address=f"localhost:{links[0].port}",
            files=f"http://localhost:{links[1].port}",
            storage=storage,
            folder=files,
            links=links,
        )


@contextlib.contextmanager
def _registry(program: str, folder: Path) -> Iterator[int]:
    """Run a registry on ``folder / "storage"`` and yield its port."""
    port = free_port()
    settings = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (folder / "registry.json").write_text(json.dumps(settings))  # JSON is YAML
    log = folder / "registry.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [program, "serve", str(folder / "registry.json")],
            env={"PATH": os.environ.get("PATH", ""), "OTEL_TRACES_EXPORTER": "none"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        _await(port, process, log)
        yield port
    finally:
        process.terminate()
        process.wait()


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 15
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise SystemExit(f"the registry did not start: {log.read_text()[-500:]}")


# ---- the work of a build


def compiled(log: bytes) -> int:
    """Count the packages named by `go build -v`, with repetitions."""
    return sum(len(golog.parse(line).compiled) for line in log.splitlines())


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The counts from BuildKit's events of one build of hand-written files."""

    executed: int
    compiled: int


def counts(events: bytes) -> Counts:
    trace = steps(EventLog.read([events]))
    executed = [step for step in trace.steps if step.outcome is Outcome.EXECUTED and step.counts]
    return Counts(executed=len(executed), compiled=sum(len(golog.parse(trace.log(step)).compiled) for step in executed))
