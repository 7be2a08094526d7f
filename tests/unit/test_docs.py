"""The documentation says what the code does: its reference is fresh, its links lead somewhere, its examples parse."""

from __future__ import annotations

import html
import json
import os
import re
import runpy
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from docs import update
from docs.comparison import comparison
from docs.comparison import recorded as recorded_comparison
from gobake.cli import gobake
from gobake.config.loading import parse_config
from gobake.report import compare_json
from gobake.report.prometheus.families import COUNTERS, GAUGES
from tests.unit.cli.test_options import variables
from tests.unit.scoring import recorded

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY")),
    *sorted(DOCS.glob("*.md")),
]
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)


def _blocks(page: Path, language: str) -> list[str]:
    return [text for name, text in _FENCE.findall(page.read_text(encoding="utf-8")) if name == language]


def _anchor(heading: str) -> str:
    """A heading's address as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _anchors(page: Path) -> set[str]:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return {_anchor(line) for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def _links() -> list[tuple[Path, str]]:
    found = [(page, link) for page in PAGES for link in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))]
    return [(page, link) for page, link in found if not link.startswith(("http://", "https://", "mailto:"))]


_FROM_PYPI = re.compile(r"(?:pipx?|tool) install\s+(?:-\S+\s+)*['\"]?gobake(?:\[\w+\])?['\"]?(?![\w'\"/.\[-]| @)")


def test_nothing_advises_to_install_gobake_from_pypi_where_it_is_not() -> None:
    for text in ("pip install gobake", "pip install 'gobake[html]'", "uv tool install gobake[html]"):
        assert _FROM_PYPI.search(text)
    assert not _FROM_PYPI.search("pip install 'gobake[html] @ git+https://git.example.com/acme/gobake'")
    for file in (*PAGES, *(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.j2")):
        found = _FROM_PYPI.search(file.read_text(encoding="utf-8"))
        assert found is None, f"{file}: {found and found[0]}"


@pytest.mark.parametrize("name", update.PAGES)
def test_what_is_generated_is_what_the_code_and_the_figures_say(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    assert update.updated(name, page) == page, "run: python -m docs.update"


def test_the_picture_of_the_page_shows_what_the_page_is_today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    picture = runpy.run_path(str(DOCS / "report_picture.py"))
    assert json.loads(picture["DIGEST"].read_text()) == picture["inputs"](), "run: python docs/report_picture.py"


def test_the_picture_of_the_comparison_shows_what_its_page_is_today() -> None:
    picture = runpy.run_path(str(DOCS / "compare_picture.py"))
    assert json.loads(picture["DIGEST"].read_text()) == picture["inputs"](), "run: python docs/compare_picture.py"


def test_the_recorded_comparison_is_told_whole() -> None:
    document = recorded_comparison()
    assert _only(document, compare_json.as_json(comparison(document))) == document


def _only(shape: Any, found: Any) -> Any:
    """What is found under the keys of another document: later versions have more."""
    if isinstance(shape, dict) and isinstance(found, dict):
        return {key: _only(shape[key], found.get(key)) for key in shape}
    if isinstance(shape, list) and isinstance(found, list) and len(shape) == len(found):
        return [_only(one, other) for one, other in zip(shape, found, strict=True)]
    return found


@pytest.mark.parametrize("name", ["trust.svg", "data-flow.svg", "ci.svg"])
def test_texts_in_drawings_do_not_run_over_their_boxes(name: str) -> None:
    drawing = (DOCS / name).read_text(encoding="utf-8")
    boxes = [
        tuple(float(number) for number in found)
        for found in re.findall(
            r'<rect class="(?!a")[^"]*" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', drawing
        )
    ]
    assert boxes
    for x, y, text in re.findall(r'<text x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>', drawing):
        ends = float(x) + 7.7 * len(html.unescape(text))  # columns of most fonts at this size
        for left, top, width, height in boxes:
            if left <= float(x) <= left + width and top <= float(y) <= top + height:
                assert ends <= left + width, text


def test_the_picture_of_a_build_shows_what_a_build_prints() -> None:
    picture = runpy.run_path(str(DOCS / "picture.py"))
    said = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in picture["shown"](recorded("edit"))]
    drawn = re.findall(r"<text [^>]*>(.*?)</text>", picture["FILE"].read_text(encoding="utf-8"))
    drawn_words = html.unescape(" ".join(drawn[1:])).split()  # after the title
    assert drawn_words == " ".join(said).split(), "run: python docs/picture.py"


@pytest.mark.parametrize(("page", "link"), _links(), ids=lambda value: getattr(value, "name", value))
def test_a_relative_link_leads_somewhere(page: Path, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    assert target.exists(), f"{page.name} links to {link}"
    if anchor and target.suffix == ".md":
        assert anchor in _anchors(target), f"{target.name} has no heading #{anchor}"


# ---- examples


def _examples(language: str) -> list[tuple[Path, str]]:
    return [(page, text) for page in PAGES for text in _blocks(page, language)]


def _kind(text: str) -> str:
    """What an example of YAML is: a gobake.yaml, steps or a job of a CI, what uses a component, a file of Prometheus."""
    found = yaml.safe_load(text)
    if isinstance(found, list):
        return "steps"
    if {"scrape_configs", "groups"} & set(found):
        return "prometheus"
    if "steps" in found:
        return "steps"
    if "jobs" in found:
        return "workflow"
    if any("component" in one for one in found.get("include", ()) if isinstance(one, dict)):
        return "component"
    return "job" if any(isinstance(job, dict) and "script" in job for job in found.values()) else "gobake.yaml"


EXAMPLES = [(page, text, _kind(text)) for page, text in _examples("yaml")]


def _of_kind(*kinds: str) -> list[tuple[Path, str]]:
    return [(page, text) for page, text, kind in EXAMPLES if kind in kinds]


@pytest.mark.parametrize(("page", "text"), _of_kind("gobake.yaml"), ids=lambda value: getattr(value, "name", ""))
def test_an_example_of_a_configuration_is_one(page: Path, text: str) -> None:
    parse_config(text.encode(), Path("gobake.yaml"))


def test_there_are_examples_to_check() -> None:
    pages = {(page.name, kind) for page, _, kind in EXAMPLES}
    assert {("configuration.md", "gobake.yaml"), ("private-modules.md", "gobake.yaml")} <= pages
    assert {("caching.md", kind) for kind in ("gobake.yaml", "steps", "job")} <= pages
    assert {("gate.md", kind) for kind in ("gobake.yaml", "steps", "job")} <= pages
    assert ("metrics.md", "prometheus") in pages
    assert len(COMMANDS) > 60


# ---- commands


def _said(page: Path) -> Iterator[str]:
    """Lines of shells: those of a console behind the $, and what jobs of a CI run."""
    for text in _blocks(page, "console"):
        yield from re.findall(r"^\$ (.*)$", re.sub(r"\\\n\s*", " ", text), re.MULTILINE)
    for text in _blocks(page, "yaml"):
        found = yaml.safe_load(text)
        if _kind(text) in ("steps", "workflow"):
            yield from (line for step in _steps(found) if "run" in step for line in _lines(step["run"]))
        if _kind(text) == "job":
            yield from (line for job in found.values() for line in job["script"])


def _steps(found: Any) -> list[dict[str, Any]]:
    if isinstance(found, list):
        return found
    jobs = found["jobs"].values() if "jobs" in found else [found]
    return [step for job in jobs for step in job["steps"]]


def _lines(script: str) -> list[str]:
    """Lines of a script without GitHub's expressions, which stand for arguments."""
    return re.sub(r"\$\{\{.*?\}\}", "", re.sub(r"\\\n\s*", " ", script)).splitlines()


def _gobakes(line: str) -> Iterator[list[str]]:
    """The words behind each gobake of a line; variables stay as they are written."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.wordchars += "$:@%,+"
    lexer.commenters = "#"
    words: list[str] = []
    for word in [*lexer, ";"]:
        if not re.fullmatch(r"[();<>|&]+", word):
            words.append(word)
            continue
        while words and re.match(r"[A-Z_]+=", words[0]):
            del words[0]
        if words and words[0].rpartition("/")[2] == "gobake":
            yield words[1:]
        words = []


COMMANDS = [(page, words) for page in PAGES for line in _said(page) for words in _gobakes(line)]


@pytest.mark.parametrize(
    ("page", "words"), COMMANDS, ids=[f"{page.name}-{' '.join(words)[:60]}" for page, words in COMMANDS]
)
def test_a_command_that_is_shown_is_one(page: Path, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read as far as its options; nothing is done."""
    for name in [name for name in os.environ if name.startswith("GOBAKE_")]:
        monkeypatch.delenv(name)
    command: click.Command = gobake
    context = click.Context(gobake)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no command {words[0]}"
        command, words = found, words[1:]
    assert not isinstance(command, click.Group) or words in ([], ["--version"], ["--help"])
    if not isinstance(command, click.Group) and "--help" not in words:
        command.make_context(command.name, [re.sub(r'"?\$\w+"?', "x", word) for word in words])


@pytest.mark.parametrize(
    ("page", "text"), _of_kind("steps", "job", "workflow"), ids=lambda value: getattr(value, "name", "")
)
def test_a_variable_that_a_job_sets_is_one_of_gobakes(page: Path, text: str) -> None:
    assert set(re.findall(r"\bGOBAKE_[A-Z_]+", text)) <= set(variables())


@pytest.mark.parametrize(("page", "text"), _of_kind("workflow"), ids=lambda value: getattr(value, "name", ""))
def test_a_workflow_installs_gobake_before_it_runs(page: Path, text: str) -> None:
    found = yaml.safe_load(text)
    assert {"permissions", "jobs"} <= set(found)
    steps = _steps(found)
    assert all(("uses" in step) != ("run" in step) for step in steps)
    runs = [step.get("run", "") for step in steps]
    if any("/gobake@" in step.get("uses", "") for step in steps):
        return  # the action does it
    installs = next(at for at, run in enumerate(runs) if "install" in run and "gobake" in run)
    first = next(at for at, run in enumerate(runs) for line in _lines(run) if list(_gobakes(line)))
    checkout = next(at for at, step in enumerate(steps) if step.get("uses", "").startswith("actions/checkout@"))
    assert checkout < installs < first


@pytest.mark.parametrize(
    ("page", "text"), _of_kind("workflow", "component"), ids=lambda value: getattr(value, "name", "")
)
def test_what_a_pipeline_gives_the_action_or_the_component_is_taken(page: Path, text: str) -> None:
    found = yaml.safe_load(text)
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"]
    (component, _) = yaml.safe_load_all((ROOT / "templates" / "gobake.yml").read_text(encoding="utf-8"))
    for step in _steps(found) if "jobs" in found else ():
        assert "/gobake@" not in step.get("uses", "") or set(step["with"]) <= set(action)
    for included in found.get("include", ()):
        assert set(included["inputs"]) <= set(component["spec"]["inputs"])


# ---- metrics


def test_alerts_and_queries_name_metrics_that_there_are() -> None:
    page = DOCS / "metrics.md"
    rules = [text for text in _blocks(page, "yaml") if "groups" in yaml.safe_load(text)]
    assert len(rules) == 1
    expressions = [rule["expr"] for group in yaml.safe_load(rules[0])["groups"] for rule in group["rules"]]
    expressions += _blocks(page, "promql")
    assert len(expressions) == 3
    named = set(re.findall(r"\bgobake_\w+", " ".join(expressions)))
    assert named <= {metric.name for metric in (*GAUGES, *COUNTERS)}
    assert len(named) == 4


def test_prometheus_scrapes_where_the_metrics_are_served() -> None:
    (text,) = [t for t in _blocks(DOCS / "metrics.md", "yaml") if "scrape_configs" in yaml.safe_load(t)]
    (job,) = yaml.safe_load(text)["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    address, _, port = target.partition(":")
    assert ["metrics", "--listen", port] in [words for _, words in COMMANDS]
    assert f"http://{address}:{port}/metrics" in (DOCS / "metrics.md").read_text(encoding="utf-8")
