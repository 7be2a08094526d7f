"""Rewrites the generated parts of the pages: `python -m docs.update`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

from bench import tables
from gobake.caching.policy import policy_file
from gobake.config import reference
from gobake.model import Strategy
from gobake.report.quantities import size_text
from gobake.runs.record import from_json

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
SHOP = ROOT / "tests" / "unit" / "recorded" / "runs" / "edit.json.gz"  # a build of all its images


def sizes_markdown() -> str:
    """Sizes of the example's images by strategy and service, the smallest strategy first, as a run measured them."""
    targets = from_json(json.loads(gzip.decompress(SHOP.read_bytes()))).targets
    services = ("api", "worker", "shopctl", "migrate")
    found = {(t.strategy, t.service): next(s for s in t.sizes if s.platform == "linux/amd64") for t in targets}
    order = sorted(Strategy, key=lambda strategy: found[strategy, "worker"].compressed or 0)
    lines = [f"| | {' | '.join(f'`{service}`' for service in services)} |", "|---|---|---|---|---|"]
    for strategy in order:
        own = [found[strategy, service] for service in services]
        cells = [f"{size_text(one.compressed)} / {size_text(one.uncompressed)}" for one in own]
        lines.append(f"| `{strategy}` | {' | '.join(cells)} |")
    return "\n".join(lines)


PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {
        "headline": tables.headline,
        "figures-builds": tables.builds,
        "figures-commands": tables.commands,
        "figures-measured": tables.measured,
    },
    "docs/configuration.md": {"fields": reference.fields_markdown},
    "docs/caching.md": {"fields": policy_file.fields_markdown},
    "docs/strategies.md": {"fields": sizes_markdown, "figures-packed": tables.packed},
}


def updated(page: str, text: str) -> str:
    """The page with its generated parts as the code and the figures have them now."""
    for name, made in PAGES[page].items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, found_begin, rest = text.partition(begin)
        _, found_end, after = rest.partition(end)
        if not (found_begin and found_end):
            raise SystemExit(f"{page} has lost its markers {begin} and {end}")
        text = f"{before}{begin}\n\n{made().strip()}\n\n{end}{after}"
    return text


def main() -> None:
    for page in PAGES:
        old = (ROOT / page).read_text(encoding="utf-8")
        new = updated(page, old)
        if new != old:
            (ROOT / page).write_text(new, encoding="utf-8")
        print(f"{page}: {'rewritten' if new != old else 'up to date'}")


if __name__ == "__main__":
    main()
