"""Private modules build with what the machine or gobake.yaml has, and fail with a remedy without it.

Real servers that ask for passwords, behind a certificate authority that nobody knows.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.parse
from pathlib import Path

import pytest

from tests.conftest import Tree
from tests.engine.conftest import docker
from tests.engine.private.machine import (
    BOTH,
    PROJECT,
    Machine,
    cloned_over_https,
    netrc,
    over_https,
    over_ssh,
    project,
    through_proxy,
    trust,
    zips,
)
from tests.engine.private.modules import library
from tests.engine.private.servers import ForwardProxy, ModuleServer, SshServer
from tests.engine.test_faults import one_line_error

# ---- a module proxy


@pytest.mark.smoke
def test_a_module_behind_a_proxy_with_password_and_private_authority_is_downloaded_once_for_all_platforms(
    machine: Machine, tree: Tree, server: ModuleServer
) -> None:
    netrc(server, machine)
    module = library("private.test/once", "from the proxy")
    server.offer(module)
    root = project(tree, "once", module)
    machine.good("build", "--platform", BOTH, cwd=root, env=through_proxy(server))
    assert docker("run", "--rm", "once:latest") == "from the proxy"
    assert zips(server, module) == 1
    (root / "main.go").write_text((root / "main.go").read_text().replace("lib.Says", '"again " + lib.Says'))
    machine.good("build", "--platform", BOTH, cwd=root, env=through_proxy(server))
    assert docker("run", "--rm", "once:latest") == "again from the proxy"
    assert zips(server, module) == 1


def test_every_strategy_and_the_late_link_reach_the_module(machine: Machine, tree: Tree, server: ModuleServer) -> None:
    netrc(server, machine)
    module = library("private.test/every", "every strategy")
    server.offer(module)
    config = "services: {every: {version_stamp: main.version, strategies: [single-stage, scratch, prebuilt]}}\n"
    root = project(tree, "every", module, config=config)
    machine.good("all", "--platform", "linux/amd64", "--tag", "t", cwd=root, env=through_proxy(server))
    for strategy in ("single-stage", "scratch"):
        assert docker("run", "--rm", f"every:t-{strategy}") == "every strategyt"
    assert docker("run", "--rm", "every:t-prebuilt").startswith("every strategy")
    assert zips(server, module) == 2  # the builder's cache and this machine's own


def test_a_host_without_go_reaches_the_module_too(machine: Machine, tree: Tree, server: ModuleServer) -> None:
    netrc(server, machine)
    module = library("private.test/nogo", "without Go here")
    server.offer(module)
    root = project(tree, "nogo", module)
    path = ":".join(p for p in os.environ["PATH"].split(":") if not (Path(p) / "go").exists())
    machine.good("build", cwd=root, env={**through_proxy(server), "PATH": path})
    assert docker("run", "--rm", "nogo:latest") == "without Go here"


def test_a_token_and_a_bundle_that_gobake_yaml_names(machine: Machine, tree: Tree, server: ModuleServer) -> None:
    module = library("private.test/named", "named in gobake.yaml")
    server.offer(module)
    config = (
        f"private:\n  tokens: {{{server.address}: {{variable: MODULE_TOKEN, username: {server.user}}}}}\n"
        "  ca_bundle: company.pem\nservices: {named: {strategies: [scratch, prebuilt]}}\n"
    )
    root = project(tree, "named", module, config=config)
    (root / "company.pem").write_text(server.authority.certificate.read_text())
    env = {"GOPROXY": f"{server.url}/proxy", "MODULE_TOKEN": server.password}
    machine.good("all", "--platform", "linux/amd64", cwd=root, env=env)
    for strategy in ("scratch", "prebuilt"):
        assert docker("run", "--rm", f"named:latest-{strategy}") == "named in gobake.yaml"


def test_without_a_login_the_error_says_where_to_put_one(machine: Machine, tree: Tree, server: ModuleServer) -> None:
    module = library("private.test/nologin", "")
    server.offer(module)
    ended = machine("build", cwd=project(tree, "nologin", module), env=through_proxy(server))
    assert ended.code == 4
    error = one_line_error(ended)
    assert "401 Unauthorized" in error
    assert "~/.netrc" in error
    assert "private.tokens" in error


def test_without_the_authority_the_error_says_where_to_name_it(
    machine: Machine, tree: Tree, server: ModuleServer
) -> None:
    netrc(server, machine)
    module = library("private.test/noca", "")
    server.offer(module)
    ended = machine("build", cwd=project(tree, "noca", module), env={"GOPROXY": f"{server.url}/proxy"})
    assert ended.code == 4
    error = one_line_error(ended)
    assert "certificate signed by unknown authority" in error
    assert "SSL_CERT_FILE" in error
    assert "private.ca_bundle" in error


@pytest.mark.parametrize("said", ["netrc: ~/.no-such-file", "tokens: {git.test: NO_SUCH_VARIABLE}", "ssh: agent"])
def test_what_gobake_yaml_names_must_be_there_before_the_build_begins(machine: Machine, tree: Tree, said: str) -> None:
    root = project(tree, "missing", library("private.test/missing", ""), config=f"private:\n  {said}\n")
    ended = machine("build", cwd=root)
    assert ended.code == 2
    assert "gobake.yaml:3:" in one_line_error(ended)
    assert f": private.{said.partition(':')[0]}" in one_line_error(ended)
    assert "begins" not in ended.err


# ---- git


def test_git_over_https_with_a_token(machine: Machine, tree: Tree, server: ModuleServer) -> None:
    module = library(f"{server.address}/team/https", "over https")
    server.repository(module)
    token = f"private: {{tokens: {{{server.address}: {{variable: GIT_TOKEN, username: {server.user}}}}}}}\n"
    config = f"{token}services: {{https: {{strategies: [scratch, prebuilt]}}}}\n"
    root = project(tree, "https", module, config=config)
    env = {**over_https(server), "GIT_TOKEN": server.password}
    machine.good("all", "--platform", "linux/amd64", cwd=root, env=env)
    for strategy in ("scratch", "prebuilt"):
        assert docker("run", "--rm", f"https:latest-{strategy}") == "over https"
    assert cloned_over_https(server) > 0


def test_git_over_https_without_a_token_says_where_to_put_one(
    machine: Machine, tree: Tree, server: ModuleServer
) -> None:
    module = library(f"{server.address}/team/notoken", "")
    server.repository(module)
    ended = machine("build", cwd=project(tree, "notoken", module), env=over_https(server))
    assert ended.code == 4
    error = one_line_error(ended)
    assert "private.tokens" in error
    assert "could not read Username" in error or "401 Unauthorized" in error


@pytest.mark.smoke
def test_git_over_ssh_with_the_agent_and_known_hosts_of_the_machine(
    machine: Machine, tree: Tree, server: ModuleServer, ssh: SshServer
) -> None:
    module = library(f"{server.address}/team/agent", "over ssh")
    server.repository(module)
    trust(machine, ssh)
    env = {**over_ssh(server, ssh, machine), "SSH_AUTH_SOCK": str(ssh.agent)}
    before = cloned_over_https(server)
    machine.good("build", "--platform", BOTH, cwd=project(tree, "agent", module), env=env)
    assert docker("run", "--rm", "agent:latest") == "over ssh"
    assert cloned_over_https(server) == before


def test_git_over_ssh_with_a_key_and_hosts_that_gobake_yaml_names(
    machine: Machine, tree: Tree, server: ModuleServer, ssh: SshServer
) -> None:
    module = library(f"{server.address}/team/keyed", "with a key")
    server.repository(module)
    netrc(server, machine)
    (machine.home / "hosts").write_text(ssh.known_hosts)
    strategies = ("scratch", *(["prebuilt"] if shutil.which("ssh") else []))  # prebuilt: by this machine's own ssh
    config = (
        f"private: {{ssh: {ssh.key}, known_hosts: ~/hosts, ssh_hosts: ['{ssh.place}']}}\n"
        f"services: {{keyed: {{strategies: [{', '.join(strategies)}]}}}}\n"
    )
    root = project(tree, "keyed", module, config=config)
    before = cloned_over_https(server)
    machine.good("all", "--platform", "linux/amd64", cwd=root, env=over_https(server))
    for strategy in strategies:
        assert docker("run", "--rm", f"keyed:latest-{strategy}") == "with a key"
    assert cloned_over_https(server) == before


def test_git_over_ssh_without_a_known_host_or_a_key_says_which(
    machine: Machine, tree: Tree, server: ModuleServer, ssh: SshServer
) -> None:
    module = library(f"{server.address}/team/nokey", "")
    server.repository(module)
    root = project(tree, "nokey", module)
    env = over_ssh(server, ssh, machine)
    unknown = machine("build", cwd=root, env={**env, "SSH_AUTH_SOCK": str(ssh.agent)})
    assert unknown.code == 4
    assert "Host key verification failed" in one_line_error(unknown)
    assert "known_hosts" in one_line_error(unknown).partition("; ")[2]
    (machine.home / "hosts").write_text(ssh.known_hosts)
    (root / "gobake.yaml").write_text((root / "gobake.yaml").read_text() + "private: {known_hosts: ~/hosts}\n")
    keyless = machine("build", cwd=root, env=env)
    assert keyless.code == 4
    assert "Permission denied (publickey" in one_line_error(keyless)
    assert "private.ssh" in one_line_error(keyless)


# ---- an HTTP proxy


def test_modules_come_through_an_http_proxy_with_password(machine: Machine, tree: Tree, server: ModuleServer) -> None:
    netrc(server, machine)
    module = library("private.test/carried", "through a proxy")
    server.offer(module)
    root = project(tree, "carried", module)
    with ForwardProxy(server.address) as proxy:
        env = {**through_proxy(server), "https_proxy": proxy.url, "NO_PROXY": "localhost"}
        machine.good("build", cwd=root, env=env)
        assert docker("run", "--rm", "carried:latest") == "through a proxy"
        assert set(proxy.carried) == {f"{server.address}:443"}
        assert proxy.refused == 0


def test_a_wrong_password_of_the_proxy_is_an_error_without_it(
    machine: Machine, tree: Tree, server: ModuleServer
) -> None:
    netrc(server, machine)
    module = library("private.test/refused", "")
    server.offer(module)
    root = project(tree, "refused", module)
    with ForwardProxy(server.address) as proxy:
        wrong = proxy.url.replace(urllib.parse.quote(proxy.password, safe=""), "wr0ngpassword")
        ended = machine("build", cwd=root, env={**through_proxy(server), "HTTPS_PROXY": wrong, "NO_PROXY": "localhost"})
        assert proxy.refused > 0
    assert ended.code == 4
    assert "Proxy Authentication Required" in one_line_error(ended)
    assert "HTTPS_PROXY" in one_line_error(ended)
    assert "wr0ngpassword" not in ended.out + ended.err


# ---- without gobake, without downloads, with local modules


def test_plain_bake_builds_with_the_same_secrets(machine: Machine, tree: Tree, server: ModuleServer) -> None:
    netrc(server, machine)
    module = library("private.test/plain", "plain bake")
    server.offer(module)
    root = project(tree, "plain", module)
    machine.good("render", cwd=root, env=through_proxy(server))
    before = {file.name: file.read_bytes() for file in root.iterdir() if file.is_file()}
    env = {
        **machine.env,
        "GOBAKE_GOENV": f"GOPROXY={server.url}/proxy\n",
        "GOBAKE_NETRC": (machine.home / ".netrc").read_text(),
        "GOBAKE_CA": str(server.authority.certificate),
        "BUILDX_BAKE_ENTITLEMENTS_FS": "0",
    }
    done = subprocess.run(["docker", "buildx", "bake"], cwd=root, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert docker("run", "--rm", "plain:latest") == "plain bake"
    machine.good("render", cwd=root)
    assert {file.name: file.read_bytes() for file in root.iterdir() if file.is_file()} == before


def test_a_vendored_project_downloads_nothing_and_asks_for_no_credentials(
    machine: Machine, tree: Tree, server: ModuleServer
) -> None:
    module = library("private.test/vendored", "vendored")
    server.offer(module)
    root = project(
        tree,
        "vendored",
        module,
        config="private: {tokens: {git.test: NO_SUCH_VARIABLE}}\n",
        **{
            "vendor/modules.txt": f"# {module.path} {module.version}\n## explicit; go 1.26\n{module.path}\n",
            f"vendor/{module.path}/lib.go": module.files["lib.go"],
        },
    )
    before = len(server.requests) + len(server.refused)
    machine.good("build", "--platform", BOTH, cwd=root, env=through_proxy(server))
    assert docker("run", "--rm", "vendored:latest") == "vendored"
    assert len(server.requests) + len(server.refused) == before
    machine.good("render", cwd=root)
    assert "netrc" not in (root / "gobake.Dockerfile").read_text()


def test_a_workspace_with_a_replaced_module_an_embedded_file_and_a_private_one(
    machine: Machine, tree: Tree, server: ModuleServer
) -> None:
    netrc(server, machine)
    module = library("private.test/work", "private")
    server.offer(module)
    command = 'package main\n\nimport (\n\t_ "embed"\n\t"fmt"\n\n\t"example.com/local"\n\t"private.test/work"\n)\n\n//go:embed data/*.txt\nvar _ string\n'
    main = command.replace(
        "//go:embed data/*.txt\nvar _ string\n",
        "//go:embed data/said.txt\nvar said string\n\nfunc main() { fmt.Print(said, local.Says, lib.Says) }\n",
    )
    root = tree(
        {
            "go.work": "go 1.26\n\nuse (\n\t./api\n\t./worker\n)\n\nreplace example.com/local => ./local\n",
            "api/go.mod": "module example.com/api\n\ngo 1.26\n\nrequire (\n\texample.com/local v0.0.0\n\tprivate.test/work v1.0.0\n)\n",
            "api/go.sum": module.sums,
            "api/main.go": main,
            "api/data/said.txt": "embedded ",
            "worker/go.mod": "module example.com/worker\n\ngo 1.26\n\nrequire private.test/work v1.0.0\n",
            "worker/go.sum": module.sums,
            "worker/main.go": 'package main\n\nimport "private.test/work"\n\nfunc main() { print(lib.Says) }\n',
            "local/go.mod": "module example.com/local\n\ngo 1.26\n",
            "local/local.go": 'package local\n\nconst Says = "local "\n',
            "gobake.yaml": f"name: {PROJECT}\n",
        },
        "work",
    )
    machine.good("build", "--platform", BOTH, cwd=root, env=through_proxy(server))
    assert docker("run", "--rm", "api:latest") == "embedded local private"
    assert zips(server, module) == 1
    (root / "api/data/said.txt").write_text("changed ")
    machine.good("build", "--platform", BOTH, cwd=root, env=through_proxy(server))
    assert docker("run", "--rm", "api:latest") == "changed local private"
    assert zips(server, module) == 1
