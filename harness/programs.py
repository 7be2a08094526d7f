"""Configures and starts the programs of an instance: the engine, its registry, its module proxy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from harness import processes
from harness.places import cache_folder


def registry(root: Path, storage: Path, port: int, folder: Path, log: Path) -> subprocess.Popen[bytes]:
    storage.mkdir(parents=True, exist_ok=True)
    config = folder / "registry.json"  # JSON is YAML
    config.write_text(
        json.dumps(
            {
                "version": 0.1,
                "log": {"level": "warn", "accesslog": {"disabled": False}},
                "storage": {
                    "filesystem": {"rootdirectory": str(storage)},
                    "delete": {"enabled": True},
                    "maintenance": {"uploadpurging": {"enabled": False}},
                },
                "http": {"addr": f"127.0.0.1:{port}"},
            }
        )
    )
    environment = {"PATH": os.environ.get("PATH", ""), "OTEL_TRACES_EXPORTER": "none"}
    process = processes.spawn([str(root / "bin/docker-registry"), "serve", str(config)], environment, log)
    return processes.listening(process, ("127.0.0.1", port), "the registry", log)


def module_proxy(place: tuple[str, int], sources: tuple[str, ...], folder: Path) -> subprocess.Popen[bytes]:
    """Start the module proxy of an instance."""
    words = ["--host", place[0], "--port", str(place[1]), "--folder", str(cache_folder() / "modules")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    log = folder / "modules.log"
    command = [
        sys.executable,
        "-c",
        "from harness.modules import main; main()",
        *words,
        "--instance",
        f"{folder}/",
        *sources,
    ]
    return processes.listening(processes.spawn(command, environment, log), place, "the module proxy", log)


def dockerd(root: Path, folder: Path, short: Path, bridge: str, port: int) -> subprocess.Popen[bytes]:
    config = folder / "daemon.json"
    config.write_text(
        json.dumps(
            {
                "data-root": str(folder / "data"),
                "exec-root": str(short / "exec"),
                "pidfile": str(short / "docker.pid"),
                "hosts": [f"unix://{short / 'docker.sock'}"],
                "features": {"containerd-snapshotter": True},
                "registry-mirrors": [f"http://localhost:{port}"],
                "bridge": bridge,
                "iptables": False,
                "ip6tables": False,
                "ip-forward": False,
                "ip-masq": False,
                "userland-proxy": True,
                "userland-proxy-path": str(root / "bin/docker-proxy"),
            },
            indent=1,
        )
    )
    environment = {**os.environ, "PATH": f"{root / 'bin'}:{os.environ.get('PATH', '/usr/sbin:/usr/bin:/sbin:/bin')}"}
    environment.pop("DOCKER_HOST", None)
    # the harness must not depend on client settings in the user's ~/.docker
    environment["DOCKER_CONFIG"] = str(folder / "docker")
    return processes.spawn(
        [str(root / "bin/dockerd"), "--config-file", str(config)], environment, folder / "dockerd.log"
    )
