"""What Go says about a tree: packages, main packages, embedded files, and errors with their place."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from gobake.errors import ProjectError
from gobake.gotool import local, modules
from gobake.gotool.asking import Answer, Query, Question, queries, questions
from gobake.gotool.host import host_go
from gobake.gotool.packages import GoTree, Package
from gobake.gotool.reading import read
from gobake.gotool.words import refusal
from gobake.model import BuildOptions, Platform
from tests.conftest import Tree

MAIN = "package main\n\nfunc main() {}\n"
AMD64, ARM64 = Platform(os="linux", arch="amd64"), Platform(os="linux", arch="arm64")


def mod(path: str, *lines: str) -> str:
    return "\n".join([f"module {path}", "", "go 1.21", *lines, ""])


def asked(root: Path, *platforms: Platform, options: tuple[BuildOptions, ...] = ()) -> GoTree:
    go = shutil.which("go")
    assert go
    return local.survey(modules.layout(modules.find_root(root)), queries(platforms or (AMD64,), options), go)


def mains(tree: GoTree) -> list[str]:
    return [p.import_path for p in tree.mains]


def package(tree: GoTree, path: str) -> Package:
    return next(p for p in tree.packages if p.import_path == path)


# ---- which packages there are


def test_a_main_package_in_the_root_is_found(tree: Tree) -> None:
    found = asked(tree({"go.mod": mod("example.com/hello"), "main.go": MAIN}))
    assert mains(found) == ["example.com/hello"]
    assert found.mains[0].directory == PurePosixPath(".")
    assert found.mains[0].build_root == PurePosixPath(".")


def test_what_a_command_with_a_profile_imports_is_found_by_its_path(tree: Tree) -> None:
    """Go names such packages "example.com/guided/work [example.com/guided]"."""
    found = asked(
        tree(
            {
                "go.mod": mod("example.com/guided"),
                "main.go": 'package main\n\nimport _ "example.com/guided/work"\n\nfunc main() {}\n',
                "work/work.go": "package work\n",
                "default.pgo": "",
            }
        )
    )
    assert package(found, "example.com/guided").imports == ("example.com/guided/work",)
    assert [p.import_path for p in found.closure(["example.com/guided"])] == [
        "example.com/guided",
        "example.com/guided/work",
    ]


def test_every_module_of_a_workspace_is_asked(tree: Tree) -> None:
    root = tree(
        {
            "go.work": "go 1.21\n\nuse (\n\t./api\n\t./worker\n)\n",
            "api/go.mod": mod("example.com/api"),
            "api/main.go": MAIN,
            "worker/go.mod": mod("example.com/worker"),
            "worker/cmd/run/main.go": MAIN,
        }
    )
    found = asked(root)
    assert mains(found) == ["example.com/api", "example.com/worker/cmd/run"]
    assert {str(p.build_root) for p in found.mains} == {"."}


def test_a_workspace_whose_module_is_its_own_folder(tree: Tree) -> None:
    root = tree(
        {
            "go.work": "go 1.21\n\nuse .\nuse ./lib\n",
            "go.mod": mod("example.com/app"),
            "main.go": 'package main\n\nimport _ "example.com/lib"\n\nfunc main() {}\n',
            "lib/go.mod": mod("example.com/lib"),
            "lib/lib.go": "package lib\n",
        }
    )
    found = asked(root)
    assert mains(found) == ["example.com/app"]
    assert [p.import_path for p in found.closure(["example.com/app"])] == ["example.com/app", "example.com/lib"]


def replaced_by(target: str) -> dict[str, str]:
    return {
        "go.mod": mod("example.com/app", "require example.com/lib v0.0.0", f"replace example.com/lib => {target}"),
        "main.go": 'package main\n\nimport _ "example.com/lib/deep"\n\nfunc main() {}\n',
    }


LIB = {"go.mod": mod("example.com/lib"), "deep/deep.go": "package deep\n", "cmd/tool/main.go": MAIN}


def test_a_replaced_module_inside_of_the_root_belongs_to_the_tree_and_is_a_module_of_its_own(tree: Tree) -> None:
    root = tree({**replaced_by("./lib"), **{f"lib/{k}": v for k, v in LIB.items()}})
    found = asked(root)
    assert found.layout.context == root.resolve()
    assert [(p.import_path, found.root_of(p).nested) for p in found.mains] == [
        ("example.com/app", False),
        ("example.com/lib/cmd/tool", True),
    ]
    assert [str(p.directory) for p in found.closure(["example.com/app"])] == [".", "lib/deep"]


def test_a_replaced_module_outside_of_the_root_widens_the_context_to_the_common_parent(tree: Tree) -> None:
    root = tree({f"app/{k}": v for k, v in replaced_by("../lib").items()} | {f"lib/{k}": v for k, v in LIB.items()})
    found = asked(root / "app")
    assert found.layout.context == root.resolve()
    assert found.layout.root == (root / "app").resolve()
    assert mains(found) == ["example.com/app"]
    assert str(found.mains[0].directory) == "app"
    assert [str(p.directory) for p in found.closure(["example.com/app"])] == ["app", "lib/deep"]


def test_a_vendored_module_is_read_from_its_vendor_folder(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/app", "require example.com/lib v1.0.0"),
            "main.go": 'package main\n\nimport _ "example.com/lib"\n\nfunc main() {}\n',
            "vendor/modules.txt": "# example.com/lib v1.0.0\n## explicit; go 1.21\nexample.com/lib\n",
            "vendor/example.com/lib/lib.go": "package lib\n",
        }
    )
    found = asked(root)
    assert found.layout.builds[0].vendored
    assert [p.import_path for p in found.packages] == ["example.com/app"]


def test_modules_without_a_common_root_are_built_each_in_their_own_folder(tree: Tree) -> None:
    root = tree(
        {
            "a/go.mod": mod("example.com/a"),
            "a/main.go": MAIN,
            "deep/b/go.mod": mod("example.com/b"),
            "deep/b/cmd/run/main.go": MAIN,
        }
    )
    found = asked(root)
    assert [(p.import_path, str(p.build_root)) for p in found.mains] == [
        ("example.com/a", "a"),
        ("example.com/b/cmd/run", "deep/b"),
    ]


def test_two_modules_of_one_name_are_refused_rather_than_taken_for_one(tree: Tree) -> None:
    root = tree({"a/go.mod": mod("app"), "a/main.go": MAIN, "b/go.mod": mod("app"), "b/main.go": MAIN})
    with pytest.raises(ProjectError, match="a and b are both package app; give their modules names of their own"):
        asked(root)


def test_a_command_of_a_module_that_its_neighbour_replaces_is_still_found(tree: Tree) -> None:
    root = tree({f"app/{k}": v for k, v in replaced_by("../lib").items()} | {f"lib/{k}": v for k, v in LIB.items()})
    found = asked(root)  # neither go.mod nor go.work here: app and lib are built on their own
    assert [(p.import_path, str(p.build_root)) for p in found.mains] == [
        ("example.com/app", "app"),
        ("example.com/lib/cmd/tool", "lib"),
    ]
    assert [p.import_path for p in found.closure(["example.com/app"])] == ["example.com/app", "example.com/lib/deep"]


def test_build_constraints_decide_what_is_a_command(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/app"),
            "cmd/daemon/main.go": "//go:build linux\n\n" + MAIN,
            "cmd/service/main.go": "//go:build windows\n\n" + MAIN,
            "cmd/generate/main.go": "//go:build ignore\n\n" + MAIN,
            "cmd/named/main_windows.go": MAIN,
        }
    )
    assert mains(asked(root)) == ["example.com/app/cmd/daemon"]


def test_a_command_behind_a_build_tag_is_found_where_a_service_sets_the_tag(tree: Tree) -> None:
    root = tree({"go.mod": mod("example.com/app"), "cmd/pro/main.go": "//go:build pro\n\n" + MAIN})
    assert mains(asked(root)) == []
    assert mains(asked(root, options=(BuildOptions(), BuildOptions(tags=("pro",))))) == ["example.com/app/cmd/pro"]


def test_what_different_platforms_import_is_united(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/app"),
            "main.go": MAIN,
            "x_amd64.go": 'package main\n\nimport _ "example.com/app/internal/x86"\n',
            "x_arm64.go": 'package main\n\nimport _ "example.com/app/internal/arm"\n',
            "internal/x86/x.go": "package x86\n",
            "internal/arm/a.go": "package arm\n",
        }
    )
    closure = asked(root, AMD64, ARM64).closure(["example.com/app"])
    assert [str(p.directory) for p in closure] == [".", "internal/arm", "internal/x86"]


def test_internal_packages_belong_to_those_that_import_them(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/app"),
            "cmd/api/main.go": 'package main\n\nimport _ "example.com/app/internal/store"\n\nfunc main() {}\n',
            "internal/store/store.go": 'package store\n\nimport _ "example.com/app/internal/log"\n',
            "internal/log/log.go": "package log\n",
            "internal/unused/unused.go": "package unused\n",
            "internal/tool/main.go": MAIN,
        }
    )
    found = asked(root)
    assert mains(found) == ["example.com/app/cmd/api", "example.com/app/internal/tool"]
    assert [str(p.directory) for p in found.closure(["example.com/app/cmd/api"])] == [
        "cmd/api",
        "internal/log",
        "internal/store",
    ]


def test_folders_that_go_passes_over_hold_no_commands(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/app"),
            "main.go": MAIN,
            "_old/main.go": MAIN,
            ".hidden/main.go": MAIN,
            "testdata/sample/main.go": MAIN,
            "only/only_test.go": 'package only\n\nimport "testing"\n\nfunc TestX(t *testing.T) {}\n',
        }
    )
    assert [p.import_path for p in asked(root).packages] == ["example.com/app"]


def test_imports_of_tests_bring_nothing_into_a_command(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/app"),
            "main.go": MAIN,
            "main_test.go": 'package main\n\nimport _ "example.com/app/internal/fake"\n',
            "internal/fake/fake.go": "package fake\n",
        }
    )
    assert [p.import_path for p in asked(root).closure(["example.com/app"])] == ["example.com/app"]


def test_embedded_files_and_folders_are_told_as_they_are_written(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/app"),
            "main.go": 'package main\n\nimport "embed"\n\n//go:embed hello.txt static/*.css\n//go:embed all:pages\n'
            "var files embed.FS\n\nfunc main() {}\n",
            "hello.txt": "hello",
            "static/a.css": "a",
            "pages/_draft.html": "draft",
        }
    )
    assert package(asked(root), "example.com/app").embeds == ("all:pages", "hello.txt", "static/*.css")


def test_an_embedded_file_that_is_missing_does_not_hide_its_command(tree: Tree) -> None:
    text = 'package main\n\nimport _ "embed"\n\n//go:embed built.js\nvar js string\n\nfunc main() {}\n'
    assert mains(asked(tree({"go.mod": mod("example.com/app"), "main.go": text}))) == ["example.com/app"]


def test_an_import_that_no_module_provides_does_not_hide_its_command(tree: Tree) -> None:
    text = 'package main\n\nimport _ "example.org/not/there"\n\nfunc main() {}\n'
    assert mains(asked(tree({"go.mod": mod("example.com/app"), "main.go": text}))) == ["example.com/app"]


def test_cgo_counts_only_where_it_is_switched_on(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/app"),
            "main.go": MAIN,
            "fast.go": 'package main\n\n// int one(void) { return 1; }\nimport "C"\n',
        }
    )
    on = BuildOptions(env=(("CGO_ENABLED", "1"),))
    assert not package(asked(root), "example.com/app").cgo
    assert package(asked(root, options=(on,)), "example.com/app").cgo


# ---- what Go cannot read


def test_a_file_without_go_in_it_stops_only_its_own_package(tree: Tree) -> None:
    text = 'package main\n\nimport _ "example.com/app/broken"\n\nfunc main() {}\n'
    root = tree({"go.mod": mod("example.com/app"), "main.go": text, "broken/b.go": "// hello\n\npackagemain\n"})
    found = asked(root, AMD64, ARM64)
    assert mains(found) == ["example.com/app"]
    (trouble,) = found.troubles
    assert (trouble.package, trouble.module, str(trouble.directory), trouble.words) == (
        *("example.com/app/broken", "example.com/app", "broken"),
        "b.go:3:1: expected 'package', found packagemain",
    )
    # who imports it brings its files to the compile, which says the same
    assert package(found, "example.com/app/broken").files == ("b.go",)
    assert [p.import_path for p in found.closure(["example.com/app"])] == ["example.com/app", "example.com/app/broken"]


def test_a_file_without_go_in_it_is_an_error_with_file_and_line_where_nothing_else_is(tree: Tree) -> None:
    root = tree({"go.mod": mod("example.com/app"), "broken/main.go": "// hello\n\npackagemain\n"})
    with pytest.raises(ProjectError) as caught:
        asked(root)
    assert caught.value.where
    assert caught.value.where.file == (root / "broken" / "main.go").resolve()
    assert caught.value.where.line == 3
    assert caught.value.what == "expected 'package', found packagemain"


def test_a_command_that_does_not_compile_stays_a_command(tree: Tree) -> None:
    root = tree({"go.mod": mod("example.com/app"), "main.go": "package main\n\nimport (\n  what\n"})
    assert mains(asked(root)) == ["example.com/app"]  # the compile says what is wrong, with all of Go's words


def test_a_go_mod_that_go_refuses_is_an_error_with_file_and_line(tree: Tree) -> None:
    root = tree({"go.mod": mod("example.com/app", "require example.com/lib"), "main.go": MAIN})
    with pytest.raises(ProjectError) as caught:
        asked(root)
    assert caught.value.where
    assert caught.value.where.file == (root / "go.mod").resolve()
    assert caught.value.where.line == 4
    assert "require" in caught.value.what


def test_the_line_that_go_names_is_taken_from_among_its_words() -> None:
    error = refusal(Path("/p"), "go: errors parsing go.mod:\ngo.mod:5:2: unknown directive: foo\n")
    assert str(error) == "/p/go.mod:5:2: unknown directive: foo"


def test_a_refusal_without_a_place_names_the_folder() -> None:
    error = refusal(Path("/p"), "go: something is odd\n")
    assert str(error).startswith("Go cannot read /p: something is odd; ")
    assert "no reason given" in str(refusal(Path("/p"), " \n"))


# ---- questions


def test_equal_questions_are_asked_once() -> None:
    options = (BuildOptions(), BuildOptions(ldflags="-w"), BuildOptions(tags=("pro",)))
    assert len(queries((AMD64, AMD64), options)) == 2
    assert queries((AMD64,), ()) == (Query(platform=AMD64),)


def test_a_question_needs_no_network_and_ignores_the_users_own_settings() -> None:
    env = Query(platform=ARM64, variables=(("CGO_ENABLED", "1"),)).env
    assert env["GOPROXY"] == "off"
    assert env["GOTOOLCHAIN"] == "local"
    assert env["GOENV"] == "off"
    assert (env["GOOS"], env["GOARCH"], env["CGO_ENABLED"]) == ("linux", "arm64", "1")


def test_a_workspace_is_asked_by_its_module_folders(tree: Tree) -> None:
    root = tree(
        {
            "go.work": "go 1.21\n\nuse (\n\t.\n\t./lib\n)\n",
            "go.mod": mod("example.com/a"),
            "lib/go.mod": mod("example.com/b"),
        }
    )
    (question,) = questions(modules.layout(root), [Query(platform=AMD64, tags=("a", "b"))])
    assert question.command[-3:] == ["-tags=a,b", "./...", "./lib/..."]


REPLACED = {
    "app/go.mod": mod(
        "example.com/app",
        "require (",
        "\texample.com/absent v1.0.0",
        "\texample.com/lib v0.0.0",
        ")",
        "replace example.com/lib => ../lib",
    ),
    "app/main.go": 'package main\n\nimport (\n\t"example.com/absent"\n\t"example.com/lib"\n)\n\nfunc main() {}\n',
    "lib/go.mod": mod("example.com/fork", "require example.com/absent v1.0.0"),
    "lib/lib.go": 'package lib\n\nimport _ "example.com/lib/inner"\n',
    "lib/inner/inner.go": 'package inner\n\nimport _ "example.com/absent"\n',
}


@pytest.mark.parametrize("work", ["", "go 1.21\n\nuse ./app\n"], ids=["a module", "a workspace"])
def test_a_replaced_module_is_read_on_a_machine_that_has_none_of_the_other_modules(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, work: str
) -> None:
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "nothing"))
    root = tree({**REPLACED, **({"go.work": work} if work else {})})
    found = asked(root if work else root / "app")
    assert [p.import_path for p in found.packages] == ["example.com/app", "example.com/lib", "example.com/lib/inner"]
    assert mains(found) == ["example.com/app"]
    assert [p.import_path for p in found.closure(["example.com/app"])] == [p.import_path for p in found.packages]


def test_a_go_that_is_too_old_for_the_project_is_not_used(tree: Tree) -> None:
    old = modules.layout(tree({"go.mod": mod("example.com/a")}))
    new = modules.layout(tree({"go.mod": "module example.com/a\n\ngo 1.999\n"}, name="new"))
    assert host_go(old) == shutil.which("go")
    assert host_go(new) is None


def test_a_machine_without_go_has_none(tree: Tree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert host_go(modules.layout(tree({"go.mod": mod("example.com/a")}))) is None


def test_answers_of_a_container_are_told_with_the_hosts_paths(tree: Tree) -> None:
    layout = modules.layout(tree({"go.mod": mod("example.com/a"), "cmd/x/main.go": MAIN}))
    answer = '{"Dir": "/src/cmd/x", "ImportPath": "example.com/a/cmd/x", "Name": "main", "GoFiles": ["main.go"]}\n'
    found = read(
        layout,
        [Answer(question=Question(root=layout.builds[0], query=Query(platform=AMD64)), listed=answer)],
        mounted="/src",
    )
    assert [str(p.directory) for p in found.mains] == ["cmd/x"]


def test_packages_outside_of_the_users_tree_are_left_out(tree: Tree) -> None:
    layout = modules.layout(tree({"go.mod": mod("example.com/a")}))
    answer = '{"Dir": "/usr/lib/go/src/fmt", "ImportPath": "fmt", "Name": "fmt", "GoFiles": ["print.go"]}'
    assert (
        read(
            layout, [Answer(question=Question(root=layout.builds[0], query=Query(platform=AMD64)), listed=answer)]
        ).packages
        == ()
    )


# ---- what a command is called, and what it is made of


@pytest.mark.parametrize(
    "folder", [".", "v2", "cmd/api/v0", "cmd/api/v1", "cmd/api/v01", "cmd/api/v2", "cmd/v2/v3", "a.b"]
)
@pytest.mark.parametrize("path", ["example.com/hello", "example.com/hello/v2", "v2", "gopkg.in/hello.v2"])
def test_a_command_has_the_name_that_go_build_gives_it(tree: Tree, tmp_path: Path, path: str, folder: str) -> None:
    root = tree({"go.mod": mod(path), f"{folder}/main.go": MAIN})
    (found,) = asked(root, ARM64).mains
    go = shutil.which("go")
    assert go
    subprocess.run([go, "build", "-o", f"{tmp_path}/out/", "-gcflags=-e", "./..."], cwd=root, check=True)
    assert [found.binary] == [file.name for file in (tmp_path / "out").iterdir()]


def test_every_file_that_go_compiles_of_a_package_is_named_over_all_platforms(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/app"),
            "main.go": 'package main\n\nimport _ "embed"\n\n//go:embed data/*.txt\nvar text string\n\nfunc main() {}\n',
            "fast_amd64.s": '#include "fast.h"\n',
            "fast_arm64.s": "\n",
            "fast_riscv64.s": "\n",
            "fast.h": "\n",
            "native.go": 'package main\n\nimport "C"\n',
            "native.c": "\n",
            "x.syso": "\n",
            "default.pgo": "\n",
            "main_test.go": "package main\n",
            "README.md": "\n",
            "data/[a].txt": "a",
            "data/b.md": "b",
        }
    )
    on = BuildOptions(env=(("CGO_ENABLED", "1"),))
    plain = package(asked(root, AMD64, ARM64), "example.com/app")
    assert plain.files == ("default.pgo", "fast.h", "fast_amd64.s", "fast_arm64.s", "main.go", "x.syso")
    assert plain.embed_files == ("data/[a].txt",)
    both = package(asked(root, AMD64, options=(on,)), "example.com/app")
    assert {"native.go", "native.c"} < set(both.files)


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("func main() {}", True),
        ("func\tmain ( ) {}", True),
        ("var x = 1; func main() {}", True),
        ("// func main() {}", False),
        ("/*\nfunc main() {}\n*/", False),
        ("const text = `\nfunc main() {}\n`", False),
        ('const text = "\\"func main() {}"', False),
        ("const quote = '\"'\n\nfunc main() {}\n\nconst other = '\"'", True),
        ("type t struct{}\n\nfunc (t) main() {}", False),
        ("func mainly() {}", False),
    ],
)
def test_a_command_runs_where_it_declares_func_main(tree: Tree, text: str, runs: bool) -> None:
    root = tree({"go.mod": mod("example.com/app"), "doc.go": "package main\n", "x.go": f"package main\n\n{text}\n"})
    assert package(asked(root), "example.com/app").runs is runs


def test_a_library_is_no_command_and_tells_its_module(tree: Tree) -> None:
    found = package(
        asked(tree({"go.mod": mod("example.com/app"), "lib/lib.go": "package lib\n\nfunc main() {}\n"})),
        "example.com/app/lib",
    )
    assert (found.binary, found.runs, found.module) == ("", False, "example.com/app")
