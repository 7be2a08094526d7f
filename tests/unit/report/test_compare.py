"""What is printed of images that are compared: in every width and format, whatever their names are."""

from __future__ import annotations

import json
import re

import pytest
from msgspec.structs import replace

from gobake.choosing.account import Built, Choice, Comparison, advised, choices
from gobake.choosing.facts import Manager, Packages
from gobake.choosing.scanners import Scanned, Scanner
from gobake.choosing.times import Seconds
from gobake.model import Strategy
from gobake.report.compare_json import as_json
from gobake.report.compare_markdown import as_markdown
from gobake.report.compare_text import lines
from gobake.report.html.compare import as_html
from gobake.text.layout import cells
from tests.unit.choosing.test_account import ACCOUNT, ARM64, alpine, built
from tests.unit.choosing.test_advice import SHELL, TEMP
from tests.unit.choosing.test_scanners import counts
from tests.unit.report.test_schemas import strict

HOSTILE = "evil|\n<script>`x`\x1b[31m\u202e"


def scratch(service: str) -> Built:
    layers = (ACCOUNT, (f"{service}-program", 50, "COPY /out/static/api/ /"))
    return built(service, Strategy.SCRATCH, base="", layers=layers)


def compared(*services: str, name: str = "") -> Comparison:
    images = []
    for service in services or ("api",):
        for image in (alpine(service, 4_000_000), scratch(service)):
            facts = replace(image.seen.facts, packages=Packages(manager=Manager.DPKG, count=None), user=name or "root")
            seen = replace(image.seen, facts=facts)
            image = replace(image, seen=seen, unpacked=9_000_000, base=image.base and (name or image.base))
            images.append(replace(image, seconds=Seconds(cold=1.25)))
    found = tuple(advised(choice, (SHELL, TEMP)) for choice in choices(images))
    return Comparison(project=name or "shop", run="20261129-1", choices=found, left_out=(f"{name} in upx: no",))


def test_one_service_is_shown_in_detail() -> None:
    said = lines(compared(), None, details=True)
    assert said[0] == "shop: 2 images of api for linux/amd64"
    (weight,) = [line.split() for line in said if line.startswith("alpine") and "alpine:3.22" in line]
    assert weight == "alpine 4 MB 9 MB 4 4 MB 1.2 s unknown alpine:3.22 (1.5 kB)".split()
    assert not any("WITH OTHERS" in line for line in said)  # none were compared
    assert "recommended: alpine" in said
    assert "  because the program seems to need to start sh (exec.Command in main.go:7)" in said
    assert "  not scratch: the program seems to need to start sh (exec.Command in main.go:7)" in said
    assert said[-1] == "left out: in upx: no"


def test_several_services_are_a_table_of_sizes_first() -> None:
    said = lines(compared("api", "worker"), None, details=False)
    assert said[2].split() == ["SERVICE", "alpine", "scratch"]
    assert [line.split()[0] for line in said[3:5]] == ["api", "worker"]
    assert "  api for linux/amd64: alpine" in said
    assert not any("EXECUTABLE" in line for line in said)
    detailed = lines(compared("api", "worker"), None, details=True)
    assert sum("EXECUTABLE" in line for line in detailed) == sum("WITH OTHERS" in line for line in detailed) == 2


def test_a_service_on_two_platforms_has_a_table_for_each() -> None:
    found = Comparison(project="p", run="r", choices=choices([alpine("api", 1), alpine("api", 2, platform=ARM64)]))
    assert found.services == ("api",)
    said = lines(found, None, details=True)
    assert said[0] == "p: 2 images of api for linux/amd64, linux/arm64"
    assert [line for line in said if line.startswith("api for ")] == ["api for linux/amd64", "api for linux/arm64"]
    sizes = lines(found, None, details=False)
    assert [line.split()[:2] for line in sizes if "linux/a" in line and " kB" in line] == [
        ["api", "linux/amd64"],
        ["api", "linux/arm64"],
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("details", [False, True])
def test_it_fits_the_terminal(width: int, *, details: bool) -> None:
    said = lines(compared("api", "worker"), width, details=details)
    assert max(map(cells, said)) <= width
    assert any(re.match(r"scratch .*static", line) for line in said) == details


def test_a_setting_that_the_image_needs_is_told() -> None:
    (choice,) = compared().choices
    one = Choice(service="api", platform=choice.platform, rows=choice.rows)
    found = Comparison(project="p", run="r", choices=(advised(one, (TEMP,)),))
    setting = "temporary files: `tmp: true` brings a /tmp (exec.Command in main.go:7)"
    assert f"  set it up: {setting}" in lines(found, None, details=True)
    assert f"  api for linux/amd64: scratch; {setting}" in lines(found, None, details=False)


def test_no_name_breaks_out_of_a_line_or_a_cell() -> None:
    found = compared("api", HOSTILE, name=HOSTILE)
    for details in (False, True):
        for line in lines(found, None, details=details):
            assert line.isprintable() or not re.search(r"[\x00-\x1f\u202e]", line)
        page = as_markdown(found, details=details)
        assert "<script>" not in page
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", page)
        tables = [line for line in page.splitlines() if line.startswith("|")]
        assert {line.count("|") for line in tables} <= {4, 10, 14}


def test_markdown_has_the_same_tables() -> None:
    page = as_markdown(compared(), details=True)
    assert "| strategy | compressed | unpacked | layers | with base | cold | warm | base |" in page
    assert "|---|---:|" in page
    assert "**recommended" in page
    assert "| service | alpine | scratch |" in as_markdown(compared("api", "worker"), details=False)


def test_json_is_as_its_schema_says() -> None:
    for found in (compared(), compared("api", "worker"), Comparison(project="p", run="r", choices=())):
        strict("compare")(json.loads(json.dumps(as_json(found))))
    (image, _) = as_json(compared())["choices"][0]["images"]
    assert image["compressed_bytes"] == sum(layer["bytes"] for layer in image["layers"]) + 7
    assert image["packages"] == {"manager": "dpkg", "count": None}
    assert (image["shell"], image["pull_bytes"]["with_others"]) == (None, None)


def test_what_is_not_stored_packed_has_no_bytes_of_layers() -> None:
    (choice,) = choices([alpine("api", 1, packed=False)])
    document = as_json(Comparison(project="p", run="r", choices=(advised(choice, ()),)))
    strict("compare")(document)
    assert {layer["bytes"] for layer in document["choices"][0]["images"][0]["layers"]} == {None}


# ---- scanners


def with_scans(
    found: Comparison, why: str = "no database", absent: tuple[Scanner, ...] = (Scanner.GRYPE,)
) -> Comparison:
    """Each image was scanned twice; one scanner failed."""
    scans = (
        Scanned(scanner=Scanner.TRIVY, counts=None, why=why),
        Scanned(scanner=Scanner.GOVULNCHECK, counts=counts(unknown=3)),
    )
    made = [
        replace(choice, rows=tuple(replace(row, built=replace(row.built, scans=scans)) for row in choice.rows))
        for choice in found.choices
    ]
    return replace(found, choices=tuple(made), absent=absent)


def test_counts_of_scanners_are_a_table_of_their_own() -> None:
    said = lines(with_scans(compared()), None, details=True)
    (head,) = [line.split() for line in said if "CRITICAL" in line]
    assert head == ["STRATEGY", "SCANNER", "CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN"]
    assert [line.split() for line in said if "govulncheck  " in line] == [
        ["alpine", "govulncheck", "0", "0", "0", "0", "3"],
        ["scratch", "govulncheck", "0", "0", "0", "0", "3"],
    ]
    assert ["scratch", "trivy", *["unknown"] * 5] in [line.split() for line in said]
    assert "trivy failed on api in alpine and api in scratch: no database" in said
    assert "not scanned with grype: not on this machine" in said
    assert any(line.startswith("govulncheck counts what is linked") for line in said)
    assert not any("CRITICAL" in line or "on this machine" in line for line in lines(compared(), None, details=True))


def test_counts_of_several_services_are_one_table() -> None:
    found = with_scans(compared("api", "worker"))
    said = lines(found, None, details=False)
    assert [line.split()[:3] for line in said if "govulncheck  " in line] == [
        [service, strategy, "govulncheck"] for service in ("api", "worker") for strategy in ("alpine", "scratch")
    ]
    assert "trivy failed on 4 images: no database" in said
    page = as_markdown(found, details=False)
    assert "| service | strategy | scanner | critical | high | medium | low | unknown |" in page
    assert "- trivy failed on 4 images: no database" in page
    assert "| strategy | scanner | critical |" in as_markdown(found, details=True)


def test_a_machine_without_scanners_says_so() -> None:
    found = replace(compared(), absent=tuple(Scanner))
    assert "not scanned with grype, trivy and govulncheck: not on this machine" in lines(found, None, details=True)
    assert not any("CRITICAL" in line for line in lines(found, None, details=True))
    assert "About the scanners" in as_html(found)


def test_scans_in_json_are_as_the_schema_says() -> None:
    document = as_json(with_scans(compared()))
    strict("compare")(json.loads(json.dumps(document)))
    assert document["scanners_absent"] == ["grype"]
    trivy, govulncheck = document["choices"][0]["images"][0]["vulnerabilities"]
    assert (trivy["critical"], trivy["error"]) == (None, "no database")
    assert (govulncheck["unknown"], govulncheck["error"]) == (3, None)
    assert as_json(compared())["choices"][0]["images"][0]["vulnerabilities"] is None


def test_no_words_of_a_scanner_break_out() -> None:
    found = with_scans(compared("api", "worker"), why=HOSTILE)
    for details in (False, True):
        assert not any(re.search(r"[\x00-\x1f\u202e]", line) for line in lines(found, None, details=details))
        assert "<script>" not in as_markdown(found, details=details)
    assert "<script>" not in as_html(found)
    assert "known vulnerabilities" in as_html(found).lower()


def test_without_scanners_the_overview_has_no_empty_table() -> None:
    found = replace(compared("api", "worker"), absent=tuple(Scanner))
    assert not any("CRITICAL" in line for line in lines(found, None, details=False))
    assert "critical" not in as_markdown(found, details=False)
