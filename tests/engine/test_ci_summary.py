"""What a build leaves by itself where a CI system shows it."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Gobake, Tree

FILES = {"go.mod": "module example.com/shown\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"}


def test_a_build_leaves_its_figures_where_ci_shows_them_and_does_not_need_to(
    gobake: Gobake, tree: Tree, tmp_path: Path
) -> None:
    root = tree(FILES, "shown")
    page = tmp_path / "summary.md"
    page.write_text("# An earlier step of the job\n")

    gobake.good("build", cwd=root, env={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(page)})
    run = gobake.last_run(root)["id"]
    lines = page.read_text().splitlines()
    assert lines[0] == "# An earlier step of the job"
    assert run in page.read_text()
    assert len(lines) < 62
    assert not (root / "gobake-report.md").exists()

    ended = gobake.good("build", cwd=root, env={"GITLAB_CI": "true"})
    assert "gobake-report.md: keep it with `artifacts: paths`" in ended.out + ended.err
    assert gobake.last_run(root)["id"] in (root / "gobake-report.md").read_text()

    ended = gobake.good("build", cwd=root, env={"GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "such" / "folder")})
    assert "warning: the run's summary could not be written: " in ended.out + ended.err


def test_a_failed_build_leaves_what_failed(gobake: Gobake, tree: Tree, tmp_path: Path) -> None:
    root = tree(FILES | {"main.go": "package main\n\nfunc main() { undefined() }\n"}, "failing")
    page = tmp_path / "summary.md"
    assert gobake("build", cwd=root, env={"GITHUB_STEP_SUMMARY": str(page)}).code == 4
    assert "failed" in page.read_text()
