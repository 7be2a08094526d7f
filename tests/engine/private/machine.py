"""A user's machine in a home folder of its own, and projects that need private modules."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import Ended, Gobake, Tree
from tests.engine.private.modules import Module
from tests.engine.private.servers import ModuleServer, SshServer

BOTH = "linux/amd64,linux/arm64"
PROJECT = f"private-{os.getpid()}"  # one name: all of them share the builder's Go cache, and no module


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A user's machine: a home folder of its own, nothing of the real one, and gobake there."""

    home: Path
    gobake: Gobake

    @property
    def env(self) -> dict[str, str]:
        hidden = (
            "_PROXY",
            "SSH_AUTH_SOCK",
            "NETRC",
            "SSL_CERT_FILE",
            "GIT_",
            "GOPROXY",
            "GOPRIVATE",
            "GONO",
            "GOSUMDB",
        )
        kept = {name: value for name, value in self.gobake.env.items() if not any(h in name.upper() for h in hidden)}
        return {
            **kept,
            "HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GOCACHE": subprocess.run(
                ["go", "env", "GOCACHE"], capture_output=True, text=True, check=True
            ).stdout.strip(),
            "GOMODCACHE": str(self.home / "gomod"),
            "GOFLAGS": "-modcacherw",
            "GOSUMDB": "off",
        }

    def __call__(self, *words: str, cwd: Path, env: Mapping[str, str] | None = None) -> Ended:
        return Gobake(env={**self.env, **(env or {})})(*words, cwd=cwd)

    def good(self, *words: str, cwd: Path, env: Mapping[str, str] | None = None) -> Ended:
        return Gobake(env={**self.env, **(env or {})}).good(*words, cwd=cwd)


def project(tree: Tree, name: str, *modules: Module, config: str = "", **files: str) -> Path:
    """A command that prints what a module says."""
    lib = modules[0].path
    requires = "".join(f"require {module.path} {module.version}\n" for module in modules)
    return tree(
        {
            "go.mod": f"module example.com/{name}\n\ngo 1.26\n\n{requires}",
            "go.sum": "".join(module.sums for module in modules),
            "main.go": f'package main\n\nimport (\n\t"fmt"\n\n\t"{lib}"\n)\n\nvar version = ""\n\n'
            "func main() { fmt.Println(lib.Says + version) }\n",
            "gobake.yaml": f"name: {PROJECT}\n{config}",
            **files,
        },
        name,
    )


def netrc(server: ModuleServer, machine: Machine, password: str = "") -> None:
    text = f"machine {server.address} login {server.user} password {password or server.password}\n"
    (machine.home / ".netrc").write_text(text)


def through_proxy(server: ModuleServer) -> dict[str, str]:
    return {"GOPROXY": f"{server.url}/proxy", "SSL_CERT_FILE": str(server.authority.certificate)}


def cloned_over_https(server: ModuleServer) -> int:
    return len([path for path in server.requests if path.endswith("/git-upload-pack")])


def zips(server: ModuleServer, module: Module) -> int:
    return server.requests.count(f"/proxy/{module.path}/@v/{module.version}.zip")


def over_https(server: ModuleServer) -> dict[str, str]:
    return {
        "GOPRIVATE": server.address,
        "GOPROXY": "https://proxy.golang.org,direct",
        "SSL_CERT_FILE": str(server.authority.certificate),
    }


def over_ssh(server: ModuleServer, ssh: SshServer, machine: Machine) -> dict[str, str]:
    """git itself turns the addresses, as users of private modules have it set."""
    (machine.home / ".gitconfig").write_text(f'[url "ssh://{ssh.place}/"]\n\tinsteadOf = https://{server.address}/\n')
    netrc(server, machine)  # for Go's own question, which is no git's
    return over_https(server)


def trust(machine: Machine, ssh: SshServer) -> None:
    (machine.home / ".ssh").mkdir()
    (machine.home / ".ssh/known_hosts").write_text(ssh.known_hosts)
