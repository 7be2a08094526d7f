"""No secret is left anywhere, and the search that says so finds what is planted."""

from __future__ import annotations

import gzip
import urllib.parse

from gobake.trace.events import EventLog
from tests.conftest import Tree
from tests.engine.conftest import docker
from tests.engine.private.machine import PROJECT, Machine, netrc, over_https, project, trust
from tests.engine.private.modules import library
from tests.engine.private.search import Search, looked_into
from tests.engine.private.servers import ForwardProxy, ModuleServer, SshServer, basic


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


def test_the_search_finds_what_is_planted(tree: Tree, machine: Machine) -> None:
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
    stored = "type=image,name=planted-zstd,compression=zstd,force-compression=true,oci-mediatypes=true"
    docker("buildx", "build", "-q", "--output", stored, "--build-arg", f"VALUE={marker}", str(root))
    search = Search.of({"marker": marker})
    search.image("planted-zstd")
    assert any("decompressed/" in place and place.endswith("/file") for place in search.found)
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
    step = f"RUN --mount=type=cache,id=planted-gomod,target=/m echo {marker} > /m/x"
    docker("buildx", "build", "-q", "--no-cache", str(tree({"Dockerfile": f"FROM alpine:3.22\n{step}\n"}, "mount")))
    search = Search.of({"marker": marker})
    search.mount("planted-gomod", machine.home)
    assert search.found == ["marker in mount planted-gomod", "marker in mount planted-gomod/./x"]
