"""The only door to docker and buildx.

Builds go through python-on-whales; the few questions asked before and after a build go to the same docker client, so
that context, DOCKER_HOST and configuration are those of the user's shell. Nothing here decides what is built.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gobake.errors import BuildFailed, EngineTooOld, GobakeError, NoBuilder, NoBuildx, NoEngine
from gobake.model import Platform

ASK_SECONDS = 20
STOP_SECONDS = 4.0  # after Ctrl-C, how long buildx may take to cancel in the engine before it is killed


@dataclass(frozen=True, kw_only=True)
class Node:
    """One machine of a builder."""

    name: str
    endpoint: str
    status: str
    buildkit: str  # version, or "" where the driver does not say
    platforms: tuple[Platform, ...]
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Builder:
    """What `docker buildx inspect` says about the builder that will build."""

    name: str
    driver: str  # docker, docker-container, remote, kubernetes; "" where not even that could be found out
    nodes: tuple[Node, ...]
    error: str = ""

    @property
    def platforms(self) -> tuple[Platform, ...]:
        return tuple(dict.fromkeys(p for node in self.nodes for p in node.platforms))

    @property
    def native(self) -> Platform:
        """The first platform of the first node: what it builds for when nothing is said."""
        return self.platforms[0] if self.platforms else host_platform()

    @property
    def keeps_images(self) -> bool:
        """Whether a plain build ends up in the engine's own image store."""
        return self.driver == "docker"


@dataclass(frozen=True, kw_only=True)
class Versions:
    """Versions for the record; "" where they could not be found out."""

    engine: str
    engine_name: str
    client: str
    buildx: str


@dataclass(frozen=True, kw_only=True)
class ImageSize:
    """Bytes of one platform's image; None is unknown."""

    platform: Platform
    compressed: int | None
    uncompressed: int | None


@dataclass(frozen=True, kw_only=True)
class BakeCall:
    """One `docker buildx bake`."""

    files: tuple[Path, ...]
    targets: tuple[str, ...]
    builder: str = ""
    no_cache: bool = False
    metadata_file: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)  # environment that is never printed

    def shown(self) -> str:
        """The command as a user can paste it; secrets are left out."""
        words = [*(f"{k}={shlex.quote(v)}" for k, v in sorted(self.variables.items())), "docker", "buildx", "bake"]
        if self.no_cache:
            words.append("--no-cache")
        if self.builder:
            words += ["--builder", self.builder]
        words += ["--progress", "rawjson"]
        for file in self.files:
            words += ["--file", shlex.quote(str(file))]
        return " ".join([*words, *self.targets])


# ---- questions


def host_platform() -> Platform:
    machine = os.uname().machine
    return Platform.parse(f"linux/{machine if machine != 'armv7l' else 'arm'}")


def _docker() -> str:
    docker = shutil.which("docker")
    if not docker:
        raise NoEngine(
            "there is no docker command on PATH", remedy="install Docker: https://docs.docker.com/engine/install/"
        )
    return docker


def ask(*words: str, seconds: float = ASK_SECONDS) -> str:
    """Run a docker command and return its stdout. Raises NoEngine, NoBuildx or NoBuilder with what it said."""
    try:
        done = subprocess.run(
            [_docker(), *words],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            errors="replace",
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise NoEngine(
            f"`docker {words[0]}` did not answer within {seconds:.0f} s",
            remedy="is the Docker Engine running? try `docker info`",
        ) from None
    if done.returncode:
        raise refusal(done.stderr or done.stdout, words)
    return done.stdout


def refusal(text: str, words: Sequence[str] = ()) -> GobakeError:
    """The error that a docker client's message means."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = next((line for line in lines if re.match(r"(?i)error", line)), lines[-1] if lines else "no reason given")
    last = re.sub(r"(?i)^error:\s*", "", last)
    if re.search(
        r"(?i)buildx.*(unknown command|is not a docker command)|unknown command: docker buildx|"
        r"unknown (shorthand )?flag",
        text,
    ):
        return NoBuildx(
            "the docker client has no buildx plugin", remedy="install docker-buildx-plugin, or Debian's docker-buildx"
        )
    if re.search(r"no builder .* found|failed to find (instance|builder)|no such builder", text):
        return NoBuilder(last, remedy="`docker buildx ls` lists the builders")
    if re.search(
        r"(?i)cannot connect|connection refused|no such host|permission denied.*sock|dial unix|failed to connect|"
        r"error during connect|Is the docker daemon running",
        text,
    ):
        return NoEngine(
            f"no Docker Engine answers: {last}",
            remedy="start Docker, or set DOCKER_HOST or the docker context; `docker info` shows the same",
        )
    return NoEngine(f"`docker {' '.join(words[:2])}` failed: {last}", remedy="`docker info` tells more")


def inspect(name: str = "") -> Builder:
    """The builder that a build would use. Raises NoEngine, NoBuildx, NoBuilder."""
    builder = parse_inspect(ask("buildx", "inspect", *([name] if name else [])))
    failed = [node.error for node in builder.nodes if node.error] + ([builder.error] if builder.error else [])
    if failed and len(failed) >= len(builder.nodes):
        error = failed[0]
        if builder.driver in ("docker", ""):
            raise NoEngine(
                f"no Docker Engine answers: {error}",
                remedy="start Docker, or set DOCKER_HOST or the docker context; `docker info` shows the same",
            )
        raise NoBuilder(f"builder {builder.name} does not answer: {error}", remedy="`docker buildx ls` shows its state")
    return builder


def parse_inspect(text: str) -> Builder:
    """Read the text of `docker buildx inspect` (it has no JSON form)."""
    top, _, rest = text.partition("Nodes:")
    head = _fields(top)
    nodes = []
    for part in re.split(r"(?m)^(?=Name:)", rest):
        fields = _fields(part)
        if "Name" in fields:
            listed = fields.get("Platforms", "")
            nodes.append(
                Node(
                    name=fields["Name"],
                    endpoint=fields.get("Endpoint", ""),
                    status=fields.get("Status", ""),
                    buildkit=fields.get("BuildKit version", fields.get("Buildkit", "")),
                    error=fields.get("Error", ""),
                    platforms=_platforms(listed),
                )
            )
    return Builder(
        name=head.get("Name", ""), driver=head.get("Driver", ""), error=head.get("Error", ""), nodes=tuple(nodes)
    )


def _fields(text: str) -> dict[str, str]:
    return {m[1]: m[2].strip() for m in re.finditer(r"(?m)^([A-Z][A-Za-z ]*?):[ \t]*(.*)$", text)}


def _platforms(listed: str) -> tuple[Platform, ...]:
    found = []
    for word in re.split(r",\s*", listed.replace("*", "")):
        try:
            found.append(Platform.parse(word))
        except GobakeError:
            continue  # windows, wasm, and variants that no Go builds for
    return tuple(dict.fromkeys(found))


def versions() -> Versions:
    """Versions of engine, client and buildx. Raises NoEngine."""
    answer = json.loads(ask("version", "--format", "json"))
    server = answer.get("Server") or {}
    client = str((answer.get("Client") or {}).get("Version", ""))
    words = ask("buildx", "version").split()
    return Versions(
        engine=str(server.get("Version", "")),
        engine_name=str((server.get("Platform") or {}).get("Name", "")),
        client=client,
        buildx=words[1] if len(words) > 1 else "",
    )


def require_image_store(builder: Builder) -> None:
    """Several platforms on the docker driver need the containerd image store. Raises EngineTooOld."""
    if builder.driver != "docker":
        return
    status = ask("info", "--format", "{{json .DriverStatus}}")
    if "io.containerd.snapshotter" not in status:
        raise EngineTooOld(
            "this engine's image store cannot hold several platforms",
            remedy='set {"features": {"containerd-snapshotter": true}} in daemon.json and restart Docker, '
            "or build for one platform",
        )


def build_folder(dockerfile: Path, context: Path, into: Path, builder: str = "") -> None:
    """Build a Dockerfile whose result is a folder of files. Raises BuildFailed with what buildx said last."""
    command = [
        _docker(),
        "buildx",
        "build",
        *(["--builder", builder] if builder else []),
        "--progress",
        "plain",
        "--provenance=false",
        "--file",
        str(dockerfile),
        "--output",
        f"type=local,dest={into}",
        str(context),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        error = refusal(done.stderr, ("buildx", "build"))
        if isinstance(error, NoEngine) and "failed:" not in error.what:
            raise error
        last = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise BuildFailed(last[-1].removeprefix("ERROR: ") if last else error.what)


# ---- building


class Bake:
    """A running `docker buildx bake`: iterate over it for the lines of its output; `stop` cancels it in the engine."""

    def __init__(self, call: BakeCall) -> None:
        self.call = call
        self.failed = False
        self.exit_code = 0
        self._stopping = threading.Event()

    def __iter__(self) -> Iterator[str]:
        from python_on_whales import docker  # here, because its import costs 0.15 s
        from python_on_whales.exceptions import DockerException

        call = self.call
        progress: Any = "rawjson"  # its type hints lag behind buildx
        # recipes lie in the user's cache folder, outside of bake's working folder
        variables = {**call.variables, **call.secrets, "BUILDX_BAKE_ENTITLEMENTS_FS": "0"}
        lines = docker.buildx.bake(
            list(call.targets),
            builder=call.builder or None,
            files=list(call.files),
            cache=not call.no_cache,
            progress=progress,
            variables=variables,
            metadata_file=call.metadata_file,
            stream_logs=True,
        )
        try:
            yield from lines
        except DockerException as error:
            self.failed = True
            self.exit_code = error.return_code

    def stop(self) -> None:
        """Cancel the build in the engine: interrupt buildx, and kill it where it does not end in time."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        for child in _children():
            _signal(child, signal.SIGINT)
        threading.Thread(target=self._kill_late, daemon=True).start()

    def kill(self) -> None:
        """End buildx without waiting for anything."""
        for child in _children():
            _signal(child, signal.SIGKILL)

    def _kill_late(self) -> None:
        time.sleep(STOP_SECONDS)
        self.kill()


def _children() -> list[Any]:
    import psutil

    return list(psutil.Process().children(recursive=True))


def _signal(process: Any, number: int) -> None:
    import psutil

    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def warm_up() -> None:
    """Import what a build needs, while something else is waited for."""
    import python_on_whales  # noqa: F401


# ---- after a build


def image_sizes(names: Sequence[str]) -> dict[str, tuple[ImageSize, ...]]:
    """Sizes of images in the engine's store, by name, a platform each (Engine API 1.47, GET /images/json?manifests=1).

    Older engines do not tell: the answer is empty there, and the sizes are unknown.
    """
    try:
        filters = quote(json.dumps({"reference": list(names)}))
        answer = _api(f"/v1.47/images/json?manifests=1&filters={filters}")
    except (OSError, ValueError, subprocess.SubprocessError, GobakeError):
        return {}
    if not isinstance(answer, list):
        return {}
    wanted = set(names)
    found: dict[str, tuple[ImageSize, ...]] = {}
    for image in answer:
        sizes = tuple(_manifest_sizes(image.get("Manifests") or []))
        for name in image.get("RepoTags") or []:
            if name in wanted:
                found[name] = sizes
    return found


def _manifest_sizes(manifests: list[dict[str, Any]]) -> Iterator[ImageSize]:
    for manifest in manifests:
        if manifest.get("Kind") != "image" or not manifest.get("Available"):
            continue
        data = manifest.get("ImageData") or {}
        told = data.get("Platform") or {}
        try:
            platform = Platform.parse(
                "/".join(filter(None, (told.get("os"), told.get("architecture"), told.get("variant"))))
            )
        except GobakeError:
            continue
        content = (manifest.get("Size") or {}).get("Content")
        unpacked = (data.get("Size") or {}).get("Unpacked")
        yield ImageSize(platform=platform, compressed=content, uncompressed=unpacked or None)


def _api(path: str) -> Any:
    """One GET of the Engine API through the docker client's own connection, whatever DOCKER_HOST or context say."""
    request = f"GET {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n".encode()
    process = subprocess.Popen(
        [_docker(), "system", "dial-stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdin is not None
        process.stdin.write(request)
        process.stdin.flush()
        return _http_body(process.stdout)
    finally:
        process.kill()
        process.communicate()


def _http_body(stream: Any) -> Any:
    from http.client import HTTPResponse

    class Plug:
        def makefile(self, _mode: str, *_: object) -> Any:
            return stream

    response = HTTPResponse(Plug())  # type: ignore[arg-type]
    response.begin()
    body = response.read()
    if response.status != 200:
        raise ValueError(f"the engine answered {response.status}")
    return json.loads(body)


def remote_sizes(reference: str) -> tuple[ImageSize, ...]:
    """Compressed sizes of a pushed image, from the registry's manifests; () where they cannot be had."""
    try:
        index = json.loads(ask("buildx", "imagetools", "inspect", "--raw", reference))
        repository = reference.rpartition(":")[0]
        entries = index.get("manifests")
        if entries is None:
            return ()
        found = []
        for entry in entries:
            told = entry.get("platform") or {}
            if told.get("os") != "linux":
                continue
            manifest = json.loads(ask("buildx", "imagetools", "inspect", "--raw", f"{repository}@{entry['digest']}"))
            total = sum(layer["size"] for layer in manifest["layers"]) + manifest["config"]["size"] + entry["size"]
            platform = Platform.parse("/".join(filter(None, (told["os"], told["architecture"], told.get("variant")))))
            found.append(ImageSize(platform=platform, compressed=total, uncompressed=None))
        return tuple(found)
    except (GobakeError, ValueError, KeyError):
        return ()
