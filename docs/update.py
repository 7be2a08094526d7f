"""Rewrites the generated parts of the pages: `python -m docs.update`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

from bench import tables
from docs.comparison import comparison, recorded
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


# What each strategy is, in the order of README's table
STRATEGIES = {
    Strategy.SCRATCH: (
        "the static binary, certificates, a plain user; the default",
        "the smallest image with no surprises",
    ),
    Strategy.DISTROLESS: ("the binary on distroless", "a base that its publisher patches"),
    Strategy.ALPINE: ("the binary on alpine", "a shell and `apk` at hand"),
    Strategy.DEBIAN_SLIM: ("the binary on debian slim", "glibc, a shell, `apt`"),
    Strategy.DISTALPINE: (
        "`scratch` plus the loader and libraries of a dynamic binary, certificates and time zones",
        "cgo without a distribution",
    ),
    Strategy.UPX: (
        "`scratch` with the binary packed by UPX",
        "little disk space; [starts slower](docs/strategies.md#sizes)",
    ),
    Strategy.PREBUILT: ("a binary compiled outside of the build, on alpine", "another compile step"),
    Strategy.SINGLE_STAGE: ("`FROM golang`, with sources and toolchain", "a baseline to compare with"),
}


def strategies_markdown() -> str:
    """The strategies, with what `gobake compare` told of the example's api."""
    (choice,) = [one for one in comparison(recorded()).choices if one.service == "api"]
    rows = {row.strategy: row for row in choice.rows}
    lines = ["| strategy | image | good for | download | on disk | shell |", "|---|---|---|---:|---:|---|"]
    for strategy, (image, good) in STRATEGIES.items():
        row = rows[strategy]
        sizes = f"{size_text(row.built.compressed)} | {size_text(row.built.unpacked)}"
        shell = "yes" if row.facts.shell else "no"
        lines.append(f"| `{strategy}` | {image} | {good} | {sizes} | {shell} |")
    return "\n".join(lines)


PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {
        "headline": tables.headline,
        "strategies": strategies_markdown,
        "figures-builds": tables.builds,
        "figures-commands": tables.commands,
        "figures-measured": tables.measured,
    },
    "docs/ci.md": {"figures-pipelines": tables.pipelines},
    "docs/configuration.md": {"fields": reference.fields_markdown},
    "docs/caching.md": {"fields": policy_file.fields_markdown},
    "docs/strategies.md": {"fields": sizes_markdown, "figures-image": tables.image, "figures-packed": tables.packed},
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
