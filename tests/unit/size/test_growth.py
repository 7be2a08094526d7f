"""What grew between two reports, who did it, and whether that is too much."""

from __future__ import annotations

import json
import random
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from gobake.config.gates import MostGrowth
from gobake.errors import UsageError
from gobake.insight.growth import Grown
from gobake.report import size as shown
from gobake.report.schemas import schema
from gobake.size.growth import SizeLimits, document, excess, side_of
from gobake.size.growth import grown as grown_of
from gobake.size.values import (
    ImageSize,
    KindSize,
    LayerSize,
    ModuleSize,
    PackageSize,
    ProgramSize,
    SizeReport,
    Twin,
    decoded,
)
from tests.unit.report.test_schemas import strict


def module(path: str, version: str, **packages: int) -> ModuleSize:
    found = tuple(PackageSize(package=f"{path}/{name}", bytes=size) for name, size in packages.items())
    return ModuleSize(module=path, version=version, bytes=sum(packages.values()), packages=found)


def program(*modules: ModuleSize, basis: str = "twin") -> ProgramSize:
    whole = sum(one.bytes for one in modules)
    return ProgramSize(
        path="/usr/local/bin/api",
        bytes=whole,
        packed_bytes=None,
        arch="amd64",
        go="go1.26.1",
        package="example.com/api",
        basis=basis,
        bss=0,
        modules=modules,
        kinds=(KindSize(kind="code", bytes=whole),),
    )


def report(*modules: ModuleSize, compressed: int | None = 1000) -> SizeReport:
    layer = LayerSize(
        instruction="COPY /out/ /",
        digest="",
        stored_bytes=900,
        bytes=3000,
        added=1,
        changed=0,
        removed=0,
        wasted_bytes=0,
    )
    image = ImageSize(
        platform="linux/amd64",
        digest="",
        compressed_bytes=compressed,
        bytes=3000,
        wasted_bytes=0,
        files=1,
        layers=(layer,),
    )
    return SizeReport(name="api scratch", image=image, program=program(*modules) if modules else None)


def grown(before: SizeReport, now: SizeReport) -> Grown:
    return grown_of(side_of(before), side_of(now))


STD = module("std", "go1.26.1", fmt=500, net=1500)
ZAP = module("go.uber.org/zap", "v1.27.0", core=600)


def test_the_module_that_grew_most_is_named_with_its_versions_and_its_package() -> None:
    newer = module("go.uber.org/zap", "v1.28.0", core=650, sinks=400)
    change = grown(report(STD, ZAP), report(STD, newer, compressed=1500))
    assert change.bytes == 500
    assert shown.growth_words(change) == (
        "500 B more than api scratch (1 kB); most of it in go.uber.org/zap: 450 B more, v1.27.0 → v1.28.0, "
        "in go.uber.org/zap/sinks"
    )


def test_the_culprit_is_right_in_all_of_thirty_bumps() -> None:
    chance = random.Random(7)
    names = [f"example.com/m{number}" for number in range(12)]
    for _ in range(30):
        before = [module(name, "v1.0.0", a=chance.randrange(1000, 90_000), b=chance.randrange(1000)) for name in names]
        bumped = chance.randrange(len(names))
        after = list(before)
        for other in range(len(names)):  # inlining shifts a few bytes everywhere
            after[other] = module(
                names[other], "v1.0.0", a=before[other].packages[0].bytes + chance.randrange(-200, 200), b=1
            )
        after[bumped] = module(names[bumped], "v1.1.0", a=before[bumped].bytes + chance.randrange(2000, 50_000))
        culprit = grown(report(*before), report(*after)).culprit
        assert culprit
        assert (culprit.module, culprit.before, culprit.version) == (names[bumped], "v1.0.0", "v1.1.0")


def test_what_belongs_to_no_module_is_the_culprit_only_where_no_module_grew() -> None:
    before, after = ModuleSize(module="", version="", bytes=10), ModuleSize(module="", version="", bytes=5000)
    grew = grown(report(STD, ZAP, before), report(STD, module("go.uber.org/zap", "v1.27.0", core=700), after))
    assert grew.culprit
    assert (grew.culprit.module, grew.culprit.bytes) == ("go.uber.org/zap", 100)
    alone = grown(report(STD, before), report(STD, after)).culprit
    assert alone
    assert alone.module == ""


def test_new_and_lost_modules_are_told() -> None:
    change = grown(report(STD, ZAP), report(STD, module("go.uber.org/multierr", "v1.11.0", x=100)))
    assert [(one.module, one.before, one.version, one.bytes) for one in change.modules] == [
        ("go.uber.org/multierr", "", "v1.11.0", 100),
        ("go.uber.org/zap", "v1.27.0", "", -600),
    ]


def test_names_of_different_evidence_are_not_compared() -> None:
    stripped = replace(report(STD), program=program(STD, ZAP, basis="functions"))
    assert grown(report(STD), stripped).modules == ()


@pytest.mark.parametrize(
    ("limits", "over"),
    [
        (SizeLimits(), None),
        (SizeLimits(largest=1500), None),
        (SizeLimits(largest=1499), 1),
        (SizeLimits(growth=MostGrowth(bytes=500)), None),
        (SizeLimits(growth=MostGrowth(bytes=400)), 100),
        (SizeLimits(growth=MostGrowth(share=0.5)), None),
        (SizeLimits(growth=MostGrowth(share=0.1)), 400),
        (SizeLimits(growth=MostGrowth(bytes=0)), 500),
    ],
)
def test_limits_are_of_the_compressed_image(limits: SizeLimits, over: int | None) -> None:
    now = report(STD, ZAP, compressed=1500)
    assert excess(limits, side_of(now), grown(report(STD, ZAP), now)) == over


def test_what_is_smaller_is_within_every_limit() -> None:
    now = report(STD, ZAP, compressed=500)
    assert excess(SizeLimits(growth=MostGrowth(bytes=0)), side_of(now), grown(report(STD, ZAP), now)) is None


# ---- documents


def test_the_document_is_as_its_schema_says_and_is_read_again(tmp_path: Path) -> None:
    now = replace(report(STD, ZAP), twin=Twin(seconds=1.5, packages=20, compiled=0), notes=("a note",))
    told = msgspec.to_builtins(document(now, grown(report(STD), now)))
    assert told["schema"] == 1
    strict("size")(json.loads(json.dumps(told)))
    assert set(schema("size")["required"]) == set(told)
    file = tmp_path / "size.json"
    file.write_text(json.dumps(told))
    assert decoded(file) == now


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"name": 1}', '{"name": "x", "image": {"bytes": -1}, "program": null}']
)
def test_another_document_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "size.json"
    file.write_text(text)
    with pytest.raises(UsageError, match="is not a report of `gobake size --format json`"):
        decoded(file)


def test_a_number_without_end_is_no_size(tmp_path: Path) -> None:
    told = msgspec.to_builtins(report(STD))
    told["image"]["bytes"] = 10**30
    file = tmp_path / "size.json"
    file.write_text(json.dumps(told))
    with pytest.raises(UsageError, match="is not a report"):
        decoded(file)


def test_names_of_others_stay_in_their_cell() -> None:
    hostile = module("example.com/a|b\n<img>", "v1\x1b[31m", p=10)
    text = shown.as_markdown(report(hostile), None, 10)
    assert "\x1b" not in text
    assert "| example.com/a&#124;b &#60;img&#62; |" in text


@pytest.mark.parametrize("width", [60, 80])
def test_the_tables_fit_the_terminal(width: int) -> None:
    from gobake.text.layout import arranged

    long = module("github.com/munneburger/goautoneg/v12", "v0.0.0-20191010083416-a7dc8b61c822", internal=100)
    for _, table in shown.tables(report(STD, ZAP, long), None, 10):
        assert all(len(line.text) <= width for line in arranged(table, width))
