"""Unpacks Debian packages into separate folders; nothing is installed, and no maintainer script runs.

A separate apt configuration (with the system's mirror and keyring) resolves dependencies from an empty status file, for
any suite and architecture; `dpkg-deb -x` unpacks.
"""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.places import HarnessError, cache_folder, fresh_folder, lock, run

# The packages of a private engine. runc, qemu and the registry always come from Debian 12: newer ones need a newer libc
# than Debian 12 has.
ENGINE = ("docker.io", "docker-cli", "containerd", "docker-buildx")
TOOLS = ("runc", "docker-registry", "qemu-user-static")
IPTABLES = (
    "iptables",
    "libxtables12",
    "libip4tc2",
    "libip6tc2",
    "libnftnl11",
    "libmnl0",
    "libnetfilter-conntrack3",
    "libnfnetlink0",
)
TOOLS_SUITE = "bookworm"


def mirror() -> str:
    """Return the Debian mirror of the system's apt configuration (deb822 or one-line style). Raises HarnessError."""
    uris: list[str] = []
    for file in [
        *Path("/etc/apt/sources.list.d").glob("*.sources"),
        *Path("/etc/apt/sources.list.d").glob("*.list"),
        Path("/etc/apt/sources.list"),
    ]:
        if not file.is_file():
            continue
        text = file.read_text(errors="replace")
        uris += re.findall(r"^\s*URIs:\s*(\S+)", text, re.M)
        uris += re.findall(r"^\s*deb\s+(?:\[[^\]]*\]\s*)?(\S+)\s+\S+\s+main\b", text, re.M)
    for uri in uris:
        if re.search(r"/debian/?$", uri):
            return uri.rstrip("/")
    raise HarnessError("this machine's apt configuration has no Debian mirror; the harness needs Debian 12 or newer")


def keyring() -> str:
    file = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    if not file.exists():
        raise HarnessError(f"{file} is missing; run `apt-get install debian-archive-keyring`")
    return str(file)


def _apt_folder(suite: str, arch: str) -> Path:
    return cache_folder() / "apt" / f"{suite}-{arch}"


def _apt_options(folder: Path, arch: str) -> list[str]:
    settings = {
        "APT::Architecture": arch,
        "APT::Architectures": arch,
        "APT::Get::List-Cleanup": "false",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Dir::Cache": str(folder / "cache"),
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::Etc::sourcelist": str(folder / "sources.list"),
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": str(folder / "state"),
        "Dir::State::status": str(folder / "status"),
        "pkgCacheGen::ForceEssential": "none",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def index(suite: str, arch: str = "amd64") -> Path:
    """Fetch the package lists of a suite once; return the folder of this apt configuration."""
    folder = _apt_folder(suite, arch)
    with fresh_folder(folder, "1") as new:
        if new:
            (new / "state/lists/partial").mkdir(parents=True)
            (new / "cache/archives/partial").mkdir(parents=True)
            (new / "status").touch()
            source = f"deb [signed-by={keyring()}] {mirror()} {suite} main\n"
            (new / "sources.list").write_text(source)
            run("apt-get", *_apt_options(new, arch), "update")
    return folder


def download(suite: str, arch: str, names: tuple[str, ...], *, dependencies: bool) -> list[Path]:
    """Fetch packages, optionally with their dependencies; return the .deb files."""
    for attempt in (1, 2):
        folder = index(suite, arch)
        try:
            return _download(folder, arch, names, dependencies)
        except HarnessError:
            if attempt == 2:
                raise
            shutil.rmtree(
                folder, ignore_errors=True
            )  # the lists are older than the mirror's packages: fetch them again
    raise AssertionError


def _download(folder: Path, arch: str, names: tuple[str, ...], dependencies: bool) -> list[Path]:
    options = _apt_options(folder, arch)
    with lock(f"archives-{folder.name}"):
        if not dependencies:
            into = folder / "cache/archives"
            run("apt-get", *options, "download", *names, cwd=into)
            return [max(into.glob(f"{name}_*.deb"), key=lambda p: p.stat().st_mtime) for name in names]
        verbs = ("--no-install-recommends", "-y", "install", *names)
        run("apt-get", *options, "--download-only", *verbs)
        plan = run("apt-get", *options, "--simulate", *verbs)
    wanted = re.findall(r"^Inst (\S+?)(?::\S+)? \((\S+)", plan, re.M)
    archives = folder / "cache/archives"
    files = []
    for name, version in wanted:
        matches = list(archives.glob(f"{name}_{version.replace(':', '%3a')}_*.deb"))
        if not matches:
            raise HarnessError(f"apt fetched no file for {name} {version}")
        files.append(matches[0])
    return files


def unpack(files: list[Path], into: Path) -> None:
    for file in files:
        run("dpkg-deb", "-x", file, into)


def engine_root(suite: str) -> Path:
    """Return the folder with the engine of ``suite`` (usr/bin/docker, dockerd ...) and its tools; it is made once."""
    folder = cache_folder() / f"engine-{suite}"
    with fresh_folder(folder, "3 " + " ".join((*ENGINE, *TOOLS, *IPTABLES))) as new:
        if new:
            with ThreadPoolExecutor(2) as pool:
                engine = pool.submit(download, suite, "amd64", ENGINE, dependencies=False)
                tools = pool.submit(download, TOOLS_SUITE, "amd64", (*TOOLS, *IPTABLES), dependencies=False)
                unpack(engine.result() + tools.result(), new)
            _make_bin(new, folder)
    return folder


def _make_bin(root: Path, final: Path) -> None:
    """Make a folder for PATH with the programs of this engine; iptables gets a wrapper that sets its library path."""
    folder = root / "bin"
    folder.mkdir()
    for source in ("usr/bin", "usr/sbin", "sbin", "usr/libexec/docker", "usr/lib/docker"):
        for program in sorted((root / source).glob("*")) if (root / source).is_dir() else []:
            if (
                program.name
                in (
                    "docker",
                    "dockerd",
                    "docker-proxy",
                    "docker-init",
                    "docker-registry",
                    "runc",
                    "ctr",
                    "qemu-aarch64-static",
                )
                or program.name.startswith("containerd")
            ) and not (folder / program.name).exists():
                (folder / program.name).symlink_to(Path("..") / program.relative_to(root))
    libraries = final / "usr/lib/x86_64-linux-gnu"
    for name in ("iptables", "ip6tables"):
        wrapper = folder / name
        wrapper.write_text(
            f"#!/bin/sh\nexport LD_LIBRARY_PATH={libraries} XTABLES_LIBDIR={libraries}/xtables\n"
            f'exec {final}/usr/sbin/xtables-nft-multi {name} "$@"\n'
        )
        wrapper.chmod(0o755)
