"""Renders a pipeline from its template in ci/."""

from __future__ import annotations

import json

from gobake.files.templates import environment
from gobake.model import Platform
from gobake.pipelines.options import Options, System

# Whoever owns an action can move its tags, but no commit. Dependabot and Renovate read both and keep them in step.
ACTIONS = {
    "checkout": "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
    "setup_go": "actions/setup-go@b7ad1dad31e06c5925ef5d2fc7ad053ef454303e # v7.0.0",
    "setup_python": "actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0",
    "cache": "actions/cache@27d5ce7f107fe9357f9df03efb73ab90386fccae # v5.0.5",
    "upload_artifact": "actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f # v7.0.0",
    "download_artifact": "actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1",
    "login": "docker/login-action@4907a6ddec9925e35a0a9e82d7399ccc52663121 # v4.1.0",
    "setup_buildx": "docker/setup-buildx-action@37fe631027851001ddb9b187196cc803df7f5f0e # v4.3.0",
    "aws": "aws-actions/configure-aws-credentials@e6de054238d6b7531b4efff3b6587d9aade6a06c # v6.2.3",
    "google": "google-github-actions/auth@7c6bc770dae815cd3e89ee6cdf493a5fab2cc093 # v3.0.0",
}
# Tags of GitLab.com's hosted runners, by architecture. Go cross-compiles for all others.
_GITLAB_RUNNERS = {"arm64": "saas-linux-small-arm64"}
_GITLAB_RUNNER = "saas-linux-small-amd64"


def rendered(system: System, options: Options) -> str:
    """Return the text of a pipeline, without its heading."""
    return (
        environment("ci")
        .get_template(f"{system}.yml.j2")
        .render(
            options=options,
            host=options.host,
            actions=ACTIONS,
            split=f"--shards {options.shards}" if options.shards else "--by platform",
            runners=_runners(options),
            quoted=_quoted,
            here=lambda name: _quoted(f"{options.folder}/{name}".lstrip("/")),
        )
    )


def _runners(options: Options) -> list[str]:
    """Return the runner of each shard, for a matrix that cannot be computed while the pipeline runs.

    Shards of platforms are in their order; others may be for any platform.
    """
    if options.shards:
        return [_GITLAB_RUNNER] * options.shards
    return [_GITLAB_RUNNERS.get(one.arch, _GITLAB_RUNNER) for one in sorted(map(Platform.parse, options.platforms))]


def _quoted(value: str | list[str]) -> str:
    """Return a value as YAML, of which JSON is a part."""
    return json.dumps(value)
