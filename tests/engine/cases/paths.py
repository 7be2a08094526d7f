"""Paths as people have them: symlinks on the way, spaces, brackets, quotes, umlauts."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import Gobake
from tests.engine.cases.making import (
    Repository,
    calling,
    git,
    go_mod,
    program,
    put,
    reading,
    said,
    services,
    told,
)

# ---- symlinks on the way to the checkout


def test_a_checkout_reached_by_a_symlink_builds_as_by_its_real_path(
    world: Gobake, repository: Repository, tmp_path: Path
) -> None:
    root = repository({"main.go": program("reached")}, module="example.com/reached")
    link = tmp_path / "link"
    link.symlink_to(root)
    assert services(world, link, env={"PWD": str(link)}) == ["reached"]
    world.good("build", cwd=link, env={"PWD": str(link)})
    assert said("reached:latest") == "reached"
    assert services(world, root, env={"PWD": str(root)}) == ["reached"]
    world.good("build", cwd=root)


def test_a_folder_above_may_be_a_symlink_and_gobake_may_be_started_below_the_root(
    world: Gobake, repository: Repository, tmp_path: Path
) -> None:
    root = repository(
        {
            "go.work": "go 1.26\n\nuse ./app\n\nuse ./lib\n",
            "app/go.mod": go_mod("example.com/below"),
            "app/cmd/below/main.go": calling("example.com/lib", "lib.Name"),
            "lib/go.mod": go_mod("example.com/lib"),
            "lib/lib.go": 'package lib\n\nconst Name = "by way of a link"\n',
        },
        module="",
        folder="real/deep/repository",
    )
    above = tmp_path / "above"
    above.symlink_to(tmp_path / "real")
    inside = above / "deep/repository/lib"
    assert services(world, inside, env={"PWD": str(inside)}) == ["below"]
    world.good("build", "-C", str(above / "deep/repository"), cwd=tmp_path, env={"PWD": str(tmp_path)})
    assert said("below:latest") == "by way of a link"
    assert services(world, root) == ["below"]


def test_pwd_of_another_folder_means_nothing(world: Gobake, repository: Repository, tmp_path: Path) -> None:
    other = repository({"main.go": program("other")}, module="example.com/other", folder="other")
    root = repository({"main.go": program("asked")}, module="example.com/asked")
    assert services(world, root, env={"PWD": str(other)}) == ["asked"]
    assert services(world, root, env={"PWD": "/nonexistent"}) == ["asked"]


# ---- names


def test_a_module_in_a_folder_with_a_space_builds_beside_extra_files(world: Gobake, repository: Repository) -> None:
    root = repository(
        {
            "go.work": 'go 1.26\n\nuse "./Order Service"\n',
            "Order Service/go.mod": go_mod("example.com/orders"),
            "Order Service/main.go": reading("/etc/orders.toml"),
            "config/orders.toml": "a = 1",
        },
        module="",
        config="services:\n  orders:\n    files: ['config/orders.toml:/etc/orders.toml']\n",
    )
    world.good("build", cwd=root)
    assert said("orders:latest") == "a = 1"


NAMES = (
    "a,b",
    "it's",
    "$HOME",
    "-dash",
    "größe",
    "[x]",
    "semi;colon",
    "two  spaces",
    "#hash",
    "!bang",
    "{brace}",
    "a=b",
    "%{x}",
)


def test_modules_in_folders_of_any_name_build_beside_extra_files(world: Gobake, repository: Repository) -> None:
    files = {"go.work": "go 1.26\n\n" + "".join(f'use "./{name}"\n\n' for name in NAMES), "config/any.toml": "any"}
    config = "services:\n"
    for number, name in enumerate(NAMES):
        files[f"{name}/go.mod"] = go_mod(f"example.com/odd{number}")
        files[f"{name}/main.go"] = reading("/etc/any.toml").replace("string(text)", f"{json.dumps(name)}, string(text)")
        config += f"  odd{number}:\n    files: ['config/any.toml:/etc/any.toml']\n"
    root = repository(files, module="", config=config)
    world.good("build", cwd=root)
    assert [said(f"odd{number}:latest") for number in range(len(NAMES))] == [f"{name} any" for name in NAMES]


def test_extra_files_of_any_name_are_where_they_are_asked_for(world: Gobake, repository: Repository) -> None:
    names = [name for name in NAMES if not name.startswith(("[", "{"))]
    paths = [f"/srv/{number}" for number in range(len(names))]
    lines = "".join(f"      - {_yaml(f'extra {n}/{n}:{p}')}\n" for n, p in zip(names, paths, strict=True))
    root = repository(
        {"main.go": reading(*paths), **{f"extra {name}/{name}": f"file of {name}" for name in names}},
        module="example.com/oddfiles",
        config=f"services:\n  oddfiles:\n    files:\n{lines}",
    )
    world.good("build", cwd=root)
    assert said("oddfiles:latest").splitlines() == [f"file of {name}" for name in names]


def _yaml(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# ---- embedded files


BRACKETED = (
    'package main\n\nimport "embed"\n\n'
    '//go:embed "pages/two words.txt" pages/größe.txt pages/\\[slug\\].html pages/[^a].md "pages/{a,b}.txt"\n'
    "var pages embed.FS\n\n//go:embed all:static\nvar static embed.FS\n\n"
    "func main() {\n"
    '\tfor _, name := range []string{"two words.txt", "größe.txt", "[slug].html", "z.md", "{a,b}.txt"} {\n'
    '\t\ttext, _ := pages.ReadFile("pages/" + name)\n\t\tprint(string(text), " ")\n\t}\n'
    '\ttext, _ := static.ReadFile("static/.well-known/part_test.go")\n\tprintln(string(text))\n}\n'
)


def test_embedded_files_of_any_name_in_a_checkout_of_any_name(world: Gobake, repository: Repository) -> None:
    """What .dockerignore and .gitignore say of them changes nothing; an edit of each arrives and is explained."""
    root = repository(
        {
            "main.go": BRACKETED,
            "pages/two words.txt": "two",
            "pages/größe.txt": "umlaut",
            "pages/[slug].html": "bracket",
            "pages/s.html": "another",
            "pages/z.md": "class",
            "pages/a.md": "excluded",
            "pages/{a,b}.txt": "brace",
            "static/.well-known/part_test.go": "test",
            ".dockerignore": "static\npages\n*.go\n",
            ".gitignore": "static/\n",
        },
        module="example.com/pages",
        folder="[team] job@2 übung,1/repository",
    )
    git(root.parent, "init", "-q", "-b", "main", root.name)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    world.good("build", cwd=root)
    assert said("pages:latest") == "two umlaut bracket class brace test"
    for path, text in (
        ("pages/[slug].html", "bracket"),
        ("pages/z.md", "class"),
        ("static/.well-known/part_test.go", "test"),
    ):
        put(root, {path: text.upper()})
        world.good("build", cwd=root)
        assert text.upper() in said("pages:latest")
        assert path in world.good("explain", cwd=root).out
    (root / "pages/a.md").write_text("still excluded")
    (root / "pages/s.html").write_text("still another")
    world.good("build", cwd=root)
    assert [s["name"] for s in world.last_run(root)["steps"] if s["outcome"] == "executed"] == []


def test_what_cannot_be_embedded_is_refused_in_gos_words(world: Gobake, repository: Repository) -> None:
    root = repository(
        {
            "main.go": 'package main\n\nimport _ "embed"\n\n//go:embed link.txt\nvar text string\n\nfunc main() { println(text) }\n',
            "link.txt": "-> real.txt",
            "real.txt": "real",
        },
        module="example.com/irregular",
    )
    ended = world("build", cwd=root)
    assert ended.code in (2, 4)
    assert "cannot embed irregular file link.txt" in told(ended)
