"""What is printed of dependencies, whatever their names are."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from gobake.deps.account import Account, Known, Replace, Without, account, why
from gobake.deps.built import Built
from gobake.deps.costs import Costs
from gobake.deps.licences import Licences
from gobake.deps.purposes import Needed, Notice, Shared
from gobake.deps.sizes import Program
from gobake.gotool.linked import Linked, LinkedModule, LinkedPackage
from gobake.gotool.upgrades import Upgrade, Upgrades
from gobake.report.deps_graph import as_dot, as_mermaid
from gobake.report.deps_json import as_json
from gobake.report.deps_text import lines, tree_lines, why_lines
from gobake.report.deps_words import age_text, remarks, version_texts
from gobake.text.layout import cells

HOSTILE = 'evil"]; x --> y\\" -> z\n<script>`#quot;\x1b[31m\u202e'


def linking(name: str = HOSTILE, count: int = 1) -> Account:
    """An account of a service that imports one module of that name, and a chain of others."""
    paths = [name, *(f"example.org/m{at}" for at in range(count))]
    packages = [LinkedPackage(path="p", imports=(name,), module="p")]
    for at, path in enumerate(paths):
        packages.append(LinkedPackage(path=path, imports=tuple(paths[at + 1 : at + 3]), module=path))
    modules = [
        LinkedModule(path="p", main=True),
        *(LinkedModule(path=path, version="v1.0.0", by=name) for path in paths),
    ]
    built = Built(
        platform="linux/amd64",
        services={"one": ("p",)},
        linked=Linked(packages=tuple(packages), modules=tuple(modules)),
    )
    told = Upgrade(newer=name, deprecated=name, retracted=(name,))
    known = Known(
        costs=Costs(seconds={("linux/amd64", name): 1.5}, runs=("20261129-1", "20261128-1")),
        licences=lambda _module, _folder: Licences(unknown=(name,)),
        upgrades=Upgrades(of={(name, ""): told, (name, "v1.0.0"): told}, error=name),
    )
    return account("p", (built,), known)


def test_no_name_ends_a_label_of_dot() -> None:
    for line in as_dot(linking()).splitlines()[3:-1]:
        assert re.fullmatch(
            r'  [ms]\d+ \[label="(?:[^"\\]|\\["\\])*"(?:, shape=ellipse)?\];|  [ms]\d+ -> m\d+;', line
        ), line


def test_no_name_ends_a_label_of_mermaid() -> None:
    for line in as_mermaid(linking()).splitlines()[1:]:
        node = r"""  m\d+\["[\w ./@+~#;-]*"\]|  s\d+\(\["[\w ./@+~#;-]*"\]\)"""
        assert re.fullmatch(rf"{node}|  [ms]\d+ --> m\d+", line), line
    assert "#quot;" not in as_mermaid(linking())  # its # is no beginning of a code


@pytest.mark.parametrize("width", [None, 60, 80])
def test_names_stay_on_their_lines_and_reach_no_terminal(width: int | None) -> None:
    found = linking()
    text = [*lines(found, width), *tree_lines(found), *why_lines(why(found, HOSTILE, 5), width)]
    assert not any(set(line) & set("\n\x1b\u202e") for line in text)
    plain = lines(linking("example.org/plain"), width)
    assert all(width is None or cells(line) <= width for line in plain)


def test_figures_of_packages_that_are_not_all_on_record_have_a_plus() -> None:
    said = "\n".join(lines(linking("example.org/x"), None))
    assert re.search(r"example\.org/x +v1\.0\.0 +1 +1\.5 s +-2 packages, -1\.5 s\+", said)
    assert "from run 20261129-1 and 1 earlier run" in said


def test_a_module_is_drawn_below_the_first_that_imports_it() -> None:
    drawn = list(tree_lines(linking("example.org/x", 3)))
    assert drawn[0] == "one"
    assert sum("(above)" in line for line in drawn) == 1
    assert [line for line in drawn if "m2" in line and "(above)" in line] == []  # nothing below it was left out


def test_a_large_graph_is_a_matter_of_moments() -> None:
    found = linking("example.org/x", 400)
    assert len(as_json(found)["modules"]) == 401
    assert len(list(tree_lines(found))) > 401


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("2024-01-01T00:00:00Z", "1 day"),
        ("2023-12-03T12:00:00+01:00", "29 days"),
        ("2022-12-03T12:00:00Z", "12 months"),
        ("2014-01-01T00:00:00Z", "10 years"),
        ("2030-01-01T00:00:00Z", "0 days"),
        ("yesterday", "unknown"),
        ("", "unknown"),
    ],
)
def test_ages_have_one_unit(moment: str, said: str) -> None:
    assert age_text(moment, 1704153600.0 + 36000.0) == said


def test_a_folder_has_no_age_and_nothing_newer() -> None:
    (folder,) = [replace(module, by="./x") for module in linking("example.org/x").modules[:1]]
    assert version_texts(folder, 0.0) == ("-", "-")
    assert version_texts(replace(folder, by="", upgrade=None), 0.0) == ("unknown", "unknown")


def test_a_fork_that_a_dependency_builds_with_is_named() -> None:
    plain = linking("example.org/x")
    ignored = (
        Replace(of="a", module="b", version="v1.0.0", by="fork/b@v1.0.1"),
        Replace(of="a", module="c", version="", by="../c"),
        Replace(of="c", module="a", version="", by="../a"),
    )
    told = remarks(replace(plain, known=replace(plain.known, ignored=ignored)))
    assert "the go.mod of a replaces b v1.0.0 by fork/b@v1.0.1; Go ignores that outside of that module" in told
    assert [line for line in told if "2 replace lines" in line]


def test_bytes_that_go_are_at_least_so_many_where_the_linker_is_not_known() -> None:
    def told(*, more: bool) -> str:
        found = linking("example.org/x")
        without = Without(packages=2, standard=0, modules=(), cost=found.own_cost, bytes=1_250_000, more=more)
        sizes = (Program(package="p", arch="amd64", packages={}),)
        module = replace(found.modules[0], without=without, held=())
        return "\n".join(lines(replace(found, modules=(module,), known=replace(found.known, sizes=sizes)), None))

    assert "-1.25 MB or more" in told(more=True)
    assert "gobake size --without" in told(more=True)
    assert "-1.25 MB" in told(more=False)
    assert "or more" not in told(more=False)


def test_modules_of_one_purpose_are_told_with_who_needs_each() -> None:
    notice = Notice(text="deprecated: use another", source="go.mod of a")
    a = Needed(module="a", services=("one", "two"), modules=("m", "n"), notice=notice)
    found = replace(
        linking("x"), shared=(Shared(purpose="YAML", modules=(a, Needed(module="b", services=(), modules=("m",)))),)
    )
    said = remarks(found)
    assert "a (for one, two, m and 1 more) and b (for m) are both linked for YAML" in said
    assert "a says of itself: deprecated: use another (go.mod of a)" in said
    assert as_json(found)["one_purpose"][0]["modules"][1] == {
        "path": "b",
        "services": [],
        "imported_by": ["m"],
        "notice": None,
    }
