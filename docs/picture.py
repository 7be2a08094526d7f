"""Writes docs/picture.svg, the report of a project's run: `python docs/picture.py examples/shop [RUN]`."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from gobake.plan.discover import open_project
from gobake.plan.project import identity
from gobake.plan.request import ProjectRequest
from gobake.report.summary import print_summary
from gobake.runs.record import RunRecord
from gobake.runs.store import RunStore, default_folder

FILE = Path(__file__).parent / "picture.svg"
WIDTH = 100


def main(folder: str = "examples/shop", run: str = "last") -> None:
    with RunStore(default_folder(identity(open_project(ProjectRequest(directory=Path(folder))).project))) as store:
        record = store.get(run)
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text.from_ansi(f"$ gobake {' '.join(_typed(record))}\n{_report(record)}"))
    picture = console.export_svg(title="gobake", unique_id="gobake")  # a fixed id: same record, same bytes
    FILE.write_text(re.sub(r"\s*@font-face \{.*?\}", "", picture, flags=re.DOTALL))  # no font from the network
    print(f"{FILE.name}: run {record.id}")


def _report(record: RunRecord) -> str:
    """What the terminal showed at the end of the run, with its colours."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        print_summary(record, (), color="always")
    return printed.getvalue().rstrip()


def _typed(record: RunRecord) -> list[str]:
    """The command less the folder, which a reader's would not have."""
    words = list(record.command)
    if "-C" in words:
        at = words.index("-C")
        del words[at : at + 2]
    return words


if __name__ == "__main__":
    main(*sys.argv[1:])
