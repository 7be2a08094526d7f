"""What Go wrote: each text is the output of a real `go build`, 1.26."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobake.trace.golog import GoError, GoLog, Module, located, parse
from gobake.trace.steps import steps
from tests.unit.recorded import read

TYPES = """\
fmt
example.test/shop/types
# example.test/shop/types
types/main.go:9:2: declared and not used: x
types/main.go:10:17: cannot use 3 (untyped int constant) as string value in variable declaration
types/main.go:13:33: cannot use os.Stdout (variable of type *os.File) as interface{Read(int)} value in variable declaration: *os.File does not implement interface{Read(int)} (wrong type for method Read)
		have Read([]byte) (int, error)
		want Read(int)
"""
MANY = """\
# example.test/shop/many
many/main.go:13:2: undefined: u10
many/main.go:13:2: too many errors
"""
TWICE = """\
# example.test/shop/dup
dup/main.go:4:6: f redeclared in this block
	dup/main.go:3:6: other declaration of f
"""
LINK = """\
example.test/shop/link
# example.test/shop/link
main.main: relocation target example.test/shop/link.nothere not defined
"""
NO_MAIN = """\
# example.test/shop/nomain
runtime.main_main·f: function main is undeclared in the main package
"""
CGO_HEADER = """\
# example.test/shop/cgo
cgo/main.go:3:11: fatal error: nosuch.h: No such file or directory
    3 | // #include <nosuch.h>
      |           ^~~~~~~~~~
compilation terminated.
"""
CGO_C = """\
# example.test/shop/ctest
ctest/main.go: In function 'f':
ctest/main.go:3:31: error: 'y' undeclared (first use in this function)
    3 | // static int f(int x) { return y; }
      |                               ^
ctest/main.go:3:31: note: each undeclared identifier is reported only once for each function it appears in
"""
CGO_LINK = """\
# example.test/shop/clink
/usr/local/go/pkg/tool/linux_amd64/link: running gcc failed: exit status 1
/usr/bin/gcc -m64 -o $WORK/b001/exe/a.out /tmp/go-link-2713373083/go.o -lpthread -no-pie
/usr/bin/ld: /tmp/go-link-2713373083/000001.o: in function `_cgo_2cdfb9f67617_Cfunc_nosuchfunction':
/tmp/go-build/main.cgo2.c:56: undefined reference to `nosuchfunction'
collect2: error: ld returned 1 exit status

"""
CYCLE = """\
package example.test/shop/cyc/a
	imports example.test/shop/cyc/b from a.go
	imports example.test/shop/cyc/a from b.go: import cycle not allowed
"""
EMBED = "embed/main.go:5:12: pattern nosuch.txt: no matching files found\n"
MISSING = """\
missing/main.go:4:8: no required module provides package no.such/thing; to add it:
	go get no.such/thing
"""
EXCLUDED = "package example.test/shop/asm: build constraints exclude all Go files in /src/asm\n"
VET = """\
# example.test/shop/types
# [example.test/shop/types]
vet: ./main.go:10:17: cannot use 3 (untyped int constant) as string value in variable declaration
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MANY, "many/main.go:13:2: undefined: u10 example.test/shop/many"),
        (TWICE, "dup/main.go:4:6: f redeclared in this block example.test/shop/dup"),
        (LINK, "example.test/shop/link: relocation target example.test/shop/link.nothere not defined example.test/shop/link"),
        (NO_MAIN, "example.test/shop/nomain: function main is undeclared in the main package example.test/shop/nomain"),
        (CGO_HEADER, "cgo/main.go:3:11: nosuch.h: No such file or directory example.test/shop/cgo"),
        (CGO_C, "ctest/main.go:3:31: 'y' undeclared (first use in this function) example.test/shop/ctest"),
        (CGO_LINK, "example.test/shop/clink: undefined reference to `nosuchfunction' example.test/shop/clink"),
        (CYCLE, "example.test/shop/cyc/a: import cycle not allowed example.test/shop/cyc/a"),
        (EMBED, "embed/main.go:5:12: pattern nosuch.txt: no matching files found "),
        (MISSING, "missing/main.go:4:8: no required module provides package no.such/thing "),
        (EXCLUDED, "example.test/shop/asm: build constraints exclude all Go files in /src/asm example.test/shop/asm"),
        (VET, "./main.go:10:17: cannot use 3 (untyped int constant) as string value in variable declaration example.test/shop/types"),
    ],
)  # fmt: skip
def test_one_complaint(text: str, expected: str) -> None:
    assert [f"{error} {error.package}" for error in parse(text).errors] == [expected]


def test_a_complaint_without_a_column_has_none() -> None:
    text = "package example.test/shop\n\timports example.test/lib\n\tlib.go:7: pattern x.txt: no matching files found\n"
    (error,) = parse(text).errors
    assert (error.file, error.line, error.column) == ("lib.go", 7, 0)
    assert [(e.line, e.column) for e in parse("# example.test/shop\n./a.go:9: undefined: x\n").errors] == [(9, 0)]


def test_compiler_errors_in_order_with_what_was_compiled() -> None:
    log = parse(TYPES)
    assert log.compiled == ("fmt", "example.test/shop/types")
    assert [(e.line, e.column) for e in log.errors] == [(9, 2), (10, 17), (13, 33)]
    assert log.errors[-1].detail == ("have Read([]byte) (int, error)", "want Read(int)")


def test_the_way_of_an_import_cycle_is_kept() -> None:
    (error,) = parse(CYCLE).errors
    assert error.detail == ("imports example.test/shop/cyc/b from a.go", "imports example.test/shop/cyc/a from b.go")


def test_where_the_other_declaration_is() -> None:
    assert parse(TWICE).errors[0].detail == ("dup/main.go:3:6: other declaration of f",)


def test_downloads_and_the_go_command_s_own_complaints() -> None:
    log = parse(
        "go: downloading rsc.io/quote v1.5.2\ngo: downloading rsc.io/quote v1.5.2\ngo: downloading go1.27 (linux/amd64)\n"
        "go: go.mod requires go >= 1.99 (running go 1.26.6; GOTOOLCHAIN=local)\ngo: added x v1\n"
    )
    assert log.downloaded == (Module(path="rsc.io/quote", version="v1.5.2"),)
    assert log.complaints == ("go.mod requires go >= 1.99 (running go 1.26.6; GOTOOLCHAIN=local)",)


def test_the_same_complaint_of_two_platforms_is_told_once() -> None:
    assert len(parse(MANY + MANY).errors) == 1


def test_colours_and_carriage_returns_do_not_hide_an_error() -> None:
    assert (
        str(parse(b"# p\r\n\x1b[31mx/main.go:1:2: undefined: y\x1b[0m\r\n").errors[0]) == "x/main.go:1:2: undefined: y"
    )


def test_packages_of_a_recorded_cold_compile() -> None:
    trace = steps(read("cold"))
    for step in trace.steps:
        if "go build" in step.key:
            log = parse(trace.log(step))
            assert {"runtime", "fmt", "example.test/shop/api", "example.test/shop/worker"} < set(log.compiled)
            assert (len(log.compiled), log.errors) == (63, ())


def test_packages_of_a_recorded_edit() -> None:
    trace = steps(read("edit"))
    compiled = {parse(trace.log(step)).compiled for step in trace.steps if "go build" in step.key}
    assert compiled == {("example.test/shop/api",)}


# ---- places


@pytest.mark.parametrize(
    ("file", "build_root", "expected"),
    [
        ("api/main.go", ".", "/home/me/shop/api/main.go"),
        ("./main.go", "services/api", "/home/me/shop/services/api/main.go"),
        ("../lib/lib.go", "services/api", "/home/me/shop/services/lib/lib.go"),
        ("/src/api/main.go", "services/api", "/home/me/shop/api/main.go"),
        ("go.mod", ".", "/home/me/shop/go.mod"),
        ("../../../etc/x.go", ".", "../../../etc/x.go"),
        ("/go/pkg/mod/x@v1/x.go", ".", "/go/pkg/mod/x@v1/x.go"),
        ("/usr/local/go/src/fmt/print.go", ".", "/usr/local/go/src/fmt/print.go"),
        ("$WORK/b001/x.go", ".", "$WORK/b001/x.go"),
        ("", ".", ""),
    ],
)
def test_a_path_of_the_container_becomes_one_of_the_user_s_tree(file: str, build_root: str, expected: str) -> None:
    error = GoError(message="m", file=file, line=1)
    found = located(error, source="/src", build_root=PurePosixPath(build_root), context=Path("/home/me/shop"))
    assert found.file == expected


def test_paths_are_shown_from_where_the_user_is() -> None:
    error = GoError(message="m", file="api/main.go", line=1)
    place = {"source": "/src", "build_root": PurePosixPath("."), "context": Path("/home/me/shop")}
    assert located(error, shown_from=Path("/home/me/shop/api"), **place).file == "main.go"  # type: ignore[arg-type]
    assert located(error, shown_from=Path("/tmp"), **place).file == "/home/me/shop/api/main.go"  # type: ignore[arg-type]


LINES = st.sampled_from(
    [line for text in (TYPES, TWICE, LINK, CGO_C, CGO_LINK, CYCLE, MISSING, VET) for line in text.split("\n")]
)


@given(st.lists(LINES | st.text(max_size=40), max_size=20))
def test_any_log_is_read(lines: list[str]) -> None:
    log = parse("\n".join(lines))
    assert isinstance(log, GoLog)
    assert len(set(log.compiled)) == len(log.compiled)


def test_a_package_that_may_not_be_imported_is_told_with_its_place() -> None:
    said = "package example.com/round\n\tmain.go:3:8: use of internal package example.com/other/internal/secret not allowed\n"
    (error,) = parse(said).errors
    assert str(error) == "main.go:3:8: use of internal package example.com/other/internal/secret not allowed"
