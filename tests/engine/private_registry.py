"""A registry with TLS, a certificate of its own authority and a password, and an engine that knows where Docker looks.

Nothing of the machine is written: the engine has an /etc of its own, in a mount namespace of its own, whose
docker/certs.d is a folder of the test; gobake reads the same folder as that of a rootless Docker.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import harness
from harness import network, processes
from harness.packages import engine_root
from tests.authority import Authority

USER, PASSWORD = "tests", "right-password"
_HASHED = "$2y$05$abcdefghijklmnopqrstuuBO.kmgTJhdt40M5ZyHgFmcpBdUb9aS."  # bcrypt of it, as htpasswd writes it
_OWN_ETC = """set -e
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" /etc
mkdir -p /etc/docker/certs.d
mount --bind "$2" /etc/docker/certs.d
shift 2
exec "$@"
"""


@dataclass(kw_only=True)
class Private:
    """The engine, its registries, and what a user of both has."""

    engine: harness.Engine
    certificates: Path  # certs.d
    docker: Path  # DOCKER_CONFIG
    authority: Authority
    good: str  # host and port
    expired: str
    log: Path  # of the good one: a line for each request
    logins: Path  # a line for each host that the credential helper was asked for

    def trust(self, host: str) -> None:
        (self.certificates / host).mkdir(exist_ok=True)
        (self.certificates / host / "ca.crt").write_bytes(self.authority.certificate.read_bytes())

    def distrust(self, host: str) -> None:
        (self.certificates / host / "ca.crt").unlink()

    def password(self, password: str) -> None:
        """Let the credential helper know this password for all registries."""
        answer = json.dumps({"Username": USER, "Secret": password})
        helper = self.docker / "bin/docker-credential-tests"
        helper.write_text(f"#!/bin/sh\nhost=$(cat)\necho \"$host\" >> '{self.logins}'\necho '{answer}'\n")
        helper.chmod(helper.stat().st_mode | stat.S_IXUSR)

    def env(self) -> dict[str, str]:
        return {
            **self.engine.env,
            "DOCKER_CONFIG": str(self.docker),
            "XDG_CONFIG_HOME": str(self.certificates.parent.parent),
            "PATH": f"{self.docker / 'bin'}:{self.engine.env['PATH']}",
        }


@contextmanager
def private(folder: Path) -> Iterator[Private]:
    """Start all of it, and stop it again."""
    certificates = folder / "config/docker/certs.d"
    certificates.mkdir(parents=True)
    authority = Authority(folder / "authority")
    with ExitStack() as ends:
        engine = _engine(folder, certificates)
        ends.callback(harness.down, "private", purge=True)
        state = json.loads((engine.state_dir / "state.json").read_text())
        address = f"{state['subnet']}.1"
        hosts = {}
        for name, days in (("good", 30), ("expired", -1)):
            hosts[name] = f"{address}:{network.free_port()}"
            process = _registry(folder / name, hosts[name], authority.issued(name, address, days=days))
            ends.callback(processes.stop, process.pid)
        made = Private(
            engine=engine,
            certificates=certificates,
            docker=_docker(folder, engine, hosts.values()),
            authority=authority,
            good=hosts["good"],
            expired=hosts["expired"],
            log=folder / "good/log",
            logins=folder / "logins",
        )
        made.password(PASSWORD)
        for host in hosts.values():
            made.trust(host)
        yield made


def _engine(folder: Path, certificates: Path) -> harness.Engine:
    """An engine whose dockerd has an /etc of its own."""
    etc = folder / "etc"
    for name in ("upper", "work"):
        (etc / name).mkdir(parents=True)
    plain = processes.spawn
    around = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _OWN_ETC, "sh", str(etc), str(certificates)]

    def spawn(command: list[str], env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
        own = command[0].endswith("/dockerd")
        return plain([*around, *command] if own else command, env, log)

    processes.spawn = spawn
    try:
        return harness.up(os.environ.get("GOBAKE_ENGINE_SUITE", "sid"), "private", force_private=True, fresh=True)
    finally:
        processes.spawn = plain


def _registry(folder: Path, host: str, certificate: tuple[Path, Path]) -> subprocess.Popen[bytes]:
    folder.mkdir()
    (folder / "htpasswd").write_text(f"{USER}:{_HASHED}\n")
    settings = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": False}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}, "delete": {"enabled": True}},
        "http": {"addr": host, "tls": {"certificate": str(certificate[0]), "key": str(certificate[1])}},
        "auth": {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}},
    }
    (folder / "config.json").write_text(json.dumps(settings))
    suite = os.environ.get("GOBAKE_ENGINE_SUITE", "sid")
    command = [str(engine_root(suite) / "bin/docker-registry"), "serve", str(folder / "config.json")]
    environment = {"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"}
    address, _, port = host.partition(":")
    started = processes.spawn(command, environment, folder / "log")
    return processes.listening(started, (address, int(port)), "the private registry", folder / "log")


def _docker(folder: Path, engine: harness.Engine, hosts: Iterable[str]) -> Path:
    """A DOCKER_CONFIG that has logins only by a credential helper."""
    docker = folder / "docker"
    (docker / "bin").mkdir(parents=True)
    (docker / "config.json").write_text(json.dumps({"credHelpers": dict.fromkeys(hosts, "tests")}))
    (docker / "cli-plugins").symlink_to(Path(engine.env["DOCKER_CONFIG"]) / "cli-plugins")
    return docker
