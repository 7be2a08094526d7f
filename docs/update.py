"""Rewrites the generated parts of the pages: `python docs/update.py`."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from gobake.caching.policy import policy_file
from gobake.config import reference
from gobake.model import Strategy
from gobake.report.quantities import size_text
from gobake.runs.record import from_json

FOLDER = Path(__file__).parent
BEGIN, END = "<!-- fields -->", "<!-- /fields -->"
SHOP = FOLDER.parent / "tests" / "unit" / "recorded" / "runs" / "edit.json.gz"  # a build of all its images


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


PAGES = {
    "configuration.md": reference.fields_markdown,
    "caching.md": policy_file.fields_markdown,
    "strategies.md": sizes_markdown,
}


def updated(name: str, text: str) -> str:
    """The page with the reference of its keys as the code has it now."""
    before, found_begin, rest = text.partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not (found_begin and found_end):
        raise SystemExit(f"{name} has lost its markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{PAGES[name]().strip()}\n\n{END}{after}"


def main() -> None:
    for name in PAGES:
        old = (FOLDER / name).read_text(encoding="utf-8")
        new = updated(name, old)
        if new != old:
            (FOLDER / name).write_text(new, encoding="utf-8")
        print(f"{name}: {'rewritten' if new != old else 'up to date'}")


if __name__ == "__main__":
    main()
