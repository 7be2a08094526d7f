"""Who is trusted, by what the CI says of the event and the commit: played by events that anybody can cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gobake.checkout.ci import CIContext, CIProvider, surroundings
from gobake.checkout.git import Checkout
from gobake.trust.deciding import IMAGES_ALONE, Evidence, decide
from gobake.trust.keys import EVERY_CLASS, KeyClass

OURS, OTHER = "a" * 40, "b" * 40
BASE = "c" * 40
PULL = {
    "head": {"repo": {"full_name": "acme/shop"}, "ref": "topic", "sha": OTHER},
    "base": {"ref": "main", "sha": BASE},
}
FORK = {**PULL, "head": {"repo": {"full_name": "evil/shop"}, "ref": "main", "sha": OTHER}}


def github(event: str, head: str = OURS, payload: Mapping[str, Any] | None = None, **more: str) -> CIContext:
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": event,
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_SHA": OURS,
        "GITHUB_REF": "refs/heads/main",
        **more,
    }
    return surroundings(env, Checkout(revision=head, branch="main"), payload or {})


def gitlab(source: str, head: str = OURS, **more: str) -> CIContext:
    env = {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": source, "CI_COMMIT_SHA": OURS, "CI_COMMIT_BRANCH": "main", **more}
    return surroundings(env, Checkout(revision=head), {})


TRUSTED = ["push", "schedule", "merge_group", "release", "workflow_dispatch", "repository_dispatch"]
OTHERS = ["issue_comment", "check_suite", "check_run", "discussion_comment", "issues", "status", "watch", "fork", ""]


@pytest.mark.parametrize("event", TRUSTED)
def test_an_event_of_the_repository_with_its_commit_is_trusted(event: str) -> None:
    around = github(event)
    assert around.trusted
    assert around.on_main
    found = decide(Evidence(around=around))
    assert (found.classes, found.credentials, found.host_code) == (EVERY_CLASS, True, True)


@pytest.mark.parametrize("event", TRUSTED)
def test_an_event_that_checks_out_a_pull_request_by_itself_is_not(event: str) -> None:
    around = github(event, head=OTHER)
    assert not around.trusted
    assert not around.on_main
    assert around.own == ""
    found = decide(Evidence(around=around))
    assert (found.classes, found.credentials, found.host_code) == (IMAGES_ALONE, False, False)
    assert OTHER[:12] in found.why


@pytest.mark.parametrize("event", OTHERS)
@pytest.mark.parametrize("head", [OURS, OTHER])
def test_an_event_that_anybody_can_cause_is_not(event: str, head: str) -> None:
    assert not github(event, head=head).trusted


def test_where_git_does_not_tell_the_commit_nobody_is_trusted() -> None:
    assert not github("push", head="").trusted
    assert not gitlab("push", head="").trusted


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "pull_request_review"])
@pytest.mark.parametrize("head", [OURS, OTHER])
def test_a_forks_pull_request_is_given_nothing(event: str, head: str) -> None:
    around = github(event, head=head, payload={"pull_request": FORK}, GITHUB_HEAD_REF="main", GITHUB_BASE_REF="main")
    assert not around.trusted
    assert around.own == ""
    found = decide(Evidence(around=around))
    assert (found.classes, found.credentials, found.host_code) == (IMAGES_ALONE, False, False)


def test_a_pull_request_of_the_repository_may_not_choose_who_writes_or_what_the_gate_is() -> None:
    around = github("pull_request", payload={"pull_request": PULL}, GITHUB_HEAD_REF="topic", GITHUB_BASE_REF="main")
    assert around.trusted
    assert around.base_revision == BASE
    found = decide(Evidence(around=around))
    assert found.classes == {KeyClass.IMAGE, KeyClass.TALKS}
    assert found.credentials


def test_a_pull_request_may_be_checked_out_at_its_head_and_nowhere_else() -> None:
    payload = {"pull_request": PULL}
    assert github("pull_request", head=OTHER, payload=payload, GITHUB_HEAD_REF="topic").trusted
    assert not github("pull_request", head="d" * 40, payload=payload, GITHUB_HEAD_REF="topic").trusted


def test_a_run_after_a_forks_workflow_is_not_trusted() -> None:
    told = {"workflow_run": {"event": "push", "head_branch": "main", "head_sha": OTHER}}
    assert not github("workflow_run", head=OTHER, payload=told).trusted
    told["workflow_run"] |= {"head_repository": {"full_name": "evil/shop"}}  # type: ignore[dict-item]
    assert not github("workflow_run", head=OTHER, payload=told).trusted
    told["workflow_run"] |= {"head_repository": {"full_name": "acme/shop"}}  # type: ignore[dict-item]
    assert github("workflow_run", head=OTHER, payload=told).trusted
    assert not github("workflow_run", head="d" * 40, payload=told).trusted


@pytest.mark.parametrize("source", ["push", "schedule", "web", "api", "trigger", "pipeline", "parent_pipeline"])
def test_gitlabs_pipelines_of_a_branch_are_trusted_with_their_commit(source: str) -> None:
    assert gitlab(source).trusted
    assert not gitlab(source, head=OTHER).trusted


@pytest.mark.parametrize("source", ["external", "chat", "security_orchestration_policy", ""])
def test_gitlabs_other_pipelines_are_not(source: str) -> None:
    assert not gitlab(source).trusted


def test_gitlabs_merge_request_of_a_fork_is_not() -> None:
    ids = {"CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_PROJECT_ID": "1"}
    assert not gitlab("merge_request_event", **ids, CI_MERGE_REQUEST_SOURCE_PROJECT_ID="2").trusted
    own = gitlab("merge_request_event", **ids, CI_MERGE_REQUEST_SOURCE_PROJECT_ID="1")
    assert own.trusted
    assert decide(Evidence(around=own)).classes == {KeyClass.IMAGE, KeyClass.TALKS}


@pytest.mark.parametrize(
    "variable",
    ["CI", "TF_BUILD", "TEAMCITY_VERSION", "CODEBUILD_BUILD_ID", "JENKINS_URL", "BUILDKITE", "BITBUCKET_BUILD_NUMBER"],
)
def test_a_ci_that_is_not_known_is_no_terminal(variable: str) -> None:
    around = surroundings({variable: "True"}, Checkout(revision=OURS, branch="main"), {})
    assert around.kind is CIProvider.CI
    found = decide(Evidence(around=around))
    assert (found.classes, found.credentials, found.host_code, found.askable) == (IMAGES_ALONE, False, False, False)


def test_on_a_terminal_a_person_decides() -> None:
    around = surroundings({}, Checkout(revision=OURS, branch="main"), {})
    new = decide(Evidence(around=around))
    assert (new.classes, new.credentials, new.askable) == (IMAGES_ALONE, False, True)
    known = decide(Evidence(around=around, remembered=True))
    assert (known.classes, known.credentials) == (EVERY_CLASS, True)


def test_nothing_that_is_remembered_on_a_runner_counts() -> None:
    around = github("pull_request", payload={"pull_request": FORK}, GITHUB_HEAD_REF="main")
    assert decide(Evidence(around=around, remembered=True)).classes == IMAGES_ALONE


def test_whoever_vouches_for_a_fork_lets_it_speak_and_not_write() -> None:
    around = github("pull_request", payload={"pull_request": FORK}, GITHUB_HEAD_REF="main")
    found = decide(Evidence(around=around, told=True))
    assert (found.classes, found.credentials) == (EVERY_CLASS, True)
    assert not around.trusted
