"""Runs a real Prometheus and a real push gateway for the tests, from Debian packages, each as a context manager."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.network import free_port
from harness.packages import TOOLS_SUITE, download, unpack
from harness.places import HarnessError, cache_folder, fresh_folder

PACKAGES = ("prometheus", "prometheus-pushgateway")
START_SECONDS = 60


def programs() -> Path:
    """Return the folder with prometheus, promtool and prometheus-pushgateway, which is made once."""
    folder = cache_folder() / "monitoring"
    with fresh_folder(folder, f"1 {' '.join(PACKAGES)}") as new:
        if new:
            unpack(download(TOOLS_SUITE, "amd64", PACKAGES, dependencies=False), new)
    return folder / "usr" / "bin"


@dataclass(frozen=True, kw_only=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def api(self, path: str, **words: str) -> Any:
        """Return the `data` of an answer of its HTTP API. Raises HarnessError for a query that it refuses."""
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(words)}"
        try:
            with urllib.request.urlopen(address, timeout=30) as reply:
                return json.load(reply)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise HarnessError(f"{path} {words}: {error.read().decode(errors='replace')}") from None

    def query(self, expression: str) -> list[Any]:
        result = self.api("query", query=expression)["result"]
        assert isinstance(result, list)
        return result


@contextlib.contextmanager
def prometheus(folder: Path, targets: Mapping[str, str]) -> Iterator[Prometheus]:
    """Run one that scrapes ``targets`` (job -> host:port) every second and keeps its files in ``folder``."""
    jobs = [{"job_name": job, "static_configs": [{"targets": [where]}]} for job, where in targets.items()]
    config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.json").write_text(json.dumps(config))  # JSON is YAML
    port = free_port()
    words = (f"--config.file={folder / 'prometheus.json'}", f"--storage.tsdb.path={folder / 'data'}")
    with _running(folder, "prometheus", *words, f"--web.listen-address=127.0.0.1:{port}", ready=(port, "/-/ready")):
        yield Prometheus(url=f"http://127.0.0.1:{port}")


@contextlib.contextmanager
def push_gateway(folder: Path) -> Iterator[str]:
    """Run a push gateway and yield its address."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    listen = f"--web.listen-address=127.0.0.1:{port}"
    with _running(folder, "prometheus-pushgateway", listen, ready=(port, "/-/ready")):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def _running(folder: Path, program: str, *words: str, ready: tuple[int, str]) -> Iterator[None]:
    log = folder / f"{program}.log"
    with log.open("wb") as out:
        process = subprocess.Popen([programs() / program, *words], stdout=out, stderr=out, cwd=folder)
    try:
        _await(process, f"http://127.0.0.1:{ready[0]}{ready[1]}", log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.1)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
    raise HarnessError(f"{log.stem} does not answer; it logged:\n{tail}")
