"""Servers that private modules come from: a module proxy, a git server, an HTTP proxy, an SSH server.

All of them listen on the bridge's own address, which both this machine and the build's steps reach, ask for a
password, and remember what was asked of them.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import http.server
import io
import json
import os
import secrets
import shutil
import socket
import sqlite3
import ssl
import subprocess
import tarfile
import threading
import time
import urllib.parse
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.images import SUITE
from harness.packages import download, unpack
from tests.conftest import commit
from tests.engine.conftest import docker

_SSHD = ("openssh-server", "libwrap0", "libpam0g", "libaudit1", "libcap-ng0", "libwtmpdb0")  # beside golang's packages


def bridge_address() -> str:
    """Where a build's step reaches this machine."""
    state = json.loads((Path(os.environ["GOBAKE_HARNESS_STATE"]) / "state.json").read_text())
    return f"{state['subnet']}.1"


# ---- modules


@dataclass(frozen=True, kw_only=True)
class Module:
    """One version of a module; its files by name."""

    path: str
    files: Mapping[str, str]
    version: str = "v1.0.0"

    @property
    def mod(self) -> str:
        return self.files["go.mod"]

    @property
    def zip(self) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, text in sorted(self.files.items()):
                archive.writestr(f"{self.path}@{self.version}/{name}", text)
        return packed.getvalue()

    @property
    def sums(self) -> str:
        """Its lines of go.sum (golang.org/x/mod/sumdb/dirhash, Hash1)."""
        whole = _hash1({f"{self.path}@{self.version}/{name}": text for name, text in self.files.items()})
        return f"{self.path} {self.version} {whole}\n{self.path} {self.version}/go.mod {_hash1({'go.mod': self.mod})}\n"


def _hash1(files: Mapping[str, str]) -> str:
    lines = (f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in sorted(files.items()))
    return "h1:" + base64.b64encode(hashlib.sha256("".join(lines).encode()).digest()).decode()


def library(path: str, says: str) -> Module:
    """A module that no earlier run had: BuildKit would reuse a step that read the same sums, and ask nobody."""
    text = f'package lib\n\nconst Says = "{says}"\n\n// {secrets.token_hex(8)}\n'
    return Module(path=path, files={"go.mod": f"module {path}\n\ngo 1.26\n", "lib.go": text})


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


# ---- looking for secrets


@dataclass(kw_only=True)
class Search:
    """Looks for byte strings in everything that a build leaves, opened as far as it can be opened."""

    needles: Mapping[str, bytes]  # name -> what is looked for
    found: list[str] = field(default_factory=list)  # `name in place`
    places: int = 0  # how many were looked into
    size: int = 0  # and how many bytes

    @classmethod
    def of(cls, secrets: Mapping[str, str]) -> Search:
        """Each secret as it is, percent-encoded and in base64."""
        forms: dict[str, bytes] = {}
        for name, value in secrets.items():
            forms[name] = value.encode()
            forms[f"{name}, percent-encoded"] = urllib.parse.quote(value, safe="").encode()
            forms[f"{name}, base64"] = base64.b64encode(value.encode()).rstrip(b"=")
        return cls(needles=forms)

    def data(self, place: str, data: bytes) -> None:
        self.places += 1
        self.size += len(data)
        self.found += [f"{name} in {place}" for name, needle in self.needles.items() if needle in data]
        for opened, inner in _opened(data):
            closed = opened.startswith("blobs/") and inner.startswith(b"\x28\xb5\x2f\xfd")
            assert not closed, f"{opened} of {place} is a zstd stream, and cannot be looked into"
            self.data(f"{place}/{opened}", inner)

    def folder(self, folder: Path) -> None:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink():
                self.data(str(file), file.read_bytes())
                if file.name == "cache.db":
                    self._database(file)
            self.data(f"the name {file}", str(file).encode())

    def _database(self, file: Path) -> None:
        """The rows of a diskcache, whose JSON is compressed."""
        with contextlib.closing(sqlite3.connect(file)) as database:
            for key, value in database.execute("select key, value from Cache"):
                for column in (key, value):
                    self.data(f"{file} {key!r}", zlib.decompress(column) if isinstance(column, bytes) else b"")

    def image(self, image: str) -> None:
        """All that `docker save` gives: layers, configuration, manifests; and the history as docker shows it."""
        done = subprocess.run(["docker", "save", image], capture_output=True, check=True)
        self.data(image, done.stdout)
        self.data(f"history of {image}", docker("history", "--no-trunc", "--format", "json", image).encode())
        self.data(f"inspect of {image}", docker("image", "inspect", image).encode())

    def mount(self, mount: str, folder: Path) -> None:
        """A cache mount of the builder, brought out by a build."""
        into = folder / f"mount-{mount}"
        dockerfile = f"FROM golang:1.26 AS look\nARG AGAIN\nRUN --mount=type=cache,id={mount},target=/m tar -cf /m.tar -C /m .\nFROM scratch\nCOPY --from=look /m.tar /\n"
        file = folder / f"{mount}.Dockerfile"
        file.write_text(dockerfile)
        again = f"AGAIN={time.time_ns()}"
        docker("buildx", "build", "-q", "--build-arg", again, "-f", str(file), "-o", str(into), str(_empty(folder)))
        before = self.places
        self.data(f"mount {mount}", (into / "m.tar").read_bytes())
        assert self.places > before + 1, f"mount {mount} is empty"


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir(exist_ok=True)
    return folder / "empty"


def _opened(data: bytes) -> Sequence[tuple[str, bytes]]:
    """What is in an archive, a compressed file or a line of events; images are tar in gzip in tar.

    Go's own sources hold archives that are broken on purpose: those are searched as they are.
    """
    with contextlib.suppress(gzip.BadGzipFile, tarfile.TarError, EOFError, zlib.error):
        if data[:2] == b"\x1f\x8b":
            return [("gunzipped", gzip.decompress(data))]
        if data[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                return [(m.name, opened.read()) for m in tar if m.isfile() and (opened := tar.extractfile(m))]
    found = []
    for line in data.splitlines() if data[:1] == b"{" and b'"logs"' in data else ():
        with contextlib.suppress(ValueError):
            for log in json.loads(line).get("logs") or ():
                found.append(("log", base64.b64decode(log["data"])))
    return found
