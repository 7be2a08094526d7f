"""Programs before and after dependencies were bumped, compiled by this machine's Go from a module proxy in a folder."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.unit.deps.proxy import publish

MODULES = 8
ROUNDS = 30
MAIN = "example.com/tool"


def path(number: int) -> str:
    return f"example.org/team/m{number}.v{number % 3 + 1}" if number % 2 else f"example.org/m{number}"


@dataclass(frozen=True, kw_only=True)
class Bump:
    """A module bumped, and how it grows; a second one may be bumped with it and grow less."""

    module: int
    kind: str
    beside: int | None


def code(name: str, lines: int) -> str:
    """A function with a switch that no compiler turns into a table."""
    cases = "".join(f"\tcase {7 * n + n % 5}:\n\t\tv = v*{n + 3} ^ len(Name) + {n}\n" for n in range(lines))
    return f"//go:noinline\nfunc {name}(v int) int {{\n\tswitch v {{\n{cases}\t}}\n\treturn v\n}}\n\n"


def grown(kind: str, name: str) -> tuple[str, dict[str, str]]:
    """Return a function ``name`` with what it brings, and further files of the module."""
    body: dict[str, tuple[str, dict[str, str]]] = {
        "code": (code(name, 300), {}),
        "data": (
            f"var table{name} = [6000]byte{{1, 2, 3, 5999: 4}}\n\n//go:noinline\n"
            f"func {name}(v int) int {{ return int(table{name}[v%6000]) }}\n\n",
            {},
        ),
        "strings": (
            f"//go:noinline\nfunc {name}(v int) int {{\n\tswitch v {{\n"
            + "".join(f'\tcase {n}:\n\t\tprintln("{name} {n}: {"words of its own " * 6}")\n' for n in range(40))
            + "\t}\n\treturn v\n}\n\n",
            {},
        ),
        "types": (
            "".join(
                f"type {name}{n} struct {{\n\tFieldOfItsOwn{n} int\n\tAnother{n} [{n + 1}]string\n}}\n\n"
                f"func (t *{name}{n}) Do(v int) int {{ return v + t.FieldOfItsOwn{n} + len(t.Another{n}) }}\n\n"
                for n in range(30)
            )
            + f"//go:noinline\nfunc {name}(v int) int {{\n\tall := []interface{{ Do(int) int }}{{"
            + ", ".join(f"&{name}{n}{{}}" for n in range(30))
            + "}\n\treturn all[v%30].Do(v)\n}\n\n",
            {},
        ),
        "embedded": (
            f"//go:embed page{name}.html\nvar page{name} string\n\n//go:noinline\n"
            f"func {name}(v int) int {{ return int(page{name}[v%len(page{name})]) }}\n\n",
            {f"page{name}.html": f"<p>{name}</p>\n" * 800},
        ),
        "generics": (
            f"type of{name}[T any] struct{{ a, b T }}\n\n//go:noinline\nfunc do{name}[T any](all []T, v int) int {{\n"
            "\tswapped := 0\n\tfor i := range all {\n\t\tall[i], all[v%len(all)] = all[v%len(all)], all[i]\n"
            "\t\tswapped++\n\t}\n\treturn swapped\n}\n\n"
            f"//go:noinline\nfunc {name}(v int) int {{\n"
            + "".join(f"\tv += do{name}(make([]of{name}[[{n + 1}]int32], v+1), v)\n" for n in range(12))
            + "\treturn v\n}\n\n",
            {},
        ),
        "package": (
            f"//go:noinline\nfunc {name}(v int) int {{ return inner{name.lower()}.Do(v) }}\n\n",
            {f"inner{name.lower()}/inner.go": f'package inner{name.lower()}\n\nvar Name = "x"\n\n' + code("Do", 250)},
        ),
        "standard": (f"//go:noinline\nfunc {name}(v int) int {{ return base64.StdEncoding.EncodedLen(v) }}\n\n", {}),
    }
    return body[kind]


KINDS = ("code", "data", "package", "types", "strings", "generics", "embedded", "standard")
_IN_CODE = ("code", "generics", "package")  # a stripped program tells nothing of other growth


def bumps(seed: int) -> Iterator[Bump]:
    chance = random.Random(seed)
    for number in range(ROUNDS):
        module = chance.randrange(MODULES)
        others = [one for one in range(MODULES) if one != module]
        kind = KINDS[number % len(KINDS)]
        beside = chance.choice(others) if kind in _IN_CODE else None
        yield Bump(module=module, kind=kind, beside=beside)


class Sources:
    """The modules in all their versions, and the program that calls everything in them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.versions = dict.fromkeys(range(MODULES), 0)
        self._texts: dict[int, list[str]] = {number: [code("Do0", 10)] for number in range(MODULES)}
        self._files: dict[int, dict[str, str]] = {number: {} for number in range(MODULES)}
        self._published: dict[int, dict[str, Mapping[str, str]]] = {number: {} for number in range(MODULES)}
        for number in range(MODULES):
            self._publish(number)

    def bump(self, number: int, text: str, files: Mapping[str, str]) -> None:
        self.versions[number] += 1
        self._texts[number].append(text)
        self._files[number] |= files
        self._publish(number)

    def version(self, number: int) -> str:
        return f"v1.{self.versions[number]}.0"

    def _publish(self, number: int) -> None:
        module, name = path(number), f"m{number}"
        texts, files = self._texts[number], self._files[number]
        inner = sorted({file.partition("/")[0] for file in files if "/" in file})
        imports = "".join(f'import "{module}/{one}"\n' for one in inner)
        if any(file.endswith(".html") for file in files):
            imports += 'import _ "embed"\n'
        if any("base64." in text for text in texts):
            imports += 'import "encoding/base64"\n'
        calls = "".join(f"\tv += Do{at}(v)\n" for at in range(len(texts)))
        source = (
            f'package {name}\n\n{imports}\nvar Name = "{name}"\n\nfunc All(v int) int {{\n{calls}\treturn v\n}}\n\n'
        )
        self._published[number][self.version(number)] = {
            "go.mod": f"module {module}\n\ngo 1.21\n",
            f"{name}.go": source + "".join(texts),
            **files,
        }
        publish(self._folder / "proxy", module, self._published[number])

    def build(self, name: str, ldflags: str) -> Path:
        """Link the program with the versions of now."""
        root = self._folder / "tool"
        root.mkdir(exist_ok=True)
        requires = "".join(f"\t{path(number)} {self.version(number)}\n" for number in range(MODULES))
        (root / "go.mod").write_text(f"module {MAIN}\n\ngo 1.21\n\nrequire (\n{requires})\n")
        imports = "".join(f'\tm{number} "{path(number)}"\n' for number in range(MODULES))
        calls = "".join(f"\tv += m{number}.All(v)\n" for number in range(MODULES))
        (root / "main.go").write_text(
            f"package main\n\nimport (\n{imports})\n\nfunc main() {{\n\tv := 1\n{calls}\tprintln(v)\n}}\n"
        )
        file = self._folder / name
        words = ("go", "build", "-trimpath", "-buildvcs=false", f"-ldflags={ldflags}", "-o", str(file), ".")
        env = {**os.environ, "CGO_ENABLED": "0", "GOOS": "linux", "GOFLAGS": "-mod=mod -modcacherw", "GOWORK": "off"}
        subprocess.run(words, cwd=root, env=env, check=True, capture_output=True)
        return file
