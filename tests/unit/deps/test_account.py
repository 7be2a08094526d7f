"""What the account says beyond the graph: duplicates, versions that are asked for, why a module is there."""

from __future__ import annotations

import pytest

from gobake.deps.account import Known, account, asked_version, duplicates, why
from gobake.deps.built import Built
from gobake.deps.costs import Costs
from gobake.deps.licences import Licences
from gobake.gotool.linked import Linked, LinkedModule, LinkedPackage


def test_modules_of_several_major_versions_are_found() -> None:
    paths = ["a/x", "a/x/v2", "a/x/v10", "b/v2", "gopkg.in/yaml.v2", "gopkg.in/yaml.v3", "a/x/sub", "a/xv2"]
    assert duplicates(paths) == (("a/x", "a/x/v10", "a/x/v2"), ("gopkg.in/yaml.v2", "gopkg.in/yaml.v3"))


@pytest.mark.parametrize(
    ("by", "asked"),
    [
        ("", ("example.org/x", "v1.0.0")),
        ("example.org/fork@v1.2.0", ("example.org/fork", "v1.2.0")),
        ("./x", ("", "")),
        ("../x@v2", ("", "")),
        ("/srv/x", ("", "")),
    ],
)
def test_a_proxy_is_asked_about_what_is_in_use(by: str, asked: tuple[str, str]) -> None:
    assert asked_version(LinkedModule(path="example.org/x", version="v1.0.0", by=by)) == asked


def built(platform: str, *, more: tuple[str, ...] = ()) -> Built:
    packages = (
        LinkedPackage(path="p/one", imports=("x/a", *more), module="p"),
        LinkedPackage(path="p/two", imports=("fmt",), module="p"),
        LinkedPackage(path="x/a", imports=("fmt",), module="x"),
        LinkedPackage(path="y", imports=("x/a",), module="y"),
        LinkedPackage(path="fmt", imports=()),
    )
    modules = tuple(LinkedModule(path=path, version="v1.0.0", main=path == "p") for path in "pxy")
    return Built(
        platform=platform,
        services={"one": ("p/one",), "two": ("p/two",)},
        linked=Linked(packages=packages, modules=modules),
    )


def test_a_module_that_one_platform_needs_is_needed() -> None:
    known = Known(costs=Costs(), licences=lambda _module, _folder: Licences())
    alone = account("p", [built("linux/amd64")], known).modules
    assert [(one.path, one.without is not None) for one in alone] == [("x", True)]
    both = account("p", [built("linux/amd64"), built("linux/arm64", more=("y",))], known).modules
    assert {one.path: one.needed_by for one in both} == {"x": "y", "y": ""}


def test_why_is_answered_for_each_service_that_links_it() -> None:
    known = Known(costs=Costs(), licences=lambda _module, _folder: Licences())
    found = account("p", [built("linux/amd64"), built("linux/arm64", more=("y",))], known)
    assert [(one.service, one.platform, one.paths.shown) for one in why(found, "x", 5)] == [
        ("one", "linux/amd64", (("p/one", "x/a"),))
    ]
    assert [(one.service, one.platform) for one in why(found, "y", 5)] == [("one", "linux/arm64")]
    assert {one.service for one in why(found, "fmt", 5)} == {"one", "two"}
    assert why(found, "z", 5) == why(found, "", 5) == ()
