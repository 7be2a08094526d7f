"""Rewrites the generated parts of the pages: `python docs/update.py`."""

from __future__ import annotations

from pathlib import Path

from gobake.caching.policy import policy_file
from gobake.config import reference

FOLDER = Path(__file__).parent
BEGIN, END = "<!-- fields -->", "<!-- /fields -->"
PAGES = {"configuration.md": reference.fields_markdown, "caching.md": policy_file.fields_markdown}


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
