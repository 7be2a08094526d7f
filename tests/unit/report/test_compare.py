"""What is printed of images that are compared: in every width and format, whatever their names are."""

from __future__ import annotations

import json
import re

import pytest
from msgspec.structs import replace

from gobake.choosing.account import Built, Choice, Comparison, Row, advised, choices
from gobake.choosing.advice import advise
from gobake.choosing.facts import Manager, Packages
from gobake.choosing.scanners import Scanned, Scanner
from gobake.choosing.times import Seconds
from gobake.model import Strategy
from gobake.report.compare_json import as_json
from gobake.report.compare_markdown import as_markdown
from gobake.report.compare_text import lines
from gobake.report.html.compare import as_html
from gobake.starting.measure import Measured, Trial
from gobake.text.layout import cells
from tests.unit.choosing.test_account import ACCOUNT, ARM64, alpine, built
from tests.unit.choosing.test_advice import SHELL, TEMP, S
from tests.unit.choosing.test_advice import image as weight
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


# ---- what was measured by starting them


def started(found: Comparison, **measured: Measured) -> Comparison:
    """The comparison with what was measured of the images of a strategy."""

    def row(one: Row) -> Row:
        return replace(one, built=replace(one.built, measured=measured.get(str(one.strategy))))

    return replace(found, choices=tuple(replace(c, rows=tuple(map(row, c.rows))) for c in found.choices))


GOOD = Measured(
    asked="GET /healthz on port 8080",
    emulated=False,
    starts=(0.052, 0.041, 0.0385, 0.07, 0.041),
    memory=2_900_000,
    memory_of_five=14_400_000,
    read_only=Trial(works=True),
    no_capabilities=Trial(works=True),
    other_user=Trial(works=False, why="it ended with exit code 1", said=("permission denied",)),
)
BAD = Measured(asked="it runs", emulated=True, failure="it ended with exit code 2", said=("panic: no",))


def test_starts_are_a_table_with_notes() -> None:
    said = lines(started(compared(), alpine=GOOD, scratch=BAD), None, details=True)
    at = said.index(next(line for line in said if "OF FIVE" in line))
    assert said[at].split("  ")[0] == "STRATEGY"
    assert said[at + 1].split() == "alpine 41 ms 38-70 ms 2.9 MB 14.4 MB yes yes no".split()
    assert said[at + 2].split() == "scratch does not start - - - - - -".split()
    assert said[at + 3 : at + 7] == [
        "started until: GET /healthz on port 8080",
        "started until: it runs",
        "alpine as another user: it ended with exit code 1: permission denied",
        "scratch does not start: it ended with exit code 2: panic: no",
    ]
    assert not any("OF FIVE" in line for line in lines(compared(), None, details=True))


def test_the_page_and_markdown_have_the_starts_too() -> None:
    found = started(compared(), alpine=GOOD, scratch=BAD)
    page, text = as_html(found), as_markdown(found, details=True)
    for words in ("does not start", "panic: no", "38-70 ms", "GET /healthz on port 8080"):
        assert words in page
        assert words in text


def test_what_is_emulated_is_marked_and_what_is_unknown_is_said_to_be() -> None:
    emulated = replace(GOOD, emulated=True, memory_of_five=None, starts=())
    said = lines(started(compared(), alpine=emulated), None, details=True)
    assert any(line.split()[:6] == "alpine - emulated - 2.9 MB".split() and "unknown" in line for line in said)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_starts_fit_the_terminal(width: int) -> None:
    hostile = replace(BAD, failure=HOSTILE, said=(HOSTILE * 20,))
    said = lines(started(compared(), alpine=GOOD, scratch=hostile), width, details=True)
    words = [line for line in said if max(map(len, line.split()), default=0) < width]
    assert max(map(cells, words)) <= width
    page = as_markdown(started(compared(), scratch=hostile), details=True)
    assert "<script>" not in page
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", page)


def test_the_advice_against_upx_has_the_memory_that_was_measured() -> None:
    weights = [weight(S.SCRATCH), weight(S.UPX)]
    (out,) = advise(weights, []).ruled_out
    assert out.reason.text.endswith("instances share no pages")
    weights = [replace(weight(S.SCRATCH), memory=14_400_000), replace(weight(S.UPX), memory=61_000_000)]
    advice = advise(weights, [])
    assert advice.ruled_out[0].reason.text.endswith("no pages: 5 instances take 61.0 MB, and 14.4 MB in scratch")
    assert [one.strategy for one in advice.instead] == [S.UPX]


def test_json_has_all_that_was_measured() -> None:
    found = as_json(started(compared(), alpine=GOOD, scratch=BAD))
    strict("compare")(json.loads(json.dumps(found)))
    run, bad = (one["run"] for one in found["choices"][0]["images"])
    assert (run["median_seconds"], run["memory_bytes"]) == (0.041, {"one": 2_900_000, "five": 14_400_000})
    assert run["other_user"] == {"works": False, "why": "it ended with exit code 1", "said": ["permission denied"]}
    assert (bad["failure"], bad["starts_seconds"], bad["read_only"]) == ("it ended with exit code 2", [], None)
    assert as_json(compared())["choices"][0]["images"][0]["run"] is None


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
    assert "|---|---|---|---:|---:|---:|---:|---:|" in page
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
