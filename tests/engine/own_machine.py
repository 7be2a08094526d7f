"""A machine with an engine of its own, in a network namespace: what the harness leaves of it. Run by test_harness.py.

    unshare --net python3 -m tests.engine.own_machine ENGINE_ROOT FOLDER

The engine is a real dockerd with its default bridge and its own rules. Prints one JSON object.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import harness
from harness import network
from tests.engine.classic import classic_engine

NAME = "elsewhere"
_NEUTRAL = re.compile(r"^\*\w+\n(?::\w+ ACCEPT\n)*COMMIT\n", re.MULTILINE)  # a table without a rule


def main(root: Path, folder: Path) -> dict[str, object]:
    os.environ["PATH"] = f"{root / 'bin'}:{os.environ['PATH']}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        network.set_up(control, "lo", True)
    network.FORWARD.write_text("0")  # of this namespace, as on a machine that forwards nothing
    alone = [snapshot(root)]
    harness.up("sid", NAME, force_private=True)
    harness.down(NAME)
    alone.append(snapshot(root))
    with own_engine(root, folder) as host:
        ran = [runs(root, host)]
        beside = [snapshot(root)]
        engine = harness.up("sid", NAME, force_private=True)
        built = builds({**os.environ, **engine.env})
        with classic_engine(folder):
            pass
        harness.down(NAME, purge=True)
        beside.append(snapshot(root))
        ran.append(runs(root, host))
    return {"alone": alone, "beside": beside, "ran": ran, "built": built}


@contextlib.contextmanager
def own_engine(root: Path, folder: Path) -> Iterator[str]:
    """Its DOCKER_HOST. Its bridge, its chains and its rules are those of any machine with Docker."""
    place = folder / "own"
    place.mkdir()
    settings = {
        "data-root": str(place / "data"),
        "exec-root": str(place / "exec"),
        "pidfile": str(place / "pid"),
        "hosts": [f"unix://{place}/sock"],
        "storage-driver": "vfs",
        "features": {"containerd-snapshotter": False},
        "userland-proxy-path": str(root / "bin/docker-proxy"),
    }
    (place / "daemon.json").write_text(json.dumps(settings))
    with (folder / "own.log").open("w") as log:
        process = subprocess.Popen(
            [root / "bin/dockerd", "--config-file", place / "daemon.json"], stdout=log, stderr=log
        )
    try:
        host = f"unix://{place}/sock"
        for _ in range(300):
            if docker(root, host, "version").returncode == 0:
                break
            time.sleep(0.1)
        packed = subprocess.run(
            ["tar", "-ch", "-C", root / "bin", "qemu-aarch64-static"], capture_output=True, check=True
        ).stdout  # any program without libraries
        docker(root, host, "import", "-", "tiny", given=packed)
        yield host
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def docker(root: Path, host: str, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([root / "bin/docker", "-H", host, *words], input=given, capture_output=True, check=False)


def runs(root: Path, host: str) -> str:
    """What a container says that is on the engine's bridge."""
    done = docker(root, host, "run", "--rm", "tiny", "/qemu-aarch64-static", "--version")
    return (done.stdout or done.stderr).decode().splitlines()[0]


def builds(env: dict[str, str]) -> int:
    text = "FROM alpine:3.22\nRUN true\n"
    command = ["docker", "build", "-q", "-"]
    return subprocess.run(command, input=text.encode(), env=env, stdout=subprocess.DEVNULL, check=False).returncode


# ---- what others see


def snapshot(root: Path) -> dict[str, object]:
    """Interfaces with their addresses and routes, rules, settings, handlers of foreign programs."""
    return {
        "interfaces": sorted(line.partition(":")[0].strip() for line in _lines("/proc/net/dev")[2:]),
        "routes": _lines("/proc/net/route"),
        "addresses": [line for line in _lines("/proc/net/fib_trie") if "+--" not in line],
        "rules": {name: _rules(root, name) for name in ("iptables-save", "ip6tables-save")},
        "settings": {str(file): text for file in _settings() if (text := _text(file)) is not None},
        "handlers": {file.name: _text(file) for file in sorted(network.BINFMT.glob("*"))},
    }


def _rules(root: Path, program: str) -> str:
    """Without counters, dates and tables that say nothing."""
    libraries = next((root / "usr/lib").glob("*-linux-gnu"))
    env = {**os.environ, "LD_LIBRARY_PATH": str(libraries), "XTABLES_LIBDIR": str(libraries / "xtables")}
    command = [str(root / "usr/sbin/xtables-nft-multi"), program]
    said = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    plain = re.sub(r"^#.*\n| \[\d+:\d+\]", "", said, flags=re.MULTILINE)
    return _NEUTRAL.sub("", plain)


def _settings() -> Iterator[Path]:
    yield Path("/proc/sys/net/ipv4/ip_forward")
    yield from sorted(Path("/proc/sys/net/ipv6/conf").glob("*/forwarding"))
    for name in ("all", "default", "docker0"):
        yield from sorted(Path(f"/proc/sys/net/ipv4/conf/{name}").glob("*"))
    yield from sorted(Path("/proc/sys/net/bridge").glob("*"))


def _text(file: Path) -> str | None:
    try:
        return file.read_text()
    except OSError:  # some can only be written
        return None


def _lines(file: str) -> list[str]:
    return Path(file).read_text().splitlines()


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
