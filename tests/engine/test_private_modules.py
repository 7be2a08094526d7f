"""Private modules: they build with what the machine or gobake.yaml has, fail with a remedy without it, and no secret
is left anywhere. Real servers that ask for passwords, behind a certificate authority that nobody knows."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gobake.trace.events import EventLog
from tests.conftest import Ended, Gobake, Tree
from tests.engine.conftest import docker
from tests.engine.module_servers import (
    Authority,
    ForwardProxy,
    Module,
    ModuleServer,
    Search,
    SshServer,
    basic,
    bridge_address,
    library,
    ssh_server,
)
from tests.engine.test_faults import one_line_error

BOTH = "linux/amd64,linux/arm64"
PRIVATE = "private.test/team/lib"
PROJECT = f"private-{os.getpid()}"  # one name: all of them share the builder's Go cache, and no module


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleServer]:
    if not os.environ.get("GOBAKE_HARNESS_STATE"):
        pytest.skip("the harness did not start this engine, so that no address is known that its steps reach")
    folder = tmp_path_factory.mktemp("servers")
    address = bridge_address()
    with ModuleServer(Authority.made(folder, address), address, folder) as started:
        yield started


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


@pytest.fixture
def machine(gobake: Gobake, tmp_path: Path) -> Machine:
    return Machine(home=tmp_path / "home", gobake=gobake)


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
    root = project(tree, "missing", library(PRIVATE, ""), config=f"private:\n  {said}\n")
    ended = machine("build", cwd=root)
    assert ended.code == 2
    assert "gobake.yaml:3:" in one_line_error(ended)
    assert f": private.{said.partition(':')[0]}" in one_line_error(ended)
    assert "begins" not in ended.err


# ---- git


def over_https(server: ModuleServer) -> dict[str, str]:
    return {
        "GOPRIVATE": server.address,
        "GOPROXY": "https://proxy.golang.org,direct",
        "SSL_CERT_FILE": str(server.authority.certificate),
    }


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


@pytest.fixture(scope="module")
def ssh(server: ModuleServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    folder = tmp_path_factory.mktemp("ssh")
    repositories = server.repository(library(f"{server.address}/team/first", "")).parent.parent
    with ssh_server(folder, repositories) as started:
        yield started


def over_ssh(server: ModuleServer, ssh: SshServer, machine: Machine) -> dict[str, str]:
    """git itself turns the addresses, as users of private modules have it set."""
    (machine.home / ".gitconfig").write_text(f'[url "ssh://{ssh.place}/"]\n\tinsteadOf = https://{server.address}/\n')
    netrc(server, machine)  # for Go's own question, which is no git's
    return over_https(server)


def trust(machine: Machine, ssh: SshServer) -> None:
    (machine.home / ".ssh").mkdir()
    (machine.home / ".ssh/known_hosts").write_text(ssh.known_hosts)


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


# ---- what is left of the secrets


def looked_into(machine: Machine, root: Path, images: list[str], secrets: Mapping[str, str], *ended: Ended) -> Search:
    """Search all that builds of a project leave behind."""
    search = Search.of(secrets)
    for number, end in enumerate(ended):
        search.data(f"output {number}", f"{end.out}\n{end.err}".encode())
    for image in images:
        search.image(image)
    search.folder(root)
    search.folder(machine.home / "cache")
    search.folder(machine.home / "data")
    search.folder(Path(os.environ["BUILDX_CONFIG"]))
    state = Path(os.environ["GOBAKE_HARNESS_STATE"])
    for log in state.glob("*.log"):
        search.data(str(log), log.read_bytes())
    for database in (state / "data/buildkit").glob("*.db"):
        search.data(str(database), database.read_bytes())
    return search


def logged(machine: Machine, text: str) -> int:
    """In how many runs a step wrote this, by the events that were kept."""
    files = (machine.home / "data").rglob("*.jsonl.gz")
    logs = (EventLog.read([gzip.decompress(file.read_bytes())]) for file in files)
    return sum(any(text.encode() in log.log([vertex]) for vertex, _ in log.vertices) for log in logs)


def test_no_secret_is_left_in_images_records_events_logs_caches_and_files(
    machine: Machine, tree: Tree, server: ModuleServer, ssh: SshServer
) -> None:
    """Everything at once: a login, a token, a proxy's password, a header and an address with a token in git's settings.
    One build succeeds, and one fails at a server that repeats what it was asked with."""
    module, other = library("private.test/kept", "kept"), library(f"{server.address}/team/kept", "too")
    server.offer(module)
    server.repository(other)
    trust(machine, ssh)
    netrc(server, machine)
    elsewhere, header, address = "els3where/pass", "h3ader+s3cret", "t0ken-in-an-address"
    (machine.home / ".netrc").write_text(
        (machine.home / ".netrc").read_text() + f"machine other.test login me password {elsewhere}\n"
    )
    (machine.home / ".gitconfig").write_text(
        f'[http "https://other.test/"]\n\textraHeader = Authorization: Basic {basic("me", header)}\n'
        f'[url "https://oauth2:{address}@other.test/"]\n\tinsteadOf = https://another.test/\n'
    )
    config = (
        "private: {tokens: {third.test: THIRD_TOKEN}}\n"
        "services: {kept: {version_stamp: main.version, strategies: [single-stage, scratch, prebuilt]}}\n"
    )
    root = project(
        tree, "kept", module, other, config=config, **{"other.go": f'package main\n\nimport _ "{other.path}"\n'}
    )
    with ForwardProxy(server.address) as proxy:
        env = {
            **over_https(server),
            "GOPROXY": f"https://{server.user}:{urllib.parse.quote(server.password, safe='')}@{server.address}/proxy",
            "HTTPS_PROXY": proxy.url,
            "NO_PROXY": "localhost",
            "SSH_AUTH_SOCK": str(ssh.agent),
            "THIRD_TOKEN": "th1rd-token-value",
        }
        words = ("all", "--platform", "linux/amd64", "--verbose")
        planned = machine.good("plan", cwd=root, env=env)
        dry = machine.good(*words, "--dry-run", cwd=root, env=env)
        built = machine.good(*words, "--progress", "plain", cwd=root, env=env)
        rendered = machine.good("render", cwd=root, env=env)
        unread = library("private.test/unread", "")
        server.offer(unread)
        for file, text in (
            ("go.mod", f"require {unread.path} {unread.version}\n"),
            ("go.sum", unread.sums),
            ("other.go", f'import _ "{unread.path}"\n'),
        ):
            (root / file).write_text((root / file).read_text() + text)
        server.echoes = True
        try:
            netrc(server, machine, password="wr0ng/but=secret")
            failing = {**env, "GOPROXY": f"{server.url}/proxy", "GOMODCACHE": str(machine.home / "gomod2")}
            failed = machine("build", "--verbose", "--progress", "plain", cwd=root, env=failing)
            events = machine("build", "--progress", "json", cwd=root, env=failing)
            late = machine("all", "-s", "prebuilt", cwd=root, env=failing)
        finally:
            server.echoes = False
        shown = machine.good("runs", "show", "last", "--format", "json", cwd=root)
        proxy_password = proxy.password
    assert [end.code for end in (failed, events, late)] == [4, 4, 4]
    assert logged(machine, "refused: Basic ***\n\tpassword ***\n\tsee https://x:***@help") == 2  # one a failed build
    secrets = {
        "login": server.password,
        "login as it goes over the wire": basic(server.user, server.password),
        "wrong login": "wr0ng/but=secret",
        "wrong login as it goes over the wire": basic(server.user, "wr0ng/but=secret"),
        "login elsewhere": elsewhere,
        "header": header,
        "header as it goes over the wire": basic("me", header),
        "address": address,
        "proxy": proxy_password,
        "proxy as it goes over the wire": basic("worker", proxy_password),
        "token": "th1rd-token-value",
        "key": ssh.key.read_text().splitlines()[1],
    }
    images = [f"kept:latest-{strategy}" for strategy in ("single-stage", "scratch", "prebuilt")]
    outputs = (planned, dry, built, rendered, failed, events, late, shown)
    search = looked_into(machine, root, images, secrets, *outputs)
    for mount in ("gomod", "gobuild"):
        search.mount(f"{PROJECT}-{mount}", machine.home)
    assert search.found == []
    assert search.places > 1000
    assert search.size > 100_000_000


def test_the_search_finds_what_is_planted(gobake: Gobake, tree: Tree, machine: Machine) -> None:
    """In a layer, in the environment and history of an image, in a record, in events, in a mount, in a file."""
    marker = "pl4nted/m+rker"
    root = tree({"Dockerfile": "FROM alpine:3.22\nARG VALUE\nENV SAID=$VALUE\nRUN echo $VALUE > /file\n"}, "planted")
    docker("buildx", "build", "-q", "--load", "--build-arg", f"VALUE={marker}", "-t", "planted", str(root))
    search = Search.of({"marker": marker})
    search.image("planted")
    found = "\n".join(search.found)
    assert "/file" in found
    assert "marker in history of planted" in found
    assert "marker in inspect of planted" in found
    assert "sha256/" in found
    # a failing step's words are kept in the record and in the events: compressed, and in base64
    broken = tree(
        {
            "go.mod": "module example.com/planted\n\ngo 1.26\n",
            "main.go": f'package main\n\nfunc main() {{ "{marker}" }}\n',
        },
        "broken",
    )
    ended = machine("build", cwd=broken)
    assert ended.code == 4
    search = looked_into(machine, broken, [], {"marker": marker}, ended)
    found = "\n".join(search.found)
    assert "marker in output 0" in found
    assert "cache.db" in found
    assert ".jsonl.gz/gunzipped/log" in found
    assert f"marker in {broken / 'main.go'}" in found
    (
        tree(
            {
                "Dockerfile": f"FROM alpine:3.22\nRUN --mount=type=cache,id=planted-gomod,target=/m echo {marker} > /m/x\n"
            },
            "m",
        )
    )
    docker("buildx", "build", "-q", "--no-cache", str(root.parent / "m"))
    search = Search.of({"marker": marker})
    search.mount("planted-gomod", machine.home)
    assert search.found == ["marker in mount planted-gomod", "marker in mount planted-gomod/./x"]


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
