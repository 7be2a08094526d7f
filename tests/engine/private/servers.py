"""Servers that private modules come from: a module proxy, a git server, an HTTP proxy, an SSH server.

All of them listen on the bridge's own address, which both this machine and the build's steps reach, ask for a
password, and remember what was asked of them.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.images import SUITE
from harness.packages import download, unpack
from tests.conftest import commit
from tests.engine.conftest import docker
from tests.engine.private.modules import Module

_SSHD = ("openssh-server", "libwrap0", "libpam0g", "libaudit1", "libcap-ng0", "libwtmpdb0")  # beside golang's packages


def bridge_address() -> str:
    """Where a build's step reaches this machine."""
    state = json.loads((Path(os.environ["GOBAKE_HARNESS_STATE"]) / "state.json").read_text())
    return f"{state['subnet']}.1"


# ---- certificates


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A certificate authority that nobody knows, and a server's certificate of it."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "authority.pem"

    @classmethod
    def made(cls, folder: Path, address: str) -> Authority:
        def openssl(*words: str) -> None:
            subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

        (folder / "names").write_text(f"subjectAltName=IP:{address}\n")
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        openssl("req", "-x509", *new_key, "-keyout", "authority.key", "-out", "authority.pem", "-subj", "/CN=Test CA")
        openssl("req", *new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", f"/CN={address}")
        signing = ("-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial", "-extfile", "names")
        openssl("x509", "-req", "-in", "server.csr", *signing, "-days", "2", "-out", "server.pem")
        return cls(folder=folder)


# ---- the module proxy and git server


class ModuleServer:
    """HTTPS with a private authority: module proxy below /proxy, git repositories elsewhere, both for one login.

    Go's question `?go-get=1` is answered too, so that a path on this very host is a module path.
    """

    def __init__(self, authority: Authority, address: str, folder: Path) -> None:
        self.address, self.authority = address, authority
        self.user, self.password = "builder", f"p4ss/{secrets.token_hex(8)}+="
        self.echoes = False  # whether a refusal repeats what it was asked with, as a careless server does
        self.requests: list[str] = []  # paths that were answered with 200
        self.refused: list[str] = []  # and with 401
        self._modules: dict[str, Module] = {}
        self._folder = folder
        self._server = _Server((address, 443), _handler(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.folder / "server.pem", authority.folder / "server.key")
        self._server.context = context

    @property
    def url(self) -> str:
        return f"https://{self.address}"

    def __enter__(self) -> ModuleServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def offer(self, *modules: Module) -> None:
        self._modules |= {module.path: module for module in modules}

    def repository(self, module: Module) -> Path:
        """A bare git repository of a module on this host, with its version as a tag."""
        name = module.path.removeprefix(f"{self.address}/")
        work = self._folder / "work" / name
        for file, text in module.files.items():
            (work / file).parent.mkdir(parents=True, exist_ok=True)
            (work / file).write_text(text)
        commit(work)
        subprocess.run(["git", "-C", str(work), "tag", module.version], check=True)
        bare = self._folder / "git" / name
        subprocess.run(["git", "clone", "-q", "--bare", str(work), f"{bare}.git"], check=True)
        return Path(f"{bare}.git")

    def answer(self, path: str, query: str) -> bytes | None:
        """The body for a path of the module proxy, or of Go's question about a repository."""
        if "go-get=1" in query:
            root = f"{self.address}{path}"
            return f'<meta name="go-import" content="{root} git https://{root}.git">'.encode()
        place, _, file = path.removeprefix("/proxy/").rpartition("/@v/")
        module = self._modules.get(place)
        if module is None:
            return None
        return {
            "list": f"{module.version}\n".encode(),
            f"{module.version}.info": json.dumps({"Version": module.version}).encode(),
            f"{module.version}.mod": module.mod.encode(),
            f"{module.version}.zip": module.zip,
        }.get(file)

    def git(self, handler: http.server.BaseHTTPRequestHandler, path: str, query: str) -> tuple[int, bytes, str]:
        """A request of git's, by git's own `http-backend` (CGI): status, body, type."""
        length = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(length)
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self._folder / "git"),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": handler.command,
            "CONTENT_TYPE": handler.headers.get("Content-Type") or "",
            "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding") or "",
            "GIT_PROTOCOL": handler.headers.get("Git-Protocol") or "",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        return int(fields.get("Status", "200")[:3]), content, fields.get("Content-Type", "text/plain")

    def admits(self, authorization: str) -> bool:
        return authorization == f"Basic {basic(self.user, self.password)}"


def basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    context: ssl.SSLContext

    def finish_request(self, request: object, client_address: object) -> None:
        """The handshake in the connection's own thread; a client that does not trust us goes away."""
        assert isinstance(request, socket.socket)
        with contextlib.suppress(OSError), self.context.wrap_socket(request, server_side=True) as secure:
            self.RequestHandlerClass(secure, client_address, self)  # type: ignore[arg-type]


def _handler(server: ModuleServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            authorization = self.headers.get("Authorization") or ""
            if not server.admits(authorization):
                server.refused.append(path)
                self._send(401, _echo(authorization) if server.echoes else b"who are you?\n", "text/plain")
            elif (body := server.answer(path, query)) is not None:
                server.requests.append(path)
                self._send(200, body, "text/html" if query else "application/octet-stream")
            elif ".git/" in path:
                server.requests.append(path)
                self._send(*server.git(self, path, query))
            else:
                self._send(404, b"not found\n", "text/plain")

        do_POST = do_GET  # noqa: N815

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="modules"')
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """The server's own lists tell more."""

    return Handler


def _echo(authorization: str) -> bytes:
    """What a careless server might say: the header, the password, and the password as a part of an address."""
    password = base64.b64decode(authorization.partition(" ")[2]).decode().partition(":")[2]
    quoted = urllib.parse.quote(password, safe="")
    return f"refused: {authorization}\npassword {password}\nsee https://x:{quoted}@help\n".encode()


# ---- the HTTP proxy


class ForwardProxy:
    """An HTTP proxy that carries CONNECT for one login, and nothing else."""

    def __init__(self, address: str) -> None:
        self.user, self.password = "worker", f"pr0xy@{secrets.token_hex(8)}"
        self.carried: list[str] = []  # host:port of each tunnel
        self.refused = 0
        self._listener = socket.create_server((address, 0))
        self.port: int = self._listener.getsockname()[1]
        self._address = address

    @property
    def url(self) -> str:
        return f"http://{self.user}:{urllib.parse.quote(self.password, safe='')}@{self._address}:{self.port}"

    def __enter__(self) -> ForwardProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            head = b""
            while b"\r\n\r\n" not in head and (more := client.recv(4096)):
                head += more
            verb, place, *_ = head.decode("latin-1").split(" ")
            fields = [line.partition(": ") for line in head.decode("latin-1").split("\r\n")]
            if ("proxy-authorization", f"Basic {basic(self.user, self.password)}") not in [
                (name.lower(), value) for name, _, value in fields
            ]:
                self.refused += 1
                client.sendall(_WHO)
                return
            if verb != "CONNECT":
                client.sendall(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n")
                return
            self.carried.append(place)
            host, _, port = place.partition(":")
            with socket.create_connection((host, int(port)), timeout=20) as server:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=_pour, args=(server, client), daemon=True)
                back.start()
                _pour(client, server)
                back.join()


_WHO = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=proxy\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


def _pour(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


# ---- the SSH server


@dataclass(frozen=True, kw_only=True)
class SshServer:
    """A real sshd with git, in a container of the engine; its agent's socket and its key lie in ``folder``."""

    address: str
    port: int
    folder: Path
    host_key: str

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def agent(self) -> Path:
        return self.folder / "agent"

    @property
    def place(self) -> str:
        return f"git@{self.address}:{self.port}"

    @property
    def known_hosts(self) -> str:
        return f"[{self.address}]:{self.port} {self.host_key}\n"


@contextlib.contextmanager
def ssh_server(folder: Path, repositories: Path) -> Iterator[SshServer]:
    """``repositories``: a folder of bare ones; it lies at / of the server, so that /team/x.git is team/x.git in it."""
    image = _ssh_image(folder / "image")
    shared = folder / "ssh"
    shared.mkdir()
    script = (
        "set -e; ssh-keygen -q -t ed25519 -N '' -f /shared/key; ssh-keygen -q -t ed25519 -N '' -f /shared/host; "
        "mkdir -p /run/sshd /root/.ssh; cp /shared/key.pub /root/.ssh/authorized_keys; ln -s /git/team /team; "
        "git config --system safe.directory '*'; eval $(ssh-agent -a /shared/agent); ssh-add -q /shared/key; "
        "exec /usr/sbin/sshd -D -e -h /shared/host -o StrictModes=no -o UsePAM=no"
    )
    volumes = ("-v", f"{shared}:/shared", "-v", f"{repositories}:/git:ro")
    address = bridge_address()
    container = docker("run", "-d", *volumes, "-p", f"{address}:0:22", image, "sh", "-c", script)
    try:
        port = int(docker("port", container, "22").splitlines()[0].rpartition(":")[2])
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1) as connection:
                if connection.recv(4) == b"SSH-":  # the port is open before sshd is
                    break
            time.sleep(0.05)
        else:
            raise AssertionError(f"sshd does not answer; it logged:\n{docker('logs', container)}")
        host_key = (shared / "host.pub").read_text().strip()
        yield SshServer(address=address, port=port, folder=shared, host_key=host_key)
    finally:
        subprocess.run(["docker", "rm", "-f", container], capture_output=True, check=False)


def _ssh_image(folder: Path) -> str:
    """golang's stand-in with an SSH server, and a user for its privileges."""
    root = folder / "root"
    for name in ("bin", "sbin", "lib", "lib64"):  # the packages of a merged /usr still name the old folders
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    unpack(download(SUITE, "amd64", _SSHD, dependencies=False), root)
    (folder / "Dockerfile").write_text(
        "FROM golang:1.26\nCOPY root/usr/ /usr/\n"
        "RUN echo 'sshd:x:100:65534::/run/sshd:/usr/sbin/nologin' >> /etc/passwd && \\\n"
        "    echo 'git:x:0:0::/root:/bin/sh' >> /etc/passwd && mkdir -p /etc/ssh && touch /etc/ssh/sshd_config\n"
    )
    docker("buildx", "build", "-q", "--load", "-t", "gobake-test-sshd", str(folder))
    shutil.rmtree(root)
    return "gobake-test-sshd"
