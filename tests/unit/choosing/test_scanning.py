"""Scanners of this machine, run on copies of images: what they get, and what is told of those that fail or are absent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from gobake.choosing.gathering import wanted
from gobake.choosing.scanners import Scanned, Scanner
from gobake.choosing.scanning import GOVULNCHECK, Scans, Tools, scan, tools
from gobake.images import sources
from tests.unit.choosing.test_gathering import AMD64, TARGETS, Engine, record
from tests.unit.choosing.test_scanners import FUNCTION, counts, govulncheck, grype, match, trivy

IMAGES = wanted(TARGETS, record(), "", "latest")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for programs, which is the only one in PATH; the tree is the working folder."""
    for name in ("bin", "tree", "scratch"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path / "tree")
    return tmp_path


def program(place: Path, name: str, output: str, *, code: int = 0, err: str = "") -> Path:
    """A program that keeps its words, its folder and its environment, and copies the layout that it is given."""
    (place / f"{name}.out").write_text(output)
    kept = place / f"{name}.log"
    script = f"""#!/bin/sh
PATH=/usr/bin:/bin
echo "$@" >>{kept}
pwd >>{kept}
for word; do case $word in
  oci-dir:*) cp -r "${{word#oci-dir:}}/." {place}/{name}.layout ;;
  */layout) cp -r "$word/." {place}/{name}.layout ;;
  */scanned) cp "$word" {place}/{name}.scanned ;;
esac; done
cat {place}/{name}.out
echo '{err}' >&2
exit {code}
"""
    file = place / "bin" / name
    file.write_text(script)
    file.chmod(0o755)
    return kept


class Saved:
    """The engine's archive, as if its images start a program that they do not have."""

    def __init__(self, references: list[str], scratch: Path) -> None:
        self._saved = sources.saved_by_engine(references, scratch)

    def opened(self, reference: str, platform: object) -> sources.Opened:
        found = self._saved.opened(reference, AMD64)
        return replace(found, image=replace(found.image, entrypoint=("/missing",)))


def scanned(place: Path, vulndb: str = "") -> Scans:
    return scan(IMAGES, tools(vulndb), place / "scratch")


def test_grype_and_trivy_get_a_layout_with_the_image_alone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch)
    said = program(place, "grype", grype(match("CVE-1", "High"))), program(place, "trivy", trivy(("CVE-2", "a", "LOW")))
    found = scanned(place)
    assert found.absent == (Scanner.GOVULNCHECK,)
    one = (
        Scanned(scanner=Scanner.GRYPE, counts=counts(high=1)),
        Scanned(scanner=Scanner.TRIVY, counts=counts(low=1)),
    )
    assert found.found == (one, one)
    assert len(engine.saved) == 1
    layout = place / "scratch" / "layout"
    lines = [log.read_text().splitlines() for log in said]
    empty = str(place / "scratch" / "empty")
    assert lines[0] == [f"oci-dir:{layout} -o json -q", empty]  # both images are the same: scanned once
    assert lines[1] == [f"image --input {layout} --scanners vuln --format json --quiet", empty]
    for name in ("grype", "trivy"):
        copied = sources.layout(place / f"{name}.layout", AMD64)
        assert len(copied.image.layers) == 3
        assert copied.read({"/app": place / "app"}).files["app"].size == 10
        (root,) = json.loads((place / f"{name}.layout" / "index.json").read_text())["manifests"]
        assert root["platform"] == {"os": "linux", "architecture": "amd64"}


def test_govulncheck_gets_the_program_and_the_database(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(monkeypatch)
    said = program(place, "govulncheck", govulncheck(("GO-1", FUNCTION)))
    found = scanned(place, "file:///db")
    assert found.absent == (Scanner.GRYPE, Scanner.TRIVY)
    assert found.found[0] == (Scanned(scanner=Scanner.GOVULNCHECK, counts=counts(unknown=1)),)
    words = f"-mode=binary -format json -db file:///db {place}/scratch/scanned"
    assert said.read_text().splitlines() == [words, f"{place}/scratch/empty"]
    assert (place / "govulncheck.scanned").read_bytes() == b"#!/bin/sh\n"


def test_a_failure_is_unknown_with_its_last_line(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(monkeypatch)
    program(place, "grype", "", code=1, err="first\n\x1b[31munable to load the database")
    program(place, "trivy", "not JSON")
    grype_says, trivy_says = scanned(place).found[0]
    assert grype_says == Scanned(scanner=Scanner.GRYPE, counts=None, why="unable to load the database")
    assert trivy_says.counts is None
    assert trivy_says.why.startswith("its output is not understood: ")
    program(place, "trivy", "", code=3)
    (place / "again").mkdir()
    silent = scan(IMAGES, Tools(programs={Scanner.TRIVY: str(place / "bin" / "trivy")}), place / "again").found[0]
    assert [one.why for one in silent] == ["it ended with exit code 3"]


def test_govulncheck_is_built_where_only_go_is_there(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(monkeypatch)
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    go = place / "bin" / "go"
    go.write_text(
        f"""#!/bin/sh
if [ "$1" != install ]; then exit 1; fi
echo "$@ $GOFLAGS $GOWORK $PWD" >{place}/go.log
/bin/cp {place}/bin/govulncheck.built "$GOBIN/govulncheck" || /bin/mkdir "$GOBIN"
/bin/cp {place}/bin/govulncheck.built "$GOBIN/govulncheck"
"""
    )
    go.chmod(0o755)
    program(place, "govulncheck.built", govulncheck(("GO-1", FUNCTION)))
    found = scanned(place)
    assert found.found[0] == (Scanned(scanner=Scanner.GOVULNCHECK, counts=counts(unknown=1)),)
    assert (place / "go.log").read_text().split() == ["install", GOVULNCHECK, "off", str(place / "scratch" / "empty")]


def test_a_govulncheck_that_cannot_be_built_is_told_once_for_all(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(monkeypatch)
    program(place, "go", "", code=1, err="go: golang.org/x/vuln: dial tcp: no such host")
    why = "go: golang.org/x/vuln: dial tcp: no such host"
    assert scanned(place).found == 2 * ((Scanned(scanner=Scanner.GOVULNCHECK, counts=None, why=why),),)
    assert (place / "go.log").read_text().count("install") == 1


def test_an_image_without_a_program_is_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(monkeypatch)
    monkeypatch.setattr("gobake.choosing.scanning.saved_by_engine", Saved)
    program(place, "govulncheck", "")
    (first,) = scanned(place).found[0]
    assert (first.counts, first.why) == (None, "the image has no program that can be copied out")


def test_without_scanners_nothing_is_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch)
    assert scanned(place) == Scans(found=((), ()), absent=tuple(Scanner))
    assert engine.saved == []


def test_a_program_of_the_tree_is_no_scanner(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(place, "grype", grype())
    (place / "bin" / "grype").rename(place / "tree" / "grype")
    monkeypatch.setenv("PATH", f".:{place / 'bin'}:")
    assert tools().present == ()
