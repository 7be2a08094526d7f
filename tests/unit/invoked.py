"""What a command that was invoked in this process said, and the history that it reads."""

from __future__ import annotations

from pathlib import Path

from click.testing import Result

from gobake.errors import GobakeError
from gobake.plan.discover import history_folder, open_project
from gobake.plan.request import ProjectRequest
from gobake.runs.store import RunStore


def good(result: Result) -> str:
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.stdout


def error(result: Result) -> str:
    assert isinstance(result.exception, GobakeError), f"{result.output}\n{result.exception!r}"
    assert "\n" not in str(result.exception)
    return str(result.exception)


def history_of(root: Path) -> RunStore:
    """The store of a project's runs, in the user's data folder."""
    request = ProjectRequest(directory=root)
    return RunStore(history_folder(open_project(request), request))
