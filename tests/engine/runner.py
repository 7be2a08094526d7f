"""Runs the scripts of a pipeline's jobs in order, as the machines of a CI system would.

Each job has a home, a temporary folder and a clone of its own. What needs the CI system itself, artifacts and outputs,
is done with folders and files; other actions (a login, a toolchain) have nothing to do here and are only noted.
"""

from __future__ import annotations

import fnmatch
import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import outside_ci

# Programs of runners that must not change the machine of the tests.
_STAND_INS = {
    "pip": 'case "$*" in "install gobake @ "*) ;; *) echo "pip $*" >&2; exit 1 ;; esac',
    "apk": ":",
    "docker": """case "$1 $2" in
  "login "*) cat > /dev/null ;;
  "context create" | "buildx create") ;;
  *) PATH=${PATH#*:} exec docker "$@" ;;
esac""",
}


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A job that ended."""

    name: str
    code: int
    log: str
    skipped: bool = False
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        return not self.skipped and self.code == 0


@dataclass(kw_only=True)
class Machine:
    """Where the jobs of one pipeline run, and what stays between them."""

    folder: Path
    origin: Path  # the repository
    revision: str
    env: Mapping[str, str]  # of every script, beside the CI system's own
    fails: frozenset[str] = frozenset()  # names of jobs that end before they begin, as a runner that is lost
    jobs: Iterator[int] = field(default_factory=itertools.count)

    def clone(self) -> tuple[Path, Path, dict[str, str]]:
        """Return (a clone at the commit, a folder for other files, the environment) of a new job."""
        place = self.folder / f"job-{next(self.jobs)}"
        tree, temporary, programs = place / "tree", place / "temporary", place / "programs"
        temporary.mkdir(parents=True)
        programs.mkdir()
        for name, script in _STAND_INS.items():
            (programs / name).write_text(f"#!/bin/sh\n{script}\n")
            (programs / name).chmod(0o755)
        subprocess.run(["git", "clone", "-q", str(self.origin), str(tree)], check=True)
        subprocess.run(["git", "-C", str(tree), "checkout", "-q", "--detach", self.revision], check=True)
        home = {"XDG_CACHE_HOME": str(place / "cache"), "XDG_DATA_HOME": str(place / "data"), "NO_COLOR": "1"}
        path = f"{programs}:{os.environ['PATH']}"
        home |= {"GOCACHE": _go_cache()}  # what a CI system would restore; that of a new home has compiled nothing
        return tree, temporary, {**outside_ci(), "GOBAKE_TRUST": "", **home, **self.env, "CI": "true", "PATH": path}


@cache
def _go_cache() -> str:
    return subprocess.run(["go", "env", "GOCACHE"], capture_output=True, text=True, check=True, cwd="/").stdout.strip()


def bash(words: list[str], script: str, tree: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*words, script], cwd=tree, env=dict(env), text=True, capture_output=True, check=False, timeout=900
    )


# ---- GitHub's expressions, as far as the workflows have them

_TOKEN = re.compile(r"\s*(?:'((?:[^']|'')*)'|([A-Za-z_][\w.-]*)|(==|!=|&&|\|\||!|\(|\)))")


class Expression:
    """Literals, names, calls of fromJSON, and the operators."""

    def __init__(self, text: str, names: Mapping[str, Any]) -> None:
        self._names = names
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            assert found, text[at:]
            kind = found.lastindex or 0
            self._tokens.append(("text name operator".split()[kind - 1], found[kind]))
            at = found.end()

    def value(self) -> Any:
        found = self._either()
        assert not self._tokens, self._tokens
        return found

    def _taken(self, *operators: str) -> str:
        if self._tokens and self._tokens[0][0] == "operator" and self._tokens[0][1] in operators:
            return self._tokens.pop(0)[1]
        return ""

    def _either(self) -> Any:
        found = self._both()
        while self._taken("||"):
            other = self._both()
            found = found or other
        return found

    def _both(self) -> Any:
        found = self._compared()
        while self._taken("&&"):
            other = self._compared()
            found = found and other
        return found

    def _compared(self) -> Any:
        found = self._single()
        while operator := self._taken("==", "!="):
            found = (found == self._single()) == (operator == "==")
        return found

    def _single(self) -> Any:
        if self._taken("!"):
            return not self._single()
        if self._taken("("):
            found = self._either()
            assert self._taken(")")
            return found
        kind, word = self._tokens.pop(0)
        if kind == "text":
            return word.replace("''", "'")
        if self._taken("("):
            argument = None if self._taken(")") else self._either()
            assert argument is None or self._taken(")")
            assert word == "fromJSON"
            return json.loads(str(argument))
        found = self._names
        for part in word.split("."):
            found = (found or {}).get(part, "")
        return found


def filled(value: Any, names: Mapping[str, Any]) -> Any:
    """Return a value of a workflow with its expressions replaced."""
    if not isinstance(value, str):
        return value
    if whole := re.fullmatch(r"\$\{\{((?:(?!\}\}).)*)\}\}", value.strip(), re.DOTALL):
        return Expression(whole[1], names).value()
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: str(Expression(found[1], names).value()), value)


# ---- GitHub Actions


@dataclass(kw_only=True)
class GitHub:
    """One run of a workflow. ``ran``: by job, or `JOB (SHARD)`; a rerun of failed jobs keeps the others."""

    workflow: Mapping[str, Any]
    machine: Machine
    github: Mapping[str, Any]  # the context
    variables: Mapping[str, str]  # GITHUB_...
    ran: dict[str, Ran] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)  # actions
    summaries: list[str] = field(default_factory=list)
    _rows: dict[str, list[str]] = field(default_factory=dict)  # names of the jobs of a matrix

    def run(self) -> None:
        """Run all jobs, or again those that failed and what depends on them."""
        for name, job in self.workflow["jobs"].items():
            needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            names = {"github": self.github, "needs": {one: {"outputs": self._outputs(one)} for one in needs}}
            wanted = filled(f"${{{{ {job['if']} }}}}", names) if "if" in job else True
            if not wanted or not all(self._succeeded(one) for one in needs):
                self.ran[name] = Ran(name=name, code=0, log="", skipped=True)
                self._rows[name] = [name]
                continue
            self._run_matrix(name, job, names)

    def _run_matrix(self, name: str, job: Mapping[str, Any], names: Mapping[str, Any]) -> None:
        matrix = filled(job.get("strategy", {}).get("matrix"), names)
        rows = matrix["include"] if matrix else [{}]
        self._rows[name] = []
        for row in rows:
            own = f"{name} ({row['name']})" if row else name
            self._rows[name].append(own)
            if own not in self.ran or not self.ran[own].good:
                self.ran[own] = self._run_job(own, job, {**names, "matrix": row})

    def _succeeded(self, name: str) -> bool:
        return all(self.ran[one].good for one in self._rows.get(name, [name]))

    def _outputs(self, name: str) -> Mapping[str, str]:
        return self.ran[name].outputs if name in self.ran else {}

    def _run_job(self, own: str, job: Mapping[str, Any], names: Mapping[str, Any]) -> Ran:
        if own in self.machine.fails:
            return Ran(name=own, code=1, log="the runner has received a shutdown signal")
        tree, temporary, env = self.machine.clone()
        steps: dict[str, dict[str, Any]] = {}
        names = {**names, "steps": steps, "runner": {"temp": str(temporary)}, "secrets": {}}
        env |= {**self.variables, "RUNNER_TEMP": str(temporary), "GITHUB_STEP_SUMMARY": str(temporary / "summary")}
        for given in (self.workflow.get("env", {}), job.get("env", {})):
            env |= {key: str(filled(value, names)) for key, value in given.items()}
        log = ""
        for at, step in enumerate(job["steps"]):
            if "if" in step and not filled(f"${{{{ {step['if']} }}}}", names):
                continue
            if "uses" in step:
                self._use(step, tree, temporary, names)
                continue
            output = temporary / f"output-{at}"
            done = bash(["bash", "-e", "-c"], step["run"], tree, {**env, "GITHUB_OUTPUT": str(output)})
            log += done.stdout + done.stderr
            steps[step.get("id", str(at))] = {"outputs": _outputs_in(output)}
            if done.returncode:
                return Ran(name=own, code=done.returncode, log=log)
        if (temporary / "summary").exists():
            self.summaries.append((temporary / "summary").read_text())
        outputs = {key: str(filled(value, names)) for key, value in job.get("outputs", {}).items()}
        return Ran(name=own, code=0, log=log, outputs=outputs)

    def _use(self, step: Mapping[str, Any], tree: Path, temporary: Path, names: Mapping[str, Any]) -> None:
        action = step["uses"].partition("@")[0]
        self.used.append(action)
        given = {key: filled(value, names) for key, value in step.get("with", {}).items()}
        artifacts = self.machine.folder / "artifacts"
        if action == "actions/upload-artifact":
            place = artifacts / given["name"]
            assert given.get("overwrite") or not place.exists()
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            found = list(Path(given["path"]).parent.glob(Path(given["path"]).name))
            assert found
            for file in found:
                shutil.copy(file, place)
        elif action == "actions/download-artifact":
            Path(given["path"]).mkdir(parents=True)
            for place in artifacts.iterdir():
                if fnmatch.fnmatch(place.name, given["pattern"]):
                    shutil.copytree(place, given["path"], dirs_exist_ok=True)


def _outputs_in(file: Path) -> dict[str, str]:
    lines = file.read_text().splitlines() if file.exists() else []
    return dict(line.split("=", 1) for line in lines)


# ---- GitLab CI


@dataclass(kw_only=True)
class GitLab:
    """One pipeline of a .gitlab-ci.yml; stages run one after the other."""

    pipeline: Mapping[str, Any]
    machine: Machine
    variables: Mapping[str, str]  # CI_..., GITLAB_CI
    ran: dict[str, Ran] = field(default_factory=dict)

    def run(self) -> None:
        """Run all jobs, or again those that failed and what comes after them."""
        done: list[bool] = []
        for stage in self.pipeline["stages"]:
            jobs = {n: j for n, j in self.pipeline.items() if isinstance(j, dict) and j.get("stage") == stage}
            for name, job in jobs.items():
                if self._left_out(job):
                    continue
                for row in job.get("parallel", {}).get("matrix", [{}]):
                    own = f"{name} [{row['SHARD']}]" if row else name
                    if own not in self.ran or not self.ran[own].good:
                        self.ran[own] = self._run_job(own, self._extended(job), row)
                    done.append(self.ran[own].good)
            if not all(done):
                return

    def _left_out(self, job: Mapping[str, Any]) -> bool:
        merge_request = self.variables["CI_PIPELINE_SOURCE"] == "merge_request_event"
        return merge_request and any(rule.get("when") == "never" for rule in job.get("rules", ()))

    def _extended(self, job: Mapping[str, Any]) -> Mapping[str, Any]:
        base = self.pipeline[job["extends"]] if "extends" in job else {}
        return {**base, **job, "artifacts": {**base.get("artifacts", {}), **job.get("artifacts", {})}}

    def _run_job(self, own: str, job: Mapping[str, Any], row: Mapping[str, str]) -> Ran:
        if own in self.machine.fails:
            return Ran(name=own, code=1, log="the runner was lost")
        tree, _, env = self.machine.clone()
        kept = self.machine.folder / "artifacts"
        kept.mkdir(exist_ok=True)
        shutil.copytree(kept, tree, dirs_exist_ok=True)
        env |= {**self.variables, "CI_PROJECT_DIR": str(tree)}
        for given in (self.pipeline["variables"], job.get("variables", {}), row):
            env |= {key: _expanded(value, env) for key, value in given.items()}
        for place in job.get("cache", {}).get("paths", ()):
            (tree / place).mkdir()
            (tree / place / "build").symlink_to(_go_cache())
        lines = [*job.get("before_script", ()), *job["script"]]
        lines = [line for line in lines if "/opt/gobake/bin" not in line]  # the PATH of the tests has gobake
        done = bash(["sh", "-e", "-c"], "\n".join(lines), tree, env)
        for pattern in job.get("artifacts", {}).get("paths", ()):
            for file in tree.glob(pattern):
                shutil.copy(file, kept)
        return Ran(name=own, code=done.returncode, log=done.stdout + done.stderr)


def _expanded(value: str, env: Mapping[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda found: env.get(found[1], ""), value)


def parsed(text: str) -> dict[str, Any]:
    found = yaml.safe_load(text)
    if True in found:  # YAML 1.1 reads the key `on` as a truth
        found["on"] = found.pop(True)
    assert isinstance(found, dict)
    return found
