"""Under which settings Go is asked, what it may write, and how its words arrive; all with the real go command."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobake.errors import ProjectError
from gobake.gotool import copies, local, modfile, modules, settings, words
from gobake.gotool.asking import queries
from gobake.gotool.packages import GoTree
from gobake.model import BuildOptions, Platform
from tests.conftest import Tree

AMD64, V3 = Platform.parse("linux/amd64"), Platform.parse("linux/amd64/v3")
ARMV6 = Platform.parse("linux/arm/v6")
MAIN = "package main\n\nfunc main() {}\n"


def mod(path: str, *lines: str, go: str = "1.26") -> str:
    return "\n".join([f"module {path}", "", f"go {go}", *lines, ""])


def options(**env: str) -> BuildOptions:
    return BuildOptions(env=tuple(sorted(env.items())))


def asked(root: Path, *platforms: Platform, build: BuildOptions | None = None) -> GoTree:
    go = shutil.which("go")
    assert go
    wanted = build or BuildOptions()
    layout = modules.layout(modules.find_root(root), goflags=[dict(wanted.env).get("GOFLAGS", "")])
    return local.survey(layout, queries(platforms or (AMD64,), [wanted]), go)


def behind(tag: str, lib: str) -> str:
    return f'//go:build {tag}\n\npackage main\n\nimport _ "example.com/x/{lib}"\n'


TAGGED = {
    "go.mod": mod("example.com/x"),
    "main.go": MAIN,
    **{
        f"{lib}.go": behind(tag, lib)
        for tag, lib in (
            *(("amd64.v3", "v3"), ("arm.6 && !arm.7", "six"), ("pro", "pro"), ("goexperiment.arenas", "experiment")),
            *(("race", "race"), ("amd64.v2 && !amd64.v3", "v2")),
        )
    },
    **{f"{lib}/{lib}.go": f"package {lib}\n" for lib in ("v3", "six", "pro", "experiment", "race", "v2")},
}


@pytest.mark.parametrize(
    ("platform", "env", "libs"),
    [
        (AMD64, {}, []),
        (V3, {}, ["v3"]),
        (ARMV6, {}, ["six"]),
        (AMD64, {"GOAMD64": "v3"}, ["v3"]),
        (Platform.parse("linux/amd64/v2"), {"GOAMD64": "v3"}, ["v2"]),  # the image's platform is what it says
        (AMD64, {"GOFLAGS": "-tags=pro"}, ["pro"]),
        (AMD64, {"GOFLAGS": "-race", "CGO_ENABLED": "1"}, ["race"]),
        (AMD64, {"GOEXPERIMENT": "arenas"}, ["experiment"]),
        (AMD64, {"CC": "gcc", "GOPROXY": "https://proxy.example.com", "GOWORK": "off"}, []),
    ],
)
def test_go_is_asked_as_it_compiles(tree: Tree, platform: Platform, env: dict[str, str], libs: list[str]) -> None:
    found = asked(tree(TAGGED), platform, build=options(**env))
    assert [str(p.directory) for p in found.closure(["example.com/x"])] == [".", *libs]


def test_the_tags_of_a_service_stand_over_those_of_goflags_as_in_go(tree: Tree) -> None:
    build = BuildOptions(tags=("amd64.v3",), env=(("GOFLAGS", "-tags=pro"),))
    found = asked(tree(TAGGED), build=build)
    assert [str(p.directory) for p in found.closure(["example.com/x"])] == [".", "v3"]


def test_no_setting_of_this_machine_is_asked_with(tree: Tree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "goenv"
    own.write_text("GOFLAGS=-tags=pro\nGOAMD64=v3\nGOEXPERIMENT=arenas\n")
    for name, value in {
        "GOENV": str(own),
        "GOAMD64": "v3",
        "GOFLAGS": "-mod=mod -tags=pro",
        "GO111MODULE": "off",
    }.items():
        monkeypatch.setenv(name, value)
    root = tree({**TAGGED, "go.work": "go 1.26\n\nuse .\n"})
    assert [str(p.directory) for p in asked(root).closure(["example.com/x"])] == ["."]


def test_what_go_finds_does_not_depend_on_the_way_to_the_folder(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = tree({"go.mod": mod("example.com/x"), "main.go": MAIN})
    (tmp_path / "link").symlink_to(root)
    monkeypatch.chdir(tmp_path / "link")
    monkeypatch.setenv("PWD", str(tmp_path / "link"))
    assert [p.import_path for p in asked(Path()).mains] == ["example.com/x"]


def test_a_profile_guides_where_goflags_does_not_say_otherwise(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/x"),
            "main.go": MAIN,
            "default.pgo": "",
            "lib/l.go": "package lib\n",
            "lib/default.pgo": "",
        }
    )
    for goflags, files in (
        ("", ("default.pgo", "main.go")),
        ("-pgo=auto", ("default.pgo", "main.go")),
        ("-pgo=off", ("main.go",)),
    ):
        main, lib = asked(root, build=options(GOFLAGS=goflags)).packages
        assert (main.files, lib.files) == (files, ("l.go",))


def test_the_environment_of_a_build_is_that_of_the_question() -> None:
    env = (("CC", "gcc"), ("GOAMD64", "v2"), ("GOFLAGS", "-race"))
    (query,) = queries([V3], [BuildOptions(env=env)])
    compiled = settings.of_build(V3, env)
    assert {k: v for k, v in compiled.items() if k != "CC"}.items() <= query.env.items()
    assert compiled == {
        "CC": "gcc",
        "CGO_ENABLED": "0",
        "GOAMD64": "v3",
        "GOARCH": "amd64",
        "GOFLAGS": "-race",
        "GOOS": "linux",
    }
    assert settings.of_platform(ARMV6)["GOARM"] == "6"
    assert settings.of_platform(Platform.parse("linux/arm64")) == {"GOOS": "linux", "GOARCH": "arm64"}


def test_this_machines_settings_are_dropped_but_for_where_its_files_are() -> None:
    env = {"GOFLAGS": "-x", "CGO_CFLAGS": "-x", "GOPATH": "/go", "PWD": "/link", "GOBAKE_PROCESS": "1", "GOWORK": "off"}
    found = settings.of_host(env, {"GOMODCACHE": "/mod"})
    assert found.items() >= {"GOPATH": "/go", "GOBAKE_PROCESS": "1", "GOMODCACHE": "/mod", "GOENV": "off"}.items()
    assert not {"GOFLAGS", "CGO_CFLAGS", "PWD", "GOWORK"} & found.keys()


def test_what_another_release_of_go_compiles_is_in_the_tree(tree: Tree) -> None:
    old = """//go:build linux && !go1.18

// import "example.com/x/no"

package main

import "embed"
import (
\t. "example.com/x/one" // import "example.com/x/no"
\t/* "example.com/x/no" */
\ttwo "example.com/x/two"
)
import _ `example.com/x/three`

//go:embed old.txt "with space.txt"
var f embed.FS
"""
    libs = {f"{lib}/{lib}.go": f"package {lib}\n" for lib in ("one", "two", "three", "no")}
    gone = {"other.go": '//go:build ignore\n\npackage main\n\nimport _ "example.com/x/no"\n'}
    found = asked(tree({"go.mod": mod("example.com/x"), "main.go": MAIN, "old.go": old, **libs, **gone}))
    assert [str(p.directory) for p in found.closure(["example.com/x"])] == [".", "one", "three", "two"]
    (main,) = found.mains
    assert (main.files, main.embeds) == (("main.go", "old.go"), ("old.txt", "with space.txt"))


# ---- modules of others


def hash_of(name: str, text: bytes) -> str:
    """golang.org/x/mod/sumdb/dirhash, Hash1, of one file."""
    line = f"{hashlib.sha256(text).hexdigest()}  {name}\n"
    return "h1:" + base64.b64encode(hashlib.sha256(line.encode()).digest()).decode()


LIB = "package lib\n"


class Proxy:
    """A module proxy as a folder, and a module cache that is empty at first."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.cache = folder / "proxy", folder / "modcache"
        monkeypatch.setenv("GOMODCACHE", str(self.cache))
        monkeypatch.setenv("GOPROXY", f"file://{self.folder}")
        monkeypatch.setenv("GONOSUMDB", "example.com")

    def add(self, path: str, version: str, *lines: str) -> str:
        """Publish a module with one package; the lines of go.sum for it."""
        place = self.folder / path / "@v"
        place.mkdir(parents=True, exist_ok=True)
        text = mod(path, *lines, go="1.16").encode()
        (place / f"{version}.mod").write_bytes(text)
        (place / f"{version}.info").write_text(json.dumps({"Version": version}))
        name = f"{path}@{version}/lib.go"
        with zipfile.ZipFile(place / f"{version}.zip", "w") as archive:
            archive.writestr(name, LIB)
        hashes = hash_of(name, LIB.encode()), hash_of("go.mod", text)
        return f"{path} {version} {hashes[0]}\n{path} {version}/go.mod {hashes[1]}\n"


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proxy:
    return Proxy(tmp_path, monkeypatch)


def test_where_go_needs_modules_to_answer_it_may_fetch_them(tree: Tree, proxy: Proxy) -> None:
    sums = proxy.add("example.com/dep", "v1.0.0")
    root = tree(
        {
            "go.mod": mod("example.com/x", "require example.com/dep v1.0.0", go="1.16"),
            "go.sum": sums,
            "main.go": 'package main\n\nimport _ "example.com/dep"\n\nfunc main() {}\n',
        }
    )
    assert [p.import_path for p in asked(root).mains] == ["example.com/x"]


def test_where_it_cannot_be_fetched_the_users_own_setting_is_what_fails(
    tree: Tree, proxy: Proxy, tmp_path: Path
) -> None:
    proxy.folder.mkdir()
    root = tree(
        {"go.mod": mod("example.com/x", "require example.com/dep v1.0.0", go="1.16"), "main.go": MAIN, "go.sum": "x"}
    )
    (root / "go.sum").write_text("example.com/dep v1.0.0/go.mod h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
    with pytest.raises(ProjectError) as caught:
        asked(root)
    assert "GOPROXY=off" not in str(caught.value) + caught.value.words
    assert str(tmp_path) in str(caught.value)


def workspace(tree: Tree, proxy: Proxy) -> Path:
    """A workspace whose modules are in the cache, and whose go.work.sum lacks lines."""
    proxy.add("example.com/deep", "v1.0.0")
    proxy.add("example.com/deep", "v1.1.0")
    dep = proxy.add("example.com/dep", "v1.0.0", "require example.com/deep v1.0.0")
    deep = proxy.add("example.com/deep", "v1.1.0")
    return tree(
        {
            "go.work": 'go 1.26\n\nuse (\n\t./a\n\t"./it\'s"\n)\n',
            "a/go.mod": mod("example.com/a", "require example.com/dep v1.0.0"),
            "a/main.go": 'package main\n\nimport _ "example.com/dep"\n\nfunc main() {}\n',
            "a/go.sum": dep,
            "it's/go.mod": mod("example.com/b", "require example.com/deep v1.1.0"),
            "it's/main.go": 'package main\n\nimport _ "example.com/deep"\n\nfunc main() {}\n',
            "it's/go.sum": deep,
        }
    )


def state(root: Path) -> dict[str, bytes]:
    return {str(f.relative_to(root)): f.read_bytes() for f in root.rglob("*") if f.is_file()}


def go_list(root: Path, *flags: str) -> None:
    command = ["go", "list", "-e", *flags, "./a/...", "./it's/..."]
    subprocess.run(command, cwd=root, env={**os.environ, "GOFLAGS": "-modcacherw"}, check=True, capture_output=True)


def test_asking_in_a_workspace_writes_nothing_into_the_users_tree(tree: Tree, proxy: Proxy) -> None:
    root = workspace(tree, proxy)
    before = state(root)
    go_list(root, "-deps")  # as any go command does it: it fetches, and completes the sums
    assert "go.work.sum" in state(root).keys() - before.keys()
    (root / "go.work.sum").unlink()
    found = asked(root)
    assert [p.import_path for p in found.mains] == ["example.com/a", "example.com/b"]
    assert state(root) == before


def test_asking_with_mod_mod_writes_nothing_into_the_users_tree(tree: Tree, proxy: Proxy) -> None:
    proxy.add("example.com/dep", "v1.0.0")
    root = tree(
        {"go.mod": mod("example.com/x"), "main.go": 'package main\n\nimport _ "example.com/dep"\n\nfunc main() {}\n'}
    )
    before = state(root)
    found = asked(root, build=options(GOFLAGS="-mod=mod"))
    assert [p.import_path for p in found.mains] == ["example.com/x"]
    assert state(root) == before


# ---- copies


USES = st.sampled_from(["./a", "b // ./no", '"./it\'s (a) folder"', "`../d`", "/e/f", "."])
REPLACES = st.sampled_from(["x => ./y", "x v1 => y v2", "z => ../z // ./no", "q v1 => /r"])
ALONE = st.sampled_from(["go 1.26", "// use ./q", "", "use ()", "toolchain go1.26.1"])


def block(verb: str, entries: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(entries).map(lambda found: "\n".join([f"{verb} ( // many", *(f"\t{e}" for e in found), ")"]))
    return entries.map(lambda entry: f"{verb}  {entry}") | several


@given(st.lists(ALONE | block("use", USES) | block("replace", REPLACES)))
def test_a_workspace_says_the_same_from_anywhere(statements: list[str]) -> None:
    text, here = "\n".join(statements), Path("/here/is it")
    own, copy = modfile.parse(text, here), modfile.parse(copies.absolute(text, here), here)
    assert [str(here / use) for use in own.uses] == list(copy.uses)
    assert [(path, str(here / target)) for path, target in own.replaces] == list(copy.replaces)
    assert len(text.splitlines()) == len(copies.absolute(text, here).splitlines())


def test_go_tells_of_the_users_own_files(tree: Tree) -> None:
    root = tree({"go.work": "go 1.26\n\nuse ./a\n\nfoo ./bar\n", "a/go.mod": mod("example.com/a"), "a/main.go": MAIN})
    with pytest.raises(ProjectError) as caught:
        asked(root)
    assert caught.value.where
    assert (caught.value.where.file, caught.value.where.line) == ((root / "go.work").resolve(), 5)
    assert "unknown directive: foo" in caught.value.what


# ---- Go's words


def test_what_go_says_of_a_vendor_folder_arrives_whole_with_its_remedy(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/x", "require example.com/d v1.1.0"),
            "main.go": MAIN,
            "vendor/modules.txt": "# example.com/d v1.0.0\n## explicit\n",
        }
    )
    with pytest.raises(ProjectError) as caught:
        asked(root)
    error = caught.value
    assert (
        error.what
        == f"Go cannot read {root.resolve()}: inconsistent vendoring in {root.resolve()}: example.com/d@v1.1.0: is explicitly required in go.mod, but not marked as explicit in vendor/modules.txt"
    )
    assert error.remedy == "run `go mod vendor`"
    assert "To ignore the vendor directory, use -mod=readonly or -mod=mod." in error.words
    assert "go mod vendor" in error.words.splitlines()[-1]


def test_a_module_named_like_a_package_of_the_standard_library_is_refused_with_gos_reason(tree: Tree) -> None:
    with pytest.raises(ProjectError) as caught:
        asked(tree({"go.mod": mod("log"), "main.go": MAIN}))
    assert "ambiguous import: found package log in multiple modules" in str(caught.value)
    assert "src/log" in caught.value.words


def test_a_module_named_like_a_folder_of_the_standard_library_is_built(tree: Tree) -> None:
    assert [p.import_path for p in asked(tree({"go.mod": mod("container"), "main.go": MAIN})).mains] == ["container"]


def test_a_package_that_two_modules_have_is_told_and_stops_no_other(tree: Tree) -> None:
    root = tree(
        {
            "go.work": "go 1.26\n\nuse ./a\nuse ./b\n",
            "a/go.mod": mod("example.com/a"),
            "a/cmd/x/main.go": MAIN,
            "a/cmd/y/main.go": MAIN,
            "b/go.mod": mod("example.com/a/cmd"),
            "b/x/main.go": MAIN,
        }
    )
    found = asked(root)
    assert [p.import_path for p in found.mains] == ["example.com/a/cmd/y"]
    assert {t.package for t in found.troubles} == {"example.com/a/cmd/x"}
    assert found.troubles[0].words.startswith(
        "ambiguous import: found package example.com/a/cmd/x in multiple modules:\n"
    )


def test_two_packages_in_one_folder_are_told(tree: Tree) -> None:
    root = tree({"go.mod": mod("example.com/x"), "main.go": MAIN, "two/a.go": "package a\n", "two/main.go": MAIN})
    (trouble,) = asked(root, AMD64, V3).troubles
    assert trouble.words.startswith("found packages a (a.go) and main (main.go) in ")


SUM = """go: downloading example.com/d v1.5.0
go: github.com/acme/trainer@v0.0.0-00010101000000-000000000000 requires
\texample.com/d@v1.5.0: missing go.sum entry for go.mod file; to add it:
\tgo mod download example.com/d
"""


def test_progress_is_dropped_and_a_sentence_is_read_to_its_end() -> None:
    assert words.whole(SUM).splitlines()[0] == "github.com/acme/trainer@v0.0.0-00010101000000-000000000000 requires"
    error = words.refusal(Path("/p"), SUM)
    assert error.what == (
        "Go cannot read /p: github.com/acme/trainer@v0.0.0-00010101000000-000000000000 requires "
        "example.com/d@v1.5.0: missing go.sum entry for go.mod file; to add it: go mod download example.com/d"
    )
    assert error.remedy == "run `go mod download example.com/d`"
    assert len(error.words.splitlines()) == 3


@given(st.text())
def test_no_words_break_the_reader(said: str) -> None:
    assert isinstance(words.refusal(Path("/p"), said), ProjectError)
