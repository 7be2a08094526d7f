"""Every file that Go reads is in the build, wherever it lies; and nothing that Go never reads is looked at."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.conftest import Gobake
from tests.engine.cases.making import (
    BOTH,
    Repository,
    calling,
    compiled,
    go,
    go_mod,
    profile,
    program,
    put,
    reading,
    said,
    settings_of,
    told,
)

# ---- symlinks


def test_symlinked_sources_are_compiled_and_their_edits_arrive(world: Gobake, repository: Repository) -> None:
    main = "package main\n\nfunc main() { println(text) }\n"
    root = repository(
        {
            **{f"cmd/{name}/main.go": main for name in ("ann", "bob", "cid")},
            "cmd/ann/text.go": 'package main\n\nconst text = "first"\n',
            "cmd/bob/text.go": "-> ../ann/text.go",
            "cmd/cid/text.go": "-> ../../_common/text.go",
            "_common/text.go": 'package main\n\nconst text = "common"\n',
        },
        module="example.com/linked",
    )
    world.good("build", "bob", cwd=root)
    assert said("bob:latest") == "first"
    world.good("build", cwd=root)
    assert [said(f"{name}:latest") for name in ("ann", "bob", "cid")] == ["first", "first", "common"]
    (root / "_common/text.go").write_text('package main\n\nconst text = "edited"\n')
    world.good("build", cwd=root)
    assert [said(f"{name}:latest") for name in ("ann", "bob", "cid")] == ["first", "first", "edited"]
    put(root, {"cmd/bob/text.go": "-> ../../_common/text.go"})
    world.good("build", cwd=root)
    assert said("bob:latest") == "edited"


def test_a_symlinked_folder_can_be_a_module(world: Gobake, repository: Repository) -> None:
    """By go.work and by replace; a folder that ./... would pass over is read through its link."""
    root = repository(
        {
            "go.work": "go 1.26\n\nuse .\n\nuse ./libs/one\n",
            "go.mod": go_mod(
                "example.com/through", "\nrequire example.com/two v0.0.0\n\nreplace example.com/two => ./libs/two\n"
            ),
            "main.go": 'package main\n\nimport (\n\t"example.com/one"\n\t"example.com/two"\n)\n\n'
            "func main() { println(one.Name, two.Name) }\n",
            "libs/one": "-> ../_real/one",
            "libs/two": "-> ../_real/two",
            "_real/one/go.mod": go_mod("example.com/one"),
            "_real/one/one.go": 'package one\n\nconst Name = "one"\n',
            "_real/two/go.mod": go_mod("example.com/two"),
            "_real/two/two.go": 'package two\n\nconst Name = "two"\n',
        },
        module="",
    )
    assert go(root, "build", "-o", os.devnull, ".").returncode == 0
    world.good("build", cwd=root)
    assert said("through:latest") == "one two"
    (root / "_real/two/two.go").write_text('package two\n\nconst Name = "new"\n')
    world.good("build", cwd=root)
    assert said("through:latest") == "one new"


def test_symlinks_in_extra_files_are_files_in_the_image(world: Gobake, repository: Repository) -> None:
    root = repository(
        {
            "main.go": reading("/etc/app.toml", "/srv/web/index.html", "/srv/web/logo.svg", "/srv/web/deep/page"),
            "config/current.toml": "-> profiles/prod.toml",
            "config/profiles/prod.toml": "production",
            "web/index.html": "index",
            "web/logo.svg": "-> ../assets/logo.svg",
            "web/deep": "-> ../assets/deep",
            "assets/logo.svg": "logo",
            "assets/deep/page": "deep",
        },
        module="example.com/assets",
        config="services:\n  assets:\n    files: ['config/current.toml:/etc/app.toml', 'web:/srv/web']\n",
    )
    world.good("build", cwd=root)
    assert said("assets:latest").split() == ["production", "index", "logo", "deep"]


def test_a_symlink_out_of_the_repository_is_refused_by_its_name(world: Gobake, repository: Repository) -> None:
    root = repository(
        {"main.go": reading("/etc/secret"), "secret": "-> ../outside"},
        module="example.com/leaving",
        config="services:\n  leaving:\n    files: ['secret:/etc/secret']\n",
    )
    (root.parent / "outside").write_text("of somebody else")
    ended = world("build", cwd=root)
    assert ended.code == 2
    assert "secret" in told(ended)


# ---- headers, assembly, profiles


ASSEMBLY = (
    '#include "textflag.h"\n#include "../constants/amd64.h"\n\n// func Add(x uint64) uint64\n'
    "TEXT ·Add(SB), NOSPLIT, $0-16\n\tMOVQ x+0(FP), AX\n\tADDQ $SEVEN, AX\n\tMOVQ AX, ret+8(FP)\n\tRET\n"
)


def test_assembly_may_include_a_header_of_a_folder_without_go_files(world: Gobake, repository: Repository) -> None:
    """An edit of that header arrives, although Go does not look at headers of other folders."""
    root = repository(
        {
            "main.go": calling("example.com/assembled/field", "field.Add(42)"),
            "field/add_amd64.s": ASSEMBLY,
            "field/add_amd64.go": "package field\n\nfunc Add(x uint64) uint64\n",
            "field/add_other.go": "//go:build !amd64\n\npackage field\n\nfunc Add(x uint64) uint64 { return x + 7 }\n",
            "constants/amd64.h": '#include "../constants/more/deep.h"\n',
            "constants/more/deep.h": "#define SEVEN 7\n",
        },
        module="example.com/assembled",
    )
    world.good("build", "--platform", BOTH, cwd=root)
    assert said("assembled:latest") == "49"
    (root / "constants/more/deep.h").write_text("#define SEVEN 8\n")
    world.good("build", cwd=root)
    assert said("assembled:latest") == "50"


CGO = (
    "package main\n\n// #cgo CFLAGS: -I${SRCDIR}/../../include\n"
    '// #include "../../shared/answer.h"\n// #include "unit.h"\n'
    'import "C"\n\nfunc main() { println(int(C.answer()) + int(C.UNIT)) }\n'
)


def test_c_headers_of_other_folders_are_found(world: Gobake, repository: Repository) -> None:
    root = repository(
        {
            "cmd/counting/main.go": CGO,
            "cmd/counting/impl.c": '#include "local/twice.inc"\nint answer(void) { return TWICE(BASE); }\n#include "tail.inl"\n',
            "cmd/counting/tail.inl": "\n",
            "cmd/counting/local/twice.inc": '#include "../../../shared/answer.h"\n#define TWICE(x) (2 * (x))\n',
            "shared/answer.h": "#define BASE 20\nint answer(void);\n",
            "include/unit.h": "#define UNIT 2\n",
        },
        module="example.com/counting",
        config="services:\n  counting:\n    strategy: debian-slim\n    build_env: {CGO_ENABLED: '1'}\n",
    )
    world.good("build", cwd=root)
    assert said("counting:latest") == "42"
    (root / "include/unit.h").write_text("#define UNIT 3\n")
    world.good("build", cwd=root)
    assert said("counting:latest") == "43"


def test_a_profile_beside_a_main_package_guides_its_compile_alone(
    world: Gobake, repository: Repository, tmp_path: Path
) -> None:
    root = repository(
        {
            "cmd/fast/main.go": calling("example.com/guided/work", "work.Sum(10)"),
            "cmd/plain/main.go": program("without a profile"),
            "work/work.go": "package work\n\nfunc Sum(n int) int { return step(n) + 1 }\n\n"
            "//go:noinline\nfunc step(n int) int { return n * 7 % 11 }\n",
        },
        module="example.com/guided",
    )
    functions = ("main.main", "example.com/guided/work.Sum", "example.com/guided/work.step")
    weight = time.time_ns() % 1_000_000  # of a profile that no cache knows
    (root / "cmd/fast/default.pgo").write_bytes(profile(*functions, weight=weight + 1000))
    world.good("build", cwd=root)
    assert "-pgo" in settings_of("fast:latest", tmp_path)
    assert "-pgo" not in settings_of("plain:latest", tmp_path)
    (root / "cmd/fast/default.pgo").write_bytes(profile(*functions, weight=weight + 2000))
    world.good("build", cwd=root)
    assert "example.com/guided/cmd/fast" in compiled(world, root)
    assert "example.com/guided/cmd/plain" not in compiled(world, root)
    (root / "cmd/fast/default.pgo").unlink()
    world.good("build", cwd=root)
    assert "-pgo" not in settings_of("fast:latest", tmp_path)


def test_an_object_file_that_go_would_link_is_not_left_out(world: Gobake, repository: Repository) -> None:
    """One that no linker reads: `go build` fails on it, so a build that works has left it out."""
    root = repository({"main.go": program("without"), "part_amd64.syso": "no object"}, module="example.com/objects")
    assert go(root, "build", "-o", os.devnull, ".", env={"GOARCH": "amd64", "GOOS": "linux"}).returncode != 0
    ended = world("build", cwd=root)
    assert ended.code == 4
