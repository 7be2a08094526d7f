"""Sets up what an instance needs from the kernel: its own bridge, address translation, forwarding, arm64 emulation.

The engine itself is configured not to use iptables, so that instances and other engines do not conflict: the three
rules below name only this bridge, and are removed with the instance. (An engine configured without a bridge deletes
`docker0`, whoever made it.) Settings of the whole machine are changed only if necessary, recorded before, and restored
when the last instance ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import re
import socket
import struct
import subprocess
from pathlib import Path

from harness.places import HarnessError

# linux/sockios.h
SIOCBRADDBR, SIOCBRDELBR = 0x89A0, 0x89A1
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8913, 0x8914, 0x8916, 0x891C
IFF_UP = 1
FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
BINFMT = Path("/proc/sys/fs/binfmt_misc")
_BRIDGES = ("docker", "br-", "cni", "podman", "virbr", "lxc")
BINFMT_NAME = "gobake-qemu-aarch64"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_subnet() -> str:
    """Return the first ``10.213.N`` that no route of this machine uses. Raises HarnessError."""
    routes = Path("/proc/net/route").read_text().splitlines()[1:]
    used = {int(line.split()[1], 16) for line in routes}
    for number in range(1, 255):
        if struct.unpack("<I", bytes((10, 213, number, 0)))[0] not in used:
            return f"10.213.{number}"
    raise HarnessError("no free 10.213.N.0/24 network on this machine")


def _address(name: str, text: str) -> bytes:
    return struct.pack("16sH2s4s8s", name.encode(), socket.AF_INET, b"", socket.inet_aton(text), b"")


def add_bridge(name: str, subnet: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        with contextlib.suppress(FileExistsError):
            fcntl.ioctl(control, SIOCBRADDBR, name.encode() + b"\0")
        fcntl.ioctl(control, SIOCSIFADDR, _address(name, f"{subnet}.1"))
        fcntl.ioctl(control, SIOCSIFNETMASK, _address(name, "255.255.255.0"))
        set_up(control, name, True)


def set_up(control: socket.socket, name: str, up: bool) -> None:
    answer = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16sH14x", name.encode(), 0))
    flags = struct.unpack("16sH14x", answer)[1]
    fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", name.encode(), flags | IFF_UP if up else flags & ~IFF_UP))


def remove_bridge(name: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control, contextlib.suppress(OSError):
        set_up(control, name, False)
        fcntl.ioctl(control, SIOCBRDELBR, name.encode() + b"\0")


def nat_rules(bridge: str, subnet: str) -> list[list[str]]:
    return [
        ["-t", "nat", "POSTROUTING", "-s", f"{subnet}.0/24", "!", "-o", bridge, "-j", "MASQUERADE"],
        ["-t", "filter", "FORWARD", "-i", bridge, "-j", "ACCEPT"],
        ["-t", "filter", "FORWARD", "-o", bridge, "-j", "ACCEPT"],
    ]


def set_nat(iptables: Path, bridge: str, subnet: str, *, add: bool) -> None:
    for rule in nat_rules(bridge, subnet):
        command = [str(iptables), *rule[:2], "-I" if add else "-D", *rule[2:]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if add and done.returncode:
            raise HarnessError(f"iptables refused the rule for {bridge}: {done.stderr.strip()}")


# ---- settings of the whole machine


class Borrowed:
    """A file with the original values of changed settings; the last instance restores them."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            values = json.loads(file.read_text())
        except (OSError, ValueError):
            values = {}
        self._what: dict[str, str] = values if isinstance(values, dict) else {}

    def __contains__(self, what: str) -> bool:
        return what in self._what

    def was(self, what: str) -> str:
        return self._what[what]

    def note(self, what: str, was: str) -> None:
        """Record a value before it is changed, so that it can be restored even after a kill."""
        self._what.setdefault(what, was)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.with_suffix(".part").write_text(json.dumps(self._what))
        self._file.with_suffix(".part").replace(self._file)

    def forget(self) -> None:
        self._file.unlink(missing_ok=True)


def borrow(borrowed: Borrowed, qemu: Path) -> None:
    """Enable packet forwarding and arm64 emulation if the machine lacks them."""
    if (was := FORWARD.read_text().strip()) != "1":
        borrowed.note("ip_forward", was)
        FORWARD.write_text("1")
    _enable_arm64(borrowed, qemu)


def give_back(borrowed: Borrowed) -> None:
    if "ip_forward" in borrowed and not _others_forward():
        FORWARD.write_text(borrowed.was("ip_forward"))
    if "binfmt_handler" in borrowed:
        with contextlib.suppress(OSError):
            (BINFMT / BINFMT_NAME).write_text("-1")
    if "binfmt_mount" in borrowed and not _handlers():
        _libc().umount(str(BINFMT).encode())
    borrowed.forget()


def _others_forward() -> bool:
    """Whether another engine has a bridge by now, and so relies on forwarding."""
    names = [line.partition(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]
    return any(name.startswith(_BRIDGES) for name in names)


def _enable_arm64(borrowed: Borrowed, qemu: Path) -> None:
    """Register qemu for arm64 programs unless a handler exists. Flag F opens it now, so that it works in containers."""
    if not (BINFMT / "register").exists():
        borrowed.note("binfmt_mount", "")
        if _libc().mount(b"binfmt_misc", str(BINFMT).encode(), b"binfmt_misc", 0, None):
            raise HarnessError(f"binfmt_misc cannot be mounted: {os.strerror(ctypes.get_errno())}; arm64 needs it")
    if any(re.search(r"^magic 7f454c46.*b700$", entry.read_text(), re.MULTILINE) for entry in _handlers()):
        return
    magic = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    mask = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
    borrowed.note("binfmt_handler", "")
    (BINFMT / "register").write_text(f":{BINFMT_NAME}:M::{magic}:{mask}:{qemu}:F")


def _handlers() -> list[Path]:
    return [entry for entry in BINFMT.iterdir() if entry.name not in ("register", "status")]


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
