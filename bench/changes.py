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
from pathlib import Path

from bench.workspaces import DAY, WHO, WORKSPACES, Workspace

FLAGS = ("-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false", "-ldflags=-s -w")
ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local"}
_STRING = re.compile(r'"[A-Za-z][A-Za-z ]{3,}"')
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


# ---- the edits: each returns the file that it changed, or "" if there is nothing to change


def _rewritten(file: Path, text: str, ground: Ground) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file.relative_to(ground.root).as_posix()


def _string(ground: Ground, chance: random.Random) -> str:
    """Another text in a string, such as a log message."""
    file = chance.choice(ground.files("*.go"))
    text = file.read_text()
    found = list(_STRING.finditer(text))
    if not found:
        return ""
    at = chance.choice(found)
    return _rewritten(file, f"{text[: at.end() - 1]} more{text[at.end() - 1 :]}", ground)


def _comment(ground: Ground, chance: random.Random) -> str:
    """Other words in a comment line: nothing moves."""
    file = chance.choice(ground.files("*.go"))
    lines = file.read_text().splitlines(keepends=True)
    at = [number for number, line in enumerate(lines) if re.match(r"\s*// [A-Z]", line)]
    if not at:
        return ""
    number = chance.choice(at)
    lines[number] = lines[number].rstrip("\n") + " Really.\n"
    return _rewritten(file, "".join(lines), ground)


def _trailing(ground: Ground, chance: random.Random) -> str:
    """A comment behind a line of code."""
    file = chance.choice(ground.files("*.go"))
    lines = file.read_text().splitlines(keepends=True)
    at = [number for number, line in enumerate(lines) if line.startswith("\treturn ") and "`" not in line]
    if not at:
        return ""
    number = chance.choice(at)
    lines[number] = lines[number].rstrip("\n") + " // as agreed\n"
    return _rewritten(file, "".join(lines), ground)


def _line(ground: Ground, chance: random.Random) -> str:
    """A new comment line, which moves what follows."""
    file = chance.choice(ground.files("*.go"))
    lines = file.read_text().splitlines(keepends=True)
    at = [number for number, line in enumerate(lines) if line.startswith("func ")]
    if not at:
        return ""
    lines.insert(chance.choice(at), "// A new line.\n")
    return _rewritten(file, "".join(lines), ground)


def _end(ground: Ground, chance: random.Random) -> str:
    """A comment at the end of a file, which moves nothing."""
    file = chance.choice(ground.files("*.go"))
    return _rewritten(file, f"{file.read_text()}\n// The end.\n", ground)


def _function(ground: Ground, chance: random.Random) -> str:
    """A new function that nothing calls."""
    file = chance.choice(ground.files("*.go"))
    return _rewritten(
        file,
        f"{file.read_text()}\n// Unused{chance.randrange(1000)} is new.\nfunc unused() int {{ return 1 }}\n",
        ground,
    )


def _test_file(ground: Ground, chance: random.Random) -> str:
    file = chance.choice(ground.files("*.go"))
    package = re.search(r"^package (\w+)", file.read_text(), re.MULTILINE)
    name = f"added{chance.randrange(1000)}_test.go"
    return _rewritten(file.with_name(name), f"package {package[1] if package else 'main'}\n", ground)


def _readme(ground: Ground, chance: random.Random) -> str:
    folder = chance.choice(ground.files("*.go")).parent
    return _rewritten(folder / "README.md", f"# {chance.random()}\n", ground)


def _sums(ground: Ground, chance: random.Random) -> str:
    """Lines of go.sum in another order."""
    file = chance.choice(ground.files("go.sum") or ground.files("go.mod"))
    if file.name != "go.sum":
        return ""
    lines = file.read_text().splitlines(keepends=True)
    chance.shuffle(lines)
    return _rewritten(file, "".join(lines), ground)


def _requirement(ground: Ground, chance: random.Random) -> str:
    """A requirement that changes no version: of a module that is in the graph, at the version that is chosen."""
    file = chance.choice(ground.files("go.mod"))
    listed = ground.go("list", "-m", "-f", "{{.Path}} {{.Version}}", "all", cwd=file.parent).stdout.split("\n")
    known = [line for line in listed if " v" in line and line.split()[0] not in file.read_text()]
    if not known:
        return ""
    return _rewritten(file, f"{file.read_text()}\nrequire {chance.choice(known)} // indirect\n", ground)


def _language(ground: Ground, chance: random.Random) -> str:
    """An older language version in a go.mod."""
    file = chance.choice(ground.files("go.mod"))
    text = re.sub(r"^go 1\.\d+(\.\d+)?$", "go 1.25.0", file.read_text(), flags=re.MULTILINE)
    return _rewritten(file, text, ground) if text != file.read_text() else ""


def _bump(ground: Ground, chance: random.Random) -> str:
    """Another version of a module that is required."""
    file = chance.choice(ground.files("go.mod"))
    required = re.findall(r"^\t?(?:require )?([\w./-]+\.[\w./-]+) (v[^\s]+)$", file.read_text(), re.MULTILINE)
    if not required:
        return ""
    path, now = chance.choice(required)
    versions = ground.go(
        "list", "-m", "-versions", "-f", '{{join .Versions " "}}', path, cwd=file.parent
    ).stdout.split()
    others = [version for version in versions if version != now and "-" not in version][-6:]
    if not others or ground.go("get", f"{path}@{chance.choice(others)}", cwd=file.parent).returncode:
        return ""
    return file.relative_to(ground.root).as_posix()


def _embedded(ground: Ground, chance: random.Random) -> str:
    file = ground.files("motto.txt")[0]
    return _rewritten(file, f"{chance.random()}\n", ground)


def _beside_embedded(ground: Ground, chance: random.Random) -> str:
    file = ground.files("unused.txt")[0]
    return _rewritten(file, f"{chance.random()}\n", ground)


def _assembly(ground: Ground, chance: random.Random) -> str:
    file = ground.files("add_amd64.s")[0]
    return _rewritten(file, file.read_text().replace("ADDQ $EXTRA, AX", f"ADDQ ${chance.randrange(1, 99)}, AX"), ground)


def _header(ground: Ground, chance: random.Random) -> str:
    return _rewritten(ground.files("add.h")[0], f"#define EXTRA {chance.randrange(1, 99)}\n", ground)


def _elsewhere(ground: Ground, chance: random.Random) -> str:
    """A file for another system."""
    file = chance.choice(ground.files("*.go"))
    package = re.search(r"^package (\w+)", file.read_text(), re.MULTILINE)
    name = f"more{chance.randrange(1000)}_windows.go"
    return _rewritten(
        file.with_name(name), f"package {package[1] if package else 'main'}\n\nvar elsewhere = 1\n", ground
    )


def _new_file(ground: Ground, chance: random.Random) -> str:
    """A file with a variable that nothing uses."""
    file = chance.choice(ground.files("*.go"))
    package = re.search(r"^package (\w+)", file.read_text(), re.MULTILINE)
    name = f"more{chance.randrange(1000)}.go"
    text = f'package {package[1] if package else "main"}\n\nvar more = map[string]int{{"one": {chance.randrange(9)}}}\n'
    return _rewritten(file.with_name(name), text, ground)


def _renamed(ground: Ground, chance: random.Random) -> str:
    file = chance.choice([one for one in ground.files("*.go") if "_" not in one.name])
    file.rename(file.with_name(f"{file.stem}x.go"))
    return file.relative_to(ground.root).as_posix()


def _package(ground: Ground, chance: random.Random) -> str:
    """A package that nothing imports."""
    folder = chance.choice(ground.files("go.mod")).parent / "internal" / f"p{chance.randrange(1000)}"
    return _rewritten(folder / "p.go", "package p\n", ground)


def _constant(ground: Ground, chance: random.Random) -> str:
    """Another number."""
    file = chance.choice(ground.files("*.go"))
    found = list(re.finditer(r"(?<![\w.\"])\d{2,4}(?![\w.\"])", file.read_text()))
    if not found:
        return ""
    at, text = chance.choice(found), file.read_text()
    return _rewritten(file, f"{text[: at.start()]}{int(at[0]) + 1}{text[at.end() :]}", ground)


EDITS: dict[str, Callable[[Ground, random.Random], str]] = {
    "a string": _string,
    "another number": _constant,
    "words of a comment": _comment,
    "a comment behind code": _trailing,
    "a comment line": _line,
    "a comment at the end": _end,
    "an unused function": _function,
    "a test file": _test_file,
    "a README": _readme,
    "go.sum alone": _sums,
    "an unused requirement": _requirement,
    "a go line": _language,
    "a module's version": _bump,
    "an embedded file": _embedded,
    "a file beside it": _beside_embedded,
    "assembly": _assembly,
    "a header": _header,
    "another system's file": _elsewhere,
    "a new file": _new_file,
    "a renamed file": _renamed,
    "an unused package": _package,
}


def outcomes(workspace: str, count: int, seed: int, folder: Path) -> list[Outcome]:
    """Return the outcomes of ``count`` edits, of every kind in turn."""
    ground = Ground(WORKSPACES[workspace](folder / workspace), folder)
    chance, found, tries = random.Random(f"{workspace} {seed}"), list[Outcome](), 0
    while len(found) < count and tries < 5 * count:
        kind = list(EDITS)[tries % len(EDITS)]
        tries += 1
        outcome = ground.tried(kind, EDITS[kind], chance)
        if outcome:
            found.append(outcome)
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
