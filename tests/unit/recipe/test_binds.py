"""What each compile stage mounts where modules are compiled apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gobake.model import Platform
from gobake.plan.discover import open_project
from gobake.plan.request import ProjectRequest
from gobake.recipe.binds import binds, covering
from gobake.targets.matrix import Selection, select
from tests.conftest import Tree

AMD64 = Platform(os="linux", arch="amd64")
MAIN = "package main\n\nfunc main() {}\n"
NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


def files_only(paths: set[str]) -> set[str]:
    """Without paths that others lie below: those are folders."""
    return {p for p in paths if not any(other.startswith(f"{p}/") for other in paths)}


@given(st.sets(PATHS), st.sets(PATHS))
def test_a_cover_holds_all_that_is_wanted_and_nothing_else(wanted: set[str], others: set[str]) -> None:
    every = files_only(wanted | others)
    wanted &= every
    found = covering(wanted, every)
    if not found:
        return
    inside = {path for path in every if any(path == at or path.startswith(f"{at}/") for at in found)}
    assert inside == wanted
    assert len(found) <= len(wanted)


def test_the_outermost_folder_that_is_its_own_is_mounted() -> None:
    every = {"go.mod", "main.go", "api/go.mod", "api/main.go", "api/x/x.go", "lib/go.mod", "lib/lib.go"}
    assert covering({"api/go.mod", "api/main.go", "api/x/x.go"}, every) == ("api",)
    assert covering({"go.mod", "main.go"}, every) == ("go.mod", "main.go")
    assert covering({"api/main.go", "lib/lib.go"}, {"api/main.go", "lib/lib.go", "x"}) == ("api", "lib")
    assert covering(every, every) == ()  # all of the context


def test_a_module_is_mounted_with_what_it_replaces_and_without_the_others(tree: Tree) -> None:
    root = tree(
        {
            "lib/go.mod": "module example.com/lib\n\ngo 1.26\n",
            "lib/lib.go": "package lib\n",
            "one, two/go.mod": "module example.com/one\n\ngo 1.26\n\nrequire example.com/lib v0.0.0\n\n"
            "replace example.com/lib => ../lib\n",
            "one, two/main.go": 'package main\n\nimport _ "example.com/lib"\n\nfunc main() {}\n',
            "other/go.mod": "module example.com/other\n\ngo 1.26\n",
            "other/main.go": MAIN,
        }
    )
    opened = open_project(ProjectRequest(directory=root, platforms=(AMD64,)))
    matrix = select(opened.project, Selection(), (AMD64,))
    assert binds(opened.project, matrix, opened.tree, "/src") == {
        "one, two": (
            "type=bind,source=lib,target=/src/lib,rw",
            'type=bind,\\"source=one,\\ two\\",\\"target=/src/one,\\ two\\",rw',
        ),
        "other": ("type=bind,source=other,target=/src/other,rw",),
    }


def test_one_module_has_all_of_the_context(tree: Tree) -> None:
    opened = open_project(
        ProjectRequest(
            directory=tree({"go.mod": "module example.com/x\n\ngo 1.26\n", "main.go": MAIN}), platforms=(AMD64,)
        )
    )
    matrix = select(opened.project, Selection(), (AMD64,))
    assert binds(opened.project, matrix, opened.tree, "/src") == {".": ("type=bind,target=/src,rw",)}
