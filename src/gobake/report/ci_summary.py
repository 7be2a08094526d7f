"""Writes the summary of a run for CI: GitHub's job page, a file for GitLab's artifacts. Never fails a build."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gobake.files import atomic
from gobake.runs.record import RunRecord

GITLAB_FILE = "gobake-report.md"


def wanted(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("GITHUB_STEP_SUMMARY") or environ.get("GITLAB_CI"))


def summarise(record: RunRecord, history: Path, root: Path, environ: Mapping[str, str]) -> list[str]:
    """Write the summary for this CI. Returns lines for the user. ``history``: the folder of the run store."""
    try:
        text = _text(record, history)
        notes = []
        if github := environ.get("GITHUB_STEP_SUMMARY"):
            with Path(github).open("a", encoding="utf-8") as page:
                page.write(text + "\n")
        if environ.get("GITLAB_CI"):
            atomic.write_in_tree(root / GITLAB_FILE, text)
            notes.append(f"the run's figures are in {GITLAB_FILE}: keep it with `artifacts: paths`")
        return notes
    except Exception as error:  # any error: the images are built
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return [f"warning: the run's summary could not be written: {reason}"]


def _text(record: RunRecord, history: Path) -> str:
    from gobake.errors import Unwritable
    from gobake.insight.account import account
    from gobake.insight.history import account_of
    from gobake.report.figures_markdown import as_markdown
    from gobake.runs.begun import open_history

    try:
        store = open_history(history)
    except Unwritable:  # reported already, when the record could not be stored
        return as_markdown(account(record, (), ()))
    with store:
        return as_markdown(account_of(store, record))
