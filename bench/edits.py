"""Edits of a Go workspace, for `bench.changes`: each returns the file that it changed, or "" for none."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

STRING = re.compile(r'"[A-Za-z][A-Za-z ]{3,}"')


class Ground(Protocol):
    """The workspace that is edited."""

    root: Path

    def files(self, pattern: str, *, tests: bool = False) -> list[Path]:
        """Return its files, with or without the tests."""

    def go(self, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a go command."""


def _rewritten(file: Path, text: str, ground: Ground) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file.relative_to(ground.root).as_posix()


def _string(ground: Ground, chance: random.Random) -> str:
    """Another text in a string, such as a log message."""
    file = chance.choice(ground.files("*.go"))
    text = file.read_text()
    found = list(STRING.finditer(text))
    if not found:
        return ""
    at = chance.choice(found)
    return _rewritten(file, f"{text[: at.end() - 1]} more{text[at.end() - 1 :]}", ground)


def _in_a_line(ground: Ground, chance: random.Random, fits: Callable[[str], object], edit: Callable[[str], str]) -> str:
    """Edit one of the lines that fit, in some Go file."""
    file = chance.choice(ground.files("*.go"))
    lines = file.read_text().splitlines(keepends=True)
    at = [number for number, line in enumerate(lines) if fits(line)]
    if not at:
        return ""
    number = chance.choice(at)
    lines[number] = edit(lines[number])
    return _rewritten(file, "".join(lines), ground)


def _comment(ground: Ground, chance: random.Random) -> str:
    """Other words in a comment line: nothing moves."""
    return _in_a_line(
        ground, chance, lambda line: re.match(r"\s*// [A-Z]", line), lambda line: line.rstrip("\n") + " Really.\n"
    )


def _trailing(ground: Ground, chance: random.Random) -> str:
    """A comment behind a line of code."""
    return _in_a_line(
        ground,
        chance,
        lambda line: line.startswith("\treturn ") and "`" not in line,
        lambda line: line.rstrip("\n") + " // as agreed\n",
    )


def _line(ground: Ground, chance: random.Random) -> str:
    """A new comment line, which moves what follows."""
    return _in_a_line(ground, chance, lambda line: line.startswith("func "), lambda line: f"// A new line.\n{line}")


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


def _beside(ground: Ground, chance: random.Random, name: str) -> tuple[Path, str]:
    """Return a new file beside some Go file, and its package clause. ``name``: {} becomes a number."""
    file = chance.choice(ground.files("*.go"))
    package = re.search(r"^package (\w+)", file.read_text(), re.MULTILINE)
    return file.with_name(name.format(chance.randrange(1000))), f"package {package[1] if package else 'main'}\n"


def _test_file(ground: Ground, chance: random.Random) -> str:
    file, head = _beside(ground, chance, "added{}_test.go")
    return _rewritten(file, head, ground)


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
    file, head = _beside(ground, chance, "more{}_windows.go")
    return _rewritten(file, f"{head}\nvar elsewhere = 1\n", ground)


def _new_file(ground: Ground, chance: random.Random) -> str:
    """A file with a variable that nothing uses."""
    file, head = _beside(ground, chance, "more{}.go")
    return _rewritten(file, f'{head}\nvar more = map[string]int{{"one": {chance.randrange(9)}}}\n', ground)


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
