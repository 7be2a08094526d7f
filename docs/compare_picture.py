"""Writes docs/compare.png, the page of a recorded `gobake compare` in a browser: `python docs/compare_picture.py`.

Needs the harness's browser, as report_picture.py does; compare.json has the digest of the page that the picture shows.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from msgspec.structs import replace

from docs.comparison import comparison, recorded
from docs.report_picture import photographed
from gobake.report.html.compare import as_html

FILE = Path(__file__).parent / "compare.png"
DIGEST = FILE.with_suffix(".json")
SERVICE = "api"
WIDTH, HEIGHT = 1280, 1240


def page() -> str:
    """The page of one service, as `gobake compare api` would make it."""
    found = comparison(recorded())
    return as_html(replace(found, choices=tuple(one for one in found.choices if one.service == SERVICE), left_out=()))


def inputs() -> dict[str, str]:
    """What the picture shows: the run, and the digest of its page."""
    return {"run": comparison(recorded()).run, "page": hashlib.sha256(page().encode()).hexdigest()}


def main() -> None:
    photographed(page(), FILE, (WIDTH, HEIGHT))
    DIGEST.write_text(json.dumps(inputs(), indent=2) + "\n")
    print(f"{FILE.name}: run {inputs()['run']}")


if __name__ == "__main__":
    main()
