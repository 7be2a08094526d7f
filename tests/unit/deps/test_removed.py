"""Imports are really removed from little projects, and Go lists what is left: exactly what was predicted is gone."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from gobake.deps.account import Account, Known, account
from gobake.deps.built import Built
from gobake.deps.costs import Costs
from gobake.deps.gathering import gather, ignored
from gobake.deps.licences import Licences
from gobake.model import Platform
from gobake.plan.discover import open_project
from gobake.plan.request import ProjectRequest
from tests.conftest import Tree

STANDARD = ("errors", "sort", "bytes", "encoding/hex", "unicode/utf16", "container/list", "text/scanner", "bufio")
HERE = Platform.parse("linux/amd64")


def listed(root: Path) -> tuple[Built, ...]:
    opened = open_project(ProjectRequest(directory=root))
    go = shutil.which("go")
    assert go
    return gather(opened.tree.layout, [(one, (HERE,)) for one in opened.project.services], go, fetch=False)


def accounted(builds: tuple[Built, ...]) -> Account:
    return account("p", builds, Known(costs=Costs(), licences=lambda _module, _folder: Licences()))


def source(name: str, imports: list[str]) -> str:
    body = "\nfunc main() {}\n" if name == "main" else ""
    return f"package {name}\n\n" + "".join(f'import _ "{one}"\n' for one in imports) + body


def project(seed: int) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the files of a random project with six modules, and the imports of its own packages by file."""
    chance = random.Random(seed)
    modules = [f"example.org/m{at}" for at in range(6)]
    packages = [f"{module}/{name}" for module in modules for name in ("a", "b")]
    files: dict[str, str] = {}
    for module in modules:
        files[f"mods/{module[-2:]}/go.mod"] = f"module {module}\n\ngo 1.21\n"
    for at, package in enumerate(packages):
        module, _, name = package.rpartition("/")
        imports = [one for one in packages[at + 1 :] if chance.random() < 0.15]
        files[f"mods/{module[-2:]}/{name}/x.go"] = source(name, [*imports, chance.choice(STANDARD)])
    own = {
        file: sorted(chance.sample(packages, chance.randint(1, 4)))
        for file in ("cmd/one/main.go", "cmd/two/main.go", "lib/lib.go")
    }
    own["cmd/one/main.go"].append("example.com/p/lib")
    files |= {file: source("lib" if "lib" in file else "main", imports) for file, imports in own.items()}
    requires = "".join(f"require {m} v0.0.0\nreplace {m} => ./mods/{m[-2:]}\n" for m in modules)
    files["go.mod"] = f"module example.com/p\n\ngo 1.21\n\n{requires}"
    return files, own


@pytest.mark.parametrize("seed", range(6))
def test_what_is_predicted_is_gone_and_nothing_else(tree: Tree, seed: int) -> None:
    files, own = project(seed)
    (before,) = listed(tree(files, f"before{seed}"))
    assert {package.path for package in before.linked.packages} == before.graph.packages
    found = accounted((before,))
    chosen = [module for module in found.modules if module.direct][:2]
    assert chosen
    for module in chosen:
        left = {
            file: source(
                "lib" if "lib" in file else "main", [i for i in imports if not i.startswith(module.path + "/")]
            )
            for file, imports in own.items()
        }
        (after,) = listed(tree({**files, **left}, f"without{seed}{module.path[-2:]}"))
        assert before.graph.packages - after.graph.packages == before.graph.gone_without(module.path)
        if module.without:
            assert module.path not in {one.path for one in after.linked.modules}
            assert module.without.packages == len(before.graph.gone_without(module.path))
        else:
            assert module.needed_by in {one.path for one in after.linked.modules}
            assert after.graph.held(module.path) == module.held


SERVICES: Mapping[str, str] = {
    "go.mod": "module example.com/p\n\ngo 1.21\n\n"
    + "".join(f"require example.org/{m} v0.0.0\nreplace example.org/{m} => ./{m}\n" for m in ("x", "y", "z")),
    "cmd/one/main.go": source("main", ["example.org/x", "example.org/y"]),
    "cmd/two/main.go": source("main", ["example.org/z"]),
    "x/go.mod": "module example.org/x\n\ngo 1.21\n\nrequire example.org/z v0.0.0\n\nreplace example.org/z => ../other\n",
    "x/x.go": source("x", ["example.org/z/v"]),
    "y/go.mod": "module example.org/y\n\ngo 1.21\n",
    "y/y.go": source("y", ["encoding/hex"]),
    "z/go.mod": "module example.org/z\n\ngo 1.21\n",
    "z/z.go": source("z", []),
    "z/v/v.go": source("v", []),
}


def test_modules_tell_who_carries_and_who_needs_them(tree: Tree) -> None:
    builds = listed(tree(SERVICES))
    found = accounted(builds)
    modules = {module.path: module for module in found.modules}
    x, y, z = (modules[f"example.org/{name}"] for name in "xyz")
    assert (x.services, y.services, z.services) == (("one",), ("one",), ("one", "two"))
    assert x.without
    assert (x.without.packages, x.without.modules) == (2, ())  # z/v goes too; another service imports z
    assert y.without
    assert (y.without.standard > 0, y.without.modules) == (True, ())
    assert z.without is None
    assert (z.needed_by, z.held) == ("example.org/x", ("example.com/p/cmd/one", "example.org/x", "example.org/z/v"))
    assert all(module.direct and module.by.startswith("./") for module in found.modules)
    assert found.imports == {"one": ("example.org/x", "example.org/y"), "two": ("example.org/z",)}
    (one,) = ignored(builds)  # Go does not read replace lines of dependencies
    assert (one.of, one.module, one.by) == ("example.org/x", "example.org/z", "../other")
