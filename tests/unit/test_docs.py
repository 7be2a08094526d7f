"""The documentation says what the code does: its reference is fresh, its links lead somewhere, its examples parse."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from gobake.config import parse_config

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
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


def test_the_reference_of_keys_is_what_the_code_says() -> None:
    updated = runpy.run_path(str(DOCS / "update.py"))["updated"]
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert updated(page) == page, "run: python docs/update.py"


@pytest.mark.parametrize(("page", "link"), _links(), ids=lambda value: getattr(value, "name", value))
def test_a_relative_link_leads_somewhere(page: Path, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    assert target.exists(), f"{page.name} links to {link}"
    if anchor and target.suffix == ".md":
        assert anchor in _anchors(target), f"{target.name} has no heading #{anchor}"


@pytest.mark.parametrize("text", _blocks(DOCS / "configuration.md", "yaml"))
def test_an_example_of_a_configuration_is_one(text: str) -> None:
    parse_config(text.encode(), Path("gobake.yaml"))


def test_there_are_examples_to_check() -> None:
    assert _blocks(DOCS / "configuration.md", "yaml")
