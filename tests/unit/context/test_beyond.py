"""Links, headers, libraries, embedded files: what the build reads although no list of Go's has it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gobake.context.admitted import admitted
from gobake.context.entries import Admitted
from gobake.errors import ProjectError
from gobake.model import Platform
from gobake.plan.discover import open_project
from gobake.plan.request import ProjectRequest
from gobake.targets.matrix import Selection, select
from tests.conftest import Tree

AMD64 = Platform(os="linux", arch="amd64")
MOD = "module example.com/app\n\ngo 1.24\n"
MAIN = "package main\n\nfunc main() {}\n"
CGO = 'defaults: {strategy: debian-slim, build_env: {CGO_ENABLED: "1"}}\n'


def look(root: Path, *services: str) -> Admitted:
    opened = open_project(ProjectRequest(directory=root, platforms=(AMD64,)))
    return admitted(opened.project, select(opened.project, Selection(services=services), (AMD64,)), opened.tree)


def sources(root: Path, *services: str) -> list[str]:
    return [entry.path for entry in look(root, *services).sources]


def source_of(found: Admitted, path: str) -> str:
    return next(entry.source for entry in (*found.sources, *found.files) if entry.path == path)


# ---- files that Go compiles for another platform


ASSEMBLY = "go s h syso"
WITH_CGO = "S sx c cc cpp cxx hh hpp hxx m f F for f90 swig swigcxx"


@pytest.mark.parametrize(
    ("imports", "enter"), [('import "C"\n\n', f"{ASSEMBLY} {WITH_CGO}"), ("", ASSEMBLY)], ids=["with cgo", "without"]
)
def test_whatever_go_may_compile_of_a_package_enters(imports: str, enter: str, tree: Tree) -> None:
    """go/build, Package: the files of a package by their endings."""
    kinds = f"{ASSEMBLY} {WITH_CGO} txt".split()
    others = {f"x_windows.{kind}": "package main\n" if kind == "go" else "" for kind in kinds}
    main = f"package main\n\n{imports}func main() {{}}\n"
    root = tree({"go.mod": MOD, "main.go": main, "gobake.yaml": CGO, **others})
    assert sources(root) == sorted(["go.mod", "main.go", *(f"x_windows.{kind}" for kind in enter.split())])


# ---- links


def test_a_linked_source_is_what_it_leads_to_wherever_that_lies(tree: Tree) -> None:
    root = tree(
        {"go.mod": MOD, "cmd/b/main.go": MAIN, "_common/flags.go": "package main\n", "other/x.go": "package other\n"}
    )
    (root / "cmd/b/flags.go").symlink_to("../../_common/flags.go")
    (root / "cmd/b/absolute.go").symlink_to(root / "_common/flags.go")
    found = look(root)
    assert [e.path for e in found.sources] == ["cmd/b/absolute.go", "cmd/b/flags.go", "cmd/b/main.go", "go.mod"]
    assert source_of(found, "cmd/b/flags.go") == str(root / "_common/flags.go")


def test_a_module_may_lie_behind_a_link(tree: Tree) -> None:
    work = "go 1.24\n\nuse (\n\t./app\n\t./lib\n)\n"
    lib = {"real/lib/go.mod": "module example.com/lib\n\ngo 1.24\n", "real/lib/lib.go": "package lib\n"}
    main = 'package main\n\nimport _ "example.com/lib"\n\nfunc main() {}\n'
    root = tree({"go.work": work, "app/go.mod": MOD, "app/main.go": main, **lib})
    (root / "lib").symlink_to("real/lib")
    found = look(root)
    assert source_of(found, "lib/go.mod") == str(root / "real/lib/go.mod")


def test_a_link_out_of_the_context_is_named_with_its_end(tree: Tree, tmp_path: Path) -> None:
    root = tree({"go.mod": MOD, "main.go": MAIN})
    (tmp_path / "outside.go").write_text("package main\n")
    (root / "x.go").symlink_to(tmp_path / "outside.go")
    with pytest.raises(
        ProjectError, match=r"x\.go: is a symbolic link that leads out .* to .*/outside\.go; replace it by a copy"
    ):
        look(root)


def test_a_link_out_of_the_context_that_go_passes_over_is_no_error(tree: Tree, tmp_path: Path) -> None:
    root = tree({"go.mod": MOD, "main.go": MAIN})
    (tmp_path / "outside.go").write_text("package main\n")
    (root / "x_windows.go").symlink_to(tmp_path / "outside.go")
    (root / "x_test.go").symlink_to(tmp_path / "outside.go")
    (root / "notes.txt").symlink_to("/etc/hostname")
    assert sources(root) == ["go.mod", "main.go"]


def test_extra_files_are_followed_inside_of_folders_too(tree: Tree) -> None:
    yaml = "services: {app: {files: ['config/current.toml:/etc/app.toml', 'web:/srv/web']}}\n"
    root = tree(
        {
            "go.mod": MOD,
            "main.go": MAIN,
            "gobake.yaml": yaml,
            "config/prod.toml": "p",
            "web/a.html": "",
            "assets/logo.svg": "l",
        }
    )
    (root / "config/current.toml").symlink_to("prod.toml")
    (root / "web/logo.svg").symlink_to("../assets/logo.svg")
    (root / "web/assets").symlink_to("../assets")
    (root / "web/empty").mkdir()
    found = look(root)
    assert [e.path for e in found.files] == [
        "config/current.toml",
        "web/a.html",
        "web/assets/logo.svg",
        "web/empty",
        "web/logo.svg",
    ]
    assert source_of(found, "web/assets/logo.svg") == str(root / "assets/logo.svg")
    assert not any(e.path.startswith("web") for e in found.sources)


def test_a_folder_that_a_link_puts_into_itself_is_refused(tree: Tree) -> None:
    root = tree(
        {"go.mod": MOD, "main.go": MAIN, "gobake.yaml": "services: {app: {files: ['web:/web']}}\n", "web/a": ""}
    )
    (root / "web/again").symlink_to(".")
    with pytest.raises(ProjectError, match=r"web/again: is a symbolic link to one of its parent folders"):
        look(root)


# ---- embedded


def test_what_is_embedded_is_read_as_go_reads_it(tree: Tree) -> None:
    main = 'package main\n\nimport "embed"\n\n//go:embed p/\\[slug\\].html "größe.txt" all:hidden dir *.sql\nvar f embed.FS\n\nfunc main() {}\n'
    root = tree(
        {
            "go.mod": MOD,
            "main.go": main,
            "p/[slug].html": "",
            "p/s.html": "",
            "größe.txt": "",
            "hidden/.env": "",
            "hidden/_x": "",
            "hidden/.git/config": "",
            "dir/a.css": "",
            "dir/.b": "",
            "dir/_c": "",
            "dir/inner/go.mod": "module example.com/inner\n",
            "dir/deep/d_test.go": "package d\n",
            "one.sql": "",
            "deep/two.sql": "",
        }
    )
    assert sources(root) == [
        "dir/a.css",
        "dir/deep/d_test.go",
        "go.mod",
        "größe.txt",
        "hidden/.env",
        "hidden/_x",
        "main.go",
        "one.sql",
        "p/[slug].html",
    ]


def test_an_embedded_file_that_is_new_is_seen_although_no_go_file_changed(tree: Tree) -> None:
    main = 'package main\n\nimport "embed"\n\n//go:embed dir\nvar f embed.FS\n\nfunc main() {}\n'
    root = tree({"go.mod": MOD, "main.go": main, "dir/a": ""})
    assert "dir/b" not in sources(root)
    (root / "dir/b").write_text("")
    assert "dir/b" in sources(root)


def test_a_link_that_go_refuses_to_embed_stays_one(tree: Tree) -> None:
    main = 'package main\n\nimport _ "embed"\n\n//go:embed x.txt\nvar x string\n\nfunc main() {}\n'
    root = tree({"go.mod": MOD, "main.go": main, "real.txt": ""})
    (root / "x.txt").symlink_to("real.txt")
    assert next(e for e in look(root).sources if e.path == "x.txt").link == "real.txt"


# ---- headers and libraries


def test_headers_of_other_folders_are_found_from_header_to_header(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": MOD,
            "main.go": 'package main\n\nimport _ "example.com/app/field"\n\nfunc main() {}\n',
            "field/add.go": "package field\n\nfunc Add(a, b int64) int64\n",
            "field/add_amd64.s": '#include "textflag.h"\n#include "../asmconst/constants_amd64.h"\n',
            "asmconst/constants_amd64.h": '#include "deep/more.h"\n',
            "asmconst/deep/more.h": '#include "../body.s"\n',
            "asmconst/body.s": "",
            "asmconst/unused.h": "",
        }
    )
    assert sources(root) == [
        "asmconst/body.s",
        "asmconst/constants_amd64.h",
        "asmconst/deep/more.h",
        "field/add.go",
        "field/add_amd64.s",
        "field/gobake_headers.h",
        "go.mod",
        "main.go",
    ]


def test_an_edit_of_such_a_header_makes_the_package_another_one_to_go(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": MOD,
            "main.go": MAIN,
            "x.s": '#include "c/x.h"\n',
            "c/x.h": "#define A 1\n",
            "other/y.go": "package y\n",
        }
    )
    mark = [e.text for e in look(root).sources if e.path == "gobake_headers.h"]
    assert len(mark) == 1
    assert [e.text for e in look(root).sources if e.path == "gobake_headers.h"] == mark
    (root / "c/x.h").write_text("#define A 2\n")
    assert [e.text for e in look(root).sources if e.path == "gobake_headers.h"] != mark


def test_a_package_whose_headers_go_lists_is_given_no_mark(tree: Tree) -> None:
    root = tree(
        {"go.mod": MOD, "main.go": MAIN, "x.s": '#include "x.h"\n#include "textflag.h"\n', "x.h": "", "x_arm64.s": ""}
    )
    assert sources(root) == ["go.mod", "main.go", "x.h", "x.s", "x_arm64.s"]


def test_cgo_flags_lead_to_folders_and_libraries_of_the_tree(tree: Tree) -> None:
    cgo = (
        "package main\n\n"
        "// #cgo CFLAGS: -I${SRCDIR}/../../native/include -Iown\n"
        "// #cgo LDFLAGS: -L${SRCDIR}/../../native/lib -lfoo ${SRCDIR}/bar.a -Wl,--version-script=${SRCDIR}/x.map\n"
        '// #include <foo.h>\nimport "C"\n\nfunc main() {}\n'
    )
    root = tree(
        {
            "go.mod": MOD,
            "gobake.yaml": CGO,
            "cmd/app/main.go": cgo,
            "cmd/app/bar.a": "",
            "cmd/app/x.map": "",
            "cmd/app/own/o.h": "",
            "cmd/app/notes.txt": "",
            "native/include/foo.h": '#include "sub/s.h"\n',
            "native/include/sub/s.h": "",
            "native/include/readme.md": "",
            "native/lib/libfoo.a": "",
            "native/lib/libfoo.so.1": "",
            "native/lib/notes.txt": "",
        }
    )
    assert sources(root) == [
        "cmd/app/bar.a",
        "cmd/app/gobake_headers.h",
        "cmd/app/gobake_libraries.go",
        "cmd/app/main.go",
        "cmd/app/own/o.h",
        "cmd/app/x.map",
        "go.mod",
        "native/include/foo.h",
        "native/include/sub/s.h",
        "native/lib/libfoo.a",
        "native/lib/libfoo.so.1",
    ]


def test_a_header_whose_folder_only_a_compiler_knows_is_looked_for_by_its_path(tree: Tree) -> None:
    cgo = 'package main\n\n// #include "proto/wire.h"\nimport "C"\n\nfunc main() {}\n'
    root = tree(
        {
            "go.mod": MOD,
            "gobake.yaml": CGO,
            "main.go": cgo,
            "third/include/proto/wire.h": "",
            "node_modules/proto/wire.h": "",
        }
    )
    assert "third/include/proto/wire.h" in sources(root)
    assert "node_modules/proto/wire.h" not in sources(root)


def test_what_was_included_by_hand_is_keyed_for_packages_with_c_or_assembly_alone(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": MOD,
            "gobake.yaml": "include: [hand.inc, plain]\n",
            "main.go": 'package main\n\nimport _ "example.com/app/asm"\n\nfunc main() {}\n',
            "asm/asm.go": "package asm\n",
            "asm/asm_amd64.s": "",
            "hand.inc": "1",
            "plain/x": "",
        }
    )
    marks = [(e.path, e.text) for e in look(root).sources if e.text]
    assert [path for path, _ in marks] == ["asm/gobake_headers.h"]
    (root / "hand.inc").write_text("2")
    assert [(e.path, e.text) for e in look(root).sources if e.text] != marks
    assert {"hand.inc", "plain/x"} <= set(sources(root))


def test_a_root_of_includes_around_the_package_is_not_taken_whole(tree: Tree) -> None:
    cgo = 'package main\n\n// #cgo CFLAGS: -I${SRCDIR}/..\n// #include "lib/a.h"\nimport "C"\n\nfunc main() {}\n'
    root = tree({"go.mod": MOD, "gobake.yaml": CGO, "cmd/main.go": cgo, "lib/a.h": "", "lib/b.h": "", "web/c.h": ""})
    assert [path for path in sources(root) if path.endswith(".h")] == ["cmd/gobake_headers.h", "lib/a.h"]


# ---- the rest


def test_a_profile_and_files_that_goflags_name_are_read(tree: Tree) -> None:
    yaml = "defaults: {build_env: {GOFLAGS: '-modfile=tools/alt.mod -pgo=x/cpu.pgo'}}\n"
    root = tree(
        {
            "go.mod": MOD,
            "main.go": MAIN,
            "default.pgo": "",
            "gobake.yaml": yaml,
            "tools/alt.mod": MOD,
            "tools/alt.sum": "",
            "x/cpu.pgo": "",
        }
    )
    assert sources(root) == ["default.pgo", "go.mod", "main.go", "tools/alt.mod", "tools/alt.sum", "x/cpu.pgo"]


def test_what_an_overlay_puts_in_the_place_of_files_is_read(tree: Tree) -> None:
    yaml = "defaults: {build_env: {GOFLAGS: -overlay=o.json}}\n"
    overlay = '{"Replace": {"main.go": "alt/main.go.txt", "x.go": ""}}'
    root = tree({"go.mod": MOD, "main.go": MAIN, "gobake.yaml": yaml, "o.json": overlay, "alt/main.go.txt": MAIN})
    assert sources(root) == ["alt/main.go.txt", "go.mod", "main.go", "o.json"]


def test_folders_that_go_never_reads_are_not_entered(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    many = {f"web/node_modules/m{n}/index.js": "" for n in range(40)}
    main = 'package main\n\nimport _ "example.com/app/web"\n\nfunc main() {}\n'
    web = 'package web\n\nimport "embed"\n\n//go:embed dist/*.js\nvar F embed.FS\n'
    root = tree({"go.mod": MOD, "cmd/main.go": main, "web/web.go": web, "web/dist/a.js": "", "pgdata/x": "", **many})
    opened = open_project(ProjectRequest(directory=root, platforms=(AMD64,)))
    matrix = select(opened.project, Selection(), (AMD64,))
    listed: list[str] = []
    listdir = os.listdir

    def noted(folder: str) -> list[str]:
        listed.append(folder)
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", noted)
    admitted(opened.project, matrix, opened.tree)
    assert {os.path.relpath(folder, root) for folder in listed} == {"cmd", "web", "web/dist"}


@pytest.mark.parametrize(
    "name", ["Order Service", "a,b", "it's", "[x]", "$HOME", "übung", 'say "hi"', "-dash", "a\\b", "#!x"]
)
def test_folders_of_any_name_are_admitted(tree: Tree, name: str) -> None:
    root = tree({f"{name}/go.mod": MOD, f"{name}/main.go": MAIN, f"{name}/sub/x.h": ""})
    assert sources(root) == [f"{name}/go.mod", f"{name}/main.go"]


def test_whoever_looks_for_changes_enters_no_node_modules(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree({"go.mod": MOD, "cmd/main.go": MAIN, "web/node_modules/m/index.js": ""})
    entered: list[str] = []
    scandir = os.scandir

    def noted(folder: str) -> object:
        entered.append(str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", noted)
    look(root)
    assert str(root / "cmd") in entered
    assert not [folder for folder in entered if "node_modules" in folder]
