"""Starts, finds and stops a private engine with its registry, and cleans up after it."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from harness import images, modules, network, processes, programs, toolchain
from harness.packages import engine_root
from harness.places import SUITES, HarnessError, cache_folder, fresh_folder, lock, say

START_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A running engine, and the environment with which docker, buildx and gobake find it."""

    name: str
    suite: str  # sid, trixie, or "" for an existing engine
    private: bool
    env: dict[str, str]
    registry: str  # localhost:PORT, or "" if none could be started
    socket: str  # path of the engine's socket, or "" if it is not private
    state_dir: Path
    access_log: Path  # of the registry, one line per request


# ---- state


def instance_dir(name: str) -> Path:
    return cache_folder() / "instances" / name


def short_dir(name: str) -> Path:
    """Return the folder for sockets, whose paths must have less than 108 bytes."""
    mark = hashlib.sha256(str(instance_dir(name)).encode()).hexdigest()[:10]
    return Path(tempfile.gettempdir()) / f"gobake-harness-{mark}"


def _bridge(name: str) -> str:
    return "gbk" + hashlib.sha256(str(instance_dir(name)).encode()).hexdigest()[:8]


def _read_state(name: str) -> dict[str, object]:
    try:
        state = json.loads((instance_dir(name) / "state.json").read_text())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _write_state(name: str, state: dict[str, object]) -> None:
    file = instance_dir(name) / "state.json"
    file.with_suffix(".part").write_text(json.dumps(state, indent=1))
    file.with_suffix(".part").replace(file)


def running(name: str) -> Engine | None:
    """Return the instance if all its processes run and the engine answers, else None."""
    state = _read_state(name)
    known = state.get("processes")
    if not isinstance(known, dict) or not state.get("engine") or not all(map(processes.alive, known.values())):
        return None
    fields = state["engine"]
    assert isinstance(fields, dict)
    engine = Engine(**{**fields, "state_dir": Path(fields["state_dir"]), "access_log": Path(fields["access_log"])})
    return engine if not engine.private or pings(engine.socket) else None


# ---- up


def up(suite: str = "sid", name: str = "", *, force_private: bool = False, fresh: bool = False) -> Engine:
    """Start (or find) an engine with a registry. ``fresh``: with an empty data-root. Raises HarnessError."""
    if suite not in SUITES:
        raise HarnessError(f"there is no engine suite {suite!r}; choose one of {', '.join(SUITES)}")
    name = name or suite
    existing = running(name)
    if existing and not fresh:
        return existing
    down(name, purge=fresh)
    if not force_private and (env := _reachable()):
        return _beside_existing(name, env)
    if os.geteuid() != 0:
        raise HarnessError("no Docker Engine answers, and only root can start a private one")
    images.host_supported()
    started = time.monotonic()
    root = engine_root(suite)
    storage = base_images(root)
    try:
        engine = _start(name, suite, root, storage)
    except BaseException:
        down(name)
        raise
    say(
        f"engine {name} ({suite}) answers after {time.monotonic() - started:.0f} s; `python3 -m harness down "
        f"--name {name}` stops it"
    )
    return engine


def base_images_name() -> str:
    """Name the folder of the stand-ins: those for tests have a golang of their own (toolchain.py)."""
    return "base-images-kept" if toolchain.kept() else "base-images"


def base_images(root: Path) -> Path:
    """Return the storage folder of a registry with the stand-ins, which is made once."""
    folder = cache_folder() / base_images_name()
    with fresh_folder(folder, images.VERSION + images.SUITE + toolchain.GO_LINE) as new:
        if new:
            port = network.free_port()
            with tempfile.TemporaryDirectory(dir=cache_folder()) as work:
                process = programs.registry(root, new, port, Path(work), Path(work) / "log")
                try:
                    images.push_all(f"localhost:{port}", Path(work) / "roots")
                finally:
                    process.terminate()
                    process.wait()
    return folder


def _reachable() -> dict[str, str] | None:
    """Return the environment of an existing engine that can build several platforms, or None."""
    docker = shutil.which("docker")
    if not docker:
        return None
    command = [docker, "info", "--format", "{{.ServerVersion}} {{.DriverStatus}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        buildx = subprocess.run([docker, "buildx", "version"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode or "io.containerd.snapshotter" not in done.stdout or buildx.returncode:
        return None
    return {key: os.environ[key] for key in ("DOCKER_HOST", "DOCKER_CONTEXT") if key in os.environ}


def _beside_existing(name: str, env: dict[str, str]) -> Engine:
    """Use an existing engine and the public images, and start only a registry for the caches."""
    say("a Docker Engine answers: using it, with the public images")
    folder = instance_dir(name)
    folder.mkdir(parents=True, exist_ok=True)
    begun: dict[str, object] = {}
    registry = ""
    with contextlib.suppress(HarnessError):
        images.host_supported()
        port = network.free_port()
        process = programs.registry(engine_root(SUITES[0]), folder / "registry", port, folder, folder / "registry.log")
        begun["registry"] = processes.described(process)
        registry = f"localhost:{port}"
    if not registry:
        say("no registry could be started: tests that need one are skipped")
    env = {**env, "GOBAKE_TEST_REGISTRY": registry}
    engine = Engine(
        name=name,
        suite="",
        private=False,
        env=env,
        registry=registry,
        socket="",
        state_dir=folder,
        access_log=folder / "registry.log",
    )
    _write_state(name, {"engine": _plain(engine), "processes": begun})
    return engine


def _start(name: str, suite: str, root: Path, storage: Path) -> Engine:
    folder, short = instance_dir(name), short_dir(name)
    folder.mkdir(parents=True, exist_ok=True)
    short.mkdir(mode=0o700, exist_ok=True)
    begun: dict[str, object] = {}
    port = _registry_port(folder)
    starter = {"pid": os.getpid(), "start": processes.start_time(os.getpid())}
    # lock until the bridge exists, so that another instance does not choose the same subnet
    with lock("machine"):
        subnet = network.free_subnet()
        state: dict[str, object] = {
            "processes": begun,
            "bridge": _bridge(name),
            "subnet": subnet,
            "suite": suite,
            "starter": starter,
        }
        _write_state(name, state)
        network.borrow(_borrowed(), root / "bin/qemu-aarch64-static")
        network.add_bridge(_bridge(name), subnet)
    if not (folder / "registry").exists():
        shutil.copytree(storage, folder / "registry")
    # dockerd remembers the bridge's address, which another instance may use by now
    shutil.rmtree(folder / "data" / "network", ignore_errors=True)
    network.set_nat(root / "bin/iptables", _bridge(name), subnet, add=True)
    access_log = folder / "registry.log"
    for label, process in (
        ("registry", programs.registry(root, folder / "registry", port, folder, access_log)),
        ("dockerd", programs.dockerd(root, folder, short, _bridge(name), port)),
    ):
        begun[label] = processes.described(process)
        _write_state(name, state)
    settings = {}
    if sources := modules.upstreams(goproxy := modules.goproxy()):
        place = f"{subnet}.1", network.free_port()
        process = programs.module_proxy(place, sources, folder)
        begun["modules"] = processes.described(process)
        _write_state(name, state)
        settings = {"GOPROXY": f"http://{place[0]}:{place[1]}|{goproxy}", "GOBAKE_HARNESS_GOPROXY": goproxy}
    _await(short / "docker.sock", folder / "dockerd.log", begun["dockerd"])
    engine = Engine(
        name=name,
        suite=suite,
        private=True,
        env={**_environment(root, folder, short, port, access_log), "GOBAKE_ENGINE_SUITE": suite, **settings},
        registry=f"localhost:{port}",
        socket=str(short / "docker.sock"),
        state_dir=folder,
        access_log=access_log,
    )
    _write_state(name, {**state, "engine": _plain(engine)})
    return engine


def _registry_port(folder: Path) -> int:
    """Return the registry's port, the same at every start if it is free: names of images and caches contain it."""
    file = folder / "port"
    if file.exists():
        with contextlib.suppress(OSError, ValueError), socket.socket() as probe:
            probe.bind(("127.0.0.1", int(file.read_text())))
            return int(file.read_text())
    port = network.free_port()
    file.write_text(str(port))
    return port


def _plain(engine: Engine) -> dict[str, object]:
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(engine).items()}


def _environment(root: Path, folder: Path, short: Path, port: int, access_log: Path) -> dict[str, str]:
    config = folder / "docker"
    plugins = config / "cli-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    link = plugins / "docker-buildx"
    link.unlink(missing_ok=True)
    link.symlink_to(next(root.glob("usr/lib*/docker/cli-plugins/docker-buildx")))
    (config / "config.json").write_text("{}")
    (folder / "buildx").mkdir(exist_ok=True)
    registry = f"localhost:{port}"
    return {
        "DOCKER_HOST": f"unix://{short / 'docker.sock'}",
        "DOCKER_CONFIG": str(config),
        "BUILDX_CONFIG": str(folder / "buildx"),
        "PATH": f"{root / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "GOBAKE_TEST_REGISTRY": registry,
        "GOBAKE_BASE": f"distroless={registry}/distroless/static-debian12,upx={registry}/upx:latest",
        "GOBAKE_HARNESS_ACCESS_LOG": str(access_log),
        "GOBAKE_HARNESS_STATE": str(folder),
    }


def pings(path: str) -> bool:
    connection = http.client.HTTPConnection("localhost", timeout=2)
    try:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(2)
        connection.sock.connect(path)
        connection.request("GET", "/_ping")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _await(path: Path, log: Path, process: object) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if path.exists() and pings(str(path)):
            return
        if not processes.alive(process):
            break
        time.sleep(0.1)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:]) if log.exists() else ""
    raise HarnessError(f"dockerd did not start; the end of {log}:\n{tail}")


# ---- down


def down(name: str, *, purge: bool = False) -> bool:
    """Stop an instance and undo its changes to the kernel's settings. Return whether anything was running."""
    state = _read_state(name)
    known = state.get("processes")
    stopped = False
    for process in known.values() if isinstance(known, dict) else []:
        if processes.alive(process):
            stopped = True
            processes.stop(process["pid"])
    processes.end_strays(short_dir(name), instance_dir(name))
    if bridge := state.get("bridge"):
        root = cache_folder() / f"engine-{state.get('suite')}"
        if (root / "bin/iptables").exists():
            network.set_nat(root / "bin/iptables", str(bridge), str(state["subnet"]), add=False)
        network.remove_bridge(str(bridge))
    unmount(short_dir(name), instance_dir(name) / "data")
    shutil.rmtree(short_dir(name), ignore_errors=True)
    (instance_dir(name) / "state.json").unlink(missing_ok=True)
    if purge:
        shutil.rmtree(instance_dir(name), ignore_errors=True)
    with lock("machine"):
        if not any(_in_use(p.name) for p in (cache_folder() / "instances").glob("*")):
            network.give_back(_borrowed())
    return stopped


def _borrowed() -> network.Borrowed:
    return network.Borrowed(cache_folder() / "borrowed.json")


def _in_use(name: str) -> bool:
    """Whether an instance runs or is being started."""
    state = _read_state(name)
    known = state.get("processes")
    begun = list(known.values()) if isinstance(known, dict) else []
    starting = processes.alive(state.get("starter")) and not state.get("engine")
    return starting or any(map(processes.alive, begun))


def unmount(*folders: Path) -> None:
    """Unmount everything below the folders, but not the folders themselves."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted(mounts, reverse=True):
        if any(mount.startswith(f"{folder}/") for folder in folders):
            subprocess.run(["umount", "-l", mount], capture_output=True, check=False)


def clean() -> None:
    """Stop every instance and delete everything that the harness keeps."""
    for folder in (cache_folder() / "instances").glob("*"):
        down(folder.name, purge=True)
    with lock("clean"):
        shutil.rmtree(cache_folder(), ignore_errors=True)


@contextlib.contextmanager
def instance(suite: str, name: str, *, force_private: bool, fresh: bool) -> Iterator[Engine]:
    """Yield an engine for the duration of a with block."""
    engine = up(suite, name, force_private=force_private, fresh=fresh)
    try:
        yield engine
    finally:
        down(name, purge=fresh)
