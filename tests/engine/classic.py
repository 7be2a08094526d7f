"""A second dockerd with the classic image store, for the test of what gobake says to it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def classic_engine(folder: Path) -> Iterator[str]:
    """DOCKER_HOST of an engine without the containerd image store; it is gone afterwards."""
    dockerd = shutil.which("dockerd")
    assert dockerd
    short = Path("/tmp") / f"gobake-classic-{folder.name[-12:]}"
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
                "bridge": "none",
                "iptables": False,
                "ip6tables": False,
                "storage-driver": "vfs",
                "features": {"containerd-snapshotter": False},
            }
        )
    )
    with (folder / "dockerd.log").open("w") as log:
        process = subprocess.Popen([dockerd, "--config-file", str(config)], stdout=log, stderr=log)
    try:
        for _ in range(300):
            if sock.exists() and process.poll() is None:
                break
            time.sleep(0.1)
        yield f"unix://{sock}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        shutil.rmtree(short, ignore_errors=True)
