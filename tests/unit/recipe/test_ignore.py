"""The ignore file: it admits what the build reads, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath

import pytest

from gobake import recipe
from gobake.model import Platform
from gobake.plan.discover import open_project
from gobake.plan.request import ProjectRequest
from gobake.targets.matrix import Selection, select
from tests.conftest import Tree

AMD64 = Platform(os="linux", arch="amd64")
MAIN = "package main\n\nfunc main() {}\n"


def mod(path: str, *lines: str) -> str:
    return "\n".join([f"module {path}", "", "go 1.21", *lines, ""])


def ignore_file(root: Path, *services: str) -> str:
    opened = open_project(ProjectRequest(directory=root, platforms=(AMD64,)))
    matrix = select(opened.project, Selection(services=services, every_strategy=True), (AMD64,))
    return recipe.render(opened.project, matrix, opened.tree).ignore


def admits(text: str, path: str) -> bool:
    """As moby's patternmatcher: a line matches a path or a folder above it, and the last line that matches wins."""
    inside = False
    for line in text.splitlines():
        if line and not line.startswith("#"):
            pattern = re.compile(_expression(line.removeprefix("!")))
            if any(pattern.fullmatch(str(p)) for p in (PurePosixPath(path), *PurePosixPath(path).parents[:-1])):
                inside = line.startswith("!")
    return inside


def _expression(pattern: str) -> str:
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]]*\]|\\.|.", pattern)
    return "".join(words.get(p, p if p[0] in "\\[" and len(p) > 1 else re.escape(p)) for p in parts)


def admitted(root: Path, text: str) -> list[str]:
    files = (f.relative_to(root).as_posix() for f in root.rglob("*") if f.is_file())
    return sorted(f for f in files if admits(text, f))


def test_only_what_the_service_is_made_of_enters_the_build(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/app"),
            "go.sum": "",
            "README.md": "",
            ".env": "SECRET=1",
            ".git/config": "",
            "cmd/api/main.go": 'package main\n\nimport _ "example.com/app/internal/store"\n\nfunc main() {}\n',
            "cmd/api/main_test.go": "package main\n",
            "cmd/api/notes.txt": "",
            "cmd/other/main.go": MAIN,
            "internal/store/store.go": "package store\n",
            "internal/store/fast_arm64.s": "",
            "internal/store/store_test.go": "package store\n",
            "internal/unused/unused.go": "package unused\n",
        }
    )
    assert admitted(root, ignore_file(root, "api")) == [
        "cmd/api/main.go",
        "go.mod",
        "go.sum",
        "internal/store/fast_arm64.s",
        "internal/store/store.go",
    ]


def test_embedded_files_and_folders_enter_it_even_where_they_look_like_tests(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/app"),
            "cmd/web/main.go": 'package main\n\nimport "embed"\n\n//go:embed hello.txt static/*.css all:pages\n'
            "var files embed.FS\n\nfunc main() {}\n",
            "cmd/web/hello.txt": "",
            "cmd/web/static/a.css": "",
            "cmd/web/static/a.map": "",
            "cmd/web/pages/_draft/x.html": "",
            "cmd/web/pages/sample_test.go": "",
            "hello.txt": "",
        }
    )
    assert admitted(root, ignore_file(root)) == [
        "cmd/web/hello.txt",
        "cmd/web/main.go",
        "cmd/web/pages/_draft/x.html",
        "cmd/web/pages/sample_test.go",
        "cmd/web/static/a.css",
        "go.mod",
    ]


def test_a_package_in_the_root_brings_its_own_folder_and_not_those_below(tree: Tree) -> None:
    root = tree({"go.mod": mod("example.com/app"), "main.go": MAIN, "deep/x.go": "package deep\n", "c.c": ""})
    assert admitted(root, ignore_file(root)) == ["go.mod", "main.go"]


def test_c_sources_enter_where_cgo_compiles_them(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/app"),
            "main.go": 'package main\n\nimport "C"\n\nfunc main() {}\n',
            "fast.c": "",
            "fast.hpp": "",
            "gobake.yaml": "defaults: {strategy: debian-slim, build_env: {CGO_ENABLED: 1}}\n",
        }
    )
    assert admitted(root, ignore_file(root)) == ["fast.c", "fast.hpp", "go.mod", "main.go"]


def test_every_module_file_of_a_workspace_enters_as_go_reads_them_all(tree: Tree) -> None:
    root = tree(
        {
            "go.work": "go 1.21\n\nuse ./a\nuse ./b\n",
            "go.work.sum": "",
            "a/go.mod": mod("example.com/a"),
            "a/main.go": MAIN,
            "b/go.mod": mod("example.com/b"),
            "b/go.sum": "",
            "b/main.go": MAIN,
        }
    )
    assert admitted(root, ignore_file(root, "a")) == [
        "a/go.mod",
        "a/main.go",
        "b/go.mod",
        "b/go.sum",
        "go.work",
        "go.work.sum",
    ]


def test_the_vendor_folder_enters_whole(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/app", "require example.com/lib v1.0.0"),
            "main.go": 'package main\n\nimport _ "example.com/lib"\n\nfunc main() {}\n',
            "vendor/modules.txt": "# example.com/lib v1.0.0\n## explicit; go 1.21\nexample.com/lib\n",
            "vendor/example.com/lib/lib.go": "package lib\n",
        }
    )
    assert admitted(root, ignore_file(root)) == [
        "go.mod",
        "main.go",
        "vendor/example.com/lib/lib.go",
        "vendor/modules.txt",
    ]


def test_only_the_build_roots_of_the_selected_services_enter(tree: Tree) -> None:
    root = tree(
        {"a/go.mod": mod("example.com/a"), "a/main.go": MAIN, "b/go.mod": mod("example.com/b"), "b/main.go": MAIN}
    )
    assert admitted(root, ignore_file(root, "b")) == ["b/go.mod", "b/main.go"]


OUTSIDE = {
    "lib/go.mod": mod("example.com/lib"),
    "lib/lib.go": "package lib\n",
    "lib/README.md": "",
    "app/go.mod": mod("example.com/app", "require example.com/lib v0.0.0", "replace example.com/lib => ../lib"),
    "app/main.go": 'package main\n\nimport _ "example.com/lib"\n\nfunc main() {}\n',
}


def test_a_replaced_module_beside_the_project_enters(tree: Tree) -> None:
    root = tree({**OUTSIDE, "other/secret.go": "package other\n"})
    assert admitted(root, ignore_file(root / "app")) == ["app/go.mod", "app/main.go", "lib/go.mod", "lib/lib.go"]


def test_extra_files_and_included_patterns_enter(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/app"),
            "cmd/app/main.go": MAIN,
            "config/app.toml": "",
            "config/other.toml": "",
            "schema/a/x.graphql": "",
            "schema/a/x.txt": "",
            "gobake.yaml": "include: [schema/**/*.graphql]\nservices: {app: {files: ['config/app.toml:/etc/app.toml']}}\n",
        }
    )
    assert admitted(root, ignore_file(root)) == ["cmd/app/main.go", "go.mod", "schema/a/x.graphql"]


def test_a_pattern_of_the_topmost_folder_admits_what_fits_and_no_folder(tree: Tree) -> None:
    files = {"x.graphql": "", "notes.txt": "", "docs/x.graphql": "", "cmd/app/main.go": MAIN, "cmd/app/notes.txt": ""}
    root = tree({"go.mod": mod("example.com/app"), "gobake.yaml": "include: ['*.graphql']\n", **files})
    assert admitted(root, ignore_file(root)) == ["cmd/app/main.go", "go.mod", "x.graphql"]


def test_extra_files_and_patterns_are_the_projects_own_where_the_context_is_wider(tree: Tree) -> None:
    yaml = "include: ['*.graphql']\nservices: {app: {files: ['config:/etc/app']}}\n"
    root = tree(
        {
            **OUTSIDE,
            "app/gobake.yaml": yaml,
            "app/config/a.toml": "",
            "app/x.graphql": "",
            "app/x.md": "",
            "config/b.toml": "",
        }
    )
    entered = admitted(root, ignore_file(root / "app"))
    assert "app/x.md" not in entered
    assert "app/x.graphql" in entered
    assert "app/config/a.toml" not in entered  # another context of the build has it
    opened = open_project(ProjectRequest(directory=root / "app", platforms=(AMD64,)))
    matrix = select(opened.project, Selection(), (AMD64,))
    texts = recipe.render(opened.project, matrix, opened.tree)
    assert 'COPY --from=files ["app/config", "/out/etc/app"]' in texts.dockerfile
    assert json.loads(texts.bake)["target"]["app-scratch"]["contexts"] == {"files": "."}


@pytest.mark.parametrize("name", ["odd[1]", "ex!cl", "ha#sh"])
def test_signs_of_the_ignore_file_in_a_folders_name_mean_themselves(tree: Tree, name: str) -> None:
    root = tree({f"{name}/go.mod": mod("example.com/app"), f"{name}/main.go": MAIN, "odd1/go.mod.txt": ""})
    assert admitted(root, ignore_file(root)) == [f"{name}/go.mod", f"{name}/main.go"]


def test_no_exception_has_a_wildcard_or_bake_would_enter_every_folder(tree: Tree) -> None:
    main = 'package main\n\nimport "embed"\n\n//go:embed pages/*.html *.sql\nvar f embed.FS\n\nfunc main() {}\n'
    yaml = "include: ['schema/*.graphql', 'third/**/x.h']\n"
    root = tree(
        {
            "go.mod": mod("example.com/app"),
            "main.go": main,
            "a.sql": "",
            "pages/a.html": "",
            "pages/a.md": "",
            "cmd/x/main.go": MAIN,
            "schema/a.graphql": "",
            "third/deep/x.h": "",
            "gobake.yaml": yaml,
        }
    )
    text = ignore_file(root)
    assert not [line for line in text.splitlines() if line.startswith("!") and set("*?[") & set(line)]
    assert admitted(root, text) == [
        "a.sql",
        "cmd/x/main.go",
        "go.mod",
        "main.go",
        "pages/a.html",
        "schema/a.graphql",
        "third/deep/x.h",
    ]


def test_a_new_source_of_a_package_is_in_a_build_that_was_rendered_before(tree: Tree) -> None:
    root = tree({"go.mod": mod("example.com/app"), "cmd/x/main.go": MAIN, "cmd/x/big/data": "", "cmd/x/notes.txt": ""})
    text = ignore_file(root)
    (root / "cmd/x/new.go").write_text("package main\n")
    (root / "cmd/x/new_test.go").write_text("package main\n")
    (root / "cmd/x/.env").write_text("SECRET=1")
    assert admitted(root, text) == ["cmd/x/main.go", "cmd/x/new.go", "go.mod"]


def test_a_link_enters_with_what_it_leads_to(tree: Tree) -> None:
    root = tree(
        {"go.mod": mod("example.com/app"), "cmd/x/main.go": MAIN, "_common/y.go": "package main\n", "_common/z.go": ""}
    )
    (root / "cmd/x/y.go").symlink_to("../../_common/y.go")
    assert admitted(root, ignore_file(root)) == ["_common/y.go", "cmd/x/main.go", "cmd/x/y.go", "go.mod"]


def test_the_same_packages_give_the_same_bytes(tree: Tree) -> None:
    files = {"go.mod": mod("example.com/app"), "a/main.go": MAIN, "b/main.go": MAIN, "_c/x.go": ""}
    first = ignore_file(tree(files, name="x/project"))
    assert first == ignore_file(tree(dict(reversed(files.items())), name="y/project"))
    assert first.startswith("# Written by gobake for example-com-app; run `gobake render` again")
