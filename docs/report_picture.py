"""Writes docs/report.png, the HTML report of a recorded run in a browser: `python docs/report_picture.py`.

Needs the harness's browser, so run it from the repository's folder with PYTHONPATH=. A PNG differs from browser to
browser; report.json has the digest of the page that it shows, by which a test tells when it is stale.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path

from gobake.insight.account import account
from gobake.insight.costs import last_costs
from gobake.insight.scorecard import scorecard, summary_of
from gobake.insight.trend import trends
from gobake.report.html.bundle import bundle
from gobake.report.html.page import Page, as_html
from gobake.runs.record import RunRecord, from_json

FILE = Path(__file__).parent / "report.png"
DIGEST = FILE.with_suffix(".json")
RECORDS = FILE.parent.parent / "tests" / "unit" / "recorded" / "runs"
NAMES = ("edit", "warm", "cold")  # newest first; the first one is shown
WIDTH, HEIGHT = 1280, 1400


def page(vega: str) -> str:
    runs = [_recorded(name) for name in NAMES]
    known = [summary_of(scorecard(run, runs[at + 1 :])) for at, run in enumerate(runs)]
    first, *before = runs
    told = account(first, before, known)
    costs = last_costs(first, before).packages
    return as_html(Page(account=told, runs=known, trends=trends(known), package_costs=costs), vega)


def inputs() -> dict[str, str]:
    """What the picture shows: the run, and the digest of its page without Vega."""
    return {"run": _recorded(NAMES[0]).id, "page": hashlib.sha256(page("").encode()).hexdigest()}


def _recorded(name: str) -> RunRecord:
    return from_json(json.loads(gzip.decompress((RECORDS / f"{name}.json.gz").read_bytes())))


def photographed(html: str, file: Path, size: tuple[int, int], ready: str = "true") -> None:
    """Write a picture of a page. ``ready``: JavaScript that is true once all is drawn."""
    from harness.browser import browser

    with tempfile.TemporaryDirectory() as folder, browser(Path(folder)) as tab:
        written = Path(folder) / "page.html"
        written.write_text(html, encoding="utf-8")
        tab.look(width=size[0], height=size[1])
        tab.open(written)
        tab.until(ready)
        tab.screenshot(file)


def main() -> None:
    os.environ["TZ"] = "UTC"
    time.tzset()
    photographed(page(bundle()), FILE, (WIDTH, HEIGHT), "document.documentElement.dataset.drawn === 'yes'")
    DIGEST.write_text(json.dumps(inputs(), indent=2) + "\n")
    print(f"{FILE.name}: run {inputs()['run']}")


if __name__ == "__main__":
    main()
