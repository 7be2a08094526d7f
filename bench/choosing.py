"""What it costs to choose, and what the choice is worth: strategies compared, a program taken apart, small images.

The figures to read are differences of two contestants of one round (`compare`, `size`), and ratios of bytes (`image`).
"""

from __future__ import annotations

import json
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import ground
from bench.contestants import GOBAKE
from bench.figures import Results, Sample, alternated
from gobake.model import Strategy

if TYPE_CHECKING:
    from bench.builds import Place

ALL, COMPARE = "gobake all", "gobake compare"
SIZE, LINK = "gobake size", "the link of its twin"
SMALLEST, WITH_CERTIFICATES = "gobake, the smallest", "its program and certificates"
SCRATCH, ON_KOS_BASE, KO = "gobake scratch", "gobake distroless", "ko"
_PLATFORM = "linux/amd64"
_STRATEGIES = ",".join(Strategy)
_LARGEST = "operator"  # of the workspace `large`: about 50 MB
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def compare(place: Place, rounds: int) -> Results:
    """One service in eight strategies, built already: `gobake compare` beside `gobake all` of the same."""
    root = place.gobake().workspace.root
    words = ("api", "-s", _STRATEGIES, "-p", _PLATFORM, "--quiet")

    def command(name: str, _: int) -> Sample:
        with ground.clock() as spent:
            ground.run(GOBAKE, name, *words, cwd=root)
        return Sample(seconds=spent.seconds, cpu=spent.cpu)

    command("all", 0)
    command("compare", 0)
    return {
        "one service, eight strategies": alternated(
            rounds, {ALL: partial(command, "all"), COMPARE: partial(command, "compare")}
        )
    }


def size(place: Place, rounds: int) -> Results:
    """A program of about 50 MB taken apart: the whole command, and of that the link of the twin, as it tells itself.

    Each round links anew, as after an edit: the line that is edited is among those that are linked.
    """
    workspace = place.copy("size")
    command = (GOBAKE, "size", _LARGEST, "-p", _PLATFORM, "--format", "json")
    found: dict[str, list[Sample]] = {SIZE: [], LINK: []}
    for number in range(rounds + 1):
        workspace.edit(number)
        ground.run(GOBAKE, "build", _LARGEST, "-p", _PLATFORM, "--quiet", cwd=workspace.root)
        with ground.clock() as spent:
            told = _json(*command, cwd=workspace.root)
        program, twin = told["program"], told["twin"]
        if program["basis"] != "twin" or twin["compiled"]:
            raise SystemExit(f"{_LARGEST} was not described by a twin that only had to be linked")
        if number:  # the first finds cold files
            found[SIZE].append(Sample(seconds=spent.seconds, cpu=spent.cpu, size=program["bytes"]))
            found[LINK].append(Sample(seconds=twin["seconds"]))
            print(f"    {SIZE}: {found[SIZE][-1]}; {LINK}: {found[LINK][-1]}", flush=True)
    return {"a program of 50 MB": found}


def image(place: Place, rounds: int) -> Results:
    """The bytes of one command's images: gobake's by strategy, ko's on the base of `distroless`, and the program."""
    gobake, ko = place.gobake(), place.ko()
    root, name = gobake.workspace.root, "migrate"
    strategies = {SCRATCH: "scratch", SMALLEST: "upx", ON_KOS_BASE: "distroless"}

    def ours(strategy: str, _: int) -> Sample:
        with ground.clock() as spent:
            ground.run(GOBAKE, "build", name, "-s", strategy, "-p", _PLATFORM, "--quiet", cwd=root)
        return _image(f"{name}:latest" if strategy == "scratch" else f"{name}:latest-{strategy}", root, spent.seconds)

    def kos(_: int) -> Sample:
        layout = place.folder / f"{root.name}-ko"
        ground.delete(layout)
        return _image(str(layout), root, ko.one(ko.workspace.services[name], _PLATFORM, layout).seconds)

    contestants = {words: partial(ours, strategy) for words, strategy in strategies.items()}
    found = alternated(rounds, {**contestants, KO: kos})
    whole = _json(GOBAKE, "size", f"{name}:latest", "-p", _PLATFORM, "--format", "json", cwd=root)
    plain = _sum(whole, place.folder / "certificates.crt", f"{name}:latest")
    unpacked = Sample(seconds=0.0, size=whole["image"]["bytes"])
    return {
        "compressed": found,
        "unpacked": {SCRATCH: [unpacked] * rounds, WITH_CERTIFICATES: [Sample(seconds=0.0, size=plain)] * rounds},
    }


def _image(what: str, root: Path, seconds: float) -> Sample:
    told = _json(GOBAKE, "size", what, "-p", _PLATFORM, "--format", "json", cwd=root)
    return Sample(seconds=seconds, size=told["image"]["compressed_bytes"])


def _sum(told: dict[str, Any], file: Path, image: str) -> int:
    """The bytes of the program and of the certificates in its image."""
    container = ground.asked("docker", "create", "--platform", _PLATFORM, image)
    try:
        ground.asked("docker", "cp", f"{container}:{_CERTIFICATES}", str(file))
    finally:
        ground.asked("docker", "rm", container)
    return int(told["program"]["bytes"]) + file.stat().st_size


def _json(*command: str, cwd: Path) -> dict[str, Any]:
    done = subprocess.run(command, cwd=cwd, capture_output=True, check=False, timeout=ground.LONGEST)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed in {cwd}:\n{done.stderr.decode(errors='replace')[-2000:]}")
    told = json.loads(done.stdout)
    assert isinstance(told, dict)
    return told
