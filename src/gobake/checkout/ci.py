"""Detects where a build runs: in a terminal or a CI, for which branch, for whose pull request.

Only documented variables are read:
- GitHub: https://docs.github.com/actions/reference/workflows-and-actions/variables, and the event's payload, whose path
  is in GITHUB_EVENT_PATH: https://docs.github.com/webhooks/webhook-events-and-payloads
- GitLab: https://docs.gitlab.com/ci/variables/predefined_variables/

Doubt counts against trust: a pull request whose repository cannot be read counts as one from a fork, and a commit that
the CI did not name may be anybody's, whatever started the run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct

from gobake.checkout.git import Checkout

MAIN = "main"
ALL_TAGS = "refs/tags/*"  # shared by the runs for Git tags; no branch can have this name


class CIProvider(StrEnum):
    """Where gobake runs."""

    TERMINAL = "terminal"
    GITHUB = "github"
    GITLAB = "gitlab"
    CI = "ci"  # another CI, whose pull requests gobake cannot tell from branches


# Events for a commit of the repository itself; pull requests are judged separately.
TRUSTED_EVENTS = frozenset(("push", "schedule", "merge_group", "release", "workflow_dispatch", "repository_dispatch"))
TRUSTED_SOURCES = frozenset(
    ("push", "schedule", "web", "api", "trigger", "pipeline", "parent_pipeline", "merge_request_event")
)
# Variables of CI systems, as not all of them set CI.
_OTHERS = (
    "TF_BUILD",
    "TEAMCITY_VERSION",
    "CODEBUILD_BUILD_ID",
    "JENKINS_URL",
    "BUILDKITE",
    "BITBUCKET_BUILD_NUMBER",
    "DRONE",
    "CIRCLECI",
    "TRAVIS",
    "APPVEYOR",
    "GITEA_ACTIONS",
    "FORGEJO_ACTIONS",
    "BUILD_BUILDID",
    "SEMAPHORE",
    "HARNESS_BUILD_ID",
)


class CIContext(Struct, frozen=True, kw_only=True):
    """What the environment says about the run."""

    kind: CIProvider
    branch: str = ""  # of a pull request: its source; "" for a tag and a detached HEAD
    tag: str = ""  # the Git tag that is built
    base_branch: str = ""  # of a pull request: its target
    main_branch: str = MAIN
    pull_request: bool = False
    fork: bool = False  # the change comes from another repository, or from an unknown one
    event: str = ""  # what started the run, in the CI's own word
    doubt: str = ""  # why it is not known whose code this is, for people
    base_revision: str = ""  # the commit that a pull request would be merged into, according to the CI
    protected: bool = False  # according to the CI, only some people may write to the branch

    @property
    def trusted(self) -> bool:
        """Whether other runs may read what this run writes to caches."""
        return not self.fork and not self.doubt

    @property
    def on_main(self) -> bool:
        """Whether this is a trusted run for the main branch itself."""
        return self.branch == self.main_branch and not self.pull_request and self.trusted

    @property
    def agreed(self) -> bool:
        """Whether the commit has been accepted: it is on main, a tag or a protected branch."""
        return self.trusted and not self.pull_request and (self.on_main or bool(self.tag) or self.protected)

    @property
    def own(self) -> str:
        """The branch whose caches are this run's own, or ALL_TAGS.

        "" for an untrusted run: a fork's branch may have the name of one of the repository's own.
        """
        if not self.trusted:
            return ""
        return self.branch or (ALL_TAGS if self.tag else "")

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """The fallback branches whose caches fit, best first: its own, the target of its pull request, main."""
        return tuple(dict.fromkeys(name for name in (self.own, self.base_branch, self.main_branch) if name))

    @property
    def shown(self) -> str:
        """A description for people: `github, pull request from a fork, feature -> main`."""
        what = str(self.kind)
        if self.pull_request:
            what += ", pull request from a fork" if self.fork else ", pull request"
        where = self.branch or (f"tag {self.tag}" if self.tag else "no branch")
        doubt = f", not trusted: {self.doubt}" if self.doubt else ""
        return f"{what}, {where}" + (f" -> {self.base_branch}" if self.base_branch else "") + doubt


def look(environ: Mapping[str, str], checkout: Checkout, main_branch: str = "") -> CIContext:
    """Detect the CI of this process. ``main_branch``: the configured name; "" asks the CI, then Git."""
    return surroundings(environ, checkout, _payload(environ.get("GITHUB_EVENT_PATH", "")), main_branch)


def surroundings(
    environ: Mapping[str, str], checkout: Checkout, payload: Mapping[str, Any], main_branch: str = ""
) -> CIContext:
    """Detect the CI from the environment. ``payload``: GitHub's event; {} for none."""
    if environ.get("GITHUB_ACTIONS") == "true":
        return _github(environ, checkout, payload, main_branch)
    if environ.get("GITLAB_CI") == "true":
        return _gitlab(environ, checkout, main_branch)
    ci = environ.get("CI", "").lower() not in ("", "false", "0") or any(environ.get(name) for name in _OTHERS)
    return CIContext(
        kind=CIProvider.CI if ci else CIProvider.TERMINAL,
        branch=checkout.branch,
        main_branch=main_branch or checkout.default_branch or MAIN,
    )


# ---- GitHub Actions


def _github(env: Mapping[str, str], checkout: Checkout, payload: Mapping[str, Any], main: str) -> CIContext:
    event = env.get("GITHUB_EVENT_NAME", "")
    main = main or _text(payload, "repository", "default_branch") or checkout.default_branch or MAIN
    given: dict[str, Any] = {
        "kind": CIProvider.GITHUB,
        "main_branch": main,
        "event": event,
        # the variable is about the branch that this workflow runs on, not about another workflow's run
        "protected": env.get("GITHUB_REF_PROTECTED") == "true" and event != "workflow_run",
    }
    if event == "workflow_run":
        return _github_workflow_run(env, checkout, payload, given)
    # set only for pull_request, pull_request_target and events derived from them
    head, base = env.get("GITHUB_HEAD_REF", ""), env.get("GITHUB_BASE_REF", "")
    if event.startswith("pull_request") or head or isinstance(payload.get("pull_request"), dict):
        source = _text(payload, "pull_request", "head", "repo", "full_name")
        target = env.get("GITHUB_REPOSITORY", "") or _text(payload, "repository", "full_name")
        named = (env.get("GITHUB_SHA", ""), _text(payload, "pull_request", "head", "sha"))
        return CIContext(
            doubt=_other_commit(checkout, *named),
            base_revision=_text(payload, "pull_request", "base", "sha"),
            branch=head or _text(payload, "pull_request", "head", "ref"),
            base_branch=base or _text(payload, "pull_request", "base", "ref"),
            pull_request=True,
            fork=not source or source.lower() != target.lower(),
            **given,
        )
    if event == "issue_comment" and isinstance((payload.get("issue") or {}).get("pull_request"), dict):
        # it runs on the main branch; the event does not say which commit it checks out
        return CIContext(pull_request=True, fork=True, **given)
    given["doubt"] = _other_commit(checkout, env.get("GITHUB_SHA", "")) or (
        "" if event in TRUSTED_EVENTS else f"the event {event or 'is not named'} may be anybody's"
    )
    if event == "merge_group":
        base = _text(payload, "merge_group", "base_ref").removeprefix("refs/heads/")
        return CIContext(branch=_github_branch(env), base_branch=base, **given)
    if env.get("GITHUB_REF_TYPE") == "tag" or env.get("GITHUB_REF", "").startswith("refs/tags/"):
        return CIContext(tag=env.get("GITHUB_REF_NAME", ""), **given)
    return CIContext(branch=_github_branch(env), **given)


def _github_branch(env: Mapping[str, str]) -> str:
    ref = env.get("GITHUB_REF", "")
    return ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else ""


def _other_commit(checkout: Checkout, *named: str) -> str:
    """Return why the checkout is not one of the commits that the CI named; "" if it is."""
    if not checkout.revision:
        return f"git does not report the commit{f' ({checkout.refusal})' if checkout.refusal else ''}"
    if checkout.revision in named:
        return ""
    return f"commit {checkout.revision[:12]} is not the one that the CI names"


def _github_workflow_run(
    env: Mapping[str, str], checkout: Checkout, payload: Mapping[str, Any], given: Mapping[str, Any]
) -> CIContext:
    """A workflow_run event: it has the main branch's rights, but follows another workflow, perhaps one of a fork."""
    source = _text(payload, "workflow_run", "head_repository", "full_name")
    pull_request = _text(payload, "workflow_run", "event") not in ("push", "schedule", "workflow_dispatch")
    fork = not source or source.lower() != env.get("GITHUB_REPOSITORY", "").lower()
    return CIContext(
        doubt=_other_commit(checkout, env.get("GITHUB_SHA", ""), _text(payload, "workflow_run", "head_sha")),
        branch=_text(payload, "workflow_run", "head_branch"),
        base_branch=given["main_branch"] if pull_request else "",
        pull_request=pull_request or fork,
        fork=fork,
        **given,
    )


def _payload(path: str) -> Mapping[str, Any]:
    if not path:
        return {}
    try:
        payload = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return payload if isinstance(payload, dict) else {}


def _text(payload: Mapping[str, Any], *keys: str) -> str:
    value: Any = payload
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


# ---- GitLab CI


def _gitlab(env: Mapping[str, str], checkout: Checkout, main: str) -> CIContext:
    given: dict[str, Any] = {
        "kind": CIProvider.GITLAB,
        "main_branch": main or env.get("CI_DEFAULT_BRANCH", "") or checkout.default_branch or MAIN,
        "event": env.get("CI_PIPELINE_SOURCE", ""),
        "doubt": _other_commit(checkout, env.get("CI_COMMIT_SHA", "")),
        "base_revision": env.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", ""),
        "protected": env.get("CI_COMMIT_REF_PROTECTED") == "true",
    }
    if env.get("CI_MERGE_REQUEST_IID"):
        # a fork's pipeline runs in the fork, or in the parent project if a member starts it: compare both ids
        source, target = env.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID"), env.get("CI_MERGE_REQUEST_PROJECT_ID")
        return CIContext(
            branch=env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", ""),
            base_branch=env.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", ""),
            pull_request=True,
            fork=not source or source != target,
            **given,
        )
    if env.get("CI_EXTERNAL_PULL_REQUEST_IID"):
        source, target = (env.get(f"CI_EXTERNAL_PULL_REQUEST_{end}_REPOSITORY") for end in ("SOURCE", "TARGET"))
        return CIContext(
            branch=env.get("CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME", ""),
            base_branch=env.get("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME", ""),
            pull_request=True,
            fork=not source or source != target,
            **given,
        )
    if given["event"] not in TRUSTED_SOURCES:
        given["doubt"] = given["doubt"] or f"a pipeline started by {given['event'] or 'nobody named'} may be anybody's"
    if tag := env.get("CI_COMMIT_TAG", ""):
        return CIContext(tag=tag, **given)
    # set for branch pipelines and schedules; CI_COMMIT_REF_NAME would also be set for tags
    return CIContext(branch=env.get("CI_COMMIT_BRANCH", ""), **given)
