"""What pipelines of others use: the action at the top of this repository, and the component for GitLab."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gobake.pipelines.rendering import ACTIONS
from harness import linters
from tests.conftest import REPOSITORY

ACTION = (REPOSITORY / "action.yml").read_text(encoding="utf-8")
COMPONENT = (REPOSITORY / "templates" / "gobake.yml").read_text(encoding="utf-8")
WORKFLOW = """\
on: [push, pull_request]
jobs:
  images:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v7
      - uses: ./
        with: {WITH}
"""


def test_the_action_is_valid_by_the_schema_that_github_publishes() -> None:
    schema = linters.schema("github-actions")
    jsonschema.validators.validator_for(schema)(schema).validate(yaml.safe_load(ACTION))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("{registry: ghcr.io/acme}", ""),
        ("{args: build --affected, cache-store: ghcr.io/acme/cache, version: v1, python: '3.12', push: false}", ""),
        ("{registri: ghcr.io/acme}", 'input "registri" is not defined in action "gobake"'),
    ],
)
def test_actionlint_knows_what_the_action_takes(given: str, says: str, tmp_path: Path) -> None:
    workflow = tmp_path / ".github" / "workflows" / "images.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(WORKFLOW.replace("{WITH}", given))
    (tmp_path / "action.yml").write_text(ACTION)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    words = [str(linters.actionlint()), "-shellcheck=", "-pyflakes="]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (says in done.stdout) if says else done.stdout == ""


def test_the_action_uses_actions_by_commit_and_puts_no_input_into_a_script() -> None:
    used = re.findall(r"uses: (\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+)", ACTION)
    assert len(used) == ACTION.count("uses: ")
    assert set(used) <= set(ACTIONS.values())
    for step in yaml.safe_load(ACTION)["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def _component(**inputs: str) -> dict[str, Any]:
    """The component as GitLab reads it with these inputs."""
    spec, _, job = COMPONENT.partition("\n---\n")
    declared = yaml.safe_load(spec)["spec"]["inputs"]
    assert {"source"} == {name for name, one in declared.items() if "default" not in one}
    values = {name: str(one.get("default", "")) for name, one in declared.items()} | {"push": "true"} | inputs

    def of(value: Any) -> Any:
        if isinstance(value, str):
            return re.sub(r"\$\[\[ inputs\.([\w-]+) \]\]", lambda found: values[found[1]], value)
        if isinstance(value, dict):
            return {key: of(one) for key, one in value.items()}
        return [of(one) for one in value] if isinstance(value, list) else value

    found = of(yaml.safe_load(job))
    assert isinstance(found, dict)
    return found


def test_the_component_is_valid_by_the_schema_that_gitlab_publishes() -> None:
    schema = linters.schema("gitlab-ci")
    validator = jsonschema.validators.validator_for(schema)(schema)
    validator.validate(yaml.safe_load(COMPONENT.partition("\n---\n")[0]))
    validator.validate(_component(source="x"))


def test_the_component_puts_no_input_into_a_script() -> None:
    job = yaml.safe_load(COMPONENT.partition("\n---\n")[2])["gobake"]
    assert not any("$[[" in line for line in (*job["before_script"], *job["script"]))


# ---- what their scripts do


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Stand-ins that write down how they were called."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("pip", "gobake"):
        script = f'#!/bin/sh\nprintf "%s" {name} >> "$CALLS"\nfor word do printf " [%s]" "$word" >> "$CALLS"; done\n'
        tail = 'echo " $GOBAKE_REGISTRY $GOBAKE_PLATFORM $GOBAKE_CACHE_STORE" >> "$CALLS"\n'
        (folder / name).write_text(script + tail)
        (folder / name).chmod(0o755)
    return folder


def _calls(shell: list[str], script: str, programs: Path, env: dict[str, str]) -> list[str]:
    calls = programs / "calls"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GOBAKE_")}
    own = {"PATH": f"{programs}:{os.environ['PATH']}", "CALLS": str(calls), "GITHUB_OUTPUT": str(programs / "output")}
    subprocess.run([*shell, script], env={**clean, **own, **env}, check=True, cwd=programs)
    return [line.strip() for line in calls.read_text().splitlines()]


def _steps() -> list[dict[str, Any]]:
    return [step for step in yaml.safe_load(ACTION)["runs"]["steps"] if "run" in step]


HOSTILE = 'build $(touch evil) `touch evil` ; touch evil * "a'
PLAIN = {"PUSH": "true", "REGISTRY": "", "PLATFORM": "", "CACHE_STORE": ""}


@pytest.mark.parametrize(
    ("env", "call"),
    [
        ({"ARGS": "build", "GITHUB_EVENT_NAME": "push"}, "gobake [build] [--push]"),
        ({"ARGS": "build", "GITHUB_EVENT_NAME": "pull_request"}, "gobake [build]"),
        ({"ARGS": "build", "GITHUB_EVENT_NAME": "push", "PUSH": "false"}, "gobake [build]"),
        ({"ARGS": "affected --since main", "GITHUB_EVENT_NAME": "push"}, "gobake [affected] [--since] [main]"),
        (
            {"ARGS": "all\n  api", "GITHUB_EVENT_NAME": "push", "REGISTRY": "r.example", "CACHE_STORE": "r.example/c"},
            "gobake [all] [api] [--push] r.example  r.example/c",
        ),
        (
            {"ARGS": HOSTILE, "GITHUB_EVENT_NAME": "pull_request"},
            "gobake " + " ".join(f"[{word}]" for word in HOSTILE.split()),
        ),
    ],
)
def test_the_action_calls_gobake_with_what_it_was_given(env: dict[str, str], call: str, programs: Path) -> None:
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]
    assert _calls(shell, _steps()[1]["run"], programs, {**PLAIN, **env}) == [call]
    assert not (programs / "evil").exists()


def test_the_action_installs_itself_or_the_version_that_was_asked_for(programs: Path) -> None:
    env = {"VERSION": "", "REPOSITORY": "acme/gobake", "REGISTRY": "ghcr.io/acme", "GITHUB_ACTION_PATH": "/actions/x"}
    install = _steps()[0]["run"]
    assert _calls(["bash", "-e", "-c"], install, programs, env) == ["pip [install] [/actions/x]"]
    assert (programs / "output").read_text() == "host=ghcr.io\n"
    env |= {"VERSION": "v1.2.3", "GITHUB_SERVER_URL": "https://git.example.com"}
    assert _calls(["bash", "-e", "-c"], install, programs, env)[1:] == [
        "pip [install] [gobake @ git+https://git.example.com/acme/gobake@v1.2.3]"
    ]


@pytest.mark.parametrize(
    ("args", "iid", "push", "call"),
    [
        ("build", "", "true", "gobake [build] [--push]"),
        ("build", "7", "true", "gobake [build]"),
        ("build", "", "false", "gobake [build]"),
        (HOSTILE, "7", "true", "gobake " + " ".join(f"[{word}]" for word in HOSTILE.split())),
    ],
)
def test_the_component_calls_gobake_with_what_it_was_given(
    args: str, iid: str, push: str, call: str, programs: Path
) -> None:
    job = _component(source="x", args=args, push=push)["gobake"]
    env = {"ARGS": job["variables"]["ARGS"], "PUSH": job["variables"]["PUSH"], "CI_MERGE_REQUEST_IID": iid}
    assert _calls(["sh", "-e", "-c"], "\n".join(job["script"]), programs, env) == [call]
    assert not (programs / "evil").exists()
