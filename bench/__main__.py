"""Measures the README's figures: gobake and its rivals in one run, as medians and ratios.

`make bench` runs it with a real engine. Shared machines are noisy: a ratio of alternating measurements says more than
seconds. `--json FILE` writes the figures, `--only NAME` runs one case. `python -m bench caching` measures the value of
caches, `python -m bench history` reading ten thousand runs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import caching, ground, history, mutants

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed gobake has byte code
SHOP = Path(__file__).resolve().parent.parent / "examples" / "shop"
GOBAKE = str(Path(sys.executable).parent / "gobake")
SERVICES = {"api": "./api/cmd/api", "worker": "./worker", "shopctl": "./shopctl", "migrate": "./migrate"}
PLATFORMS = ("linux/amd64", "linux/arm64")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table. ``limit``: the maximum of the ratio, or of the seconds without a rival."""

    name: str
    ours: float  # seconds, median
    rival: float | None
    rival_name: str
    limit: float

    @property
    def value(self) -> float:
        return self.ours / self.rival if self.rival else self.ours

    @property
    def kept(self) -> bool:
        return self.value <= self.limit


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def run(*command: str, cwd: Path, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")


def in_turn(rounds: int, ours: Callable[[], object], rival: Callable[[], object]) -> tuple[float, float]:
    """Return the medians of both, measured alternately so that noise affects both."""
    pairs = [(seconds(ours), seconds(rival)) for _ in range(rounds)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def shop(folder: Path, name: str, *, config: bool = False) -> Path:
    """Return a copy of the example with its own cache mounts; without a version stamp, since the rivals have none."""
    root = folder / name
    shutil.copytree(SHOP, root, ignore=shutil.ignore_patterns(".gobake", "docker-bake.json", "gobake.Dockerfile*"))
    text = f"name: {name}\n"
    if config:
        text = (root / "gobake.yaml").read_text().replace("name: shop", f"name: {name}")
    (root / "gobake.yaml").write_text(text)
    return root


def edit(root: Path, number: int) -> None:
    (root / "worker" / "edited.go").write_text(f"package main\n\nvar edited = {number}\n\nfunc init() {{ edited++ }}\n")


def overhead(folder: Path) -> list[Figure]:
    """Compare gobake with plain bake of its rendered files, with nothing changed and four targets."""
    root = shop(folder, f"bench-overhead-{os.getpid()}")
    words = ["--platform", ",".join(PLATFORMS)]
    run(GOBAKE, "build", "-q", *words, cwd=root)
    run(GOBAKE, "render", "-q", *words, cwd=root)
    bake = ("docker", "buildx", "bake", "--progress", "quiet", "default", "trace")
    environment = {"GOBAKE_GOENV": ""}
    run(*bake, cwd=root, env=environment)
    ours, plain = in_turn(
        9, lambda: run(GOBAKE, "build", "-q", *words, cwd=root), lambda: run(*bake, cwd=root, env=environment)
    )
    return [
        Figure(
            name="nothing changed, seconds more than plain bake",
            ours=ours - plain,
            rival=None,
            rival_name="",
            limit=0.4,
        ),
    ]


def cold(folder: Path) -> list[Figure]:
    """Compare gobake with two consecutive go builds in a golang container, with empty caches and two platforms."""
    script = "set -e; cd /src; for a in amd64 arm64; do GOARCH=$a go build -trimpath -buildvcs=false -ldflags='-s -w' "
    script += f"-o /tmp/$a/ {' '.join(SERVICES.values())}; done"
    go = subprocess.run(["go", "env", "GOPROXY"], capture_output=True, text=True, check=True).stdout.strip()

    def ours(number: int) -> None:
        # --no-cache also empties the cache mounts: modules are downloaded and everything is compiled
        root = shop(folder, f"bench-cold-{os.getpid()}-{number}")
        run(GOBAKE, "build", "-q", "--no-cache", "--platform", ",".join(PLATFORMS), cwd=root)

    def container() -> None:
        settings = ["-e", "CGO_ENABLED=0", "-e", f"GOPROXY={go}", "-v", f"{SHOP}:/src:ro"]
        run("docker", "run", "--rm", *settings, "golang:1.26", "sh", "-c", script, cwd=folder)

    run("docker", "pull", "-q", "golang:1.26", cwd=folder)
    numbers = iter(range(100))
    mine, rival = in_turn(2, lambda: ours(next(numbers)), container)
    return [Figure(name="cold / go build in one container", ours=mine, rival=rival, rival_name="go build", limit=1.05)]


HAND_WRITTEN = """FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY . .
ARG TARGETOS TARGETARCH PACKAGE
RUN --mount=type=cache,id=ID-mod,target=/go/pkg/mod --mount=type=cache,id=ID-build,target=/root/.cache/go-build \\
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags='-s -w' -o /out/app $PACKAGE
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/app /app
USER 65532:65532
ENTRYPOINT ["/app"]
"""


def edited(folder: Path) -> list[Figure]:
    """Compare gobake with a careful hand-written bake, one target per service, after an edit of one command."""
    mine = shop(folder, f"bench-edit-{os.getpid()}")
    rival = shop(folder, f"bench-hand-{os.getpid()}")
    (rival / "Dockerfile").write_text(HAND_WRITTEN.replace("ID", f"hand-{os.getpid()}"))
    (rival / ".dockerignore").write_text("Dockerfile\ndocker-bake.json\n.git\n**/*_test.go\n**/*.md\n")
    targets = {
        name: {"args": {"PACKAGE": package}, "tags": [f"hand-{name}:latest"], "platforms": list(PLATFORMS),
               "attest": ["type=provenance,disabled=true"]}
        for name, package in SERVICES.items()
    }  # fmt: skip
    bake = {"group": {"default": {"targets": list(targets)}}, "target": targets}
    (rival / "docker-bake.json").write_text(json.dumps(bake))
    numbers = iter(range(1000))

    def ours() -> None:
        run(GOBAKE, "build", "-q", "--platform", ",".join(PLATFORMS), cwd=mine)

    def hand() -> None:
        run("docker", "buildx", "bake", "--progress", "quiet", cwd=rival)

    ours()
    hand()
    pairs = []
    for _ in range(5):
        number = next(numbers)
        edit(mine, number)
        edit(rival, number)
        pairs.append((seconds(ours), seconds(hand)))
    medians = [statistics.median(p[i] for p in pairs) for i in (0, 1)]
    return [
        Figure(
            name="one line edited / hand-written bake",
            ours=medians[0],
            rival=medians[1],
            rival_name="hand-written bake",
            limit=0.5,
        )
    ]


def startup(folder: Path) -> list[Figure]:
    """Measure `gobake --help` and `gobake plan`."""
    root = folder / "hundred"
    files = {"go.mod": "module example.com/hundred\n\ngo 1.26\n", "lib/lib.go": "package lib\n"}
    for number in range(100):
        files[f"cmd/service{number:03d}/main.go"] = (
            'package main\n\nimport _ "example.com/hundred/lib"\n\nfunc main() {}\n'
        )
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    helped = statistics.median(seconds(lambda: run(GOBAKE, "--help", cwd=root)) for _ in range(9))
    planned = statistics.median(seconds(lambda: run(GOBAKE, "plan", "--all", cwd=root)) for _ in range(9))
    return [
        Figure(name="gobake --help, seconds", ours=helped, rival=None, rival_name="", limit=0.15),
        Figure(name="gobake plan of 100 services, seconds", ours=planned, rival=None, rival_name="", limit=0.6),
    ]


CASES = {"startup": startup, "overhead": overhead, "edited": edited, "cold": cold}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=CASES, action="append")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="gobake-bench-") as folder:
        for name in options.only or CASES:
            figures += CASES[name](Path(folder))
    for figure in figures:
        rival = f"{figure.rival:8.2f} s {figure.rival_name}" if figure.rival else ""
        print(f"{figure.name:<48} {figure.value:6.2f}  (at most {figure.limit:.2f})  {figure.ours:8.2f} s  {rival}"
              f"{'' if figure.kept else '  <-- missed'}")  # fmt: skip
    if options.json:
        rows = [asdict(f) | {"value": f.value, "kept": f.kept} for f in figures]
        options.json.write_text(json.dumps({"schema": 1, "figures": rows}, indent=2))
    return 0 if all(f.kept for f in figures) else 1


if __name__ == "__main__":
    ground.download_for_real()
    others = {"caching": caching.main, "history": history.main, "mutants": mutants.main}
    sys.exit(others[sys.argv[1]](sys.argv[2:]) if sys.argv[1:2] and sys.argv[1] in others else main())
