"""Checks `gobake affected` against brute force: random edits of real workspaces, and what they change in the programs.

`python -m bench.changes --count 150` edits `shop` and `twenty`, one edit at a time, compiles all their programs with
the flags of the recipe, and compares who has other bytes with what gobake says. A service too few is an error; those
too many are counted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from bench.edits import EDITS
from bench.workspaces import DAY, WHO, WORKSPACES, Workspace

FLAGS = ("-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false", "-ldflags=-s -w")
ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local"}
_TRIES = 6  # to find a file that an edit fits
# A package with assembly and a header, imported by one command
ASSEMBLY = {
    "add.go": "package fast\n\n// Add adds.\nfunc Add(a, b int64) int64 { return add(a, b) }\n",
    "add_amd64.go": "package fast\n\nfunc add(a, b int64) int64\n",
    "add_other.go": "//go:build !amd64\n\npackage fast\n\nfunc add(a, b int64) int64 { return a + b }\n",
    "add_amd64.s": '#include "textflag.h"\n#include "add.h"\n\nTEXT ·add(SB), NOSPLIT, $0-24\n\tMOVQ a+0(FP), AX\n'
    "\tMOVQ b+8(FP), BX\n\tADDQ BX, AX\n\tADDQ $EXTRA, AX\n\tMOVQ AX, ret+16(FP)\n\tRET\n",
    "add.h": "#define EXTRA 0\n",
}
EMBEDDING = {
    "embed.go": 'package texts\n\nimport _ "embed"\n\n// Motto is text.\n//\n//go:embed motto.txt\nvar Motto string\n',
    "motto.txt": "small and fast\n",
    "unused.txt": "in no program\n",
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One edit. ``changed``: services with other bytes; ``told``: those that gobake names."""

    kind: str
    file: str
    changed: frozenset[str]
    told: frozenset[str]

    @property
    def missed(self) -> frozenset[str]:
        return self.changed - self.told

    @property
    def surplus(self) -> frozenset[str]:
        return self.told - self.changed


class Ground:
    """One workspace as a repository whose every edit is undone."""

    def __init__(self, workspace: Workspace, folder: Path) -> None:
        self.workspace, self.root, self._out = workspace, workspace.root, folder / "out"
        self._extend()
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message=base")
        self.base = self.programs()
        assert self.base

    def _extend(self) -> None:
        """Add packages with assembly and with an embedded file, and let one command import both."""
        main = next(
            file
            for path in self.workspace.services.values()
            for file in sorted((self.root / path).glob("*.go"))
            if "func main()" in file.read_text()
        )
        folder = next(above for above in main.parents if (above / "go.mod").exists())
        module = re.search(r"^module (\S+)", (folder / "go.mod").read_text(), re.MULTILINE)
        assert module
        for name, files in {"fast": ASSEMBLY, "texts": EMBEDDING}.items():
            place = folder / "internal" / name
            place.mkdir(parents=True, exist_ok=True)
            for file, text in files.items():
                (place / file).write_text(text)
        path = f"{module[1]}/internal"
        more = f'package main\n\nimport (\n\t"os"\n\n\t"{path}/fast"\n\t"{path}/texts"\n)\n\n'
        (main.parent / "extended.go").write_text(
            f"{more}func init() {{\n\tif fast.Add(int64(len(os.Args)), 1) > 99 {{\n\t\tprintln(texts.Motto)\n\t}}\n}}\n"
        )

    def programs(self) -> dict[str, str]:
        """Compile all commands and return their digests by service; {} if Go refuses."""
        self._out.mkdir(exist_ok=True)
        done = self._go("build", *FLAGS, "-o", f"{self._out}/", *self.workspace.services.values())
        if done.returncode:
            return {}
        found = {}
        for name, path in self.workspace.services.items():
            found[name] = hashlib.sha256((self._out / Path(path).name).read_bytes()).hexdigest()
        return found

    def told(self) -> frozenset[str]:
        command = (
            sys.executable,
            "-m",
            "gobake",
            "affected",
            "--since",
            "HEAD",
            "--format",
            "json",
            "-C",
            str(self.root),
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"gobake affected failed: {done.stderr}")
        found = json.loads(done.stdout)
        return frozenset(service["name"] for service in found["services"] if service["affected"])

    def tried(self, kind: str, edit: Callable[[Ground, random.Random], str], chance: random.Random) -> Outcome | None:
        """Make one edit, look, and undo it; None if it cannot be made here, or Go refuses the result."""
        try:
            file = edit(self, chance)
            now = self.programs() if file else {}
            if not now:
                return None
            changed = frozenset(name for name, digest in now.items() if digest != self.base[name])
            return Outcome(kind=kind, file=file, changed=changed, told=self.told())
        finally:
            self._git("reset", "--quiet", "--hard")
            self._git("clean", "-fdxq")

    def files(self, pattern: str, *, tests: bool = False) -> list[Path]:
        found = (file for file in self.root.rglob(pattern) if ".git" not in file.parts)
        return sorted(file for file in found if file.name.endswith("_test.go") == tests)

    def go(self, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ("go", *words), cwd=cwd, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, check=False
        )

    def _go(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.go(*words, cwd=self.root)

    def _git(self, *words: str) -> None:
        subprocess.run(("git", *WHO, *words), cwd=self.root, env={**os.environ, **DAY}, check=True)


def outcomes(workspace: str, count: int, seed: int, folder: Path) -> list[Outcome]:
    """Return the outcomes of ``count`` edits, of every kind in turn."""
    ground = Ground(WORKSPACES[workspace](folder / workspace), folder)
    chance, found = random.Random(f"{workspace} {seed}"), list[Outcome]()
    for kind in islice(cycle(EDITS), 2 * count):
        if len(found) == count:
            break
        tries = (ground.tried(kind, EDITS[kind], chance) for _ in range(_TRIES))
        found += islice(filter(None, tries), 1)
    return found


def summary(found: list[Outcome]) -> str:
    told, changed = sum(len(one.told) for one in found), sum(len(one.changed) for one in found)
    surplus, missed = sum(len(one.surplus) for one in found), sum(len(one.missed) for one in found)
    return f"{len(found)} edits: {changed} services changed, {told} told; {missed} too few, {surplus} too many"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.changes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=150, help="edits of each workspace")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workspace", action="append", choices=("shop", "twenty"))
    options = parser.parse_args()
    every: list[Outcome] = []
    for workspace in options.workspace or ("shop", "twenty"):
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="gobake-changes-") as folder:
            found = outcomes(workspace, options.count, options.seed, Path(folder))
        print(f"{workspace}: {summary(found)}; {time.monotonic() - began:.0f} s", flush=True)
        kinds = Counter(one.kind for one in found)
        print("  " + ", ".join(f"{kind} {count}" for kind, count in kinds.items()))
        for one in found:
            if one.missed or one.surplus:
                print(f"  {one.kind} in {one.file}: too few {sorted(one.missed)}, too many {sorted(one.surplus)}")
        every += found
    print(summary(every))
    return 1 if any(one.missed for one in every) else 0


if __name__ == "__main__":
    sys.exit(main())
