"""Real programs for tests: one command with a module beside it, embedded files and generics, linked in several ways."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

FILES = {
    "go.mod": "module example.com/tool\n\ngo 1.21\n\nrequire example.com/dep.v2 v1.1.0\n\n"
    "replace example.com/dep.v2 v1.1.0 => ./dep\n",
    "dep/go.mod": "module example.com/dep.v2\n\ngo 1.21\n",
    "dep/dep.go": """package dep

import "fmt"

type Shape interface{ Area() float64 }

type Square struct {
	Side float64
	Name string
}

func (s *Square) Area() float64 { return s.Side * s.Side }

func Largest[T Shape](all []T) T {
	best := all[0]
	for _, one := range all {
		if one.Area() > best.Area() {
			best = one
		}
	}
	return best
}

var Table = [4096]byte{1, 2, 3, 4095: 9}

//go:noinline
func Tell(s *Square) string { return fmt.Sprintf("a square called %s, of %v", s.Name, s.Side) }
""",
    "cmd/tool/main.go": """package main

import (
	"embed"
	"fmt"
	"os"

	dep "example.com/dep.v2"
)

//go:embed web
var web embed.FS

func main() {
	page, _ := web.ReadFile("web/page.html")
	squares := []*dep.Square{{Side: 1, Name: "one"}, {Side: 2, Name: "two"}}
	defer func() { fmt.Fprintln(os.Stderr, "the command ends here, with this text of its own") }()
	fmt.Println(len(page), dep.Tell(dep.Largest(squares)), dep.Table[len(os.Args)])
}
""",
    "cmd/tool/web/page.html": "<p>page</p>\n" * 900,
    "cmd/tool/web/small.txt": "small enough to be a string\n",
}


@functools.cache
def _written(folder: Path) -> Path:
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def link(folder: Path, name: str, *, arch: str = "amd64", ldflags: str = "-w", flags: tuple[str, ...] = ()) -> Path:
    """Compile the command into a file and return its path."""
    tree = _written(folder / "tree")
    file = folder / name
    words = [
        "go",
        "build",
        "-trimpath",
        "-buildvcs=false",
        *flags,
        f"-ldflags={ldflags}",
        "-o",
        str(file),
        "./cmd/tool",
    ]
    env = {**os.environ, "CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": arch, "GOFLAGS": "-mod=mod", "GOWORK": "off"}
    subprocess.run(words, cwd=tree, env=env, check=True, capture_output=True)
    return file


def sizes_by_nm(file: Path) -> dict[str, int]:
    """What `go tool nm -size` says of the functions, by name."""
    listed = subprocess.run(["go", "tool", "nm", "-size", str(file)], capture_output=True, text=True, check=True).stdout
    found: dict[str, int] = {}
    for line in listed.splitlines():
        address, size, kind, name = line.strip().split(maxsplit=3) if line.strip()[0] != "U" else ("", "0", "U", "")
        if kind in "Tt" and int(size):
            found[f"{address} {name}"] = int(size)
    return found
