"""Who runs a build, from the variables that the CI systems document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gobake.checkout.ci import ALL_TAGS, CIContext, CIProvider, look, surroundings
from gobake.checkout.git import Checkout

COMMIT = "1" * 40
GITHUB = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_SHA": COMMIT}
GITLAB = {
    "CI": "true",
    "GITLAB_CI": "true",
    "CI_DEFAULT_BRANCH": "trunk",
    "CI_PROJECT_ID": "7",
    "CI_COMMIT_SHA": COMMIT,
    "CI_PIPELINE_SOURCE": "push",
}
REPOSITORY = {"full_name": "acme/shop", "default_branch": "trunk"}


def pull_request(source: str | None) -> dict[str, Any]:
    """GitHub's payload; the source's repository is null once a fork is deleted."""
    head = {"ref": "feature", "repo": {"full_name": source} if source else None}
    return {"repository": REPOSITORY, "pull_request": {"head": head, "base": {"ref": "next"}}}


def github(event: str, payload: dict[str, Any] | None = None, **env: str) -> CIContext:
    return surroundings(
        {**GITHUB, "GITHUB_EVENT_NAME": event, **env},
        Checkout(revision=COMMIT),
        payload or {"repository": REPOSITORY},
    )


def gitlab(**env: str) -> CIContext:
    return surroundings({**GITLAB, **env}, Checkout(revision=COMMIT), {})


def on_pull_request(source: str | None, event: str = "pull_request") -> CIContext:
    return github(event, pull_request(source), GITHUB_HEAD_REF="feature", GITHUB_BASE_REF="next")


# ---- a terminal


def test_a_terminal_is_on_the_branch_that_git_names() -> None:
    around = surroundings({}, Checkout(branch="feature", default_branch="trunk"), {})
    assert (around.kind, around.branch, around.main_branch) == (CIProvider.TERMINAL, "feature", "trunk")
    assert around.fallbacks == ("feature", "trunk")
    assert around.trusted


def test_a_detached_head_has_no_lineage_of_its_own_and_reads_main() -> None:
    around = surroundings({}, Checkout(revision="1" * 40), {})
    assert (around.own, around.fallbacks) == ("", ("main",))


def test_the_configured_main_branch_wins() -> None:
    assert surroundings({}, Checkout(default_branch="trunk"), {}, "production").main_branch == "production"
    assert github("push", GITHUB_REF="refs/heads/x").main_branch == "trunk"


def test_ci_that_is_switched_off_is_a_terminal() -> None:
    assert surroundings({"CI": "false"}, Checkout(), {}).kind is CIProvider.TERMINAL
    assert surroundings({"CI": "1"}, Checkout(), {}).kind is CIProvider.CI


# ---- GitHub


def test_a_push_on_github_is_on_its_branch() -> None:
    around = github("push", GITHUB_REF="refs/heads/release/1.2", GITHUB_REF_TYPE="branch")
    assert (around.kind, around.branch, around.pull_request) == (CIProvider.GITHUB, "release/1.2", False)
    assert around.fallbacks == ("release/1.2", "trunk")
    assert github("push", GITHUB_REF="refs/heads/trunk").on_main


def test_a_pull_request_of_the_same_repository_is_trusted_and_reads_its_base_before_main() -> None:
    around = on_pull_request("acme/shop")
    assert (around.pull_request, around.fork, around.trusted, around.on_main) == (True, False, True, False)
    assert around.fallbacks == ("feature", "next", "trunk")


@pytest.mark.parametrize("source", ["mallory/shop", None])
@pytest.mark.parametrize("event", ["pull_request", "pull_request_target"])
def test_a_pull_request_of_another_or_a_deleted_repository_is_a_forks(event: str, source: str | None) -> None:
    around = on_pull_request(source, event)
    assert around.fork
    assert not around.trusted
    assert around.fallbacks == ("next", "trunk")


def test_a_pull_request_whose_payload_cannot_be_read_is_a_forks() -> None:
    around = surroundings(
        {**GITHUB, "GITHUB_EVENT_NAME": "pull_request", "GITHUB_HEAD_REF": "main", "GITHUB_BASE_REF": "main"},
        Checkout(),
        {},
    )
    assert (around.fork, around.on_main, around.own) == (True, False, "")


def test_a_comment_on_a_pull_request_builds_what_nobody_knows() -> None:
    assert github("issue_comment", {"repository": REPOSITORY, "issue": {"pull_request": {}}}).fork
    assert not github("issue_comment", {"repository": REPOSITORY, "issue": {}}, GITHUB_REF="refs/heads/trunk").fork


def test_a_workflow_after_a_forks_workflow_is_a_forks() -> None:
    def after(event: str, source: str | None) -> CIContext:
        run = {"event": event, "head_branch": "trunk", "head_repository": source and {"full_name": source}}
        return github("workflow_run", {"repository": REPOSITORY, "workflow_run": run}, GITHUB_REF="refs/heads/trunk")

    assert after("pull_request", "mallory/shop").fork
    assert after("push", None).fork, "it was deleted meanwhile"
    assert not after("pull_request", "acme/shop").on_main
    assert after("push", "acme/shop").on_main


def test_a_tag_on_github_shares_the_lineage_of_all_tags() -> None:
    around = github("push", GITHUB_REF="refs/tags/v1.2", GITHUB_REF_TYPE="tag", GITHUB_REF_NAME="v1.2")
    assert (around.branch, around.tag) == ("", "v1.2")
    assert around.fallbacks == (ALL_TAGS, "trunk")


def test_a_merge_queue_reads_what_it_merges_into() -> None:
    payload = {"repository": REPOSITORY, "merge_group": {"base_ref": "refs/heads/next"}}
    around = github("merge_group", payload, GITHUB_REF="refs/heads/gh-readonly-queue/next/pr-7-abc")
    assert around.fallbacks == ("gh-readonly-queue/next/pr-7-abc", "next", "trunk")


def test_the_payload_is_read_from_the_file_that_github_names(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    env = {**GITHUB, "GITHUB_EVENT_NAME": "pull_request", "GITHUB_HEAD_REF": "f", "GITHUB_EVENT_PATH": str(event)}
    for text, fork in ((json.dumps(pull_request("acme/shop")), False), ("[", True), ("[]", True)):
        event.write_text(text)
        assert look(env, Checkout()).fork is fork


# ---- GitLab


def test_a_branch_pipeline_on_gitlab() -> None:
    around = gitlab(CI_COMMIT_BRANCH="feature", CI_PIPELINE_SOURCE="push")
    assert (around.kind, around.fallbacks) == (CIProvider.GITLAB, ("feature", "trunk"))


def test_a_schedule_on_gitlab_runs_on_its_branch() -> None:
    around = gitlab(CI_COMMIT_BRANCH="trunk", CI_PIPELINE_SOURCE="schedule")
    assert (around.event, around.on_main) == ("schedule", True)


@pytest.mark.parametrize(("source", "fork"), [("7", False), ("8", True), ("", True)])
def test_a_merge_request_is_a_forks_where_its_projects_differ(source: str, fork: bool) -> None:
    around = gitlab(
        CI_MERGE_REQUEST_IID="3",
        CI_MERGE_REQUEST_SOURCE_BRANCH_NAME="feature",
        CI_MERGE_REQUEST_TARGET_BRANCH_NAME="next",
        CI_MERGE_REQUEST_SOURCE_PROJECT_ID=source,
        CI_MERGE_REQUEST_PROJECT_ID="7",
    )
    assert (around.pull_request, around.fork) == (True, fork)
    assert around.fallbacks == (("next", "trunk") if fork else ("feature", "next", "trunk"))


def test_a_tag_pipeline_on_gitlab() -> None:
    around = gitlab(CI_COMMIT_TAG="v1", CI_COMMIT_REF_NAME="v1")
    assert (around.branch, around.tag, around.own) == ("", "v1", ALL_TAGS)


def test_a_pull_request_of_an_external_repository_on_gitlab() -> None:
    names = {f"CI_EXTERNAL_PULL_REQUEST_{n}": v for n, v in (("IID", "3"), ("SOURCE_BRANCH_NAME", "f"))}
    same = {f"CI_EXTERNAL_PULL_REQUEST_{end}_REPOSITORY": "acme/shop" for end in ("SOURCE", "TARGET")}
    assert not gitlab(**names, **same).fork
    assert gitlab(**names, **{**same, "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY": "mallory/shop"}).fork
