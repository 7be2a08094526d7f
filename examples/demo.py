"""The main job on a copy of the example workspace: build everything, build it again, edit one line and build once more;
run what was built, look at what the caches did, say what to try next.

`make demo` runs this with a real engine in its environment.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

SHOP = Path(__file__).resolve().parent / "shop"
COPY = SHOP.parent.parent / "build" / "demo" / "shop"
PAGE = COPY.parent.parent / "report.html"
GOBAKE = str(Path(sys.executable).parent / "gobake")
PLATFORMS = "linux/amd64,linux/arm64"


def main() -> int:
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(SHOP, COPY)
    everything = ("all", "--platform", PLATFORMS)
    if code := gobake(*everything, shown="every service in every strategy"):
        return code
    if code := gobake(*everything, "--quiet", shown="once more, nothing changed"):
        return code
    edited = COPY / "worker" / "main.go"
    edited.write_text(f"{edited.read_text()}\nvar _ = {time.time_ns()}\n")
    if code := gobake(*everything, "--quiet", shown="a line added to worker/main.go"):
        return code
    say("the images run:")
    for strategy in ("scratch", "distroless", "alpine", "upx"):
        for platform in PLATFORMS.split(","):
            said = output("docker", "run", "--rm", "--platform", platform, f"shopctl:latest-{strategy}", "--version")
            print(f"  shopctl:latest-{strategy:<12} {platform:<12} {said}")
    name = output("docker", "run", "-d", "--rm", "-p", "127.0.0.1:0:8080", "api:latest")
    try:
        address = output("docker", "port", name, "8080").splitlines()[0]
        print(f"  api:latest               http://{address}/products has {len(products(address))} products")
    finally:
        subprocess.run(["docker", "kill", name], capture_output=True, check=False)
    gobake("report", "--last", "3", shown="what the caches did in the last three runs")
    gobake("explain", shown="why the last run could not take everything from a cache")
    gobake("report", "--format", "html", "--output", str(PAGE), shown="the same and more as a page with charts")
    say("try next, in any Go repository:")
    print(
        "  gobake plan                what would be built, and why\n"
        "  gobake report              how well the caches of the last run worked\n"
        "  gobake report --format html\n"
        "                             the same as a page with charts\n"
        "  gobake init                a commented gobake.yaml\n"
        "  gobake render              files for plain `docker buildx bake`\n"
        "  make engine-up             a private engine that stays, to play with\n"
        "  make clean                 removes everything that this demo made"
    )
    return 0


def gobake(*words: str, shown: str) -> int:
    """Run it on the copy, in front of the user."""
    say(f"gobake {' '.join(words)}   ({shown})")
    return subprocess.run([GOBAKE, words[0], "-C", str(COPY), *words[1:]], check=False).returncode


def say(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def products(address: str) -> list[object]:
    for _ in range(50):
        try:
            with urllib.request.urlopen(f"http://{address}/products", timeout=5) as answer:
                listed = json.load(answer)
                return list(listed)
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the api does not answer")


if __name__ == "__main__":
    sys.exit(main())
