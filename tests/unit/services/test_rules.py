"""Which commands of a repository are services: small repositories of the kinds that are met, asked of the real Go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from gobake.config.patterns import PROJECT_NAME
from gobake.errors import ConfigError, ProjectError, UsageError
from gobake.model import Platform, Project
from gobake.plan.discover import open_project
from gobake.plan.namesakes import owner, told
from gobake.plan.request import ProjectRequest
from gobake.services.naming import MAX_PROJECT, project_name, slug, title
from gobake.targets.matrix import Selection, select
from tests.conftest import Tree

AMD64 = Platform.parse("linux/amd64")
MAIN = 'package main\n\nfunc main() { println("") }\n'
HOLDER = "//go:generate go run ./gen\n\npackage main\n\nfunc main() {}\n"
MOD = "module example.com/shop\n\ngo 1.26\n"


def opened(root: Path) -> Project:
    return open_project(ProjectRequest(directory=root, platforms=(AMD64,))).project


def found(root: Path) -> dict[str, str]:
    """Reasons of the services, by folder."""
    project = opened(root)
    return {project.folder(service): service.why for service in project.services}


def left_out(root: Path) -> dict[str, str]:
    project = opened(root)
    return {project.folder(service): service.why for service in project.left_out}


def commands(*folders: str, module: str = MOD) -> dict[str, str]:
    return {"go.mod": module, **{f"{folder}/main.go".removeprefix("./"): MAIN for folder in folders}}


GORELEASER = "builds:\n  - id: a\n    main: ./cmd/api\n    binary: api\n"
MAKEFILE = "PKG := ./cmd\n\nbuild:\n\tgo build -o bin/api $(PKG)/api\n"

SHAPES: dict[str, tuple[Mapping[str, str], list[str], list[str]]] = {
    "commands of cmd/ stay, those of tools and tests do not": (
        commands("cmd/api", "cmd/worker", "tools/lint", "internal/gen", "hack/x", "examples/hello", "test/load"),
        ["./cmd/api", "./cmd/worker"],
        ["./examples/hello", "./hack/x", "./internal/gen", "./test/load", "./tools/lint"],
    ),
    "a generator in cmd/ is known by its name": (
        commands("cmd/api", "cmd/gen-docs", "cmd/protoc-gen-go-x", "pkg/schemagen"),
        ["./cmd/api"], ["./cmd/gen-docs", "./cmd/protoc-gen-go-x", "./pkg/schemagen"],
    ),
    "what GoReleaser builds ships, and nothing else": (
        {**commands("cmd/api", "cmd/other", "tools/x"), ".goreleaser.yaml": GORELEASER},
        ["./cmd/api"], ["./cmd/other", "./tools/x"],
    ),
    "GoReleaser's word counts more than a folder": (
        {**commands("cmd/api", "tools/admin"), ".goreleaser.yml": "builds: [{dir: tools/admin}, {main: ./cmd/api/main.go}]"},
        ["./cmd/api", "./tools/admin"], [],
    ),
    "ko names main packages by import path": (
        {**commands("cmd/api", "cmd/other"), ".ko.yaml": "builds:\n- id: x\n  main: example.com/shop/cmd/api\n"},
        ["./cmd/api"], ["./cmd/other"],
    ),
    "promu lists binaries": (
        {**commands("cmd/api", "cmd/ctl", "cmd/x"),
         ".promu.yml": "build:\n  binaries:\n    - name: api\n      path: ./cmd/api\n    - {name: ctl, path: ./cmd/ctl}\n"},
        ["./cmd/api", "./cmd/ctl"], ["./cmd/x"],
    ),
    "a release for other systems ships no image": (
        {**commands("cmd/api", "cmd/tray"),
         ".goreleaser.yaml": "builds: [{main: ./cmd/tray, goos: [windows]}, {main: ./cmd/api, goos: [linux]}]"},
        ["./cmd/api"], ["./cmd/tray"],
    ),
    "a GoReleaser file that is a template of YAML tells nothing": (
        {**commands("cmd/api", "cmd/x"), ".goreleaser.yaml": "builds:\n[[if .X]]\n- main: ./cmd/x\n"},
        ["./cmd/api", "./cmd/x"], [],
    ),
    "a Dockerfile builds one of several": (
        {**commands("cmd/api", "cmd/x"),
         "Dockerfile": "FROM golang AS b\nWORKDIR /src\nCOPY . .\nRUN --mount=type=cache,target=/root/.cache \\\n"
                       "  # a comment\n  go build -ldflags '-s -w' -o /out/server ./cmd/api\nFROM scratch\n"},
        ["./cmd/api"], ["./cmd/x"],
    ),
    "one Dockerfile for each service, named by an argument": (
        {**commands("cmd/api", "cmd/worker", "tools/x"),
         "build/Dockerfile": "FROM golang\nARG SERVICE\nCOPY . /src\nWORKDIR /src/cmd/${SERVICE}\nRUN go build -o /app .\n"},
        ["./cmd/api", "./cmd/worker"], ["./tools/x"],
    ),
    "a Dockerfile copies programs that make built": (
        {**commands("server", "ctl", "tools/x"), "Makefile": "all:\n\tcd server && go build -o ../bin/shopd .\n",
         "Dockerfile": "FROM scratch\nADD bin/shopd-linux-${ARCH} /shopd\nCOPY bin/ctl /bin/\n"},
        ["./ctl", "./server"], ["./tools/x"],
    ),
    "Dockerfiles beside their commands": (
        {**commands("cmd/a", "cmd/b", "cmd/c"),
         "cmd/a/Dockerfile": "FROM scratch\nCOPY out/a /\n", "cmd/b/Dockerfile": "FROM scratch\nCOPY x /\n"},
        ["./cmd/a", "./cmd/b"], ["./cmd/c"],
    ),
    "Dockerfiles of tests, examples and developers make other images": (
        {**commands("cmd/a", "cmd/b", "examples/c"), "Dockerfile.dev": "FROM golang\nRUN go build ./cmd/b\n",
         "examples/c/Dockerfile": "FROM golang\nCOPY . .\nRUN go build -o /c .\n"},
        ["./cmd/a", "./cmd/b"], ["./examples/c"],
    ),
    "a Dockerfile in a service's own module": (
        {"src/a/go.mod": "module example.com/a\n\ngo 1.26\n", "src/a/main.go": MAIN,
         "src/a/Dockerfile": "FROM golang\nWORKDIR /src\nCOPY . .\nRUN go build -o /a\n",
         "src/b/go.mod": "module example.com/b\n\ngo 1.26\n", "src/b/main.go": MAIN},
        ["./src/a"], ["./src/b"],
    ),
    "a Makefile's build lines with variables, pattern rules and define": (
        {**commands("cmd/api", "cmd/ctl", "lib/x", "lib/y"),
         "Makefile": "GO ?= go\nCOMMANDS = api ctl\nbin/%: cmd/%\n\t$(GO) build $(GOFLAGS) -o $@ ./$<\n"
                     "define B\n@echo building\n$(GO) build\nendef\nx:\n\t$(call B) -o bin/x ./lib/x\n"},
        ["./cmd/api", "./cmd/ctl", "./lib/x"], ["./lib/y"],
    ),
    "go run in a Makefile may just try a service out": (
        {**commands("cmd/api", "lib/docs"), "Makefile": "run:\n\tgo run ./cmd/api\ndocs:\n\tgo run ./lib/docs > x\n"},
        ["./cmd/api"], ["./lib/docs"],
    ),
    "go:generate and tool lines name no services": (
        {**commands("cmd/api", "cmd/mk", "cmd/stamp", "cmd/fmtx", module=f"{MOD}\ntool example.com/shop/cmd/fmtx\n"),
         "lib/x.go": "package lib\n\n//go:generate go run ../cmd/mk -o y.go\n\n//go:generate stamp -x y.go\n"},
        ["./cmd/api"], ["./cmd/fmtx", "./cmd/mk", "./cmd/stamp"],
    ),
    "go:generate of an ignored file beside a service says nothing of the service": (
        {**commands("."), "gen.go": "//go:build ignore\n\npackage main\n", "x.go": "package main\n\n//go:generate go run gen.go\n",
         "cmd/b/main.go": MAIN},
        [".", "./cmd/b"], [],
    ),
    "a main that does nothing holds generate lines": (
        {"go.mod": MOD, "generate.go": HOLDER, "cmd/shop/main.go": MAIN},
        ["./cmd/shop"], ["."],
    ),
    "a main package without func main is no command at all": (
        {**commands("cmd/api"), "plugin/p.go": "package main\n\nvar Plugin int\n"}, ["./cmd/api"], [],
    ),
    "a workflow builds what else lies there": (
        {**commands("daemon", "other/x"), ".github/workflows/ci.yml": "jobs:\n  b:\n    steps:\n      - run: go build ./daemon\n"},
        ["./daemon"], ["./other/x"],
    ),
    "a script changes folders": (
        {**commands("server", "other"), "scripts/build.sh": '(\n  cd "${ROOT}/server"\n  go build -o="../bin/shopd" . || exit\n)\n'},
        ["./server"], ["./other"],
    ),
    "compiling everything, or into nothing, tells nothing": (
        {**commands("cmd/a", "cmd/b"), "Makefile": "x:\n\tgo build ./...\n\tgo build -o /dev/null ./cmd/b\n"},
        ["./cmd/a", "./cmd/b"], [],
    ),
    "each stage of a Dockerfile that starts a program makes an image": (
        {**commands("cmd/api", "cmd/worker", "cmd/x", "cmd/y"),
         "Dockerfile": "FROM golang AS build\nRUN make\nFROM scratch AS base\nFROM base AS api\n"
                       "COPY --from=build /bin/api /\nENTRYPOINT [\"/api\"]\nFROM base AS debug\n"
                       "COPY --from=build /bin/x /\nCMD [\"/x\"]\nFROM base AS worker\nCOPY --from=build /bin/worker /\n"},
        ["./cmd/api", "./cmd/worker"], ["./cmd/x", "./cmd/y"],
    ),
    "a Dockerfile builds all of a folder": (
        {**commands("cmd/api", "cmd/worker", "cmd/api/internal/gen", "cmd/load-test", "lib/x"),
         "Dockerfile": "FROM golang AS b\nWORKDIR /src\nCOPY . .\nRUN go build -o /out/ ./cmd/...\n"
                       "FROM scratch\nCOPY --from=b /out/ /bin/\nCMD [\"api\"]\n"},
        ["./cmd/api", "./cmd/worker"], ["./cmd/api/internal/gen", "./cmd/load-test", "./lib/x"],
    ),
    "a Dockerfile builds all and copies one": (
        {**commands("cmd/api", "cmd/worker"),
         "Dockerfile": "FROM golang AS b\nCOPY . /src\nRUN cd /src && go install ./...\n"
                       "FROM scratch\nCOPY --from=b /go/bin/api /\n"},
        ["./cmd/api"], ["./cmd/worker"],
    ),
    "a Makefile builds all of a folder": (
        {**commands("daemons/api", "daemons/worker", "lib/x"), "Makefile": "all:\n\tgo build -o bin/ ./daemons/...\n"},
        ["./daemons/api", "./daemons/worker"], ["./lib/x"],
    ),
    "a Makefile's go build stands in a variable": (
        {**commands("cmd/api", "lib/x", "lib/y"),
         "Makefile": "compile := CGO_ENABLED=0 go build $(flags) -o\nx:\n\t$(compile) bin/x ./lib/x\n"},
        ["./cmd/api", "./lib/x"], ["./lib/y"],
    ),
    "a Makefile keeps packages in variables by the program's name": (
        {**commands("a/api", "b/worker", "lib/x"),
         "Makefile": "main.api := ./a/api\nmain.worker = example.com/shop/b/worker\nbin/%:\n\tgo build -o $@ $(main.$(@F))\n"},
        ["./a/api", "./b/worker"], ["./lib/x"],
    ),
    "what a Makefile builds to generate and check is not what it ships": (
        {**commands("cmd/api", "cmd/stamp"), "Dockerfile": "FROM scratch\nCOPY bin/api /\n",
         "Makefile": "COMMANDS = api\nbin/%: cmd/%\n\tgo build -o $@ ./$<\nprotos: bin/stamp\n\tbin/stamp x.go\n"},
        ["./cmd/api"], ["./cmd/stamp"],
    ),
    "a Dockerfile in any folder of the root, beside what a release tool builds": (
        {**commands("cmd/api", "cmd/ctl", "cmd/x"), ".goreleaser.yaml": "builds: [{main: ./cmd/ctl}]\n",
         "build/build.sh": "BUILD='go build'\n${BUILD} \\\n  -o rootfs/bin/shopd ./cmd/api\n",
         "rootfs/Dockerfile": "FROM scratch\nCOPY bin/shopd /\n"},
        ["./cmd/api", "./cmd/ctl"], ["./cmd/x"],
    ),
    "a program of tests with a service's name does not hide the service's image": (
        {**commands("cmd/api", "cmd/ctl", "test/api"), "Dockerfile": "FROM scratch\nCOPY bin/api /\n"},
        ["./cmd/api"], ["./cmd/ctl", "./test/api"],
    ),
    "a Makefile lists what it builds of a folder": (
        {**commands("cmd/api", "cmd/ctl", "cmd/old"), "Makefile": "COMMANDS = api ctl\nbin/%: cmd/%\n\tgo build -o $@ ./$<\n"},
        ["./cmd/api", "./cmd/ctl"], ["./cmd/old"],
    ),
    "a Makefile builds whatever lies in a folder": (
        {**commands("cmd/api", "cmd/ctl"),
         "Makefile": "ALL = $(wildcard cmd/*) # without ctl\nbin/%: cmd/%\n\tgo build -o $@ ./$<\nx:\n\tbin/api $$(find lib -name x)\n"},
        ["./cmd/api", "./cmd/ctl"], [],
    ),
    "a Dockerfile in a folder of the command's": (
        {**commands("a/api", "a/worker", "a/web"), "a/api/deployment/Dockerfile": "FROM scratch\nCOPY x /\n",
         "a/worker/docker/Dockerfile": "FROM scratch\nCOPY x /\n"},
        ["./a/api", "./a/worker"], ["./a/web"],
    ),
    "what make builds of apps/ ships beside what a Dockerfile builds": (
        {**commands("apps/api", "apps/x", "lib/y"), "Dockerfile": "FROM golang\nCOPY . .\nRUN go build ./lib/y\n",
         "Makefile": "api:\n\tgo build -o bin/api ./apps/api\n"},
        ["./apps/api", "./lib/y"], ["./apps/x"],
    ),
    "where nothing would be left, all is": (commands("examples/a", "examples/b"), ["./examples/a", "./examples/b"], []),
    "the only command ships wherever it lies": (commands("internal/tools/gen"), ["./internal/tools/gen"], []),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_what_ships_and_what_does_not(tree: Tree, shape: str) -> None:
    files, shipped, others = SHAPES[shape]
    root = tree(files)
    assert sorted(found(root)) == shipped
    assert sorted(left_out(root)) == others


REASONS: dict[str, tuple[Mapping[str, str], str, str]] = {
    "goreleaser": (SHAPES["what GoReleaser builds ships, and nothing else"][0], "./cmd/api", "built by .goreleaser.yaml:2"),
    "not goreleaser": (
        SHAPES["what GoReleaser builds ships, and nothing else"][0], "./cmd/other", "not built by .goreleaser.yaml"
    ),
    "dockerfile": (SHAPES["a Dockerfile builds one of several"][0], "./cmd/api", "built by Dockerfile:4"),
    "no dockerfile": (
        SHAPES["a Dockerfile builds one of several"][0], "./cmd/x", "no Dockerfile builds it; Dockerfile builds cmd/api"
    ),
    "makefile": ({**commands("cmd/api", "cmd/b"), "Makefile": MAKEFILE}, "./cmd/api", "built by Makefile:4"),
    "folder": (commands("cmd/api", "lib/tools/x"), "./lib/tools/x", "lies in lib/tools/"),
    "name": (commands("cmd/api", "cmd/gen-docs"), "./cmd/gen-docs", "is named like a tool: gen-docs"),
    "generate": (SHAPES["go:generate and tool lines name no services"][0], "./cmd/mk", "go:generate runs it (lib/x.go:3)"),
    "tool": (SHAPES["go:generate and tool lines name no services"][0], "./cmd/fmtx", "is a tool of go.mod:5"),
    "idle": (SHAPES["a main that does nothing holds generate lines"][0], ".", "its main does nothing"),
    "cmd": (commands("cmd/api", "cmd/b"), "./cmd/api", "lies in cmd/"),
    "only": (commands("x/y"), "./x/y", "the only command"),
}  # fmt: skip


@pytest.mark.parametrize("reason", REASONS)
def test_each_command_has_its_reason(tree: Tree, reason: str) -> None:
    files, folder, why = REASONS[reason]
    root = tree(files)
    assert {**found(root), **left_out(root)}[folder] == why


# ---- gobake.yaml and the command line


def test_patterns_of_the_configuration_win(tree: Tree) -> None:
    files = commands("cmd/api", "cmd/old", "tools/a", "tools/b", "examples/x")
    yaml = "services:\n  include: [./tools/...]\n  exclude:\n    - cmd/old\n    - '*/b'\n"
    root = tree({**files, "gobake.yaml": yaml})
    assert found(root) == {"./cmd/api": "lies in cmd/", "./tools/a": "included by gobake.yaml:2"}
    assert left_out(root)["./cmd/old"] == "excluded by gobake.yaml:4"
    assert left_out(root)["./tools/b"] == "excluded by gobake.yaml:5"


def test_include_stands_beside_services_that_are_named(tree: Tree) -> None:
    yaml = "services:\n  include: [gen]\n  front: {package: ./cmd/api}\n"
    root = tree({**commands("cmd/api", "cmd/worker", "tools/gen"), "gobake.yaml": yaml})
    assert sorted(found(root)) == ["./cmd/api", "./tools/gen"]
    assert left_out(root) == {"./cmd/worker": "gobake.yaml does not name it"}


def test_a_configuration_that_excludes_everything_is_told(tree: Tree) -> None:
    root = tree({**commands("cmd/api"), "gobake.yaml": "services: {exclude: [./...]}\n"})
    with pytest.raises(ProjectError, match="excludes them all"):
        opened(root)


@pytest.mark.parametrize("pattern", ["[a b]", "['']", "[-x]", "{}", "x"])
def test_what_is_no_pattern_is_refused_with_its_place(tree: Tree, pattern: str) -> None:
    root = tree({**commands("cmd/api"), "gobake.yaml": f"services: {{exclude: {pattern}}}\n"})
    with pytest.raises(ConfigError) as error:
        opened(root)
    assert error.value.where is not None
    assert error.value.where.key.startswith("services.exclude")


@pytest.mark.parametrize(
    ("words", "built"),
    [
        ((), ["api", "worker"]),
        (("gen",), ["gen"]),
        (("./tools/gen",), ["gen"]),
        (("./tools/gen/", "api"), ["api", "gen"]),
        (("example.com/shop/tools/gen",), ["gen"]),
        (("./tools/...",), ["gen", "lint"]),
        (("./...",), ["api", "gen", "lint", "worker"]),
        (("./cmd/*",), ["api", "worker"]),
    ],
)
def test_commands_are_asked_for_by_name_by_folder_and_by_pattern(
    tree: Tree, words: tuple[str, ...], built: list[str]
) -> None:
    project = opened(tree(commands("cmd/api", "cmd/worker", "tools/gen", "tools/lint")))
    matrix = select(project, Selection(services=words), (AMD64,))
    assert [service.name for service in matrix.services] == built


def test_folders_are_seen_from_where_the_user_stands(tree: Tree) -> None:
    root = tree(commands("cmd/api", "tools/gen"))
    matrix = select(opened(root), Selection(services=("./gen",), seen_from=root / "tools"), (AMD64,))
    assert [service.package for service in matrix.services] == ["example.com/shop/tools/gen"]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("apj", "there is no service 'apj'; did you mean api?"),
        ("zzz", "there is no service 'zzz'; services: api, worker; also by name or folder: gen (./tools/gen)"),
        ("./zzz", "there is no command in ./zzz; services: api, worker; also by name or folder: gen (./tools/gen)"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(tree: Tree, word: str, says: str) -> None:
    project = opened(tree(commands("cmd/api", "cmd/worker", "tools/gen")))
    with pytest.raises(UsageError) as error:
        select(project, Selection(services=(word,)), (AMD64,))
    assert str(error.value) == says


# ---- names


def named(root: Path) -> dict[str, str]:
    project = opened(root)
    return {project.folder(service): service.name for service in (*project.services, *project.left_out)}


@pytest.mark.parametrize(
    ("files", "folder", "name"),
    [
        (commands(".", module="module example.com/team/shop/v3\n\ngo 1.26\n"), ".", "shop"),
        (commands("cmd", module="module example.com/team/my-shop/v3\n\ngo 1.26\n"), "./cmd", "my-shop"),
        (commands("cmd/api/cmd", "cmd/x"), "./cmd/api/cmd", "api"),
        (commands("cmd/server", "cmd/x"), "./cmd/server", "server"),
        (commands("billing/server", "cmd/x"), "./billing/server", "billing-server"),
        ({**commands("server", "ctl"), "b.sh": "cd server; go build -o ../bin/shopd .\n"}, "./server", "shopd"),
        ({**commands("cmd/tools/sql"), ".goreleaser.yaml": "builds: [{main: ./cmd/tools/sql, binary: shop-sql}]"},
         "./cmd/tools/sql", "shop-sql"),
        ({**commands("cmd"), ".goreleaser.yaml": "builds: [{main: ./cmd, binary: 'x-{{.Os}}'}]"}, "./cmd", "shop"),
        ({**commands("cmd/ctl", "cmd/x"), "Makefile": "x:\n\tgo build -o bin/shop-ctl ./cmd/ctl\n"}, "./cmd/ctl", "shop-ctl"),
        ({**commands("cmd/ctl", "cmd/x"), "Makefile": "x:\n\tgo build -o bin/other ./cmd/ctl\n"}, "./cmd/ctl", "ctl"),
        ({**commands("cmd/operator", "cmd/x"), "b.sh": "go build -o bin/shop ./cmd/operator\n"}, "./cmd/operator", "shop"),
        ({"cmd/api/go.mod": "module example.com/shop/api-binary\n\ngo 1.26\n", "cmd/api/main.go": MAIN}, "./cmd/api", "api"),
        ({"cmd/api/go.mod": "module example.com/shop-api\n\ngo 1.26\n", "cmd/api/main.go": MAIN}, "./cmd/api", "shop-api"),
    ],
)  # fmt: skip
def test_a_name_tells(tree: Tree, files: Mapping[str, str], folder: str, name: str) -> None:
    assert named(tree(files))[folder] == name


@pytest.mark.parametrize("added", ["tools/api", "lib/deep/api", "internal/api", "cmd/api/internal/api", "examples/api"])
def test_a_name_stays_when_another_command_is_added(tree: Tree, added: str) -> None:
    before = named(tree(commands("cmd/api", "lib/worker"), "before"))
    after = named(tree(commands("cmd/api", "lib/worker", added), "after"))
    assert {folder: after[folder] for folder in before} == before == {"./cmd/api": "api", "./lib/worker": "worker"}
    assert len(set(after.values())) == 3


def test_the_holder_of_generate_lines_leaves_the_name_to_the_command(tree: Tree) -> None:
    files = {"go.mod": "module example.com/shop/v3\n\ngo 1.26\n", "generate.go": HOLDER, "cmd/shop/main.go": MAIN}
    assert named(tree(files)) == {"./cmd/shop": "shop", ".": "example.com-shop"}


# ---- projects


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("example.com/a/server", "example.com/b/server"),
        ("example.com/a-b/c", "example.com/a/b-c"),
        ("example.com/a/b", "example.com/a.b"),
        ("a.example.com/x", "a.example/com/x"),
        ("example.com/Shop", "example.com/shop"),
        ("example.com/" + "long/" * 30 + "a", "example.com/" + "long/" * 30 + "b"),
    ],
)
def test_projects_of_different_modules_share_no_name(one: str, other: str) -> None:
    names = {slug(one), slug(other)}
    assert len(names) == 2
    assert all(re.fullmatch(PROJECT_NAME, name) and len(name) <= MAX_PROJECT for name in names)


@pytest.mark.parametrize(
    ("modules", "remote", "name"),
    [
        (["example.com/x/shop/a", "example.com/x/shop/b"], "", "example-com-x-shop"),
        (["github.com/acme/a", "github.com/acme/b"], "", "work"),
        (["example.com/a", "example.com/b"], "https://example.com/acme/shop.git", "example-com-acme-shop"),
    ],
)
def test_a_workspace_without_a_module_at_its_root_has_a_name(modules: list[str], remote: str, name: str) -> None:
    assert project_name("", modules, remote, "work") == name


def test_an_image_of_another_project_is_told_and_an_own_one_is_not() -> None:
    answer = {"Config": {"Labels": {"dev.gobake.project": "other"}}}
    assert owner(answer, "shop") == "other"
    for silent in (None, {}, {"Config": None}, {"Config": {"Labels": None}}, {"Config": {"Labels": {"x": "y"}}}):
        assert owner(silent, "shop") == ""
    assert owner(answer, "other") == ""
    assert told("other", ["api:latest"]).startswith("api:latest was an image of project other;")
    assert told("other", ["api:v1", "web:v1", "x:v1"]).startswith("api:v1 and 2 more were images of project other;")


def test_the_host_of_a_module_path_names_nothing() -> None:
    assert [title(path) for path in ("example.com/app", "example.com/cmd", "example.com", "go.dev/x/tools/v2")] == [
        "app",
        "cmd",
        "example-com",
        "x",
    ]
