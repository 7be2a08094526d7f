"""A second dockerd with the classic image store, for the test of what gobake says to it."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import network
from harness.instance import pings, unmount
from harness.places import lock


@contextmanager
def classic_engine(folder: Path) -> Iterator[str]:
    """DOCKER_HOST of an engine without the containerd image store; it is gone afterwards.

    It has a bridge of its own, although it runs no container: an engine that is told to have none deletes `docker0`.
    """
    dockerd = shutil.which("dockerd")
    assert dockerd
    mark = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
    short, bridge = Path("/tmp") / f"gobake-classic-{mark}", f"gbc{mark}"
    short.mkdir(exist_ok=True)
    sock = short / "docker.sock"
    config = folder / "daemon.json"
    config.write_text(
        json.dumps(
            {
                "data-root": str(folder / "data"),
                "exec-root": str(short / "exec"),
                "pidfile": str(short / "pid"),
                "hosts": [f"unix://{sock}"],
                "bridge": bridge,
                "iptables": False,
                "ip6tables": False,
                "ip-forward": False,
                "ip-masq": False,
                "storage-driver": "vfs",
                "features": {"containerd-snapshotter": False},
            }
        )
    )
    with lock("machine"):
        network.add_bridge(bridge, network.free_subnet())
    try:
        yield from _running(dockerd, config, folder / "dockerd.log", sock)  # until it has answered, and ended
    finally:
        network.remove_bridge(bridge)
        unmount(folder)
        shutil.rmtree(short, ignore_errors=True)


def _running(dockerd: str, config: Path, log_file: Path, sock: Path) -> Iterator[str]:
    with log_file.open("w") as log:
        process = subprocess.Popen([dockerd, "--config-file", str(config)], stdout=log, stderr=log)
    try:
        for _ in range(300):
            if sock.exists() and pings(str(sock)):
                break
            time.sleep(0.1)
        yield f"unix://{sock}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
