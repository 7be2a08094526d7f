"""Rewrites the generated part of docs/configuration.md: `python docs/update.py`."""

from __future__ import annotations

from pathlib import Path

from gobake.config.reference import fields_markdown

FILE = Path(__file__).parent / "configuration.md"
BEGIN, END = "<!-- fields -->", "<!-- /fields -->"


def updated(text: str) -> str:
    """The page with the reference of all keys as the code has it now."""
    before, found_begin, rest = text.partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not (found_begin and found_end):
        raise SystemExit(f"{FILE} has lost its markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{fields_markdown().strip()}\n\n{END}{after}"


def main() -> None:
    old = FILE.read_text(encoding="utf-8")
    new = updated(old)
    if new != old:
        FILE.write_text(new, encoding="utf-8")
    print(f"{FILE.name}: {'rewritten' if new != old else 'up to date'}")


if __name__ == "__main__":
    main()
