"""What a program needs when it runs: found in its sources, held against its image, answered with a key."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gobake.gotool.packages import GoTree, Package
from gobake.model import BuildOptions, ExtraFile, Service, Strategy
from gobake.needs import telling
from gobake.needs.evidence import Kind, scan
from gobake.needs.needs import Need, Sources, needs
from gobake.needs.sources import service_needs
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import GoCommandRecord, GoRecord, RunRecord
from gobake.runs.store import RunStore
from tests.conftest import Tree
from tests.unit.recipe.test_dockerfile import everything, project, service, tree_of

FILE = PurePosixPath("cmd/api/main.go")
HEAD = 'package main\n\nimport "os"\n\n'


def found(code: str) -> list[tuple[str, int, str, str]]:
    return [(f.kind, f.line, f.word, f.value) for f in scan(code, FILE)]


# ---- evidence


@pytest.mark.parametrize(
    ("code", "kind", "word", "value"),
    [
        ('import "os/user"', "user", "os/user", ""),
        ('import (\n\tu "os/user"\n)', "user", "os/user", ""),
        ("h, _ := os.UserHomeDir()", "home", "os.UserHomeDir", ""),
        ('os.MkdirTemp("", "x")', "temp", "os.MkdirTemp", ""),
        ('ioutil.TempFile("", "x")', "temp", "ioutil.TempFile", ""),
        ("filepath.Join(os.TempDir(), x)", "temp", "os.TempDir", ""),
        ('os.WriteFile("keeper.db", b, 0o600)', "writes", "os.WriteFile", "keeper.db"),
        ("os.MkdirAll(`/var/lib/x`, 0o755)", "writes", "os.MkdirAll", "/var/lib/x"),
        ('os.ReadFile("products.json")', "reads", "os.ReadFile", "products.json"),
        ('template.ParseGlob("templates/*.html")', "reads", "ParseGlob", "templates/*.html"),
        ('template.New("x").ParseFiles("a.html")', "reads", "ParseFiles", "a.html"),
        ('time.LoadLocation("Europe/Berlin")', "zones", "time.LoadLocation", ""),
        ("time.LoadLocation(name)", "zones", "time.LoadLocation", ""),
        ('exec.Command("git", "log")', "program", "exec.Command", "git"),
        ('exec.CommandContext(ctx, "sh", "-c", x)', "program", "exec.CommandContext", "sh"),
        ('exec.CommandContext(ctx,\n\t"sh")', "program", "exec.CommandContext", "sh"),
        ('http.ListenAndServe(":80", nil)', "port", "http.ListenAndServe", "80"),
        ('net.Listen("tcp", "0.0.0.0:443")', "port", "net.Listen", "443"),
    ],
)
def test_a_call_that_is_written_out_is_found(code: str, kind: str, word: str, value: str) -> None:
    ((kind_, _, word_, value_),) = found(code)
    assert (kind_, word_, value_) == (kind, word, value)


@pytest.mark.parametrize(
    "code",
    [
        '// os.MkdirTemp("", "x")',
        '/* import "os/user" */',
        "f := os.TempDir",
        'exec.CommandContext(f(), "sh")',
        'os.MkdirTemp(folder, "x")',
        "os.WriteFile(name, b, 0o600)",
        'os.WriteFile("a%d", b, 0o600)',
        'time.LoadLocation("UTC")',
        'time.LoadLocation("")',
        "myos.TempDir()",
        "x.os.TempDir()",
        'http.ListenAndServe(":8080", nil)',
        'net.Listen("tcp", ":0")',
        'net.Listen("unix", "/run/x:80")',
        'exec.Command("a b")',
        'os.Open(".")',
    ],
)
def test_what_is_no_call_or_needs_nothing_is_not_found(code: str) -> None:
    assert found(code) == []


def test_lines_are_those_of_the_source() -> None:
    assert found('/* a\nb */\n\n// c\nos.TempDir()\nos.MkdirTemp("", "")\n') == [
        ("temp", 5, "os.TempDir", ""),
        ("temp", 6, "os.MkdirTemp", ""),
    ]


@given(st.text())
def test_no_text_is_too_odd_to_be_scanned(text: str) -> None:
    for finding in scan(text, FILE):
        assert 1 <= finding.line <= text.count("\n") + 1


# ---- needs


def needed(code: str, *strategies: Strategy, files: tuple[str, ...] = (), **settings: Any) -> list[Need]:
    imports = frozenset(settings.pop("imports", ()))
    of = replace(service(), **settings)
    sources = Sources(findings=scan(code, FILE), imports=imports)
    return list(needs(of, strategies or tuple(Strategy), sources, lambda path: str(path) in files))


def lacking(code: str, **settings: Any) -> set[str]:
    (need,) = needed(code, **settings)
    return {str(strategy) for strategy in need.lacking}


TEMP, ZONES = 'os.MkdirTemp("", "x")', "time.LoadLocation(x)"


def test_temporary_files_lack_where_there_is_no_distribution_until_they_are_brought() -> None:
    assert lacking(TEMP) == {"scratch", "upx", "distalpine"}
    assert lacking(TEMP, tmp=True) == lacking(TEMP, env=(("TMPDIR", "/data"),)) == set()
    assert needed(TEMP)[0].answer == "`tmp: true` brings a /tmp"


def test_time_zones_lack_where_neither_the_base_nor_the_program_nor_a_key_has_them() -> None:
    assert lacking(ZONES) == {"scratch", "upx", "alpine", "prebuilt"}
    assert lacking(ZONES, zoneinfo=True) == set()
    assert lacking(ZONES, imports=["time/tzdata"]) == set()
    assert lacking(ZONES, build=BuildOptions(tags=("timetzdata",))) == set()
    own = {"strategy": Strategy.ALPINE, "base": "./base.Dockerfile"}
    assert lacking(ZONES, **own) == {"scratch", "upx", "prebuilt"}  # what that base has is not known


def test_the_user_is_known_everywhere_and_a_home_is_there_unless_the_environment_says_another() -> None:
    (user,) = needed('import "os/user"')
    assert (user.kind, user.lacking) == (Kind.USER, ())
    assert lacking("os.UserHomeDir()") == set()
    assert lacking("os.UserHomeDir()", env=(("HOME", "/state"),), data=("/state",)) == set()
    (home,) = needed("os.UserHomeDir()", Strategy.SCRATCH, env=(("HOME", "/state"),))
    assert (home.lacking, "HOME=/state" in home.answer) == ((Strategy.SCRATCH,), True)


@pytest.mark.parametrize(
    ("code", "settings", "answer"),
    [
        ('os.WriteFile("x.db", b, 0)', {}, "`workdir: /data` starts it in a folder of its own"),
        ('os.WriteFile("x.db", b, 0)', {"workdir": "/etc"}, "`workdir: /data` starts it in a folder of its own"),
        ('os.WriteFile("a/x.db", b, 0)', {"workdir": "/app"}, "`workdir: /data` starts it in a folder of its own"),
        ('os.MkdirAll("/var/lib/api", 0)', {}, "`data: [/var/lib/api]`"),
        ('os.Create("/var/lib/api/x")', {}, "`data: [/var/lib/api]`"),
        ('os.Create("/var/log/x.log")', {}, "`data: [/data]`, and tell the program to write there"),
    ],
)
def test_a_path_that_cannot_be_written_is_told_with_the_key(code: str, settings: dict[str, Any], answer: str) -> None:
    (need,) = needed(code, Strategy.SCRATCH, **settings)
    assert (need.lacking, need.answer) == ((Strategy.SCRATCH,), answer)


@pytest.mark.parametrize(
    ("code", "settings"),
    [
        ('os.WriteFile("x.db", b, 0)', {"workdir": "/app"}),
        ('os.WriteFile("a/x.db", b, 0)', {"workdir": "/data", "data": ("/data",)}),
        ('os.MkdirAll("/var/lib/api/x", 0)', {"volumes": ("/var/lib/api",)}),
        ('os.MkdirAll("/home/nonroot/.api", 0)', {}),
        ('os.Create("/tmp/x")', {"tmp": True}),
    ],
)
def test_a_path_that_can_be_written_is_no_lack(code: str, settings: dict[str, Any]) -> None:
    assert lacking(code, **settings) == set()


def test_root_writes_anywhere_and_what_the_kernel_mounts_is_not_looked_at() -> None:
    assert needed('os.WriteFile("x.db", b, 0)', user="0") == []
    assert needed('os.Create("/dev/null")') == []


def test_a_file_of_the_project_that_is_read_is_named_with_the_entry_that_brings_it() -> None:
    code = 'template.ParseGlob("templates/*.html")'
    (need,) = needed(code, Strategy.SCRATCH, files=("cmd/api/templates",), workdir="/app")
    assert need.answer == "`files: ['cmd/api/templates:/app/templates']`"
    brought = ExtraFile(source=PurePosixPath("cmd/api/templates"), target=PurePosixPath("/app/templates"))
    (need,) = needs(
        replace(service(), files=(brought,), workdir="/app"),
        [Strategy.SCRATCH],
        Sources(findings=scan(code, FILE), imports=frozenset()),
        lambda _: True,
    )
    assert need.lacking == ()
    assert needed(code) == []  # nothing of that name lies there: it is no file of the project


def test_another_program_lacks_where_nothing_but_the_service_is() -> None:
    assert lacking('exec.Command("git")') == {"scratch", "upx", "distalpine", "distroless"}
    assert "base: ./base.Dockerfile" in needed('exec.Command("git")')[0].answer
    assert lacking('exec.Command("sh", "-c", x)') == {"scratch", "upx", "distalpine", "distroless"}
    assert needed('exec.Command("api")') == []
    git = ExtraFile(source=PurePosixPath("git"), target=PurePosixPath("/usr/bin/git"))
    of = replace(service(), files=(git,))
    sources = Sources(findings=scan('exec.Command("git")', FILE), imports=frozenset())
    assert needs(of, [Strategy.SCRATCH], sources, lambda _: False) == ()


def test_a_low_port_is_told_of_truthfully_and_lacks_nothing() -> None:
    (need,) = needed('http.ListenAndServe(":80", nil)')
    assert need.lacking == ()
    assert "in Docker" in need.answer
    assert "Kubernetes" in need.answer
    assert [n.what for n in needed("", ports=("443", "8080", "53/udp"))] == ["port 443", "port 53"]
    assert needed('http.ListenAndServe(":80", nil)', user="0") == []


# ---- from a project, as text and JSON


@pytest.fixture
def of(tree: Tree) -> tuple[Any, GoTree]:
    root = tree(
        {
            "cmd/api/main.go": f'{HEAD}func main() {{ os.MkdirTemp("", "x") }}\n',
            "cmd/api/main_test.go": f'{HEAD}func x() {{ os.WriteFile("x", nil, 0) }}\n',
            "lib/lib.go": 'package lib\n\nimport "os/user"\n',
        }
    )
    made = replace(project(service()), root=root, context=root)
    packages = (
        _package("example.com/shop/cmd/api", "cmd/api", ("main.go",), ("example.com/shop/lib", "os")),
        _package("example.com/shop/lib", "lib", ("lib.go", "missing.go"), ("os/user",)),
    )
    return made, replace(tree_of(made.services), packages=packages)


def _package(path: str, folder: str, files: tuple[str, ...], imports: tuple[str, ...]) -> Package:
    return Package(
        import_path=path, name="main", directory=PurePosixPath(folder), build_root=PurePosixPath("."),
        cgo=False, embeds=(), imports=imports, files=files,
    )  # fmt: skip


def test_the_packages_of_a_service_are_read_and_tests_are_not(of: tuple[Any, GoTree], tmp_path: Any) -> None:
    made, tree = of
    found = service_needs(made, tree, everything(made), tmp_path / "history")
    assert telling.as_lines(found) == [
        "lacks     api: temporary files (os.MkdirTemp in cmd/api/main.go:5); not in distalpine, scratch, upx: "
        "`tmp: true` brings a /tmp",
        "needs     api: to know its user (os/user in lib/lib.go:3): every image knows it by /etc/passwd, USER and HOME",
    ]
    assert telling.lacking(found) == [
        "api seems to need temporary files (os.MkdirTemp in cmd/api/main.go:5); not in distalpine, scratch, upx: "
        "`tmp: true` brings a /tmp"
    ]
    assert telling.as_json(found)[1] == {
        "service": "api",
        "kind": "temp",
        "what": "temporary files",
        "found": [{"file": "cmd/api/main.go", "line": 5, "word": "os.MkdirTemp", "value": ""}],
        "lacking": ["distalpine", "scratch", "upx"],
        "answer": "`tmp: true` brings a /tmp",
    }


@pytest.mark.parametrize(("commands", "kinds"), [(("api",), ["user", "temp"]), (("api", "worker"), ["temp"])])
def test_what_the_last_build_linked_counts_where_it_was_of_that_command_alone(
    commands: tuple[str, ...], kinds: list[str], of: tuple[Any, GoTree], tmp_path: Any
) -> None:
    made, tree = of
    tree = replace(tree, packages=tree.packages[:1])
    work = GoRecord(
        platform="linux/amd64", packages=2, compiled=(), linked=(), actions=(("os", "a"), ("os/user", "b")),
        commands=tuple(GoCommandRecord(package=f"example.com/shop/cmd/{name}", packages=2) for name in commands),
    )  # fmt: skip
    record = RunRecord(
        id="20261124-201530-0473fa9c1", started=1.0, seconds=1.0, outcome=RunOutcome.DONE, command=(), project="shop", root="/",
        go=(work,),
    )  # fmt: skip
    with RunStore(tmp_path / "history") as store:
        store.add(record, None)
    found = service_needs(made, tree, everything(made), tmp_path / "history")
    assert [str(need.kind) for need in found["api"]] == kinds


def test_a_service_of_no_needs_says_nothing() -> None:
    of: Service = service()
    assert needs(of, list(Strategy), Sources(findings=(), imports=frozenset()), lambda _: True) == ()
