"""go.mod and go.work as text, and where a project's modules lie."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobake.errors import ProjectError
from gobake.gotool.modfile import parse, read
from gobake.gotool.modules import find_root, layout, nested_modules, version_key
from tests.conftest import Tree

FILE = Path("/p/go.mod")


def mod(path: str, *lines: str, go: str = "1.21") -> str:
    return "\n".join([f"module {path}", "", f"go {go}", *lines, ""])


# ---- the text


def test_a_go_mod_is_read() -> None:
    found = parse(
        """\
module "example.com/app" // the app

go 1.26.1 // and no older

toolchain go1.26.3

require example.com/other v1.2.3 // indirect

replace (
\texample.com/a => ./a
\texample.com/b v1.0.0 => ../b
\texample.com/c => example.com/fork v1.0.0
\texample.com/d => /abs/d
)

replace example.com/e => `./with space`
""",
        FILE,
    )
    assert found.module == "example.com/app"
    assert (found.go, found.toolchain) == ("1.26.1", "go1.26.3")
    assert found.requires == (("example.com/other", "v1.2.3"),)
    assert found.replaces == (
        ("example.com/a", "./a"),
        ("example.com/b", "../b"),
        ("example.com/d", "/abs/d"),
        ("example.com/e", "./with space"),
    )


@pytest.mark.parametrize(
    ("lines", "vendor", "expected"),
    [
        ((), False, False),
        (("require (", "\texample.com/other v1.2.3", ")"), False, True),
        (("require example.com/other v1.2.3",), True, False),
        (("require example.com/lib v0.0.0", "replace example.com/lib => ./lib"), False, False),
        (("require example.com/fork v1.0.0", "replace example.com/fork => example.com/ours v1.0.0"), False, True),
    ],
    ids=["requires nothing", "requires another", "vendored", "replaced by a folder", "replaced by another module"],
)
def test_a_build_reads_other_modules_where_one_is_required_that_is_not_here(
    tree: Tree, lines: tuple[str, ...], vendor: bool, expected: bool
) -> None:
    files = {"go.mod": mod("example.com/app", *lines), "lib/go.mod": mod("example.com/lib")}
    root = tree({**files, **({"vendor/modules.txt": ""} if vendor else {})})
    assert layout(root).builds[0].downloads is expected


def test_a_workspace_reads_no_others_for_modules_that_it_uses(tree: Tree) -> None:
    root = tree(
        {
            "go.work": "go 1.26\n\nuse (\n\t./a\n\t./b\n)\n",
            "a/go.mod": mod("example.com/a", "require example.com/b v0.0.0"),
            "b/go.mod": mod("example.com/b"),
        }
    )
    assert not layout(root).builds[0].downloads


def test_a_go_work_is_read_in_either_form() -> None:
    assert parse("go 1.26\n\nuse ./a\nuse (\n\t./b // second\n\t../c\n)\n", FILE).uses == ("./a", "./b", "../c")
    assert parse("go 1.26\nuse ()\n", FILE).uses == ()


def test_windows_line_ends_and_a_block_in_odd_shape_are_read() -> None:
    assert parse("module  example.com/x\r\n\r\ngo 1.21\r\n", FILE).go == "1.21"
    assert parse("module ( \n  example.com/x\n)\n", FILE).module == "example.com/x"


@pytest.mark.parametrize("line", ["module", "go", "go 1.21 1.22", "toolchain a b", "module a b"])
def test_a_line_without_its_one_value_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(ProjectError, match=r"^/p/go\.mod:2: \w+ needs one value$"):
        parse(f"// hello\n{line}\n", FILE)


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    with suppress(ProjectError):
        parse(text, FILE)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_bytes(b"module \xff\n")
    with pytest.raises(ProjectError, match="is not UTF-8"):
        read(tmp_path / "go.mod")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("1.26", (1, 26, 0)),
        ("go1.26.3", (1, 26, 3)),
        ("1.26rc1", (1, 26, 0)),
        ("go1.26.3-custom", (1, 26, 3)),
        ("go1.26.3 X:nosomething", (0, 0, 0)),
        ("default", (0, 0, 0)),
        ("", (0, 0, 0)),
    ],
)
def test_versions_are_compared_as_numbers(text: str, key: tuple[int, int, int]) -> None:
    assert version_key(text) == key


# ---- the root


def test_the_root_is_the_nearest_module_above(tree: Tree) -> None:
    root = tree({"go.mod": mod("example.com/a"), "cmd/x/main.go": ""})
    assert find_root(root / "cmd" / "x") == root.resolve()


def test_a_workspace_counts_for_the_modules_that_it_uses_only(tree: Tree) -> None:
    root = tree(
        {
            "go.work": "go 1.21\n\nuse ./in\n",
            "in/go.mod": mod("example.com/in"),
            "out/go.mod": mod("example.com/out"),
        }
    )
    assert find_root(root / "in") == root.resolve()
    assert find_root(root / "out") == (root / "out").resolve()
    assert find_root(root) == root.resolve()


def test_gowork_off_hides_the_workspace_as_in_go(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree({"go.work": "go 1.21\n\nuse ./a\n", "a/go.mod": mod("example.com/a")})
    monkeypatch.setenv("GOWORK", "off")
    assert find_root(root / "a") == (root / "a").resolve()


def test_the_folder_of_a_gobake_yaml_is_the_root(tree: Tree) -> None:
    root = tree({"gobake.yaml": "", "services/a/go.mod": mod("example.com/a")})
    assert find_root(root / "services" / "a") == root.resolve()


def test_modules_below_make_a_root_too(tree: Tree) -> None:
    root = tree({"services/a/go.mod": mod("example.com/a")})
    assert find_root(root) == root.resolve()


def test_a_folder_without_any_module_is_refused(tree: Tree) -> None:
    root = tree({"README": ""})
    with pytest.raises(ProjectError, match=r"there is no Go module in .*go mod init"):
        find_root(root)
    with pytest.raises(ProjectError, match="is not a folder"):
        find_root(root / "nowhere")


def test_folders_that_go_passes_over_hold_no_modules(tree: Tree) -> None:
    skipped = ("vendor/x", "testdata", "node_modules/y", ".cache", "_old")
    files = {f"{folder}/go.mod": mod("example.com/x") for folder in (*skipped, "b", "a/deep")}
    root = tree(files)
    assert [str(d.relative_to(root)) for d in nested_modules(root)] == ["a/deep", "b"]


# ---- the layout


def test_a_module_on_its_own_is_its_own_context(tree: Tree) -> None:
    root = tree({"go.mod": mod("example.com/a", go="1.26.1")}).resolve()
    found = layout(root)
    assert (found.root, found.context) == (root, root)
    assert (found.go_version, found.go_requirement) == ("1.26", "1.26.1")


def test_the_highest_go_that_any_file_asks_for_counts(tree: Tree) -> None:
    root = tree(
        {
            "go.work": "go 1.22\n\nuse ./a\nuse ./b\n",
            "a/go.mod": mod("example.com/a", go="1.23.4"),
            "b/go.mod": mod("example.com/b", "toolchain go1.25.1"),
        }
    )
    assert layout(root).go_version == "1.25"
    assert layout(root, "1.24").go_version == "1.24"


def test_a_go_line_from_before_it_was_a_minimum_asks_for_any_go(tree: Tree) -> None:
    assert layout(tree({"go.mod": mod("example.com/a", go="1.17")})).go_version == "1"
    assert layout(tree({"go.mod": "module example.com/a\n"}, name="none")).go_version == "1"


def test_a_replace_of_a_replaced_module_does_not_count_as_in_go(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": mod("example.com/a", "replace example.com/b => ./b"),
            "b/go.mod": mod("example.com/b", "replace example.com/c => ../nowhere"),
        }
    )
    assert [m.path for m in layout(root).builds[0].modules] == ["example.com/a", "example.com/b"]


def test_a_replace_line_of_the_workspace_counts(tree: Tree) -> None:
    root = tree(
        {
            "p/go.work": "go 1.21\n\nuse ./a\nreplace example.com/b => ../b\n",
            "p/a/go.mod": mod("example.com/a"),
            "b/go.mod": mod("example.com/b"),
        }
    )
    found = layout(root / "p")
    assert [m.path for m in found.builds[0].replaced] == ["example.com/b"]
    assert found.context == root.resolve()


def test_a_replace_that_leads_nowhere_is_left_to_go(tree: Tree) -> None:
    root = tree(
        {"go.mod": mod("example.com/a", "replace example.com/b => ./b", "replace example.com/c => ./c"), "c/x": ""}
    )
    assert [m.path for m in layout(root).builds[0].modules] == ["example.com/a"]


def test_a_broken_workspace_is_refused(tree: Tree) -> None:
    with pytest.raises(ProjectError, match=r"go\.work: uses \./a, where there is no go\.mod; .*-dropuse=\./a"):
        layout(tree({"go.work": "go 1.21\nuse ./a\n"}))
    with pytest.raises(ProjectError, match="uses no module"):
        layout(tree({"go.work": "go 1.21\n"}, name="empty"))


def test_a_go_mod_without_a_module_line_is_refused(tree: Tree) -> None:
    with pytest.raises(ProjectError, match=r"go\.mod: has no module line"):
        layout(tree({"go.mod": "go 1.21\n"}))


def test_modules_that_share_the_file_systems_root_only_are_refused(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree({"go.mod": mod("example.com/a")})
    monkeypatch.setattr("gobake.gotool.modules.os.path.commonpath", lambda _: "/")
    with pytest.raises(ProjectError, match="have no common folder but the root of the file system"):
        layout(root)
