"""The workspace as a value: what it holds, and its files as text. Pure; writing them is the business of checkouts.py.

Numbers are four digits and names three letters long, so that an edit changes no file's size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MODULE = "example.com/ever"
NAMES = ("ash", "elm", "fir", "ivy", "oak", "yew")  # of packages
FOLDERS = ("api", "bot", "job", "web")  # of commands, below cmd
VERSIONS = ("", "v1", "v2", "v3", "v0", "v01", "v10")  # below that
LINK = "-> "  # a text that begins so is a symlink


@dataclass(frozen=True, kw_only=True)
class Main:
    """A command."""

    folder: str  # such as cmd/api/v1
    imports: tuple[str, ...]  # names of packages
    number: int


@dataclass(frozen=True, kw_only=True)
class Model:
    """All that the workspace holds."""

    mains: tuple[Main, ...]
    packages: Mapping[str, int]
    library: int = 1  # in a module of its own, found by go.work alone
    common: Mapping[str, int] = field(default_factory=lambda: {"one": 1, "two": 2})  # where symlinks point
    link: str = "one"  # the one that the symlink points to
    note: int = 1  # in the embedded file
    note_file: str = "note.txt"
    header: int = 1  # in a header of another folder, which assembly includes
    tagged: bool = False  # built with -tags=beta
    optional: str = "extra.go"  # name of the file that may be for another platform, for tests, for nobody
    broken: str = ""  # what keeps it from compiling


FIRST = Model(
    mains=(
        Main(folder="cmd/api", imports=("ash", "elm"), number=1),
        Main(folder="cmd/job", imports=("elm",), number=2),
        Main(folder="cmd/web", imports=("fir",), number=3),
    ),
    packages={"ash": 1, "elm": 2, "fir": 3},
)


def files(model: Model) -> dict[str, str]:
    """Every file by its path."""
    found = {
        "go.mod": f"module {MODULE}\n\ngo 1.26\n",
        "go.work": "go 1.26\n\nuse .\n\nuse ./lib\n",
        "gobake.yaml": "name: ever\n" + ("defaults:\n  build_tags: [beta]\n" if model.tagged else ""),
        "lib/go.mod": "module example.com/lib\n\ngo 1.26\n",
        "lib/lib.go": f"package lib\n\nconst Number = {10_000 + model.library}\n",
        "include/number.h": f"#define NUMBER {10_000 + model.header}\n",
        **_base(model),
    }
    for name, number in model.packages.items():
        found[f"internal/{name}/{name}.go"] = (
            f'package {name}\n\nimport "{MODULE}/internal/base"\n\n'
            f'func Say() string {{ return base.Say() + " package {number:04d}" }}\n'
        )
    for name, number in model.common.items():
        found[f"_common/{name}.go"] = f'package main\n\nconst common = "common {number:04d}"\n'
    for main in model.mains:
        found[f"{main.folder}/main.go"] = _main(main)
        up = "../" * (main.folder.count("/") + 1)
        found[f"{main.folder}/common.go"] = f"{LINK}{up}_common/{model.link}.go"
    return {**found, **_broken(model)}


def _main(main: Main) -> str:
    paths = sorted([f"{MODULE}/internal/{name}" for name in main.imports] + ["example.com/lib"])
    imports = "".join(f'\t"{path}"\n' for path in paths)
    said = ", ".join(f"{name}.Say()" for name in main.imports)
    return (
        f"package main\n\nimport (\n{imports})\n\n"
        f'func main() {{ println("main {main.number:04d}", common, lib.Number, {said}) }}\n'
    )


def _base(model: Model) -> dict[str, str]:
    """A package with all that is particular: an embedded file, assembly, build tags, levels, names of files."""
    folder = "internal/base"
    return {
        f"{folder}/base.go": 'package base\n\nimport _ "embed"\n\n'
        f'//go:embed {model.note_file}\nvar note string\n\nvar extra = "none"\n\nfunc number() uint64\n\n'
        "func Say() string { return note + tag + level + extra + string(rune(number())) }\n",
        f"{folder}/{model.note_file}": f"note {model.note:04d} ",
        f"{folder}/base.s": '#include "textflag.h"\n#include "../../include/number.h"\n\n'
        "TEXT ·number(SB), NOSPLIT, $0-8\n\tMOVQ $NUMBER, AX\n\tMOVQ AX, ret+0(FP)\n\tRET\n",
        f"{folder}/beta.go": '//go:build beta\n\npackage base\n\nconst tag = "beta "\n',
        f"{folder}/main.go": '//go:build !beta\n\npackage base\n\nconst tag = "main "\n',
        f"{folder}/fast.go": '//go:build amd64.v2\n\npackage base\n\nconst level = "fast "\n',
        f"{folder}/slow.go": '//go:build !amd64.v2\n\npackage base\n\nconst level = "slow "\n',
        f"{folder}/{model.optional}": 'package base\n\nfunc init() { extra = "more" }\n',
    }


BREAKS = ("syntax", "undefined", "import", "embed", "unused")


def _broken(model: Model) -> dict[str, str]:
    main = model.mains[0]
    path, text = f"{main.folder}/main.go", _main(main)
    return {
        "": {},
        "syntax": {path: text.replace("func main()", "func main(")},
        "undefined": {path: text.replace("common,", "commom,")},
        "import": {path: text.replace('"example.com/lib"', '"example.com/lab"')},
        "embed": {
            "internal/base/other.go": 'package base\n\nimport _ "embed"\n\n//go:embed absent.txt\nvar _ string\n'
        },
        "unused": {"internal/base/other.go": "package base\n\nfunc unused() { left := 1 }\n"},
    }[model.broken]
