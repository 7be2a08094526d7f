"""Writes docs/picture.svg, what a terminal shows at the end of a recorded run: `python docs/picture.py [RECORD]`."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from gobake.report.summary import print_summary
from gobake.runs.record import RunRecord, from_json

FILE = Path(__file__).parent / "picture.svg"
RECORD = FILE.parent.parent / "tests" / "unit" / "recorded" / "runs" / "edit.json.gz"
WIDTH = 80


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def main(file: str = str(RECORD)) -> None:
    record = from_json(json.loads(gzip.decompress(Path(file).read_bytes())))
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    for line in shown(record):
        console.print(Text.from_ansi(line), soft_wrap=True)
    picture = console.export_svg(title="gobake", unique_id="gobake")  # a fixed id: same record, same bytes
    FILE.write_text(re.sub(r"\s*@font-face \{.*?\}", "", picture, flags=re.DOTALL))  # no font from the network
    print(f"{FILE.name}: run {record.id}")


def shown(record: RunRecord) -> list[str]:
    """The command and the end of the run, with their colours."""
    terminal, columns = _Terminal(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(WIDTH)
    try:
        with contextlib.redirect_stdout(terminal):
            print_summary(record, (), color="always")
    finally:
        os.environ.pop("COLUMNS")
        os.environ.update({"COLUMNS": columns} if columns else {})
    return [f"$ gobake {' '.join(_typed(record))}", *terminal.getvalue().splitlines()]


def _typed(record: RunRecord) -> list[str]:
    """The command less the folder, which a reader's would not have, and -q, which shows nothing."""
    words = [word for word in record.command if word not in ("-q", "--quiet")]
    if "-C" in words:
        at = words.index("-C")
        del words[at : at + 2]
    return words


if __name__ == "__main__":
    main(*sys.argv[1:])
