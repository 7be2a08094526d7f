"""Imports are really removed from programs, and Go builds what is left: it is smaller by what was predicted.

All programs are built by two go commands, with every dependency and without: seconds are those of one and the same log.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec import Struct

from gobake.binary import sections
from gobake.binary.anatomy import take_apart
from gobake.binary.kinds import Kind
from gobake.binary.reach import Reach
from gobake.deps.account import Known, Without, account
from gobake.deps.built import Built
from gobake.deps.costs import Costs
from gobake.deps.licences import Licences
from gobake.deps.sizes import Gone, Program
from gobake.gotool.linked import Linked, LinkedModule, LinkedPackage
from gobake.size.without import without
from gobake.trace import actiongraph
from gobake.trace.actiongraph import GoWork
from tests.conftest import REPOSITORY

HERE = "linux/amd64"
PROJECT = "example.com/p"
MAIN = """package main

import "fmt"

var features []func() any

func main() {
	for _, feature := range features {
		fmt.Println(feature())
	}
}
"""
# program -> (module, package, what uses it): of the example, and of the tree below
USES: Mapping[str, tuple[str, str, str]] = {
    "commands": (
        "github.com/spf13/cobra",
        "github.com/spf13/cobra",
        'c := &cobra.Command{Use: "x"}; c.Flags().String("name", "", "help"); return c.Execute()',
    ),
    "flags": (
        "github.com/spf13/pflag",
        "github.com/spf13/pflag",
        'f := pflag.NewFlagSet("x", pflag.ExitOnError); f.Int("n", 1, "help"); return f.Parse(nil)',
    ),
    "timetable": (
        "github.com/robfig/cron/v3",
        "github.com/robfig/cron/v3",
        'c := cron.New(); c.AddFunc("@hourly", func() {}); c.Start(); return c.Entries()',
    ),
    "secret": (
        "golang.org/x/crypto",
        "golang.org/x/crypto/argon2",
        'return argon2.IDKey([]byte("a"), []byte("saltsalt"), 1, 1024, 1, 32)',
    ),
    "system": ("golang.org/x/sys", "golang.org/x/sys/unix", "var u unix.Utsname; return unix.Uname(&u)"),
    "hash": (
        "github.com/cespare/xxhash/v2",
        "github.com/cespare/xxhash/v2",
        'd := xxhash.New(); d.WriteString("abc"); return d.Sum64()',
    ),
    "message": (
        "google.golang.org/protobuf",
        "google.golang.org/protobuf/types/known/structpb",
        'v, _ := structpb.NewValue(map[string]any{"a": 1.5}); return v.String()',
    ),
    "template": ("example.org/page", "example.org/page", "return page.Page()"),  # calls methods by their names
    "patterns": ("example.org/pattern", "example.org/pattern", 'return pattern.Find("a+")'),  # maps that are filled
    "table": ("example.org/table", "example.org/table", "return table.Sum()"),  # data, and little code
    "files": ("example.org/files", "example.org/files", "return files.Count()"),
    "shapes": ("example.org/shapes", "example.org/shapes", "return shapes.Largest()"),  # generics and interfaces
}
OTHERS = {
    "page": """package page

import (
	"strings"
	"text/template"
)

func Page() string {
	var out strings.Builder
	err := template.Must(template.New("x").Parse("{{.}}")).Execute(&out, 1)
	return out.String() + err.Error()
}
""",
    "pattern": """package pattern

import "regexp"

func Find(pattern string) string { return regexp.MustCompile(pattern).FindString("baab") }
""",
    "table": "package table\n\nvar words = [...]string{"
    + ", ".join(f'"{at:0>60}"' for at in range(2000))
    + "}\n\nfunc Sum() (all int) {\n\tfor _, word := range words {\n\t\tall += len(word)\n\t}\n\treturn all\n}\n",
    "files": """package files

import "embed"

//go:embed *.txt
var files embed.FS

func Count() int {
	found, _ := files.ReadDir(".")
	return len(found)
}
""",
    "shapes": """package shapes

import (
	"cmp"
	"encoding/csv"
	"slices"
	"strings"
)

type Shape interface{ Area() float64 }

type Square struct{ Side float64 }

func (s Square) Area() float64 { return s.Side * s.Side }

func Largest() any {
	rows, _ := csv.NewReader(strings.NewReader("1,2")).ReadAll()
	all := []Shape{Square{1}, Square{float64(len(rows))}}
	slices.SortFunc(all, func(a, b Shape) int { return cmp.Compare(a.Area(), b.Area()) })
	return all
}
""",
}
REQUIRED = (
    *("github.com/spf13/cobra v1.10.2", "github.com/spf13/pflag v1.0.9", "github.com/robfig/cron/v3 v3.0.1"),
    *("github.com/inconshreveable/mousetrap v1.1.0", "golang.org/x/crypto v0.55.0", "golang.org/x/sys v0.47.0"),
    *("github.com/cespare/xxhash/v2 v2.3.0", "google.golang.org/protobuf v1.36.11"),
)


def write(root: Path) -> None:
    files = {"go.mod": f"module {PROJECT}\n\ngo 1.26\n\n" + "".join(f"require {one}\n" for one in REQUIRED)}
    for name, text in OTHERS.items():
        files["go.mod"] += f"require example.org/{name} v0.0.0\nreplace example.org/{name} => ./others/{name}\n"
        files[f"others/{name}/go.mod"] = f"module example.org/{name}\n\ngo 1.21\n"
        files[f"others/{name}/{name}.go"] = text
    files["others/files/a.txt"] = "a line of a file\n" * 9000
    shop = REPOSITORY / "examples" / "shop"
    sums = {line for file in shop.glob("*/go.sum") for line in file.read_text().splitlines()}
    files["go.sum"] = "".join(f"{line}\n" for line in sorted(sums))
    for name, (_, package, body) in USES.items():
        files[f"cmd/{name}/main.go"] = MAIN
        files[f"cmd/{name}/uses.go"] = (
            f'package main\n\nimport "{package}"\n\n'
            f"func init() {{ features = append(features, func() any {{ {body} }}) }}\n"
        )
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def build(root: Path, programs: Path, cache: Path) -> GoWork:
    """Build all programs as gobake does, with symbols, and return Go's account."""
    graph = programs.with_suffix(".json")
    words = ["go", "build", "-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false", "-ldflags=-w"]
    words += ["-p=2", f"-debug-actiongraph={graph}", "-o", f"{programs}/", "./cmd/..."]
    env = {**os.environ, "CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": "amd64", "GOFLAGS": "-mod=mod", "GOWORK": "off"}
    programs.mkdir()
    done = subprocess.run(
        words, cwd=root, env={**env, "GOCACHE": str(cache)}, check=False, capture_output=True, text=True
    )
    assert not done.returncode, done.stderr
    return actiongraph.parse([graph.read_text()])


class Removed(Struct, frozen=True, kw_only=True):
    """The programs with everything and without it."""

    before: Path
    after: Path
    work: GoWork
    left: GoWork
    predicted: Mapping[str, Without]


@pytest.fixture(scope="module")
def removed(tmp_path_factory: pytest.TempPathFactory) -> Removed:
    folder = tmp_path_factory.mktemp("removed")
    root, cache = folder / "tree", folder / "cache"
    write(root)
    work = build(root, folder / "before", cache)
    for file in root.glob("cmd/*/uses.go"):
        file.unlink()
    left = build(root, folder / "after", cache)
    shutil.rmtree(cache)
    told = {name: predicted(work, folder / "before" / name) for name in USES}
    return Removed(before=folder / "before", after=folder / "after", work=work, left=left, predicted=told)


def module_of(package: str) -> str:
    if package.startswith(PROJECT):
        return PROJECT
    modules = {module for module, _, _ in USES.values()}
    return next((module for module in modules if f"{package}/".startswith(f"{module}/")), "")


def predicted(work: GoWork, program: Path) -> Without:
    """What `gobake deps` says of one of the programs, with what `gobake size --without` says of it."""
    module, command = USES[program.name][0], f"{PROJECT}/cmd/{program.name}"
    imports = work.imports
    packages = tuple(
        LinkedPackage(path=path, imports=tuple(sorted(others)), module=module_of(path))
        for path, others in imports.items()
    )
    modules = tuple(LinkedModule(path=path, main=path == PROJECT) for path in {p.module for p in packages} - {""})
    built = Built(platform=HERE, services={program.name: (command,)}, linked=Linked(packages=packages, modules=modules))
    told = without(program, {path: others for path, others in imports.items() if path in built.graph.packages})
    sizes = Program(
        package=command,
        arch="amd64",
        packages=take_apart(program).by_package(),
        without={m.module: Gone(packages=m.packages - m.standard_packages, bytes=m.bytes) for m in told},
    )
    costs = Costs(seconds={(HERE, one.import_path): one.seconds for one in work.compiled})
    known = Known(costs=costs, licences=lambda _module, _folder: Licences(), sizes=(sizes,))
    found = next(one for one in account("p", [built], known).modules if one.path == module)
    assert found.without
    return found.without


def size(program: Path) -> int:
    """The bytes of a program as it ships, without what sections are rounded up to, and without code of its own.

    The lines that use a module go with the import, too, but they are the user's.
    """
    own = {(f"{PROJECT}/cmd/{program.name}", kind) for kind in (Kind.CODE, Kind.PCLNTAB)}
    parts = (part for part in take_apart(program).parts if part.package)
    return sum(part.size for part in parts if (part.package, part.kind) not in own)


def test_a_program_and_a_compile_without_a_module_lose_what_was_predicted(
    removed: Removed, subtests: pytest.Subtests
) -> None:
    """One test: workers would each build the programs of several."""
    seconds = {one.import_path: one.seconds for one in removed.work.compiled}
    before, after = ({one.import_path: one.packages for one in work.commands} for work in (removed.work, removed.left))
    for name, found in removed.predicted.items():
        with subtests.test(name):
            less = size(removed.before / name) - size(removed.after / name)
            print(f"{name}: {found.bytes} predicted, {less} measured")
            assert found.bytes == pytest.approx(less, rel=0.1)
            assert not found.more
            command = f"{PROJECT}/cmd/{name}"
            gone = before[command] - after[command]
            assert found.packages == len(gone)
            assert found.cost.whole
            assert found.cost.seconds == pytest.approx(sum(seconds[path] for path in gone), rel=0.25)
    program = removed.before / "hash"
    reach = Reach(sections.read(memoryview(program.read_bytes())))
    assert reach.bytes_without(()) == 0
    assert reach.bytes_without(take_apart(program).by_package()) > 0.9 * size(program)
