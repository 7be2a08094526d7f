"""Pipelines as CI systems read them: valid by their own schemas and by actionlint, pinned, with few rights."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import yaml

from gobake.cli import gobake
from gobake.model import Platform
from gobake.pipelines.options import System
from gobake.pipelines.rendering import ACTIONS
from gobake.targets.shard_file import as_matrix
from gobake.targets.shards import Shard, ShardPlan
from harness import linters
from tests.conftest import REPOSITORY
from tests.unit.pipelines.written import CASES, VARIANTS, options, text
from tests.unit.test_docs import _gobakes

NAMES = list(VARIANTS)


def _parsed(system: System, name: str) -> dict[str, Any]:
    found = yaml.safe_load(text(system, name))
    if True in found:  # YAML 1.1 reads the key `on` as a truth
        found["on"] = found.pop(True)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(("system", "name"), CASES)
def test_a_pipeline_is_valid_by_the_schema_that_its_system_publishes(system: System, name: str) -> None:
    schema = linters.schema("github-workflows" if system is System.GITHUB else "gitlab-ci")
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message[:300] for error in validator.iter_errors(_parsed(system, name))] == []


def test_actionlint_finds_nothing_in_workflows_and_something_in_a_wrong_one(tmp_path: Path) -> None:
    for at, name in enumerate(NAMES):
        (tmp_path / f"{at}.yml").write_text(text(System.GITHUB, name))
    assert _linted(tmp_path).stdout == ""
    (tmp_path / "wrong.yml").write_text(
        text(System.GITHUB).replace("steps.plan.outputs.any", "steps.plann.outputs.any")
    )
    ended = _linted(tmp_path)
    assert ended.returncode == 1
    assert 'property "plann" is not defined' in ended.stdout


def _linted(folder: Path) -> subprocess.CompletedProcess[str]:
    # without shellcheck, which is not on every machine
    words = [linters.actionlint(), "-shellcheck=", "-pyflakes=", *sorted(folder.glob("*.yml"))]
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_uses_actions_by_commit_and_its_jobs_have_rights_of_their_own(name: str) -> None:
    workflow = text(System.GITHUB, name)
    used = re.findall(r"uses: (\S+)@(\S+) # (v\d+\.\d+\.\d+)", workflow)
    assert len(used) == workflow.count("uses: ")
    assert all(re.fullmatch("[0-9a-f]{40}", commit) for _, commit, _ in used)
    assert {f"{action}@{commit} # {version}" for action, commit, version in used} <= set(ACTIONS.values())
    found = _parsed(System.GITHUB, name)
    assert found["permissions"] == {"contents": "read"}
    for job in found["jobs"].values():
        assert job.get("permissions", {}).items() <= {"contents": "read", "packages": job_packages(job)}.items()
        assert job["timeout-minutes"] <= 60
    assert "id-token: write" not in re.sub(r"(?m)^\s*#.*$", "", workflow)
    assert "pull_request_target" not in workflow


def job_packages(job: dict[str, Any]) -> str:
    """The right to packages that a job may have: who pushes may write."""
    pushes = any(word in step.get("run", "") for step in job["steps"] for word in ("--push", "ci merge"))
    return "write" if pushes else "read"


@pytest.mark.parametrize(("system", "name"), CASES)
def test_no_expression_is_in_a_script(system: System, name: str) -> None:
    """What GitHub puts into a script before a shell reads it can be a command of whoever named a branch."""
    for script in _scripts(system, name):
        assert "${{" not in script
        assert "$[[" not in script


@pytest.mark.parametrize(("system", "name"), CASES)
def test_every_gobake_in_a_script_is_a_command_that_there_is(
    system: System, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [words for script in _scripts(system, name) for words in _commands(script)]
    assert len(found) >= 2
    for words in found:
        command: click.Command = gobake
        context = click.Context(gobake)
        while isinstance(command, click.Group):
            inner = command.get_command(context, words[0])
            assert inner is not None, words
            command, words = inner, words[1:]
        command.make_context(command.name, [re.sub(r'"?\$\w+"?', "x", word) for word in words])


def _commands(script: str) -> list[list[str]]:
    lines = [re.sub(r"\s#.*", "", line).removesuffix(";;") for line in script.splitlines()]
    words = [found for line in lines for found in _gobakes(re.sub(r"^\s*(if .*?then|else)\s", "", line))]
    return [[word for word in one if not word.startswith(("$GITHUB", "gobake-shards"))] for one in words]


def _scripts(system: System, name: str) -> list[str]:
    found = _parsed(system, name)
    if system is System.GITHUB:
        return [step["run"] for job in found["jobs"].values() for step in job["steps"] if "run" in step]
    jobs = [job for key, job in found.items() if isinstance(job, dict) and ("script" in job or key == ".gobake")]
    return [line for job in jobs for line in (*job.get("before_script", ()), *job.get("script", ()))]


@pytest.mark.parametrize(
    ("shard", "event", "calls"),
    [
        ("1/2", "7", ["build --shard 1/2"]),
        ("1/2", "", ["build --shard 1/2 --push", "runs export last --output gobake-shard-1.jsonl.gz"]),
        ("2/2", "7", []),
        ("2/2", "", []),
    ],
)
def test_a_job_of_gitlab_without_work_builds_and_keeps_nothing(
    shard: str, event: str, calls: list[str], tmp_path: Path
) -> None:
    """Its jobs are as many as ever, whatever a change affects; "last" would be the run of another commit."""
    plan = as_matrix(ShardPlan(project="p", revision="", every_strategy=False, shards=(_SHARD,)), {})
    (tmp_path / "gobake-shards.json").write_text(json.dumps(plan, indent=2))
    (tmp_path / "gobake").write_text('#!/bin/sh\necho "$*" >> calls\n')
    (tmp_path / "gobake").chmod(0o755)
    (tmp_path / "calls").touch()
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SHARD": shard, "CI_MERGE_REQUEST_IID": event}
    (script,) = _parsed(System.GITLAB, "as they come")["build"]["script"]
    subprocess.run(["sh", "-e", "-c", script], env=env, cwd=tmp_path, check=True)
    assert (tmp_path / "calls").read_text().splitlines() == calls


_SHARD = Shard(name="linux-amd64", parts=(("api", (Platform(os="linux", arch="amd64"),)),))


@pytest.mark.parametrize("system", System)
def test_nothing_is_deployed_that_gobake_cannot_deploy(system: System) -> None:
    assert "gobake deploy" not in text(system)
    assert "# deploy:" in text(system) or "#   deploy" in text(system)


def test_a_row_of_the_matrix_names_the_runner_of_its_platform() -> None:
    assert _parsed(System.GITLAB, "as they come")["build"]["parallel"]["matrix"] == [
        {"SHARD": "1/2", "RUNNER": "saas-linux-small-amd64"},
        {"SHARD": "2/2", "RUNNER": "saas-linux-small-arm64"},
    ]
    assert len(_parsed(System.GITLAB, "shards")["build"]["parallel"]["matrix"]) == 4


def test_every_template_is_of_a_system() -> None:
    assert {file.name for file in (REPOSITORY / "ci").iterdir()} == {f"{system}.yml.j2" for system in System}
    assert options(System.GITLAB).host == "$CI_REGISTRY"
