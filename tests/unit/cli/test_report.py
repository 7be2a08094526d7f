"""`gobake report` as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from gobake.cli import gobake
from gobake.errors import GateFailed, GobakeError
from gobake.report.html import bundle
from gobake.runs.store import RunStore
from tests.conftest import Tree
from tests.unit.invoked import history_of
from tests.unit.scoring import NAMES, recorded, run

HELLO = {"go.mod": "module example.com/hello\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"}

Report = Callable[..., Result]


@pytest.fixture
def root(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tree(HELLO)


@pytest.fixture
def store(root: Path) -> RunStore:
    return history_of(root)


@pytest.fixture
def report(root: Path) -> Report:
    return lambda *words: CliRunner().invoke(gobake, ["report", "-C", str(root), *words])


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the user is. Vega stands there kept, as it is after the first page, only shorter."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    kept = tmp_path / "cache" / "gobake" / f"vega-{metadata.version(bundle.PACKAGE)}.js"
    kept.parent.mkdir(parents=True)
    kept.write_text("window.kept = 1;")
    return tmp_path


@pytest.fixture
def filled(store: RunStore) -> None:
    for name in NAMES:
        store.add(recorded(name), [])


def _good(result: Result) -> str:
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.stdout


def _error(result: Result) -> str:
    assert isinstance(result.exception, GobakeError), f"{result.output}\n{result.exception!r}"
    assert result.exception.exit_code == 2
    return str(result.exception)


@pytest.mark.usefixtures("filled")
class TestOneRun:
    def test_the_last_run_is_shown_unless_another_is_named(self, report: Report) -> None:
        assert f"run {recorded('bare').id}: done in 94.9 s" in _good(report())
        assert f"run {recorded('edit').id}: done in 25.3 s" in _good(report(recorded("edit").id[:15]))

    def test_json_is_what_the_schema_says(self, report: Report) -> None:
        schema = json.loads(_good(CliRunner().invoke(gobake, ["schema", "report"])))
        document = json.loads(_good(report("--format", "json")))
        jsonschema.validate(document, schema)
        assert document["run"]["id"] == recorded("bare").id
        assert document["steps"]["weighted_hit_rate"] == pytest.approx(0.161, abs=0.001)

    def test_markdown_goes_to_a_file(self, report: Report, tmp_path: Path) -> None:
        file = tmp_path / "out.md"
        assert _good(report("--format", "markdown", "--output", str(file))) == ""
        assert "| steps | 52.3 % |" in file.read_text()
        assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".part")] == []

    def test_a_file_that_cannot_be_written_is_told_in_one_line(self, report: Report, tmp_path: Path) -> None:
        text = _error(report("--output", str(tmp_path / "no" / "such" / "file")))
        assert text.endswith("cannot be written: No such file or directory; name a file elsewhere")

    @pytest.mark.parametrize("form", ["text", "markdown", "json"])
    def test_a_run_is_compared_with_another(self, report: Report, form: str) -> None:
        text = _good(report("--compare", recorded("edit").id, "--format", form))
        assert recorded("edit").id in text
        assert "wall time" in text

    def test_a_run_is_compared_with_the_last_good_one_of_a_branch(self, report: Report, store: RunStore) -> None:
        store.add(run(branch="feature"), [])
        store.add(replace(run(branch="feature", at=1), outcome="failed"), [])
        document = json.loads(_good(report("--compare", "feature", "--format", "json")))
        assert (document["compare"]["other"], document["compare"]["branch"]) == (run().id, "feature")

    def test_a_run_is_never_compared_with_itself_by_its_branch(self, report: Report) -> None:
        document = json.loads(_good(report("--compare", "main", "--format", "json")))
        assert document["compare"]["other"] == recorded("exported").id

    def test_what_is_neither_run_nor_branch_is_told(self, report: Report) -> None:
        text = _error(report("--compare", "nosuch"))
        assert text.startswith("--compare: there is no run 'nosuch', and no run of a branch 'nosuch' went well")

    def test_a_run_that_is_not_there_is_told(self, report: Report) -> None:
        assert "there is no run '1999'; `gobake runs ls` lists them" in _error(report("1999"))


@pytest.mark.usefixtures("filled")
class TestManyRuns:
    def test_the_last_runs_and_how_the_branch_fares(self, report: Report) -> None:
        lines = _good(report("--last", "3")).splitlines()
        assert [line.split()[0] for line in lines[1:4]] == [recorded(n).id for n in ("bare", "exported", "edit")]
        assert len(lines) == 4, "three runs make no trend"

    def test_in_json_they_come_beside_the_newest(self, report: Report) -> None:
        document = json.loads(_good(report("--last", "3", "--format", "json")))
        jsonschema.validate(document, json.loads(_good(CliRunner().invoke(gobake, ["schema", "report"]))))
        assert [r["id"] for r in document["runs"]] == [recorded(n).id for n in ("bare", "exported", "edit")]
        assert document["trends"][0]["branch"] == "main"

    def test_in_markdown(self, report: Report) -> None:
        assert _good(report("--last", "2", "--format", "markdown")).count("\n| 2026") == 2

    @pytest.mark.parametrize("words", [("--compare", "main"), ("20261125",), ("--format", "prometheus")])
    def test_what_is_about_one_run_does_not_go_with_many(self, report: Report, words: tuple[str, ...]) -> None:
        assert "leave one out" in _error(report("--last", "3", *words))


@pytest.mark.usefixtures("filled")
class TestPage:
    def test_it_goes_to_a_file_and_says_where(self, report: Report, in_folder: Path) -> None:
        said = _good(report("--format", "html"))
        assert said == f"the report of run {recorded('bare').id} is in gobake-report.html\n"
        assert [p.name for p in in_folder.iterdir() if "report" in p.name] == ["gobake-report.html"]
        text = (in_folder / "gobake-report.html").read_text()
        assert text.startswith("<!DOCTYPE html>")
        assert text.endswith("</html>")
        assert "The last 5 runs" in text

    def test_a_run_an_earlier_one_and_the_length_of_the_history_are_chosen(
        self, report: Report, in_folder: Path
    ) -> None:
        words = ("--format", "html", "-o", "page.html", recorded("edit").id[:15], "--compare", "main", "--last", "3")
        assert f"run {recorded('edit').id} is in page.html" in _good(report(*words))
        text = (in_folder / "page.html").read_text()
        assert "The last 3 runs" in text
        assert f"Compared with run {recorded('bare').id}" in text

    def test_on_a_pipe_there_is_nothing_but_the_page(self, report: Report, in_folder: Path) -> None:
        assert "is in" not in _good(report("--format", "html", "-o", "/dev/null"))

    def test_a_page_that_git_would_list_is_told_once(
        self, report: Report, in_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("CI", raising=False)
        subprocess.run(["git", "init", "-q", str(in_folder)], check=True)
        told = "/gobake-report.html is not ignored by git: add it to .gitignore\n"
        assert report("--format", "html").stderr == told
        assert report("--format", "html", "--quiet").stderr == ""
        assert report("--format", "html", "-o", "/dev/null").stderr == ""
        (in_folder / ".gitignore").write_text("/gobake-report.html\n")
        assert report("--format", "html").stderr == ""

    @pytest.mark.parametrize(
        ("around", "opens"),
        [
            ({"DISPLAY": ":0"}, True),
            ({"WAYLAND_DISPLAY": "x"}, True),
            ({}, False),
            ({"DISPLAY": ":0", "CI": "1"}, False),
        ],
    )
    def test_a_page_is_opened_where_there_is_a_browser(
        self, report: Report, in_folder: Path, monkeypatch: pytest.MonkeyPatch, around: dict[str, str], opens: bool
    ) -> None:
        for name in ("CI", "DISPLAY", "WAYLAND_DISPLAY"):
            monkeypatch.delenv(name, raising=False)
        for name, value in around.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "platform", "linux")
        opened: list[str] = []
        monkeypatch.setattr(webbrowser, "open", opened.append)
        assert "is in gobake-report.html" in _good(report("--open"))
        assert opened == ([(in_folder / "gobake-report.html").resolve().as_uri()] if opens else [])

    def test_only_a_page_is_opened(self, report: Report) -> None:
        assert (
            _error(report("--open", "--format", "json")) == "--open opens a page, and --format is json; leave one out"
        )

    def test_without_vega_it_says_what_to_install(
        self, report: Report, in_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bundle, "PACKAGE", "no-such-package")
        assert _error(report("--format", "html")) == (
            "the HTML report needs Vega, which is not installed; "
            "install gobake with its extra `html`, in the folder of its sources: uv tool install '.[html]'"
        )
        assert not list(in_folder.glob("*.html"))

    def test_vega_is_taken_out_of_its_package_once(
        self, report: Report, in_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (kept,) = (in_folder / "cache" / "gobake").glob("vega-*.js")
        kept.unlink()
        _good(report("--format", "html"))
        page = in_folder / "gobake-report.html"
        assert kept.read_text() in page.read_text()
        assert 800_000 < page.stat().st_size < 2_000_000
        monkeypatch.setitem(sys.modules, "vl_convert", None)
        page.unlink()
        _good(report("--format", "html"))
        assert kept.read_text() in page.read_text()


class TestGate:
    """Limits on the command line, for a run on record."""

    @pytest.fixture(autouse=True)
    def _first_run(self, store: RunStore) -> None:
        store.add(recorded("cold"), [])

    @pytest.mark.parametrize("words", [(), ("--min-hit-rate", "none")])
    def test_without_a_limit_nothing_is_judged(self, report: Report, words: tuple[str, ...]) -> None:
        assert "gate" not in report(*words).stderr
        _good(report(*words))

    def test_a_run_that_misses_a_limit_fails_after_it_was_shown(self, report: Report) -> None:
        ended = report("--min-hit-rate", "100%")
        assert isinstance(ended.exception, GateFailed)
        assert f"run {recorded('cold').id}" in ended.stdout

    def test_a_run_may_be_exempt(self, report: Report) -> None:
        _good(report("--min-hit-rate", "100%", "--gate-exempt", "go-version", "--gate-exempt", "first-run,modules"))

    def test_gobake_yaml_completes_what_is_asked(self, report: Report, root: Path) -> None:
        (root / "gobake.yaml").write_text("gate: {min_hit_rate: 100%}\n")
        _good(report())
        with pytest.raises(GateFailed):
            raise report("--no-require-cache").exception or AssertionError


class TestBadHistory:
    @pytest.mark.parametrize("words", [(), ("--last", "3"), ("--format", "json"), ("--compare", "main")])
    def test_without_runs_it_says_what_to_do(self, report: Report, words: tuple[str, ...], store: RunStore) -> None:
        assert _error(report(*words)) == f"no run is on record in {store.folder}; build something: gobake build"

    def test_a_damaged_run_hides_no_other(self, report: Report, store: RunStore) -> None:
        store.add(recorded("edit"), [])
        store.add(replace(recorded("warm"), id="20991125-053208-da7135"), [])
        store._cache.set("20991125-053208-da7135", {"schema": 1, "id": 3})
        assert "run 20991125-053208-da7135 is damaged" in _error(report())
        assert recorded("edit").id in _good(report("--last", "3"))

    def test_a_run_of_a_newer_schema_is_told(self, report: Report, store: RunStore) -> None:
        store.add(replace(run(), schema=2), [])
        assert "has schema 2, and this gobake reads up to 1; use a newer one" in _error(report())


def test_the_command_line_imports_no_printing_before_it_is_needed() -> None:
    program = (
        "import sys, gobake.cli.report; print([m for m in sys.modules if m.split('.')[0] == 'rich' or '.report.' in m])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
