"""Builds on one machine: edited, unchanged, cold. gobake beside hand-written bake files, ko, and `go build` alone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import ground
from bench.contestants import GOBAKE, Contestant, Gobake, HandWritten, Ko, go_in_container
from bench.figures import Results, Sample, alternated
from bench.rival import PLATFORMS, Rival
from bench.workspaces import WORKSPACES, Workspace

WHOLE, NARROW, ONE, CARRIED = "bake file", "bake file, narrow copies", "bake file, one compile", "cache-mount dance"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where copies of one workspace are made; each gets a folder, a name and cache mounts of its own."""

    folder: Path
    workspace: str

    def copy(self, name: str) -> Workspace:
        workspace = WORKSPACES[self.workspace](self.folder / f"{self.workspace}-{name}-{os.urandom(3).hex()}")
        workspace.edit("unique")  # else an engine that has built another copy would run no step, and leave mounts empty
        return workspace

    def gobake(self) -> Gobake:
        return Gobake(workspace=self.copy("gobake"))

    def hand(self, form: str = "whole", *, mode: str = "max", carried: bool = False) -> HandWritten:
        files = Rival(
            workspace=self.copy("hand"),
            ident=f"hand-{os.urandom(4).hex()}",
            proxy=ground.asked("go", "env", "GOPROXY"),
            form=form,
            mode=mode,
        )
        return HandWritten(files=files, carried=carried)

    def ko(self) -> Ko:
        workspace = self.copy("ko")
        return Ko(workspace=workspace, home=workspace.root.with_name(f"{workspace.root.name}-home"))


def edited(place: Place, rounds: int) -> Results:
    """One line of one service edited, everything else built."""
    gobake, whole, one, ko = place.gobake(), place.hand(), place.hand("one"), place.ko()
    contestants: dict[str, Contestant] = {"gobake": gobake, WHOLE: whole, ONE: one, "ko": ko}
    if place.workspace == "twenty":
        contestants[NARROW] = place.hand("narrow")
    for contestant in contestants.values():
        contestant.build()

    def after_an_edit(contestant: Contestant, number: int) -> Sample:
        contestant.workspace.edit(number)
        return contestant.build()

    runs = {name: partial(after_an_edit, it) for name, it in contestants.items()}
    return {"one line edited": alternated(rounds, runs)}


def unchanged(place: Place, rounds: int) -> Results:
    """Nothing changed: also plain bake of the files that gobake rendered."""
    gobake, whole, ko = place.gobake(), place.hand(), place.ko()
    root = gobake.workspace.root
    platforms = ("--platform", ",".join(PLATFORMS))
    ground.run(GOBAKE, "render", "--quiet", *platforms, cwd=root)
    plain = ("docker", "buildx", "bake", "--progress", "quiet", "default", "trace")

    def rendered() -> Sample:
        with ground.clock() as spent:
            ground.run(*plain, cwd=root, env={"GOBAKE_GOENV": ""})
        return Sample(seconds=spent.seconds, cpu=spent.cpu)

    runs: dict[str, Callable[[int], Sample]] = {
        "gobake": lambda _: gobake.build(),
        "plain bake of its files": lambda _: rendered(),
        WHOLE: lambda _: whole.build(),
        "ko": lambda _: ko.build(),
    }
    for run in runs.values():
        run(0)
    return {"nothing changed": alternated(rounds, runs)}


def cold(place: Place, rounds: int) -> Results:
    """Empty caches: modules are downloaded, everything is compiled. `--no-cache` empties gobake's mounts too."""
    runs = {
        "gobake": lambda _: place.gobake().build("--no-cache"),
        "go build": lambda _: go_in_container(place.copy("container")),
        WHOLE: lambda _: place.hand().build("--no-cache"),
        ONE: lambda _: place.hand("one").build("--no-cache"),
        "ko": lambda _: place.ko().build(empty=True),
    }
    return {"cold": alternated(rounds, runs)}


def startup(place: Place, rounds: int) -> Results:
    """Commands without an engine, with one hundred commands in a module."""
    root = place.folder / f"hundred-{os.urandom(3).hex()}"
    files = {"go.mod": "module example.com/hundred\n\ngo 1.26\n", "lib/lib.go": "package lib\n"}
    main = 'package main\n\nimport _ "example.com/hundred/lib"\n\nfunc main() {}\n'
    for path, text in {**files, **{f"cmd/service{at:03d}/main.go": main for at in range(100)}}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)

    def command(*words: str) -> Sample:
        with ground.clock() as spent:
            ground.run(GOBAKE, *words, cwd=root)
        return Sample(seconds=spent.seconds)

    first = command("plan", "--all")  # asks Go; later ones remember its answers
    runs = {"gobake --help": lambda _: command("--help"), "gobake plan": lambda _: command("plan", "--all")}
    return {"a hundred services": alternated(rounds, runs), "never planned before": {"gobake plan": [first]}}


def packed(place: Place, rounds: int) -> Results:
    """The start of a program, and of the same one packed by UPX: `shopctl --help`, from exec to exit."""
    gobake = place.gobake()
    gobake.build("shopctl", "--strategy", "scratch,upx")
    name = gobake.workspace.root.name
    programs = {}
    for strategy, tag in (("scratch", "latest"), ("upx", "latest-upx")):
        image = ground.asked("docker", "create", "--platform", PLATFORMS[0], f"shopctl:{tag}")
        programs[strategy] = place.folder / f"{name}-{strategy}"
        ground.asked("docker", "cp", f"{image}:/usr/local/bin/shopctl", str(programs[strategy]))
        ground.asked("docker", "rm", image)

    def start(program: Path, _: int) -> Sample:
        with ground.clock() as spent:
            subprocess.run((program, "--help"), capture_output=True, check=False)
        return Sample(seconds=spent.seconds)

    runs = {strategy: partial(start, program) for strategy, program in programs.items()}
    return {"from exec to exit": alternated(rounds, runs)}
